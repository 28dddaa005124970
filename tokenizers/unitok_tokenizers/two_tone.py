"""A patch of pixels as two things: its two colors, and the pattern they make.

Coded apart, a color and a shape that were never seen together still have their codes, and one shape has the same codes
in every color. Two tones a block are an old idea: block truncation coding (Delp and Mitchell 1979), whose patterns
and colors are quantized vectors here.

Shape letters: B batch, p side of a patch, P = p * p its pixels, H W pixels, h w patches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unitok_tokenizers.layers import ChannelNorm, ResidualBlock

FLAT, CLEAR = 0.03, 0.08
"""A patch whose tones differ by less than `FLAT` (colors are in [-1, 1]) has one color and no pattern; from `CLEAR` on
the pattern counts fully. It would be noise otherwise."""

ITERATIONS = 6  # of the power method, whose start is a column of the covariance already
TONES = 6  # numbers: three for each color


def two_tones(images: Tensor, patch: int) -> tuple[Tensor, Tensor]:
    """Pictures ``[B, 3, H, W]`` in [-1, 1] to the colors ``[B, 6, h, w]`` and the patterns ``[B, P, h, w]`` of patches.

    The two colors are the ends of the patch's pixels along the direction in which they differ most; the first is the
    one that most pixels are near. The pattern says where between the two each pixel is: 0 at the first, 1 at the
    second. It is the same whatever the colors are.
    """
    folded = F.pixel_unshuffle(images.float(), patch)
    batch, _, height, width = folded.shape
    pixels = folded.view(batch, 3, patch * patch, height, width).permute(0, 3, 4, 2, 1)  # [B, h, w, P, 3]
    mean = pixels.mean(-2, keepdim=True)
    spread = pixels - mean
    direction = _direction(spread)
    along = (spread * direction).sum(-1)  # [B, h, w, P]
    low, high = along.amin(-1, keepdim=True), along.amax(-1, keepdim=True)
    turn = torch.where(_leans_high(along, low, high), -1.0, 1.0)
    along = along * turn
    low, high = torch.where(turn > 0, low, -high), torch.where(turn > 0, high, -low)
    size = high - low
    contrast = ((size - FLAT) / (CLEAR - FLAT)).clamp(0, 1)
    pattern = contrast * (along - low) / size.clamp(min=FLAT)
    axis = direction[..., 0, :] * turn
    colors = torch.cat([mean[..., 0, :] + contrast * end * axis for end in (low, high)], dim=-1)
    return colors.permute(0, 3, 1, 2), pattern.permute(0, 3, 1, 2)


def _direction(spread: Tensor) -> Tensor:
    """The unit vector ``[..., 1, 3]`` along which ``[..., P, 3]`` differ most; zero where they do not."""
    covariance = spread.transpose(-1, -2) @ spread
    largest = covariance.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*covariance.shape[:-1], 1)
    vector = covariance.gather(-1, largest)  # [..., 3, 1]
    for _ in range(ITERATIONS):
        vector = F.normalize(covariance @ F.normalize(vector, dim=-2), dim=-2)
    return vector.transpose(-1, -2)


def _leans_high(along: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Whether most pixels are nearer the upper end ``[..., 1]``; where it is a draw, whether the last ones are."""
    place = torch.linspace(-1, 1, along.shape[-1], device=along.device)
    middle = along - (low + high) / 2
    size = (high - low).clamp(min=1e-6)
    return ((middle * (1 + 0.05 * place)).mean(-1, keepdim=True) / size) > 0


class TwoToneEncoder(nn.Module):
    """Pictures ``[B, 3, H, W]`` in [-1, 1] to ``[B, 2 * C, h, w]``: the colors' vector, then the pattern's.

    Args:
        patch: p.
        width: channels of the two networks, each of which sees one patch.
        blocks: their residual blocks.
        channels: C.
    """

    def __init__(self, patch: int, width: int, blocks: int, channels: int) -> None:
        super().__init__()
        self.patch = patch
        self.colors = _network(TONES, width, blocks, channels)
        self.pattern = _network(patch**2, width, blocks, channels)

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):
            colors, pattern = two_tones(images, self.patch)
        parts = (self.colors(colors), self.pattern(2 * pattern - 1))
        return torch.cat(parts, dim=1)

    @property
    def ends(self) -> list[nn.Parameter]:
        """The weights of the last layers."""
        return [w for network in (self.colors, self.pattern) for w in network[-1].parameters()]


def _network(inputs: int, width: int, blocks: int, outputs: int) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, width, 1), *[ResidualBlock(width, kernel=1) for _ in range(blocks)]]
    return nn.Sequential(*layers, ChannelNorm(width), nn.Conv2d(width, outputs, 1))
