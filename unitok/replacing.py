"""Folders and files that appear whole, in the place of older ones."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from unitok_tokenizers.media_files import write_file
from unitok_tokenizers.module_io import share_weights


@contextmanager
def in_place_of(folder: str | Path, ours: Callable[[str], bool]) -> Iterator[Path]:
    """A new folder to write into, which takes the place of ``folder`` once the block has come to its end.

    Where it does not, ``folder`` is as it was. Where a link leads, it is the target that changes.

    Args:
        folder: The place; what is there is replaced.
        ours: Whether a file or folder of this name is what is replaced. Others (notes, a model card) are kept.

    Raises:
        OSError: Something cannot be written.
    """
    target, mark = Path(os.path.realpath(folder)), uuid.uuid4().hex[:8]
    fresh, old = (target.with_name(f".{target.name}.{mark}.{end}") for end in ("new", "old"))
    try:
        fresh.mkdir(parents=True)
        yield fresh
        share_weights(fresh)
        if target.exists():
            _copy_others(target, fresh, ours)
            target.rename(old)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    try:
        shutil.rmtree(old, ignore_errors=True)
    except KeyboardInterrupt:  # the new one is in its place: the old one goes all the same
        shutil.rmtree(old, ignore_errors=True)
        raise


def _copy_others(source: Path, target: Path, ours: Callable[[str], bool]) -> None:
    for path in source.iterdir():
        if ours(path.name) or (target / path.name).exists():
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name, symlinks=True)
        else:
            shutil.copy2(path, target / path.name, follow_symlinks=False)


def replace_text(path: Path, text: str) -> None:
    """Writes a report in UTF-8, or leaves what is there as it was.

    Raises:
        InputError: It cannot be written.
    """

    def write(file: IO[bytes]) -> None:
        file.write(text.encode())

    write_file(path, "report", write, overwrite=True)
