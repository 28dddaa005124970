"""Speech and pictures together: spoken requests, captions read aloud, spoken questions."""

from __future__ import annotations

from functools import partial

import numpy as np

from unitok.data.world.captions import describe
from unitok.data.world.question import Question
from unitok.data.world.questions import sample_questions
from unitok.data.world.scene import Scene
from unitok.data.world.sounds.scene_documents import caption_order, question_parts
from unitok.data.world.sounds.spoken import ANSWER_WORDS, CAPTION_WORDS, speakable, speakable_request, spoken_words
from unitok.data.world.sounds.tape import users_speech
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.data.world.turns import with_words
from unitok.document import Document, Image, Text
from unitok.evaluation.captions import names_exactly
from unitok.evaluation.cases import Case, Task, answer, picture
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.pictures import TARGETS as CATEGORIES
from unitok.evaluation.setup import Setup
from unitok.evaluation.sound_setup import hear, heard_words
from unitok.evaluation.words import is_one_of

MOST_LOST = 4.0
"""Points by which spoken requests may do worse than the same ones written."""

CAPTION_TARGET = 80.0
CATEGORY_SHARE, HELD_OUT_CATEGORY_SHARE = 0.5, 0.25
"""Requests of each category, per sample."""

HELD_OUT_SHARE = 0.5
QUESTION_SHARE = 0.5


hear_caption = partial(hear, vocabulary=CAPTION_WORDS)
hear_answer = partial(hear, vocabulary=ANSWER_WORDS)


def request_tasks(setup: Setup, split: str, count: int, spoken: bool) -> list[Task]:
    """``count`` requests of each category, the same ones spoken (in held-out voices) and written."""
    found = []
    for category in CATEGORIES:
        for index in range(count):
            rng = setup.rng(f"spoken requests, {split}, {category}", index)
            request = speakable_request(rng, category.replace(" ", "_"), split)
            part = users_speech(rng, request.text, "heldout") if spoken else Text(request.text)
            accepts = request.spec.satisfied_by
            found.append(Task(Document.user(part), request.text, (category,), request.scene, accepts))
    return found


def caption_tasks(setup: Setup, split: str, count: int) -> list[Task]:
    """``count`` pictures to describe aloud, whose captions are short enough to say."""
    found = []
    for index in range(count):
        rng = setup.rng(f"spoken captions, {split}", index)
        look, style = setup.look(rng, index)
        scene = _scene(rng, split)
        order = caption_order(rng)
        document = Document.user(*with_words(rng, Image(picture(scene, setup, style)), order))
        accepts = partial(names_exactly, scene=scene)
        found.append(Task(document, order, (look,), describe(scene), accepts, hear_caption))
    return found


def question_tasks(setup: Setup, count: int, aloud: bool) -> list[Task]:
    """``count`` spoken questions about pictures, in held-out voices, to be answered in words or aloud."""
    found = []
    for index in range(count):
        rng = setup.rng(f"spoken questions, {aloud}", index)
        look, style = setup.look(rng, index)
        scene, question = _question(rng)
        spoken = users_speech(rng, question.text, "heldout")
        document = Document.user(picture(scene, setup, style), *question_parts(rng, spoken, aloud))
        tags, right = (question.category, look), question.answers
        if aloud:
            accepts = partial(is_heard_as, right=right)
            found.append(Task(document, question.text, tags, right[0], accepts, hear_answer))
        else:
            found.append(Task(document, question.text, tags, right[0], partial(is_one_of, right=right)))
    return found


def _scene(rng: np.random.Generator, split: str) -> Scene:
    while True:
        scene = sample_varied_scene(rng, split)
        if speakable(describe(scene)):
            return scene


def _question(rng: np.random.Generator) -> tuple[Scene, Question]:
    while True:
        scene = sample_varied_scene(rng)
        for question in sample_questions(rng, scene, 1):
            if is_sayable(question):
                return scene, question


def is_sayable(question: Question) -> bool:
    """Whether a question and its answer can be said aloud."""
    return speakable(question.text) and ANSWER_WORDS.issuperset(spoken_words(question.answers[0]))


def is_heard_as(heard: str, right: tuple[str, ...]) -> bool:
    """Whether the words that were heard are, as far as they can be told apart by ear, one of the right answers."""
    return is_one_of(heard, map(heard_words, right))


def measure(setup: Setup) -> Findings:
    """Spoken requests beside the same ones written, captions read aloud, and spoken questions."""
    figures, found = _requests(setup, "", "train", CATEGORY_SHARE, MOST_LOST)
    more_figures, more = _requests(setup, ", held-out compositions", "heldout", HELD_OUT_CATEGORY_SHARE)
    figures += more_figures
    found += more
    captions = answer(setup, "spoken captions", caption_tasks(setup, "train", setup.samples))
    held_out = answer(setup, "spoken captions, heldout", caption_tasks(setup, "heldout", setup.fewer(HELD_OUT_SHARE)))
    figures.append(share("spoken", "captions read aloud", [case.right for case in captions], CAPTION_TARGET))
    figures.append(share("spoken", "captions read aloud, held-out compositions", [case.right for case in held_out]))
    found += captions + held_out
    for name, aloud in (("in words", False), ("aloud", True)):
        tasks = question_tasks(setup, setup.fewer(QUESTION_SHARE), aloud)
        cases = answer(setup, f"spoken questions, {name}", tasks)
        figures.append(share("spoken", f"spoken questions, answered {name}", [case.right for case in cases]))
        found += cases
    return Findings(figures, found)


def _requests(
    setup: Setup, name: str, split: str, part: float, most_lost: float | None = None
) -> tuple[list[Figure], list[Case]]:
    """Right pictures from spoken and from written requests, and the spoken cases."""
    spoken, written = (  # the name decides the draws: the same ones, so that only hearing makes a difference
        answer(setup, f"spoken requests{name}", request_tasks(setup, split, setup.fewer(part), aloud))
        for aloud in (True, False)
    )
    by_ear, by_eye = ([case.right for case in cases] for cases in (spoken, written))
    lost = 100 * float(np.mean(by_eye) - np.mean(by_ear))
    return [
        share("spoken", f"pictures from spoken requests{name}", by_ear),
        share("spoken", f"pictures from the same requests, written{name}", by_eye),
        Figure("spoken", f"lost by speaking{name}", lost, "points", most_lost, True, count=len(by_ear)),
    ], spoken
