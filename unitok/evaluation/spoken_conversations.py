"""Conversations that mix all modalities: all that the user says is said aloud, about pictures that the model drew."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from unitok.data.world.sounds.scene_documents import question_parts
from unitok.data.world.sounds.spoken import speakable, speakable_request
from unitok.data.world.sounds.tape import users_speech
from unitok.document import Document
from unitok.evaluation import conversations
from unitok.evaluation.cases import Case, Task, answer
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup
from unitok.evaluation.spoken import hear_answer, is_heard_as, is_sayable

SECTION = "spoken_conversations"
STEPS = ("1: a picture from speech", "2: its edit, told aloud", "3: a spoken question about the result, answered aloud")
SHARE = 0.5
"""Conversations, per sample."""

_TRIES = 20


def first(setup: Setup, index: int) -> Task:
    """A spoken request that opens a conversation."""
    rng = setup.rng(SECTION, index)
    request = speakable_request(rng)
    spoken = users_speech(rng, request.text, "heldout")
    return Task(Document.user(spoken), request.text, (STEPS[0],), request.scene, request.spec.satisfied_by)


def second(rng: np.random.Generator, before: Case) -> Task | None:
    """An edit that is told aloud; None when none was found that can be said."""
    for _ in range(_TRIES):
        task = conversations.second(rng, before)
        if task is not None and speakable(task.asked):
            spoken = users_speech(rng, task.asked, "heldout")
            return replace(task, document=before.document.ask(spoken), tags=(STEPS[1],))
    return None


def third(rng: np.random.Generator, before: Case) -> Task | None:
    """A spoken question, to be answered aloud; None when none was found that can be said."""
    for _ in range(_TRIES):
        question = conversations.question_about(rng, before)
        if question is not None and is_sayable(question):
            parts = question_parts(rng, users_speech(rng, question.text, "heldout"), aloud=True)
            accepts = partial(is_heard_as, right=question.answers)
            document, wanted = before.document.ask(*parts), question.answers[0]
            return Task(document, question.text, (STEPS[2],), wanted, accepts, hear_answer)
    return None


def typed(task: Task) -> Task:
    """The same task, but for the user's last turn, which is typed."""
    return replace(task, document=Document(task.document.turns[:-1]).ask(task.asked))


def measure(setup: Setup) -> Findings:
    """The share of right answers in each turn after right ones, and of conversations right throughout; and the share of
    the same edits when they are typed."""
    found = conversations.talks(setup, SECTION, setup.fewer(SHARE), first, (second, third), STEPS)
    edits = [typed(case.task) for case in found.cases if STEPS[1] in case.task.tags]
    by_eye = answer(setup, f"{SECTION}, 2", edits)  # the name decides the draws: those of the spoken ones
    figures = [*found.figures, share(SECTION, "the same edits, typed", [case.right for case in by_eye])]
    return replace(found, figures=figures)
