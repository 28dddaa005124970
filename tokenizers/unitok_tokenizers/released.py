"""The image tokenizers of released models: encoders of `transformers` behind our interface.

Shape letters: B batch, H W pixels, h w code grid.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from unitok_tokenizers.hub import HubComponent
from unitok_tokenizers.layers import pad_to_multiple
from unitok_tokenizers.module_io import load_module, save_module
from unitok_tokenizers.spec import CodebookSpec

if TYPE_CHECKING:
    from transformers import ChameleonVQVAEConfig, Emu3VQVAEConfig


@dataclass(frozen=True)
class PixelScale:
    """The range of pixels that a released codec was trained on: ``(byte * factor - mean) / std``, by channel."""

    factor: float = 1 / 255
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> PixelScale:
        return PixelScale(values["factor"], tuple(values["mean"]), tuple(values["std"]))

    def apply(self, media: Tensor) -> Tensor:
        """Media ``[B, 3, H, W]`` in [-1, 1] to the codec's range."""
        mean, std = self._channels(media)
        return ((media + 1) * 127.5 * self.factor - mean) / std

    def revert(self, pixels: Tensor) -> Tensor:
        """The inverse of :meth:`apply`, clamped to [-1, 1]."""
        mean, std = self._channels(pixels)
        return ((pixels * std + mean) / (127.5 * self.factor) - 1).clamp(-1, 1)

    def _channels(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(torch.tensor(values, device=like.device).view(-1, 1, 1) for values in (self.mean, self.std))  # type: ignore[return-value]


class ReleasedCodec(HubComponent, nn.Module):
    """What the codecs of released models have in common: a module of `transformers` and its pixel range."""

    def __init__(self, config: Any, scale: PixelScale) -> None:
        super().__init__()
        self.config, self.scale = config, scale
        self.vq: Any = self.build(config)

    @staticmethod
    def read_config(values: dict[str, Any]) -> Any:
        """The module's configuration from plain values."""
        raise NotImplementedError

    @classmethod
    def build(cls, config: Any) -> nn.Module:
        """The module, without the parts that are not needed."""
        raise NotImplementedError

    @property
    def spec(self) -> CodebookSpec:
        raise NotImplementedError

    def write(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        save_module(self, {"vq": self.config.to_dict(), "scale": asdict(self.scale)}, folder)

    @classmethod
    def read(cls, folder: str | Path) -> Any:
        def build(values: dict[str, Any]) -> ReleasedCodec:
            return cls(cls.read_config(values["vq"]), PixelScale.from_dict(values["scale"]))

        return load_module(folder, build)


class ChameleonImageTokenizer(ReleasedCodec):
    """The encoder and the codebook of Chameleon (``ChameleonVQVAE``)."""

    @staticmethod
    def read_config(values: dict[str, Any]) -> ChameleonVQVAEConfig:
        from transformers import ChameleonVQVAEConfig  # only here: slow to import

        return ChameleonVQVAEConfig(**values)

    @classmethod
    def build(cls, config: ChameleonVQVAEConfig) -> nn.Module:
        from transformers import ChameleonVQVAE

        return ChameleonVQVAE(config)

    @property
    def spec(self) -> CodebookSpec:
        downsample = 2 ** (len(self.config.channel_multiplier) - 1)
        return CodebookSpec("image", self.config.num_embeddings, 1, downsample=downsample)

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Pictures ``[B, 3, H, W]`` in [-1, 1] to codes int64 ``[B, 1, h, w]``."""
        cell = self.spec.downsample
        assert cell is not None
        media = pad_to_multiple(media, cell)
        codes = self.vq.encode(self.scale.apply(media), return_dict=True).image_tokens
        return codes.view(len(media), 1, media.shape[2] // cell, media.shape[3] // cell)


class Emu3Codec(ReleasedCodec):
    """``Emu3VQVAE`` without the half that one direction does not need."""

    unused: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def read_config(values: dict[str, Any]) -> Emu3VQVAEConfig:
        from transformers import Emu3VQVAEConfig  # only here: slow to import

        return Emu3VQVAEConfig(**values)

    @classmethod
    def build(cls, config: Emu3VQVAEConfig) -> nn.Module:
        from transformers.models.emu3.modeling_emu3 import Emu3VQVAE

        vq: Any = Emu3VQVAE(config)
        for name in cls.unused:
            delattr(vq, name)
        return vq

    @property
    def spec(self) -> CodebookSpec:
        downsample = 2 ** (len(self.config.channel_multiplier) - 1)
        return CodebookSpec("image", self.config.codebook_size, 1, downsample=downsample)


class Emu3ImageTokenizer(Emu3Codec):
    """The encoder and the codebook of Emu3 (``Emu3VQVAE``)."""

    unused = ("decoder", "post_quant_conv")

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Pictures ``[B, 3, H, W]`` in [-1, 1] to codes int64 ``[B, 1, h, w]``."""
        cell = self.spec.downsample
        assert cell is not None
        media = pad_to_multiple(media, cell)
        sizes = torch.tensor([media.shape[2:]] * len(media))
        return torch.stack(self.vq.encode(self.scale.apply(media), sizes, return_dict=True).image_tokens)[:, None]
