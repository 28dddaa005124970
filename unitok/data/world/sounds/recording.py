"""Sounds as users' microphones give them: a moment of silence around, another level, a little noise."""

from __future__ import annotations

import numpy as np

from unitok.data.world.sounds.signals import PEAK, Samples, samples_of
from unitok.data.world.templates import chance

BEFORE, AFTER = 0.15, 0.2
"""At most so many seconds of silence."""

GAINS = (0.4, 1.6)
NOISE_DB = (22.0, 45.0)
"""The noise lies so far below the sound."""

NOISY_RATE = 0.5


def recorded(rng: np.random.Generator, samples: Samples) -> Samples:
    """A recording of a sound float32 ``[N]``; every second one is noisy."""
    before, after = (samples_of(float(rng.uniform(0, most))) for most in (BEFORE, AFTER))
    gain = float(np.exp(rng.uniform(*np.log(GAINS))))
    result = np.pad(samples * np.float32(gain), (before, after))
    if chance(rng, NOISY_RATE):
        result = result + noise_below(rng, result, float(rng.uniform(*NOISE_DB)))
    loudest = float(np.abs(result).max())
    return result if loudest <= PEAK else result * np.float32(PEAK / loudest)


def noise_below(rng: np.random.Generator, samples: Samples, decibels: float) -> Samples:
    """White noise as long as the sound, ``decibels`` below its root mean square."""
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-decibels / 20)
    return (level * rng.standard_normal(len(samples))).astype(np.float32)
