"""Pairs for the refiner: a picture at double size, and what the shipped codec makes of it at the model's size.

Shape letters: n pairs, B batch, s side of a small picture in pixels.
"""

from __future__ import annotations

from functools import partial

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from unitok.bases import find_folder, image_settings
from unitok.data.drawing import draw_many
from unitok.data.pools import training_batches
from unitok.data.textures import sample_texture
from unitok.data.world.render import CANONICAL, Style, render
from unitok.data.world.requests import sample_request
from unitok.data.world.scene import sample_scene
from unitok.document import Document
from unitok.evaluation.oracle import is_known, read
from unitok.model import UniTok
from unitok_detokenizers.image import ImageDetokenizer
from unitok_detokenizers.refiner import SCALE
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer
from unitok_tokenizers.image_io import to_tensor

TOGETHER = 64  # pictures that go through the codec, or are drawn by the decoder, at once
Pools = tuple[np.ndarray, np.ndarray]  # uint8 [n, 2s, 2s, 3] and [n, s, s, 3]; or of one picture, without n


class PairPool(Dataset[tuple[Tensor, Tensor]]):
    """Item ``i`` is a pair of floats in [-1, 1]: ``[3, 2c, 2c]`` and ``[3, c, c]``.

    Args:
        pools: The pictures as bytes.
        crop: c, the side of a random piece that is cut out of both; none: the whole.
    """

    def __init__(self, pools: Pools, crop: int | None = None) -> None:
        self.large, self.small = pools
        self.crop = crop

    def __len__(self) -> int:
        return len(self.small)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        large, small = self.large[index], self.small[index]
        if self.crop is not None and self.crop < len(small):
            top, left = torch.randint(len(small) - self.crop + 1, (2,)).tolist()
            small = small[top : top + self.crop, left : left + self.crop]
            large = large[SCALE * top :, SCALE * left :][: SCALE * self.crop, : SCALE * self.crop]
        return to_tensor(large), to_tensor(small)


class RefinerPairs(L.LightningDataModule):
    """Scenes and textures through the codec, and pictures that the decoder drew.

    What a picture of the decoder should have looked like is what the oracle reads in it, drawn at double size.

    Args:
        checkpoint: Folder with the codec (and, for `drawn`, the decoder), or the name of a shipped one.
        size: Side of the small pictures.
        scenes: Scenes in the pool that training draws from, half of them in other looks than the canonical.
        textures: Textures in it.
        drawn: Pictures in it that the decoder draws, of requests; those that the oracle cannot read are left out.
        crop: Side of the pieces that are trained on, in pixels of the small picture; none: whole pictures.
        validation: Held-out scenes.
        batch_size: Pairs a step.
        seed: Of everything here; validation draws from another stream.
    """

    def __init__(
        self,
        checkpoint: str = "tiny",
        size: int = 80,
        scenes: int = 8000,
        textures: int = 800,
        drawn: int = 0,
        crop: int | None = 40,
        validation: int = 96,
        batch_size: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if crop is not None and not 1 <= crop <= size:
            raise InputError(f"data.crop must be from 1 to data.size, {size}, not {crop}")
        if size < 1 or batch_size < 1 or min(scenes, textures, drawn, validation) < 0:
            raise InputError(
                "data.size and data.batch_size must be at least 1, and data.scenes, data.textures, data.drawn and "
                "data.validation at least 0"
            )
        self.checkpoint, self.size, self.crop = checkpoint, size, crop
        self.scenes, self.textures, self.drawn, self.validation = scenes, textures, drawn, validation
        self.batch_size, self.seed = batch_size, seed
        self.train_pools: Pools | None = None
        self.validation_pools: Pools | None = None

    def setup(self, stage: str) -> None:
        folder = find_folder(self.checkpoint)
        codec = (
            ImageTokenizer.from_pretrained(folder / "image_tokenizer"),
            ImageDetokenizer.from_pretrained(folder / "image_detokenizer"),
        )
        cell = codec[0].config.downsample
        if self.size % cell:
            raise InputError(f"data.size {self.size} is not a multiple of the {cell} pixels of a code; give another")
        side = image_settings(folder)["image_size"] if self.drawn else None
        if side not in (None, self.size):
            raise InputError(
                f"data.drawn: the decoder of {self.checkpoint} draws pictures of {side} pixels; set data.size to that, "
                "or data.drawn to 0"
            )
        if self.validation_pools is None:
            draw = partial(scene_pair, size=self.size)
            large, small = draw_many(draw, self.validation, [self.seed, 1], "drawing held-out scenes")
            self.validation_pools = self._through(codec, large, small)
        if stage == "fit" and self.train_pools is None:
            large, small = draw_many(partial(scene_pair, size=self.size), self.scenes, [self.seed, 0], "drawing scenes")
            pools = [self._through(codec, large, small)]
            if self.textures:
                draw = partial(texture_pair, size=self.size)
                large, small = draw_many(draw, self.textures, [self.seed, 2], "drawing textures")
                pools.append(self._through(codec, large, small))
            if self.drawn:
                pools.append(self._drawn(np.random.default_rng([self.seed, 3])))
            large, small = (np.concatenate(parts) for parts in zip(*pools, strict=True))
            self.train_pools = large, small

    @property
    def _device(self) -> torch.device:
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")

    def _through(self, codec: tuple[ImageTokenizer, ImageDetokenizer], large: np.ndarray, small: np.ndarray) -> Pools:
        tokenizer, detokenizer, device = codec[0].to(self._device), codec[1].to(self._device), self._device
        decoded = []
        for start in tqdm(range(0, len(small), TOGETHER), desc="through the codec", unit="batch", mininterval=1.0):
            pictures = torch.stack([to_tensor(one) for one in small[start : start + TOGETHER]])
            with torch.inference_mode():
                decoded.append(_bytes(detokenizer.decode(tokenizer.encode(pictures.to(device))).cpu()))
        return large, np.concatenate(decoded) if decoded else small

    def _drawn(self, rng: np.random.Generator) -> Pools:
        model = UniTok.from_pretrained(self.checkpoint, self._device)
        once = model.sampling.of_one()
        large, small = [], []
        for start in tqdm(range(0, self.drawn, TOGETHER), desc="drawing by the decoder", unit="batch", mininterval=1.0):
            count = min(TOGETHER, self.drawn - start)
            documents = [Document.user(sample_request(rng).text) for _ in range(count)]
            for answer in model.generate(documents, "image", once, seed=rng.integers(1 << 31, size=count).tolist()):
                picture = np.asarray(answer.turns[-1].images[0].image)
                scene = read(picture)
                if is_known(scene):
                    large.append(render(scene, SCALE * self.size))
                    small.append(picture)
        if not small:
            raise InputError("data.drawn: the decoder drew nothing that the oracle can read; set it to 0")
        return np.stack(large), np.stack(small)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        assert self.train_pools is not None
        return training_batches(PairPool(self.train_pools, self.crop), self.batch_size, self.trainer)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        assert self.validation_pools is not None
        return DataLoader(PairPool(self.validation_pools), self.batch_size)

    def test_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        return self.val_dataloader()


def scene_pair(rng: np.random.Generator, size: int) -> Pools:
    """A scene as it should look at double size, and as it is given to the codec, half of the time in the canonical
    look: uint8 ``[2s, 2s, 3]`` and ``[s, s, 3]``."""
    style = CANONICAL if rng.random() < 0.5 else Style.sample(rng)
    scene = sample_scene(rng)
    # What is jagged or blurred in the small picture is not so in the large one: that is what is refined.
    return render(scene, SCALE * size, style.sharpened()), render(scene, size, style)


def texture_pair(rng: np.random.Generator, size: int) -> Pools:
    """A texture likewise; each pixel of the small one is the mean of four."""
    large = sample_texture(rng, SCALE * size)
    return large, large.reshape(size, SCALE, size, SCALE, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def _bytes(pixels: Tensor) -> np.ndarray:
    """uint8 ``[B, s, s, 3]`` of floats ``[B, 3, s, s]`` in [-1, 1]."""
    return ((pixels + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
