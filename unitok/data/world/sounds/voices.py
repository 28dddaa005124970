"""Who speaks: voices of espeak-ng with their speed and pitch, and which of them training never hears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitok.data.world.templates import pick

ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland")
TIMBRES = ("", "m1", "m3", "m7", "f2", "f3", "f5")
"""espeak-ng's voice variants; the first is the accent's own voice."""

HELD_OUT_VOICES = frozenset(
    {
        ("en-us", "m3"),
        ("en-us", "f5"),
        ("en-gb", "f2"),
        ("en-gb", "m7"),
        ("en-gb-x-rp", "f3"),
        ("en-gb-scotland", "m1"),
    }
)
"""(accent, timbre) pairs that never speak in training."""

SPEEDS = (165, 225)
"""Words a minute, both included."""

PITCHES = (35, 65)
"""espeak-ng's scale from 0 to 99, both included."""


@dataclass(frozen=True)
class Voice:
    """A setting of espeak-ng: ``speed`` in words a minute, ``pitch`` from 0 to 99."""

    accent: str
    timbre: str
    speed: int
    pitch: int

    @property
    def name(self) -> str:
        """As espeak-ng calls it: ``en-us+f3``."""
        return f"{self.accent}+{self.timbre}" if self.timbre else self.accent

    @property
    def held_out(self) -> bool:
        return (self.accent, self.timbre) in HELD_OUT_VOICES


ASSISTANT = Voice("en-us", "", 200, 50)
"""The one voice that the model speaks in."""


def sample_voice(rng: np.random.Generator, split: str = "train") -> Voice:
    """A user's voice; in the split ``heldout`` one that training never hears."""
    speed, pitch = (int(rng.integers(low, high + 1)) for low, high in (SPEEDS, PITCHES))
    while True:
        voice = Voice(pick(rng, ACCENTS), pick(rng, TIMBRES), speed, pitch)
        if voice.held_out == (split == "heldout"):
            return voice
