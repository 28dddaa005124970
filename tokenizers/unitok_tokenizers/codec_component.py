"""What tokenizers and detokenizers that are trained here have in common: a configuration, and a folder of their own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import nn

from unitok_tokenizers.codebook import CodebookConfig
from unitok_tokenizers.hub import HubComponent
from unitok_tokenizers.module_io import load_module, save_module

Codec = TypeVar("Codec", bound="CodecComponent")


class CodecComponent(HubComponent, nn.Module):
    """A component that is built from a configuration, a data class with a :class:`CodebookConfig` as ``codebook``."""

    config: Any
    config_class: ClassVar[type]

    def write(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        save_module(self, asdict(self.config), folder)

    @classmethod
    def read(cls: type[Codec], folder: str | Path) -> Codec:
        def build(values: dict[str, Any]) -> Codec:
            config = cls.config_class(**{**values, "codebook": CodebookConfig(**values["codebook"])})
            return cls(config)  # pyright: ignore[reportCallIssue]

        return load_module(folder, build)
