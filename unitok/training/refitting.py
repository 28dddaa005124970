"""Refits an image codec to pictures, its codes moved but its meaning kept; see `unitok.refit`."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from unitok.data.drawing import draw_many
from unitok.data.pictures import FolderPictures, PicturePool, scene_picture, texture
from unitok.training.code_moves import Cells, cells_of, moved
from unitok.training.image_tokenizer import DETOKENIZER, TOKENIZER, codec_folder
from unitok_detokenizers.image import ImageDetokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer

TOGETHER = 128
"""Pictures in one go."""
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


def refit(
    codec: str | Path,
    output: Path,
    counts: Sequence[int],
    pictures: Path | None,
    count: int,
    size: int,
    textures: int,
    seed: int,
) -> Report:
    """Write a codec whose codes have moved to where pictures need them.

    Its detokenizer shows the moved codes as it understands their vectors; it may be trained on for them, with
    ``model.tokenizer_from``.

    Args:
        codec: Folder of a codec, base or checkpoint, or the name of a shipped one.
        output: The new codec's folder.
        counts: How many codes of each codebook move.
        pictures: Folder of pictures; None for scenes of the world.
        count: How many pictures are used.
        size: Their side in pixels, a multiple of the codec's cells.
        textures: How many textures say which codes photographs need.
        seed: Of everything that is drawn.

    Raises:
        InputError: The codec is missing, damaged or of a kind whose codes cannot be moved, or the pictures are.
    """
    folder = codec_folder(codec)
    tokenizer = ImageTokenizer.from_pretrained(folder / TOKENIZER).eval()
    detokenizer = ImageDetokenizer.from_pretrained(folder / DETOKENIZER).eval()
    if size % tokenizer.config.downsample:
        raise InputError(f"--size {size}: give a multiple of the codec's cells of {tokenizer.config.downsample} pixels")
    torch.manual_seed(seed)
    drawn, held_out = _own(pictures, count, size, seed) if pictures else _scenes(count, size, seed)
    (patterns,) = draw_many(partial(texture, size=size), textures, [seed, TEXTURES], "drawing textures")
    look = partial(_cells, tokenizer, detokenizer)
    before = look("before", held_out)
    cells, others = look("pictures", drawn), look("textures", _loader(patterns)) if textures else None
    vectors = moved(tokenizer.codebook, cells, others, counts, seed)
    for part in (tokenizer, detokenizer):
        part.codebook.vectors.copy_(vectors)
    after = look("after", held_out)
    tokenizer.save_pretrained(output / TOKENIZER)
    detokenizer.save_pretrained(output / DETOKENIZER)
    shares = [
        [100 * share for share in (one.used(tokenizer.spec.codebook_size) > 0).double().mean(1).tolist()]
        for one in (before, after)
    ]
    return Report((_psnr(before), _psnr(after)), (shares[0], shares[1]))


def _cells(tokenizer: ImageTokenizer, detokenizer: ImageDetokenizer, label: str, batches: Iterable[Tensor]) -> Cells:
    bar = tqdm(batches, desc=label, unit="batch", mininterval=1.0, file=sys.stderr)
    return cells_of(tokenizer, detokenizer, bar)


def _scenes(count: int, size: int, seed: int) -> tuple[Iterable[Tensor], Iterable[Tensor]]:
    draw = partial(scene_picture, size=size)
    (pool,) = draw_many(draw, count, [seed, SCENES], "drawing scenes")
    (held_out,) = draw_many(draw, HELD_OUT, [seed, HELD_OUT_SCENES], "drawing held-out scenes")
    return _loader(pool), _loader(held_out)


def _own(folder: Path, count: int, size: int, seed: int) -> tuple[Iterable[Tensor], Iterable[Tensor]]:
    data = FolderPictures(str(folder), size, TOGETHER, seed=seed)
    data.setup("fit")
    batches = itertools.islice(data.train_dataloader(), math.ceil(count / TOGETHER))
    return list(batches), data.val_dataloader()


def _loader(pool: np.ndarray) -> DataLoader[Tensor]:
    return DataLoader(PicturePool(pool, augment=False), TOGETHER)


def _psnr(cells: Cells) -> float:
    return -10 * math.log10(float(cells.errors.mean()) / 4 + 1e-10)
