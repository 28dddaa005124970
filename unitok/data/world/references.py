"""Referring expressions: ``the small red circle``, ``the red one``, ``the circle on the left``, ``it``."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations

import numpy as np

from unitok.data.world.phrases import color_word, noun, shape_word, size_word
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import chance, expand, pick

ATTRIBUTES = ("size", "color", "shape")
SIDE_MARGIN = 0.12
"""The object ``on the left`` is at least this much further left than the others like it."""

_SUBSETS = tuple(subset for n in (1, 2, 3) for subset in combinations(ATTRIBUTES, n))
_SIDES = {
    "left": (lambda o: o.x, "(on the left|on the left|on the left side|furthest to the left)"),
    "right": (lambda o: -o.x, "(on the right|on the right|on the right side|furthest to the right)"),
    "top": (lambda o: o.y, "(at the top|at the top|on top|in the upper part)"),
    "bottom": (lambda o: -o.y, "(at the bottom|at the bottom|in the lower part)"),
}


def names_of(obj: Object, attributes: Collection[str]) -> dict[str, str]:
    return {name: getattr(obj, name) for name in attributes}


def describing_sets(scene: Scene, obj: Object, hide: Collection[str] = ()) -> list[tuple[str, ...]]:
    """The sets of attributes that only ``obj`` has in ``scene``, fewest first, none in ``hide``."""
    usable = [subset for subset in _SUBSETS if not set(subset) & set(hide)]
    return [subset for subset in usable if scene.count(**names_of(obj, subset)) == 1]


def refer(
    rng: np.random.Generator,
    scene: Scene,
    obj: Object,
    hide: Collection[str] = (),
    focus: Object | None = None,
    places: bool = True,
) -> str | None:
    """A noun phrase that means ``obj`` and nothing else in ``scene``, or None when there is none.

    ``hide`` names attributes that must not be said; ``focus`` is the object spoken of last, which
    ``it`` means; ``places`` allows phrases such as ``the circle on the left``.
    """
    alone = len(scene.objects) == 1
    if (obj is focus and chance(rng, 0.5)) or (alone and chance(rng, 0.12)):
        return "it"
    if alone and chance(rng, 0.15):
        return expand(rng, "the (shape|object|thing)")
    sets = describing_sets(scene, obj, hide)
    if places and (not sets or chance(rng, 0.1)):
        placed = _by_place(rng, scene, obj, hide)
        if placed is not None:
            return placed
    if not sets:
        return None
    shortest = [subset for subset in sets if len(subset) == len(sets[0])]
    with_shape = [subset for subset in shortest if "shape" in subset]
    if with_shape and chance(rng, 0.65):
        shortest = with_shape
    subset = pick(rng, shortest) if chance(rng, 0.7) else pick(rng, sets)
    return "the " + named(rng, names_of(obj, subset))


def named(rng: np.random.Generator, names: dict[str, str], many: bool = False) -> str:
    """A user's noun phrase for the given names: ``red circle``, ``small one``, ``red shapes``."""
    size, color, shape = (names.get(name) for name in ATTRIBUTES)
    if shape is None and not many and (size or color) and chance(rng, 0.5):
        words = [size_word(rng, size) if size else "", color_word(rng, color) if color else "", "one"]
        return " ".join(word for word in words if word)
    return noun(rng, size, color, shape, many)


def _by_place(rng: np.random.Generator, scene: Scene, obj: Object, hide: Collection[str]) -> str | None:
    """``the circle on the left``, ``the shape in the top left corner``; None when not clear."""
    subsets: list[tuple[str, ...]] = [s for s in ((), *_SUBSETS[:3], *_SUBSETS[3:]) if not set(s) & set(hide)]
    found: list[str] = []
    for subset in subsets[:5]:
        alike = [o for o in scene.find(**names_of(obj, subset)) if o is not obj]
        if not alike:
            continue
        names = named(rng, names_of(obj, subset)) if subset else shape_word(rng, None)
        for key, words in _SIDES.values():
            if all(key(o) - key(obj) >= SIDE_MARGIN for o in alike):
                found.append(f"the {names} {expand(rng, words)}")
        if obj.clear_of_region_borders() and all(o.region != obj.region for o in alike):
            row, column = obj.region
            if row != "middle" and column != "center":
                found.append(expand(rng, f"the {names} in the {row} {column}( corner||)"))
            elif (row, column) == ("middle", "center"):
                found.append(expand(rng, f"the {names} in the (middle|center)"))
    return pick(rng, found) if found else None
