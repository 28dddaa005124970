"""Edits: is the picture changed as told, and everything else kept?"""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.edits import sample_edit
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.document import Document
from unitok.evaluation.cases import Task, answer, picture, shares_by_tag
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup

TARGET = 88.0
HELD_OUT_SHARE = 0.5
"""Edits of pictures with held-out compositions, per sample."""

ROUNDS = 2
"""Edits per sample: there are many kinds."""


def tasks(setup: Setup, split: str, count: int) -> list[Task]:
    """``count`` instructions of all kinds, as often as users give them, each for a scene of its own."""
    found = []
    for index in range(count):
        rng = setup.rng(f"edits, {split}", index)
        look, style = setup.look(rng, index)
        edit = _draw(rng, split)
        document = Document.user(picture(edit.source, setup, style), edit.text)
        kind = edit.kind.replace("_", " ")
        found.append(Task(document, edit.text, (kind, look), edit.target, edit.accepts))
    return found


def _draw(rng: np.random.Generator, split: str) -> Edit:
    while True:
        edit = sample_edit(rng, sample_varied_scene(rng, split), split)
        if edit is not None:
            return edit


def measure(setup: Setup) -> Findings:
    """The share of right edits: overall, by kind and by the picture's look."""
    cases = answer(setup, "edits", tasks(setup, "train", ROUNDS * setup.samples))
    held_out = answer(setup, "edits, heldout", tasks(setup, "heldout", setup.fewer(HELD_OUT_SHARE)))
    figures = [
        share("edits", "overall", [case.right for case in cases], TARGET),
        *shares_by_tag("edits", cases),
        share("edits", "held-out compositions", [case.right for case in held_out]),
    ]
    return Findings(figures, [*cases, *held_out])
