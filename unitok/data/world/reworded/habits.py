"""How users write: case, marks, haste."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import fix_articles
from unitok.data.world.templates import chance, pick

_ARTICLES = frozenset(("a", "an", "the"))
_CONTRACTED = {
    "what is ": "whats ",
    "what's ": "whats ",
    "i'd ": "id ",
    "it's ": "its ",
    "don't ": "dont ",
    "i'm ": "im ",
}
_SHORT = {"please": "pls", "you": "u", "with": "w/", "picture": "pic", "background": "bg", "your": "ur"}
_TYPO_RATE = 0.05
_HASTE_RATE = 0.08


def written(rng: np.random.Generator, text: str, mark: str) -> str:
    """``text`` (lower case, no final mark) as one of many users writes it; ``mark`` is what it would end with.

    Some leave out articles or misspell a word, so that what a text says is learned from the words that carry it.
    """
    text = fix_articles(text).replace(" ,", ",").replace(" .", ".").replace("that that ", "that the ")
    if chance(rng, _HASTE_RATE):
        text = _in_haste(rng, text)
    elif chance(rng, _TYPO_RATE):
        text = _misspelled(rng, text)
    draw = rng.random()
    if text[-1].isalnum() or text[-1] in "'\")":
        if draw < 0.6:
            text += mark
        elif draw < 0.66:
            text += pick(rng, ("!", "...", " " + mark, mark * 2, ".", " :)"))
    draw = rng.random()
    if draw < 0.45:
        text = text[0].upper() + text[1:]
        for end in (". ", "? ", "! "):
            head, *rest = text.split(end)
            text = end.join([head, *(part[:1].upper() + part[1:] for part in rest)])
        text = text.replace(" i ", " I ").replace(" i'", " I'")
    elif draw < 0.47:
        text = text.upper()
    return text


def _in_haste(rng: np.random.Generator, text: str) -> str:
    if chance(rng, 0.6):
        text = " ".join(word for word in text.split() if word not in _ARTICLES) or text
    if chance(rng, 0.4):
        for long, short in _CONTRACTED.items():
            text = text.replace(long, short)
    if chance(rng, 0.25):
        text = " ".join(_SHORT.get(word, word) for word in text.split())
    return text


def _misspelled(rng: np.random.Generator, text: str) -> str:
    """One word of five letters or more with two letters swapped, one lost or one doubled; names of colors too."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    i = pick(rng, long)
    word = words[i]
    at = int(rng.integers(1, len(word) - 1))
    kind = int(rng.integers(3))
    if kind == 0:
        words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    else:
        words[i] = word[:at] + (word[at] * 2 if kind == 1 else "") + word[at + 1 :]
    return " ".join(words)
