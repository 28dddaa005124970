"""Edits after which an object is somewhere new."""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Wanted
from unitok.data.world.scene import (
    MOST_OBJECTS,
    RELATIONS,
    Accept,
    Object,
    Scene,
    holds,
    is_held_out_relation,
    place,
)
from unitok.data.world.spec import Where
from unitok.data.world.spec_sampling import clearly
from unitok.data.world.templates import pick
from unitok.evaluation.other_words.draft import Draft, new_object, others
from unitok.evaluation.other_words.references import BESIDE, REGION_SLACK, REGIONS, named_object, refer

STRAIGHT = 0.1
"""How far an object that is moved one way may come off its line."""

_ROOM = 0.2  # an object is told to move a way where it can move this far: nobody asks it of one at the border already
_WITHIN = 0.03  # what is put in a place lies this far within it
_THERE_ALREADY = 0.03  # an object with this margin on a side of another is not told to move there
_WAYS = {"left of": ("left", "right"), "right of": ("right", "left"), "above": ("up", "down"), "below": ("down", "up")}


def _clear(where: Where) -> Accept:
    """Accepts what lies well within a place, and what has moved by more than a little."""

    def accept(new: Object) -> bool:
        if where.relation and where.anchor:
            if where.straight is not None and not holds(where.relation, new, where.anchor, _ROOM):
                return False
            if where.straight is None and not clearly(where.relation, new, where.anchor):
                return False
        return where.holds(new, slack=-_WITHIN)

    return accept


def _region(rng: np.random.Generator) -> tuple[Where, dict[str, str]]:
    (row, column), (preposition, noun) = pick(rng, list(REGIONS.items()))
    fields = {"where": f"{preposition} {noun}", "to": f"to the {noun}", "place": noun}
    return Where(row, column), fields


def _side(rng: np.random.Generator, scene: Scene, *gone: Object) -> tuple[Where, dict[str, str]] | None:
    """A side of an object that can be told apart."""
    options = others(scene, *gone)
    if not options:
        return None
    anchor, relation = pick(rng, options), pick(rng, RELATIONS)
    name = refer(rng, scene, anchor, places=False)
    if name is None:
        return None
    words = pick(rng, BESIDE[relation])
    fields = {"anchor": name, "relation": words, "beside": f"{words} {name}"}
    return Where(relation=relation, anchor=anchor), fields


def _added(rng: np.random.Generator, scene: Scene, where: Where, fields: dict[str, str]) -> Draft | None:
    size, color, shape, name = new_object(rng, scene)
    if where.relation and where.anchor and is_held_out_relation(shape, where.relation, where.anchor.shape):
        return None
    if len(scene.objects) >= MOST_OBJECTS:
        return None
    new = place(rng, (size or "small", color, shape), scene.objects, _clear(where))
    if new is None:
        return None
    wanted = (Wanted(size, color, shape, where),)
    return Draft(scene, scene.added(new), fields | name, scene.objects, wanted, new)


def add_in_region(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """Another object in a region."""
    return _added(rng, scene, *_region(rng))


def add_beside(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """Another object on a side of one."""
    side = _side(rng, scene)
    return None if side is None else _added(rng, scene, *side)


def _moved(rng: np.random.Generator, scene: Scene, obj: Object, where: Where, fields: dict[str, str]) -> Draft | None:
    left = others(scene, obj)
    new = place(rng, obj.kind, left, _clear(where))
    if new is None:
        return None
    return Draft(scene, scene.changed(obj, new), fields, left, (Wanted(*obj.kind, where),), new)


def move_a_way(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """An object further to a side."""
    named = named_object(rng, scene, places=False)
    if named is None:
        return None
    obj, fields = named
    relation = pick(rng, RELATIONS)
    way, opposite = _WAYS[relation]
    where = Where(relation=relation, anchor=obj, straight=STRAIGHT)
    return _moved(rng, scene, obj, where, fields | {"way": way, "opposite": opposite})


def move_to_region(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """An object in a region that it was not in."""
    named = named_object(rng, scene, places=False)
    if named is None:
        return None
    where, fields = _region(rng)
    if where.holds(named[0], REGION_SLACK):
        return None
    return _moved(rng, scene, named[0], where, named[1] | fields)


def move_beside(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """An object on a side of another that it was not on."""
    named = named_object(rng, scene, places=False)
    side = None if named is None else _side(rng, scene, named[0])
    if named is None or side is None:
        return None
    obj, fields = named
    where, more = side
    assert where.relation and where.anchor
    if holds(where.relation, obj, where.anchor, _THERE_ALREADY):
        return None
    if is_held_out_relation(obj.shape, where.relation, where.anchor.shape):
        return None
    return _moved(rng, scene, obj, where, fields | more)
