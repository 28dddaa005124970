"""What can be said aloud: short texts of a fixed vocabulary, and the words that a listener hears in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from unitok.data.world.captions import describe, list_objects
from unitok.data.world.edits import sample_edit
from unitok.data.world.phrases import NUMBER_WORDS, article, plain_noun, plural
from unitok.data.world.questions import sample_questions
from unitok.data.world.requests import Request, sample_request
from unitok.data.world.scene import COLORS, HELD_OUT_PAIRS, SHAPES, SIZES, allowed_pair
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.data.world.templates import chance, pick, pick_weighted

CAPTION_WORDS = frozenset(
    (*COLORS, *SHAPES, *map(plural, SHAPES), *SIZES, *NUMBER_WORDS, "a", "an", "and", "on", "background")
)
"""The words of a caption in the style ``describe``."""

ANSWER_WORDS = frozenset(
    (*COLORS, *SHAPES, *SIZES, *NUMBER_WORDS, "yes", "no", "top", "bottom", "left", "right", "center", "middle")
)
"""The words of the assistant's answers to questions."""

_OTHER_WORDS = """
    the of with in to at for from into is are be it its that this there here than as or any all
    i i'd you me can could would should do does have has see want like please now then also just let's
    draw paint show make create give put place add change move remove turn tell
    picture image photo drawing color shape size object objects shapes thing things number corner side part
    above below over under up down upper lower more bigger smaller larger higher furthest same exactly
    big little tiny huge what what's which where how many count plain
"""
VOCABULARY = CAPTION_WORDS | ANSWER_WORDS | frozenset(_OTHER_WORDS.split())
"""Every word that is spoken in training or judged in a sound."""

MOST_WORDS = 13
"""Of one spoken text: about three seconds."""

_SINGULAR = {plural(shape): shape for shape in SHAPES}
_SPELLINGS = {str(n): word for n, word in enumerate(NUMBER_WORDS)} | {"grey": "gray", "colour": "color"}


def spoken_words(text: str) -> tuple[str, ...]:
    """The words that are heard when ``text`` is read aloud: lower case, no marks, numbers spelled out."""
    words = re.findall(r"[a-z]+(?:'[a-z]+)?|\d+", text.lower())
    return tuple(_SPELLINGS.get(word) or word for word in words)


def plainly(text: str) -> str:
    """``text`` as its spoken words: what a listener would write down."""
    return " ".join(spoken_words(text))


def names_held_out_pair(text: str) -> bool:
    """Whether a color stands before a shape, or several, that training never shows or names in that color."""
    words = spoken_words(text)
    return any((color, _SINGULAR.get(noun, noun)) in HELD_OUT_PAIRS for color, noun in pairwise(words))


def speakable_request(rng: np.random.Generator, category: str | None = None, split: str = "train") -> Request:
    """A request, as of :func:`~unitok.data.world.requests.sample_request`, that can be said."""
    while True:
        request = sample_request(rng, category, split)
        if speakable(request.text):
            return request


def speakable(text: str) -> bool:
    """Whether ``text`` is short and of the vocabulary."""
    words = spoken_words(text)
    return 0 < len(words) <= MOST_WORDS and VOCABULARY.issuperset(words)


# --------------------------------------------------------------------------- texts to say


def _request(rng: np.random.Generator, split: str) -> str | None:
    return sample_request(rng, split=split).text


def _caption(rng: np.random.Generator, split: str) -> str | None:
    scene = sample_varied_scene(rng, split)
    return list_objects(scene) if chance(rng, 0.15) else describe(scene)


def _question(rng: np.random.Generator, split: str) -> str | None:
    questions = sample_questions(rng, sample_varied_scene(rng, split), 1, split=split)
    return questions[0].text if questions else None


def _edit(rng: np.random.Generator, split: str) -> str | None:
    edit = sample_edit(rng, sample_varied_scene(rng, split), split)
    return None if edit is None else edit.text


def _kind(rng: np.random.Generator, split: str) -> str | None:
    """``a small red circle``, ``three stars``, ``blue``."""
    color, shape = pick(rng, list(COLORS)), pick(rng, SHAPES)
    if not allowed_pair(color, shape, split):
        return None
    count = int(rng.integers(1, len(NUMBER_WORDS)))
    sizes: tuple[str | None, ...] = (None, *SIZES)
    colors: tuple[str | None, ...] = (None, color)
    words = plain_noun(pick(rng, sizes), pick(rng, colors), shape, many=count > 1)
    return article(words) if count == 1 else f"{NUMBER_WORDS[count]} {words}"


def _words(rng: np.random.Generator, split: str) -> str | None:
    """One word, or a few numbers."""
    if chance(rng, 0.5):
        return pick(rng, sorted(ANSWER_WORDS))
    return " ".join(pick(rng, NUMBER_WORDS) for _ in range(int(rng.integers(2, 6))))


_Kind = Callable[[np.random.Generator, str], str | None]

_KINDS: dict[_Kind, float] = {
    _request: 0.28,
    _caption: 0.26,
    _question: 0.22,
    _edit: 0.08,
    _kind: 0.1,
    _words: 0.06,
}


def sample_text(rng: np.random.Generator, split: str = "train") -> str:
    """A request, caption, question, edit, noun phrase, word or row of numbers that can be said aloud.

    In the split ``train`` no held-out pair or relation is named.
    """
    return _speakable(rng, _KINDS, split)


def sample_order(rng: np.random.Generator, split: str = "train") -> str:
    """An order to change a picture that can be said aloud."""
    return _speakable(rng, {_edit: 1.0}, split)


def _speakable(rng: np.random.Generator, kinds: dict[_Kind, float], split: str) -> str:
    while True:
        text = pick_weighted(rng, kinds)(rng, split)
        if text is not None and speakable(text):
            return text
