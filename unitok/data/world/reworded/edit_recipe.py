"""What the wordings of one edit are made of, and how a wording is put together from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from unitok.data.world.phrases import fix_articles
from unitok.data.world.reworded.edit_orders import ordered
from unitok.data.world.reworded.edit_results import result
from unitok.data.world.reworded.references import PRONOUNS, refer_otherwise
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import chance, expand, pick

_TAILS = (
    " in ",
    " that ",
    " which ",
    " colored ",
    " of ",
    " with ",
    " on ",
    " closest ",
    " furthest ",
    " nearest ",
    " behind ",
    " around ",
)
_BESIDE_NONE = re.compile(r"\bits?\b|without|, ")


@dataclass(frozen=True)
class Told:
    """A wording without the user's habits: lower case, no final mark. ``order`` is its bare imperative, if any."""

    text: str
    mark: str = "."
    order: str | None = None


@dataclass(frozen=True)
class Subject:
    """The words for what an edit changes, and whether they are plural."""

    words: str
    many: bool = False

    @property
    def pronoun(self) -> str:
        return "them" if self.many else "it"

    @property
    def named(self) -> bool:
        """Whether the words say what is meant without what was said before."""
        return self.words not in PRONOUNS

    @property
    def short(self) -> bool:
        return not any(tail in self.words for tail in _TAILS)


Subjects = Callable[[bool, bool], Subject | None]
"""``subjects(short, pronoun)`` draws one: with nothing behind its noun if ``short``, ``it`` only if ``pronoun``."""


@dataclass(frozen=True)
class Recipe:
    """The parts of an edit's wordings, as templates.

    ``orders`` are imperatives about ``{x}``; ``states`` what ``{x}`` is to be, right behind the noun too if ``loose``;
    ``sentences`` are whole, with a question mark if they ask. ``complaints`` are sentences about ``{x}`` that an order
    about it may follow. ``short`` says that ``{x}`` must have nothing behind its noun in the orders either. ``again``
    are the orders that may follow the naming of ``{x}``, all of them if None.
    """

    orders: Sequence[str]
    states: Sequence[str] = ()
    sentences: Sequence[str] = ()
    complaints: Sequence[str] = ()
    slots: Mapping[str, str] = field(default_factory=dict)
    loose: bool = True
    better: bool = True
    short: bool = False
    again: Sequence[str] | None = None


_FIRST = (
    "(do you see|see|you see|can you see|look, you see) {x}? {d}",
    "(take|find|pick|select|grab|choose) {x} and {d}",
    "(about|regarding|concerning) {x}: {d}",
    "(as for|about) {x}, {d}",
    "{x}: {d}",
    "{x}, {d}",
    "{x} - {d}",
    "{x}? {d}",
    "(you know|remember) {x}? {d}",
    "look at {x}(.| and|:|,) {d}",
    "there's something about {x}: {d}",
    "for {x}: {d}",
    "(i have a wish about|i want to change|let's change|change) {x}: {d}",
    "(i'm not happy with|i'm not sure about|something is off with|something's wrong with) {x}(.|:) {d}",
)
"""The object first, then ``d``: an order about ``it``."""
_FIRST_WISHES = (
    "(about|regarding|concerning|as for) {x}: {d}",
    "(as for|about) {x}, {d}",
    "{x}? {d}",
    "{x}: {d}",
    "(do you see|see|you see) {x}? {d}",
    "(look at|i'm not happy with|there's something about) {x}(.|:) {d}",
)
_IT_STATES = (
    "it (should|must|ought to|needs to|has to) be {p}",
    "i('d like| want|'d prefer) it to be {p}",
    "it should (really|rather) be {p}",
    "i wish it was {p}",
    "could it be {p}, please?",
    "it would be (nicer|better|great) if it was {p}",
)


def one(rng: np.random.Generator, scene: Scene, obj: Object, focus: Object | None, union: Scene | None) -> Subjects:
    """The subject of an edit that changes ``obj`` alone.

    ``union`` holds the objects before and after another edit of the same sentence: the words then mean ``obj`` alone
    among all of these, and it is never ``it``.
    """

    def draw(short: bool, pronoun: bool) -> Subject | None:
        words = reference(rng, union or scene, obj, focus if not union else None, short, pronoun, union is None)
        return Subject(words) if words else None

    return draw


def reference(
    rng: np.random.Generator,
    scene: Scene,
    obj: Object,
    focus: Object | None = None,
    short: bool = True,
    pronoun: bool = False,
    places: bool = True,
    tries: int = 8,
) -> str | None:
    """Words for ``obj`` alone; ``short`` ones have nothing behind the noun, and only with ``pronoun`` is it ``it``."""
    for _ in range(tries):
        words = refer_otherwise(
            rng, scene, obj, focus=focus if pronoun else None, places=places, beside=places and not short
        )
        if words is None:
            return None
        subject = Subject(words)
        if (pronoun or subject.named) and (subject.short or not short):
            return words
    return None


def tell(rng: np.random.Generator, recipe: Recipe, subjects: Subjects, joined: bool = False) -> Told | None:
    """One wording of the edit, or None when the subject cannot be said so. ``joined`` asks for a bare imperative."""
    if joined:
        return _order(rng, recipe, subjects(True, False), bare=True)
    draw = rng.random()
    if draw < 0.46 or not (recipe.states or recipe.sentences):
        return _order(rng, recipe, subjects(recipe.short, True))
    if draw < 0.57 and recipe.again != ():
        return _first(rng, recipe, subjects(True, False))
    if recipe.states and (draw < 0.8 or not recipe.sentences):
        return _state(rng, recipe, subjects)
    subject = subjects(True, False)
    return None if subject is None else _asked(expand(rng, recipe.sentences, **_slots(rng, recipe, subject)))


def _order(rng: np.random.Generator, recipe: Recipe, subject: Subject | None, bare: bool = False) -> Told | None:
    if subject is None:
        return None
    if bare:  # nothing that reads ill beside another order, or that says "it"
        orders = [order for order in recipe.orders if not _BESIDE_NONE.search(order)]
        order = expand(rng, orders, **_slots(rng, recipe, subject))
        return Told(order, ".", order)
    order = _with_pronoun(expand(rng, recipe.orders, **_slots(rng, recipe, subject)))
    text, mark = ordered(rng, order)
    return Told(text, mark, order)


def _with_pronoun(order: str) -> str:
    """``take out it`` as ``take it out``."""
    return re.sub(r"\b(out|away|off|up|down) (it|them)\b", r"\2 \1", order)


def _first(rng: np.random.Generator, recipe: Recipe, subject: Subject | None) -> Told | None:
    """``see the star? make it green``, ``i don't like the star. could you make it green``."""
    if subject is None or (subject.many and not subject.words.startswith(("the ", "all ", "both "))):
        return None
    x = subject.words
    it = Subject(subject.pronoun, subject.many)
    if recipe.states and not subject.many and chance(rng, 0.3):
        state = expand(rng, recipe.states, **_slots(rng, recipe, it))
        wish = expand(rng, _IT_STATES, p=state)
        return _asked(expand(rng, _FIRST_WISHES, x=x, d=wish))
    order = _with_pronoun(expand(rng, recipe.again or recipe.orders, **_slots(rng, recipe, it)))
    if recipe.complaints and chance(rng, 0.35):
        complaint = expand(rng, recipe.complaints, **_slots(rng, recipe, subject))
        text, mark = ordered(rng, order) if chance(rng, 0.3) else (order, ".")
        return Told(f"{complaint}{pick(rng, ('. ', '. ', ', ', ' - ', ': '))}{text}", mark)
    return Told(expand(rng, _FIRST, x=x, d=order))


def _state(rng: np.random.Generator, recipe: Recipe, subjects: Subjects) -> Told | None:
    loose = recipe.loose and chance(rng, 0.5)
    subject = subjects(loose or recipe.short, not loose)
    if subject is None:
        return None
    state = expand(rng, recipe.states, **_slots(rng, recipe, subject))
    return _asked(result(rng, subject.words, state, subject.many, loose, recipe.better))


def _slots(rng: np.random.Generator, recipe: Recipe, subject: Subject) -> dict[str, str]:
    forms = ("are", "have", "need", "do") if subject.many else ("is", "has", "needs", "does")
    slots = dict(recipe.slots) | dict(zip(("is", "has", "needs", "does"), forms, strict=True))
    slots["x"] = subject.words
    for name in ("color", "shape", "size", "place"):
        slots[f"{name}_of"] = _owned(rng, subject, name)
        slots[f"{name}s_of"] = _owned(rng, subject, f"{name}s")
    return slots


def _owned(rng: np.random.Generator, subject: Subject, name: str) -> str:
    """``its color``, ``the star's color``, ``the color of the star``."""
    if subject.words in ("it", "them"):
        return f"{'their' if subject.many else 'its'} {name}"
    single = subject.words.startswith(("the ", "this ", "that ")) and not subject.many
    if subject.short and single and not subject.words.endswith("s") and chance(rng, 0.5):
        return f"{subject.words}'s {name}"
    return f"the {name} of {subject.words}"


def _asked(text: str) -> Told:
    text = fix_articles(text)
    return Told(text[:-1], "?") if text.endswith("?") else Told(text)
