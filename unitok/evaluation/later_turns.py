"""Tasks in a later turn of a conversation, behind another one that has nothing to do with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unitok.data.world.render import CANONICAL
from unitok.data.world.requests import sample_request
from unitok.data.world.sounds.instruments import play
from unitok.data.world.sounds.melody_documents import play_order
from unitok.data.world.sounds.notes import sample_melody
from unitok.data.world.sounds.signals import as_audio
from unitok.document import Document
from unitok.evaluation import conversations, listening, melodies, pictures
from unitok.evaluation.cases import Task, answer, picture
from unitok.evaluation.figures import share
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup

SECTION = "later_turns"
SHARE = 0.25
"""Tasks of each kind, per sample."""


def behind_picture(rng: np.random.Generator, setup: Setup) -> Document:
    """A request for a picture and the right one."""
    request = sample_request(rng)
    return Document.user(request.text).reply(picture(request.scene, setup, CANONICAL))


def behind_melody(rng: np.random.Generator, setup: Setup) -> Document:
    """A request for a melody and the right one."""
    melody = sample_melody(rng)
    order, _ = play_order(rng, melody)
    return Document.user(order).reply(as_audio(play(melody)))


def dictations(setup: Setup, count: int) -> list[Task]:
    return listening.tasks(setup, "held-out voices", count)


def melodies_to_play(setup: Setup, count: int) -> list[Task]:
    return [melodies.playing_task(setup.rng("later turns, playing", number)) for number in range(count)]


def melodies_to_name(setup: Setup, count: int) -> list[Task]:
    return [melodies.naming_task(setup.rng("later turns, naming", number)) for number in range(count)]


def requests(setup: Setup, count: int) -> list[Task]:
    """Of all categories, which take turns."""
    each = math.ceil(count / len(pictures.TARGETS))
    tasks = pictures.tasks(setup, "train", each)
    return [task for first in range(each) for task in tasks[first::each]][:count]


def edits(setup: Setup, count: int) -> list[Task]:
    """Edits of a picture that was asked for and is the right one."""
    found = []
    for number in range(count):
        rng, task = setup.rng("later turns, edits", number), None
        while task is None:
            request = sample_request(rng)
            drawn = Document.user(request.text).reply(picture(request.scene, setup, CANONICAL))
            task = conversations.edit_task(rng, drawn, request.scene)
        found.append(task)
    return found


KINDS: dict[str, tuple[Callable[[Setup, int], list[Task]], Callable[[np.random.Generator, Setup], Document]]] = {
    "speech to text, behind a picture": (dictations, behind_picture),
    "melody from names, behind a picture": (melodies_to_play, behind_picture),
    "names from a melody, behind a picture": (melodies_to_name, behind_picture),
    "picture from words, behind a melody": (requests, behind_melody),
    "edit of a drawn picture, behind a melody": (edits, behind_melody),
}


def moved(task: Task, before: Document) -> Task:
    """The task with other turns in front of its question."""
    *earlier, question = task.document.turns
    return replace(task, document=Document((*earlier, *before.turns, question)))


def measure(setup: Setup) -> Findings:
    """The share of right answers of each kind, and to the same tasks as first turns."""
    figures, found = [], []
    for name, (make, before) in KINDS.items():
        alone = make(setup, setup.fewer(SHARE))
        later = [moved(task, before(setup.rng(name, number), setup)) for number, task in enumerate(alone)]
        for label, tasks in ((name, later), (f"{name.split(',')[0]}, alone", alone)):
            cases = answer(setup, name, tasks)
            figures.append(share(SECTION, label, [case.right for case in cases]))
            found += cases
    return Findings(figures, found)
