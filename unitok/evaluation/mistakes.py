"""Pairs of answers from a model's own mistakes: what it was asked, what was right, and what it said instead.

The model answers tasks of the world, which an oracle judges as in an evaluation, though none of them is one of an
evaluation. Where an answer is wrong, it and a right one are a pair to train on (:mod:`unitok.training.preferences`).
Answers are drawn one to a task, the likeliest words and pictures as the checkpoint draws them: what several candidates
would have mended is a mistake as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unitok.data.encoding import encode_documents
from unitok.data.preferences import Found, Preferences, scored, write_parts
from unitok.data.tokenizing import files_identity
from unitok.data.world.render import CANONICAL
from unitok.data.world.scene import Scene
from unitok.document import Document, Image, Part, Text, Turn
from unitok.evaluation import captions, edits, pictures, questions
from unitok.evaluation.cases import Case, Task, answer, picture
from unitok.evaluation.setup import Setup
from unitok.manifest import is_checkpoint
from unitok.model import UniTok
from unitok.shipped import find_checkpoint
from unitok_tokenizers.errors import InputError

TASKS: dict[str, tuple[Callable[[Setup, str, int], list[Task]], int]] = {
    "pictures": (pictures.tasks, len(pictures.TARGETS)),
    "questions": (questions.tasks, len(questions.CATEGORIES)),
    "captions": (captions.tasks, 1),
    "edits": (edits.tasks, 1),
}
"""What can be asked, and how many categories it has: that many tasks come of one."""

TOGETHER = 128
"""Tasks at least whose mistakes are found, and kept, in one go."""

TRAINING = 1
"""First number of the stream of these tasks."""


def write_mistakes(
    model: UniTok, name: str, kind: str, answers: int, seed: int, output: str | Path, batch_size: int = 64
) -> Preferences:
    """Has a model answer tasks and writes its mistakes as pairs; shows a progress bar.

    Args:
        model: Answers, and is the reference of the pairs.
        name: Its name or folder.
        kind: One of :data:`TASKS`.
        answers: How many are judged.
        seed: Of all tasks and draws.
        output: The new cache's folder, which must not exist.
        batch_size: Answers that are written at once.

    Raises:
        InputError: ``output`` exists or cannot be written, or the model cannot be asked, or is no checkpoint.
    """
    folder = find_checkpoint(name)
    if not is_checkpoint(folder):
        raise InputError(f"{name} is a released model; make a checkpoint of it with python -m unitok.convert")
    first_thought = UniTok(model.processor, model.decoder, model.sampling.of_one())
    if kind in ("pictures", "edits") and model.processor.image_detokenizer is None:  # every answer would be wrong
        raise InputError(f"{name} has no image detokenizer, so that its {kind} cannot be judged")
    make, categories = TASKS[kind]
    each = math.ceil(TOGETHER / categories)
    together = each * categories
    sizes = [min(together, answers - start) for start in range(0, answers, together)]

    def find(shard: int) -> Found:
        setup = Setup(first_thought, name, 0, seed, batch_size, (TRAINING, shard))
        tasks = make(setup, "train", each)
        order = np.random.default_rng([seed, shard]).permutation(len(tasks))  # so that the first are of all categories
        cases = answer(setup, kind, [tasks[number] for number in order[: sizes[shard]]])
        return _pairs(model, setup, [case for case in cases if not case.right])

    identity: dict[str, Any] = {"source": "mistakes", "kind": kind, "answers": answers, "seed": seed}
    parts = [folder, *(path for path in sorted(folder.iterdir()) if path.is_dir())]
    identity["model"] = [files_identity(part) for part in parts]
    return write_parts(output, model.processor.vocabulary, identity, folder, sizes, find, "answer")


def _pairs(model: UniTok, setup: Setup, wrong: Sequence[Case]) -> Found:
    """A right and the wrong answer of each case."""
    right = [Document((*case.task.document.turns, _right_turn(case.task, setup))) for case in wrong]
    documents = encode_documents(model.processor, [*right, *(case.document for case in wrong)])
    return scored(model.decoder, list(zip(documents[: len(wrong)], documents[len(wrong) :], strict=True)))


def _right_turn(task: Task, setup: Setup) -> Turn:
    wanted = task.wanted
    part: Part = Image(picture(wanted, setup, CANONICAL)) if isinstance(wanted, Scene) else Text(wanted)
    return Turn((part,), "assistant")
