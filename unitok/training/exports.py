"""Folders that training exports into: each appears whole, in place of an older export."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from unitok.replacing import in_place_of
from unitok_tokenizers.errors import InputError

EXPORTED = (
    *("config.json", "generation_config.json", "adapter_config.json", "*.safetensors.index.json"),
    *("model*.safetensors", "adapter_model*.safetensors"),
)
"""Files of an export, which are not kept when it is replaced."""


def _is_decoder(folder: Path) -> bool:
    if (folder / "adapter_config.json").is_file():
        return True
    try:
        return "model_type" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _is_codec_part(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _is_pipeline(folder: Path) -> bool:
    return (folder / "model_index.json").is_file()


class Kind(NamedTuple):
    """What is exported, and whether a folder holds an older one."""

    name: str
    holds: Callable[[Path], bool]


DECODER = Kind("decoder", _is_decoder)
"""Or an adapter of one."""
CODEC_PART = Kind("tokenizer or detokenizer", _is_codec_part)
REFINER = Kind("refiner", _is_pipeline)


@contextmanager
def replaced(folder: str | Path, kind: Kind = DECODER) -> Iterator[Path]:
    """A folder to write into, which then takes the place of ``folder``: of an older export, whose other files (notes, a
    model card) are kept.

    Args:
        folder: Where the export will be.
        kind: What is exported.

    Raises:
        InputError: ``folder`` holds something else, or cannot be written.
    """
    refuse_other_folder(folder, kind)
    try:
        with in_place_of(folder, _is_exported) as work:
            yield work
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}; name another folder") from error


def refuse_other_folder(folder: str | Path, kind: Kind = DECODER) -> None:
    """Raises `InputError` for what an export may not replace: anything but an empty folder, or an older export. Files
    whose names begin with a dot do not count."""
    folder = Path(folder)
    if not os.path.exists(folder):
        return
    if not folder.is_dir() or not (kind.holds(folder) or all(path.name.startswith(".") for path in folder.iterdir())):
        raise InputError(f"{folder} holds something else than an exported {kind.name}; name another folder")


def _is_exported(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in EXPORTED)
