"""How loud a sound is over time, and where single sounds in it begin and end.

Shape letters: N samples, T steps of 5 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unitok.data.world.sounds.signals import SAMPLE_RATE

STEPS_PER_SECOND = 200
LOWEST_DB = -40.0

_STEP = SAMPLE_RATE // STEPS_PER_SECOND


def levels(samples: NDArray[np.floating], width: int = 4) -> NDArray[np.float64]:
    """The level at each step in dB below the loudest one, ``[T]`` in [-40, 0]; over ``width`` steps around it."""
    steps = len(samples) // _STEP
    power = np.square(np.asarray(samples[: steps * _STEP], np.float64)).reshape(steps, _STEP).mean(1)
    smooth = np.convolve(power, np.ones(width) / width, "same") if steps >= width else power
    loudest = smooth.max(initial=0.0)
    if loudest <= 0:
        return np.full(steps, LOWEST_DB)
    return np.maximum(10 * np.log10(np.maximum(smooth / loudest, 1e-12)), LOWEST_DB)


def runs(mask: NDArray[np.bool_], shortest: int = 1, bridge: int = 0) -> list[tuple[int, int]]:
    """Where ``mask`` is true, as ``(start, end)``: gaps of up to ``bridge`` are closed, then short runs left out."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    found: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if found and start - found[-1][1] <= bridge:
            start = found.pop()[0]
        found.append((start, end))
    return [(start, end) for start, end in found if end - start >= shortest]


def in_samples(steps: int) -> int:
    return steps * _STEP
