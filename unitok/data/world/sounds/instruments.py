"""Instruments: band-limited tones of fixed loudness with soft edges.

Shape letters: N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unitok.data.world.sounds.notes import Melody, frequency
from unitok.data.world.sounds.signals import FRAME_SECONDS, SAMPLE_RATE, Samples, at_level, faded, samples_of
from unitok.data.world.templates import pick

HIGHEST_PARTIAL = 7000.0
"""Hertz: no partial is higher, so that nothing aliases."""

LEVEL = 0.12
"""Root mean square of a note."""

_SOUNDING = 0.85
"""Of a note's time; the rest is silence, so that a note that is played twice is heard twice."""


@dataclass(frozen=True)
class Timbre:
    """Amplitudes of the partials, from the fundamental on, and how fast they die away, in 1/s (0: they stay)."""

    partials: tuple[float, ...]
    decay: float = 0.0


TIMBRES: dict[str, Timbre] = {
    "whistle": Timbre((1.0,)),
    "flute": Timbre(tuple(1 / h**2 if h % 2 else 0.0 for h in range(1, 16))),
    "synthesizer": Timbre(tuple(1 / h if h % 2 else 0.0 for h in range(1, 16))),
    "harp": Timbre(tuple(1 / h for h in range(1, 13)), decay=5.0),
    "organ": Timbre((1.0, 0.6, 0.4, 0.3, 0.0, 0.2, 0.0, 0.15)),
}
"""A sine, a triangle, a square, a plucked string and a row of pipes."""

INSTRUMENTS = tuple(TIMBRES)

TEMPOS: dict[str, float] = {"slow": 12 * FRAME_SECONDS, "medium": 8 * FRAME_SECONDS, "fast": 6 * FRAME_SECONDS}
"""Seconds from one note to the next."""


@dataclass(frozen=True)
class Performance:
    """How a melody is played; the default is how the model plays. ``cents`` it is out of tune."""

    instrument: str = "organ"
    seconds: float = TEMPOS["medium"]
    cents: float = 0.0

    @staticmethod
    def sample(rng: np.random.Generator) -> Performance:
        """As users play: any instrument and tempo, a little out of tune."""
        low, high = TEMPOS["fast"], TEMPOS["slow"]
        return Performance(pick(rng, INSTRUMENTS), float(rng.uniform(low, high)), float(rng.uniform(-12, 12)))

    def in_tune(self) -> Performance:
        """The same instrument at the nearest tempo, as the model would play on."""
        return replace(self, seconds=min(TEMPOS.values(), key=lambda s: abs(s - self.seconds)), cents=0.0)


PLAIN = Performance()


def tone(notes: Sequence[float], timbre: Timbre, seconds: float) -> Samples:
    """Notes that sound together, for so long: float32 ``[N]``."""
    time = np.arange(samples_of(seconds)) / SAMPLE_RATE
    wave = np.zeros(len(time))
    for pitch in map(frequency, notes):
        for number, amplitude in enumerate(timbre.partials, 1):
            if amplitude and number * pitch <= HIGHEST_PARTIAL:
                fall = np.exp(-timbre.decay * (1 + 0.15 * number) * time)
                wave += amplitude * fall * np.sin(2 * np.pi * number * pitch * time)
    return faded(at_level(wave.astype(np.float32), LEVEL))


def play(melody: Melody, performance: Performance = PLAIN) -> Samples:
    """Notes one after the other, float32 ``[N]``; the last one brings its silence too."""
    return np.concatenate([_placed([note], performance) for note in melody])


def play_together(notes: Melody, performance: Performance = PLAIN) -> Samples:
    """A chord, twice as long as a note would be; float32 ``[N]``."""
    return _placed(notes, replace(performance, seconds=2 * performance.seconds))


def _placed(notes: Sequence[int], performance: Performance) -> Samples:
    pitches = [note + performance.cents / 100 for note in notes]
    sound = tone(pitches, TIMBRES[performance.instrument], _SOUNDING * performance.seconds)
    return np.pad(sound, (0, samples_of(performance.seconds) - len(sound)))
