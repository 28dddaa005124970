"""The audio tokenizer: a log-mel front end, a convolutional encoder and residual codebooks.

Shape letters: B batch, N samples, T frames of codes, K codebooks, C channels of a code vector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unitok_tokenizers.audio_layers import Coarser, ConvNeXtBlock, FrameConv
from unitok_tokenizers.codebook import CodebookConfig
from unitok_tokenizers.codec_component import CodecComponent
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.layers import ChannelNorm
from unitok_tokenizers.log_mel import LogMel
from unitok_tokenizers.spec import CodebookSpec

CENTER: Final = -1.5
"""About the mean of log-mel spectra: an encoder learns faster from inputs around zero."""


def euclidean_codebook() -> CodebookConfig:
    """The default codebook of sound."""
    return CodebookConfig(metric="euclidean")


@dataclass(frozen=True)
class AudioTokenizerConfig:
    """The encoder: mel spectra at a fine rate, then frames of codes at a coarse one, with blocks at both.

    Args:
        sample_rate: samples a second.
        hop_length: samples of a frame of codes, a multiple of ``mel_hop``.
        mel_hop: samples from one spectrum to the next.
        n_fft: samples of a spectrum's window.
        mels: bands of a spectrum.
        width: channels.
        blocks: residual blocks at the rate of the spectra and at the rate of the codes.
        reach: neighbors on either side that a convolution sees. A code depends on few frames, so that equal sounds
            have equal codes: ``context`` says on how many samples.
        expansion: how many times wider the hidden layer of a block is.
        codebook: the codebook's configuration.
    """

    sample_rate: int = 16_000
    hop_length: int = 320
    mel_hop: int = 160
    n_fft: int = 640
    mels: int = 80
    width: int = 256
    blocks: list[int] = field(default_factory=lambda: [2, 3])
    reach: int = 1
    expansion: int = 3
    codebook: CodebookConfig = field(default_factory=euclidean_codebook)

    def __post_init__(self) -> None:
        check_hops(self.hop_length, self.mel_hop, self.n_fft, self.blocks)

    @property
    def context(self) -> int:
        """Samples before and after its own frame that a code depends on."""
        fine, coarse = self.blocks
        spill = -(-(self.n_fft - self.mel_hop) // 2)
        return self.reach * (coarse * self.hop_length + (1 + fine) * self.mel_hop) + spill

    @property
    def spec(self) -> CodebookSpec:
        return CodebookSpec(
            "audio",
            self.codebook.size,
            self.codebook.num_codebooks,
            sample_rate=self.sample_rate,
            hop_length=self.hop_length,
        )


def check_hops(hop_length: int, fine_hop: int, n_fft: int, blocks: list[int]) -> None:
    """Raises :class:`InputError` where the two rates of an audio codec's network do not fit together."""
    if fine_hop < 1 or hop_length < 1 or hop_length % fine_hop:
        raise InputError(f"hop_length must be a multiple of the spectra's hop {fine_hop}, not {hop_length}")
    if n_fft < 2 * fine_hop or n_fft % 2:
        raise InputError(f"n_fft must be even and at least twice the spectra's hop {fine_hop}, not {n_fft}")
    if len(blocks) != 2:
        raise InputError(f"blocks must be two numbers, one for each rate, not {blocks}")


class AudioEncoder(nn.Module):
    """Samples ``[B, 1, N]`` in [-1, 1], with N a multiple of the hop, to vectors ``[B, C, T]``."""

    def __init__(self, config: AudioTokenizerConfig) -> None:
        super().__init__()
        width, (fine, coarse), reach = config.width, config.blocks, config.reach
        self.mel = LogMel(config.sample_rate, config.n_fft, config.mel_hop, config.mels)
        self.layers = nn.Sequential(
            FrameConv(config.mels, width, reach, reach),
            *(ConvNeXtBlock(width, reach, reach, config.expansion) for _ in range(fine)),
            Coarser(width, config.hop_length // config.mel_hop),
            *(ConvNeXtBlock(width, reach, reach, config.expansion) for _ in range(coarse)),
            ChannelNorm(width),
        )
        self.project = nn.Conv1d(width, config.codebook.width, 1)

    def forward(self, samples: Tensor) -> Tensor:
        return self.project(self.layers(self.mel(samples[:, 0]) - CENTER))

    @property
    def ends(self) -> list[nn.Parameter]:
        """The weights of the last layer."""
        return list(self.project.parameters())


class AudioTokenizer(CodecComponent):
    """Sound to codes."""

    config: AudioTokenizerConfig
    config_class = AudioTokenizerConfig

    def __init__(self, config: AudioTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = AudioEncoder(config)
        self.codebook = config.codebook.build()

    @property
    def spec(self) -> CodebookSpec:
        return self.config.spec

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Samples ``[B, 1, N]`` in [-1, 1] at the spec's rate to codes int64 ``[B, K, T]``, T = ceil(N / hop_length).

        The last frame is filled up with silence. A code depends on ``config.context`` samples around its frame.
        """
        with torch.autocast(media.device.type, enabled=False):  # bf16 would find other codes for some sounds
            x = self.encoder(pad_to_frames(media, self.config.hop_length))
        batch, channels, frames = x.shape
        codes = self.codebook.search(x.transpose(1, 2).reshape(-1, channels))
        return codes.view(batch, frames, -1).transpose(1, 2).contiguous()


def pad_to_frames(media: Tensor, hop_length: int) -> Tensor:
    """Samples ``[B, 1, N]``, N at least 1, filled up with silence to a whole number of frames."""
    if media.ndim != 3 or media.shape[1] != 1 or not media.shape[2]:
        raise ValueError(f"sounds must be [B, 1, N] with samples, got {list(media.shape)}")
    return F.pad(media, (0, -media.shape[2] % hop_length))
