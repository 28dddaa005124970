"""What is asked of whole scenes: how many there are of something, whether there is any, and the background."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from unitok.data.world.phrases import NUMBER_WORDS, article, plural
from unitok.data.world.question import truth
from unitok.data.world.scene import COLORS, SHAPES, Scene, allowed_pair
from unitok.data.world.templates import chance, pick
from unitok.evaluation.other_words.filled import Fill, Filled
from unitok.evaluation.other_words.phrases import THINGS, said
from unitok.evaluation.other_words.things import THING, Named, matches, noun_phrase

# --------------------------------------------------------------------------- count, existence


def _kinds_near(scene: Scene) -> list[Named]:
    """What can be counted, and may be none: parts of the descriptions of single objects, and of two mixed."""
    found: list[Named] = []
    for one, other in itertools.product(scene.objects, repeat=2):
        found += [(None, None, one.shape), (None, one.color, None), (None, one.color, other.shape)]
        found += [(one.size, None, other.shape), (one.size, other.color, other.shape)]
    # Training names no held-out pair either, even where there is none to be seen.
    return [(size, color, shape) for size, color, shape in dict.fromkeys(found) if _sayable(color, shape)]


def _sayable(color: str | None, shape: str | None) -> bool:
    return allowed_pair(color or "", shape or "", "train")


def _counted(rng: np.random.Generator, scene: Scene) -> tuple[str, int]:
    """A plural of something to count, and how many there are: any number that occurs is about equally likely."""
    numbers = {kind: len(matches(scene, kind)) for kind in (*_kinds_near(scene), (None, None, None))}
    number = pick(rng, sorted(set(numbers.values())))
    kind = pick(rng, [kind for kind in numbers if numbers[kind] == number])
    return noun_phrase(rng, kind, many=True), number


def count(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks how many there are."""
    those, number = _counted(rng, scene)
    none = ("none", "no", "there are none") if number == 0 else ()
    return Filled({"those": those}, (str(number), NUMBER_WORDS[number], *none))


def whether_so_many(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks whether there are just so many."""
    those, number = _counted(rng, scene)
    if number < 2:
        return None
    right = chance(rng, 0.5)
    told = number if right else pick(rng, [n for n in (number - 1, number + 1) if 2 <= n <= 6])
    return Filled({"those": those, "number": NUMBER_WORDS[told]}, truth(right))


def exists(inverted: bool) -> Fill:
    """Asks whether there is something, or that there is none."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        there = chance(rng, 0.5)
        near = _kinds_near(scene)
        if there:
            kinds = [kind for kind in near if matches(scene, kind)]
        else:
            kinds = [kind for kind in near if not matches(scene, kind)] * 2
            kinds += [(None, None, shape) for shape in SHAPES if not scene.count(shape=shape)]
            kinds += [
                (None, color, None) for color in COLORS if not scene.count(color=color) and color != scene.background
            ]
        if not kinds:
            return None
        kind = pick(rng, kinds)
        # The same words for one and for many.
        draw = int(rng.integers(2**32))
        bare, those = (noun_phrase(np.random.default_rng(draw), kind, many) for many in (False, True))
        return Filled({"a": article(bare), "bare": bare, "those": those}, truth(there != inverted))

    return fill


# --------------------------------------------------------------------------- comparison


def _groups(
    rng: np.random.Generator, scene: Scene, suits: Callable[[int, int], bool]
) -> tuple[str, list[str], dict[str, str]] | None:
    """Two shapes or two colors (which of these, as a key) that are there in numbers that suit, with words for both."""
    choices = []
    for key in ("shape", "color"):
        names = sorted({getattr(obj, key) for obj in scene.objects})
        for one, other in itertools.permutations(names, 2):
            if suits(scene.count(**{key: one}), scene.count(**{key: other})):
                choices.append((key, one, other))
    if not choices:
        return None
    key, *names = pick(rng, choices)
    if key == "shape":
        words = [plural(said(rng, name)) for name in names]
    else:
        words = [f"{said(rng, name)} {plural(THING)}" for name in names]
    return key, names, {"those0": words[0], "those1": words[1]}


def amounts(test: Callable[[int, int], bool]) -> Fill:
    """Asks whether the numbers of two groups pass a test."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        right = chance(rng, 0.5)
        found = _groups(rng, scene, lambda a, b: test(a, b) == right)
        return found and Filled(found[2], truth(right))

    return fill


def which_amount(more: bool) -> Fill:
    """Asks which of two groups has more objects, or fewer."""

    def fill(rng: np.random.Generator, scene: Scene) -> Filled | None:
        found = _groups(rng, scene, lambda a, b: a != b)
        if found is None:
            return None
        key, names, words = found
        place = int((scene.count(**{key: names[1]}) > scene.count(**{key: names[0]})) == more)
        name, word = names[place], words[f"those{place}"]
        answers = [word, name, plural(name), *(f"{name} {noun}" for thing in THINGS for noun in (thing, plural(thing)))]
        answers += [f"{name} one", f"{name} ones"]
        return Filled(words, tuple(dict.fromkeys(answers)))

    return fill


# --------------------------------------------------------------------------- background


def background(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks for the background's color."""
    return Filled({}, (scene.background, f"{scene.background} background"))


def background_is(rng: np.random.Generator, scene: Scene) -> Filled | None:
    """Asks whether the background is of a color; a wrong one is often an object's."""
    right = chance(rng, 0.5)
    near = sorted({obj.color for obj in scene.objects} - {scene.background})
    others = near if chance(rng, 0.5) else [color for color in COLORS if color != scene.background]
    return Filled({"color": said(rng, scene.background if right else pick(rng, others))}, truth(right))
