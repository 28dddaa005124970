"""Melodies and chords: from names, to names, and going on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from unitok.data.world.sounds.continuations import melody_order, sample_halves
from unitok.data.world.sounds.instruments import Performance, play
from unitok.data.world.sounds.melody_documents import (
    chord_by_user,
    chord_naming_order,
    chord_order,
    naming_order,
    play_order,
    played_by_user,
)
from unitok.data.world.sounds.notes import CHORDS, melody_text, sample_melody
from unitok.data.world.sounds.recording import recorded
from unitok.data.world.sounds.signals import as_audio
from unitok.data.world.templates import pick
from unitok.data.world.turns import with_words
from unitok.document import Document
from unitok.evaluation.cases import Task, answer
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.melody_oracle import read_chord, read_melody
from unitok.evaluation.setup import Setup

OTHER_SHARE = 0.5
"""Melodies that are not held out, chords, and melodies that go on, per sample."""


def playing_task(rng: np.random.Generator, split: str = "heldout") -> Task:
    melody = sample_melody(rng, split)
    order, _ = play_order(rng, melody)
    return _task(Document.user(order), order, melody_text(melody), _hear_melody)


def naming_task(rng: np.random.Generator, split: str = "heldout") -> Task:
    melody = sample_melody(rng, split)
    order = naming_order(rng)
    return _task(Document.user(*with_words(rng, played_by_user(rng, melody), order)), order, melody_text(melody))


def playing_chord_task(rng: np.random.Generator) -> Task:
    chord = pick(rng, CHORDS)
    order, _ = chord_order(rng, chord)
    return _task(Document.user(order), order, chord.name, _hear_chord)


def naming_chord_task(rng: np.random.Generator) -> Task:
    chord = pick(rng, CHORDS)
    order = chord_naming_order(rng)
    return _task(Document.user(*with_words(rng, chord_by_user(rng, chord), order)), order, chord.name)


def going_on_task(rng: np.random.Generator, split: str = "heldout") -> Task:
    halves = sample_halves(rng, split)
    order = melody_order(rng)
    given = as_audio(recorded(rng, play(halves.given, Performance.sample(rng))))
    parts = with_words(rng, given, order)
    return _task(Document.user(*parts), melody_text(halves.given), melody_text(halves.rest), _hear_melody)


ROWS: dict[str, tuple[Callable[[np.random.Generator], Task], float | None]] = {
    "melody from names, all notes right": (playing_task, 95.0),
    "names from a melody, all right": (naming_task, 97.0),
    "melody from names, melodies not held out": (partial(playing_task, split="train"), None),
    "names from a melody, melodies not held out": (partial(naming_task, split="train"), None),
    "chord from its name": (playing_chord_task, None),
    "name of a chord": (naming_chord_task, None),
    "melody going on, all notes right": (going_on_task, None),
    "melody going on, melodies not held out": (partial(going_on_task, split="train"), None),
}
"""Tasks with their targets in percent; the melodies are held out where nothing else is said."""


def _task(document: Document, asked: str, wanted: str, hear: Callable[..., str] | None = None) -> Task:
    """A task whose answer must be just so, but for the case of letters and for marks between names."""
    return Task(document, asked, (), wanted, lambda got: _names(got) == _names(wanted), hear)


def _names(text: str) -> list[str]:
    return text.upper().replace(",", " ").replace("-", " ").rstrip(".").split()


def _hear_melody(samples: np.ndarray) -> str:
    return melody_text(read_melody(samples))


def _hear_chord(samples: np.ndarray) -> str:
    chord = read_chord(samples)
    return chord.name if chord else ""


def measure(setup: Setup) -> Findings:
    """The share of right answers of each kind."""
    figures, found = [], []
    for name, (make, target) in ROWS.items():
        count = setup.samples if target is not None else setup.fewer(OTHER_SHARE)
        cases = answer(setup, name, [make(setup.rng(name, index)) for index in range(count)])
        figures.append(share("melodies", name, [case.right for case in cases], target))
        found += cases
    return Findings(figures, found)
