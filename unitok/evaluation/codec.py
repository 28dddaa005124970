"""The image codec: what survives the way through the codes.

Shape letters: B batch, H W pixels, K codebooks, V codes of one codebook, h w code grid.
"""

from __future__ import annotations

import itertools
import sys
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor
from tqdm import tqdm

from unitok.codec_batches import in_batches
from unitok.data.world.render import render
from unitok.data.world.scene import Scene, sample_scene
from unitok.evaluation.codebooks import codebook_figures
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.metrics import psnr, ssim
from unitok.evaluation.oracle import moved, read, same_scene
from unitok.evaluation.setup import Setup
from unitok_tokenizers import Detokenizer, Tokenizer
from unitok_tokenizers.image_io import to_pil, to_tensor

SCENES = 5
"""Scenes per sample: they cost little."""
COUNTED_SCENES = 120
"""Scenes per sample whose codes are counted, these included: other looks have colors of their own, so that a codebook
is only used up by many."""

PSNR_TARGET, SAME_SCENE_TARGET, USAGE_TARGET = 29.0, 99.0, 95.0
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea")
PHOTOGRAPH_SIZE = 256
PHOTOGRAPH_PSNR_TARGET = 21.0


class Codec(NamedTuple):
    """An image tokenizer and its detokenizer."""

    tokenizer: Tokenizer
    detokenizer: Detokenizer

    @staticmethod
    def of(setup: Setup) -> Codec:
        processor = setup.model.processor
        assert processor.image_tokenizer is not None and processor.image_detokenizer is not None
        return Codec(processor.image_tokenizer, processor.image_detokenizer)

    def encode(self, pictures: Tensor) -> Tensor:
        """Codes ``[B, K, h, w]`` of pictures ``[B, 3, H, W]``, on the CPU."""
        return torch.stack(in_batches(self.tokenizer, self.tokenizer.encode, list(pictures)))

    def through(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Codes ``[B, K, h, w]`` and reconstructions of pictures ``[B, 3, H, W]``, on the CPU."""
        height, width = pictures.shape[-2:]
        codes = self.encode(pictures)
        place = (self.tokenizer.spec.downsample or 1) ** 2
        again = torch.stack(in_batches(self.detokenizer, self.detokenizer.decode, list(codes), place))
        # The tokenizer pads to whole cells; what it added is cut off again.
        return codes, again[..., :height, :width].clamp(-1, 1)


def measure(setup: Setup) -> Findings:
    """The codec on scenes: how near it comes, whether the oracle reads the same scene, and its codebooks."""
    codec = Codec.of(setup)
    spec = codec.tokenizer.spec
    counts = torch.zeros(spec.num_codebooks, spec.codebook_size, dtype=torch.int64)
    near: list[Tensor] = []
    alike: list[Tensor] = []
    same: dict[str, list[bool]] = {"canonical look": [], "other looks": []}
    numbers, further = range(SCENES * setup.samples), range(SCENES * setup.samples, COUNTED_SCENES * setup.samples)
    with tqdm(total=len(numbers) + len(further), desc="codec", unit="scene", file=sys.stderr) as bar:
        for start in range(0, len(numbers), setup.batch_size):
            drawn = [_draw(setup, index) for index in numbers[start : start + setup.batch_size]]
            pictures = torch.stack([to_tensor(pixels) for _, _, pixels in drawn])
            codes, others = codec.through(pictures)
            counts += _counted(codes, spec.codebook_size)
            near.append(psnr(pictures, others))
            alike.append(ssim(pictures, others))
            for (scene, look, _), other in zip(drawn, others, strict=True):
                same[look].append(same_scene(scene, read(np.asarray(to_pil(other)))))
            bar.update(len(drawn))
        few = counts.clone()
        for start in range(0, len(further), setup.batch_size):
            drawn = [_draw(setup, index) for index in further[start : start + setup.batch_size]]
            counts += _counted(
                codec.encode(torch.stack([to_tensor(pixels) for _, _, pixels in drawn])), spec.codebook_size
            )
            bar.update(len(drawn))
    count = len(numbers)
    outcomes = [*itertools.chain(*same.values())]
    figures = [
        Figure("codec", "PSNR", torch.cat(near).mean().item(), "dB", PSNR_TARGET, count=count),
        Figure("codec", "SSIM", torch.cat(alike).mean().item(), count=count),
        share("codec", "the oracle reads the same scene", outcomes, SAME_SCENE_TARGET),
        *(share("codec", f"the same scene, {look}", some) for look, some in same.items()),
        *codebook_figures("codec", counts, USAGE_TARGET, count + len(further), (few, count)),
    ]
    return Findings(figures)


def _counted(codes: Tensor, size: int) -> Tensor:
    """How often each code occurs, int64 ``[K, V]``, in codes ``[B, K, h, w]``."""
    return torch.stack([torch.bincount(one.flatten(), minlength=size) for one in codes.unbind(1)])


def _draw(setup: Setup, index: int) -> tuple[Scene, str, np.ndarray]:
    """A scene as it is drawn, the name of its look, and its pixels uint8 ``[H, W, 3]``."""
    rng = setup.rng("codec", index)
    look, style = setup.look(rng, index)
    scene = sample_scene(rng)
    return moved(scene, style), look, render(scene, setup.size, style)


def measure_photographs(setup: Setup) -> Findings:
    """The codec on photographs that come with scikit-image, at their own resolution of 256 x 256 pixels."""
    codec = Codec.of(setup)
    name = "mean PSNR"
    if find_spec("skimage") is None:
        note = "needs scikit-image: pip install unitok-multimodal[evaluate]"
        return Findings([Figure("photographs", name, None, "dB", PHOTOGRAPH_PSNR_TARGET, note=note)])
    photographs = [_photograph(one) for one in PHOTOGRAPHS]
    pictures = torch.stack([to_tensor(photograph) for photograph in photographs])
    others = torch.cat([codec.through(picture[None])[1] for picture in pictures])
    values = psnr(pictures, others)
    figures = [
        Figure("photographs", name, values.mean().item(), "dB", PHOTOGRAPH_PSNR_TARGET, count=len(PHOTOGRAPHS)),
        *(
            Figure("photographs", f"PSNR, {one}", value, "dB")
            for one, value in zip(PHOTOGRAPHS, values.tolist(), strict=True)
        ),
        Figure("photographs", "mean SSIM", ssim(pictures, others).mean().item(), count=len(PHOTOGRAPHS)),
    ]
    return Findings(figures, pictures=[(p, to_pil(o)) for p, o in zip(photographs, others, strict=True)])


def _photograph(name: str) -> PillowImage.Image:
    """One of scikit-image's photographs, cut to its middle square and scaled to 256 x 256 pixels."""
    from skimage import data  # only here: an optional dependency

    photograph = PillowImage.fromarray(getattr(data, name)())
    side = min(photograph.size)
    left, top = (photograph.width - side) // 2, (photograph.height - side) // 2
    square = photograph.crop((left, top, left + side, top + side))
    return square.resize((PHOTOGRAPH_SIZE, PHOTOGRAPH_SIZE), PillowImage.Resampling.LANCZOS)
