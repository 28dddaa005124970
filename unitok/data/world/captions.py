"""Captions: every object of a scene in words.

The assistant's captions are plain and always in one order (the one whose upper edge comes first in the
picture is first), because the model must name exactly the objects that are there; only the user's wording of the
demand varies, and with it the caption's style.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitok.data.world.phrases import article, plain_counted, plain_list, plain_noun, plain_place
from unitok.data.world.question import as_typed
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import chance, expand, pick_weighted


@dataclass(frozen=True)
class Caption:
    """A user's demand, the assistant's words, and their style."""

    demand: str
    text: str
    style: str


def reading_order(scene: Scene) -> list[Object]:
    """The objects as their upper edges follow from the top down, and from left to right where those are level."""
    return sorted(scene.objects, key=lambda o: (round(o.y - o.radius, 1), o.x))


def describe(scene: Scene) -> str:
    """``two small red circles and a large blue star on a white background``."""
    members: dict[tuple[str, str, str], int] = {}
    for obj in reading_order(scene):
        members[obj.kind] = members.get(obj.kind, 0) + 1
    items = [plain_counted(n, plain_noun(*kind, many=n > 1)) for kind, n in members.items()]
    return f"{plain_list(items)} on {article(scene.background)} background"


def list_objects(scene: Scene) -> str:
    """``small red circle, small red circle, large blue star``."""
    return ", ".join(plain_noun(*obj.kind) for obj in reading_order(scene))


def locate(scene: Scene) -> str:
    """``a small red circle at the top left and a large blue star in the center on a white background``."""
    items = []
    for obj in reading_order(scene):
        place = plain_place(obj.region)
        side = "in" if place == "center" else ("on" if place in ("left", "right") else "at")
        items.append(f"{article(plain_noun(*obj.kind))} {side} the {place}")
    return f"{plain_list(items)} on {article(scene.background)} background"


_ASK = "(describe|describe|please describe|caption|can you describe)"
_PICTURE = "(the|the|this) (picture|image|picture|photo|scene)"
STYLES: dict[str, tuple[Callable[[Scene], str], tuple[str, ...]]] = {
    "describe": (
        describe,
        (
            f"{_ASK} {_PICTURE}",
            f"{_ASK} {_PICTURE}",
            "what (is|do you see) in (the|this) (picture|image)",
            "what do you see( here| in the picture|)",
            f"what does {_PICTURE} show",
            f"(write|give me|give) a (short |)(caption|description) (of|for) {_PICTURE}",
            "what is (this|shown|here)",
            "what's in (the|this) (picture|image)",
            "(what|which) (objects|shapes) (are|are there|do you see) in the (picture|image)",
            f"(summarize|explain) {_PICTURE}( in one sentence||)",
            "caption(:||)",
            "describe (this|it|what you see)",
            "(tell me |)what (can be seen|is shown|is visible) (here|in the picture)",
            f"what is {_PICTURE} of",
        ),
    ),
    "list": (
        list_objects,
        (
            "list (all|all the|the) (objects|shapes)( in the picture||)",
            "list (every|each) (object|shape)",
            "(make|give me) a list of (all|all the|the) (objects|shapes)",
            "name (every|each) (object|shape)( in the picture||)",
            "(please |)enumerate the (objects|shapes)",
        ),
    ),
    "locate": (
        locate,
        (
            f"{_ASK} {_PICTURE} (with (the |)(positions|places)|and say where everything is)",
            "where is (everything|each object|each shape|every shape)",
            "what is where( in the picture||)",
            f"{_ASK} (where everything is|the layout|the positions of the (shapes|objects))",
        ),
    ),
}
"""How the assistant speaks, and how users ask for it."""

STYLE_WEIGHTS = {"describe": 0.76, "list": 0.14, "locate": 0.1}
_ORDERS = (
    "describe",
    "please",
    "caption",
    "write",
    "give",
    "list",
    "make",
    "name",
    "enumerate",
    "tell",
    "summarize",
    "explain",
)


def sample_caption(rng: np.random.Generator, scene: Scene, style: str | None = None) -> Caption:
    """A user's demand for a caption of ``scene`` and the assistant's answer.

    ``style`` is one of ``STYLES``; by default drawn. Places are only told when all are clear.

    Raises:
        ValueError: The style is unknown.
    """
    if style is not None and style not in STYLES:
        raise ValueError(f"style {style!r} is not one of {', '.join(STYLES)}")
    style = style or pick_weighted(rng, STYLE_WEIGHTS)
    if style == "locate" and not all(obj.clear_of_region_borders(0.02) for obj in scene.objects):
        style = "describe"
    say, demands = STYLES[style]
    demand = expand(rng, demands)
    if demand.startswith(_ORDERS):
        if chance(rng, 0.4) and not demand.endswith(":"):
            demand += "."
        if chance(rng, 0.35):
            demand = demand[0].upper() + demand[1:]
    else:
        demand = as_typed(rng, demand)
    return Caption(demand, say(scene), style)
