"""The audio detokenizers of released codecs: decoders of `transformers` behind our interface, kept frozen.

Shape letters: B batch, T frames of codes, K codebooks, k of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.frozen_audio import (
    DacAudioTokenizer,
    DacCodec,
    EncodecAudioTokenizer,
    EncodecCodec,
    FrozenAudioCodec,
    FrozenAudioTokenizer,
    MimiAudioTokenizer,
    MimiCodec,
    model_type,
)
from unitok_tokenizers.hub import find_folder


class FrozenAudioDetokenizer(FrozenAudioCodec):
    """What the decoders have in common."""

    unused = "encoder"

    @property
    def lookahead(self) -> int | None:
        """Frames that must follow before a frame's samples are final; none: all that there are."""
        return None

    @property
    def history(self) -> int | None:
        """Frames before it that a frame's samples depend on; none: all of them."""
        return None

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 ``[B, k, T]`` of the first k codebooks to samples ``[B, 1, T * hop_length]`` in [-1, 1].

        Where the model makes a few samples less (DAC with odd strides), silence is added.
        """
        least, most = self.codebooks(self.config)[0], self.num_codebooks
        if codes.ndim != 3 or not least <= codes.shape[1] <= most:
            raise ValueError(f"codes must be [B, {least} to {most}, T], got {list(codes.shape)}")
        length = codes.shape[2] * self.hop(self.config)
        if not length:
            return torch.zeros(len(codes), 1, 0, device=codes.device)
        samples = self.samples(codes)[..., :length].clamp(-1, 1)
        return F.pad(samples, (0, length - samples.shape[-1]))

    def samples(self, codes: Tensor) -> Tensor:
        """What the model makes of codes: about as many samples ``[B, 1, N]``, not clamped."""
        raise NotImplementedError


class EncodecAudioDetokenizer(FrozenAudioDetokenizer, EncodecCodec):
    """The decoder of EnCodec with its copy of the codebooks."""

    def samples(self, codes: Tensor) -> Tensor:
        return self.codec.decoder(self.codec.quantizer.decode(codes.transpose(0, 1)))


class MimiAudioDetokenizer(FrozenAudioDetokenizer, MimiCodec):
    """The decoder of Mimi with its copy of the codebooks."""

    @property
    def lookahead(self) -> int | None:
        config = self.codec.config
        causal = config.use_causal_conv and config.trim_right_ratio == 1.0 and config.pad_mode == "constant"
        return 0 if causal else None

    def samples(self, codes: Tensor) -> Tensor:
        return self.codec.decode(codes).audio_values


class DacAudioDetokenizer(FrozenAudioDetokenizer, DacCodec):
    """The decoder of the Descript Audio Codec with its copy of the codebooks."""

    def samples(self, codes: Tensor) -> Tensor:
        return self.codec.decode(audio_codes=codes).audio_values[:, None]


PAIRS: Final[dict[str, tuple[type[FrozenAudioTokenizer], type[FrozenAudioDetokenizer]]]] = {
    "encodec": (EncodecAudioTokenizer, EncodecAudioDetokenizer),
    "mimi": (MimiAudioTokenizer, MimiAudioDetokenizer),
    "dac": (DacAudioTokenizer, DacAudioDetokenizer),
}
"""By the model's type, its tokenizer and its detokenizer."""


def load_frozen_codec(
    name_or_folder: str | Path, num_codebooks: int | None = None
) -> tuple[FrozenAudioTokenizer, FrozenAudioDetokenizer]:
    """The tokenizer and the detokenizer of a codec as `transformers` saves it, of whichever kind it is.

    Args:
        name_or_folder: A folder, or a name on the Hub such as `kyutai/mimi`, which is downloaded.
        num_codebooks: How many codebooks are used; none: all.

    Raises:
        InputError: There is none, it is damaged, of no kind that is known, or has not so many codebooks.
    """
    folder = find_folder(name_or_folder)
    kind = model_type(folder)
    if kind not in PAIRS:
        raise InputError(f"{name_or_folder} holds a model of type {kind!r}; audio codecs are {', '.join(PAIRS)}")
    tokenizer, detokenizer = PAIRS[kind]
    return tokenizer.from_transformers(folder, num_codebooks), detokenizer.from_transformers(folder, num_codebooks)
