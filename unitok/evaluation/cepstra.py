"""Mel cepstra: how the ear's picture of a sound is described for comparing words.

Shape letters: N samples, T frames of 10 ms, C features of a frame.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torchaudio.functional as F
from numpy.typing import NDArray
from torchaudio.transforms import MelSpectrogram

from unitok.data.world.sounds.signals import SAMPLE_RATE

COEFFICIENTS = 13
FRAMES_PER_SECOND = 100

_MELS = 32
_FLOOR_DB = 50.0
"""Mel bands are not told apart when they lie so far below the loudest frame's mean."""

_DELTA_WEIGHT = 4.0


@lru_cache(maxsize=1)
def _mel() -> MelSpectrogram:
    """Windows of 25 ms."""
    return MelSpectrogram(
        SAMPLE_RATE,
        n_fft=512,
        win_length=SAMPLE_RATE // 40,
        hop_length=SAMPLE_RATE // FRAMES_PER_SECOND,
        f_min=80.0,
        f_max=7600.0,
        n_mels=_MELS,
    )


def cepstra(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mel cepstra ``[T, 13]`` of a sound ``[N]`` at 16 kHz; they do not depend on how loud it is."""
    sound = F.preemphasis(torch.from_numpy(np.array(samples, np.float32)))
    power = _mel()(sound).T  # [T, mels]
    loudest = power.mean(dim=1).max().clamp(min=1e-12)
    log = (power / loudest + 10 ** (-_FLOOR_DB / 10)).log()
    return (log @ F.create_dct(COEFFICIENTS, _MELS, norm="ortho")).numpy()


def with_deltas(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cepstra ``[T, 13]`` and how they change, ``[T, 26]``."""
    deltas = F.compute_deltas(torch.from_numpy(frames).T[None])[0].T
    return np.concatenate([frames, _DELTA_WEIGHT * deltas.numpy()], axis=1, dtype=np.float32)
