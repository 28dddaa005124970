"""Edits that leave every object where it is: colors, shapes, sizes, removal, background.

Each maker draws one edit of its kind, or returns None when the scene does not allow it. A wording that
starts with ``=`` is a whole sentence; the others are imperatives, which ``edits`` wraps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.phrases import article, color_word, fix_articles, noun, shape_word
from unitok.data.world.references import named, names_of, refer
from unitok.data.world.scene import COLORS, SHAPES, Object, Scene, allowed_pair, fits, sample_kind
from unitok.data.world.templates import chance, expand, pick

_COLOR_NAMES = tuple(COLORS)


def exact(
    kind: str,
    order: str,
    source: Scene,
    target: Scene,
    focus: Object | None = None,
    about: tuple[Object, ...] = (),
    **said: str,
) -> Edit:
    """An edit with only one right result."""
    return Edit(order, order, kind, source, target, target.objects, focus=focus, about=about, said=said)


def recolor(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    old = pick(rng, scene.objects)
    ref = refer(rng, scene, old, focus=focus)
    color = pick(rng, _COLOR_NAMES)
    if ref is None or color in (old.color, scene.background) or not allowed_pair(color, old.shape, split):
        return None
    new = replace(old, color=color)
    order = expand(
        rng,
        (
            "make {x} {c}",
            "make {x} {c}",
            "make {x} {c}",
            "color {x} {c}",
            "paint {x} {c}",
            "turn {x} {c}",
            "change {x} to {c}",
            "change the color of {x} to {c}",
            "change {x}'s color to {c}",
            "recolor {x} (to|in) {c}",
            "set the color of {x} to {c}",
            "give {x} a {c} color",
            "={x} should be {c}",
            "change {x} from {old} to {c}",
            "make the color of {x} {c}",
            "=i want {x} to be {c}",
            "={x} should become {c}",
            "=the color of {x} should be {c}",
        ),
        x=ref,
        c=color_word(rng, color),
        old=color_word(rng, old.color),
    )
    order = fix_articles(order.replace("it's", "its"))
    return exact("recolor", order, scene, scene.changed(old, new), new, (old,), color=color)


def reshape(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    old = pick(rng, scene.objects)
    ref = refer(rng, scene, old, focus=focus)
    shape = pick(rng, SHAPES)
    if ref is None or shape == old.shape or not allowed_pair(old.color, shape, split):
        return None
    new = replace(old, shape=shape)
    order = expand(
        rng,
        (
            "turn {x} into {a}",
            "turn {x} into {a}",
            "change {x} (to|into) {a}",
            "make {x} {a}",
            "transform {x} into {a}",
            "reshape {x} (into|to) {a}",
            "make {x} into {a}",
            "convert {x} (to|into) {a}",
            "change the shape of {x} to {a}",
            "=i want {x} to be {a}",
            "={x} should (be|become) {a}",
        ),
        x=ref,
        a=article(shape_word(rng, shape)),
    )
    return exact("reshape", order, scene, scene.changed(old, new), new, (old,), shape=shape)


def exchange(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    """Another object at an object's place: ``replace the star with a small blue ring``."""
    old = pick(rng, scene.objects)
    ref = refer(rng, scene, old, focus=focus)
    size, color, shape = sample_kind(rng, scene.background, split)
    said_size = chance(rng, 0.5)
    new = replace(old, color=color, shape=shape, size=size if said_size else old.size)
    others = [o for o in scene.objects if o is not old]
    if ref is None or new.kind == old.kind or not fits(new, others):
        return None
    if ref in ("it", "the shape", "the object", "the thing") and chance(rng, 0.5):
        return None
    order = expand(
        rng,
        (
            "replace {x} (with|by) {a}",
            "swap {x} for {a}",
            "change {x} (to|into) {a}",
            "turn {x} into {a}",
            "put {a} in place of {x}",
            "put {a} where {x} is",
        ),
        x=ref,
        a=article(noun(rng, new.size if said_size else None, color, shape)),
    )
    if order.endswith(" it is"):
        return None
    said = {"color": color, "shape": shape} | ({"size": size} if said_size else {})
    return exact("exchange", order, scene, scene.changed(old, new), new, (old,), **said)


def resize(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    old = pick(rng, scene.objects)
    ref = refer(rng, scene, old, focus=focus)
    grow = old.size == "small"
    new = replace(old, size="large" if grow else "small")
    if ref is None or not fits(new, [o for o in scene.objects if o is not old], gap=0.02):
        return None
    words = (
        "(large|larger|larger|big|bigger|bigger)" if grow else "(small|smaller|smaller|tiny)",
        "(enlarge|grow|scale up|increase the size of)" if grow else "(shrink|scale down|reduce the size of)",
    )
    order = expand(
        rng,
        (
            f"make {{x}} {words[0]}",
            f"make {{x}} {words[0]}",
            f"{words[1]} {{x}}",
            "(increase|grow) {x} in size" if grow else "(reduce|decrease) {x} in size",
            f"={{x}} should be {words[0]}",
            f"change the size of {{x}} to {new.size}",
            f"=i want {{x}} to be {words[0]}",
        ),
        x=ref,
    )
    return exact("resize", order, scene, scene.changed(old, new), new, (old,), size=new.size)


_REMOVE = (
    "remove {x}",
    "remove {x}",
    "remove {x}",
    "delete {x}",
    "erase {x}",
    "take (away|out) {x}",
    "get rid of {x}",
    "remove {x} from the (picture|image)",
    "take {x} (away|out)",
    "drop {x}",
    "(eliminate|hide|cut|clear) {x}",
    "make {x} disappear",
    "=i don't want {x}",
)


def remove(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    """One object goes; the last one stays, because an empty picture is no scene."""
    if len(scene.objects) < 2:
        return None
    old = pick(rng, scene.objects)
    ref = refer(rng, scene, old, focus=focus)
    if ref is None:
        return None
    return exact("remove", expand(rng, _REMOVE, x=ref), scene, scene.changed(old, None), None, (old,))


def remove_all(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    words, members, names = _several(rng, scene)
    left = tuple(o for o in scene.objects if o not in members)
    if not words or not left:
        return None
    order = expand(rng, _REMOVE, x=words)
    return exact("remove_all", order, scene, replace(scene, objects=left), None, tuple(members), **names)


def recolor_all(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    words, members, names = _several(rng, scene, everything=True)
    color = pick(rng, _COLOR_NAMES)
    if not words or color == scene.background or all(o.color == color for o in members):
        return None
    if not all(allowed_pair(color, o.shape, split) for o in members):
        return None
    objects = tuple(replace(o, color=color) if o in members else o for o in scene.objects)
    order = expand(
        rng,
        (
            "make {x} {c}",
            "make {x} {c}",
            "(color|paint|turn) {x} {c}",
            "change {x} to {c}",
            "change the color of {x} to {c}",
            "={x} should be {c}",
        ),
        x=words,
        c=color_word(rng, color),
    )
    target = replace(scene, objects=objects)
    return exact("recolor_all", order, scene, target, None, tuple(members), **names, to_color=color)


def reshape_all(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    words, members, names = _several(rng, scene)
    shape = pick(rng, SHAPES)
    if not words or all(o.shape == shape for o in members) or words.startswith(("every", "each")):
        return None
    if not all(allowed_pair(o.color, shape, split) for o in members):
        return None
    objects = tuple(replace(o, shape=shape) if o in members else o for o in scene.objects)
    order = expand(
        rng,
        "(turn {x} into {s}|change {x} (to|into) {s}|replace {x} (with|by) {s}|make {x} {s})",
        x=words,
        s=shape_word(rng, shape, many=True),
    )
    target = replace(scene, objects=objects)
    return exact("reshape_all", order, scene, target, None, tuple(members), **names, to_shape=shape)


def resize_all(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    words, members, names = _several(rng, scene, everything=True)
    size = pick(rng, ("small", "large"))
    if not words or all(o.size == size for o in members):
        return None
    objects = tuple(replace(o, size=size) if o in members else o for o in scene.objects)
    if not all(fits(o, [p for p in objects if p is not o], gap=0.02) for o in objects):
        return None
    order = expand(rng, "(make|make|turn) {x} {s}", x=words, s=pick(rng, _SIZE_ADJECTIVES[size]))
    target, order = replace(scene, objects=objects), order.replace("turn", "make")
    return exact("resize_all", order, scene, target, None, tuple(members), **names, to_size=size)


_SIZE_ADJECTIVES = {"small": ("small", "small", "tiny", "little"), "large": ("large", "large", "big", "huge")}


def background(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    color = pick(rng, _COLOR_NAMES)
    if color == scene.background or any(o.color == color for o in scene.objects):
        return None
    word = color_word(rng, color)
    order = expand(
        rng,
        (
            "make the background {c}",
            "make the background {c}",
            "change the background to {c}",
            "change the (background color|color of the background) to {c}",
            "(turn|paint|color) the background {c}",
            "use {a} background( instead|)",
            "put (it|everything) on {a} background",
            "set the background to {c}",
            "give it {a} background",
            "=the background should be {c}",
            "=i want {a} background",
            "={c} background",
        ),
        c=word,
        a=article(word),
    )
    return exact("background", order, scene, replace(scene, background=color), color=color)


def swap_colors(rng: np.random.Generator, scene: Scene, split: str, focus: Object | None) -> Edit | None:
    if len(scene.objects) < 2:
        return None
    i, j = rng.permutation(len(scene.objects))[:2].tolist()
    a, b = scene.objects[i], scene.objects[j]
    refs = [refer(rng, scene, o, places=False) for o in (a, b)]
    fine = allowed_pair(b.color, a.shape, split) and allowed_pair(a.color, b.shape, split)
    if a.color == b.color or refs[0] is None or refs[1] is None or not fine:
        return None
    target = scene.changed(a, replace(a, color=b.color))
    target = target.changed(b, replace(b, color=a.color))
    order = expand(rng, "(swap|exchange|switch) the colors of {a} and {b}", a=refs[0], b=refs[1])
    return exact("swap_colors", order, scene, target, None, (a, b))


def _several(
    rng: np.random.Generator, scene: Scene, everything: bool = False
) -> tuple[str, list[Object], dict[str, str]]:
    """Words for all objects of a kind of which there are several, those objects, and their names; or no words."""
    if everything and len(scene.objects) > 1 and chance(rng, 0.2):
        words = expand(
            rng, "(everything|all (shapes|objects)|all the (shapes|objects)|every (shape|object)|all of them)"
        )
        return words, list(scene.objects), {"everything": "yes"}
    form = pick(rng, (("shape",), ("shape",), ("color",), ("color", "shape"), ("size",), ("size", "shape")))
    names = names_of(pick(rng, scene.objects), form)
    members = scene.find(**names)
    if len(members) < 2:
        return "", [], {}
    if chance(rng, 0.12):
        words = named(rng, names)
        if not words.endswith(" one"):
            return f"{pick(rng, ('every', 'each'))} {words}", members, names
    words = named(rng, names, many=True)
    number = {2: "both ", 3: "all three "}.get(len(members), "all ") if chance(rng, 0.12) else ""
    return (number or pick(rng, ("all ", "all the ", "the ", "the "))) + words, members, names
