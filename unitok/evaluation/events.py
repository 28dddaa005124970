"""Events: what sound is it and how many, and making them."""

from __future__ import annotations

import numpy as np

from unitok.data.world.sounds.event_documents import event_order, event_question, events_by_user
from unitok.data.world.sounds.events import events_text, sample_events
from unitok.data.world.turns import with_words
from unitok.document import Document
from unitok.evaluation.cases import Task, answer
from unitok.evaluation.event_oracle import read_events
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup
from unitok.evaluation.words import is_one_of

SHARE = 0.5
"""Tasks of each kind, per sample."""


def asking_task(rng: np.random.Generator) -> Task:
    kind, count = sample_events(rng)
    question, right = event_question(rng, kind, count)
    document = Document.user(*with_words(rng, events_by_user(rng, kind, count), question))
    return Task(document, question, (), right, lambda said: is_one_of(said, (right,)))


def making_task(rng: np.random.Generator) -> Task:
    kind, count = sample_events(rng)
    order, wanted = event_order(rng, kind, count), events_text(kind, count)
    return Task(Document.user(order), order, (), wanted, lambda heard: heard == wanted, _hear)


def _hear(samples: np.ndarray) -> str:
    found = read_events(samples)
    return events_text(*found) if found else ""


ROWS = {"what sound, and how many": asking_task, "sounds made as told": making_task}


def measure(setup: Setup) -> Findings:
    """The share of right answers of each kind."""
    figures, found = [], []
    for name, make in ROWS.items():
        tasks = [make(setup.rng(name, index)) for index in range(setup.fewer(SHARE))]
        cases = answer(setup, name, tasks)
        figures.append(share("events", name, [case.right for case in cases]))
        found += cases
    return Findings(figures, found)
