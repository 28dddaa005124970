"""Words for all objects of a kind: ``all the red stars``, ``every star that is red``, ``everything``."""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.phrases import NUMBER_WORDS
from unitok.data.world.references import ATTRIBUTES
from unitok.data.world.reworded.edit_recipe import Subject, Subjects
from unitok.data.world.reworded.references import color_name, noun_named
from unitok.data.world.templates import chance, expand, pick

_EVERYTHING = (
    "everything",
    "all (shapes|objects|figures|things|elements)",
    "all the (shapes|objects|figures|things|items)",
    "all of the (shapes|objects|figures|things)",
    "all of them",
    "the (shapes|objects|figures)",
    "(every|each) (shape|object|figure|thing)",
    "every single (shape|object|figure)",
    "each and every (shape|object)",
    "the whole lot",
    "(every last|every single|each) one of them",
    "(all|everything) (you see|that's there|there is|in the picture)",
)
_MANY = (
    "the {n}",
    "all {n}",
    "all the {n}",
    "all of the {n}",
    "all these {n}",
    "(these|those) {n}",
    "any {n} there are",
    "all {n} (you see|there are|in the picture)",
    "(the|all|these) {number} {n}",
)
_TWO = ("both {n}", "both of the {n}", "both the {n}", "the two {n}", "the {n}", "the pair of {n}")
_WHATEVER = (
    "whatever is {c}",
    "(everything|anything|all) that is {c}",
    "(everything|anything) {c}",
    "(everything|all things) in {c}",
    "(all|the) {c} ones",
    "(all|all the) {c} (stuff|things)",
    "all (shapes|objects|things) (painted|colored) {c}",
    "every {c} (thing|shape|object|one)",
    "anything (colored|painted) {c}",
)
"""All objects of a color."""
_SINGLE = (
    "every {n}",
    "each {n}",
    "every single {n}",
    "each of the {ns}",
    "every one of the {ns}",
    "every last {n}",
    "each and every {n}",
    "any {n}",
)


def names_said(edit: Edit) -> dict[str, str]:
    """The names that all of the edit's objects, and no others, go by; none when it means everything."""
    return {name: edit.said[name] for name in ATTRIBUTES if name in edit.said}


def group(rng: np.random.Generator, edit: Edit, singly: bool = True, definite: bool = False) -> Subjects:
    """The subject of an edit of several objects.

    ``singly`` allows ``every star``; ``definite`` only ``the stars``, for sentences that deny something of them.
    """
    names = names_said(edit)
    number = len(edit.about)

    def words() -> Subject:
        if not names:
            said = expand(rng, _EVERYTHING)
            return Subject(said, many=said != "everything" and not said.startswith(("every", "each")))
        if singly and set(names) == {"color"} and chance(rng, 0.35):
            said = expand(rng, _WHATEVER, c=color_name(rng, names["color"]))
            return Subject(
                said, many=said.endswith(("ones", "things")) or said.startswith(("all shapes", "all objects"))
            )
        plural = noun_named(rng, names, many=True)
        if definite:
            return Subject(f"{pick(rng, ('the', 'the', 'the', 'these', 'those'))} {plural}", many=True)
        if singly and chance(rng, 0.2):
            single = noun_named(rng, names, many=False)
            return Subject(expand(rng, _SINGLE, n=single, ns=plural))
        templates = (*_MANY[:-1], *_TWO) if number == 2 else _MANY
        return Subject(expand(rng, templates, n=plural, number=NUMBER_WORDS[number]), many=True)

    def draw(short: bool, pronoun: bool) -> Subject | None:
        drawn = (words() for _ in range(8))
        return next((subject for subject in drawn if subject.short or not short), None)

    return draw
