"""What is asked of single objects and of two: their color, shape and size, where they are, how they lie to each other.

Only what nobody would hesitate over is asked: things that one description fits, places clear of the borders of regions,
relations that hold clearly; and no relation that training never states.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from unitok.data.world.question import truth
from unitok.data.world.scene import (
    COLUMNS,
    OPPOSITE,
    RELATIONS,
    ROWS,
    SIZES,
    Object,
    Scene,
    holds,
    is_held_out_relation,
)
from unitok.data.world.spec import in_part
from unitok.data.world.spec_sampling import clearly
from unitok.data.world.templates import chance, pick
from unitok.evaluation.other_words.filled import Fill, Filled
from unitok.evaluation.other_words.phrases import place_phrase, said
from unitok.evaluation.other_words.question_frames import RELATION_WORDS
from unitok.evaluation.other_words.things import names_of, one_object, two_objects

_ROW_WORDS = {"top": ("top", "upper"), "middle": ("middle", "center"), "bottom": ("bottom", "lower")}
_COLUMN_WORDS = {"left": ("left",), "center": ("center", "middle"), "right": ("right",)}
_SIDES = {side + " of": (side, f"{side} side", f"to the {side}", f"{side} of it") for side in ("left", "right")}
_HEIGHTS = {
    "above": ("above", "higher", "above it"),
    "below": ("below", "lower", "below it", "under", "underneath"),
}

# --------------------------------------------------------------------------- color, shape, size


def about(what: str) -> Fill:
    """Asks for the color, shape or size."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        found = one_object(rng, scene, without=what)
        if found is None:
            return None
        obj, name = found
        return Filled({"the": name}, names_of(obj) if what == "shape" else (getattr(obj, what),))

    return fill


def at_place(what: str) -> Fill:
    """Asks for the color or shape of what is alone in a place."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        clear = [obj for obj in scene.objects if obj.clear_of_region_borders() and _alone_in_region(scene, obj)]
        if not clear:
            return None
        obj = pick(rng, clear)
        answers = names_of(obj) if what == "shape" else (getattr(obj, what),)
        return Filled({"place": place_phrase(rng, *obj.region)}, answers)

    return fill


def _alone_in_region(scene: Scene, obj: Object, slack: float = 0.06) -> bool:
    """Whether no other object could be said to be in the same of the 3 x 3 regions."""
    row, column = obj.region
    return not any(
        in_part(other.y, ROWS, row, slack) and in_part(other.x, COLUMNS, column, slack)
        for other in scene.objects
        if other is not obj
    )


def of_color(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks what the only object of a color is."""
    objects = [obj for obj in scene.objects if scene.count(color=obj.color) == 1]
    if not objects:
        return None
    obj = pick(rng, objects)
    return Filled({"color": said(rng, obj.color)}, names_of(obj))


def is_of_size(size: str) -> Fill:
    """Asks whether something is large, or small."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        right = chance(rng, 0.5)
        found = one_object(rng, scene, lambda obj: (obj.size == size) == right, without="size")
        return found and Filled({"the": found[1]}, truth(right))

    return fill


def alike(what: str) -> Fill:
    """Asks whether two objects share their color, shape or size."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        right = chance(rng, 0.5)
        found = two_objects(rng, scene, lambda a, b: (getattr(a, what) == getattr(b, what)) == right, without=what)
        return found and Filled(found[2], truth(right))

    return fill


def sizes(bigger: bool) -> Fill:
    """Asks whether one object is bigger, or smaller, than another."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        right = chance(rng, 0.5)
        found = two_objects(rng, scene, lambda a, b: (_exceeds(a, b) if bigger else _exceeds(b, a)) == right, "size")
        return found and Filled(found[2], truth(right))

    return fill


def which_size(bigger: bool) -> Fill:
    """Asks which of two objects is bigger, or smaller."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        found = two_objects(rng, scene, lambda a, b: a.size != b.size, without="size")
        if found is None:
            return None
        a, b, words = found
        return _which(a, b, words, _exceeds(a, b) == bigger)

    return fill


def _exceeds(a: Object, b: Object) -> bool:
    return SIZES[a.size] > SIZES[b.size]


def _which(a: Object, b: Object, words: dict[str, str], first: bool) -> Filled:
    """Asks for one of two objects; names that both share are no answers."""
    one, other = (a, b) if first else (b, a)
    shared = set(names_of(other))
    answers = tuple(name for name in (words["the0" if first else "the1"], *names_of(one)) if name not in shared)
    return Filled(words, answers)


# --------------------------------------------------------------------------- position


def _with_nouns(words: Iterable[str], nouns: Sequence[str]) -> tuple[str, ...]:
    words = list(words)
    return tuple(dict.fromkeys([*words, *(f"{word} {noun}" for noun in nouns for word in words)]))


def _region_answers(row: str, column: str) -> tuple[str, ...]:
    """What a region of the 3 x 3 may be called; the middle of an edge may go by the edge alone."""
    pairs = list(itertools.product(_ROW_WORDS[row], _COLUMN_WORDS[column]))
    found = [f"{one} {other}" for one, other in pairs] + [f"{other} {one}" for one, other in pairs]
    if (row, column) == ("middle", "center"):
        found += ["center", "middle"]
    elif row == "middle":
        found += [column]
    elif column == "center":
        found += [*_ROW_WORDS[row]]
    return _with_nouns(found, ("corner", "part", "side", "area"))


def region(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks where something is."""
    found = one_object(rng, scene, Object.clear_of_region_borders)
    return found and Filled({"the": found[1]}, _region_answers(*found[0].region))


def corner(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks which corner something is in."""

    def in_corner(obj: Object) -> bool:
        return obj.clear_of_region_borders() and obj.region[0] != "middle" and obj.region[1] != "center"

    found = one_object(rng, scene, in_corner)
    return found and Filled({"the": found[1]}, _region_answers(*found[0].region))


def part(axis: int) -> Fill:
    """Asks for the row (0) or the column (1); who tells both is right as well."""
    words = (_ROW_WORDS, _COLUMN_WORDS)[axis]

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        found = one_object(rng, scene, Object.clear_of_region_borders)
        if found is None:
            return None
        obj, name = found
        answers = _with_nouns(words[obj.region[axis]], ("part", "side"))
        return Filled({"the": name}, tuple(dict.fromkeys([*answers, *_region_answers(*obj.region)])))

    return fill


def half_of(axis: str) -> Fill:
    """Asks which half something is in, along ``x`` or ``y``."""
    names = (("left",), ("right",)) if axis == "x" else (("upper", "top"), ("lower", "bottom"))

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        found = one_object(rng, scene, lambda obj: abs(getattr(obj, axis) - 0.5) > 0.1)
        if found is None:
            return None
        obj, name = found
        return Filled({"the": name}, _with_nouns(names[getattr(obj, axis) > 0.5], ("half", "one")))

    return fill


def is_at_place(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks whether something is in a place."""
    found = one_object(rng, scene, Object.clear_of_region_borders)
    if found is None:
        return None
    obj, name = found
    right = chance(rng, 0.5)
    regions = [each for each in itertools.product(ROWS, COLUMNS) if (each == obj.region) == right]
    return Filled({"the": name, "place": place_phrase(rng, *pick(rng, regions))}, truth(right))


# --------------------------------------------------------------------------- relation


def _stated(relation: str, a: Object, b: Object) -> bool:
    """Whether the relation holds clearly, and training may state it as well."""
    return clearly(relation, a, b) and not is_held_out_relation(a.shape, relation, b.shape)


def whether_holds(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks whether a relation holds; where it does not, its opposite does."""
    relation, right = pick(rng, RELATIONS), chance(rng, 0.5)
    real = relation if right else OPPOSITE[relation]

    def suits(a: Object, b: Object) -> bool:
        return _stated(real, a, b) and not is_held_out_relation(a.shape, relation, b.shape)

    found = two_objects(rng, scene, suits)
    if found is None:
        return None
    return Filled({**found[2], "relation": pick(rng, RELATION_WORDS[relation])}, truth(right))


def side(across: bool) -> Fill:
    """Asks which side of another object something is on."""
    names = _SIDES if across else _HEIGHTS

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        found = two_objects(rng, scene, lambda a, b: any(_stated(relation, a, b) for relation in names))
        if found is None:
            return None
        a, b, words = found
        return Filled(words, next(answers for relation, answers in names.items() if clearly(relation, a, b)))

    return fill


def further(ways: dict[str, str]) -> Fill:
    """Asks which of two objects is further to a side, given how each relation's side is told."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        relation = pick(rng, tuple(ways))
        found = two_objects(rng, scene, lambda a, b: any(_stated(each, a, b) for each in ways))
        if found is None:
            return None
        a, b, words = found
        asked = _which(a, b, words, clearly(relation, a, b))
        return replace(asked, slots={**words, "way": ways[relation]})

    return fill


def what_is(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks what is on a side of an object, where one alone is there."""
    relation = pick(rng, RELATIONS)

    def only(a: Object, b: Object) -> bool:
        others = [obj for obj in scene.objects if obj is not a and obj is not b]
        return _stated(relation, a, b) and not any(holds(relation, obj, b, 0.0) for obj in others)

    found = two_objects(rng, scene, only)
    if found is None:
        return None
    a, _, words = found
    return Filled({"the1": words["the1"], "relation": pick(rng, RELATION_WORDS[relation])}, names_of(a))
