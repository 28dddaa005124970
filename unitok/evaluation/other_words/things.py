"""How questions name objects, and which objects they can ask about: those that one description fits alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from unitok.data.world.phrases import singular_or_plural
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import chance, pick
from unitok.evaluation.other_words.phrases import THINGS, joined, said

THING = "{thing}"
"""Stands for one of ``THINGS`` until the whole question is made."""

Named = tuple[str | None, str | None, str | None]
"""Size, color and shape; None for what is not told."""

_SHORTEST_SHARE = 0.6


def matches(scene: Scene, names: Named) -> list[Object]:
    """The objects that a description fits."""
    return [obj for obj in scene.objects if all(a in (None, b) for a, b in zip(names, obj.kind, strict=True))]


def noun_phrase(rng: np.random.Generator, names: Named, many: bool = False) -> str:
    """A description in words, without an article."""
    size, color, shape = names
    noun = said(rng, shape) if shape else THING
    words = [said(rng, name) if name else None for name in (size, color)]
    return joined(*words, singular_or_plural(noun, many))


def the(rng: np.random.Generator, scene: Scene, obj: Object, without: str = "") -> str | None:
    """A description that fits ``obj`` alone and does not tell what ``without`` names; mostly a short one."""
    choices: list[Named] = []
    for sized, colored, shaped in itertools.product((False, True), repeat=3):
        told = {"size": sized, "color": colored, "shape": shaped}
        if (colored or shaped) and not told.get(without):
            names = (obj.size if sized else None, obj.color if colored else None, obj.shape if shaped else None)
            if len(matches(scene, names)) == 1:
                choices.append(names)
    if not choices:
        return None
    most = max(names.count(None) for names in choices)
    if chance(rng, _SHORTEST_SHARE):
        choices = [names for names in choices if names.count(None) == most]
    return "the " + noun_phrase(rng, pick(rng, choices))


def names_of(obj: Object) -> tuple[str, ...]:
    """The short answers that name an object, its shape first."""
    found = [obj.shape]
    for size, color in itertools.product((None, obj.size), (None, obj.color)):
        found += [
            joined(size, color, noun) for noun in (obj.shape, "one", *THINGS) if size or color or noun == obj.shape
        ]
    return tuple(dict.fromkeys([*found, obj.color]))


def one_object(
    rng: np.random.Generator, scene: Scene, suits: Callable[[Object], bool] | None = None, without: str = ""
) -> tuple[Object, str] | None:
    """An object that suits and can be told from the others, with its description; None if there is none."""
    objects = [obj for obj in scene.objects if suits is None or suits(obj)]
    for index in rng.permutation(len(objects)).tolist():
        name = the(rng, scene, objects[index], without)
        if name:
            return objects[index], name
    return None


def two_objects(
    rng: np.random.Generator, scene: Scene, suits: Callable[[Object, Object], bool], without: str = ""
) -> tuple[Object, Object, dict[str, str]] | None:
    """Two objects, in this order, that suit and can be told apart, with their descriptions; None if there are none."""
    pairs = [(a, b) for a, b in itertools.permutations(scene.objects, 2) if suits(a, b)]
    for index in rng.permutation(len(pairs)).tolist():
        a, b = pairs[index]
        one, other = the(rng, scene, a, without), the(rng, scene, b, without)
        if one and other and one != other:
            return a, b, {"the0": one, "the1": other}
    return None
