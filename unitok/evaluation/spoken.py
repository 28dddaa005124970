"""Speech and pictures together: spoken requests, captions read aloud, spoken questions."""

from __future__ import annotations

from functools import partial

from unitok.data.world.captions import describe
from unitok.data.world.question import Question
from unitok.data.world.questions import sample_questions
from unitok.data.world.requests import Request, sample_request
from unitok.data.world.scene import Scene
from unitok.data.world.sounds.scene_documents import caption_order, question_parts
from unitok.data.world.sounds.spoken import ANSWER_WORDS, CAPTION_WORDS, speakable
from unitok.data.world.sounds.tape import users_speech
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.data.world.turns import with_words
from unitok.document import Document, Part, Text
from unitok.evaluation.captions import names_exactly
from unitok.evaluation.cases import Case, Task, answer, picture
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.pictures import TARGETS as CATEGORIES
from unitok.evaluation.setup import Setup
from unitok.evaluation.sound_setup import assistant_oracle, heard_words, with_sounds
from unitok.evaluation.words import is_one_of

MOST_LOST = 4.0
"""Points by which spoken requests may do worse than the same ones written."""

CAPTION_TARGET = 80.0
CATEGORY_SHARE = 0.5
"""Requests of each category, per sample."""

HELD_OUT_SHARE = 0.5
QUESTION_SHARE = 0.5


def request_tasks(setup: Setup, split: str, count: int, spoken: bool) -> list[Task]:
    """``count`` requests of each category, the same ones spoken (in held-out voices) and written."""
    found = []
    for category in CATEGORIES:
        for index in range(count):
            rng = setup.rng(f"spoken requests, {split}, {category}", index)
            request = _request(setup, category, split, rng)
            part = users_speech(rng, request.text, "heldout") if spoken else Text(request.text)
            accepts = request.spec.satisfied_by
            found.append(Task(Document.user(part), request.text, (category,), request.scene, accepts))
    return found


def _request(setup: Setup, category: str, split: str, rng) -> Request:
    while True:
        request = sample_request(rng, category.replace(" ", "_"), split)
        if speakable(request.text):
            return request


def caption_tasks(setup: Setup, split: str, count: int) -> list[Task]:
    """``count`` pictures to describe aloud, whose captions are short enough to say."""
    found = []
    for index in range(count):
        rng = setup.rng(f"spoken captions, {split}", index)
        look, style = setup.look(rng, index)
        scene = _scene(rng, split)
        order = caption_order(rng)
        document = Document.user(*with_words(rng, _shown(scene, setup, style), order))
        accepts = partial(_names_exactly, scene=scene)
        found.append(Task(document, order, (look,), describe(scene), accepts, _hear_caption))
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
            accepts = partial(_heard_as_one_of, right=right)
            found.append(Task(document, question.text, tags, right[0], accepts, _hear_answer))
        else:
            found.append(Task(document, question.text, tags, right[0], partial(is_one_of, right=right)))
    return found
