"""Refits an image codec to pictures, its codes moved but its meaning kept; see `unitok.refit`."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from unitok.bases import codec_folder
from unitok.checks import refuse_existing
from unitok.data.drawing import draw_many
from unitok.data.pictures import FolderPictures, PicturePool, scene_picture, texture
from unitok.evaluation.metrics import usage
from unitok.replacing import in_place_of
from unitok.training.code_moves import Cells, cells_of, check_moves, moved
from unitok_detokenizers.image import ImageDetokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer

TOKENIZER, DETOKENIZER = "image_tokenizer", "image_detokenizer"

TOGETHER = 128
"""Pictures in one go."""
MOST_CELLS = 2**24
"""Among which torch.multinomial chooses."""
HELD_OUT = 1000
"""Scenes for the report; of a user's pictures the share that training holds out."""
SCENES, HELD_OUT_SCENES, TEXTURES = 4, 5, 6
"""Random streams of their own, apart from those of training."""


@dataclass(frozen=True)
class Report:
    """What moving did for held-out pictures, before and after it.

    Attributes:
        psnr: Over all pixels, in dB.
        used: Of each codebook the share of codes that those pictures have, in percent.
    """

    psnr: tuple[float, float]
    used: tuple[list[float], list[float]]

    def __str__(self) -> str:
        books = [" and ".join(f"{share:.1f}" for share in shares) for shares in self.used]
        return (
            f"held-out pictures at {self.psnr[0]:.2f} dB before and {self.psnr[1]:.2f} dB now, with {books[0]} % of "
            f"the codes used before and {books[1]} % now"
        )


@dataclass(frozen=True)
class Source:
    """The pictures that codes move for.

    Attributes:
        folder: Of pictures, of which crops are drawn; None for scenes of the world.
        count: How many pictures, or crops, are used.
        size: Their side in pixels, a multiple of the codec's cells.
        textures: How many textures say which codes photographs need.
        seed: Of everything that is drawn.
    """

    folder: Path | None
    count: int
    size: int
    textures: int
    seed: int


def refit(codec: str | Path, output: Path, counts: Sequence[int], source: Source) -> Report:
    """Write a codec whose codes have moved to where pictures need them.

    Its detokenizer shows the moved codes as it understands their vectors; it may be trained on for them, with
    ``model.tokenizer_from``.

    Args:
        codec: Folder of a codec, base or checkpoint, or the name of a shipped one.
        output: The new codec's folder.
        counts: How many codes of each codebook move.
        source: The pictures.

    Raises:
        InputError: The codec or the pictures are missing or damaged, its codes cannot be moved as wanted, or the output
            cannot be written. Then nothing is.
    """
    tokenizer, detokenizer = _codec(codec)
    side, size, count = tokenizer.config.downsample, source.size, source.count
    if size % side:
        raise InputError(f"--size {size}: give a multiple of the codec's cells of {side} pixels")
    check_moves(tokenizer.codebook, counts)
    each = (size // side) ** 2
    if count * each < max(counts):
        raise InputError(f"--move {max(counts)}: {count} pictures have fewer cells than that; give a larger --count")
    if count * each > MOST_CELLS:
        most = MOST_CELLS // each
        raise InputError(
            f"--count {count}: pictures of {size} pixels have more cells than can be drawn from; give {most}"
        )
    try:
        with in_place_of(output, lambda _: True) as fresh:
            try:
                report = _refit(tokenizer, detokenizer, counts, source)
            except OSError as error:
                raise InputError(f"the pictures cannot be had: {error}") from error
            refuse_existing(output)  # in the meantime
            tokenizer.save_pretrained(fresh / TOKENIZER)
            detokenizer.save_pretrained(fresh / DETOKENIZER)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror or error}; name another folder") from error
    return report


def _codec(name: str | Path) -> tuple[ImageTokenizer, ImageDetokenizer]:
    folder = codec_folder(name, TOKENIZER)
    if not (folder / DETOKENIZER).is_dir():
        raise InputError(f"{folder} has no {DETOKENIZER}/, which shows where pictures are served badly")
    tokenizer = ImageTokenizer.from_pretrained(folder / TOKENIZER).eval()
    detokenizer = ImageDetokenizer.from_pretrained(folder / DETOKENIZER).eval()
    same = tokenizer.spec == detokenizer.spec and tokenizer.config.codebook == detokenizer.config.codebook
    if not same:
        raise InputError(f"{folder}: {TOKENIZER}/ and {DETOKENIZER}/ do not belong together: their codebooks differ")
    return tokenizer, detokenizer


def _refit(tokenizer: ImageTokenizer, detokenizer: ImageDetokenizer, counts: Sequence[int], source: Source) -> Report:
    """Moves the codes of both, in place."""
    torch.manual_seed(source.seed)
    drawn, held_out = _scenes(source) if source.folder is None else _own(source.folder, source)
    draw = partial(texture, size=source.size)
    (patterns,) = draw_many(draw, source.textures, [source.seed, TEXTURES], "drawing textures")

    def look(label: str, batches: Iterable[Tensor], total: int | None = None) -> Cells:
        bar = tqdm(batches, desc=label, total=total, unit="batch", mininterval=1.0, file=sys.stderr)
        return cells_of(tokenizer, detokenizer, bar)

    before = look("held-out pictures", held_out)
    cells = look("pictures", drawn, math.ceil(source.count / TOGETHER))
    others = look("textures", _loader(patterns)) if source.textures else None
    vectors = moved(tokenizer.codebook, cells, others, counts, source.seed)
    for part in (tokenizer, detokenizer):
        part.codebook.vectors.copy_(vectors)
    after = look("held-out pictures again", held_out)
    used = [[100 * usage(book) for book in one.used(tokenizer.spec.codebook_size)] for one in (before, after)]
    return Report((_psnr(before), _psnr(after)), (used[0], used[1]))


def _scenes(source: Source) -> tuple[Iterable[Tensor], Iterable[Tensor]]:
    draw = partial(scene_picture, size=source.size)
    (pool,) = draw_many(draw, source.count, [source.seed, SCENES], "drawing scenes")
    (held_out,) = draw_many(draw, HELD_OUT, [source.seed, HELD_OUT_SCENES], "drawing held-out scenes")
    return _loader(pool), _loader(held_out)


def _own(folder: Path, source: Source) -> tuple[Iterable[Tensor], Iterable[Tensor]]:
    """Random crops of a user's pictures, and the middles of those that are held out."""
    if not folder.is_dir():
        raise InputError(f"--pictures {folder} is not a folder")
    data = FolderPictures(str(folder), source.size, TOGETHER, seed=source.seed)
    data.setup("fit")
    files = [*data.train_files, *data.validation_files]
    if broken := [path for path in tqdm(files, "checking pictures", file=sys.stderr) if not _is_picture(path)]:
        raise InputError(f"{broken[0]} cannot be read, nor {len(broken) - 1} others of {len(files)}; remove them")
    return _first(data.train_dataloader(), source.count), data.val_dataloader()


def _is_picture(path: Path) -> bool:
    try:
        with PillowImage.open(path) as picture:
            picture.verify()
    except Exception:  # Pillow raises nearly anything
        return False
    return True


def _first(batches: Iterable[Tensor], count: int) -> Iterator[Tensor]:
    """``count`` pictures of endless batches."""
    for batch in batches:
        yield batch[:count]
        count -= len(batch)
        if count <= 0:
            return


def _loader(pool: np.ndarray) -> DataLoader[Tensor]:
    return DataLoader(PicturePool(pool, augment=False), TOGETHER)


def _psnr(cells: Cells) -> float:
    return -10 * math.log10(float(cells.errors.mean()) / 4 + 1e-10)
