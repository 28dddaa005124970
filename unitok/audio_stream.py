"""A sound as events, so that it can be played while it is generated.

Shape letters: K codebooks, T frames, n frames of a chunk, N samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.document import Audio, Document
from unitok.processor import Processor

SECONDS: Final = 0.5
"""Length of a chunk, at least: each one decodes the sound from its beginning."""


@dataclass(frozen=True, eq=False)
class AudioChunk:
    """The next frames of a sound are known, from frame ``index`` (from 0).

    Attributes:
        index: The first of the frames.
        codes: int64 ``[K, n]``.
        samples: float32 ``[1, n * hop_length]``, which no later frame changes; None where nothing decodes them before
            the sound is whole.
        sample_rate: Samples per second; None without samples.
    """

    index: int
    codes: Tensor
    samples: Tensor | None = None
    sample_rate: int | None = None


@dataclass(frozen=True)
class AudioStarted:
    """A sound is opened."""


@dataclass(frozen=True, eq=False)
class AudioFinished:
    """A sound is whole; it has its codes and, where there is an audio detokenizer, its samples."""

    audio: Audio


class SoundReader:
    """Turns the token ids of one sound, those behind its ``<boa>``, into chunks.

    Args:
        processor: Decodes the frames. Its audio detokenizer says with ``lookahead`` how many frames behind a frame
            its samples depend on; one that does not say so decodes whole sounds only.
    """

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._syntax = AudioSyntax(processor.vocabulary)
        self._eoa = processor.vocabulary.eoa
        # In every order the last codebook's code completes its frame.
        self._completing = set(processor.vocabulary.block_ids("audio", self._syntax.num_codebooks - 1).tolist())
        self._lookahead: int | None = getattr(processor.audio_detokenizer, "lookahead", None)
        self._in_chunk = max(1, round(SECONDS * processor.sample_rate / processor.hop_length))
        self._ids: list[int] = []
        self._whole = 0  # frames
        self._sent = 0  # frames

    def read(self, token_id: int) -> Iterator[AudioChunk | AudioFinished]:
        """What the next token brings."""
        if token_id == self._eoa:
            audio = self._decoded()
            if self._whole > self._sent:
                yield self._chunk(audio, self._whole)
            yield AudioFinished(audio)
            return
        self._ids.append(token_id)
        self._whole += token_id in self._completing
        final = self._whole - (self._lookahead or 0)
        if final - self._sent >= self._in_chunk:
            yield self._chunk(self._decoded() if self._lookahead is not None else Audio(codes=self._codes()), final)

    def _chunk(self, audio: Audio, stop: int) -> AudioChunk:
        """The frames of a sound up to ``stop`` that were not yet sent."""
        start, self._sent = self._sent, stop
        assert audio.codes is not None
        codes = audio.codes[:, start:stop]
        if self._lookahead is None or audio.samples is None:
            return AudioChunk(start, codes)
        hop = self._processor.hop_length
        return AudioChunk(start, codes, audio.samples[:, start * hop : stop * hop], audio.sample_rate)

    def _codes(self) -> Tensor:
        return self._syntax.whole_frames(torch.tensor(self._ids))

    def _decoded(self) -> Audio:
        (document,) = self._processor.with_media([Document().reply(Audio(codes=self._codes()))])
        return document.turns[0].sounds[0]
