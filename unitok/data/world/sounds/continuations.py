"""Sounds that go on: the first part is given, and only one rest is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitok.data.world.phrases import NUMBER_WORDS
from unitok.data.world.sounds.instruments import Performance, play
from unitok.data.world.sounds.notes import MOST_NOTES, Melody, is_held_out, repeated, run
from unitok.data.world.sounds.recording import recorded
from unitok.data.world.sounds.signals import as_audio
from unitok.data.world.sounds.tape import Tape, users_speech
from unitok.data.world.sounds.wording import typed
from unitok.data.world.templates import chance
from unitok.data.world.turns import answered, with_words
from unitok.document import Document

MELODY_WORDINGS = (
    "(continue|go on|please continue|keep going|play on)",
    "(continue|go on with|play on with|finish) (this|the|this|the) (melody|tune|sound|music|recording)",
    "(how does|how will) (it|this|the melody|the tune|this melody) (go on|continue)",
    "(what comes next|play what comes next|and then|play the rest)",
)
COUNTING_WORDINGS = (
    "(continue|go on|please continue|keep going|keep counting|count on|go on counting)",
    "(continue|go on with|finish) (this|the) (counting|count|sound|recording)",
    "(how does|how will) (it|this|the counting) (go on|continue)",
    "(what comes next|say what comes next|and then|say the rest)",
)

_WHOLE = MOST_NOTES


@dataclass(frozen=True)
class Halves:
    """A melody in two parts."""

    given: Melody
    rest: Melody


def sample_halves(rng: np.random.Generator, split: str = "train") -> Halves:
    """Six notes by a rule: equal steps, of which three are given, or two notes in turn, of which four are given.

    In the split ``train`` neither the whole nor a part is held out; in ``heldout`` the whole is.
    """
    while True:
        shape, cut = (run, 3) if chance(rng, 0.6) else (repeated, 4)
        whole = shape(rng, _WHOLE)
        halves = Halves(whole[:cut], whole[cut:])
        known = not any(map(is_held_out, (whole, halves.given, halves.rest)))
        if is_held_out(whole) if split == "heldout" else known:
            return halves


def melody_order(rng: np.random.Generator) -> str:
    """What a user types beside the first part of a melody."""
    return typed(rng, MELODY_WORDINGS)


def counting_order(rng: np.random.Generator) -> str:
    return typed(rng, COUNTING_WORDINGS)


def melody_going_on(rng: np.random.Generator, halves: Halves) -> Document:
    """The rest comes from the instrument of the first part, in tune and at the nearest tempo."""
    performance = Performance.sample(rng)
    given = as_audio(recorded(rng, play(halves.given, performance)))
    rest = as_audio(play(halves.rest, performance.in_tune()))
    return answered(with_words(rng, given, melody_order(rng)), rest)


def sample_counting(rng: np.random.Generator) -> tuple[str, str]:
    """Numbers in order, up to six or down to zero: the first ones (two or more), and the rest."""
    numbers = list(NUMBER_WORDS if chance(rng, 0.6) else reversed(NUMBER_WORDS))
    first = int(rng.integers(0, len(numbers) - 2))
    cut = int(rng.integers(first + 2, len(numbers)))
    return " ".join(numbers[first:cut]), " ".join(numbers[cut:])


def counting_going_on(rng: np.random.Generator, tape: Tape, split: str = "train") -> Document:
    """A user counts, and the assistant counts on."""
    given, rest = sample_counting(rng)
    return answered(with_words(rng, users_speech(rng, given, split), counting_order(rng)), tape.spoken(rest))
