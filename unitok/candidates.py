"""Several candidates for an answer, of which the model gives the one that it reads best itself.

One decoder both makes and understands, so it can check what it made:

- a picture by how likely the decoder finds it, without guidance, behind its prompt;
- words about a picture by how likely they make the picture, as in a noisy channel (Brown et al. 1993), where they tell
  more of it than nothing does: answers to questions do not, and the first of them stays;
- a sound by the words that are heard in it: those that were to be read aloud; or words that tell the picture; or what
  most candidates say (self-consistency, Wang et al. 2022).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import NamedTuple

from torch import Tensor

from unitok.document import Document, Turn
from unitok.engine import Engine, Sampling
from unitok.engine.sampling import GREEDY_BELOW, MAX_SEED, SamplingParams
from unitok.grammar import Request
from unitok.hearing import Row, Transcript, can_hear, first_tokens, in_words, transcribe
from unitok.parts import Audio
from unitok.processor import Processor

VARIED = 0.8
"""Temperature of further candidates where the settings always take the likeliest token: they would be equal."""

SEED_STEP = 0x9E3779B97F4A7C15
"""From the seed of a candidate to that of the next: far from those that are counted up for several answers."""

READ = 0.5
"""A passage of the request was to be read aloud when half of the sounds agree with it by this ratio."""


class Candidate(NamedTuple):
    """A candidate that is to be written.

    Attributes:
        place: The number of its row.
        seed: Of its random numbers; the first candidate of a row has the row's.
        sampling: How its tokens are drawn; those of the first candidate as they would be without others.
    """

    place: int
    seed: int
    sampling: Sampling


def plan(
    processor: Processor, engine: Engine, rows: Sequence[Row], wanted: Request, sampling: Sampling, batch_size: int
) -> list[Candidate]:
    """The candidates of all rows, side by side: one of each, and more of those that can be checked.

    Args:
        processor: Knows the vocabulary.
        engine: Answers.
        rows: The answers that are asked for.
        wanted: What each may hold. Where that is anything, the first token tells what it is.
        sampling: How the answers are drawn.
        batch_size: Answers that are written at once.
    """
    counts = {"text": sampling.text.best_of, "image": sampling.image.best_of, "audio": sampling.audio.best_of}
    kinds: list[str] = [wanted.modality if processor.vocabulary.specs else "text"] * len(rows)
    if "auto" in kinds and max(counts.values()) > 1:
        firsts = first_tokens(processor, engine, rows, wanted, sampling, batch_size)
        begins = {processor.vocabulary.boi: "image", processor.vocabulary.boa: "audio"}
        kinds = [begins.get(first, "text") for first in firsts]
    varied = _varied(sampling)
    candidates = []
    for place, (row, kind) in enumerate(zip(rows, kinds, strict=True)):
        checked = kind != "text" or _only_picture(processor, row.prompt) is not None
        candidates.append(Candidate(place, row.seed, sampling))
        for number in range(1, counts.get(kind, 1) if checked else 1):
            candidates.append(Candidate(place, (row.seed + number * SEED_STEP) & MAX_SEED, varied))
    return candidates


def choose(
    processor: Processor,
    engine: Engine,
    rows: Sequence[Row],
    answers: Sequence[Sequence[Tensor]],
    sampling: Sampling,
    batch_size: int,
) -> list[Tensor]:
    """The best candidate of each row.

    Args:
        processor: Knows the vocabulary.
        engine: Reads the candidates.
        rows: The answers that are asked for.
        answers: int64 ``[S]`` each, the candidates of each row.
        sampling: Bounds what is heard in sounds.
        batch_size: Sounds that are written down at once.
    """
    contests = [
        _Contest(processor, engine, row, candidates)
        for row, candidates in zip(rows, answers, strict=True)
        if len(candidates) > 1
    ]
    sounds = [sound for contest in contests for sound in contest.sounds]
    transcripts = iter(transcribe(processor, engine, sounds, sampling, batch_size))
    for contest in contests:
        contest.transcripts = [next(transcripts) for _ in contest.sounds]
    questions = [question for contest in contests for question in contest.questions(processor)]
    likelihoods = iter(engine.log_likelihoods([one for one, _ in questions], [one for _, one in questions]))
    chosen = iter([contest.best(likelihoods) for contest in contests])
    return [candidates[0] if len(candidates) == 1 else next(chosen) for candidates in answers]


def _varied(sampling: Sampling) -> Sampling:
    """The settings with nothing that always takes the likeliest token."""

    def warm(params: SamplingParams) -> SamplingParams:
        greedy = params.temperature < GREEDY_BELOW or params.top_k == 1
        return replace(params, temperature=VARIED, top_k=0) if greedy else params

    return replace(sampling, text=warm(sampling.text), image=warm(sampling.image), audio=warm(sampling.audio))


class _Contest:
    """The candidates for one answer.

    Args:
        processor: Knows the vocabulary.
        engine: Knows the context.
        row: What is answered.
        candidates: int64 ``[S]`` each, two or more.

    Attributes:
        rivals: Those that can be compared: different ones of the first one's kind, which is pictures of one shape,
            a sound that is short enough to be heard, or words. The first alone where there is no other.
        sounds: Of the rivals, one each, where they are compared by what is heard.
        transcripts: Of the sounds; to be filled in.
    """

    def __init__(self, processor: Processor, engine: Engine, row: Row, candidates: Sequence[Tensor]) -> None:
        different = list({tuple(one.tolist()): one for one in candidates}.values())
        turns = [processor.parse_turn(one) for one in different]
        self._row, self._context = row, engine.context
        self._kind = _kind(turns[0])
        alike = [place for place, turn in enumerate(turns) if _kind(turn) == self._kind]
        if self._kind == (Audio,):
            alike = [place for place in alike if can_hear(processor, engine, turns[place].sounds[0])]
        alike = alike if self._kind is not None and len(alike) > 1 else alike[:1] or [0]
        self.rivals = [different[place] for place in alike]
        self._turns = [turns[place] for place in alike]
        by_ear = self._kind == (Audio,) and len(alike) > 1
        self.sounds = [turn.sounds[0] for turn in self._turns] if by_ear else []
        self.transcripts: list[Transcript] = []
        self._picture = _only_picture(processor, row.prompt) if by_ear or self._kind == () else None
        self._asked: list[bool] = []  # whether each rival's words can be asked for the picture

    def questions(self, processor: Processor) -> list[tuple[Tensor, Tensor]]:
        """Prompts and answers whose likelihood decides."""
        if len(self.rivals) == 1:
            return []
        questions = [] if self.sounds else [(self._row.prompt, one) for one in self.rivals]
        if self._picture is None:
            return questions
        nothing = processor.unconditional()
        questions.append((nothing, self._picture))
        for words in self._words:
            prompt = processor.encode(Document.user(words), generation_prompt=True) if words else nothing
            fits = self._context is None or len(prompt) + len(self._picture) <= self._context
            self._asked.append(bool(words) and fits)
            if self._asked[-1]:
                questions.append((prompt, self._picture))
        return questions

    def best(self, likelihoods: Iterator[float]) -> Tensor:
        """The best candidate.

        Args:
            likelihoods: Of the questions, in their order; as many are taken.
        """
        if len(self.rivals) == 1:
            return self.rivals[0]
        own = [transcript.likelihood for transcript in self.transcripts] or [next(likelihoods) for _ in self.rivals]
        told = [0.0] * len(self.rivals)
        if self._picture is not None:
            nothing = next(likelihoods)
            told = [next(likelihoods) - nothing if asked else 0.0 for asked in self._asked]
        if self.sounds:
            scores = self._by_hearing(own, told)
        elif self._kind == ():
            scores = _telling(own, told)
        else:
            scores = [(0.0, one) for one in own]
        return self.rivals[max(range(len(scores)), key=lambda place: scores[place]) if scores else 0]

    @property
    def _words(self) -> list[str]:
        if self.sounds:
            return [transcript.words for transcript in self.transcripts]
        return [turn.text.strip() for turn in self._turns]

    def _by_hearing(self, clear: Sequence[float], told: Sequence[float]) -> list[tuple[float, float]]:
        """How good each sound is; empty when that is undecided.

        Args:
            clear: How likely its words are.
            told: By how much its words make the picture likelier.
        """
        heard = [_split(words) for words in self._words]
        wanted = _passage(_split(in_words(self._row.document).turns[-1].text), heard)
        if wanted:
            return [(_ratio(wanted, words), sure) for words, sure in zip(heard, clear, strict=True)]
        if telling := _telling(clear, told):
            return telling
        votes = Counter(tuple(words) for words in heard if words)
        if max(votes.values(), default=1) == 1:
            return []
        return [(float(votes[tuple(words)]), sure) for words, sure in zip(heard, clear, strict=True)]


def _kind(turn: Turn) -> tuple[object, ...] | None:
    """What an answer can be compared with: of pictures their shapes, of words (), None for mixtures."""
    if turn.images and len(turn.images) == len(turn.parts):
        return tuple(tuple(image.codes.shape) for image in turn.images if image.codes is not None)
    if len(turn.parts) == 1 and turn.sounds:
        return (Audio,)
    return None if turn.images or turn.sounds else ()


def _telling(own: Sequence[float], told: Sequence[float]) -> list[tuple[float, float]]:
    """How good words are that tell a picture; empty when half of them do not.

    Args:
        own: How likely the words are.
        told: By how much they make the picture likelier.
    """
    if 2 * sum(one > 0 for one in told) < len(told):
        return []
    return [(float(one > 0), sure + one) for sure, one in zip(own, told, strict=True)]


def _only_picture(processor: Processor, prompt: Tensor) -> Tensor | None:
    """The token ids of the prompt's picture, ``<boi>`` and ``<eoi>`` included; None where there are several or none."""
    if "image" not in processor.vocabulary.specs:
        return None
    ids = prompt.tolist()
    if ids.count(processor.vocabulary.boi) != 1:
        return None
    return prompt[ids.index(processor.vocabulary.boi) : ids.index(processor.vocabulary.eoi) + 1]


def _split(text: str) -> list[str]:
    """Words without case and marks."""
    return re.findall(r"[\w#']+", text.lower())


def _passage(asked: Sequence[str], heard: Sequence[Sequence[str]]) -> list[str]:
    """The words of a request that were to be read aloud, found by what was heard; empty when nothing was."""
    best: tuple[int, float] = (0, 0.0)  # words in common: of two candidates, one that ends early has fewer
    passage: list[str] = []
    for words in heard:
        blocks = SequenceMatcher(None, asked, words, autojunk=False).get_matching_blocks()[:-1]
        if not blocks:
            continue
        start = max(0, blocks[0].a - blocks[0].b)
        end = blocks[-1].a + len(words) - blocks[-1].b
        found = list(asked[start:end])
        quality = sum(block.size for block in blocks), _ratio(found, words)
        if quality > best:
            best, passage = quality, found
    agreeing = sum(_ratio(passage, words) >= READ for words in heard)
    return passage if 2 * agreeing >= len(heard) else []


def _ratio(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """1 for the same words, 0 for others; twice the words in common by all of both (Ratcliff and Metzener 1988)."""
    return SequenceMatcher(None, wanted, heard, autojunk=False).ratio()
