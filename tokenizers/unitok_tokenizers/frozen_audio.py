"""The audio tokenizers of released codecs: encoders of `transformers` behind our interface, kept frozen.

Shape letters: B batch, N samples, T frames of codes, K codebooks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.hub import HubComponent, find_folder
from unitok_tokenizers.module_io import CONFIG, load_module, save_module
from unitok_tokenizers.spec import CodebookSpec

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class FrozenAudioCodec(HubComponent, nn.Module):
    """What the codecs of `transformers` have in common: a model of it, of which the first codebooks are used.

    Args:
        codec: The model; the half that is not needed is taken out of it.
        num_codebooks: How many codebooks are used; none: all.

    Raises:
        InputError: The model has not so many, or is of a kind that has no place here (several channels, chunks).
    """

    model_type: ClassVar[str]
    unused: ClassVar[str]
    """The model's half that this side does not need."""

    def __init__(self, codec: Any, num_codebooks: int | None = None) -> None:
        super().__init__()
        self.check(codec.config)
        least, most = self.codebooks(codec.config)
        self.num_codebooks = most if num_codebooks is None else num_codebooks
        if not least <= self.num_codebooks <= most:
            raise InputError(f"this {self.model_type} has {least} to {most} codebooks, not {num_codebooks}")
        setattr(codec, self.unused, None)
        self.codec = codec.eval().requires_grad_(False)

    @classmethod
    def model_class(cls) -> Any:
        """The class of `transformers`."""
        import transformers  # only here: slow to import

        return getattr(transformers, f"{cls.model_type.capitalize()}Model")

    @classmethod
    def check(cls, config: Any) -> None:
        """Raises :class:`InputError` for what is not supported."""

    @classmethod
    def codebooks(cls, config: Any) -> tuple[int, int]:
        """The least and the largest number of codebooks that can be used."""
        raise NotImplementedError

    @classmethod
    def hop(cls, config: Any) -> int:
        """Samples a frame."""
        return config.hop_length

    @property
    def config(self) -> PreTrainedConfig:
        return self.codec.config

    @property
    def spec(self) -> CodebookSpec:
        config: Any = self.config
        rate, hop = config.sampling_rate, self.hop(config)
        return CodebookSpec("audio", config.codebook_size, self.num_codebooks, sample_rate=rate, hop_length=hop)

    def train(self, mode: bool = True) -> Self:
        """Does nothing: a frozen codec always works as when it is evaluated."""
        return super().train(False)

    def write(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        save_module(self, {"codec": self.config.to_dict(), "num_codebooks": self.num_codebooks}, folder)

    @classmethod
    def read(cls, folder: str | Path) -> Any:
        def build(values: dict[str, Any]) -> FrozenAudioCodec:
            model = cls.model_class()
            return cls(model(model.config_class(**values["codec"])), values["num_codebooks"])

        return load_module(folder, build)

    @classmethod
    def from_transformers(cls, name_or_folder: str | Path, num_codebooks: int | None = None) -> Self:
        """Reads a model as `transformers` saves it.

        Args:
            name_or_folder: A folder, or the name `owner/model` of one on the Hub, which is downloaded.
            num_codebooks: How many codebooks are used; none: all.

        Raises:
            InputError: There is none, it is of another kind, or it is damaged.
        """
        folder = find_folder(name_or_folder)
        found = model_type(folder)
        if found != cls.model_type:
            raise InputError(f"{folder} holds a model of type {found!r}, not {cls.model_type!r}")
        try:
            codec = cls.model_class().from_pretrained(
                folder, use_safetensors=True, local_files_only=True, dtype=torch.float32
            )
        except Exception as error:  # files that are missing or damaged raise nearly anything
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"{folder} cannot be read as {cls.model_type}: {reason}") from error
        return cls(codec, num_codebooks)


def model_type(folder: Path) -> str:
    """The kind of model that a folder of `transformers` holds.

    Raises:
        InputError: Its ``config.json`` is missing or does not say.
    """
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return str(values["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / CONFIG} does not name the type of a model: {error!r}") from None


class EncodecCodec(FrozenAudioCodec):
    """EnCodec (Defossez et al. 2022) of one channel, such as `facebook/encodec_24khz`."""

    model_type = "encodec"

    @classmethod
    def check(cls, config: Any) -> None:
        if config.audio_channels != 1 or config.normalize or config.chunk_length_s is not None:
            raise InputError("this encodec has several channels, chunks or a loudness of its own; use one without")

    @classmethod
    def codebooks(cls, config: Any) -> tuple[int, int]:
        return 1, config.num_quantizers


class MimiCodec(FrozenAudioCodec):
    """Mimi (Defossez et al. 2024), such as `kyutai/mimi`."""

    model_type = "mimi"

    @classmethod
    def check(cls, config: Any) -> None:
        if config.audio_channels != 1 or config.sampling_rate % config.frame_rate:
            raise InputError("this mimi has several channels, or frames that are no whole number of samples")

    @classmethod
    def codebooks(cls, config: Any) -> tuple[int, int]:
        return config.num_semantic_quantizers, config.num_quantizers

    @classmethod
    def hop(cls, config: Any) -> int:
        return int(config.sampling_rate / config.frame_rate)


class DacCodec(FrozenAudioCodec):
    """The Descript Audio Codec (Kumar et al. 2023), such as `descript/dac_16khz`."""

    model_type = "dac"

    @classmethod
    def codebooks(cls, config: Any) -> tuple[int, int]:
        return 1, config.n_codebooks


class FrozenAudioTokenizer(FrozenAudioCodec):
    """What the encoders have in common."""

    unused = "decoder"

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Samples ``[B, 1, N]`` in [-1, 1] at the spec's rate to codes int64 ``[B, K, T]``, T = ceil(N / hop_length).

        They are those of the model: EnCodec and Mimi fill up the last frame in their own way, DAC with silence.
        """
        if media.ndim != 3 or media.shape[1] != 1 or not media.shape[2]:
            raise ValueError(f"sounds must be [B, 1, N] with samples, got {list(media.shape)}")
        return self.codes(media).contiguous()

    def codes(self, media: Tensor) -> Tensor:
        """The model's codes ``[B, K, T]``."""
        raise NotImplementedError


class EncodecAudioTokenizer(FrozenAudioTokenizer, EncodecCodec):
    """The encoder and the codebooks of EnCodec."""

    def codes(self, media: Tensor) -> Tensor:
        return self.codec.quantizer.encode(self.codec.encoder(media))[: self.num_codebooks].transpose(0, 1)


class MimiAudioTokenizer(FrozenAudioTokenizer, MimiCodec):
    """The encoder and the codebooks of Mimi."""

    def codes(self, media: Tensor) -> Tensor:
        return self.codec.encode(media, num_quantizers=self.num_codebooks).audio_codes


class DacAudioTokenizer(FrozenAudioTokenizer, DacCodec):
    """The encoder and the codebooks of the Descript Audio Codec."""

    def codes(self, media: Tensor) -> Tensor:
        media = F.pad(media, (0, -media.shape[2] % self.hop(self.config)))  # as its feature extractor does
        return self.codec.encode(media, n_quantizers=self.num_codebooks).audio_codes
