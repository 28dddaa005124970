"""The image detokenizer: a copy of the codebook and a convolutional decoder.

Shape letters: B batch, H W pixels, h w code grid, K codebooks, C channels of a code vector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unitok_tokenizers.codebook import CodebookConfig
from unitok_tokenizers.codec_component import CodecComponent
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.layers import ChannelNorm, ResidualBlock
from unitok_tokenizers.spec import CodebookSpec
from unitok_tokenizers.two_tone import TONES


@dataclass(frozen=True)
class ImageDetokenizerConfig:
    """The decoder: stages from coarse to fine, each twice the resolution of the one before.

    Args:
        widths: channels of each stage, coarse to fine.
        blocks: residual blocks of each stage.
        patch: side of the square of pixels that one position of the last stage is unfolded into; a code grid becomes
            ``patch * 2 ** (len(widths) - 1)`` times finer pixels.
        kind: ``convolutional``, or ``two_tone`` for a tokenizer of that kind: two colors and a pattern for each patch
            are mixed to a first picture, to which what the convolutions make of the codes is added.
        codebook: the codebook's configuration, the same as the tokenizer's.
    """

    widths: list[int] = field(default_factory=lambda: [192, 96])
    blocks: list[int] = field(default_factory=lambda: [3, 3])
    patch: int = 4
    kind: Literal["convolutional", "two_tone"] = "convolutional"
    codebook: CodebookConfig = field(default_factory=CodebookConfig)

    def build(self) -> ImageDecoder | TwoToneDecoder:
        """The network, with new weights."""
        if len(self.widths) != len(self.blocks):
            raise InputError(f"a detokenizer of {len(self.widths)} widths has {len(self.blocks)} blocks; give as many")
        return ImageDecoder(self) if self.kind == "convolutional" else TwoToneDecoder(self)

    @property
    def upsample(self) -> int:
        return self.patch * 2 ** (len(self.widths) - 1)

    @property
    def spec(self) -> CodebookSpec:
        return CodebookSpec("image", self.codebook.size, self.codebook.num_codebooks, downsample=self.upsample)


class ImageDecoder(nn.Module):
    """Code vectors ``[B, C, h, w]`` to pixels ``[B, 3, H, W]``, not clamped."""

    def __init__(self, config: ImageDetokenizerConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(config.codebook.width, config.widths[0], 3, padding=1)]
        width = config.widths[0]
        for i, (next_width, blocks) in enumerate(zip(config.widths, config.blocks, strict=True)):
            if i > 0:
                layers += [nn.Conv2d(width, 4 * next_width, 1), nn.PixelShuffle(2)]
            layers += [ResidualBlock(next_width) for _ in range(blocks)]
            width = next_width
        self.layers = nn.Sequential(*layers)
        self.norm = ChannelNorm(width)
        self.to_pixels = nn.Conv2d(width, 3 * config.patch**2, 3, padding=1)
        self.patch = config.patch

    def forward(self, vectors: Tensor) -> Tensor:
        x = self.layers(vectors.contiguous(memory_format=torch.channels_last))
        return F.pixel_shuffle(self.to_pixels(F.silu(self.norm(x))), self.patch)

    @property
    def ends(self) -> list[nn.Parameter]:
        """The weights of the last layer."""
        return list(self.to_pixels.parameters())


class TwoToneDecoder(nn.Module):
    """Vectors ``[B, 2 * C, h, w]`` of colors and patterns to pixels ``[B, 3, H, W]``, not clamped.

    Colors come from the first half alone and the pattern from the second alone, so that any pattern can have any
    colors.
    """

    def __init__(self, config: ImageDetokenizerConfig) -> None:
        super().__init__()
        width, channels, self.upsample = config.widths[0], config.codebook.channels, config.upsample
        self.colors = nn.Sequential(nn.Conv2d(channels, width, 1), ResidualBlock(width, 1), nn.Conv2d(width, TONES, 1))
        self.pattern = nn.Sequential(
            nn.Conv2d(channels, width, 1),
            *[ResidualBlock(width, 1) for _ in range(config.blocks[0])],
            ChannelNorm(width),
            nn.Conv2d(width, config.upsample**2, 1),
        )
        self.details = ImageDecoder(config)
        for weights in self.details.to_pixels.parameters():
            nn.init.zeros_(weights)

    def forward(self, vectors: Tensor) -> Tensor:
        colors, pattern = vectors.chunk(2, dim=1)
        first, second = (
            self.colors(colors).repeat_interleave(self.upsample, -1).repeat_interleave(self.upsample, -2).chunk(2, 1)
        )
        mixed = first.lerp(second, F.pixel_shuffle(self.pattern(pattern), self.upsample).sigmoid())
        return mixed + self.details(vectors)

    @property
    def to_pixels(self) -> nn.Conv2d:
        """The last layer."""
        return self.details.to_pixels

    @property
    def ends(self) -> list[nn.Parameter]:
        """The weights of the last layers."""
        return [w for m in (self.colors[-1], self.pattern[-1], self.to_pixels) for w in m.parameters()]


class ImageDetokenizer(CodecComponent):
    """Codes to pictures."""

    config: ImageDetokenizerConfig
    config_class = ImageDetokenizerConfig

    def __init__(self, config: ImageDetokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.codebook = config.codebook.build()
        self.decoder = config.build()

    @property
    def spec(self) -> CodebookSpec:
        return self.config.spec

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 ``[B, K, h, w]`` to pictures ``[B, 3, H, W]`` in [-1, 1]."""
        if codes.ndim != 4 or codes.shape[1] != self.spec.num_codebooks:
            raise ValueError(f"codes must be [B, {self.spec.num_codebooks}, h, w], got {list(codes.shape)}")
        batch, books, height, width = codes.shape
        vectors = self.codebook.lookup(codes.permute(0, 2, 3, 1).reshape(-1, books))
        return self.decoder(vectors.view(batch, height, width, -1).permute(0, 3, 1, 2)).clamp(-1, 1)
