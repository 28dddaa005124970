"""The last layer of an audio decoder: magnitudes and phases of short-time spectra, turned into samples.

After Vocos (Siuzdak 2023) and WavTokenizer (Ji et al. 2024).
Shape letters: B batch, C channels, S spectra, N samples, W samples of a window.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAX_LOG_MAGNITUDE: Final = 4.6  # about 100: an untrained network must not overflow


class InverseStft(nn.Module):
    """Features ``[B, C, S]`` to samples ``[B, 1, S * hop]``, not clamped.

    Windows are centered on their own hop of samples, so that the length is exact: what would lie before the first
    sample and behind the last one is cut off.

    Args:
        channels: C.
        n_fft: W, even and at least twice ``hop``.
        hop: samples from one spectrum to the next.
    """

    window: Tensor

    def __init__(self, channels: int, n_fft: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.project = nn.Linear(channels, n_fft + 2)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # bf16 would blur phases
            magnitude, phase = self.project(x.transpose(1, 2).float()).chunk(2, dim=-1)
            spectra = torch.polar(magnitude.clamp(max=MAX_LOG_MAGNITUDE).exp(), phase)
            windows = torch.fft.irfft(spectra, len(self.window)) * self.window
            weights = self.window.square().expand(1, windows.shape[1], -1)
            return self._overlap(windows) / self._overlap(weights)

    def _overlap(self, windows: Tensor) -> Tensor:
        """Windows ``[B, S, W]``, each a hop behind the one before, added up: ``[B, 1, S * hop]``."""
        width, length = windows.shape[2], windows.shape[1] * self.hop
        size = (1, length - self.hop + width)
        added = F.fold(windows.transpose(1, 2), size, kernel_size=(1, width), stride=(1, self.hop))
        return added[:, 0, :, self.before : self.before + length]

    @property
    def before(self) -> int:
        """Samples by which a window begins before its hop."""
        return (len(self.window) - self.hop) // 2
