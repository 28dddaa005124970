"""Folders that training exports into: each appears whole, in place of an older export."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.module_io import share_weights

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
    # Where a link leads, it is the target that changes.
    target, mark = Path(os.path.realpath(folder)), uuid.uuid4().hex[:8]
    work, old = (target.with_name(f".{target.name}.{mark}.{end}") for end in ("new", "old"))
    try:
        work.mkdir(parents=True)
        yield work
        share_weights(work)
        if target.exists():
            _keep_others(target, work)
            target.rename(old)
        work.rename(target)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if old.exists() and not target.exists():
            old.rename(target)
        if isinstance(error, OSError):
            raise InputError(f"{folder} cannot be written: {error.strerror or error}; name another folder") from error
        raise
    shutil.rmtree(old, ignore_errors=True)


def refuse_other_folder(folder: str | Path, kind: Kind = DECODER) -> None:
    """Raises `InputError` for what an export may not replace: anything but an empty folder, or an older export. Files
    whose names begin with a dot do not count."""
    folder = Path(folder)
    if not os.path.exists(folder):
        return
    if not folder.is_dir() or not (kind.holds(folder) or all(path.name.startswith(".") for path in folder.iterdir())):
        raise InputError(f"{folder} holds something else than an exported {kind.name}; name another folder")


def _keep_others(source: Path, target: Path) -> None:
    """Copies what is no part of an export, and not there anew."""
    for path in source.iterdir():
        if (target / path.name).exists() or any(fnmatch(path.name, pattern) for pattern in EXPORTED):
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name, symlinks=True)
        else:
            shutil.copy2(path, target / path.name, follow_symlinks=False)
