"""Where what a run makes goes: names from the prompt, never over an existing file, and a contact sheet."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PIL import Image as PILImage

from unitok.parts import Audio
from unitok.viz import contact_sheet
from unitok_tokenizers.audio_io import save_audio
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import save_image

SLUG_LENGTH = 60

SoundFormat = Literal["wav", "flac"]
MEDIA_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus", ".m4a"),
)

Media = PILImage.Image | Audio
UNSEEN = {
    "image": "the checkpoint has no image_detokenizer, so its pictures cannot be seen",
    "audio": "the checkpoint has no audio_detokenizer, so its sounds cannot be heard",
}
"""What is said of codes that a checkpoint cannot decode."""


def slug(text: str, otherwise: str = "picture") -> str:
    """A stem for a file's name: lower-case ASCII words joined by dashes, at most `SLUG_LENGTH` letters.

    A text without such words is called `otherwise`.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", ascii_text)
    stem = ""
    for word in words:
        longer = f"{stem}-{word}" if stem else word[:SLUG_LENGTH]
        if len(longer) > SLUG_LENGTH:
            break
        stem = longer
    return stem or otherwise


def check_folder(folder: Path) -> None:
    """Raises `InputError` when `folder` cannot take files. Creates nothing, so it can be asked first."""
    if folder.suffix.lower() in MEDIA_SUFFIXES and not os.path.exists(folder):
        raise InputError(f"--output {folder} is named like a file; name a folder, in which files get their own names")
    refuse_unwritable(folder, "--output")


def refuse_unwritable(folder: Path, name: str) -> None:
    """Raises `InputError`, which calls `folder` by its `name`, when it cannot be made or takes no files."""
    existing = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not existing.is_dir():
        raise InputError(f"{name} {folder}: {existing} is a file; name a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{name} {folder}: {existing} is not writable; name another folder")


def write_media(
    folder: Path, stem: str, answers: Sequence[Sequence[Media]], sound_format: SoundFormat = "wav"
) -> tuple[list[list[Path]], Path | None]:
    """Writes each answer's pictures (PNG) and sounds, and a contact sheet of the pictures of several answers.

    Args:
        folder: created when there is something to write.
        stem: the files' common name; `-2`, `-3`, ... is added when a file of that name is there already.
        answers: the pictures (RGB) and the sounds (with samples) of each answer; an answer may have none.
        sound_format: of the sounds' files; both have 16 bits a sample.

    Returns:
        The paths, nested like `answers`, and the contact sheet's path or None.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    media = [one for answer in answers for one in answer]
    if not media:
        return [[] for _ in answers], None
    pictures = [one for one in media if not isinstance(one, Audio)]
    endings = [
        f"{f'_{number}' if len(media) > 1 else ''}.{sound_format if isinstance(one, Audio) else 'png'}"
        for number, one in enumerate(media, 1)
    ]
    sheet_ending = "_sheet.png" if len(answers) > 1 and len(pictures) > 1 else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stem = _begin(media[0], folder, stem, [*endings, sheet_ending] if sheet_ending else endings)
        paths = [folder / f"{stem}{ending}" for ending in endings]
        for one, path in zip(media[1:], paths[1:], strict=True):
            _write(one, path)
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


def _write(media: Media, path: Path) -> None:
    if not isinstance(media, Audio):
        save_image(media, path)
        return
    assert media.samples is not None and media.sample_rate is not None
    save_audio(media.samples, media.sample_rate, path)


def _begin(first: Media, folder: Path, stem: str, endings: Sequence[str]) -> str:
    """Writes the first file under a free stem and returns that: with it the stem is this run's own."""
    while True:
        free = free_stem(folder, stem, endings)
        path = folder / f"{free}{endings[0]}"
        try:
            _write(first, path)
        except InputError:
            if not os.path.lexists(path):
                raise
            continue  # another run has written it meanwhile
        return free


def free_stem(folder: Path, stem: str, endings: Sequence[str]) -> str:
    """The first of `stem`, `stem-2`, `stem-3`, ... with which no file of `endings` exists."""
    for number in itertools.count(1):
        candidate = stem if number == 1 else f"{stem}-{number}"
        if not any(os.path.lexists(folder / f"{candidate}{ending}") for ending in endings):
            return candidate
    raise AssertionError("itertools.count has no end")
