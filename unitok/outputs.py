"""Where the pictures of a run go: names from the prompt, never over an existing file, and a contact sheet."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as PILImage

from unitok.viz import contact_sheet
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import save_image

SLUG_LENGTH = 60


def slug(text: str) -> str:
    """A stem for a file's name: lower-case ASCII words joined by dashes, at most `SLUG_LENGTH` letters."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", ascii_text)
    stem = ""
    for word in words:
        longer = f"{stem}-{word}" if stem else word[:SLUG_LENGTH]
        if len(longer) > SLUG_LENGTH:
            break
        stem = longer
    return stem or "picture"


def check_folder(folder: Path) -> None:
    """Raises `InputError` when `folder` cannot take files. Creates nothing, so it can be asked first."""
    existing = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not existing.is_dir():
        raise InputError(f"--output {folder}: {existing} is a file; name a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"--output {folder}: {existing} is not writable; name another folder")


def write_pictures(
    folder: Path, stem: str, answers: Sequence[Sequence[PILImage.Image]]
) -> tuple[list[list[Path]], Path | None]:
    """Writes each answer's pictures, and a contact sheet when there is more than one answer.

    Args:
        folder: created when there is something to write.
        stem: the files' common name; `-2`, `-3`, ... is added when a file of that name is there already.
        answers: the pictures of each answer, RGB; an answer may have none.

    Returns:
        The paths, nested like `answers`, and the contact sheet's path or None.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    pictures = [picture for answer in answers for picture in answer]
    if not pictures:
        return [[] for _ in answers], None
    endings = [f"_{number}.png" for number in range(1, len(pictures) + 1)] if len(pictures) > 1 else [".png"]
    sheet_ending = "_sheet.png" if len(answers) > 1 and len(pictures) > 1 else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stem = _free_stem(folder, stem, [*endings, sheet_ending] if sheet_ending else endings)
        paths = [folder / f"{stem}{ending}" for ending in endings]
        for picture, path in zip(pictures, paths, strict=True):
            save_image(picture, path)
        sheet = None
        if sheet_ending:
            sheet = folder / f"{stem}{sheet_ending}"
            save_image(contact_sheet(pictures), sheet)
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror or error}; name another folder with --output"
        ) from error
    remaining = iter(paths)
    return [list(itertools.islice(remaining, len(answer))) for answer in answers], sheet


def _free_stem(folder: Path, stem: str, endings: Sequence[str]) -> str:
    """The first of `stem`, `stem-2`, `stem-3`, ... with which no file of `endings` exists."""
    for number in itertools.count(1):
        candidate = stem if number == 1 else f"{stem}-{number}"
        if not any(os.path.lexists(folder / f"{candidate}{ending}") for ending in endings):
            return candidate
    raise AssertionError("itertools.count has no end")
