"""Questions about one object that the templates do not ask: whether it is red, a star, large, in the corner."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import article, place_names
from unitok.data.world.question import Question, truth
from unitok.data.world.questions_of_objects import color_answers, shape_answers
from unitok.data.world.reworded.asking import Ways, ask
from unitok.data.world.reworded.mentions import mention, slots_of_mention
from unitok.data.world.reworded.questions_of_objects import IS_AT, IS_COLOR, color_of_choice
from unitok.data.world.reworded.references import ANY, shape_word, size_name
from unitok.data.world.reworded.ways_of_objects import ASKED, THE_PLACE
from unitok.data.world.scene import COLORS, REGION_BORDERS, SHAPES, Object, Scene, allowed_pair
from unitok.data.world.templates import chance, expand, pick

_IS_SHAPE = Ways(
    direct=(
        "is {x} {s}",
        "is {x} in the (shape|form) of {s}",
        "is {x} shaped like {s}",
        "does {x} have the (shape|form) of {s}",
        "would you call {x} {s}",
        "is the shape of {x} {s}",
        "does {x} look like {s}",
        "do you see {x} as {s}",
    ),
    bare=("{x}: {s}", "{named}, is it {s}", "{x} - {s}, yes or no"),
    statements=(
        ("{x} is {s}", "isn't it"),
        ("{x} is {s}", "isn't it"),
        ("{x} is shaped like {s}", "isn't it"),
        ("{x} has the (shape|form) of {s}", "doesn't it"),
        ("{x} looks like {s}", "doesn't it"),
    ),
    answer="yes or no",
)

_IS_SIZE = Ways(
    direct=(
        "is {x} {z}",
        "is {x} {az} one",
        "would you call {x} {z}",
        "does {x} look {z}",
        "is {x} {z} in size",
        "is {x} of {z} size",
        "is {x} drawn {z}",
        "is {own} size {z}",
        "does {x} count as {z}",
    ),
    bare=("{x}: {z}", "{named}, is it {z}", "{x} - {z}, yes or no"),
    statements=(
        ("{x} is {z}", "isn't it"),
        ("{x} is {z}", "isn't it"),
        ("{x} is {z} in size", "isn't it"),
        ("{x} is {az} one", "isn't it"),
        ("{x} looks {z}", "doesn't it"),
    ),
    answer="yes or no",
)

_THE_ONLY: dict[str, str] = {
    "large": "(biggest {n}|largest {n}|{n} that is (biggest|largest)|{n} with the (largest|biggest) size)",
    "small": "(smallest {n}|tiniest {n}|{n} that is (smallest|tiniest)|{n} with the smallest size)",
}
_SUPERLATIVE = {"large": "(the |)(biggest|largest)", "small": "(the |)(smallest|tiniest)"}
_WHICH_IS = Ways(
    direct=(
        "(what|which) (shape|object|thing|figure|one|of the shapes) is {most}",
        "which one is {most}",
        "of all the (shapes|objects|things), which (one |)is {most}",
        "what is {the}",
        "among the (shapes|objects), which is {most}",
        "(what|which) (shape|object) has the {ly} size",
    ),
    clauses=("(which one|which shape|which object|which of the shapes) is {most}", "what {the} is"),
    nouns=("{the}",),
    bare=("which is {most}", "{the}: which one"),
)


def is_color(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``the star is red, isn't it?``; a color that is wrong is mostly that of another object."""
    obj = pick(rng, scene.objects)
    right = chance(rng, 0.5)
    color = obj.color if right else _wrong(rng, scene, obj, "color", [*COLORS])
    ref = mention(rng, scene, obj, split, ("color",))
    if ref is None or not allowed_pair(color, obj.shape, split):
        return None
    text = ask(rng, IS_COLOR, ref, c=color_of_choice(rng, color), **slots_of_mention(ref))
    return Question(
        text, truth(right), "color", _subject(scene, obj, f"is {color}"), "is color", (obj,), {"color": color}
    )


def is_shape(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``is the red thing a star?``; never whether a ring is a circle, which some would affirm."""
    obj = pick(rng, scene.objects)
    right = chance(rng, 0.5)
    shape = obj.shape if right else _wrong(rng, scene, obj, "shape", [*SHAPES])
    ref = mention(rng, scene, obj, split, ("shape",))
    if ref is None or not allowed_pair(obj.color, shape, split) or {shape, obj.shape} == {"circle", "ring"}:
        return None
    text = ask(rng, _IS_SHAPE, ref, s=article(shape_word(rng, shape)), **slots_of_mention(ref))
    return Question(
        text, truth(right), "shape", _subject(scene, obj, f"is {shape}"), "is shape", (obj,), {"shape": shape}
    )


def is_size(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``would you call the star large?``, in scenes with both sizes: most objects are small."""
    right, size = chance(rng, 0.5), pick(rng, ("small", "large"))
    found = [o for o in scene.objects if (o.size == size) == right]
    if len({o.size for o in scene.objects}) < 2:
        return None
    obj = pick(rng, found)
    ref = mention(rng, scene, obj, split, ("size",))
    if ref is None:
        return None
    z = size_name(rng, size).removesuffix("-sized")
    text = ask(rng, _IS_SIZE, ref, z=z, az=article(z), **slots_of_mention(ref))
    return Question(text, truth(right), "size", _subject(scene, obj, f"is {size}"), "is size", (obj,), {"size": size})


def _wrong(rng: np.random.Generator, scene: Scene, obj: Object, name: str, values: list[str]) -> str:
    """A value that ``obj`` does not have, mostly one that another object has."""
    its = getattr(obj, name)
    others = [value for o in scene.objects if (value := getattr(o, name)) != its]
    if others and chance(rng, 0.6):
        return pick(rng, others)
    return pick(rng, [value for value in values if value != its])


def _subject(scene: Scene, obj: Object, what: str) -> str:
    return f"{what} {scene.objects.index(obj)}"


def is_at_place(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``is the star in the top left corner?``: only for objects that are clearly in a corner or in the middle."""
    obj = pick(rng, scene.objects)
    its = place_names(obj.region)[0]
    # wrong is where another object is, so that a place does not give the answer away
    others = [place_names(o.region)[0] for o in scene.objects if o.clear_of_region_borders()]
    others = [place for place in others if place in THE_PLACE and place != its]
    if its not in THE_PLACE or not obj.clear_of_region_borders() or not others:
        return None
    ref = mention(rng, scene, obj, split, places=False, beside=False)
    if ref is None:
        return None
    right = chance(rng, 0.5)
    place = its if right else pick(rng, others)
    at = expand(rng, THE_PLACE[place])
    text = ask(rng, IS_AT, ref, at=at, **slots_of_mention(ref))
    return Question(
        text, truth(right), "position", _subject(scene, obj, f"at {place}"), "is at place", (obj,), {"place": place}
    )


def the_only_of_its_size(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``which one is the biggest?``, when just one is large."""
    if len(scene.objects) < 2:
        return None
    size = pick(rng, ("large", "small"))
    found = scene.find(size=size)
    if len(found) != 1:
        return None
    obj = found[0]
    the = "the " + expand(rng, _THE_ONLY[size], n=expand(rng, ANY))
    asked = pick(rng, ("color", "shape", "shape"))
    said = {"size": size, "asked": asked}
    subject = _subject(scene, obj, asked)
    if asked == "shape" and chance(rng, 0.6):
        ly = "smallest" if size == "small" else expand(rng, "(largest|biggest)")
        text = ask(rng, _WHICH_IS, the=the, most=expand(rng, _SUPERLATIVE[size]), ly=ly)
    else:
        text = ask(rng, ASKED[asked], the, x=the, named=the)
    answers = shape_answers(obj) if asked == "shape" else color_answers(obj.color)
    return Question(text, answers, "comparison", subject, "biggest", (obj,), said)


def clearly_outside(obj: Object, row: str, column: str) -> bool:
    """Whether no part of ``obj`` reaches noticeably into the region."""
    return any(
        value + obj.radius < low + _SLACK or value - obj.radius > high - _SLACK
        for value, (low, high) in ((obj.y, _BOUNDS[row]), (obj.x, _BOUNDS[column]))
    )


_SLACK = 0.06
"""How far an object may reach into a region that is still called empty."""
_LOW, _HIGH = REGION_BORDERS
_BOUNDS = {
    "top": (0.0, _LOW),
    "left": (0.0, _LOW),
    "middle": (_LOW, _HIGH),
    "center": (_LOW, _HIGH),
    "bottom": (_HIGH, 1.0),
    "right": (_HIGH, 1.0),
}
