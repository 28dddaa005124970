"""Notes from C4 to B5, melodies of one to six of them, and chords: names, numbers and what training never plays.

A note is a MIDI number: 60 is C4, 69 is A4 with 440 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitok.data.world.templates import chance, pick, pick_weighted

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LOWEST, HIGHEST = 60, 83
NOTES = tuple(range(LOWEST, HIGHEST + 1))
MOST_NOTES = 6

_NATURAL = frozenset({0, 2, 4, 5, 7, 9, 11})
_WIDEST_LEAP = 9  # semitones between one note and the next
_HELD_OUT_OF = 8

QUALITIES: dict[str, tuple[int, int, int]] = {"major": (0, 4, 7), "minor": (0, 3, 7)}
"""Semitones of a chord's notes above its root."""


def note_name(note: int) -> str:
    """``C#4``."""
    return f"{PITCH_CLASSES[note % 12]}{note // 12 - 1}"


NOTE_OF_NAME = {note_name(note): note for note in NOTES}


def frequency(note: float) -> float:
    """Hertz."""
    return 440.0 * 2 ** ((note - 69) / 12)


Melody = tuple[int, ...]
"""Notes in order, one to six, all equally long."""


def melody_text(melody: Melody) -> str:
    """``C4 E4 G4``."""
    return " ".join(map(note_name, melody))


def is_held_out(melody: Melody) -> bool:
    """Whether training never plays or names this melody: every eighth one of two or more notes."""
    return len(melody) > 1 and sum((i + 1) * note for i, note in enumerate(melody)) % _HELD_OUT_OF == 0


@dataclass(frozen=True)
class Chord:
    """Three notes at once; the root lies between C4 and B4."""

    root: int
    quality: str

    @property
    def notes(self) -> Melody:
        return tuple(self.root + step for step in QUALITIES[self.quality])

    @property
    def name(self) -> str:
        """``F# minor``."""
        return f"{PITCH_CLASSES[self.root % 12]} {self.quality}"


CHORDS = tuple(Chord(root, quality) for root in range(LOWEST, LOWEST + 12) for quality in QUALITIES)


# --------------------------------------------------------------------------- drawing melodies


def _walk(rng: np.random.Generator, length: int) -> Melody:
    """Any notes, none too far from the one before; half of the melodies have no sharps."""
    allowed = [note for note in NOTES if note % 12 in _NATURAL] if chance(rng, 0.5) else list(NOTES)
    melody = [pick(rng, allowed)]
    while len(melody) < length:
        melody.append(pick(rng, [note for note in allowed if abs(note - melody[-1]) <= _WIDEST_LEAP]))
    return tuple(melody)


def run(rng: np.random.Generator, length: int) -> Melody:
    """Notes that rise or fall by the same step of one to three semitones."""
    step = int(rng.integers(1, 4)) * (1 if chance(rng, 0.5) else -1)
    span = step * (length - 1)
    first = int(rng.integers(LOWEST - min(span, 0), HIGHEST - max(span, 0) + 1))
    return tuple(first + step * i for i in range(length))


def repeated(rng: np.random.Generator, length: int) -> Melody:
    """Two notes in turn."""
    pair = _walk(rng, 2)
    return tuple(pair[i % 2] for i in range(length))


_SHAPES = {_walk: 0.8, run: 0.12, repeated: 0.08}


def sample_melody(rng: np.random.Generator, split: str = "train", length: int | None = None) -> Melody:
    """A melody of ``length`` notes (by default two to six); in the split ``heldout`` one that training never has."""
    while True:
        melody = pick_weighted(rng, _SHAPES)(rng, length or int(rng.integers(2, MOST_NOTES + 1)))
        if is_held_out(melody) == (split == "heldout"):
            return melody
