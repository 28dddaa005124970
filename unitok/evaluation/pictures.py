"""Pictures from words: does the picture show just what was asked for?"""

from __future__ import annotations

from unitok.data.world.requests import sample_request
from unitok.document import Document
from unitok.evaluation.cases import Task, answer, shares_by_tag
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup

TARGETS = {
    "single object": 99.0,
    "two objects": 97.0,
    "counting": 92.0,
    "colors": 98.0,
    "position": 93.0,
    "attribute binding": 95.0,
}
"""Percent, by GenEval's categories."""

HELD_OUT_TARGET = 88.0
HELD_OUT_SHARE = 0.4
"""Requests of held-out compositions in each category, per sample."""


def tasks(setup: Setup, split: str, count: int) -> list[Task]:
    """``count`` requests of each category; those of ``heldout`` name what training never shows."""
    found = []
    for category in TARGETS:
        for index in range(count):
            rng = setup.rng(f"pictures, {split}, {category}", index)
            request = sample_request(rng, category.replace(" ", "_"), split)
            found.append(
                Task(
                    Document.user(request.text),
                    request.text,
                    (category,),
                    request.scene,
                    request.spec.satisfied_by,
                )
            )
    return found


def measure(setup: Setup) -> Findings:
    """The share of right pictures by category."""
    cases = answer(setup, "pictures", tasks(setup, "train", setup.samples))
    overall = share("pictures", "all categories", [case.right for case in cases])
    return Findings([*shares_by_tag("pictures", cases, TARGETS), overall], cases)


def measure_held_out(setup: Setup) -> Findings:
    """The share of right pictures for compositions that training never shows."""
    cases = answer(setup, "heldout", tasks(setup, "heldout", setup.fewer(HELD_OUT_SHARE)))
    overall = share("heldout", "held-out compositions, overall", [case.right for case in cases], HELD_OUT_TARGET)
    return Findings([overall, *shares_by_tag("heldout", cases)], cases)
