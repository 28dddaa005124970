"""Tasks for a model and what became of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from tqdm import tqdm

from unitok.data.world.render import Style, render
from unitok.data.world.scene import Scene
from unitok.data.world.sounds.signals import SAMPLE_RATE
from unitok.document import Audio, Document, Image, Turn
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.oracle import is_known, read
from unitok.evaluation.setup import Setup
from unitok.sounds import samples_at

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} [{elapsed}<{remaining}]"


@dataclass(frozen=True)
class Task:
    """Something to ask a model.

    Attributes:
        document: Ends before the assistant's turn.
        asked: The user's words.
        tags: What the task belongs to, such as its category; figures are given for each.
        wanted: One right answer: a scene when a picture is wanted, or words, which are heard when a sound is wanted.
        accepts: Whether an answer is right, given the scene that its picture shows, or its words.
        hear: Reads words from the answer's sound ``[N]`` at 16 kHz; given where a sound is wanted.
        number: Decides, with the first tag, how the answer is drawn; None: its place among the tasks of that tag that
            are answered with it.
    """

    document: Document
    asked: str
    tags: tuple[str, ...]
    wanted: Scene | str
    accepts: Callable[..., bool] = field(repr=False)
    hear: Callable[[NDArray[np.float32]], str] | None = field(default=None, repr=False)
    number: int | None = None


@dataclass(frozen=True)
class Case:
    """A task, the assistant's turn, the scene that was read from its picture, whether it is right, and the words that
    were heard in its sound."""

    task: Task
    turn: Turn
    scene: Scene | None
    right: bool
    heard: str | None = None

    @property
    def document(self) -> Document:
        """The whole conversation, the answer included."""
        return Document((*self.task.document.turns, self.turn))

    @property
    def got(self) -> str:
        """The answer in words."""
        if self.scene is not None:
            return scene_text(self.scene)
        if self.heard is not None:
            return self.heard
        return self.turn.text if not self.turn.images else f"{len(self.turn.images)} pictures: {self.turn.text}"

    @property
    def wanted(self) -> str:
        """One right answer in words."""
        return self.task.wanted if isinstance(self.task.wanted, str) else scene_text(self.task.wanted)

    @property
    def media(self) -> list[Image | Audio]:
        """The pictures and sounds of the user's last turn and of the answer that are at hand."""
        parts = [*self.task.document.turns[-1].parts, *self.turn.parts]
        return [
            part
            for part in parts
            if (isinstance(part, Image) and part.image is not None)
            or (isinstance(part, Audio) and part.samples is not None)
        ]


def judge(task: Task, turn: Turn) -> Case:
    """Whether an assistant's turn does what the task asks: exactly one picture or one sound, beside which there may be
    words, or words alone."""
    if task.hear is not None:
        if len(turn.sounds) != 1 or turn.images or turn.sounds[0].samples is None:
            return Case(task, turn, None, False, "")  # what is only written was not said
        heard = task.hear(samples_at(turn.sounds[0], SAMPLE_RATE)[0].numpy())
        return Case(task, turn, None, task.accepts(heard), heard)
    if isinstance(task.wanted, str):
        return Case(task, turn, None, not turn.images and not turn.sounds and task.accepts(turn.text))
    if len(turn.images) != 1 or turn.sounds or turn.images[0].image is None:
        return Case(task, turn, None, False)
    scene = read(np.asarray(turn.images[0].image))
    return Case(task, turn, scene, is_known(scene) and task.accepts(scene))


def answer(setup: Setup, name: str, tasks: Sequence[Task]) -> list[Case]:
    """Lets the model answer all tasks, as it sees fit (words or a picture), and judges the answers."""
    cases: list[Case] = []
    if not tasks:
        return []
    tasks = _numbered(tasks)
    # Where it is inside another bar, it does not stay.
    with tqdm(total=len(tasks), desc=name, bar_format=_BAR, file=sys.stderr, leave=None) as bar:
        for start in range(0, len(tasks), setup.batch_size):
            batch = tasks[start : start + setup.batch_size]

            def progress(done: int, total: int, start: int = start, size: int = len(batch)) -> None:
                bar.update(start + size * done / max(total, 1) - bar.n)

            documents = setup.model.generate(
                [task.document for task in batch],
                seed=[draw_seed(setup, name, task) for task in batch],
                batch_size=setup.batch_size,
                progress=progress,
            )
            for task, document in zip(batch, documents, strict=True):
                *asked, turn = document.turns  # with what was written down of sounds, which a conversation keeps
                cases.append(judge(replace(task, document=Document(tuple(asked))), turn))
            bar.update(len(cases) - bar.n)
    return cases


def draw_seed(setup: Setup, name: str, task: Task) -> int:
    """What a numbered task, of those that are answered under this name, is answered with."""
    assert task.number is not None
    return setup.draw_seed(", ".join((name, *task.tags[:1])), task.number)


def _numbered(tasks: Sequence[Task]) -> list[Task]:
    """Tasks with the numbers that they lack: an answer is the same however many there are of each tag."""
    places: Counter[tuple[str, ...]] = Counter()
    found = []
    for task in tasks:
        tag = task.tags[:1]
        found.append(task if task.number is not None else replace(task, number=places[tag]))
        places[tag] += 1
    return found


def shares_by_tag(section: str, cases: Sequence[Case], targets: dict[str, float] | None = None) -> list[Figure]:
    """The share of right cases for each tag: first tags as they come up, then second ones and so on, sorted."""
    names: list[str] = []
    for place in range(max((len(case.task.tags) for case in cases), default=0)):
        tags = dict.fromkeys(case.task.tags[place] for case in cases if place < len(case.task.tags))
        names += sorted(tags) if place else tags
    targets = targets or {}
    return [
        share(section, name, [case.right for case in cases if name in case.task.tags], targets.get(name))
        for name in names
    ]


def picture(scene: Scene, setup: Setup, style: Style) -> PillowImage.Image:
    """A scene as the user's picture."""
    return PillowImage.fromarray(render(scene, setup.size, style))


def scene_text(scene: Scene) -> str:
    """A scene in one line, places included: for people who look for the cause of a failure."""
    objects = [f"{' '.join(o.kind)} ({o.x:.2f}, {o.y:.2f})" for o in scene.objects]
    return f"{scene.background}: {'; '.join(objects) or 'nothing'}"
