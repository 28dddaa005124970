"""Questions about one object in other words: its color, shape, size and place."""

from __future__ import annotations

import numpy as np

from unitok.data.world.question import Question
from unitok.data.world.reworded.asking import Ways, ask
from unitok.data.world.reworded.mentions import mention, slots_of_mention
from unitok.data.world.reworded.references import ANY, color_name, shape_name
from unitok.data.world.reworded.ways_of_objects import (
    ASKED,
    COLOR_CHOICE,
    COLOR_OF_ALL,
    PLACE,
    THE_PLACE,
    THERE,
)
from unitok.data.world.scene import Scene
from unitok.data.world.templates import chance, expand, pick

IS_COLOR = Ways(
    direct=(
        "is {x} {c}",
        "is {x} (colored|drawn in|painted|filled in with|shown in) {c}",
        "is the (color|colour) of {x} {c}",
        "is {c} the (color|colour) of {x}",
        "is {own} (color|colour) {c}",
        "does {x} (have the color|look) {c}",
        "would you call {x} {c}",
        "would you say the color of {x} is {c}",
        "has {x} got the color {c}",
        "is {c} the color that {x} has",
    ),
    bare=("{x}: {c}", "{named}, is it {c}", "{x} - {c}, yes or no", "{x} {c}"),
    statements=(
        ("{x} is {c}", "isn't it"),
        ("{x} is (colored|drawn in|painted) {c}", "isn't it"),
        ("the (color|colour) of {x} is {c}", "isn't it"),
        ("{own} (color|colour) is {c}", "isn't it"),
        ("{x} has the color {c}", "doesn't it"),
        ("{x} looks {c}", "doesn't it"),
    ),
    answer="yes or no",
)

AT_SIDE: dict[str, str] = {
    "left": "(on the left|on the left side|on the left-hand side|in the left half|in the left part)",
    "right": "(on the right|on the right side|on the right-hand side|in the right half|in the right part)",
    "top": "(at the top|in the top half|in the upper half|in the upper part|towards the top|up at the top)",
    "bottom": "(at the bottom|in the bottom half|in the lower half|in the lower part|towards the bottom)",
}
_OTHER_SIDE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}

IS_AT = Ways(
    direct=(
        "is {x} (|located |placed |positioned |situated |to be found |found |drawn ){at}",
        "does {x} (sit|lie|appear|show up|stand) {at}",
        "(would|can|could|do|will) (i|you|we) (find|see|spot) {x} {at}",
        "can {x} be (found|seen|spotted) {at}",
        "has {x} been (put|placed|drawn) {at}",
        "is {x} (closer|nearer) to the {s} (edge |border |side |)than to the {o}( one||)",
    ),
    bare=("{x}: {at}", "{x} {at}", "{named}, is it {at}", "{x} {at}, yes or no"),
    statements=(
        ("{x} is {at}", "isn't it"),
        ("{x} is {at}", "isn't it"),
        ("{x} is (located|placed|positioned|situated) {at}", "isn't it"),
        ("{x} (sits|lies|appears|stands) {at}", "doesn't it"),
        ("{x} can be (found|seen) {at}", "can't it"),
        ("you (find|see) {x} {at}", "don't you"),
    ),
    answer="yes or no",
)
"""Whether an object is at a place."""

_WHICH_SIDE = Ways(
    direct=(
        "is {x} (|located |placed |positioned |drawn ){at} or {to}",
        "is {x} (closer|nearer) to the {s} or (to |)the {o}( edge| side| border||)",
        "is {x} in the {s} or (the |in the |){o} (half|part)",
        "in which half is {x}, the {s} (one |)or the {o} one",
        "(which|what) (side|half|part) is {x} (on|in), {s} or {o}",
        "on (which|what) side is {x}(,|:) {s} or {o}",
        "does {x} (sit|lie|appear|stand) {at} or {to}",
        "(would|do|can) (i|you|we) (find|see) {x} {at} or {to}",
        "where is {x}(,|:) {at} or {to}",
        "where is {x}(,|:) {s} or {o}",
        "{x} is {at} or {to}",
        "{s} or {o}: where is {x}",
        "which edge is {x} (closer|nearer) to, the {s} or the {o} one",
        "is it the {s} or the {o} (half|part) that {x} is in",
        "do i (have to |)look {at} or {to} (for|to find|to see) {x}",
    ),
    clauses=(
        "(if|whether) {x} is {at} or {to}",
        "(if|whether) {x} is in the {s} or the {o} half",
        "(if|whether) {x} is (closer|nearer) to the {s} or the {o} edge",
        "which half {x} is in, {s} or {o}",
        "where {x} is, {at} or {to}",
    ),
    bare=("{x}: {s} or {o}", "{s} or {o}: {x}", "{named}, is it {at} or {to}", "{x}, {s} or {o}"),
    answer="the side",
)

_EXTREME: dict[str, str] = {
    "leftmost": "(leftmost {n}|far-left {n}|{n} furthest (to the |)left|{n} on the far left|"
    "{n} (closest to|nearest) the left (edge|side|border)|{n} that is (furthest|farthest) (to the |)left|"
    "first {n} from the left|{n} most to the left)",
    "rightmost": "(rightmost {n}|far-right {n}|{n} furthest (to the |)right|{n} on the far right|"
    "{n} (closest to|nearest) the right (edge|side|border)|{n} that is (furthest|farthest) (to the |)right|"
    "first {n} from the right|{n} most to the right)",
    "topmost": "(topmost {n}|highest {n}|uppermost {n}|top {n}|{n} (closest to|nearest) the top( edge|)|"
    "{n} (furthest|highest) up|{n} that is highest( up|)|{n} at the very top|first {n} from the top)",
    "lowest": "(lowest {n}|bottommost {n}|bottom {n}|{n} (closest to|nearest) the bottom( edge|)|"
    "{n} (furthest|lowest) down|{n} that is lowest( down|)|{n} at the very bottom|first {n} from the bottom)",
}
_EXTREMELY: dict[str, str] = {
    "leftmost": "(furthest (to the |)left|most to the left|on the far left|closest to the left edge)",
    "rightmost": "(furthest (to the |)right|most to the right|on the far right|closest to the right edge)",
    "topmost": "(highest|highest up|furthest up|closest to the top|nearest the top|at the very top)",
    "lowest": "(lowest|lowest down|furthest down|closest to the bottom|nearest the bottom|at the very bottom)",
}
_GOING: dict[str, str] = {
    "leftmost": "from left to right",
    "rightmost": "from right to left",
    "topmost": "from top to bottom",
    "lowest": "from bottom to top",
}
_WHICH_IS = Ways(
    direct=(
        "(what|which) (shape|object|figure|thing|one|of the shapes) (is|sits|lies|appears) {most}",
        "what (is|sits|lies) {most}",
        "going {going}, (what|which shape|what shape) (comes first|is first|do you meet first)",
        "(what|which shape) (comes first|do you see first) {going}",
        "of all the (shapes|objects|things), which (one |)is {most}",
    ),
    clauses=("(what|which shape|which object|which of the shapes) is {most}", "(what|which shape) comes first {going}"),
    nouns=("the (shape|object|thing) (that is |){most}",),
    bare=("{most}: (what|which shape)", "(which shape|what) is {most}"),
    answer="the shape",
)
"""The shape of the outermost object."""


def reword_attribute(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    """The color, shape or size of an object: the question's form says which."""
    obj = question.about[0]
    ref = mention(rng, scene, obj, split, (question.form,))
    if ref is None:
        return None
    slots = slots_of_mention(ref)
    if question.form == "shape" and len(scene.objects) > 1:
        unique = [name for name in ("color", "size") if scene.count(**{name: getattr(obj, name)}) == 1]
        if unique:
            slots["w"] = getattr(obj, pick(rng, unique))
    return ask(rng, ASKED[question.form], ref, **slots)


def reword_color_choice(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    ref = mention(rng, scene, question.about[0], split, ("color",))
    if ref is None:
        return None
    one, two = (color_of_choice(rng, question.said[name]) for name in ("first", "second"))
    return ask(rng, COLOR_CHOICE, ref, c=one, d=two, **slots_of_mention(ref))


def color_of_choice(rng: np.random.Generator, color: str) -> str:
    """Mostly the plain name: it is what the answer says."""
    return color_name(rng, color) if chance(rng, 0.1) else color


def reword_color_of_all(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    return ask(rng, COLOR_OF_ALL, xs=shape_name(rng, question.said["shape"], many=True))


def reword_place(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    ref = mention(rng, scene, question.about[0], split, places=False, beside=False)
    return None if ref is None else ask(rng, PLACE, ref, **slots_of_mention(ref))


def reword_at_place(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    at = expand(rng, THE_PLACE[question.said["place"]])
    if question.said["asked"] == "shape" and chance(rng, 0.5):
        return ask(rng, THERE, at=at)
    ref = f"the {expand(rng, ANY)} {at}"
    return ask(rng, ASKED[question.said["asked"]], ref, x=ref, named=ref)


def side_slots(rng: np.random.Generator, side: str) -> dict[str, str]:
    return {"s": side, "o": _OTHER_SIDE[side], "at": expand(rng, AT_SIDE[side])}


def reword_side(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    ref = mention(rng, scene, question.about[0], split, places=False, beside=False)
    return (
        None if ref is None else ask(rng, IS_AT, ref, **slots_of_mention(ref), **side_slots(rng, question.said["side"]))
    )


def reword_which_side(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    ref = mention(rng, scene, question.about[0], split, places=False, beside=False)
    if ref is None:
        return None
    side = question.said["side"]
    if chance(rng, 0.5):
        side = _OTHER_SIDE[side]
    slots = side_slots(rng, side)
    slots["at"] = slots["at"].replace("upper", "top").replace("lower", "bottom")
    other = expand(rng, _alike_in(slots["at"]), o=slots["o"])
    return ask(rng, _WHICH_SIDE, ref, **slots_of_mention(ref), **slots, to=other)


def _alike_in(at: str) -> str:
    """The way to name the other side that goes with ``at``."""
    for word in ("half", "part", "hand side", "side"):
        if at.endswith(word):
            start = at.split(" ")[0]
            return f"{start} the {{o}}{'-' if word == 'hand side' else ' '}{word}"
    return f"{at.split(' the ')[0]} the {{o}}".replace("up at", "down at")


def reword_extreme(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> str | None:
    name, asked = question.said["extreme"], question.said["asked"]
    if asked == "shape" and chance(rng, 0.4):
        return ask(rng, _WHICH_IS, most=expand(rng, _EXTREMELY[name]), going=_GOING[name])
    ref = "the " + expand(rng, _EXTREME[name], n=expand(rng, ANY))
    return ask(rng, ASKED[asked], ref, x=ref, named=ref)
