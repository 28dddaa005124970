"""Pictures to train an image codec on: the world's scenes with procedural textures, or a user's folder.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unitok.data.drawing import draw_many
from unitok.data.folders import FolderExcerpts
from unitok.data.pools import training_batches
from unitok.data.textures import sample_texture
from unitok.data.world.render import CANONICAL, Style, render
from unitok.data.world.scene import sample_scene
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import load_image, to_tensor

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class PicturePool(Dataset[Tensor]):
    """Pictures held as bytes: item ``i`` is float ``[3, H, W]`` in [-1, 1], flipped at random if ``augment``."""

    def __init__(self, pictures: np.ndarray, augment: bool) -> None:
        self.pictures, self.augment = pictures, augment

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Tensor:
        picture = to_tensor(self.pictures[index])
        return picture.flip(-1) if self.augment and torch.rand(()) < 0.5 else picture


MOST_OBJECTS = 6
"""Of a scene."""


def scene_picture(rng: np.random.Generator, size: int, least: int = 1) -> tuple[np.ndarray]:
    """A random scene of ``least`` to 6 objects, half of the time in the canonical look; uint8 ``[size, size, 3]``."""
    style = CANONICAL if rng.random() < 0.5 else Style.sample(rng)
    count = None if least == 1 else int(rng.integers(least, MOST_OBJECTS + 1))
    return (render(sample_scene(rng, count), size, style),)


def texture(rng: np.random.Generator, size: int) -> tuple[np.ndarray]:
    """A procedural texture; uint8 ``[size, size, 3]``."""
    return (sample_texture(rng, size),)


class WorldPictures(L.LightningDataModule):
    """Scenes of the world mixed with procedural textures.

    Args:
        size: side of the square pictures, in pixels.
        scenes: scenes in the pool that training draws from.
        textures: textures in the pool.
        least_objects: fewest objects in a scene of the pool.
        validation: held-out scenes.
        batch_size: pictures a step.
        seed: of everything drawn here; validation draws from another stream.
    """

    def __init__(
        self,
        size: int = 64,
        scenes: int = 30_000,
        textures: int = 8_000,
        least_objects: int = 1,
        validation: int = 512,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if size < 1 or min(scenes, textures, validation) < 0:
            raise InputError("data.size must be at least 1; data.scenes, data.textures and data.validation at least 0")
        if not 1 <= least_objects <= MOST_OBJECTS:
            raise InputError(f"data.least_objects must be from 1 to {MOST_OBJECTS}, got {least_objects}")
        self.size, self.scenes, self.textures, self.least_objects = size, scenes, textures, least_objects
        self.validation, self.batch_size, self.seed = validation, batch_size, seed
        self.train_pool: np.ndarray | None = None
        self.validation_pool: np.ndarray | None = None

    def setup(self, stage: str) -> None:
        if stage == "fit" and self.train_pool is None:
            draw = partial(scene_picture, size=self.size, least=self.least_objects)
            pools = draw_many(draw, self.scenes, [self.seed, 1], "drawing scenes")
            pools += draw_many(partial(texture, size=self.size), self.textures, [self.seed, 3], "drawing textures")
            self.train_pool = np.concatenate(pools)
        if self.validation_pool is None:
            draw = partial(scene_picture, size=self.size)
            (self.validation_pool,) = draw_many(draw, self.validation, [self.seed, 2], "drawing held-out scenes")

    def train_dataloader(self) -> DataLoader[Tensor]:
        assert self.train_pool is not None
        return training_batches(PicturePool(self.train_pool, augment=True), self.batch_size, self.trainer)

    def val_dataloader(self) -> DataLoader[Tensor]:
        assert self.validation_pool is not None
        return DataLoader(PicturePool(self.validation_pool, augment=False), self.batch_size)

    def test_dataloader(self) -> DataLoader[Tensor]:
        return self.val_dataloader()


class FolderPictures(FolderExcerpts):
    """Random crops of a user's own pictures, found in a folder and its subfolders.

    Args:
        folder: where the pictures are (PNG, JPEG or WebP).
        size: side of the square crops, in pixels; smaller pictures are enlarged first.
        batch_size: crops a step.
        validation_share: share of the pictures, at least one, that is held out.
        num_workers: processes that read pictures.
        seed: of the split.
    """

    def __init__(
        self,
        folder: str,
        size: int = 64,
        batch_size: int = 64,
        validation_share: float = 0.05,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        if size < 1:
            raise InputError(f"data.size must be at least 1, not {size}")
        cut = partial(crop, size=size)
        super().__init__(folder, "pictures", SUFFIXES, (cut, cut), batch_size, validation_share, num_workers, seed)
        self.size = size


def crop(path: Path, where: np.ndarray, size: int) -> Tensor:
    """A square of a picture: float ``[3, size, size]`` in [-1, 1].

    Args:
        path: Of the picture; one that is smaller than the square is enlarged first.
        where: How far right and down it is, in [0, 1].
        size: Side of the square, in pixels.
    """
    image = load_image(path)
    scale = size / min(image.size)
    if scale > 1:
        image = image.resize((max(size, round(image.width * scale)), max(size, round(image.height * scale))))
    left = round(float(where[0]) * (image.width - size))
    top = round(float(where[1]) * (image.height - size))
    return to_tensor(image.crop((left, top, left + size, top + size)))
