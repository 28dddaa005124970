"""Condition dropout: what guidance needs the model to have seen.

A document in which an assistant turn holds an image or a sound becomes, with some probability, just that turn behind
the unconditional prompt `<bos> <user> <uncond> <eot> <assistant>`, from the image or sound on, and ends after it. Words
in front of it are left out, since they may say what is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unitok.vocabulary import Vocabulary

SCAN_TOKENS = 1 << 24  # tokens looked at together, so that a large cache is not copied into memory


@dataclass(frozen=True)
class ControlIds:
    """The control tokens that condition dropout reads and writes."""

    bos: int
    eos: int
    user: int
    assistant: int
    eot: int
    boi: int
    boa: int
    uncond: int

    @staticmethod
    def of(vocabulary: Vocabulary) -> ControlIds:
        v = vocabulary
        return ControlIds(v.bos, v.eos, v.user, v.assistant, v.eot, v.boi, v.boa, v.uncond)

    @property
    def prompt(self) -> tuple[int, ...]:
        """The unconditional prompt."""
        return self.bos, self.user, self.uncond, self.eot, self.assistant


class MediaReplies(NamedTuple):
    """Assistant turns that hold an image or a sound.

    In `document` [R], the ids from `start` [R] to `end` [R], counted from the document's first, are the turn from its
    first image or sound on, with its `<eot>`.
    """

    document: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def find_media_replies(tokens: NDArray[np.integer], offsets: NDArray[np.int64], control: ControlIds) -> MediaReplies:
    """Look through all documents; `tokens` [T], `offsets` [documents + 1]. Sorted by document, then start."""
    found: list[MediaReplies] = []
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + SCAN_TOKENS, side="right")) - 1
        last = max(last, first + 1)
        base = int(offsets[first])
        ids = np.asarray(tokens[base : int(offsets[last])])
        assistants = np.flatnonzero(ids == control.assistant)
        media = np.flatnonzero((ids == control.boi) | (ids == control.boa))
        ends = np.flatnonzero(ids == control.eot)
        after = np.searchsorted(ends, assistants)  # the <eot> that closes each turn
        assistants, after = assistants[after < len(ends)], after[after < len(ends)]
        closing = ends[after]
        first_media = np.searchsorted(media, assistants)
        holds = np.searchsorted(media, closing) > first_media
        start, end = media[first_media[holds]] + base, closing[holds] + 1 + base
        document = np.searchsorted(offsets, start, side="right") - 1
        inside = end <= offsets[document + 1]
        document, start, end = document[inside], start[inside], end[inside]
        found.append(MediaReplies(document, start - offsets[document], end - offsets[document]))
        first = last
    if not found:
        return MediaReplies(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    return MediaReplies(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


def drop_condition(
    ids: NDArray[np.integer], targets: NDArray[np.uint8], start: int, end: int, control: ControlIds
) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:
    """A document [S] whose turn `start:end` holds media -> that turn alone, without its condition."""
    prompt = np.asarray(control.prompt, dtype=ids.dtype)
    eos = np.asarray([control.eos], dtype=ids.dtype)
    # A token behind a reply is not the model's to write, so `<eos>` counts as it did at the document's end.
    marks = np.concatenate([np.zeros(len(prompt), np.uint8), targets[start:end], targets[-1:]])
    return np.concatenate([prompt, ids[start:end], eos]), marks


def dropped_length(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Length of what `drop_condition` returns."""
    return end - start + 6
