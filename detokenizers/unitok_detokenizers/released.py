"""The image detokenizers of released models.

Shape letters: B batch, H W pixels, h w code grid, C channels of a code vector.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.hub import HubComponent
from unitok_tokenizers.module_io import load_module, save_module
from unitok_tokenizers.released import Emu3Codec
from unitok_tokenizers.spec import CodebookSpec


class Emu3ImageDetokenizer(Emu3Codec):
    """The decoder of Emu3 (``Emu3VQVAE``) with its copy of the codebook."""

    unused = ("encoder", "quant_conv")

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 ``[B, 1, h, w]`` to pictures ``[B, 3, H, W]`` in [-1, 1]."""
        return self.scale.revert(self.vq.decode(codes[:, 0]))


class VqganImageDetokenizer(HubComponent, nn.Module):
    """The decoder of a VQGAN (Esser et al. 2021), such as Chameleon's, as ``VQModel`` of `diffusers`.

    Args:
        settings: The keyword arguments of ``VQModel``.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from diffusers import VQModel  # type: ignore[attr-defined]  # only here: slow to import

        super().__init__()
        self.settings = dict(settings)
        self.vq: Any = VQModel(**self.settings)
        del self.vq.encoder, self.vq.quant_conv

    @property
    def spec(self) -> CodebookSpec:
        downsample = 2 ** (len(self.settings["block_out_channels"]) - 1)
        return CodebookSpec("image", self.settings["num_vq_embeddings"], 1, downsample=downsample)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 ``[B, 1, h, w]`` to pictures ``[B, 3, H, W]`` in [-1, 1]."""
        vectors = self.vq.quantize.embedding(codes[:, 0]).permute(0, 3, 1, 2)
        return self.vq.decoder(self.vq.post_quant_conv(vectors)).clamp(-1, 1)

    def write(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        save_module(self, {"vq": self.settings}, folder)

    @classmethod
    def read(cls, folder: str | Path) -> VqganImageDetokenizer:
        return load_module(folder, lambda values: cls(values["vq"]))

    @classmethod
    def from_original(cls, checkpoint: str | Path, config: str | Path) -> VqganImageDetokenizer:
        """Read the original release: Lightning's checkpoint (``vqgan.ckpt``) and its YAML configuration.

        Nothing in the checkpoint is run: it is read with ``weights_only``.

        Raises:
            InputError: A file is missing or damaged, or the weights are not those that the configuration describes.
        """
        import yaml

        try:
            values = yaml.safe_load(Path(config).read_text(encoding="utf-8"))["model"]["params"]
            settings, levels = _settings(values), len(values["ddconfig"]["ch_mult"])
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{config} does not describe a VQGAN: {error!r}") from None
        weights = load_original(checkpoint)
        with torch.device("meta"):
            model = cls(settings)
        model = model.to_empty(device="cpu")
        renamed = {}
        for name, value in weights.items():
            if (new := _diffusers_name(name, levels)) is not None:
                linear = ".attentions." in new and value.dim() == 4
                renamed[f"vq.{new}"] = (value[:, :, 0, 0] if linear else value).float()
        try:
            model.load_state_dict(renamed)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise InputError(f"{checkpoint} does not fit {config}: {first}") from None
        return model.eval()


def load_original(checkpoint: str | Path) -> dict[str, Tensor]:
    """The weights of an original VQGAN, encoder and decoder, under their own names; nothing in the file is run.

    Raises:
        InputError: It cannot be read as weights.
    """
    try:
        loaded = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises nearly anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{checkpoint} cannot be read as weights: {reason}") from None
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    return {name: value for name, value in weights.items() if isinstance(value, Tensor)}


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """``VQModel``'s arguments, of the parameters in a VQGAN's YAML file."""
    decoder = values["ddconfig"]
    widths = [decoder["ch"] * factor for factor in decoder["ch_mult"]]
    attend = [decoder["resolution"] // 2**level in decoder["attn_resolutions"] for level in range(len(widths))]
    return {
        "in_channels": decoder["in_channels"],
        "out_channels": decoder["out_ch"],
        "down_block_types": ["AttnDownEncoderBlock2D" if one else "DownEncoderBlock2D" for one in attend],
        "up_block_types": ["AttnUpDecoderBlock2D" if one else "UpDecoderBlock2D" for one in reversed(attend)],
        "block_out_channels": widths,
        "layers_per_block": decoder["num_res_blocks"],
        "latent_channels": decoder["z_channels"],
        "num_vq_embeddings": values["n_embed"],
        "vq_embed_dim": values["embed_dim"],
    }


_RENAMES = (
    (r"decoder\.mid\.block_([12])\.", lambda m: f"decoder.mid_block.resnets.{int(m[1]) - 1}."),
    (r"decoder\.mid\.attn_1\.", lambda m: "decoder.mid_block.attentions.0."),
    (r"(\.up_blocks\.\d+)\.block\.", lambda m: f"{m[1]}.resnets."),
    (r"(\.up_blocks\.\d+)\.attn\.", lambda m: f"{m[1]}.attentions."),
    (r"(\.up_blocks\.\d+)\.upsample\.", lambda m: f"{m[1]}.upsamplers.0."),
    (r"\.nin_shortcut\.", lambda m: ".conv_shortcut."),
    (r"decoder\.norm_out\.", lambda m: "decoder.conv_norm_out."),
    (r"(\.attentions\.\d+)\.norm\.", lambda m: f"{m[1]}.group_norm."),
    (r"(\.attentions\.\d+)\.([qkv])\.", lambda m: f"{m[1]}.to_{m[2]}."),
    (r"(\.attentions\.\d+)\.proj_out\.", lambda m: f"{m[1]}.to_out.0."),
)


def _diffusers_name(name: str, levels: int) -> str | None:
    """What ``VQModel`` calls a tensor of the original; None of those that decoding does not need."""
    if not name.startswith(("decoder.", "post_quant_conv.", "quantize.embedding.")):
        return None
    name = re.sub(r"^decoder\.up\.(\d+)", lambda m: f"decoder.up_blocks.{levels - 1 - int(m[1])}", name)
    for pattern, new in _RENAMES:
        name = re.sub(pattern, new, name)
    return name
