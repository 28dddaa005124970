"""Questions about one object or two: color, shape, size, place, relation."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import (
    COLOR_SYNONYMS,
    RELATION_WORDS,
    SIZE_WORDS,
    place_names,
    plain_noun,
    relation_phrase,
)
from unitok.data.world.question import Question, as_typed, truth
from unitok.data.world.references import named, refer
from unitok.data.world.scene import (
    COLORS,
    OPPOSITE,
    RELATIONS,
    Object,
    Scene,
    allowed_pair,
    holds,
    is_held_out_relation,
)
from unitok.data.world.spec_sampling import clearly
from unitok.data.world.templates import chance, expand, pick

_UNCLEAR = 0.03
"""An object less than this far on a side of another is clearly not there."""


def ask_color(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    obj = pick(rng, scene.objects)
    answers = color_answers(obj.color)
    if chance(rng, 0.12):
        return _ask_color_of_all(rng, scene, obj)
    if chance(rng, 0.1):
        return _ask_color_choice(rng, scene, obj, split)
    ref = refer(rng, scene, obj, hide=("color",))
    if ref is None:
        return None
    text = expand(
        rng,
        (
            "what color is {x}",
            "what color is {x}",
            "what color is {x}",
            "what is the color of {x}",
            "what's the color of {x}",
            "which color is {x}",
            "which color does {x} have",
            "what color does {x} have",
            "{x} is what color",
            "(tell me |name )the color of {x}",
            "what colour is {x}",
            "of what color is {x}",
        ),
        x=ref,
    )
    return Question(as_typed(rng, text), answers, "color", f"color {scene.objects.index(obj)}", "color", (obj,))


def color_answers(color: str) -> tuple[str, ...]:
    return (color, *COLOR_SYNONYMS.get(color, ()))


def _ask_color_of_all(rng: np.random.Generator, scene: Scene, obj: Object) -> Question | None:
    """About all objects of one shape, when there are several and they share their color."""
    alike = scene.find(shape=obj.shape)
    if len(alike) < 2 or len({o.color for o in alike}) > 1:
        return None
    words = named(rng, {"shape": obj.shape}, many=True)
    text = expand(
        rng,
        "(what color are (all |)the {x}|which color do the {x} have|what is the color of the {x})",
        x=words,
    )
    subject = f"color of {obj.shape}"
    said = {"shape": obj.shape}
    return Question(as_typed(rng, text), color_answers(obj.color), "color", subject, "color of all", said=said)


def _ask_color_choice(rng: np.random.Generator, scene: Scene, obj: Object, split: str) -> Question | None:
    """``is the star red or blue?``; yes/no questions of color are with ``existence``."""
    other = pick(rng, list(COLORS))
    ref = refer(rng, scene, obj, hide=("color",))
    if ref is None or other == obj.color or not allowed_pair(other, obj.shape, split):
        return None
    one, two = (obj.color, other) if chance(rng, 0.5) else (other, obj.color)
    text = expand(rng, "is {x} {a} or {b}", x=ref, a=one, b=two)
    subject = f"color {scene.objects.index(obj)}"
    said = {"first": one, "second": two}
    return Question(as_typed(rng, text), color_answers(obj.color), "color", subject, "color choice", (obj,), said)


def ask_shape(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    obj = pick(rng, scene.objects)
    ref = refer(rng, scene, obj, hide=("shape",))
    if ref is None:
        return None
    if chance(rng, 0.12):
        name = pick(rng, ("color", "color", "size"))
        word = getattr(obj, name)
        if scene.count(**{name: word}) == 1:
            text = expand(rng, "(which|what) (shape|shape|object|thing) is {w}", w=word)
            subject = f"shape {scene.objects.index(obj)}"
            return Question(as_typed(rng, text), shape_answers(obj), "shape", subject, "shape", (obj,))
    text = expand(
        rng,
        (
            "what shape is {x}",
            "what shape is {x}",
            "what shape is {x}",
            "what is the shape of {x}",
            "which shape is {x}",
            "what shape does {x} have",
            "what kind of shape is {x}",
            "what is {x}",
            "(tell me |name )the shape of {x}",
        ),
        x=ref,
    )
    subject = f"shape {scene.objects.index(obj)}"
    return Question(as_typed(rng, text), shape_answers(obj), "shape", subject, "shape", (obj,))


def shape_answers(obj: Object) -> tuple[str, ...]:
    return (obj.shape, plain_noun(None, obj.color, obj.shape), plain_noun(*obj.kind))


def ask_size(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    obj = pick(rng, scene.objects)
    ref = refer(rng, scene, obj, hide=("size",))
    if ref is None:
        return None
    text = expand(
        rng,
        (
            "what size is {x}",
            "how (big|large) is {x}",
            "is {x} (small or large|large or small|big or small)",
            "what is the size of {x}",
            "what size does {x} have",
        ),
        x=ref,
    )
    answers = tuple(dict.fromkeys((obj.size, *SIZE_WORDS[obj.size])))
    return Question(as_typed(rng, text), answers, "size", f"size {scene.objects.index(obj)}", "size", (obj,))


def ask_position(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    if len(scene.objects) > 1 and chance(rng, 0.25):
        return _ask_extreme(rng, scene)
    if chance(rng, 0.2):
        return _ask_at_place(rng, scene)
    if chance(rng, 0.2):
        return _ask_side_of_picture(rng, scene)
    obj = pick(rng, scene.objects)
    ref = refer(rng, scene, obj, places=False)
    if ref is None or not obj.clear_of_region_borders():
        return None
    text = expand(
        rng,
        (
            "where is {x}",
            "where is {x}",
            "where is {x} (located|placed)",
            "where in the (picture|image) is {x}",
            "where can {x} be found",
            "where do you see {x}",
            "in which part of the (picture|image) is {x}",
            "what is the (position|location|place) of {x}",
            "(tell me |)where {x} is",
        ),
        x=ref,
    )
    answers = place_names(obj.region)
    return Question(as_typed(rng, text), answers, "position", f"place {scene.objects.index(obj)}", "place", (obj,))


def _ask_at_place(rng: np.random.Generator, scene: Scene) -> Question | None:
    """``what is in the top left?``"""
    obj = pick(rng, scene.objects)
    there = [o for o in scene.objects if o.region == obj.region]
    if len(there) > 1 or not all(o.clear_of_region_borders(0.02) for o in scene.objects):
        return None
    place = place_names(obj.region)[0]
    side = "in" if (obj.region[0] != "middle" and obj.region[1] != "center") or place == "center" else "at"
    if place in ("left", "right", "top", "bottom"):
        return None
    asked, answers = (
        ("color is the (shape|object|thing)", color_answers(obj.color))
        if chance(rng, 0.4)
        else ("shape is", shape_answers(obj))
    )
    text = expand(rng, f"(what|which) {asked} {side} the {{p}}( corner||)", p=place)
    text = text.replace("center corner", "center")
    said = {"place": place, "asked": "shape" if asked == "shape is" else "color"}
    return Question(as_typed(rng, text), answers, "position", f"{asked} at {place}", "at place", (obj,), said)


def _ask_side_of_picture(rng: np.random.Generator, scene: Scene) -> Question | None:
    """``is the circle on the left or on the right?``, ``is the star at the top?``"""
    obj = pick(rng, scene.objects)
    ref = refer(rng, scene, obj, places=False)
    sideways = chance(rng, 0.5)
    value = obj.x if sideways else obj.y
    low, high = ("left", "right") if sideways else ("top", "bottom")
    if ref is None or abs(value - 0.5) < 0.18:
        return None
    side, other = (low, high) if value < 0.5 else (high, low)
    subject = f"side {sideways} {scene.objects.index(obj)}"
    at = "on the" if sideways else "at the"
    if chance(rng, 0.5):
        right = chance(rng, 0.5)
        said = side if right else other
        text = expand(rng, "is {x} (" + at + " {s}|" + at + " {s}|in the {s} half|in the {s} part)", x=ref, s=said)
        return Question(as_typed(rng, text), truth(right), "position", subject, "side", (obj,), {"side": said})
    text = expand(
        rng,
        f"is {{x}} ({at} {{a}} or {at} {{b}}|{at} {{a}} or the {{b}}|in the {{a}} or the {{b}} half)",
        x=ref,
        a=low,
        b=high,
    )
    answers = (side, f"{at} {side}")
    return Question(as_typed(rng, text), answers, "position", subject, "which side", (obj,), {"side": side})


_EXTREMES = {
    "leftmost": (lambda o: o.x, "(leftmost {n}|{n} furthest to the left)"),
    "rightmost": (lambda o: -o.x, "(rightmost {n}|{n} furthest to the right)"),
    "topmost": (lambda o: o.y, "(topmost {n}|highest {n}|uppermost {n})"),
    "lowest": (lambda o: -o.y, "(lowest {n}|bottommost {n})"),
}


def _ask_extreme(rng: np.random.Generator, scene: Scene) -> Question | None:
    """``what color is the leftmost shape?``"""
    name = pick(rng, list(_EXTREMES))
    key, words = _EXTREMES[name]
    ranked = sorted(scene.objects, key=key)
    if key(ranked[1]) - key(ranked[0]) < 0.08:
        return None
    thing = expand(rng, words, n=pick(rng, ("shape", "object")))
    first = ranked[0]
    if chance(rng, 0.5):
        asked, answers = "color", color_answers(first.color)
        text = expand(rng, "(what color is|what is the color of|which color is) the {t}", t=thing)
    else:
        asked, answers = "shape", shape_answers(first)
        text = expand(rng, "(what shape is the {t}|what is the {t}|which shape is the {t})", t=thing)
    said = {"extreme": name, "asked": asked}
    return Question(as_typed(rng, text), answers, "position", f"{asked} {name}", "extreme", (first,), said)


def ask_relation(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    if len(scene.objects) < 2:
        return None
    if chance(rng, 0.45):
        return _ask_what_is_there(rng, scene, split)
    i, j = rng.permutation(len(scene.objects))[:2].tolist()
    a, b = scene.objects[i], scene.objects[j]
    ref_a, ref_b = refer(rng, scene, a, places=False), refer(rng, scene, b, places=False)
    if ref_a is None or ref_b is None or "it" in (ref_a, ref_b):
        return None
    true = next((r for r in RELATIONS if clearly(r, a, b)), None)
    if true is None:
        return None
    if split == "train" and is_held_out_relation(a.shape, true, b.shape):
        return None
    if chance(rng, 0.3):
        return _ask_side(rng, true, (a, b), (ref_a, ref_b), f"{i} side {j}")
    said_truth = chance(rng, 0.5)
    said = true if said_truth else OPPOSITE[true]
    if split == "train" and is_held_out_relation(a.shape, said, b.shape):
        return None
    text = expand(
        rng,
        (
            "is {a} {rel} {b}",
            "is {a} {rel} {b}",
            "is {a} {rel} {b}",
            "is {a} (located|placed|positioned) {rel} {b}",
            "do you see {a} {rel} {b}",
            "can {a} be found {rel} {b}",
        ),
        a=ref_a,
        b=ref_b,
        rel=relation_phrase(rng, said),
    )
    subject = f"{i} {true} {j}"
    return Question(as_typed(rng, text), truth(said_truth), "relation", subject, "relation", (a, b), {"relation": said})


def _ask_side(
    rng: np.random.Generator, true: str, about: tuple[Object, Object], refs: tuple[str, str], subject: str
) -> Question:
    """``is the circle above or below the square?``"""
    if true in ("left of", "right of"):
        choice = "(left or right|to the left or to the right|on the left or on the right|to the left or right) of"
        which = "on which side of {b} is {a}"
        answers = (true.removesuffix(" of"), f"to the {true.removesuffix(' of')}", true)
    else:
        choice = "(above or below|below or above|over or under)"
        which = "is {a} higher or lower than {b}"
        answers = tuple(dict.fromkeys((true, *RELATION_WORDS[true])))
    if chance(rng, 0.25) and true in ("above", "below"):
        word = "higher" if true == "above" else "lower"
        text = expand(rng, which, a=refs[0], b=refs[1])
        return Question(as_typed(rng, text), (word,), "relation", subject, "relation choice", about, {"relation": true})
    template = which if chance(rng, 0.25) and true in ("left of", "right of") else f"is {{a}} {choice} {{b}}"
    text = expand(rng, template, a=refs[0], b=refs[1])
    if text.startswith("is ") and " over or under " in text:
        answers = (("over" if true == "above" else "under"), *answers)
    return Question(as_typed(rng, text), answers, "relation", subject, "relation choice", about, {"relation": true})


def _ask_what_is_there(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``which shape is left of the red circle?``, when just one object clearly is."""
    anchor = pick(rng, scene.objects)
    relation = pick(rng, RELATIONS)
    others = [o for o in scene.objects if o is not anchor]
    there = [o for o in others if holds(relation, o, anchor, _UNCLEAR)]
    if len(there) != 1 or not clearly(relation, there[0], anchor):
        return None
    found = there[0]
    ref = refer(rng, scene, anchor, places=False)
    if ref is None or ref == "it":
        return None
    if split == "train" and is_held_out_relation(found.shape, relation, anchor.shape):
        return None
    words = relation_phrase(rng, relation)
    asked, answers = "shape", shape_answers(found)
    draw = rng.random()
    if draw < 0.3:
        asked, answers = "color", color_answers(found.color)
        text = expand(rng, "(what|which) color is the (shape|object|thing|one) {rel} {x}", rel=words, x=ref)
    elif draw < 0.85:
        text = expand(rng, "(what|which) (shape|shape|object) is {rel} {x}", rel=words, x=ref)
    else:
        text = expand(rng, "what (is|do you see|can be seen|lies) {rel} {x}", rel=words, x=ref)
    subject = f"{asked} {relation} {scene.objects.index(anchor)}"
    said = {"relation": relation, "asked": asked}
    return Question(as_typed(rng, text), answers, "relation", subject, "what is there", (found, anchor), said)
