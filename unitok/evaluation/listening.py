"""Speech to text: are the words right?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from unitok.data.world.sounds.speech_documents import transcription_order
from unitok.data.world.sounds.spoken import plainly, sample_order
from unitok.data.world.sounds.tape import users_speech
from unitok.data.world.turns import with_words
from unitok.document import Document
from unitok.evaluation.cases import Task, answer
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup
from unitok.evaluation.sound_setup import case_error_rate, heard_words, sentence

TARGET = 5.0
Say = Callable[[np.random.Generator, str], str]

CONDITIONS: dict[str, tuple[str, str, Say]] = {
    "held-out sentences and voices": ("heldout", "heldout", sentence),
    "held-out voices": ("train", "heldout", sentence),
    "known voices": ("train", "train", sentence),
    "orders to change a picture, held-out voices": ("train", "heldout", sample_order),
}
"""Splits of the sentences and of the voices, and what is said. The first condition has the target."""


def tasks(setup: Setup, condition: str, count: int) -> list[Task]:
    """``count`` sentences of one of the conditions, each in a voice of its own."""
    split, voices, say = CONDITIONS[condition]
    found = []
    for index in range(count):
        rng = setup.rng(f"listening, {condition}", index)
        text = say(rng, split)
        parts = with_words(rng, users_speech(rng, text, voices), transcription_order(rng))
        wanted = plainly(text)
        found.append(Task(Document.user(*parts), wanted, (), wanted, partial(_same_words, wanted)))
    return found


def _same_words(wanted: str, said: str) -> bool:
    return heard_words(said) == heard_words(wanted)


def measure(setup: Setup) -> Findings:
    """Word error rates, and whole sentences."""
    figures, found = [], []
    for name in CONDITIONS:
        cases = answer(setup, f"listening, {name}", tasks(setup, name, setup.samples))
        target = None if found else TARGET
        errors = case_error_rate(cases)
        figures.append(Figure("listening", f"word error rate, {name}", errors, "%", target, True, count=len(cases)))
        figures.append(share("listening", f"whole sentences, {name}", [case.right for case in cases]))
        found += cases
    return Findings(figures, found)
