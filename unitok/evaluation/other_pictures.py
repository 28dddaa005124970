"""Pictures that another renderer drew: does the model see what is in them, and does the codec keep it?"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import torch
from PIL import Image as PillowImage
from tqdm import tqdm

from unitok.data.world.captions import sample_caption
from unitok.data.world.edit import Edit
from unitok.data.world.edits import sample_edit
from unitok.data.world.scene import Scene
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.document import Document
from unitok.evaluation.captions import names_exactly
from unitok.evaluation.cases import Task, answer, shares_by_tag
from unitok.evaluation.codec import Codec
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.oracle import read, same_scene
from unitok.evaluation.other_renderer import FINISHES, Look, render
from unitok.evaluation.setup import Setup
from unitok_tokenizers.image_io import to_pil, to_tensor

SECTION = "other_pictures"
CAPTIONS_SHARE = 0.3
"""Captions of pictures of each finish, per sample."""

EDITS_SHARE = 0.5
CODEC_SCENES = 2
"""Scenes through the codec, per sample."""


def _drawn(scene: Scene, setup: Setup, rng: np.random.Generator, index: int) -> tuple[str, np.ndarray]:
    """The name of the picture's finish, of which there is another with every index, and pixels uint8 ``[H, W, 3]``."""
    look = Look.sample(rng, FINISHES[index % len(FINISHES)])
    return look.finish, render(scene, look, setup.size)


def captions(setup: Setup) -> list[Task]:
    """Demands for a caption in the project's own words."""
    found = []
    for index in range(len(FINISHES) * setup.fewer(CAPTIONS_SHARE)):
        rng = setup.rng("other pictures, captions", index)
        scene = sample_varied_scene(rng)
        caption = sample_caption(rng, scene)
        finish, pixels = _drawn(scene, setup, rng, index)
        document = Document.user(PillowImage.fromarray(pixels), caption.demand)
        accepts = partial(names_exactly, scene=scene)
        found.append(Task(document, caption.demand, (f"captions: {finish}",), caption.text, accepts))
    return found


def edits(setup: Setup) -> list[Task]:
    """Edits in the project's own words."""
    found = []
    for index in range(setup.fewer(EDITS_SHARE)):
        rng = setup.rng("other pictures, edits", index)
        edit: Edit | None = None
        while edit is None:
            edit = sample_edit(rng, sample_varied_scene(rng))
        finish, pixels = _drawn(edit.source, setup, rng, index)
        document = Document.user(PillowImage.fromarray(pixels), edit.text)
        found.append(Task(document, edit.text, (edit.kind.replace("_", " "), finish), edit.target, edit.accepts))
    return found


def codec_figure(setup: Setup) -> Figure:
    """Whether the oracle reads the same scene from pictures that went through the codec."""
    codec, outcomes = Codec.of(setup), []
    numbers = range(CODEC_SCENES * setup.samples)
    with tqdm(total=len(numbers), desc="other pictures, codec", unit="scene", file=sys.stderr) as bar:
        for start in range(0, len(numbers), setup.batch_size):
            scenes, pictures = [], []
            for index in numbers[start : start + setup.batch_size]:
                rng = setup.rng("other pictures, codec", index)
                scenes.append(sample_varied_scene(rng))
                pictures.append(to_tensor(_drawn(scenes[-1], setup, rng, index)[1]))
            _, others = codec.through(torch.stack(pictures))
            for scene, other in zip(scenes, others, strict=True):
                outcomes.append(same_scene(scene, read(np.asarray(to_pil(other)))))
            bar.update(len(scenes))
    return share(SECTION, "the oracle reads the same scene after the codec", outcomes)


def measure(setup: Setup) -> Findings:
    """The share of exact captions, overall and by finish, of right edits, and of scenes that the codec keeps."""
    described = answer(setup, "other pictures, captions", captions(setup))
    edited = answer(setup, "other pictures, edits", edits(setup))
    figures = [
        share(SECTION, "captions, overall", [case.right for case in described]),
        *shares_by_tag(SECTION, described),
        share(SECTION, "edits, overall", [case.right for case in edited]),
        codec_figure(setup),
    ]
    return Findings(figures, [*described, *edited])
