"""Writes samples of the world to look at: pictures, their documents as messages, and a contact sheet."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from unitok.data.world.tasks import sample_documents
from unitok.document import Document, Image
from unitok.viz import contact_sheet
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import save_image

_TILE_GAP = 4


class _Pictures:
    """Saves each picture once and knows its file's name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drawn: list[PillowImage.Image] = []
        self._names: dict[int, str] = {}
        self._kept: list[Image] = []

    def save(self, part: Image) -> str:
        """The picture's file name; a new one the first time that this very part is seen."""
        if id(part) not in self._names:
            if part.image is None:
                raise ValueError("the world's documents hold pictures, not codes")
            name = f"{len(self.drawn):05d}.png"
            save_image(part.image, self.folder / name)
            self._names[id(part)] = name
            self._kept.append(part)
            self.drawn.append(part.image)
        return self._names[id(part)]


def write_samples(folder: Path, samples: int, seed: int, split: str = "train") -> int:
    """Write at least ``samples`` documents to ``folder``; returns how many pictures they hold.

    Raises:
        InputError: The folder holds files already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"output {str(folder)!r} is there already; name a new or empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    documents: list[Document] = []
    while len(documents) < samples:
        documents += sample_documents(rng, split)
    pictures = _Pictures(folder)
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as lines:
        for document in documents[:samples]:
            lines.write(json.dumps({"messages": document.to_messages(pictures.save)}) + "\n")
    columns = math.ceil(math.sqrt(len(pictures.drawn) * 1.6))
    save_image(contact_sheet(pictures.drawn, columns, _TILE_GAP, (128, 128, 128)), folder / "contact_sheet.png")
    return len(pictures.drawn)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m unitok.data.world", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--samples", type=int, default=64, help="how many documents to write (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed writes the same files")
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    options = parser.parse_args(arguments)
    if options.samples < 1:
        parser.error(f"argument --samples: {options.samples} is too small; ask for at least 1")
    try:
        number = write_samples(options.output, options.samples, options.seed, options.split)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.samples} documents with {number} pictures are in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
