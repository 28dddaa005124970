"""Questions about two objects in other words: where one is from the other, which is larger, what they share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unitok.data.world.phrases import RELATION_WORDS
from unitok.data.world.question import Question
from unitok.data.world.questions_of_scenes import telling_nouns
from unitok.data.world.reworded.asking import ask
from unitok.data.world.reworded.mentions import mention, relation_said, relation_slots
from unitok.data.world.reworded.references import ANY, PRONOUNS
from unitok.data.world.reworded.ways_of_objects import ASKED
from unitok.data.world.reworded.ways_of_pairs import (
    BESIDE,
    HIGHER_OR_LOWER,
    IS_LARGER,
    IS_RELATED,
    OPEN,
    SAME,
    SIDES,
    UP_OR_DOWN,
    WHICH_LEVEL,
    WHICH_OF_TWO,
)
from unitok.data.world.scene import OPPOSITE, Object, Scene
from unitok.data.world.templates import chance, expand, pick

_TURN_RATE = 0.4
_LARGER = {"larger": "(larger|bigger)", "bigger": "(larger|bigger)", "smaller": "(smaller|tinier)"}
_LEVELS = {
    ("above", "below"): "(above or below|below or above)",
    ("over", "under"): "(over or under|under or over)",
}
_LEFT_OR_RIGHT = (
    "(left or right|right or left|to the left or (to the |)right|to the right or (to the |)left|on the left or (on the "
    "|)right|on the right or (on the |)left)"
)
_HIGHER_OR_LOWER = "(higher or lower|lower or higher|higher up or lower down)"


def _mention_both(
    rng: np.random.Generator, scene: Scene, about: tuple[Object, ...], split: str, *hide: str
) -> dict[str, str] | None:
    refs = [mention(rng, scene, obj, split, hide, places=False, beside=False) for obj in about]
    if refs[0] is None or refs[1] is None or set(refs) & set(PRONOUNS):
        return None
    return {"a": refs[0], "b": refs[1]}


def reword_relation(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question | None:
    """``is the ring below the star?`` may also be asked as ``does the star have the ring under it?``"""
    slots = _mention_both(rng, scene, question.about, split)
    if slots is None:
        return None
    said = question.said["relation"]
    text = ask(rng, IS_RELATED, **slots, **relation_slots(rng, said, OPPOSITE[said]))
    return replace(question, text=text)


def reword_relation_choice(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question | None:
    """The answer is one of the words that the question offers, or the plain relation."""
    slots = _mention_both(rng, scene, question.about, split)
    if slots is None:
        return None
    true = question.said["relation"]
    sideways = true in ("left of", "right of")
    word = true.removesuffix(" of")
    plain = (word, f"to the {word}", f"on the {word}", true) if sideways else (word, *RELATION_WORDS[true])
    if chance(rng, 0.3):
        return _answered(question, ask(rng, OPEN, **slots), plain)
    if sideways:
        lr = expand(rng, _LEFT_OR_RIGHT)
        return _answered(question, ask(rng, SIDES, **slots, lr=lr, lrs=lr), plain)
    draw = rng.random()
    if draw < 0.5:
        words = pick(rng, (("above", "below"), ("above", "below"), ("over", "under")))
        ab = expand(rng, _LEVELS[words])
        text = ask(rng, WHICH_LEVEL, **slots, ab=ab, **({"abs": ab} if words[0] == "above" else {}))
        return _answered(question, text, (words[true == "below"], *plain))
    if draw < 0.8:
        higher = ("higher", "higher up", "above") if true == "above" else ("lower", "lower down", "below")
        text = ask(rng, HIGHER_OR_LOWER, **slots, hl=expand(rng, _HIGHER_OR_LOWER))
        return _answered(question, text, higher)
    up = ("up", "upwards", "above") if true == "above" else ("down", "downwards", "below")
    return _answered(question, ask(rng, UP_OR_DOWN, **slots, ud=expand(rng, "(up or down|down or up)")), up)


def _answered(question: Question, text: str, answers: tuple[str, ...]) -> Question:
    return replace(question, text=text, answers=tuple(dict.fromkeys(answers)))


def reword_what_is_there(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question | None:
    anchor = question.about[1]
    ref = mention(rng, scene, anchor, split, places=False, beside=False)
    if ref is None or ref in PRONOUNS:
        return None
    text = ask_beside(rng, ref, question.said["relation"], question.said["asked"])
    return replace(question, text=text)


def ask_beside(rng: np.random.Generator, ref: str, relation: str, asked: str) -> str:
    """What the thing on that side of ``ref`` is, or its color or size."""
    if asked == "shape" and chance(rng, 0.75):
        return ask(rng, BESIDE, b=ref, **relation_slots(rng, relation, OPPOSITE[relation]))
    that = "(that is |that's |which is ||||)"
    x = expand(rng, f"the {ANY} {that}{{rel}} {{b}}", rel=relation_said(rng, relation), b=ref)
    return ask(rng, ASKED[asked], x, x=x, named=x)


def reword_larger(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question | None:
    """Some questions of objects of different sizes are turned around where the answer was no, as most are no."""
    word, (a, b) = question.said["word"], question.about
    if question.answers[0] == "no" and a.size != b.size and chance(rng, _TURN_RATE):
        i, _, j = question.subject.split(" ")
        question = replace(question, about=(b, a), answers=("yes",), subject=f"{j} {word} {i}")
    slots = _mention_both(rng, scene, question.about, split, "size")
    if slots is None:
        return None
    inverse = "larger" if word == "smaller" else "smaller"
    return replace(
        question,
        text=ask(rng, IS_LARGER, **slots, w=expand(rng, _LARGER[word]), wi=expand(rng, _LARGER[inverse])),
    )


def reword_which_is_larger(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question | None:
    word = expand(rng, _LARGER[question.said["word"]])
    noun = expand(rng, "the {w}( one||)", w=word)
    winner, loser = question.about
    asked = ask_which_of_two(rng, scene, winner, loser, split, expand(rng, "{w}( in size||||)", w=word), noun, "size")
    return None if asked is None else replace(question, text=asked[0], answers=asked[1])


def ask_which_of_two(
    rng: np.random.Generator,
    scene: Scene,
    winner: Object,
    loser: Object,
    split: str,
    word: str,
    noun: str,
    *hide: str,
) -> tuple[str, tuple[str, ...]] | None:
    """``which is {word}, the star or the ring?`` with its answers: the first is what the question calls the winner."""
    slots = _mention_both(rng, scene, (winner, loser), split, *hide)
    if slots is None:
        return None
    answer = "the " + slots["a"].split(" ", 1)[1]
    if chance(rng, 0.5):
        slots = {"a": slots["b"], "b": slots["a"]}
    text = ask(rng, WHICH_OF_TWO, **slots, w=word, wn=noun)
    return text, tuple(dict.fromkeys((answer, *telling_nouns(winner, loser))))


def reword_same(rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question | None:
    name = question.said["attribute"]
    slots = _mention_both(rng, scene, question.about, split, name)
    if slots is None:
        return None
    return replace(question, text=ask(rng, SAME[name], **slots, n=name))
