"""What people ask for: specs by GenEval's categories, scenes that fulfil them, and specs of given scenes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from unitok.data.world.scene import (
    COLORS,
    HELD_OUT_PAIRS,
    HELD_OUT_RELATIONS,
    RELATIONS,
    SHAPES,
    SIZES,
    Accept,
    Object,
    Scene,
    allowed_pair,
    holds,
    is_held_out_relation,
    place,
    place_all,
    sample_kind,
    sample_scene,
)
from unitok.data.world.spec import Group, Relation, SceneSpec, Where
from unitok.data.world.templates import chance, pick, pick_weighted

CATEGORIES: dict[str, float] = {
    "single_object": 0.10,
    "two_objects": 0.13,
    "counting": 0.17,
    "colors": 0.08,
    "position": 0.18,
    "attribute_binding": 0.13,
    "full": 0.21,
}
"""How often each category is drawn for training."""

CLEAR_MARGIN = 0.15
"""Centers of objects whose relation is asked for are at least this far apart along its axis."""

COLOR_NAMES = tuple(COLORS)
SIZE_NAMES = tuple(SIZES)
PLACES: tuple[tuple[str | None, str | None], ...] = (
    *((row, column) for row in ("top", "middle", "bottom") for column in ("left", "center", "right")),
    ("top", None),
    ("bottom", None),
    (None, "left"),
    (None, "right"),
    ("middle", "center"),
)


def clearly(relation: str, a: Object, b: Object) -> bool:
    """Whether the relation holds so that nobody would name another one first."""
    across = abs(a.y - b.y) if relation in ("left of", "right of") else abs(a.x - b.x)
    along = abs(a.x - b.x) + abs(a.y - b.y) - across
    return holds(relation, a, b, CLEAR_MARGIN) and along >= 1.2 * across


def random_background(rng: np.random.Generator, taken: set[str | None]) -> str:
    """Mostly white, and none of ``taken``."""
    if "white" not in taken and chance(rng, 0.6):
        return "white"
    return pick(rng, [color for color in COLOR_NAMES if color not in taken])


# --------------------------------------------------------------------------- specs by category


def sample_spec(rng: np.random.Generator, category: str, split: str = "train") -> SceneSpec:
    """What a request of ``category`` asks for; every split has its own (see ``scene.HELD_OUT_PAIRS``).

    Raises:
        ValueError: The category is unknown.
    """
    if category == "full":
        return spec_of(rng, sample_varied_scene(rng, split), split)
    if category not in CATEGORIES:
        raise ValueError(f"category {category!r} is not one of {', '.join(CATEGORIES)}")
    while True:
        spec = _draw_spec(rng, category)
        if split == "heldout":
            spec = _with_held_out(rng, spec)
        if _sensible(spec) and spec.held_out() == (split == "heldout"):
            return spec


def _sensible(spec: SceneSpec) -> bool:
    """Whether no object is to have the background's color, and no two groups are named alike."""
    names = {group.kind for group in spec.groups}
    return len(names) == len(spec.groups) and spec.background not in {group.color for group in spec.groups}


def _draw_spec(rng: np.random.Generator, category: str) -> SceneSpec:
    relations: tuple[Relation, ...] = ()
    if category in ("single_object", "colors"):
        color = pick(rng, COLOR_NAMES) if category == "colors" else None
        size = pick(rng, SIZE_NAMES) if chance(rng, 0.2) else None
        row, column = pick(rng, PLACES) if chance(rng, 0.12) else (None, None)
        groups = [Group(1, size, color, pick(rng, SHAPES), row, column)]
    elif category == "counting":
        count = int(rng.choice(6, p=[0.04, 0.2, 0.2, 0.2, 0.18, 0.18])) + 1
        groups = [_counted_group(rng, count)]
        if count < 5 and chance(rng, 0.25):
            other = replace(_counted_group(rng, int(rng.integers(1, 7 - count))), size=groups[0].size)
            if other.shape != groups[0].shape and (other.color is None) == (groups[0].color is None):
                groups.append(other)
    else:
        first, second = rng.permutation(len(SHAPES))[:2].tolist()
        one, two = rng.permutation(len(COLOR_NAMES))[:2].tolist()
        binding = category == "attribute_binding"
        colored = binding or chance(rng, 0.5 if category == "position" else 0.3)
        sized = chance(rng, 0.22)
        groups = [
            Group(
                size=pick(rng, SIZE_NAMES) if sized else None,
                color=COLOR_NAMES[color] if colored else None,
                shape=SHAPES[shape],
            )
            for shape, color in ((first, one), (second, two))
        ]
        if colored and chance(rng, 0.12):  # the same shape twice, told apart by the color
            groups[1] = replace(groups[1], shape=groups[0].shape)
        if category == "position":
            relations = ((0, pick(rng, RELATIONS), 1),)
    background = None
    if chance(rng, 0.28):
        background = random_background(rng, {group.color for group in groups})
    return SceneSpec(tuple(groups), relations, background)


def _counted_group(rng: np.random.Generator, count: int) -> Group:
    size = pick(rng, SIZE_NAMES) if chance(rng, 0.18) else None
    if count > 4 and size == "large":
        size = "small"
    color = pick(rng, COLOR_NAMES) if chance(rng, 0.5) else None
    shape = pick(rng, SHAPES)
    if chance(rng, 0.02) and color:
        return Group(count, size, color, None)
    return Group(count, size, color, shape)


def _with_held_out(rng: np.random.Generator, spec: SceneSpec) -> SceneSpec:
    """``spec`` changed to ask for a held-out relation (when it asks for one) or pair."""
    groups = list(spec.groups)
    if spec.relations and chance(rng, 0.5):
        a, relation, b = sorted(HELD_OUT_RELATIONS)[int(rng.integers(len(HELD_OUT_RELATIONS)))]
        groups[0], groups[1] = replace(groups[0], shape=a), replace(groups[1], shape=b)
        return replace(spec, groups=tuple(groups), relations=((0, relation, 1),))
    color, shape = sorted(HELD_OUT_PAIRS)[int(rng.integers(len(HELD_OUT_PAIRS)))]
    i = int(rng.integers(len(groups)))
    groups[i] = replace(groups[i], color=color, shape=shape)
    return replace(spec, groups=tuple(groups))


# --------------------------------------------------------------------------- scenes for specs


def fill(rng: np.random.Generator, spec: SceneSpec, split: str = "train", tries: int = 6) -> Scene | None:
    """A scene that shows just what ``spec`` asks for, with clear relations and places.

    What is left open is drawn at random, mostly alike within a group. None when no room was found.
    """
    for _ in range(tries):
        stated = {group.color for group in spec.groups}
        background = spec.background or random_background(rng, stated)
        slots: list[int] = []
        kinds: list[tuple[str, str, str]] = []
        for i, group in enumerate(spec.groups):
            alike = chance(rng, 0.85)
            kind = _fill_kind(rng, group, background, spec.total, split)
            for _ in range(group.count):
                slots.append(i)
                kinds.append(kind)
                if not alike:
                    kind = _fill_kind(rng, group, background, spec.total, split)
        objects = _place(rng, spec, slots, kinds)
        if objects is not None:
            return Scene(background, tuple(objects))
    return None


def _fill_kind(rng: np.random.Generator, group: Group, background: str, total: int, split: str) -> tuple[str, str, str]:
    """A full kind of which ``group`` would take objects."""
    while True:
        color = group.color or pick(rng, COLOR_NAMES)
        shape = group.shape or pick(rng, SHAPES)
        if color != background and allowed_pair(color, shape, split):
            break
    large = chance(rng, 0.6 if total < 3 else (0.45 if total < 5 else 0.15))
    return group.size or ("large" if large else "small"), color, shape


def _place(
    rng: np.random.Generator, spec: SceneSpec, slots: list[int], kinds: list[tuple[str, str, str]]
) -> list[Object] | None:
    """A free spot for each slot, such that the spec's places and relations are clear."""
    order = sorted(range(len(slots)), key=lambda k: (-SIZES[kinds[k][0]], rng.random()))
    for _ in range(6):
        placed: dict[int, Object] = {}
        for k in order:
            new = place(rng, kinds[k], list(placed.values()), _acceptor(spec, slots, k, placed))
            if new is None:
                break
            placed[k] = new
        if len(placed) == len(slots):
            return [placed[k] for k in range(len(slots))]
    return None


def _acceptor(spec: SceneSpec, slots: list[int], k: int, placed: dict[int, Object]) -> Accept:
    group = spec.groups[slots[k]]
    where = Where(group.row, group.column)

    def accept(new: Object) -> bool:
        if not where.holds(new, slack=-0.03):
            return False
        for a, relation, b in spec.relations:
            for other_k, other in placed.items():
                if slots[k] == a and slots[other_k] == b and not clearly(relation, new, other):
                    return False
                if slots[k] == b and slots[other_k] == a and not clearly(relation, other, new):
                    return False
        return True

    return accept


# --------------------------------------------------------------------------- varied scenes and their specs


def sample_varied_scene(rng: np.random.Generator, split: str = "train") -> Scene:
    """A random scene, often one that is worth asking about: equal objects, or likenesses."""
    draw = rng.random()
    if draw < 0.5:
        return sample_scene(rng, split=split)
    while True:
        background = random_background(rng, set())
        first = sample_kind(rng, background, split)
        if draw < 0.75:  # one or two kinds, several times each
            second = sample_kind(rng, background, split)
            count = int(rng.integers(2, 5))
            kinds = [first] * count + [second] * int(rng.integers(0, 7 - count))
        else:  # objects that share their shape or their color
            number = int(rng.integers(2, 6))
            kinds = [first]
            for _ in range(number - 1):
                size, color, shape = sample_kind(rng, background, split)
                kinds.append((size, first[1], shape) if draw < 0.86 else (size, color, first[2]))
        if len(kinds) > 3:
            kinds = [kind if i % 3 == 0 else ("small", *kind[1:]) for i, kind in enumerate(kinds)]
            if draw < 0.75 or len(kinds) > 5:
                kinds = [("small", *kind[1:]) for kind in kinds]
        if split == "heldout":
            pairs = sorted(pair for pair in HELD_OUT_PAIRS if pair[0] != background)
            kinds[0] = (kinds[0][0], *pick(rng, pairs))
        if not all(allowed_pair(color, shape, split) for _, color, shape in kinds):
            continue
        scene = place_all(rng, background, kinds)
        if scene is not None:
            return scene


def spec_of(rng: np.random.Generator, scene: Scene, split: str = "train") -> SceneSpec:
    """A spec that ``scene`` fulfils: a random part of what is true of it, naming all its objects.

    In the split ``heldout`` a spec of a scene with a held-out pair names that pair.
    """
    detail = pick_weighted(rng, {"all": 0.45, "no sizes": 0.35, "some sizes": 0.1, "no colors": 0.1})
    if detail == "no colors" and (split == "heldout" or len(scene.objects) > 4):
        detail = "no sizes"
    names = []
    for obj in scene.objects:
        sized = detail == "all" or (detail == "some sizes" and chance(rng, 0.5))
        names.append((obj.size if sized else None, None if detail == "no colors" else obj.color, obj.shape))
    members: dict[tuple[str | None, str, str], list[Object]] = {}
    for name, obj in zip(names, scene.objects, strict=True):
        members.setdefault(name, []).append(obj)  # type: ignore[arg-type]
    order = rng.permutation(len(members)).tolist()
    entries = [list(members.items())[i] for i in order]
    counts = Counter({i: len(objects) for i, (_, objects) in enumerate(entries)})
    groups = [Group(counts[i], *name) for i, (name, _) in enumerate(entries)]
    relations: tuple[Relation, ...] = ()
    draw = rng.random()
    if draw < 0.4:
        relations = _relations_of(rng, [objects for _, objects in entries], split)
    elif draw < 0.65:
        for i, (_, objects) in enumerate(entries):
            if len(objects) == 1 and objects[0].clear_of_region_borders() and chance(rng, 0.6):
                row, column = objects[0].region
                groups[i] = replace(groups[i], row=row, column=column)
    background = scene.background if chance(rng, 0.6) else None
    return SceneSpec(tuple(groups), relations, background)


def _relations_of(rng: np.random.Generator, members: list[list[Object]], split: str) -> tuple[Relation, ...]:
    """One true and clear relation between two groups of one object each, or two that share no group."""
    found: list[Relation] = []
    free = [i for i, objects in enumerate(members) if len(objects) == 1]
    rng.shuffle(free)
    while len(free) > 1:
        a = free.pop()
        for b in list(free):
            one, two = members[a][0], members[b][0]
            relation = next((r for r in RELATIONS if clearly(r, one, two)), None)
            if relation is None:
                continue
            if split == "train" and is_held_out_relation(one.shape, relation, two.shape):
                continue
            found.append((a, relation, b))
            free.remove(b)
            break
        if found and chance(rng, 0.6):
            break
    return tuple(found)
