"""Reads a caption: which objects it names, and which background.

It knows the words of ``phrases`` and is used to judge the model's own captions.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from unitok.data.world.phrases import COLOR_OF_WORD, NUMBER_WORDS, SHAPE_OF_WORD, SIZE_OF_WORD
from unitok.data.world.scene import Scene

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

    def matches(self, scene: Scene) -> bool:
        """Whether the caption names exactly the objects of ``scene``, with nothing wrong about them.

        What the caption leaves unsaid (a size, a color, the background) is not held against it.
        """
        if self.background not in (None, scene.background):
            return False
        left = list(scene.objects)
        # Kinds that say more choose first; with nested names this greedy choice is right.
        for (size, color, shape), number in sorted(self.objects.items(), key=_unsaid):
            for _ in range(number):
                fits = [o for o in left if o.shape == shape and size in (None, o.size) and color in (None, o.color)]
                if not fits:
                    return False
                left.remove(fits[0])
        return not left

    def names_all_of(self, scene: Scene) -> bool:
        """As ``matches``, with every size and color and the background said."""
        return self.background == scene.background and self.objects == Counter(o.kind for o in scene.objects)


def _unsaid(entry: tuple[NamedKind, int]) -> int:
    return sum(name is None for name in entry[0])


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
