"""The audio detokenizer: a copy of the codebook, a mostly causal convolutional decoder and an inverse STFT.

Shape letters: B batch, N samples, T frames of codes, K codebooks, k of them, C channels of a code vector.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from unitok_detokenizers.inverse_stft import InverseStft
from unitok_tokenizers.audio import check_hops, euclidean_codebook
from unitok_tokenizers.audio_layers import ConvNeXtBlock, Finer, FrameConv
from unitok_tokenizers.codebook import CodebookConfig
from unitok_tokenizers.codec_component import CodecComponent
from unitok_tokenizers.layers import ChannelNorm
from unitok_tokenizers.spec import CodebookSpec


@dataclass(frozen=True)
class AudioDetokenizerConfig:
    """The decoder: blocks at the rate of the codes, then at the finer rate of the spectra that it ends in.

    Args:
        sample_rate: samples a second.
        hop_length: samples of a frame of codes, a multiple of ``stft_hop``.
        stft_hop: samples from one spectrum to the next, about 10 ms.
        n_fft: samples of a spectrum's window.
        width: channels.
        blocks: residual blocks at the rate of the codes and at the rate of the spectra.
        past: frames before its own that each convolution sees.
        future: frames of codes after its own that the first convolution sees; all others see the past alone, so that
            sound can be played while its codes are still being generated.
        expansion: how many times wider the hidden layer of a block is.
        codebook: the codebook's configuration, the same as the tokenizer's.
    """

    sample_rate: int = 16_000
    hop_length: int = 320
    stft_hop: int = 160
    n_fft: int = 640
    width: int = 256
    blocks: list[int] = field(default_factory=lambda: [3, 5])
    past: int = 6
    future: int = 2
    expansion: int = 3
    codebook: CodebookConfig = field(default_factory=euclidean_codebook)

    def __post_init__(self) -> None:
        check_hops(self.hop_length, self.stft_hop, self.n_fft, self.blocks)

    @property
    def upsample(self) -> int:
        """Spectra of a frame of codes."""
        return self.hop_length // self.stft_hop

    @property
    def lookahead(self) -> int:
        """Frames of codes after its own that a frame of samples depends on."""
        spectra = -(-((self.n_fft - self.stft_hop) // 2) // self.stft_hop)  # whose windows begin within the frame
        return self.future + -(-spectra // self.upsample)

    @property
    def history(self) -> int:
        """Frames of codes before its own that a frame of samples depends on."""
        coarse, fine = self.blocks
        behind = self.n_fft - (self.n_fft - self.stft_hop) // 2
        spectra = -(-behind // self.stft_hop) - 1 + fine * self.past
        return (1 + coarse) * self.past + -(-spectra // self.upsample)

    @property
    def spec(self) -> CodebookSpec:
        return CodebookSpec(
            "audio",
            self.codebook.size,
            self.codebook.num_codebooks,
            sample_rate=self.sample_rate,
            hop_length=self.hop_length,
        )


class AudioDecoder(nn.Module):
    """Code vectors ``[B, C, T]`` to samples ``[B, 1, T * hop_length]``, not clamped."""

    def __init__(self, config: AudioDetokenizerConfig) -> None:
        super().__init__()
        width, (coarse, fine), past = config.width, config.blocks, config.past
        self.layers = nn.Sequential(
            FrameConv(config.codebook.width, width, past, config.future),
            *(ConvNeXtBlock(width, past, 0, config.expansion) for _ in range(coarse)),
            Finer(width, config.upsample),
            *(ConvNeXtBlock(width, past, 0, config.expansion) for _ in range(fine)),
            ChannelNorm(width),
        )
        self.head = InverseStft(width, config.n_fft, config.stft_hop)

    def forward(self, vectors: Tensor) -> Tensor:
        return self.head(self.layers(vectors))

    @property
    def ends(self) -> list[nn.Parameter]:
        """The weights of the last layer."""
        return list(self.head.project.parameters())


class AudioDetokenizer(CodecComponent):
    """Codes to sound."""

    config: AudioDetokenizerConfig
    config_class = AudioDetokenizerConfig

    def __init__(self, config: AudioDetokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.codebook = config.codebook.build()
        self.decoder = AudioDecoder(config)

    @property
    def spec(self) -> CodebookSpec:
        return self.config.spec

    @property
    def lookahead(self) -> int:
        """Frames that must follow before a frame's samples are final.

        Of the sound of T frames, the samples before ``(T - lookahead) * hop_length`` stay as they are whatever follows.
        """
        return self.config.lookahead

    @property
    def history(self) -> int:
        """Frames before it that a frame's samples depend on: earlier codes may be forgotten."""
        return self.config.history

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 ``[B, k, T]`` to samples ``[B, 1, T * hop_length]`` in [-1, 1] at the spec's rate.

        With codebooks that refine one another, the first k of K are enough: fewer codes a second, less detail.
        """
        most = self.spec.num_codebooks
        least = 1 if self.config.codebook.combine == "sum" else most
        if codes.ndim != 3 or not least <= codes.shape[1] <= most:
            raise ValueError(f"codes must be [B, {least} to {most}, T], got {list(codes.shape)}")
        batch, books, frames = codes.shape
        if not frames:
            return torch.zeros(batch, 1, 0, device=codes.device)
        vectors = self.codebook.lookup(codes.transpose(1, 2).reshape(-1, books))
        return self.decoder(vectors.view(batch, frames, -1).transpose(1, 2)).clamp(-1, 1)
