"""Which of several candidates for an answer the model reads best itself.

One decoder both makes and understands, so it can check what it made:

- a picture by how likely the decoder finds it, without guidance, behind its prompt, or its prompts together;
- words about a picture by how likely they make the picture, as in a noisy channel (Brown et al. 1993), where they tell
  more of it than nothing does: answers to questions do not, and are weighed behind the picture and behind the picture
  drawn again, together; where it is not drawn again the first of them stays;
- words about a sound by how likely they are over all times that it is heard;
- a sound by the words that are heard in it: those that were to be read aloud; or words that tell the picture; or what
  most candidates say (self-consistency, Wang et al. 2022).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

import torch
from torch import Tensor

from unitok.document import Document, Turn
from unitok.engine import Engine, Sampling
from unitok.hearing import Row, Transcript, can_hear, in_words, transcribe
from unitok.image_syntax import image_syntax
from unitok.parts import Audio
from unitok.processor import Processor

READ = 0.5
"""A passage of the request was to be read aloud when half of the sounds agree with it by this ratio."""

EXACT = 2
"""Sounds that say just what was to be read aloud are as many as it takes."""


@dataclass(eq=False)
class Rival:
    """A candidate.

    Attributes:
        answer: int64 ``[S]``.
        turn: What it says.
        comparable: Whether it is of the first one's kind.
        heard: What is heard in it, of a sound that is compared.
        own: How likely it is behind its prompt, or behind all of them together, of others, once that is known.
        again: How likely it is behind its prompt with the picture drawn again, once that is known.
        count: As many candidates are just this.
        telling: How likely its words make the picture, once that is known and where it can be asked.
    """

    answer: Tensor
    turn: Turn
    comparable: bool = False
    heard: Transcript | None = None
    own: float | None = None
    again: float | None = None
    telling: float | None = None
    count: int = 1

    @property
    def words(self) -> str:
        return self.turn.text.strip() if self.heard is None else self.heard.words

    @property
    def clear(self) -> float:
        """How likely it is, or its words are."""
        return (self.own or 0.0) if self.heard is None else self.heard.likelihood


class _Question(NamedTuple):
    """How likely is the answer behind the prompt? That becomes an attribute of the owner's."""

    prompt: Tensor
    answer: Tensor
    owner: Rival | Contest
    name: str


class Contest:
    """The candidates for one answer.

    Args:
        processor: Knows the vocabulary.
        engine: Knows the context.
        row: What is answered.
        prompts: How it was put to the decoder, int64 ``[S]`` each, if not by the row's prompt alone.

    Attributes:
        row: What is answered.
        nothing: How likely the picture is behind nothing, once that is known.
    """

    def __init__(self, processor: Processor, engine: Engine, row: Row, prompts: Sequence[Tensor] = ()) -> None:
        self.row = row
        self._prompts = list(prompts) or [row.prompt]
        self.nothing: float | None = None
        self._processor, self._engine = processor, engine
        self._all: list[Rival] = []
        self._redrawn: Tensor | None = None
        self._picture = only_picture(processor, row.prompt)

    def add(self, answer: Tensor) -> None:
        """Takes in a candidate, int64 ``[S]``."""
        for rival in self._all:
            if torch.equal(answer, rival.answer):
                rival.count += 1
                return
        rival = Rival(answer, self._processor.parse_turn(answer))
        self._all.append(rival)
        rival.comparable = _kind(rival.turn) == self._kind and (
            not self.by_ear or can_hear(self._processor, self._engine, rival.turn.sounds[0])
        )

    @property
    def rivals(self) -> list[Rival]:
        """Those that can be compared: different ones of the first one's kind, which is pictures of one shape, a sound
        that is short enough to be heard, or words. The first alone where there is no other."""
        alike = [rival for rival in self._all if rival.comparable]
        return alike if self._kind is not None and len(alike) > 1 else alike[:1] or self._all[:1]

    @property
    def by_ear(self) -> bool:
        """Whether they are sounds."""
        return self._kind == (Audio,)

    @property
    def of_pictures(self) -> bool:
        """Whether they are pictures to compare."""
        return bool(self._kind) and not self.by_ear and len(self.rivals) > 1

    def weigh_behind(self, prompt: Tensor) -> None:
        """Has candidates weighed behind a further prompt, int64 ``[S]``, before anything is known of them."""
        self._prompts.append(prompt)

    @property
    def unheard(self) -> list[Rival]:
        """Sounds that are compared and were not heard yet."""
        return [one for one in self.rivals if not one.heard] if self.by_ear and len(self.rivals) > 1 else []

    @property
    def settled(self) -> bool:
        """Whether further sounds are not needed: enough say all that was to be read aloud, or all the same of it.

        What was to be read aloud is found by what is heard, so sounds that end early make it end early too: where the
        request goes on behind it, more are needed. Where nothing is compared by ear, others would not be either.
        """
        if not self.by_ear:
            return True
        heard, passage = [split(rival.words) for rival in self.rivals for _ in range(rival.count)], self._passage
        if not passage or self._asked[-len(passage) :] != passage:
            return False
        return heard.count(passage) >= EXACT or (len(heard) > EXACT and heard.count(heard[0]) == len(heard))

    @property
    def undecided(self) -> bool:
        """Whether words about a picture tell it no better than nothing does."""
        return self._tells and not self._passage and not self._telling

    @property
    def picture(self) -> Tensor:
        """Codes int64 ``[K, h, w]`` of the prompt's only picture."""
        assert self._picture is not None
        return image_syntax(self._processor.vocabulary).read(self._picture)[0]

    def redraw(self, picture: Tensor) -> Tensor:
        """Puts another picture in the place of the prompt's, for words to be weighed against.

        Args:
            picture: int64 ``[S]``, its token ids with ``<boi>`` and ``<eoi>``.

        Returns:
            The prompt with it.
        """
        assert self._picture is not None
        start = self.row.prompt.tolist().index(self._processor.vocabulary.boi)
        prompt = torch.cat([self.row.prompt[:start], picture, self.row.prompt[start + len(self._picture) :]])
        self._picture, self._redrawn, self.nothing = picture, prompt, None
        for rival in self._all:
            rival.telling = None
        return prompt

    def questions(self) -> list[_Question]:
        """What decides, as far as it is not known yet."""
        if len(self.rivals) == 1:
            return []
        questions = []
        if not self.by_ear:
            fresh = [rival for rival in self.rivals if rival.own is None]
            questions += [_Question(prompt, one.answer, one, "own") for one in fresh for prompt in self._prompts]
            if self._redrawn is not None:
                fresh = [rival for rival in self.rivals if rival.again is None]
                questions += [_Question(self._redrawn, one.answer, one, "again") for one in fresh]
        if not self._tells or self._picture is None:
            return questions
        if self.nothing is None:
            questions.append(_Question(self._processor.unconditional(), self._picture, self, "nothing"))
        for rival in self.rivals:
            if not rival.words or rival.telling is not None:
                continue
            prompt = self._processor.encode(Document.user(rival.words), generation_prompt=True)
            if self._engine.context is None or len(prompt) + len(self._picture) <= self._engine.context:
                questions.append(_Question(prompt, self._picture, rival, "telling"))
        return questions

    def best(self) -> Tensor:
        """The best candidate, by what is known."""
        if len(self.rivals) == 1:
            return self.rivals[0].answer
        if self.by_ear:
            scores = self._by_hearing()
        elif self._kind == () and len(self._prompts) == 1:
            scores = self._telling or self._behind_both
        else:
            scores = [(0.0, rival.clear) for rival in self.rivals]
        return self.rivals[max(range(len(scores)), key=lambda place: scores[place]) if scores else 0].answer

    @property
    def _kind(self) -> tuple[object, ...] | None:
        return _kind(self._all[0].turn)  # of the first

    @property
    def _tells(self) -> bool:
        """Whether there are words of a picture to compare."""
        return self._picture is not None and (self.by_ear or self._kind == ()) and len(self.rivals) > 1

    @property
    def _telling(self) -> list[tuple[float, float]]:
        """How good words are that tell the picture; empty when more than half of them do not."""
        if not self._tells or self.nothing is None:
            return []
        told = [0.0 if one.telling is None else one.telling - self.nothing for one in self.rivals]
        if 2 * sum(one > 0 for one in told) < len(told):
            return []
        return [(float(one > 0), rival.clear + one) for rival, one in zip(self.rivals, told, strict=True)]

    @property
    def _behind_both(self) -> list[tuple[float, float]]:
        """How likely words are behind a picture and that picture drawn again; empty where it was not."""
        return [] if self._redrawn is None else [(0.0, one.clear + (one.again or 0.0)) for one in self.rivals]

    @property
    def _passage(self) -> list[str]:
        """What was to be read aloud; empty when nothing was."""
        if not self.by_ear or len(self.rivals) < 2:
            return []
        return passage(self._asked, [split(rival.words) for rival in self.rivals])

    @property
    def _asked(self) -> list[str]:
        """The words of the request."""
        return split(in_words(self.row.document).turns[-1].text)

    def _by_hearing(self) -> list[tuple[float, float]]:
        """How good each sound is; empty when that is undecided."""
        heard = [split(rival.words) for rival in self.rivals]
        if wanted := self._passage:
            return [(_ratio(wanted, words), rival.clear) for words, rival in zip(heard, self.rivals, strict=True)]
        if telling := self._telling:
            return telling
        votes: Counter[tuple[str, ...]] = Counter()
        for words, rival in zip(heard, self.rivals, strict=True):
            votes[tuple(words)] += rival.count if words else 0
        if max(votes.values()) < 2:
            return []
        return [(float(votes[tuple(words)]), rival.clear) for words, rival in zip(heard, self.rivals, strict=True)]


def hear_all(
    processor: Processor, engine: Engine, contests: Sequence[Contest], sampling: Sampling, batch_size: int
) -> None:
    """Writes down what is heard in the sounds that are compared.

    Args:
        processor: Knows the vocabulary.
        engine: Hears.
        contests: Theirs are the sounds.
        sampling: Bounds what is heard.
        batch_size: Sounds that are written down at once.
    """
    rivals = [rival for contest in contests for rival in contest.unheard]
    sounds = [rival.turn.sounds[0] for rival in rivals]
    for rival, transcript in zip(rivals, transcribe(processor, engine, sounds, sampling, batch_size), strict=True):
        rival.heard = transcript


def weigh_all(engine: Engine, contests: Sequence[Contest]) -> None:
    """Answers the questions of the contests; answers to equal ones, about other prompts, add up."""
    questions = [question for contest in contests for question in contest.questions()]
    likelihoods = engine.log_likelihoods([one.prompt for one in questions], [one.answer for one in questions])
    for question, likelihood in zip(questions, likelihoods, strict=True):
        setattr(question.owner, question.name, likelihood + (getattr(question.owner, question.name) or 0.0))


def _kind(turn: Turn) -> tuple[object, ...] | None:
    """What an answer can be compared with: of pictures their shapes, of words (), None for mixtures."""
    if turn.images and len(turn.images) == len(turn.parts):
        return tuple(tuple(image.codes.shape) for image in turn.images if image.codes is not None)
    if len(turn.parts) == 1 and turn.sounds:
        return (Audio,)
    return None if turn.images or turn.sounds else ()


def only_picture(processor: Processor, prompt: Tensor) -> Tensor | None:
    """The token ids of the prompt's picture, ``<boi>`` and ``<eoi>`` included; None where there are several or none."""
    if "image" not in processor.vocabulary.specs:
        return None
    ids = prompt.tolist()
    if ids.count(processor.vocabulary.boi) != 1:
        return None
    return prompt[ids.index(processor.vocabulary.boi) : ids.index(processor.vocabulary.eoi) + 1]


def split(text: str) -> list[str]:
    """Words without case and marks."""
    return re.findall(r"[\w#']+", text.lower())


def passage(asked: Sequence[str], heard: Sequence[Sequence[str]]) -> list[str]:
    """The words of a request that were to be read aloud, found by what was heard; empty when nothing was."""
    best: tuple[int, float] = (0, 0.0)  # words in common: of two candidates, one that ends early has fewer
    result: list[str] = []
    for words in heard:
        blocks = SequenceMatcher(None, asked, words, autojunk=False).get_matching_blocks()[:-1]
        if not blocks:
            continue
        start = max(0, blocks[0].a - blocks[0].b)
        end = blocks[-1].a + len(words) - blocks[-1].b
        found = list(asked[start:end])
        quality = sum(block.size for block in blocks), _ratio(found, words)
        if quality > best:
            best, result = quality, found
    agreeing = sum(_ratio(result, words) >= READ for words in heard)
    return result if 2 * agreeing >= len(heard) else []


def _ratio(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """1 for the same words, 0 for others; twice the words in common by all of both (Ratcliff and Metzener 1988)."""
    return SequenceMatcher(None, wanted, heard, autojunk=False).ratio()
