"""Where a checkpoint is."""

from __future__ import annotations

from pathlib import Path

from unitok.bases import shipped_folder
from unitok.manifest import MANIFEST, is_checkpoint
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.hub import find_folder

SHIPPED = ("tiny",)
"""Checkpoints inside the package, by name."""


def find_checkpoint(name_or_folder: str | Path) -> Path:
    """The folder of a checkpoint: one of :data:`SHIPPED`, a folder, or a name on the Hub, which is
    downloaded.

    Raises:
        InputError: There is none.
    """
    name = str(name_or_folder)
    if name in SHIPPED:
        folder = shipped_folder(name)
        if not is_checkpoint(folder):
            raise InputError(f"the model {name} is not in this installation ({folder}); install unitok again")
        return folder
    folder = find_folder(name)
    if not folder.is_dir():
        raise InputError(
            f"there is no model {name!r}; give {', '.join(SHIPPED)}, a folder that holds "
            f"{MANIFEST}, or a name owner/model on the Hugging Face Hub"
        )
    return folder
