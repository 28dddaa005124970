"""Captions: do they name exactly the objects that are there?"""

from __future__ import annotations

from collections import Counter
from functools import partial

from unitok.data.world.caption_parser import parse_caption
from unitok.data.world.captions import sample_caption
from unitok.data.world.scene import Scene
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.document import Document
from unitok.evaluation.cases import Task, answer, picture, shares_by_tag
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup

TARGET = 92.0
HELD_OUT_SHARE = 0.5
"""Captions of pictures with held-out compositions, per sample."""


def names_exactly(caption: str, scene: Scene) -> bool:
    """Whether a caption names each object with its size, color and shape, and no wrong background."""
    said = parse_caption(caption)
    return said.background in (None, scene.background) and said.objects == Counter(o.kind for o in scene.objects)


def tasks(setup: Setup, split: str, count: int) -> list[Task]:
    """``count`` demands for a caption, each of a scene of its own with one to six objects."""
    found = []
    for index in range(count):
        rng = setup.rng(f"captions, {split}", index)
        look, style = setup.look(rng, index)
        scene = sample_varied_scene(rng, split)
        caption = sample_caption(rng, scene)
        number = len(scene.objects)
        tags = (caption.style, look, "1 object" if number == 1 else f"{number} objects")
        document = Document.user(picture(scene, setup, style), caption.demand)
        found.append(Task(document, caption.demand, tags, caption.text, partial(names_exactly, scene=scene)))
    return found


def measure(setup: Setup) -> Findings:
    """The share of exact captions: overall, by what was asked for, by look and by the number of objects."""
    cases = answer(setup, "captions", tasks(setup, "train", setup.samples))
    held_out = answer(setup, "captions, heldout", tasks(setup, "heldout", setup.fewer(HELD_OUT_SHARE)))
    figures = [
        share("captions", "overall", [case.right for case in cases], TARGET),
        *shares_by_tag("captions", cases),
        share("captions", "held-out compositions", [case.right for case in held_out]),
    ]
    return Findings(figures, [*cases, *held_out])
