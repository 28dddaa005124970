"""Questions about pictures as users type them, with the short answers that are right.

A kind of question says what is asked and fills the slots of its frames; each category has one kind or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitok.data.world.scene import Scene
from unitok.data.world.templates import pick
from unitok.evaluation.other_words import asked_of_objects as of_objects
from unitok.evaluation.other_words import asked_of_scenes as of_scenes
from unitok.evaluation.other_words.filled import Fill
from unitok.evaluation.other_words.phrases import THINGS, as_written
from unitok.evaluation.other_words.question_frames import FRAMES

FILLS: dict[str, Fill] = {
    "color": of_objects.about("color"),
    "color at a place": of_objects.at_place("color"),
    "shape": of_objects.about("shape"),
    "shape of a color": of_objects.of_color,
    "shape at a place": of_objects.at_place("shape"),
    "size": of_objects.about("size"),
    "is large": of_objects.is_of_size("large"),
    "is small": of_objects.is_of_size("small"),
    "region": of_objects.region,
    "corner": of_objects.corner,
    "row": of_objects.part(0),
    "column": of_objects.part(1),
    "half across": of_objects.half_of("x"),
    "half down": of_objects.half_of("y"),
    "is at a place": of_objects.is_at_place,
    "count": of_scenes.count,
    "whether so many": of_scenes.whether_so_many,
    "is there": of_scenes.exists(inverted=False),
    "is none there": of_scenes.exists(inverted=True),
    "more": of_scenes.amounts(lambda a, b: a > b),
    "fewer": of_scenes.amounts(lambda a, b: a < b),
    "equal": of_scenes.amounts(lambda a, b: a == b),
    "which more": of_scenes.which_amount(more=True),
    "which fewer": of_scenes.which_amount(more=False),
    "bigger": of_objects.sizes(bigger=True),
    "smaller": of_objects.sizes(bigger=False),
    "which bigger": of_objects.which_size(bigger=True),
    "which smaller": of_objects.which_size(bigger=False),
    "same color": of_objects.alike("color"),
    "same size": of_objects.alike("size"),
    "same shape": of_objects.alike("shape"),
    "holds": of_objects.whether_holds,
    "left or right": of_objects.side(across=True),
    "above or below": of_objects.side(across=False),
    "which is": of_objects.further({"left of": "left", "right of": "right"}),
    "which is up": of_objects.further({"above": "higher up", "below": "further down"}),
    "what is": of_objects.what_is,
    "background": of_scenes.background,
    "background is": of_scenes.background_is,
}
"""How the slots of each kind are filled."""


@dataclass(frozen=True)
class Asked:
    """A user's question, the answers that are right, and the kind and the frame that it was made of."""

    text: str
    answers: tuple[str, ...]
    kind: str
    frame: str


def sample_question(rng: np.random.Generator, scene: Scene, category: str) -> Asked | None:
    """A question of a category about a scene; None where its kind has none to ask, and another scene may do.

    Raises:
        KeyError: There are no frames for the category.
    """
    kind, frame = pick(rng, [(kind, frame) for kind, frames in FRAMES[category].items() for frame in frames])
    filled = FILLS[kind](rng, scene)
    if filled is None:
        return None
    # Nobody asks which shape a shape has.
    thing = pick(rng, [thing for thing in THINGS if thing != category])
    text = as_written(rng, frame.format(**filled.slots).format(thing=thing))
    return Asked(text, tuple(answer.format(thing=thing) for answer in filled.answers), kind, frame)
