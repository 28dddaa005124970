"""Questions about a whole picture that the templates do not ask: at least two, all, any two, an empty corner."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from unitok.data.world.phrases import plural
from unitok.data.world.question import Question, truth
from unitok.data.world.questions_of_objects import color_answers, shape_answers
from unitok.data.world.questions_of_scenes import count_answers
from unitok.data.world.references import names_of
from unitok.data.world.reworded.asking import ask
from unitok.data.world.reworded.further_of_objects import clearly_outside
from unitok.data.world.reworded.mentions import any_plural
from unitok.data.world.reworded.questions_of_objects import AT_SIDE
from unitok.data.world.reworded.questions_of_scenes import IN, number_slots, values_said
from unitok.data.world.reworded.references import ANY, a_noun, color_name, size_name
from unitok.data.world.reworded.ways_of_groups import (
    ALL_ARE,
    BOTH,
    COMMONEST,
    COUNT_IN_PART,
    DIFFERENT,
    EMPTY,
    HOW_MANY_COLORS,
    HOW_MANY_KINDS,
    OCCUPIED,
    SHARED,
)
from unitok.data.world.reworded.ways_of_objects import ASKED, THE_PLACE, THERE
from unitok.data.world.reworded.ways_of_scenes import AS_MANY, NUMBER
from unitok.data.world.scene import COLORS, SHAPES, Object, Scene, allowed_pair
from unitok.data.world.templates import chance, expand, pick

_QUANTITIES = {
    "at least": "at least",
    "at most": "(at most|at most|no more than)",
    "more than": "more than",
    "fewer than": "(fewer than|fewer than|less than)",
    "only": "(only|just)",
    "exactly": "(exactly|exactly|precisely)",
}
_FORMS = (("shape",), ("shape",), ("color",), ("color", "shape"))
_VALUES: dict[str, tuple[str, ...]] = {"color": tuple(COLORS), "shape": SHAPES, "size": ("small", "large")}


def holds_of_number(phrase: str, said: int, number: int) -> bool:
    """Whether ``number`` things are, for example, ``at least`` as many as ``said``."""
    return {
        "at least": number >= said,
        "at most": number <= said,
        "more than": number > said,
        "fewer than": number < said,
        "only": number == said,
        "exactly": number == said,
    }[phrase]


def is_quantity(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``are there at least two stars?``, where one name fits several objects, so that yes and no are as likely."""
    form = pick(rng, _FORMS)
    options = [names_of(o, form) for o in scene.objects]
    if all(scene.count(**names) == 1 for names in options):
        return None
    phrase = pick(rng, tuple(_QUANTITIES))
    least = 2 if phrase in ("at least", "fewer than") else 1
    most = 1 if phrase == "only" else 6
    counts = [scene.count(**names) for names in options]
    # numbers that some of the names make right and others wrong, so that a number does not give the answer away
    numbers = [n for n in range(least, most + 1) if len({holds_of_number(phrase, n, count) for count in counts}) == 2]
    if not numbers:
        return None
    n, want = pick(rng, numbers), chance(rng, 0.5)
    names = pick(
        rng, [o for o, count in zip(options, counts, strict=True) if holds_of_number(phrase, n, count) == want]
    )
    text = ask(rng, NUMBER, **number_slots(rng, names, n, expand(rng, _QUANTITIES[phrase])))
    said = {**names, "number": str(n), "phrase": phrase}
    return Question(text, truth(want), "count", f"{sorted(said.items())}", "quantity", said=said)


def are_equal(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``is the number of stars equal to that of rings?``, when the scene has equal numbers and others."""
    name = pick(rng, ("shape", "shape", "color"))
    present = sorted({getattr(o, name) for o in scene.objects})
    pairs: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for one, two in combinations(present, 2):
        pairs[scene.count(**{name: one}) == scene.count(**{name: two})].append((one, two))
    if not pairs[True] or not pairs[False]:
        return None
    want = chance(rng, 0.5)
    first, second = pick(rng, pairs[want])
    if chance(rng, 0.5):
        first, second = second, first
    text = ask(rng, AS_MANY, **values_said(rng, name, first, second), **{"in": expand(rng, IN)})
    said = {"attribute": name, "first": first, "second": second}
    return Question(text, truth(want), "comparison", f"equal {sorted((first, second))}", "equal", said=said)


def all_are(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``are all the stars red?``, when there is a group whose objects do share something."""
    groups: list[tuple[str, str]] = [("", "")]
    groups += [
        (name, value) for name in ("shape", "color") for value in sorted({getattr(o, name) for o in scene.objects})
    ]
    shared: list[tuple[str, str, str]] = []
    mixed: list[tuple[str, str, str]] = []
    for group, value in groups:
        members = scene.find(**({group: value} if group else {}))
        for name in ("color", "shape", "size"):
            if len(members) >= 2 and name != group:
                values = {getattr(o, name) for o in members}
                (shared if len(values) == 1 else mixed).append((group, value, name))
    if not shared:
        return None
    want = chance(rng, 0.5)
    group, value, name = pick(rng, mixed if not want and mixed and chance(rng, 0.4) else shared)
    if name == "size":  # most objects are small: what is not so is asked of groups of both sizes
        groups_of = {
            kind: [entry for entry in found if entry[2] == name] for kind, found in ((True, shared), (False, mixed))
        }
        if not groups_of[True] or not groups_of[False]:
            return None
        group, value, name = pick(rng, groups_of[want])
    members = scene.find(**({group: value} if group else {}))
    its = {getattr(o, name) for o in members}
    if want:
        said = min(its)
    else:
        others = [v for v in _VALUES[name] if len(its) > 1 or v not in its]
        others = [o.size for o in members] if name == "size" else others
        seen = [v for v in others if scene.count(**{name: v})]
        said = pick(rng, seen if seen and chance(rng, 0.6) else others)
    names = {name: said, **({group: value} if group else {})}
    if not allowed_pair(names.get("color", ""), names.get("shape", ""), split):
        return None
    text = ask(rng, ALL_ARE, **_group_slots(rng, group, value, len(members)), **_value_slots(rng, name, said))
    values_said_here = {"group": group, "value": value, "attribute": name, "said": said}
    return Question(
        text, truth(want), name, f"all {sorted(values_said_here.items())}", "all are", said=values_said_here
    )


def _group_slots(rng: np.random.Generator, group: str, value: str, number: int) -> dict[str, str]:
    """``g`` all of the group, ``e`` every one of it, ``t`` its plural."""
    noun = value if group == "shape" else expand(rng, ANY)
    color = f"{color_name(rng, value)} " if group == "color" else ""
    one, many = color + noun, color + plural(noun)
    g = expand(rng, "(all {t}|all the {t}|all of the {t}|all these {t}|the {t})", t=many)
    if number == 2 and chance(rng, 0.4):
        g = expand(rng, "(both {t}|both of the {t}|the two {t})", t=many)
    e = expand(rng, "(every {o}|each {o}|each of the {t}|every one of the {t}|every single {o})", o=one, t=many)
    return {"g": g, "e": e, "t": many}


def _value_slots(rng: np.random.Generator, name: str, value: str) -> dict[str, str]:
    """``v`` what several are, ``s`` what one is."""
    if name == "shape":
        return {"v": plural(value), "s": a_noun(rng, None, None, value)}
    word = color_name(rng, value) if name == "color" else size_name(rng, value)
    return {"v": word, "s": word}


def any_two(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``do any two shapes have the same color?``, when either color or shape is shared but not both."""
    shared = {name: len({getattr(o, name) for o in scene.objects}) < len(scene.objects) for name in ("color", "shape")}
    if len(scene.objects) < 3 or shared["color"] == shared["shape"]:
        return None
    name = pick(rng, ("color", "shape"))
    same = chance(rng, 0.65)
    text = ask(rng, SHARED if same else DIFFERENT, n=name)
    said = {"attribute": name, "asked": "same" if same else "different"}
    return Question(
        text, truth(shared[name] == same), "comparison", f"any two {said['asked']} {name}", "any two", said=said
    )


def how_many_values(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``how many colors do the shapes have?``"""
    if len(scene.objects) < 2:
        return None
    name = pick(rng, ("color", "shape"))
    number = len({getattr(o, name) for o in scene.objects})
    text = ask(rng, HOW_MANY_COLORS if name == "color" else HOW_MANY_KINDS)
    return Question(
        text, count_answers(number), "count", f"how many {name}s", "how many values", said={"attribute": name}
    )


def commonest(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``which color occurs most?``, when just one occurs more than once."""
    name = pick(rng, ("color", "shape"))
    values = sorted({getattr(o, name) for o in scene.objects})
    several = [value for value in values if scene.count(**{name: value}) > 1]
    if len(several) != 1 or len(values) < 2:
        return None
    value = several[0]
    answers, kind = color_answers(value), "(color|colour) (among|of) the (shapes|objects|figures)"
    if name == "shape":
        answers, kind = (value, plural(value)), "(shape|shape|kind of shape|type of shape)"
    text = ask(rng, COMMONEST, k=expand(rng, kind))
    return Question(text, answers, name, f"commonest {name}", "commonest", said={"attribute": name})


def is_empty(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``is the top left empty?``, ``is there anything in the middle?``"""
    taken = [place for place in THE_PLACE if any(_clearly_in(o, place) for o in scene.objects)]
    empty = [place for place in THE_PLACE if all(clearly_outside(o, *_region(place)) for o in scene.objects)]
    if not taken or not empty:
        return None
    occupied = chance(rng, 0.5)
    place = pick(rng, taken if occupied else empty)
    asked = pick(rng, ("occupied", "occupied", "empty"))
    part = (
        "(middle|center)"
        if place == "center"
        else place.replace("top", "(top|upper)").replace("bottom", "(bottom|lower)")
    )
    ending = "( of the (picture|image)|)" if place == "center" else "( corner| corner| of the (picture|image))"
    text = ask(
        rng,
        OCCUPIED if asked == "occupied" else EMPTY,
        at=expand(rng, THE_PLACE[place]),
        part=expand(rng, f"the {part}{ending}"),
    )
    said = {"place": place, "asked": asked}
    right = occupied == (asked == "occupied")
    return Question(text, truth(right), "existence", f"{asked} {place}", "is empty", said=said)


def _region(place: str) -> tuple[str, str]:
    row, _, column = place.partition(" ")
    return (row, column) if column else ("middle", "center")


def _clearly_in(obj: Object, place: str) -> bool:
    return obj.region == _region(place) and obj.clear_of_region_borders()


def both_kinds(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``is there a star as well as a ring?``"""
    present = sorted({o.shape for o in scene.objects})
    if len(present) < 2:
        return None
    want = chance(rng, 0.5)
    one = pick(rng, present)
    two = pick(rng, [s for s in (present if want else SHAPES) if s != one and (want or s not in present)])
    if chance(rng, 0.5):
        one, two = two, one
    nouns = {"a": a_noun(rng, None, None, one), "b": a_noun(rng, None, None, two)}
    text = ask(rng, BOTH, **nouns, **{"as": plural(one), "bs": plural(two), "in": expand(rng, IN)})
    said = {"first": one, "second": two}
    return Question(text, truth(want), "existence", f"both {sorted((one, two))}", "both kinds", said=said)


def _halves(scene: Scene) -> dict[str, list[Object]]:
    """What is in each half of the picture, for halves that no object is near the border of."""
    halves: dict[str, list[Object]] = {}
    for axis, low, high in (("x", "left", "right"), ("y", "top", "bottom")):
        if all(abs(getattr(o, axis) - 0.5) >= _OFF_CENTER for o in scene.objects):
            halves[low] = [o for o in scene.objects if getattr(o, axis) < 0.5]
            halves[high] = [o for o in scene.objects if getattr(o, axis) > 0.5]
    return halves


_OFF_CENTER = 0.18


def what_is_in_half(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``what is in the top half?``, when just one object is."""
    halves = {side: there[0] for side, there in _halves(scene).items() if len(there) == 1}
    if not halves:
        return None
    side = pick(rng, tuple(halves))
    obj = halves[side]
    at = expand(rng, AT_SIDE[side])
    asked = pick(rng, ("shape", "shape", "color"))
    if asked == "shape" and chance(rng, 0.7):
        text = ask(rng, THERE, at=at)
    else:
        x = f"the {expand(rng, ANY)} {at}"
        text = ask(rng, ASKED[asked], x, x=x, named=x)
    answers = shape_answers(obj) if asked == "shape" else color_answers(obj.color)
    said = {"side": side, "asked": asked}
    return Question(text, answers, "position", f"{asked} {side} half", "what is in half", (obj,), said)


def count_in_half(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``how many shapes are in the left half?``"""
    halves = _halves(scene)
    if not halves or len(scene.objects) < 2:
        return None
    side = pick(rng, tuple(halves))
    text = ask(rng, COUNT_IN_PART, xs=any_plural(rng), **{"in": expand(rng, AT_SIDE[side])})
    number = len(halves[side])
    return Question(text, count_answers(number), "count", f"how many {side} half", "count in half", said={"side": side})
