"""Edits that put an object somewhere: add, move, swap places.

Where an object goes is decided by rule wherever the words allow it, so that it can be learned: a move
shifts by whole steps of the grid that objects stand on (two if it can), and takes the nearest free place that fulfils
the words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from unitok.data.world.edit import Edit, Wanted
from unitok.data.world.phrases import Place, article, noun, number_word, place_phrase, relation_phrase
from unitok.data.world.references import refer
from unitok.data.world.scene import (
    GAP,
    MOST_OBJECTS,
    RELATIONS,
    STEP,
    Accept,
    Object,
    Scene,
    fits,
    holds,
    is_held_out_relation,
    place,
    sample_kind,
)
from unitok.data.world.spec import Where
from unitok.data.world.spec_sampling import PLACES, clearly
from unitok.data.world.templates import chance, expand, pick

MOVE = 2 * STEP
"""How far an object moves when only a direction is said."""
LEAST_MOVE = 0.12
"""A moved object must be at least this much further in the direction said."""

_UNIT = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
_DIRECTION_WORDS = {
    "left of": "(to the left|to the left|to the left|left|further left|to the left side|more to the left"
    "|leftwards|towards the left)",
    "right of": "(to the right|to the right|to the right|right|further right|to the right side"
    "|more to the right|rightwards|towards the right)",
    "above": "(up|up|up|upwards|higher|further up|higher up|towards the top)",
    "below": "(down|down|down|downwards|lower|further down|lower down|towards the bottom)",
}


def add(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    number = 2 if chance(rng, 0.08) else 1
    if len(scene.objects) + number > MOST_OBJECTS:
        return None
    size, color, shape = sample_kind(rng, scene.background, split)
    if len(scene.objects) > 3 and chance(rng, 0.7):
        size = "small"
    again = pick(rng, scene.objects) if chance(rng, 0.12) else None
    if again is not None:
        size, color, shape = again.kind
    said_size = size if chance(rng, 0.6) else None
    words = noun(rng, said_size, color, shape, many=number > 1)
    if number > 1:
        phrase = f"{number_word(rng, number)} {'more ' if again and chance(rng, 0.6) else ''}{words}"
    elif again is not None:
        phrase = expand(rng, "(another|one more) {w}", w=words)
    else:
        phrase = article(words)
    where, tail, accept = Where(), "", None
    draw = rng.random()
    if number == 1 and draw < 0.4:
        anchor = pick(rng, scene.objects)
        relation = pick(rng, RELATIONS)
        ref = refer(rng, scene, anchor, focus=focus)
        if ref is None or (split == "train" and is_held_out_relation(shape, relation, anchor.shape)):
            return None
        where = Where(relation=relation, anchor=anchor)
        tail = f"{relation_phrase(rng, relation)} {ref}"
        accept = _beside(relation, anchor)
    elif number == 1 and draw < 0.68:
        row, column = pick(rng, PLACES)
        where = Where(row=row, column=column)
        tail = place_phrase(rng, (row, column))
        accept = _inside(where)
    elif draw < 0.8:
        tail = expand(rng, "(to the (picture|image)|somewhere|to the scene)")
    placed: list[Object] = []
    for _ in range(number):
        new = place(rng, (size, color, shape), [*scene.objects, *placed], accept)
        if new is None:
            return None
        placed.append(new)
    placed_somewhere = where != Where()
    order = expand(rng, _ADD_THERE if placed_somewhere else _ADD, x=phrase, t=tail)
    target = replace(scene, objects=(*scene.objects, *placed))
    wanted = (Wanted(said_size, color, shape, where),) * number
    new = placed[-1] if number == 1 else None
    about = (where.anchor,) if where.anchor else ()
    said = {"again": "yes"} if again else {}
    return Edit(order, order, "add", scene, target, scene.objects, wanted, new, about, said)


_ADD_THERE = (
    "add {x} {t}",
    "add {x} {t}",
    "add {x} {t}",
    "(draw|put|place|insert|include|paint) {x} {t}",
    "(draw|put|place|add) {x} {t}",
    "=there should be {x} {t}",
    "=(i want|i'd like) {x} {t}",
    "={t}, (add|draw|put) {x}",
)
_ADD = (
    "add {x} {t}",
    "add {x} {t}",
    "add {x} {t}",
    "(insert|include) {x} {t}",
    "draw {x} too",
    "also (draw|add) {x}",
    "=there should also be {x}",
    "=i also want {x}",
)


def _beside(relation: str, anchor: Object) -> Accept:
    return lambda new: clearly(relation, new, anchor)


def _inside(where: Where) -> Accept:
    return lambda new: where.holds(new, slack=-0.03)


def shift(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    """``move the ring to the left``: by ``MOVE`` when it can, else by the nearest step that it can."""
    old = pick(rng, scene.objects)
    relation = pick(rng, RELATIONS)
    ref = refer(rng, scene, old, focus=focus)
    little = chance(rng, 0.08)
    new = shifted(scene, old, relation, (STEP,) if little else None)
    if ref is None or new is None:
        return None
    words = _DIRECTION_WORDS[relation]
    if little:
        side = expand(rng, words).replace("further ", "").replace("more ", "").replace(" side", "")
        words = f"(a bit|a little|slightly) {side}"
    order = expand(
        rng,
        (
            f"move {{x}} {words}",
            f"move {{x}} {words}",
            f"(shift|push|slide|nudge|drag) {{x}} {words}",
            f"put {{x}} {_FURTHER[relation]}" if not little else f"move {{x}} {words}",
        ),
        x=ref,
    )
    where = Where(relation=relation, anchor=old, margin=0.08 if little else LEAST_MOVE, straight=0.12)
    return _moved("move", order, scene, old, new, where)


_FURTHER = {"left of": "further left", "right of": "further right", "above": "higher", "below": "lower"}


def shifted(scene: Scene, old: Object, relation: str, steps: tuple[float, ...] | None = None) -> Object | None:
    """``old`` moved straight in a direction, or None when nothing fits there.

    The default steps are ``MOVE`` first, then what else is free.
    """
    dx, dy = _UNIT[relation]
    others = [o for o in scene.objects if o is not old]
    room = _room(old, relation)
    if steps is None:
        steps = (MOVE, 3 * STEP, 4 * STEP, 5 * STEP)
    for step in steps:
        new = replace(old, x=round(old.x + dx * step, 4), y=round(old.y + dy * step, 4))
        if step <= room and fits(new, others, gap=0.03):
            return new
    return None


def _room(old: Object, relation: str) -> float:
    """How far ``old`` can go before it touches the border."""
    low, high = old.radius + GAP / 2, 1 - old.radius - GAP / 2
    room = {"left of": old.x - low, "right of": high - old.x, "above": old.y - low, "below": high - old.y}
    return int(room[relation] * 1e4) / 1e4


def move_to_place(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    """``move the star to the top left corner``."""
    old = pick(rng, scene.objects)
    ref = refer(rng, scene, old, focus=focus)
    where = Where(*pick(rng, PLACES))
    if ref is None or where.holds(old):
        return None
    new = nearest_place(scene, old, lambda o: where.holds(o, slack=-0.03), _center(old, (where.row, where.column)))
    if new is None:
        return None
    named = where.row, where.column
    if chance(rng, 0.35):
        order = expand(rng, "(put|place|set) {x} {p}", x=ref, p=place_phrase(rng, named))
    else:
        order = expand(rng, "(move|move|shift|bring) {x} {p}", x=ref, p=_to_place(rng, named))
    return _moved("move_to_place", order, scene, old, new, where)


def _to_place(rng: np.random.Generator, named: Place) -> str:
    row, column = named
    if row is None or column is None:
        edge = row or column
        return expand(rng, "to the {e} (side|edge||) of the (picture|image)", e=str(edge))
    if named == ("middle", "center"):
        return expand(rng, "to the (center|middle)( of the picture||)")
    if column == "center":
        return expand(rng, "to the {r} (center|middle)", r=row)
    if row == "middle":
        return expand(rng, "to the (middle|center) {c}", c=column)
    return expand(rng, "to the {r} {c}( corner||)", r=row, c=column)


def _center(old: Object, named: Place) -> tuple[float, float]:
    """Where the middle of a region is; along an axis that is not named, where the object is."""
    row, column = named
    x = {"left": 0.2, "center": 0.5, "right": 0.8, None: old.x}[column]
    y = {"top": 0.2, "middle": 0.5, "bottom": 0.8, None: old.y}[row]
    return x, y


def move_beside(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    """``move the ring to the left of the star``: beside it, as near as it fits with some air."""
    if len(scene.objects) < 2:
        return None
    i, j = rng.permutation(len(scene.objects))[:2].tolist()
    old, anchor = scene.objects[i], scene.objects[j]
    relation = pick(rng, RELATIONS)
    ref, ref_b = refer(rng, scene, old, focus=focus), refer(rng, scene, anchor, places=False)
    if ref is None or ref_b is None or holds(relation, old, anchor, 0.05):
        return None
    if split == "train" and is_held_out_relation(old.shape, relation, anchor.shape):
        return None
    dx, dy = _UNIT[relation]
    distance = old.radius + anchor.radius + 0.06
    aim = anchor.x + dx * distance, anchor.y + dy * distance
    new = nearest_place(scene, old, lambda o: clearly(relation, o, anchor), aim)
    if new is None:
        return None
    order = expand(rng, "(move|move|put|place) {x} {r} {y}", x=ref, r=relation_phrase(rng, relation), y=ref_b)
    return _moved("move_beside", order, scene, old, new, Where(relation=relation, anchor=anchor), anchor)


def nearest_place(scene: Scene, old: Object, accept: Accept, aim: tuple[float, float]) -> Object | None:
    """``old`` moved by whole cells to the free accepted place nearest to ``aim``; None when there is none."""
    others = [o for o in scene.objects if o is not old]
    best, best_distance = None, 2.0
    for x, y in _grid_places(old):
        distance = (x - aim[0]) ** 2 + (y - aim[1]) ** 2
        if distance >= best_distance:
            continue
        new = replace(old, x=x, y=y)
        if accept(new) and fits(new, others):
            best, best_distance = new, distance
    return best


def _grid_places(old: Object) -> Iterator[tuple[float, float]]:
    steps = range(-8, 9)
    for j in steps:
        for i in steps:
            yield round(old.x + i * STEP, 4), round(old.y + j * STEP, 4)


def swap_places(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    if len(scene.objects) < 2:
        return None
    i, j = rng.permutation(len(scene.objects))[:2].tolist()
    a, b = scene.objects[i], scene.objects[j]
    refs = [refer(rng, scene, o, places=False) for o in (a, b)]
    if refs[0] is None or refs[1] is None or a.kind == b.kind:
        return None
    new_a, new_b = replace(a, x=b.x, y=b.y), replace(b, x=a.x, y=a.y)
    others = [o for o in scene.objects if o is not a and o is not b]
    if not (fits(new_a, [*others, new_b]) and fits(new_b, [*others, new_a])):
        return None
    order = expand(
        rng,
        "((swap|switch|exchange) {a} and {b}|(swap|switch|exchange) the (places|positions) of {a} and {b})",
        a=refs[0],
        b=refs[1],
    )
    target = scene.changed(a, new_a)
    target = target.changed(b, new_b)
    return Edit(order, order, "swap_places", scene, target, target.objects, about=(a, b))


def _moved(kind: str, order: str, scene: Scene, old: Object, new: Object, where: Where, *others: Object) -> Edit:
    kept = tuple(o for o in scene.objects if o is not old)
    wanted = (Wanted(*old.kind, where),)
    return Edit(order, order, kind, scene, scene.changed(old, new), kept, wanted, new, (old, *others))
