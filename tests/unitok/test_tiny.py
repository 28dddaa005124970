"""The checkpoint `tiny` that ships: whole, small, and as good as its model card says.

The bounds lie below the figures of the model card by about what chance takes from samples as few as these.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from unitok import checkpoint
from unitok.data.world.render import render
from unitok.data.world.scene import COLORS, sample_scene
from unitok.document import Document
from unitok.evaluation import oracle
from unitok.model import UniTok
from unitok_tokenizers.image_io import to_pil, to_tensor

FOLDER = Path(str(resources.files("unitok"))) / "checkpoints" / "tiny"
MEGABYTE = 10**6
PSNR, SAME_SCENE, BACKGROUND_DRAWN, BACKGROUND_NAMED = 29.0, 0.5, 0.6, 0.5


@pytest.fixture(scope="module")
def tiny() -> UniTok:
    return UniTok.from_pretrained("tiny")


def test_it_is_whole_and_small() -> None:
    checkpoint.verify(FOLDER)
    weights = [path.stat().st_size for path in FOLDER.rglob("*.safetensors")]
    assert sum(weights) <= 60 * MEGABYTE
    assert max(weights) <= 15 * MEGABYTE


def test_its_codec_keeps_scenes(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_003)
    scenes = [sample_scene(rng) for _ in range(60)]
    pictures = torch.stack([to_tensor(render(scene, 80)) for scene in scenes])
    codec = tiny.processor.image_tokenizer, tiny.processor.image_detokenizer
    assert codec[0] is not None and codec[1] is not None
    decoded = codec[1].decode(codec[0].encode(pictures))
    psnr = -10 * torch.log10((decoded - pictures).square().mean((1, 2, 3)) / 4)
    assert float(psnr.mean()) > PSNR
    read = [oracle.same_scene(scene, oracle.read(to_pil(one))) for scene, one in zip(scenes, decoded, strict=True)]
    assert np.mean(read) > SAME_SCENE


def test_it_draws_the_background_that_is_asked_for(tiny: UniTok) -> None:
    colors = list(COLORS)
    asked = [Document.user(f"a {colors[i - 1]} circle on a {color} background") for i, color in enumerate(colors)]
    answers = tiny.generate(asked, modality="image")
    right = 0
    for color, answer in zip(colors, answers, strict=True):
        picture = answer.turns[-1].images[0].image
        assert picture is not None and picture.size == (80, 80)
        right += oracle.read(picture).background == color
    assert right / len(colors) > BACKGROUND_DRAWN


def test_it_names_the_background_of_a_picture(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_033)
    scenes = [sample_scene(rng, count=2) for _ in range(24)]
    asked = [Document.user(to_pil(to_tensor(render(s, 80))), "what color is the background?") for s in scenes]
    answers = tiny.generate(asked, modality="text")
    right = [answer.turns[-1].text.strip() == scene.background for scene, answer in zip(scenes, answers, strict=True)]
    assert np.mean(right) > BACKGROUND_NAMED
