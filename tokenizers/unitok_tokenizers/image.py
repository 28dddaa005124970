"""The image tokenizer: a convolutional encoder and a codebook.

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
from unitok_tokenizers.layers import ChannelNorm, ResidualBlock, pad_to_multiple
from unitok_tokenizers.spec import CodebookSpec
from unitok_tokenizers.two_tone import TwoToneEncoder


@dataclass(frozen=True)
class ImageTokenizerConfig:
    """The encoder: ``patch`` pixels are folded into channels, then each further width halves the resolution.

    Args:
        patch: side of the square of pixels that one position of the first stage covers.
        widths: channels of each stage; the code grid is ``patch * 2 ** (len(widths) - 1)`` times coarser than pixels.
        blocks: residual blocks of each stage.
        kernel: side of the convolutions, 1 or 3. With 1 and a single stage a code says what is in its own patch and
            nothing else, so that equal patches have equal codes, which is simplest for a decoder to predict.
        kind: ``convolutional``, or ``two_tone``: the colors of a patch and their pattern are coded apart, by two
            codebooks that concatenate. It has one stage and the kernel 1.
        codebook: the codebook's configuration.
    """

    patch: int = 8
    widths: list[int] = field(default_factory=lambda: [256])
    blocks: list[int] = field(default_factory=lambda: [3])
    kernel: int = 1
    kind: Literal["convolutional", "two_tone"] = "convolutional"
    codebook: CodebookConfig = field(default_factory=CodebookConfig)

    def build(self) -> ImageEncoder | TwoToneEncoder:
        """The network, with new weights."""
        if len(self.widths) != len(self.blocks):
            raise InputError(f"a tokenizer of {len(self.widths)} widths has {len(self.blocks)} blocks; give as many")
        if self.kind == "convolutional":
            return ImageEncoder(self)
        books = self.codebook.combine, self.codebook.num_codebooks
        if (len(self.widths), self.kernel) != (1, 1) or books != ("concatenate", 2):
            raise InputError(
                "the kind two_tone takes one width, the kernel 1 and a quantizer of two codebooks that concatenate"
            )
        return TwoToneEncoder(self.patch, self.widths[0], self.blocks[0], self.codebook.channels)

    @property
    def downsample(self) -> int:
        return self.patch * 2 ** (len(self.widths) - 1)

    @property
    def spec(self) -> CodebookSpec:
        return CodebookSpec("image", self.codebook.size, self.codebook.num_codebooks, downsample=self.downsample)


class ImageEncoder(nn.Module):
    """Pixels ``[B, 3, H, W]`` in [-1, 1] to vectors ``[B, C, h, w]``."""

    def __init__(self, config: ImageTokenizerConfig) -> None:
        super().__init__()
        self.patch = config.patch
        layers: list[nn.Module] = []
        width = 3 * config.patch**2
        for i, (next_width, blocks) in enumerate(zip(config.widths, config.blocks, strict=True)):
            if i == 0:
                layers.append(nn.Conv2d(width, next_width, config.kernel, padding=config.kernel // 2))
            else:
                layers.append(nn.Conv2d(width, next_width, 2, stride=2))
            layers += [ResidualBlock(next_width, config.kernel) for _ in range(blocks)]
            width = next_width
        self.layers = nn.Sequential(*layers)
        self.norm = ChannelNorm(width)
        self.project = nn.Conv2d(width, config.codebook.width, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = F.pixel_unshuffle(images, self.patch).contiguous(memory_format=torch.channels_last)
        return self.project(self.norm(self.layers(x)))

    @property
    def ends(self) -> list[nn.Parameter]:
        """The weights of the last layer."""
        return list(self.project.parameters())


class ImageTokenizer(CodecComponent):
    """Pictures to codes."""

    config: ImageTokenizerConfig
    config_class = ImageTokenizerConfig

    def __init__(self, config: ImageTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = config.build()
        self.codebook = config.codebook.build()

    @property
    def spec(self) -> CodebookSpec:
        return self.config.spec

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Pictures ``[B, 3, H, W]`` in [-1, 1] to codes int64 ``[B, K, h, w]``.

        Height and width are padded up to a multiple of ``spec.downsample`` by repeating the border.
        """
        if media.ndim != 4 or media.shape[1] != 3:
            raise ValueError(f"pictures must be [B, 3, H, W], got {list(media.shape)}")
        with torch.autocast(media.device.type, enabled=False):  # bf16 would find other codes for some pictures
            x = self.encoder(pad_to_multiple(media, self.config.downsample))
        batch, channels, height, width = x.shape
        codes = self.codebook.search(x.permute(0, 2, 3, 1).reshape(-1, channels))
        return codes.view(batch, height, width, -1).permute(0, 3, 1, 2).contiguous()
