"""Questions about pictures: is the short answer right?"""

from __future__ import annotations

from functools import partial

import numpy as np

from unitok.data.world.question import Question
from unitok.data.world.questions import CATEGORIES, sample_questions
from unitok.data.world.scene import Scene
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.document import Document
from unitok.evaluation.cases import Case, Task, answer, picture, shares_by_tag
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup
from unitok.evaluation.words import is_one_of, normalized

TARGET = 97.0
EXISTENCE = "existence"
HELD_OUT_SHARE = 0.15
"""Questions of each category about pictures with held-out compositions, per sample."""


def tasks(setup: Setup, split: str, count: int) -> list[Task]:
    """``count`` questions of each category, each about its own scene; for existence yes and no alternate."""
    found = []
    for category in CATEGORIES:
        for index in range(count):
            rng = setup.rng(f"questions, {split}, {category}", index)
            look, style = setup.look(rng, index // 2)  # so that both looks have as many yes as no
            answer = ("yes", "no")[index % 2] if category == EXISTENCE else None
            scene, question = _draw(rng, category, split, answer)
            document = Document.user(picture(scene, setup, style), question.text)
            accepts = partial(is_one_of, right=question.answers)
            found.append(Task(document, question.text, (category, look), question.answers[0], accepts))
    return found


def _draw(rng: np.random.Generator, category: str, split: str, answer: str | None) -> tuple[Scene, Question]:
    while True:
        scene = sample_varied_scene(rng, split)
        for question in sample_questions(rng, scene, 1, category, split):
            if answer in (None, question.answers[0]):
                return scene, question


def measure(setup: Setup) -> Findings:
    """The share of right answers: overall (all categories alike), by category, and by the picture's look."""
    cases = answer(setup, "questions", tasks(setup, "train", setup.samples))
    held_out = answer(setup, "questions, heldout", tasks(setup, "heldout", setup.fewer(HELD_OUT_SHARE)))
    figures = [
        share("questions", "overall", [case.right for case in cases], TARGET),
        *shares_by_tag("questions", cases, {EXISTENCE: TARGET}),
        _yes_rate(cases),
        share("questions", "held-out compositions", [case.right for case in held_out]),
    ]
    return Findings(figures, [*cases, *held_out])


def _yes_rate(cases: list[Case]) -> Figure:
    said = [normalized(case.turn.text) == "yes" for case in cases if EXISTENCE in case.task.tags]
    return share("questions", "existence: says yes", said, note="half of the right answers are yes")
