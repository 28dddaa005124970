"""Pictures from words, questions and edits: is what users say understood in words that training does not know?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from unitok.data.world.edit import Edit
from unitok.data.world.render import CANONICAL
from unitok.data.world.spec_sampling import fill, sample_spec, sample_varied_scene
from unitok.data.world.templates import pick
from unitok.document import Document
from unitok.evaluation.cases import Task, answer, picture, shares_by_tag
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.other_words.edit_frames import FRAMES as EDIT_FRAMES
from unitok.evaluation.other_words.edits import MAKERS, sample_edit
from unitok.evaluation.other_words.question_frames import FRAMES as QUESTION_FRAMES
from unitok.evaluation.other_words.questions import Asked, sample_question
from unitok.evaluation.other_words.request_frames import FRAMES as REQUEST_FRAMES
from unitok.evaluation.other_words.requests import sample_request
from unitok.evaluation.setup import Setup
from unitok.evaluation.words import is_one_of

SECTION = "other_words"
CATEGORY_SHARE = 0.25
"""Requests, and questions, of each category, per sample; of edits there is one of any kind."""


def requests(setup: Setup) -> list[Task]:
    """Requests for pictures, as many of each category."""
    found = []
    for category in REQUEST_FRAMES:
        for index in range(setup.fewer(CATEGORY_SHARE)):
            rng = setup.rng(f"other words, requests, {category}", index)
            scene = None
            while scene is None:
                spec = sample_spec(rng, category)
                scene = fill(rng, spec)
            text = sample_request(rng, spec, category).text
            tag = f"pictures from words: {category.replace('_', ' ')}"
            found.append(Task(Document.user(text), text, (tag,), scene, spec.satisfied_by))
    return found


def questions(setup: Setup) -> list[Task]:
    """Questions, as many of each category, each about its own scene."""
    found = []
    for category in QUESTION_FRAMES:
        for index in range(setup.fewer(CATEGORY_SHARE)):
            rng = setup.rng(f"other words, questions, {category}", index)
            asked: Asked | None = None
            while asked is None:
                scene = sample_varied_scene(rng)
                asked = sample_question(rng, scene, category)
            _, style = setup.look(rng, index)
            document = Document.user(picture(scene, setup, style), asked.text)
            accepts = partial(is_one_of, right=asked.answers)
            found.append(Task(document, asked.text, (f"questions: {category}",), asked.answers[0], accepts))
    return found


def edits(setup: Setup) -> list[Task]:
    """Edits, whose kinds take turns, each of its own scene."""
    found = []
    kinds = tuple(MAKERS)
    for index in range(setup.samples):
        rng = setup.rng("other words, edits", index)
        kind = kinds[index % len(kinds)]
        frame = pick(rng, EDIT_FRAMES[kind])
        edit: Edit | None = None
        while edit is None:
            edit = sample_edit(rng, sample_varied_scene(rng), kind, frame)
        document = Document.user(picture(edit.source, setup, CANONICAL), edit.text)
        found.append(Task(document, edit.text, (f"edits: {kind}",), edit.target, edit.accepts))
    return found


SORTS: dict[str, Callable[[Setup], list[Task]]] = {
    "pictures from words": requests,
    "questions": questions,
    "edits": edits,
}


def measure(setup: Setup) -> Findings:
    """The share of right answers of each sort, overall and by category or kind."""
    figures, found = [], []
    for sort, make in SORTS.items():
        cases = answer(setup, f"other words, {sort}", make(setup))
        figures += [share(SECTION, f"{sort}, overall", [case.right for case in cases]), *shares_by_tag(SECTION, cases)]
        found += cases
    return Findings(figures, found)
