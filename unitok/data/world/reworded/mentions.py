"""How questions mention objects, places and relations."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from unitok.data.world.phrases import plural
from unitok.data.world.reworded.references import ANY, PRONOUNS, color_name, refer_otherwise
from unitok.data.world.scene import RELATIONS, Object, Scene, holds, is_held_out_relation
from unitok.data.world.templates import expand

RELATION_WORDS: dict[str, str] = {
    "left of": "((to the |on the |)left of|on the left side of|on the left-hand side of|further left than|"
    "further to the left than|more to the left than)",
    "right of": "((to the |on the |)right of|on the right side of|on the right-hand side of|further right than|"
    "further to the right than|more to the right than)",
    "above": "(above|above|above|over|on top of|higher than|higher up than|further up than)",
    "below": "(below|below|below|under|beneath|underneath|lower than|lower down than|further down than)",
}
SIDE_WORDS: dict[str, str] = {
    "left of": "((to the |on the |)left of|on the left side of|on the left-hand side of)",
    "right of": "((to the |on the |)right of|on the right side of|on the right-hand side of)",
    "above": "(above|above|over|on top of)",
    "below": "(below|below|under|beneath|underneath)",
}
"""Those that may follow a verb such as ``sits`` or stand without one."""
TO_IT: dict[str, str] = {
    "left of": "(to its left|on its left|on its left side|to the left of it|left of it)",
    "right of": "(to its right|on its right|on its right side|to the right of it|right of it)",
    "above": "(above it|over it|on top of it)",
    "below": "(below it|under it|beneath it|underneath it)",
}
COMPARED: dict[str, str] = {
    "left of": "(further left|farther left|further to the left|more to the left)",
    "right of": "(further right|farther right|further to the right|more to the right)",
    "above": "(higher|higher up|further up|closer to the top|nearer to the top)",
    "below": "(lower|lower down|further down|closer to the bottom|nearer to the bottom)",
}
WAY: dict[str, str] = {"left of": "left", "right of": "right", "above": "up", "below": "down"}

_TAILS = re.compile(
    r" (in|that|which|of|on|with|colored|furthest|closest|nearest|above|below|under|beneath|underneath|over|left|right|"
    r"higher|lower|to|is|just)\b"
)


def mention(
    rng: np.random.Generator,
    scene: Scene,
    obj: Object,
    split: str,
    hide: Collection[str] = (),
    places: bool = True,
    beside: bool = True,
) -> str | None:
    """``refer_otherwise`` that says no held-out relation in training."""
    sayable = split != "train" or not any(
        is_held_out_relation(obj.shape, relation, o.shape)
        for o in scene.objects
        for relation in RELATIONS
        if holds(relation, obj, o, 0)
    )
    return refer_otherwise(rng, scene, obj, hide, places=places, beside=beside and sayable)


def slots_of_mention(ref: str) -> dict[str, str]:
    """The slots ``x``, the mention, ``own``, its genitive, if that reads well, and ``named`` when it is a noun."""
    slots = {"x": ref}
    words = ref.split()
    if ref == "it":
        return slots | {"own": "its"}
    if len(words) <= 4 and not _TAILS.search(ref):
        slots["own"] = f"{ref}'s"
    return slots if ref in PRONOUNS else slots | {"named": ref}


def plural_of_value(rng: np.random.Generator, attribute: str, value: str) -> str:
    """``stars``, ``red shapes``."""
    if attribute == "shape":
        return plural(value)
    return f"{color_name(rng, value)} {any_plural(rng)}"


def any_plural(rng: np.random.Generator) -> str:
    return plural(expand(rng, ANY))


def relation_said(rng: np.random.Generator, relation: str) -> str:
    return expand(rng, RELATION_WORDS[relation])


def relation_slots(rng: np.random.Generator, relation: str, inverse: str) -> dict[str, str]:
    """All the ways to say that something is ``relation`` something else."""
    return {
        "rel": relation_said(rng, relation),
        "inv": relation_said(rng, inverse),
        "side": expand(rng, SIDE_WORDS[relation]),
        "toit": expand(rng, TO_IT[relation]),
        "comp": expand(rng, COMPARED[relation]),
        "icomp": expand(rng, COMPARED[inverse]),
        "way": WAY[relation],
    }
