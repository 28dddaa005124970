"""How near a reconstruction is to its sound.

Shape letters: B batch, N samples.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import torch
from torch import Tensor
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.log_mel import LogMel

_TOO_SHORT = 1e-5
"""What pystoi returns, with a warning, where less than 0.4 seconds are not silent."""


def mel_distance(sounds: Tensor, others: Tensor, sample_rate: int) -> Tensor:
    """Mean absolute difference of log-mel spectra of each pair, in dB: float ``[B]``, of sounds ``[B, 1, N]``.

    80 bands; windows of 64 ms, 10 ms apart. Magnitudes more than 80 dB below a full sine count as equal.
    """
    _check(sounds, others)
    hop = sample_rate // 100
    mel = LogMel(sample_rate, 2 * (sample_rate * 32 // 1000), hop, 80).to(sounds.device)
    length = sounds.shape[-1] // hop * hop
    found, wanted = (mel(x[:, 0, :length].float()) for x in (others, sounds))
    return 20 * (found - wanted).abs().mean(dim=(1, 2))


def si_sdr(sounds: Tensor, others: Tensor) -> Tensor:
    """Scale-invariant ratio of signal to distortion of each pair, in dB: float ``[B]``, of sounds ``[B, 1, N]``."""
    _check(sounds, others)
    return scale_invariant_signal_distortion_ratio(others.float(), sounds.float())[:, 0]


def has_stoi() -> bool:
    """Whether :func:`stoi` can be computed here."""
    return find_spec("pystoi") is not None


def stoi(sounds: Tensor, others: Tensor, sample_rate: int) -> Tensor:
    """Short-time objective intelligibility (Taal et al. 2011) of each pair of speech, in [-1, 1]: float ``[B]``.

    NaN where the sound, ``[1, N]`` of ``[B, 1, N]``, has less than 0.4 seconds that are not silent.

    Raises:
        InputError: `pystoi` is not installed.
    """
    _check(sounds, others)
    if not has_stoi():
        raise InputError("intelligibility needs pystoi: pip install unitok-multimodal[evaluate]")
    from torchmetrics.functional.audio.stoi import short_time_objective_intelligibility  # it wants pystoi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        values = short_time_objective_intelligibility(others.float().cpu(), sounds.float().cpu(), sample_rate)[:, 0]
    unknown = (values == _TOO_SHORT) | (sounds.cpu().abs().amax((1, 2)) == 0)
    return torch.where(unknown, torch.nan, values.double()).float()


def _check(sounds: Tensor, others: Tensor) -> None:
    if sounds.shape != others.shape or sounds.ndim != 3 or sounds.shape[1] != 1:
        raise ValueError(f"sounds must be two [B, 1, N], got {list(sounds.shape)} and {list(others.shape)}")
