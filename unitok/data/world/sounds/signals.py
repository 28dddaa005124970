"""What all sounds here share: one channel of float32 samples at one rate, levels and soft edges.

Shape letters: N samples.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from unitok.document import Audio

Samples = NDArray[np.float32]
"""One channel, ``[N]``, in [-1, 1]."""

SAMPLE_RATE = 16_000
FRAME_SECONDS = 0.04
"""A frame of the shipped model's codec, or two: the world plays its own sounds in whole frames, so that a note or a
beep is written with the same codes wherever it is."""

PEAK = 0.95
"""No sample is louder."""


def samples_of(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def silence(seconds: float) -> Samples:
    return np.zeros(samples_of(seconds), np.float32)


def at_level(samples: Samples, level: float) -> Samples:
    """The sound with the root mean square ``level``, or as near to it as ``PEAK`` allows."""
    rms = float(np.sqrt(np.mean(samples**2)))
    loudest = float(np.abs(samples).max())
    return samples * np.float32(min(level / rms, PEAK / loudest)) if rms else samples


def faded(samples: Samples, fade_in: float = 0.008, fade_out: float = 0.025) -> Samples:
    """The sound with soft edges, in seconds, so that it does not click."""
    result = samples.copy()
    rise, fall = (min(samples_of(seconds), len(samples) // 2) for seconds in (fade_in, fade_out))
    result[:rise] *= _half_cosine(rise)
    result[len(samples) - fall :] *= _half_cosine(fall)[::-1]
    return result


def _half_cosine(length: int) -> Samples:
    """From 0 to 1 without corners."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / max(length, 1))).astype(np.float32)


def as_audio(samples: Samples) -> Audio:
    """The sound as a document's part, ``[1, N]``, with silence to the end of its last frame.

    A codec adds that anyway; here it leaves few different lengths, and sounds of one length are encoded together.
    """
    frame = samples_of(FRAME_SECONDS)
    return Audio(torch.from_numpy(np.pad(samples, (0, -len(samples) % frame)))[None], SAMPLE_RATE)
