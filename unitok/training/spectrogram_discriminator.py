"""A discriminator for sound: it looks at spectrograms of several resolutions, after UnivNet (Jang et al. 2021).

Shape letters: B batch, N samples, S spectra, F frequencies, n scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from unitok_tokenizers.log_mel import FLOOR, magnitudes


class SpectrogramDiscriminator(nn.Module):
    """Sounds ``[B, 1, N]`` to scores ``[B, n]`` of overlapping patches of their spectrograms, high for real ones.

    Args:
        windows: samples of each resolution's window; spectra are a quarter of it apart. Each has its own network.
        width: channels.
    """

    def __init__(self, windows: Sequence[int] = (1024, 512, 256), width: int = 16) -> None:
        super().__init__()
        self.judges = nn.ModuleList(_Judge(window, width) for window in windows)

    def forward(self, sounds: Tensor) -> Tensor:
        return torch.cat([judge(sounds) for judge in self.judges], dim=1)


class _Judge(nn.Module):
    """One resolution's part: scores ``[B, n]``."""

    window: Tensor

    def __init__(self, window: int, width: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(inputs, width, (3, 9), stride=(1, stride), padding=(1, 4)))
            for inputs, stride in ((1, 1), (width, 2), (width, 2), (width, 2))
        )
        self.score = weight_norm(nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, sounds: Tensor) -> Tensor:
        loudness = (magnitudes(sounds[:, 0], self.window, len(self.window) // 4) + FLOOR).log10()
        x = loudness.transpose(1, 2)[:, None]  # [B, 1, S, F]: frequencies are halved, time is not
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return self.score(x).flatten(1)
