"""How edits name objects and places: by little more than is needed to tell them apart."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import plural
from unitok.data.world.scene import RELATIONS, Object, Scene, holds, is_held_out_relation
from unitok.data.world.spec import Where
from unitok.data.world.spec_sampling import clearly
from unitok.data.world.templates import chance, pick

SIZE_WORDS = {"large": ("large", "big"), "small": ("small", "little")}
BESIDE = {
    "left of": ("to the left of", "left of"),
    "right of": ("to the right of", "right of"),
    "above": ("above",),
    "below": ("below", "underneath"),
}
REGIONS: dict[tuple[str | None, str | None], tuple[str, str]] = {
    ("top", "left"): ("in the", "top left corner"),
    ("top", "right"): ("in the", "top right corner"),
    ("bottom", "left"): ("in the", "bottom left corner"),
    ("bottom", "right"): ("in the", "bottom right corner"),
    ("middle", "center"): ("in the", "middle"),
    ("top", None): ("at the", "top"),
    ("bottom", None): ("at the", "bottom"),
    (None, "left"): ("on the", "left side"),
    (None, "right"): ("on the", "right side"),
}
_EXTREMES = {"left of": "leftmost", "right of": "rightmost", "above": "topmost", "below": "lowest"}

REGION_SLACK = 0.06
"""An object this far outside of a region might still be said to be in it."""

_BRIEF_SHARE = 0.75  # of the objects that are named as briefly as can be
_CLEAR_OF = 0.03  # other objects do not come closer than this to being what is said
_STEP = 0.1  # the leftmost is further left than others by this


def refer(rng: np.random.Generator, scene: Scene, obj: Object, places: bool = True) -> str | None:
    """Words for one object that fit no other, mostly as few as can be; ``places``: whether places may be among them."""
    size = pick(rng, SIZE_WORDS[obj.size])

    def only(**names: str) -> bool:
        return scene.count(**names) == 1

    few = []
    if only(shape=obj.shape):
        few.append(f"the {obj.shape}")
    if only(color=obj.color):
        few.append(f"the {obj.color} {pick(rng, ('one', 'one', 'shape', 'thing'))}")
    more = []
    if only(color=obj.color, shape=obj.shape):
        more.append(f"the {obj.color} {obj.shape}")
    if only(size=obj.size, shape=obj.shape) and not only(shape=obj.shape):
        more.append(f"the {size} {obj.shape}")
    if only(size=obj.size, color=obj.color) and not only(color=obj.color):
        more.append(f"the {size} {obj.color} one")
    if only(size=obj.size) and len(scene.objects) > 1:
        more.append(f"the {size} one")
    if not few and not more and only(size=obj.size, color=obj.color, shape=obj.shape):
        more.append(f"the {size} {obj.color} {obj.shape}")
    if places:
        more += _by_region(scene, obj) + _by_relation(rng, scene, obj) + _by_extreme(scene, obj)
    tiers = [tier for tier in (few, more) if tier]
    if not tiers:
        return None
    return pick(rng, tiers[0] if chance(rng, _BRIEF_SHARE) else tiers[-1])


def _by_region(scene: Scene, obj: Object) -> list[str]:
    """``the square in the top left corner``, where the shape is not alone."""
    if scene.count(shape=obj.shape) == 1 or obj.region not in REGIONS or not obj.clear_of_region_borders():
        return []
    where = Where(*obj.region)
    if any(o is not obj and where.holds(o, REGION_SLACK) for o in scene.find(shape=obj.shape)):
        return []
    return [f"the {obj.shape} {' '.join(REGIONS[obj.region])}"]


def _by_relation(rng: np.random.Generator, scene: Scene, obj: Object) -> list[str]:
    """``the shape left of the heart``, where only one is on that side of it at all."""
    found = []
    for anchor in scene.objects:
        if anchor is obj or anchor.shape == obj.shape or scene.count(shape=anchor.shape) != 1:
            continue
        for relation in RELATIONS:
            if not clearly(relation, obj, anchor) or is_held_out_relation(obj.shape, relation, anchor.shape):
                continue
            for noun, rivals in (("shape", scene.objects), (obj.shape, scene.find(shape=obj.shape))):
                alone = not any(
                    holds(relation, o, anchor, _CLEAR_OF) for o in rivals if o is not obj and o is not anchor
                )
                if alone and (noun == "shape" or len(rivals) > 1):
                    found.append(f"the {noun} {pick(rng, BESIDE[relation])} the {anchor.shape}")
    return found[:2]


def _by_extreme(scene: Scene, obj: Object) -> list[str]:
    """``the leftmost star``, where there are several and one is further left by a step."""
    rivals = [o for o in scene.find(shape=obj.shape) if o is not obj]
    if not rivals:
        return []
    return [f"the {word} {obj.shape}" for r, word in _EXTREMES.items() if all(holds(r, obj, o, _STEP) for o in rivals)]


def named_object(rng: np.random.Generator, scene: Scene, places: bool = True) -> tuple[Object, dict[str, str]] | None:
    """An object that can be told apart, with the fields that name it."""
    obj = pick(rng, scene.objects)
    name = refer(rng, scene, obj, places)
    return None if name is None else (obj, {"obj": name, "bare": name.removeprefix("the "), "old": obj.color})


def named_pair(rng: np.random.Generator, scene: Scene) -> tuple[Object, Object, dict[str, str]] | None:
    """Two objects of different kinds that can be told apart."""
    if len(scene.objects) < 2:
        return None
    a, b = (scene.objects[i] for i in rng.permutation(len(scene.objects))[:2].tolist())
    one, two = refer(rng, scene, a, places=False), refer(rng, scene, b, places=False)
    if one is None or two is None or a.kind == b.kind:
        return None
    return a, b, {"obj": one, "other": two, "bare": one.removeprefix("the "), "color": b.color, "old": a.color}


def named_group(rng: np.random.Generator, scene: Scene) -> tuple[list[Object], dict[str, str]] | None:
    """All objects of a shape, a color, or both: two or more, and others beside them."""
    obj = pick(rng, scene.objects)
    options: list[dict[str, str]] = [
        {"shape": obj.shape},
        {"color": obj.color},
        {"color": obj.color, "shape": obj.shape},
    ]
    names = pick(rng, options)
    members = scene.find(**names)
    if len(names) == 2 and len(members) == scene.count(shape=obj.shape):
        return None  # the color would be idle words
    if not 2 <= len(members) < len(scene.objects):
        return None
    single = " ".join([*([names["color"]] if "color" in names else []), names.get("shape", "shape")])
    return members, {"single": single, "group": plural(single)}
