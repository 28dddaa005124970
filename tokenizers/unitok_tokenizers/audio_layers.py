"""Building blocks along time that the audio tokenizer and detokenizer share.

Shape letters: B batch, C channels, T frames.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from unitok_tokenizers.layers import ChannelNorm


class FrameConv(nn.Module):
    """A convolution over frames that sees ``before`` and ``after`` its own: ``[B, C, T]`` to ``[B, C', T]``.

    Beyond the ends there is silence, so that the result for a frame depends on the frames that it sees alone.
    """

    def __init__(self, channels: int, outputs: int, before: int, after: int, groups: int = 1) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.conv = nn.Conv1d(channels, outputs, before + 1 + after, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (self.before, self.after)))


class ConvNeXtBlock(nn.Module):
    """A ConvNeXt block (Liu et al. 2022) over frames, beside an identity: ``[B, C, T]`` to the same shape.

    Each channel is filtered over time on its own, then each frame's channels are mixed. Statistics are taken over
    channels only.

    Args:
        channels: C.
        before, after: frames that a frame sees.
        expansion: how many times wider the hidden layer is.
    """

    def __init__(self, channels: int, before: int, after: int, expansion: int) -> None:
        super().__init__()
        self.filter = FrameConv(channels, channels, before, after, groups=channels)
        self.norm = ChannelNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.narrow = nn.Linear(expansion * channels, channels)
        for parameter in self.narrow.parameters():
            nn.init.zeros_(parameter)  # a block starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.filter(x)).transpose(1, 2)
        return x + self.narrow(F.gelu(self.widen(y))).transpose(1, 2)


class Coarser(nn.Module):
    """Joins ``factor`` frames to one: ``[B, C, factor * T]`` to ``[B, C, T]``."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.mix = nn.Linear(factor * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x.transpose(1, 2).unflatten(1, (-1, self.factor)).flatten(2)).transpose(1, 2)


class Finer(nn.Module):
    """Splits each frame into ``factor``: ``[B, C, T]`` to ``[B, C, factor * T]``."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.channels = channels
        self.mix = nn.Linear(channels, factor * channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x.transpose(1, 2)).unflatten(2, (-1, self.channels)).flatten(1, 2).transpose(1, 2)
