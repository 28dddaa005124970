"""Reads events from a sound without any learned part: how many by energy, of which kind by their spectra.

Shape letters: N samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unitok.data.world.sounds.signals import SAMPLE_RATE
from unitok.evaluation.sound_levels import STEPS_PER_SECOND, in_samples, levels, runs

SILENT_DB = -22.0
BRIDGED, SHORTEST = 0.03, 0.02
"""Seconds: shorter pauses do not part events, and shorter sounds are none."""

NOISY = 0.25
"""Spectral flatness above which a sound is noise."""

SWEPT = 0.6
"""Octaves that a sweep's pitch moves at least."""

KNOCK_HERTZ = 450.0
"""The middle of a knock's spectrum lies below."""

_WINDOW = 512


def read_events(samples: NDArray[np.floating]) -> tuple[str, int] | None:
    """The kind and number of the events in a sound ``[N]`` at 16 kHz; None where there are none, or several kinds."""
    stretches = runs(
        levels(samples, width=2) > SILENT_DB,
        shortest=round(SHORTEST * STEPS_PER_SECOND),
        bridge=round(BRIDGED * STEPS_PER_SECOND),
    )
    kinds = {_kind(np.asarray(samples[in_samples(a) : in_samples(b)], np.float64)) for a, b in stretches}
    return (kinds.pop(), len(stretches)) if len(kinds) == 1 else None


def _kind(samples: NDArray[np.float64]) -> str:
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[:: _WINDOW // 2] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(windows, 2 * _WINDOW)) ** 2  # [windows, bins]
    hertz = np.fft.rfftfreq(2 * _WINDOW, 1 / SAMPLE_RATE)
    heard = (hertz > 60) & (hertz < 7000)
    whole = power.sum(0)[heard] + 1e-12
    middle = float(hertz[heard][np.searchsorted(np.cumsum(whole) / whole.sum(), 0.5)])
    if float(np.exp(np.log(whole).mean()) / whole.mean()) > NOISY:
        return "burst of noise"
    if middle < KNOCK_HERTZ and power.sum(1).argmax() <= 1:
        return "knock"
    loud = power.sum(1) > 0.05 * power.sum(1).max()
    tones = np.log2(hertz[heard][power[loud][:, heard].argmax(1)])
    moved = float(tones[-1] - tones[0])
    if abs(moved) < SWEPT:
        return "beep"
    return "rising sweep" if moved > 0 else "falling sweep"
