"""Text to speech: does an oracle hear the words that were to be said?"""

from __future__ import annotations

from unitok.data.world.sounds.continuations import counting_order, sample_counting
from unitok.data.world.sounds.speech_documents import reading_order
from unitok.data.world.sounds.spoken import plainly
from unitok.data.world.sounds.tape import users_speech
from unitok.data.world.turns import with_words
from unitok.document import Document
from unitok.evaluation.cases import Case, Task, answer
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup
from unitok.evaluation.sound_setup import case_error_rate, hear, heard_words, sentence

TARGET = 92.0
SPLITS = {"held-out sentences": "heldout", "other sentences": "train"}
COUNTING_SHARE = 0.25
"""Rows of numbers to count on, per sample."""


def tasks(setup: Setup, split: str, count: int) -> list[Task]:
    """``count`` sentences to read aloud."""
    found = []
    for index in range(count):
        rng = setup.rng(f"speaking, {split}", index)
        text = sentence(rng, split)
        order = reading_order(rng, text)
        found.append(spoken_task(Document.user(order), order, text))
    return found


def counting_tasks(setup: Setup, count: int) -> list[Task]:
    """``count`` users who count in held-out voices, for the assistant to count on."""
    found = []
    for index in range(count):
        rng = setup.rng("speaking, counting", index)
        given, rest = sample_counting(rng)
        parts = with_words(rng, users_speech(rng, given, "heldout"), counting_order(rng))
        found.append(spoken_task(Document.user(*parts), given, rest))
    return found


def spoken_task(document: Document, asked: str, text: str) -> Task:
    """A task that is answered by speech with the words of ``text``."""
    wanted = heard_words(text)
    return Task(document, asked, (), plainly(text), lambda heard: heard_words(heard) == wanted, hear)


def measure(setup: Setup) -> Findings:
    """Words recognized (in percent, less words that are too many), and whole sentences."""
    figures: list[Figure] = []
    found: list[Case] = []
    for name, split in SPLITS.items():
        cases = answer(setup, f"speaking, {name}", tasks(setup, split, setup.samples))
        right = 100 - case_error_rate(cases)
        target = None if found else TARGET
        figures.append(Figure("speaking", f"words recognized, {name}", right, "%", target, count=len(cases)))
        figures.append(share("speaking", f"whole sentences, {name}", [case.right for case in cases]))
        found += cases
    counted = answer(setup, "speaking, counting", counting_tasks(setup, setup.fewer(COUNTING_SHARE)))
    figures.append(share("speaking", "counting on", [case.right for case in counted]))
    return Findings(figures, found + counted)
