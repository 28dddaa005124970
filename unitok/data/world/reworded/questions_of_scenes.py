"""Questions about a whole picture in other words: existence, counts, comparison of counts, the background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from unitok.data.world.phrases import number_word, plural
from unitok.data.world.question import Question, truth
from unitok.data.world.references import names_of
from unitok.data.world.reworded.asking import ask
from unitok.data.world.reworded.mentions import any_plural, plural_of_value
from unitok.data.world.reworded.questions_of_objects import IS_COLOR
from unitok.data.world.reworded.references import a_noun, color_name, noun_named, size_name
from unitok.data.world.reworded.ways_of_objects import COLOR
from unitok.data.world.reworded.ways_of_scenes import AS_MANY, BEHIND, COUNT, EXISTS, MORE, NUMBER, WHICH_MORE
from unitok.data.world.scene import Scene
from unitok.data.world.templates import chance, expand, pick

IN = "(in (the|this) (picture|image|scene|drawing)|here||||)"
_BACKGROUND = "(the background|the background|the backdrop|the area behind the shapes|the canvas)"
_COMPARED = {
    "more": {
        "w": "more",
        "wi": "fewer",
        "gr": "(greater|larger|higher|bigger)",
        "nu": "more (numerous|frequent|common)",
        "maj": "majority",
        "num": "(more (numerous|frequent|common)|in the majority)",
        "grp": "(larger|bigger)",
    },
    "fewer": {
        "w": "fewer",
        "wi": "more",
        "gr": "(smaller|lower)",
        "nu": "less (numerous|frequent|common)",
        "maj": "minority",
        "num": "(less (numerous|frequent|common)|in the minority)",
        "grp": "smaller",
    },
}


def slots_of_names(rng: np.random.Generator, names: Mapping[str, str]) -> dict[str, str]:
    """``x`` is one with these names, ``xs`` several; ``w`` and ``pred`` say what such things are."""
    said = dict(names)
    slots = {
        "x": a_noun(rng, said.get("size"), said.get("color"), said.get("shape")),
        "xs": noun_named(rng, said, many=True),
        "in": expand(rng, IN),
    }
    words = [size_name(rng, said["size"])] if "size" in said else []
    if "color" in said:
        words.append(color_name(rng, said["color"]))
    if "shape" in said:
        slots["pred"] = " ".join([*words, plural(said["shape"])])
    elif len(words) == 1:
        slots["w"] = slots["pred"] = words[0]
        if "color" in said:
            slots["color"] = words[0]
    else:
        slots["pred"] = slots["w"] = " and ".join(words)
    return slots


def reword_existence(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    slots = slots_of_names(rng, question.said)
    if question.said.get("color") == scene.background:  # the background is something of that color
        slots.pop("w", None)
    return replace(question, text=ask(rng, EXISTS, **slots))


def reword_count(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    slots = slots_of_names(rng, question.said)
    slots.pop("w", None)
    return replace(question, text=ask(rng, COUNT, **slots))


def reword_total(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    behind = "(in (the|this) (picture|image|scene)|in total|altogether|in all|overall|here|)"
    return replace(question, text=ask(rng, COUNT, xs=any_plural(rng), **{"in": expand(rng, behind)}))


def number_slots(rng: np.random.Generator, names: Mapping[str, str], number: int, phrase: str) -> dict[str, str]:
    """``{q} {n} {xs}``: ``at least two stars``."""
    said = dict(names)
    many = number != 1
    noun = noun_named(rng, said, many)
    return {
        "q": phrase,
        "n": number_word(rng, number),
        "xs": noun,
        "all": noun_named(rng, said, many=True),
        "are": "are" if many else "is",
        "arent": "aren't" if many else "isn't",
        "in": expand(rng, IN),
    }


def reword_exact_count(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    """Some questions are turned to things of another number: one is mostly right and two mostly wrong."""
    number, right = question.said["number"], question.answers[0] == "yes"
    names = {name: value for name, value in question.said.items() if name != "number"}
    if (number, right) in (("1", True), ("2", False)) and chance(rng, 0.8):
        others = [names_of(o, tuple(names)) for o in scene.objects]
        others = [other for other in others if (scene.count(**other) == int(number)) != right]
        if others:
            names = pick(rng, others)
            subject = f"exactly {number} {sorted(names.items())}"
            said = {**names, "number": number}
            question = replace(question, answers=truth(not right), subject=subject, said=said)
    phrase = expand(rng, "(exactly|exactly|precisely)")
    return replace(question, text=ask(rng, NUMBER, **number_slots(rng, names, int(number), phrase)))


def values_said(rng: np.random.Generator, attribute: str, first: str, second: str) -> dict[str, str]:
    """``xs`` and ``ys``: ``red shapes`` and ``blue ones``."""
    slots = {"xs": plural_of_value(rng, attribute, first), "ys": plural_of_value(rng, attribute, second)}
    if attribute == "color" and chance(rng, 0.7):
        noun = slots["xs"].split(" ")[-1] if chance(rng, 0.7) else "ones"
        slots["ys"] = f"{slots['ys'].split(' ')[0]} {noun}"
    return slots


def reword_more(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    """Some questions are turned: whether there are more is mostly denied, and whether as many mostly affirmed."""
    said = question.said
    name, first, second, word = (said[key] for key in ("attribute", "first", "second", "word"))
    count, more = scene.count(**{name: first}), word in _COMPARED
    if question.answers[0] == ("no" if more else "yes") and chance(rng, 0.45):
        others = [second] if more else sorted({getattr(o, name) for o in scene.objects})
        others = [other for other in others if scene.count(**{name: other}) != count]
        if others:
            other = pick(rng, others)
            first, second = (other, first) if more else (first, other)
            subject = f"more {sorted((first, second))} {word} {first}"
            said = {**said, "first": first, "second": second}
            question = replace(question, answers=truth(more), subject=subject, said=said)
    slots = values_said(rng, said["attribute"], said["first"], said["second"])
    slots["in"] = expand(rng, IN)
    if said["word"] not in _COMPARED:
        return replace(question, text=ask(rng, AS_MANY, **slots))
    return replace(question, text=ask(rng, MORE, **slots, **compared(rng, said["word"])))


def compared(rng: np.random.Generator, word: str) -> dict[str, str]:
    """The words around ``more`` or ``fewer``."""
    return {name: expand(rng, words) for name, words in _COMPARED[word].items()}


def reword_which_are_more(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    """The first answer is what the question calls the winner."""
    said = question.said
    name, word = said["attribute"], said["word"]
    winner, loser = (said["more"], said["fewer"]) if word == "more" else (said["fewer"], said["more"])
    noun = any_plural(rng)
    words = {value: plural(value) if name == "shape" else f"{value} {noun}" for value in (winner, loser)}
    first, second = (winner, loser) if chance(rng, 0.5) else (loser, winner)
    slots = {"xs": words[first], "ys": words[second], "in": expand(rng, IN)}
    text = ask(rng, WHICH_MORE, **slots, **compared(rng, word))
    return replace(question, text=text, answers=tuple(dict.fromkeys((words[winner], *question.answers))))


def reword_background(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    if chance(rng, 0.4):
        return replace(question, text=ask(rng, BEHIND))
    x = expand(rng, _BACKGROUND)
    return replace(question, text=ask(rng, COLOR, x, **_slots_of_background(x)))


def reword_is_background(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
    x = expand(rng, _BACKGROUND)
    color = color_name(rng, question.said["color"])
    return replace(question, text=ask(rng, IS_COLOR, x, c=color, **_slots_of_background(x)))


def _slots_of_background(x: str) -> dict[str, str]:
    own = {"own": f"{x}'s"} if len(x.split()) == 2 else {}
    return {"x": x, "named": x, **own}
