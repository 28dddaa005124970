"""Objects in other words than the templates': ``the star that is red``, ``the leftmost star``, ``that big one``."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from unitok.data.world.phrases import article, plural
from unitok.data.world.references import describing_sets, names_of
from unitok.data.world.scene import COLORS, Object, Scene, holds, is_held_out_relation
from unitok.data.world.spec_sampling import clearly
from unitok.data.world.templates import chance, expand, pick

SHAPE_NOUNS: dict[str, str] = {
    "circle": "(disc|disk|dot|ball|circle shape)",
    "square": "(box|block|square shape|square block)",
    "triangle": "(triangular shape|triangle shape)",
    "star": "(star shape|five-pointed star|star-shaped (object|thing|figure))",
    "cross": "(plus|plus sign|plus shape|cross shape)",
    "diamond": "(rhombus|diamond shape|lozenge)",
    "heart": "(heart shape|love heart|heart-shaped (object|thing|figure))",
    "ring": "(donut|doughnut|hoop|ring shape|ring-shaped (object|thing|figure))",
}
"""What else a shape is called; never plural, as not all of these have one."""

SIZE_WORDS: dict[str, str] = {
    "small": "(small|small|small|little|tiny|mini|smallish|small-sized)",
    "large": "(large|large|large|big|big|huge|giant|sizable|large-sized|oversized)",
}
COLOR_WORDS: dict[str, str] = {
    "gray": "(gray|gray|grey)",
    "purple": "(purple|purple|purple|violet)",
    "cyan": "(cyan|cyan|cyan|turquoise|aqua)",
}
ANY = "(shape|object|thing|figure|item|form|element)"
"""Any shape at all."""
PRONOUNS = ("it", "this one", "that one")
"""What an object that was spoken of is called; see ``refer_otherwise``."""

_EXTREME_MARGIN = 0.1
_EXTREMES = {
    "left": ("(leftmost {n}|far-left {n}|{n} on the far left|{n} furthest left|{n} closest to the left edge)", 0, 1),
    "right": (
        "(rightmost {n}|far-right {n}|{n} on the far right|{n} furthest right|{n} nearest the right edge)",
        0,
        -1,
    ),
    "top": ("(topmost {n}|highest {n}|uppermost {n}|{n} nearest the top|{n} closest to the top edge|top {n})", 1, 1),
    "bottom": ("(bottommost {n}|lowest {n}|{n} nearest the bottom|{n} closest to the bottom edge|bottom {n})", 1, -1),
}
_RELATIONS = {
    "left of": "(left of|to the left of|on the left of|to the left-hand side of)",
    "right of": "(right of|to the right of|on the right of|to the right-hand side of)",
    "above": "(above|over|higher than)",
    "below": "(below|under|beneath|underneath|lower than)",
}


def color_name(rng: np.random.Generator, color: str) -> str:
    return expand(rng, COLOR_WORDS.get(color, color))


def size_name(rng: np.random.Generator, size: str) -> str:
    return expand(rng, SIZE_WORDS[size])


def shape_name(rng: np.random.Generator, shape: str | None, many: bool = False) -> str:
    """A noun for ``shape``, or for any shape when it is None."""
    if shape is None:
        word = expand(rng, ANY)
        return plural(word) if many else word
    if many:
        return plural(shape)
    return expand(rng, SHAPE_NOUNS[shape]) if chance(rng, 0.15) else shape


def shape_word(rng: np.random.Generator, shape: str) -> str:
    """A noun that may follow ``the shape of``: not ``square shape``."""
    word = shape_name(rng, shape)
    return shape if "shape" in word else word


def relation_words(rng: np.random.Generator, relation: str) -> str:
    return expand(rng, _RELATIONS[relation])


def noun_of(
    rng: np.random.Generator, size: str | None, color: str | None, shape: str | None, many: bool = False
) -> str:
    """A noun phrase without an article, such as ``big star in red``; None leaves an attribute unsaid."""
    sized = size_name(rng, size) if size else ""
    colored = color_name(rng, color) if color else ""
    named = shape_name(rng, shape, many)
    draw = rng.random()
    verb = "are" if many else "is"
    if color and draw < 0.05:
        colored = f"{colored}-colored"
    elif color and draw < 0.2:
        tail = expand(rng, "(in {c}|that {be} {c}|which {be} {c}|colored {c}|of {c} color)", c=colored, be=verb)
        return " ".join(word for word in (sized, named, tail) if word)
    elif size and draw < 0.27:
        return " ".join(word for word in (colored, named, f"that {verb} {sized}") if word)
    elif size and color and draw < 0.3:
        return f"{colored} {sized} {named}"
    return " ".join(word for word in (sized, colored, named) if word)


def noun_named(rng: np.random.Generator, names: Mapping[str, str], many: bool) -> str:
    """A noun for what has these names, as ``references.names_of`` gives them."""
    return noun_of(rng, names.get("size"), names.get("color"), names.get("shape"), many)


def refer_otherwise(
    rng: np.random.Generator,
    scene: Scene,
    obj: Object,
    hide: Collection[str] = (),
    focus: Object | None = None,
    places: bool = True,
    beside: bool = True,
) -> str | None:
    """A phrase that means ``obj`` alone in ``scene``, or None when there is none.

    ``hide`` names attributes that must not be said; ``focus`` is the object spoken of last, which ``it`` means;
    ``places`` allows sides of the picture, and ``beside`` other objects (``the star under the ring``).
    """
    alone = len(scene.objects) == 1
    if (obj is focus and chance(rng, 0.5)) or (alone and chance(rng, 0.1)):
        return pick(rng, ("it", "it", "this one", "that one")) if obj is focus else "it"
    the = pick(rng, ("the", "the", "the", "the", "the", "the", "this", "that"))
    if alone and chance(rng, 0.2):
        return f"{the} {expand(rng, '(only |)' + ANY)}"
    sets = describing_sets(scene, obj, hide)
    if places and (not sets or chance(rng, 0.12)):
        placed = _at_an_edge(rng, scene, obj, hide)
        if placed is not None:
            return f"the {placed}"
    if beside and (not sets or chance(rng, 0.08)):
        related = _beside_another(rng, scene, obj, hide)
        if related is not None:
            return f"the {related}"
    if not sets:
        return None
    fewest = [subset for subset in sets if len(subset) == len(sets[0])]
    named = names_of(obj, pick(rng, fewest) if chance(rng, 0.65) else pick(rng, sets))
    size, color, shape = (named.get(name) for name in ("size", "color", "shape"))
    if shape is None and (size or color) and chance(rng, 0.5):
        words = [size_name(rng, size) if size else "", color_name(rng, color) if color else "", "one"]
        return f"{the} " + " ".join(word for word in words if word)
    return f"{the} {noun_of(rng, size, color, shape)}"


def _at_an_edge(rng: np.random.Generator, scene: Scene, obj: Object, hide: Collection[str]) -> str | None:
    """``leftmost star``, ``shape nearest the top``; None when it is not clearly the first."""
    found: list[str] = []
    for subset in ((), ("shape",), ("color",)):
        if set(subset) & set(hide):
            continue
        names = names_of(obj, subset)
        alike = [o for o in scene.find(**names) if o is not obj]
        if not alike:
            continue
        noun = noun_of(rng, None, names.get("color"), names.get("shape"))
        if " that " in noun or " which " in noun or " in " in noun or " of " in noun or " with " in noun:
            noun = f"{names.get('color', '')} {names.get('shape', 'shape')}".strip()
        for words, axis, sign in _EXTREMES.values():
            place = (obj.x, obj.y)[axis]
            if all(sign * ((o.x, o.y)[axis] - place) >= _EXTREME_MARGIN for o in alike):
                found.append(expand(rng, words, n=noun))
    return pick(rng, found) if found else None


def _beside_another(rng: np.random.Generator, scene: Scene, obj: Object, hide: Collection[str]) -> str | None:
    """``star under the ring``: just one object like it is on that side of the other."""
    others = [o for o in scene.objects if o is not obj]
    if not others:
        return None
    anchor = pick(rng, others)
    sets = describing_sets(scene, anchor)
    relation = next((name for name in _RELATIONS if clearly(name, obj, anchor)), None)
    if relation is None or not sets or is_held_out_relation(obj.shape, relation, anchor.shape):
        return None
    subset = pick(rng, ("shape", "color", "any"))
    names = {} if subset == "any" or subset in hide else names_of(obj, (subset,))
    # Nobody may say of another one that it is on that side.
    if any(holds(relation, o, anchor, -0.02) for o in scene.find(**names) if o is not obj and o is not anchor):
        return None
    named = names_of(anchor, sets[0])
    plain = " ".join(w for w in (names.get("color"), names.get("shape", "shape")) if w)
    other = " ".join(w for w in (named.get("size"), named.get("color"), named.get("shape", "one")) if w)
    return expand(rng, "{x} (that is|which is|just||||) {r} the {y}", x=plain, r=relation_words(rng, relation), y=other)


def a_noun(rng: np.random.Generator, size: str | None, color: str | None, shape: str | None) -> str:
    """``an orange ring``."""
    return article(noun_of(rng, size, color, shape))


assert set(COLOR_WORDS) <= set(COLORS)
