"""Writes samples of the world to look at and to listen to: pictures, sounds, and their documents as messages."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from PIL import Image as PillowImage

from unitok.data.world.mixture import world_documents
from unitok.data.world.sounds.speech import check_speech
from unitok.document import Audio, Image
from unitok.terminal import ArgumentParser, integer, number, run
from unitok.viz import contact_sheet
from unitok_tokenizers.audio_io import save_audio
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import save_image

_PICTURE_SIZE = 64
_TILE_GAP = 4


class _Media:
    """Saves each picture and each sound once and knows its file's name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drawn: list[PillowImage.Image] = []
        self.sounds = 0
        self._names: dict[int, tuple[Image | Audio, str]] = {}  # parts are kept, so that ids are not used again

    def save(self, part: Image | Audio) -> str:
        """The file name of a picture or sound; a new one the first time that this very part is seen."""
        if id(part) not in self._names:
            name = self._save_picture(part) if isinstance(part, Image) else self._save_sound(part)
            self._names[id(part)] = part, name
        return self._names[id(part)][1]

    def _save_picture(self, part: Image) -> str:
        if part.image is None:
            raise ValueError("the world's documents hold pictures, not codes")
        name = f"{len(self.drawn):05d}.png"
        save_image(part.image, self.folder / name)
        self.drawn.append(part.image)
        return name

    def _save_sound(self, part: Audio) -> str:
        if part.samples is None or part.sample_rate is None:
            raise ValueError("the world's documents hold sounds, not codes")
        name = f"{self.sounds:05d}.wav"
        save_audio(part.samples, part.sample_rate, self.folder / name)
        self.sounds += 1
        return name


def write_samples(folder: Path, samples: int, seed: int, split: str = "train", sounds: float = 0.0) -> tuple[int, int]:
    """Write ``samples`` documents to ``folder``, of which a share comes with ``sounds``; returns how many pictures and
    sounds they hold.

    Raises:
        InputError: The folder holds files already, or espeak-ng is needed and not installed.
    """
    if sounds:
        check_speech()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"output {str(folder)!r} is there already; name a new or empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {str(folder)!r} cannot be made: {error.strerror}; name another folder") from error
    media = _Media(folder)
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as lines:
        for document in islice(world_documents([seed], split, _PICTURE_SIZE, sounds), samples):
            lines.write(json.dumps({"messages": document.to_messages(media.save, media.save)}) + "\n")
    if media.drawn:
        columns = math.ceil(math.sqrt(len(media.drawn) * 1.6))
        save_image(contact_sheet(media.drawn, columns, _TILE_GAP, (128, 128, 128)), folder / "contact_sheet.png")
    return len(media.drawn), media.sounds


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return run(write, argv)


def write(argv: Sequence[str]) -> None:
    """The whole command. Raises `InputError` for what the user can mend."""
    parser = ArgumentParser("python -m unitok.data.world", __doc__ or "")
    parser.add_argument("--output", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--samples", type=integer(1), default=64, help="how many documents to write (default: 64)")
    parser.add_argument("--seed", type=integer(0), default=0, help="the same seed writes the same files (default: 0)")
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    parser.add_argument(
        "--sounds",
        type=number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of the documents that come with sounds, as WAV files; needs espeak-ng (default: 0)",
    )
    options = parser.parse_args(argv)
    pictures, sounds = write_samples(options.output, options.samples, options.seed, options.split, options.sounds)
    heard = f" and {sounds} sounds" if options.sounds else ""
    print(f"{options.samples} documents with {pictures} pictures{heard} are in {options.output}")


if __name__ == "__main__":
    sys.exit(main())
