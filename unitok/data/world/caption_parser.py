"""Reads a caption: which objects it names, and which background.

It knows the words of ``phrases`` and is used to judge the model's own captions.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from unitok.data.world.phrases import COLOR_OF_WORD, NUMBER_WORDS, SHAPE_OF_WORD, SIZE_OF_WORD

NamedKind = tuple[str | None, str | None, str]
"""Size, color and shape; size and color are None when the caption does not say them."""

_NUMBERS = {word: n for n, word in enumerate(NUMBER_WORDS)} | {str(n): n for n in range(len(NUMBER_WORDS))}
_NUMBERS |= {"a": 1, "an": 1, "single": 1, "pair": 2, "couple": 2}
_JOINTS = ("that", "which", "is", "are", "in", "of", "the", "color", "colored", "painted")
_CLOTHS = "background|backdrop|canvas"


@dataclass(frozen=True)
class ParsedCaption:
    """The background's color if it is said, and how often each kind is named."""

    background: str | None
    objects: Counter[NamedKind]


def parse_caption(text: str) -> ParsedCaption:
    """Every object and the background named in ``text``; words that it does not know are passed over."""
    words = re.findall(r"[a-z]+(?:-pointed)?|\d+", text.lower().replace("-colored", " "))
    background, words = _take_background(words)
    objects: Counter[NamedKind] = Counter()
    number, size, color = 1, None, None
    at = 0
    while at < len(words):
        shape, length = _shape_at(words, at)
        word = words[at]
        if shape is not None:
            at += length
            behind, skipped = _said_behind(words, at)
            if behind in SIZE_OF_WORD and size is None:
                size, at = SIZE_OF_WORD[behind], at + skipped
            elif behind in COLOR_OF_WORD and color is None:
                color, at = COLOR_OF_WORD[behind], at + skipped
            objects[size, color, shape] += number
            number, size, color = 1, None, None
            continue
        if word in _NUMBERS:
            number, size, color = _NUMBERS[word], None, None
        elif word in SIZE_OF_WORD:
            size = SIZE_OF_WORD[word]
        elif word in COLOR_OF_WORD:
            color = COLOR_OF_WORD[word]
        at += 1
    return ParsedCaption(background, objects)


def _shape_at(words: list[str], at: int) -> tuple[str | None, int]:
    """The shape whose name starts at ``at``, longest name first, and how many words it takes."""
    for length in (2, 1):
        name = " ".join(words[at : at + length])
        if len(words) - at >= length and name in SHAPE_OF_WORD:
            return SHAPE_OF_WORD[name], length
    return None, 0


def _said_behind(words: list[str], at: int) -> tuple[str, int]:
    """The word after ``that is``, ``in`` or the like at ``at``, and how many words that takes; or none."""
    end = at
    while end < len(words) and words[end] in _JOINTS:
        end += 1
    if end == at or end == len(words) or _shape_at(words, end + 1)[0] is not None:
        return "", 0
    return words[end], end + 1 - at


def _take_background(words: list[str]) -> tuple[str | None, list[str]]:
    """The background's color, and the words without the phrase that says it."""
    text = " ".join(words)
    colors = "|".join(COLOR_OF_WORD)
    patterns = (
        rf"(?:(?:on|against|over|with|in front of) )?(?:(?:an?|the) )?(?:(?:plain|solid) )?"
        rf"({colors}) (?:{_CLOTHS})",
        rf"(?:the )?(?:{_CLOTHS}) (?:is |should be )?({colors})\b",
        rf"\bon ({colors})$",
    )
    for pattern in patterns:
        found = re.search(pattern, text)
        if found:
            left = text[: found.start()] + " " + text[found.end() :]
            return COLOR_OF_WORD[found.group(1)], left.split()
    return None, words
