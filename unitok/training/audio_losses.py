"""How far a sound is from another one, by their spectra.

Shape letters: B batch, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unitok_tokenizers.log_mel import FLOOR, LogMel, magnitudes


class SpectralLoss(nn.Module):
    """Distance of short-time magnitudes at several resolutions (Yamamoto et al. 2020, Parallel WaveGAN).

    At each, the absolute difference of logarithms, which minds what is quiet, and the spectral convergence, the norm of
    the difference relative to the target's, which minds what is loud.

    Args:
        windows: samples of each resolution's window; spectra are a quarter of it apart.
    """

    def __init__(self, windows: Sequence[int] = (1024, 512, 256, 128)) -> None:
        super().__init__()
        self.sizes = tuple(windows)
        for size in self.sizes:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def forward(self, sounds: Tensor, targets: Tensor) -> Tensor:
        """Scalar distance of sounds ``[B, 1, N]``."""
        losses = []
        for size in self.sizes:
            window = self.get_buffer(f"window_{size}")
            found, wanted = (magnitudes(x[:, 0], window, size // 4) for x in (sounds, targets))
            logarithms = F.l1_loss((found + FLOOR).log(), (wanted + FLOOR).log())
            convergence = (found - wanted).norm() / (wanted.norm() + 1.0)  # a batch of silence divides by little
            losses.append(logarithms + convergence)
        return torch.stack(losses).mean()


class MelLoss(nn.Module):
    """Absolute difference of log-mel spectra, in bels of magnitude.

    Args:
        sample_rate: samples a second.
        n_fft, hop, mels: of the spectra, as for :class:`LogMel`.
    """

    def __init__(self, sample_rate: int, n_fft: int = 1024, hop: int = 160, mels: int = 80) -> None:
        super().__init__()
        self.mel = LogMel(sample_rate, n_fft, hop, mels)

    def forward(self, sounds: Tensor, targets: Tensor) -> Tensor:
        """Scalar distance of sounds ``[B, 1, N]``."""
        return F.l1_loss(self.mel(sounds[:, 0]), self.mel(targets[:, 0]))
