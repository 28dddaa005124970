"""Convolutional building blocks that tokenizers and detokenizers share.

Shape letters: B batch, C channels, H W rows and columns of a feature map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.Module):
    """Normalizes each position's channels by their root mean square: ``[B, C, *grid]`` to the same shape.

    Statistics over positions (as in group norm) would let every code depend on the whole medium and on its size;
    a code that depends on its surroundings only is what a decoder can learn to predict.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.to(x.dtype)  # under autocast a weight of another type would miss the fused kernel
        return F.rms_norm(x.movedim(1, -1), weight.shape, weight, eps=1e-6).movedim(-1, 1)


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity: ``[B, C, H, W]`` to the same shape.

    ``kernel`` 1 keeps each position to itself, 3 lets it see its neighbors.
    """

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.norm2 = ChannelNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)  # a block starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Repeat the right and bottom border until height and width divide: ``[B, C, H, W]``."""
    height, width = images.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not (down or right):
        return images
    return F.pad(images, (0, right, 0, down), mode="replicate")
