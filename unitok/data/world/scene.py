"""Scenes: a background color and one to six objects that do not overlap.

Coordinates are fractions of the canvas's side: ``x`` grows to the right, ``y`` grows downwards,
``(0.5, 0.5)`` is the middle. A scene is symbolic; ``unitok.data.world.render`` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (220, 38, 38),
    "orange": (249, 135, 22),
    "yellow": (250, 220, 40),
    "green": (34, 160, 70),
    "cyan": (60, 215, 225),
    "blue": (37, 80, 225),
    "purple": (140, 50, 190),
    "pink": (250, 150, 205),
    "brown": (125, 72, 30),
    "black": (15, 15, 18),
    "white": (252, 252, 252),
    "gray": (140, 142, 145),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond", "heart", "ring")
SIZES = {"small": 0.1, "large": 0.18}
"""Circumscribed radius of an object, as a fraction of the canvas's side."""

GAP = 0.035
"""Smallest free space between two objects, and between an object and the border."""

MOST_OBJECTS = 6

RELATIONS = ("left of", "right of", "above", "below")
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
STEP = 0.125
"""Objects are placed at multiples of this. It is the width of one image code of the shipped model, so an object is
drawn with the same codes wherever it is. Pictures in another look are shifted, and their objects jittered, so that
whoever reads pictures sees objects anywhere."""

MARGIN = 0.09
"""Centers closer than this along an axis are neither side of each other."""

HELD_OUT_PAIRS = frozenset(
    {
        ("red", "star"),
        ("blue", "heart"),
        ("green", "diamond"),
        ("yellow", "ring"),
        ("purple", "square"),
        ("orange", "cross"),
        ("cyan", "triangle"),
        ("pink", "circle"),
    }
)
"""(color, shape) pairs that never occur in training, neither in a picture nor in words."""

HELD_OUT_RELATIONS = frozenset(
    {
        ("circle", "left of", "star"),
        ("triangle", "above", "square"),
        ("heart", "left of", "cross"),
        ("ring", "above", "diamond"),
        ("star", "above", "heart"),
        ("square", "left of", "ring"),
    }
)
"""(shape, relation, shape) triples that no sentence in training states, in this wording or its inverse."""

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "center", "right")
REGION_BORDERS = (0.344, 0.656)
"""The canvas's 3 x 3 regions are cut at these coordinates, along both axes."""


@dataclass(frozen=True)
class Object:
    """One object: its names, and the center of its circumscribed circle."""

    shape: str
    color: str
    size: str
    x: float
    y: float

    @property
    def radius(self) -> float:
        return SIZES[self.size]

    @property
    def kind(self) -> tuple[str, str, str]:
        """``(size, color, shape)``: what is said of an object apart from its place."""
        return self.size, self.color, self.shape

    @property
    def region(self) -> tuple[str, str]:
        """Row and column of the 3 x 3 regions that hold the center."""
        low, high = REGION_BORDERS
        row = ROWS[(self.y > low) + (self.y > high)]
        column = COLUMNS[(self.x > low) + (self.x > high)]
        return row, column

    def clear_of_region_borders(self, margin: float = 0.05) -> bool:
        """Whether a person would not hesitate to name the region."""
        return all(abs(v - b) > margin for v in (self.x, self.y) for b in REGION_BORDERS)


@dataclass(frozen=True)
class Scene:
    """A background color and its objects, in no particular order."""

    background: str
    objects: tuple[Object, ...]

    def count(self, **names: str) -> int:
        """How many objects have all the given names, such as ``color="red", shape="star"``."""
        return len(self.find(**names))

    def find(self, **names: str) -> list[Object]:
        return [o for o in self.objects if all(getattr(o, k) == v for k, v in names.items())]

    def changed(self, old: Object, new: Object | None) -> Scene:
        """The scene with ``old`` replaced by ``new``, or removed when ``new`` is None."""
        kept = [new if o is old else o for o in self.objects]
        return replace(self, objects=tuple(o for o in kept if o is not None))

    def added(self, new: Object) -> Scene:
        return replace(self, objects=(*self.objects, new))


def holds(relation: str, a: Object, b: Object, margin: float = MARGIN) -> bool:
    """Whether ``a`` is ``relation`` ``b`` by more than ``margin`` between their centers."""
    difference = {"left of": b.x - a.x, "right of": a.x - b.x, "above": b.y - a.y, "below": a.y - b.y}
    return difference[relation] > margin


def is_held_out_relation(shape: str, relation: str, other: str) -> bool:
    return (shape, relation, other) in HELD_OUT_RELATIONS or (
        other,
        OPPOSITE[relation],
        shape,
    ) in HELD_OUT_RELATIONS


def fits(new: Object, objects: Sequence[Object], gap: float = GAP) -> bool:
    """Whether ``new`` lies inside the canvas and touches none of ``objects``."""
    low, high = new.radius + gap / 2, 1 - new.radius - gap / 2
    if not (low <= new.x <= high and low <= new.y <= high):
        return False
    return all((new.x - o.x) ** 2 + (new.y - o.y) ** 2 >= (new.radius + o.radius + gap) ** 2 for o in objects)


Kind = tuple[str, str, str]
Accept = Callable[[Object], bool]


def place(
    rng: np.random.Generator,
    kind: Kind,
    objects: Sequence[Object],
    accept: Accept | None = None,
) -> Object | None:
    """Put a ``(size, color, shape)`` at a free spot, uniformly among those that ``accept`` takes.

    Spots are whole multiples of ``STEP``. Returns None when there is none.
    """
    size, color, shape = kind
    least = SIZES[size] + GAP / 2
    line = np.arange(math.ceil(least / STEP), math.floor((1 - least) / STEP) + 1)
    for index in rng.permutation(len(line) ** 2).tolist():
        x, y = (round(float(line[k]) * STEP, 4) for k in divmod(index, len(line)))
        new = Object(shape, color, size, x, y)
        if fits(new, objects) and (accept is None or accept(new)):
            return new
    return None


def allowed_pair(color: str, shape: str, split: str) -> bool:
    """Whether the split may show this pair: training never shows the held-out ones."""
    return split != "train" or (color, shape) not in HELD_OUT_PAIRS


def sample_kind(rng: np.random.Generator, background: str, split: str = "train") -> Kind:
    """A random (size, color, shape) that can be seen on ``background``."""
    while True:
        color = str(rng.choice(list(COLORS)))
        shape = str(rng.choice(SHAPES))
        if color != background and allowed_pair(color, shape, split):
            return str(rng.choice(list(SIZES))), color, shape


def place_all(rng: np.random.Generator, background: str, kinds: Sequence[Kind]) -> Scene | None:
    """A scene that holds every kind, large ones placed first; None when they do not fit."""
    order = sorted(range(len(kinds)), key=lambda i: -SIZES[kinds[i][0]])
    for _ in range(8):
        placed: dict[int, Object] = {}
        for i in order:
            new = place(rng, kinds[i], list(placed.values()))
            if new is None:
                break
            placed[i] = new
        if len(placed) == len(kinds):
            return Scene(background, tuple(placed[i] for i in range(len(kinds))))
    return None


def sample_scene(rng: np.random.Generator, count: int | None = None, split: str = "train") -> Scene:
    """A random scene; ``count`` objects, or one to six with fewer being more likely.

    In the split ``heldout`` at least one object is a held-out (color, shape) pair.
    """
    background = str(rng.choice(list(COLORS)))
    number = count or int(rng.choice(MOST_OBJECTS, p=[0.14, 0.22, 0.22, 0.18, 0.13, 0.11])) + 1
    while True:
        kinds = [sample_kind(rng, background, split) for _ in range(number)]
        if number > 1 and rng.random() < 0.25:  # likenesses make counting and telling apart worth learning
            kinds[1] = _alike(rng, kinds[0], kinds[1])
        if number >= 5:  # more than two large ones hardly fit beside each other
            large = [i for i, kind in enumerate(kinds) if kind[0] == "large"]
            for i in large[2:]:
                kinds[i] = ("small", *kinds[i][1:])
        if split == "heldout":
            pairs = sorted(pair for pair in HELD_OUT_PAIRS if pair[0] != background)
            color, shape = pairs[int(rng.integers(len(pairs)))]
            kinds[0] = (kinds[0][0], color, shape)
        if any(kind[1] == background or not allowed_pair(kind[1], kind[2], split) for kind in kinds):
            continue
        scene = place_all(rng, background, kinds)
        if scene is not None:
            return scene


def _alike(rng: np.random.Generator, first: Kind, second: Kind) -> Kind:
    """``second`` made to share its color, its shape, or both with ``first``."""
    share = int(rng.integers(3))
    color = first[1] if share in (0, 2) else second[1]
    shape = first[2] if share in (1, 2) else second[2]
    return second[0], color, shape
