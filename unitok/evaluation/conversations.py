"""Conversations: a picture asked for, edited, and asked about, each turn after the model's own answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from unitok.data.world.edits import sample_edit
from unitok.data.world.question import Question
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
    return edit_task(rng, before.document, _shown(before))


def edit_task(rng: np.random.Generator, document: Document, scene: Scene) -> Task | None:
    """An edit of the scene in the conversation's last picture; None when none was found."""
    focus = scene.objects[0] if len(scene.objects) == 1 else None  # what "it" then means
    edit = sample_edit(rng, scene, focus=focus, tries=60)
    if edit is None:
        return None
    text = edit.text
    if text.lower() == edit.order.lower():
        opening = OPENINGS[int(rng.integers(len(OPENINGS)))]
        text = opening + text[0].lower() + text[1:] if opening else text
    return Task(document.ask(text), text, (STEPS[1],), edit.target, edit.accepts)


def third(rng: np.random.Generator, before: Case) -> Task | None:
    """A question about the edited picture; None when there is nothing to ask about."""
    question = question_about(rng, before)
    if question is None:
        return None
    accepts = partial(is_one_of, right=question.answers)
    return Task(before.document.ask(question.text), question.text, (STEPS[2],), question.answers[0], accepts)


def question_about(rng: np.random.Generator, before: Case) -> Question | None:
    """A question about the picture that was drawn; None when there is nothing to ask about."""
    scene = _shown(before)
    questions = sample_questions(rng, scene, 1) if scene.objects else []
    return questions[0] if questions else None


def measure(setup: Setup) -> Findings:
    """The share of right answers in each turn after right ones, and of conversations right throughout."""
    return talks(setup, "conversations", setup.samples, first, (second, third), STEPS)


def talks(
    setup: Setup,
    section: str,
    count: int,
    begin: Callable[[Setup, int], Task],
    follow: Sequence[Callable[[np.random.Generator, Case], Task | None]],
    steps: Sequence[str],
) -> Findings:
    """Conversations, each turn after the model's own answers, and the share that is right at each step and throughout.

    A conversation that has gone wrong is not continued; one that cannot be continued is not counted. What is asked in
    one, and what its answers are drawn with, depend on its number and its pictures, and not on the others.

    Args:
        setup: What is measured.
        section: The section.
        count: How many conversations there are.
        begin: The task that opens one of a number.
        follow: What comes after a right answer, one for each further step; None when nothing was found.
        steps: The names of all steps.
    """
    found = [answer(setup, f"{section}, 1", [begin(setup, index) for index in range(count)])]
    uncounted = 0
    for step, after in enumerate(follow, 2):
        name = f"{section}, {step}"
        tasks = []
        for number, case in ((case.task.number, case) for case in found[-1] if case.right):
            assert number is not None
            task = after(setup.rng(name, number), case)
            if task is None:
                uncounted += 1
            else:
                tasks.append(replace(task, number=number))
        found.append(answer(setup, name, tasks))
    finished = [case.right for case in found[-1]]
    gone_wrong = [False] * (count - uncounted - len(finished))
    figures = [share(section, step, [case.right for case in cases]) for step, cases in zip(steps, found, strict=True)]
    figures.append(share(section, "right throughout", finished + gone_wrong))
    return Findings(figures, [case for cases in found for case in cases])


def _shown(case: Case) -> Scene:
    """The scene in the picture that the case's turn holds."""
    if case.scene is None:
        raise ValueError("the last answer has no picture")
    return case.scene
