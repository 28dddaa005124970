"""When two answers in words are the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SAME: dict[str, str] = {str(n): word for n, word in enumerate(_NUMBERS)} | {
    "none": "zero",
    "grey": "gray",
    "violet": "purple",
    "big": "large",
    "little": "small",
    "centre": "center",
}
_ARTICLES = {"a", "an", "the"}
_PLACING = {"in", "at", "on"}


def normalized(answer: str) -> str:
    """The words that count: lower case, no marks or articles, numbers spelled out, one of each synonym."""
    words: list[str] = re.findall(r"[a-z]+|\d+", answer.lower())
    words = [_SAME.get(word) or word for word in words if word not in _ARTICLES]
    # "in the top left" and "top left" are one place.
    return " ".join(words[1:] if len(words) > 1 and words[0] in _PLACING else words)


def is_one_of(answer: str, right: Iterable[str]) -> bool:
    """Whether an answer is, once normalized, one of the right ones."""
    return normalized(answer) in {normalized(one) for one in right}
