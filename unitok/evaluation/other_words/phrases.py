"""What requests and questions share: words for things, phrases of place, and how people type.

For measuring only, as all wordings of this package.
"""

from __future__ import annotations

import re
import string

import numpy as np

from unitok.data.world.templates import chance, pick

CORNERS: tuple[str, ...] = (
    "in the {upper} {column} corner",
    "at the {row} {column}",
    "in the {upper}-{column} part",
)
EDGES: dict[tuple[str | None, str | None], tuple[str, ...]] = {
    ("top", "center"): (
        "at the top in the middle",
        "in the top middle",
    ),
    ("bottom", "center"): (
        "at the bottom in the middle",
        "in the bottom middle",
    ),
    ("middle", "left"): (
        "in the middle of the left side",
        "on the left at half height",
    ),
    ("middle", "right"): (
        "in the middle of the right side",
        "on the right at half height",
    ),
    ("middle", "center"): (
        "in the middle",
        "dead center",
    ),
    ("top", None): (
        "near the top",
        "in the upper part",
    ),
    ("bottom", None): (
        "near the bottom",
        "in the lower part",
    ),
    (None, "left"): (
        "on the left-hand side",
        "at the left",
    ),
    (None, "right"): (
        "on the right-hand side",
        "at the right",
    ),
}
"""Where something is, by row and column of the 3 x 3 regions; in corners both are told."""

THINGS = ("shape", "object", "thing")
"""What something is called whose shape is not told: one of these throughout a sentence."""

_UPPER = {"top": "upper", "bottom": "lower"}
_SYNONYMS = {"gray": "grey", "circle": "disc", "cross": "plus sign", "large": "big", "small": "little"}
_SYNONYM_SHARES = {"gray": 0.4, "circle": 0.08, "cross": 0.15, "large": 0.5, "small": 0.15}
_SENTENCES_SHARE, _NO_MARK_SHARE = 0.6, 0.5


def slots_of(frame: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(frame) if name}


def said(rng: np.random.Generator, name: str) -> str:
    """A color, shape or size as someone might call it: mostly by its plain name."""
    return _SYNONYMS[name] if chance(rng, _SYNONYM_SHARES.get(name, 0.0)) else name


def joined(*words: str | None) -> str:
    """The words that are there, with spaces between."""
    return " ".join(word for word in words if word)


def as_written(rng: np.random.Generator, text: str) -> str:
    """Most people write sentences, many do without capitals, some of those without the last mark."""
    if chance(rng, _SENTENCES_SHARE):
        return re.sub(r"(^|[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), text)
    text = text[0].lower() + re.sub(r"([.?!] )([A-Z])", lambda match: match[1] + match[2].lower(), text[1:])
    text = re.sub(r"\bi\b", "I", text)
    return text.rstrip(".?") if chance(rng, _NO_MARK_SHARE) else text


def place_phrase(rng: np.random.Generator, row: str | None, column: str | None) -> str:
    """Where something is, such as "in the top left corner"."""
    known = EDGES.get((row, column))
    if known is not None:
        return pick(rng, known)
    return pick(rng, CORNERS).format(row=row, upper=_UPPER[str(row)], column=column)
