"""Figures of reconstructed sound, on pairs whose figures are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unitok.evaluation.audio_metrics import has_stoi, mel_distance, si_sdr, stoi
from unitok.viz import spectrogram

RATE = 16_000


def speech_like(seconds: float = 1.5) -> Tensor:
    """Noise in bands that come and go, ``[2, 1, N]``."""
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(round(seconds * RATE)) / RATE
    carriers = [
        torch.sin(2 * math.pi * f * time) * torch.sin(r * time).clamp(min=0) for f, r in ((300, 23), (2000, 31))
    ]
    return 0.2 * sum(carriers) * (1 + 0.3 * torch.randn(2, 1, len(time), generator=generator))  # type: ignore[return-value]


def noise(like: Tensor) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(1))


def test_mel_distance_is_in_decibels() -> None:
    sound = 0.3 * noise(torch.zeros(2, 1, RATE))
    assert mel_distance(sound, sound, RATE).tolist() == [0, 0]
    assert mel_distance(sound, sound / 2, RATE).tolist() == pytest.approx([6.02, 6.02], abs=0.1)
    assert mel_distance(sound, -sound, RATE).tolist() == pytest.approx([0, 0], abs=1e-4)


def test_si_sdr_is_that_of_the_noise_and_ignores_loudness() -> None:
    sound = speech_like()
    loud = sound.square().mean((1, 2), keepdim=True).sqrt()
    noisy = sound + 0.1 * loud * noise(sound)
    assert si_sdr(sound, noisy).tolist() == pytest.approx([20, 20], abs=0.2)
    assert si_sdr(sound, 0.3 * noisy).tolist() == pytest.approx(si_sdr(sound, noisy).tolist(), abs=0.01)


@pytest.mark.skipif(not has_stoi(), reason="needs pystoi")
def test_stoi_falls_with_noise_and_is_unknown_for_silence() -> None:
    sound = speech_like()
    clean, noisy, lost = (stoi(sound, sound + level * noise(sound), RATE) for level in (0.0, 0.1, 3.0))
    assert clean.tolist() == pytest.approx([1, 1], abs=1e-3)
    assert bool((noisy < 0.97).all()) and bool((lost < noisy - 0.2).all())
    assert bool(stoi(torch.zeros_like(sound), sound, RATE).isnan().all())
    assert bool(stoi(sound[..., :3000], sound[..., :3000], RATE).isnan().all())


def test_pairs_must_have_one_shape() -> None:
    for others in (torch.zeros(2, 1, 99), torch.zeros(2, 100), torch.zeros(1, 1, 100)):
        with pytest.raises(ValueError, match=r"\[B, 1, N\]"):
            si_sdr(torch.zeros(2, 1, 100), others)


def test_a_spectrogram_shows_where_a_tone_is() -> None:
    time = torch.arange(RATE) / RATE
    tone = torch.where(time < 0.5, 0.5 * torch.sin(2 * math.pi * 500 * time), torch.zeros(RATE))
    picture = spectrogram(tone, RATE, side=1)
    assert picture.size == (100, 80)
    brightness = [[sum(picture.getpixel((x, y))) for y in range(80)] for x in (20, 80)]  # type: ignore[arg-type]
    row = max(range(80), key=lambda y: brightness[0][y])
    assert 55 < row < 75  # low tones are at the bottom: 500 Hz is in the 15th band or so
    assert brightness[0][row] > 500 > 150 > max(brightness[1])
