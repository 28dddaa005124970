"""Requests for pictures as users type them, from what a picture must show (:class:`SceneSpec`).

A frame is a sentence with slots. It can be used for a spec that fills all its slots and of which it leaves nothing
out; only a background may also be told in a sentence of its own. The slots:

``a0 a1``  an object: "a small red star"; ``a`` when it is the only one, ``x`` with its place
``bare``   the same without an article; ``u`` with one but without the color, which is ``c``
``m0 m1``  the shorter name by which an object is told from the other: "star"
``both``   the shape of both, as a plural, where both are of one shape and nothing is said of sizes
``place``  a place, after a space, or nothing; ``first_place`` begins a sentence
``on``     a background, after a space, or nothing; ``first_on`` begins a sentence
``rel``    a relation of the first to the second: "to the left of"; ``inv`` that of the second to the first
``its``    the same as ``rel`` of an object named before: "on its left"
``side0``  the place of each with respect to the other: "on the left"
``along``  "from left to right", with ``s0`` and ``s1``, the objects in that order
``k``      all objects with their numbers; ``exact`` in plain words; ``tally`` as in a list
``num``    the number of objects where all are of one kind, which is ``plural``
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unitok.data.world.phrases import NUMBER_WORDS, article, singular_or_plural
from unitok.data.world.scene import OPPOSITE
from unitok.data.world.spec import Group, SceneSpec
from unitok.data.world.templates import chance, pick
from unitok.evaluation.other_words.phrases import THINGS, as_written, joined, place_phrase, said, slots_of
from unitok.evaluation.other_words.request_frames import (
    BACKGROUND_SENTENCES,
    BACKGROUNDS,
    COUNTS,
    FIRST_BACKGROUNDS,
    FRAMES,
    ITS,
    KINDS,
    RELATIONS,
    SIDES,
)

PLAIN_SHARE = 0.65
"""How often an object is named in the plain order, size, color, shape."""

INLINE_SHARE = 0.65
"""How often a background is told within the sentence where the frame has room for it."""

_RARE = {"first_place", "first_on", "both"}
_RARE_SHARE, _DIGITS_SHARE, _COUNTS_SHARE = 0.25, 0.3, 0.2


@dataclass(frozen=True)
class Request:
    """A user's words, and the frame that they were made with."""

    text: str
    frame: str


class _Namer:
    """Names the objects of one request: each thing by the same word throughout."""

    def __init__(self, rng: np.random.Generator, spec: SceneSpec, clauses: bool) -> None:
        names = {name for group in spec.groups for name in group.kind if name} | {spec.background or "white"}
        self._words = {name: said(rng, name) for name in sorted(names)}
        self._unshaped = pick(rng, THINGS)
        kinds = KINDS if clauses else KINDS[:-1]
        self._kind = "" if chance(rng, PLAIN_SHARE) else pick(rng, kinds)

    def word(self, name: str | None) -> str:
        return self._words[name] if name else ""

    def noun(self, group: Group, many: bool = False) -> str:
        return singular_or_plural(self.word(group.shape) or self._unshaped, many)

    def plain(self, group: Group, many: bool = False, color: bool = True) -> str:
        return joined(self.word(group.size), self.word(group.color) if color else "", self.noun(group, many))

    def named(self, group: Group, many: bool = False) -> str:
        """In the order of this request."""
        if not self._kind or not group.color:
            return self.plain(group, many)
        words = {"color": self.word(group.color), "noun": self.noun(group, many), "be": "are" if many else "is"}
        return self._kind.format(size=self.word(group.size), **words).strip()


def sample_request(rng: np.random.Generator, spec: SceneSpec, category: str) -> Request:
    """Words that ask for just what ``spec`` demands; ``category`` is the one that it was drawn for.

    Raises:
        KeyError: There are no frames for the category.
    """
    namer = _Namer(rng, spec, clauses=category != "position")
    slots = _slots(rng, spec, namer)
    frame = _choose_frame(rng, spec, FRAMES[category], slots)
    if spec.background and not slots_of(frame) & {"on", "first_on"}:
        slots["on"] = ""
    text = frame.format(**slots)
    if spec.background and "first_on" not in slots_of(frame) and not slots["on"]:
        color = namer.word(spec.background)
        colors = {"color": color, "Color": color.capitalize(), "a_color": article(color)}
        text = pick(rng, BACKGROUND_SENTENCES).format(text=text if text[-1] in ".?!" else text + ".", **colors)
    return Request(as_written(rng, text), frame)


def _choose_frame(rng: np.random.Generator, spec: SceneSpec, frames: tuple[str, ...], slots: dict[str, str]) -> str:
    """A frame that ``slots`` fill and that has room for the place; often one made for what is rare."""
    placed = {"x", "place", "first_place"} if spec.groups[0].row or spec.groups[0].column else set()
    usable = [frame for frame in frames if slots_of(frame) <= slots.keys() and (not placed or slots_of(frame) & placed)]
    rare = [frame for frame in usable if slots_of(frame) & _RARE]
    return pick(rng, rare if rare and chance(rng, _RARE_SHARE) else usable)


def _slots(rng: np.random.Generator, spec: SceneSpec, namer: _Namer) -> dict[str, str]:
    """What fills the slots, as far as the spec has it."""
    slots: dict[str, str] = {"on": ""}
    if spec.background:
        color = namer.word(spec.background)
        colors = {"color": color, "a_color": article(color)}
        slots["first_on"] = pick(rng, FIRST_BACKGROUNDS).format(**colors)
        if chance(rng, INLINE_SHARE):
            slots["on"] = " " + pick(rng, BACKGROUNDS).format(**colors)
    groups = spec.groups
    if all(group.count == 1 for group in groups):
        for number, group in enumerate(groups):
            suffix = str(number) if len(groups) > 1 else ""
            slots |= {name + suffix: text for name, text in _object_slots(namer, group).items()}
    slots |= _count_slots(rng, spec, namer)
    if len(groups) == 1 and groups[0].count == 1:
        row, column = groups[0].row, groups[0].column
        slots["place"] = ""
        if row or column:
            phrase = place_phrase(rng, row, column)
            slots |= {"place": " " + phrase, "first_place": phrase + ","}
        slots["x"] = slots["a"] + slots["place"]
    if len(groups) == 2:
        alike = groups[0].shape == groups[1].shape
        if spec.relations or not alike:
            slots |= {f"m{i}": namer.plain(group) if alike else namer.noun(group) for i, group in enumerate(groups)}
        elif not any(group.size for group in groups):
            slots["both"] = namer.noun(groups[0], many=True)
    for first, relation, _ in spec.relations:  # there is one at most, of the first group to the second
        assert first == 0
        slots |= _relation_slots(rng, relation, (slots["a0"], slots["a1"]))
    return slots


def _object_slots(namer: _Namer, group: Group) -> dict[str, str]:
    slots = {"a": article(namer.named(group)), "bare": namer.plain(group)}
    if group.color:
        slots |= {"u": article(namer.plain(group, color=False)), "c": namer.word(group.color)}
    return slots


def _relation_slots(rng: np.random.Generator, relation: str, objects: tuple[str, str]) -> dict[str, str]:
    across = relation in ("left of", "right of")
    first, second = objects if relation in ("left of", "above") else objects[::-1]
    return {
        "rel": pick(rng, RELATIONS[relation]),
        "inv": pick(rng, RELATIONS[OPPOSITE[relation]]),
        "its": pick(rng, ITS[relation]),
        "side0": SIDES[relation],
        "side1": SIDES[OPPOSITE[relation]],
        "along": "from left to right" if across else "from top to bottom",
        "s0": first,
        "s1": second,
    }


def _count_slots(rng: np.random.Generator, spec: SceneSpec, namer: _Namer) -> dict[str, str]:
    digits = chance(rng, _DIGITS_SHARE)

    def number(group: Group) -> str:
        return str(group.count) if digits else NUMBER_WORDS[group.count]

    groups = spec.groups
    slots = {"exact": " and ".join(f"{number(group)} {namer.named(group, group.count > 1)}" for group in groups)}
    slots["k"] = slots["exact"]
    slots["tally"] = ", ".join(f"{namer.plain(group)} x{group.count}" for group in groups)
    if len(groups) == 1 and groups[0].count > 1:
        slots |= {"num": number(groups[0]), "plural": namer.plain(groups[0], many=True)}
        if chance(rng, _COUNTS_SHARE):
            slots["k"] = pick(rng, COUNTS).format(number=number(groups[0]), things=namer.named(groups[0], many=True))
    return slots
