"""Conversations: a picture asked for, edited, and asked about, each turn after the model's own answers."""

from __future__ import annotations

from functools import partial

import numpy as np

from unitok.data.world.edits import sample_edit
from unitok.data.world.questions import sample_questions
from unitok.data.world.requests import sample_request
from unitok.data.world.scene import Scene
from unitok.document import Document
from unitok.evaluation.cases import Case, Task, answer
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup
from unitok.evaluation.words import is_one_of

STEPS = ("1: a picture from words", "2: its edit", "3: a question about the result")
OPENINGS = ("now ", "ok, now ", "then ", "and now ", "")


def first(setup: Setup, index: int) -> Task:
    """A request that opens a conversation."""
    request = sample_request(setup.rng("conversations", index))
    return Task(Document.user(request.text), request.text, (STEPS[0],), request.scene, request.spec.satisfied_by)


def second(rng: np.random.Generator, before: Case) -> Task | None:
    """An edit of the picture that was drawn; None when none was found."""
    scene = _shown(before)
    focus = scene.objects[0] if len(scene.objects) == 1 else None  # what "it" then means
    edit = sample_edit(rng, scene, focus=focus, tries=60)
    if edit is None:
        return None
    text = edit.text
    if text.lower() == edit.order.lower():
        opening = OPENINGS[int(rng.integers(len(OPENINGS)))]
        text = opening + text[0].lower() + text[1:] if opening else text
    return Task(before.document.ask(text), text, (STEPS[1],), edit.target, edit.accepts)


def third(rng: np.random.Generator, before: Case) -> Task | None:
    """A question about the edited picture; None when there is nothing to ask about."""
    scene = _shown(before)
    questions = sample_questions(rng, scene, 1) if scene.objects else []
    if not questions:
        return None
    question = questions[0]
    accepts = partial(is_one_of, right=question.answers)
    return Task(before.document.ask(question.text), question.text, (STEPS[2],), question.answers[0], accepts)


def measure(setup: Setup) -> Findings:
    """The share of right answers in each turn after right ones, and of conversations right throughout.

    A conversation that has gone wrong is not continued; one that cannot be continued is not counted.
    """
    steps = [answer(setup, "conversations, 1", [first(setup, index) for index in range(setup.samples)])]
    uncounted = 0
    for number, follow in ((2, second), (3, third)):
        name = f"conversations, {number}"
        going_on = [case for case in steps[-1] if case.right]
        tasks = [follow(setup.rng(name, index), case) for index, case in enumerate(going_on)]
        steps.append(answer(setup, name, [task for task in tasks if task is not None]))
        uncounted += tasks.count(None)
    finished = [case.right for case in steps[-1]]
    gone_wrong = [False] * (setup.samples - uncounted - len(finished))
    figures = [
        share("conversations", step, [case.right for case in cases]) for step, cases in zip(STEPS, steps, strict=True)
    ]
    figures.append(share("conversations", "right throughout", finished + gone_wrong))
    return Findings(figures, [case for cases in steps for case in cases])


def _shown(case: Case) -> Scene:
    """The scene in the picture that the case's turn holds."""
    if case.scene is None:
        raise ValueError("the last answer has no picture")
    return case.scene
