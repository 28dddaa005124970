"""The world's words: names with their synonyms, noun phrases, places, relations, backgrounds.

Users speak with variety (every function that takes ``rng``); the assistant speaks plainly
(``plain_noun``, ``plain_place``), because its words are judged.
"""

from __future__ import annotations

import numpy as np

from unitok.data.world.scene import COLORS, OPPOSITE, SHAPES
from unitok.data.world.templates import chance, expand, pick

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six")

SHAPE_SYNONYMS: dict[str, tuple[str, ...]] = {
    "circle": ("disc", "disk", "dot"),
    "square": ("box", "block"),
    "triangle": ("triangular shape",),
    "star": ("five-pointed star", "star shape"),
    "cross": ("plus", "plus sign"),
    "diamond": ("rhombus", "diamond shape"),
    "heart": ("heart shape",),
    "ring": ("donut", "hoop"),
}
COLOR_SYNONYMS: dict[str, tuple[str, ...]] = {
    "gray": ("grey",),
    "purple": ("violet",),
    "cyan": ("turquoise", "aqua"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {"small": ("little", "tiny"), "large": ("big", "big", "huge")}
GENERIC_NOUNS = ("shape", "object", "thing")

SYNONYM_RATE = 0.05
"""How often a user calls a shape by another name (a box)."""

RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left of": (
        "left of",
        "left of",
        "to the left of",
        "to the left of",
        "on the left side of",
        "on the left of",
    ),
    "right of": (
        "right of",
        "right of",
        "to the right of",
        "to the right of",
        "on the right side of",
        "on the right of",
    ),
    "above": ("above", "above", "above", "over", "on top of", "higher than"),
    "below": ("below", "below", "below", "under", "beneath", "underneath", "lower than"),
}
PRONOUN_RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": ("to its left", "on its left", "to the left of it", "left of it", "on the left side of it"),
    "right of": (
        "to its right",
        "on its right",
        "to the right of it",
        "right of it",
        "on the right side of it",
    ),
    "above": ("above it", "over it", "on top of it", "above it"),
    "below": ("below it", "under it", "beneath it", "underneath it", "below it"),
}

Place = tuple[str | None, str | None]
"""Row and column of the 3 x 3 regions, None where it does not matter."""

_ROW_WORDS = {"top": "(top|top|upper)", "middle": "(middle|center)", "bottom": "(bottom|bottom|lower)"}


def plural(noun: str) -> str:
    if noun.endswith(("s", "x")):
        return noun + "es"
    return noun + "s"


def singular_or_plural(noun: str, many: bool) -> str:
    return plural(noun) if many else noun


def article(words: str) -> str:
    """``words`` with ``a`` or ``an`` before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def color_word(rng: np.random.Generator, color: str) -> str:
    others = COLOR_SYNONYMS.get(color)
    rate = 0.3 if color == "gray" else 0.06
    return pick(rng, others) if others and chance(rng, rate) else color


def size_word(rng: np.random.Generator, size: str) -> str:
    return pick(rng, SIZE_WORDS[size]) if chance(rng, 0.25) else size


def shape_word(rng: np.random.Generator, shape: str | None, many: bool = False) -> str:
    if shape is None:
        noun = pick(rng, GENERIC_NOUNS)
    elif chance(rng, SYNONYM_RATE):
        noun = pick(rng, SHAPE_SYNONYMS[shape])
    else:
        noun = shape
    return singular_or_plural(noun, many)


def number_word(rng: np.random.Generator, number: int) -> str:
    return str(number) if chance(rng, 0.25) else NUMBER_WORDS[number]


def noun(rng: np.random.Generator, size: str | None, color: str | None, shape: str | None, many: bool = False) -> str:
    """A user's noun phrase without an article: ``small red circles``, ``circle that is red``."""
    sized = size_word(rng, size) if size else ""
    colored = color_word(rng, color) if color else ""
    named = shape_word(rng, shape, many)
    if many and chance(rng, 0.015):
        named = f"identical {named}" if not sized and not colored else named
    draw = rng.random()
    if draw < 0.02 and color:
        colored += pick(rng, ("-colored", " colored"))
    elif draw < 0.045 and color and shape:
        verb = "are" if many else "is"
        tail = expand(
            rng,
            "(colored {c}|that {be} {c}|which {be} {c}|in {c}|painted {c}|of {c} color|in the color {c})",
            c=colored,
            be=verb,
        )
        return " ".join(w for w in (sized, named, tail) if w)
    elif draw < 0.055 and color and size:
        return f"{colored} {sized} {named}"
    elif draw < 0.07 and color and size:
        return f"{sized}, {colored} {named}"
    elif draw < 0.08 and size and shape:
        verb = "are" if many else "is"
        return f"{colored} {named} that {verb} {sized}".strip()
    return " ".join(w for w in (sized, colored, named) if w)


def counted(rng: np.random.Generator, number: int, words: str) -> str:
    """A user's noun phrase with its article or number; ``words`` has the right number already."""
    if number == 1:
        draw = rng.random()
        if draw < 0.03:
            return f"one {words}"
        if draw < 0.04:
            return f"a single {words}"
        return article(words)
    if number == 2 and chance(rng, 0.06):
        return expand(rng, "a (pair|couple) of {x}", x=words)
    if number > 2 and chance(rng, 0.02):
        return expand(rng, "a (group|set) of {n} {x}", n=number_word(rng, number), x=words)
    if chance(rng, 0.03):
        return f"exactly {number_word(rng, number)} {words}"
    return f"{number_word(rng, number)} {words}"


def plain_noun(size: str | None, color: str | None, shape: str | None, many: bool = False) -> str:
    """The assistant's noun phrase without an article: ``small red circles``."""
    named = singular_or_plural(shape or "shape", many)
    return " ".join(w for w in (size, color, named) if w)


def plain_counted(number: int, words: str) -> str:
    return article(words) if number == 1 else f"{NUMBER_WORDS[number]} {words}"


def fix_articles(text: str) -> str:
    """``a orange`` becomes ``an orange``: for words that were filled in behind a fixed article."""
    for vowel_word in ("orange", "aqua"):
        text = text.replace(f" a {vowel_word}", f" an {vowel_word}")
    return text


def plain_place(place: Place) -> str:
    """The assistant's name of a region: ``top left``, ``top``, ``left``, ``center``."""
    row, column = place
    if row in (None, "middle") and column in (None, "center"):
        return "center"
    if row in (None, "middle"):
        return str(column)
    if column in (None, "center"):
        return str(row)
    return f"{row} {column}"


def place_names(place: Place) -> tuple[str, ...]:
    """All short names of a full region, the plain one first."""
    row, column = place
    plain = plain_place(place)
    names = [plain]
    if plain == "center":
        names += ["middle", "middle center", "the center", "the middle"]
    elif row == "middle":
        names += [f"middle {column}", f"center {column}", f"{column} center", f"{column} middle"]
    elif column == "center":
        upper = {"top": "upper", "bottom": "lower"}[str(row)]
        names += [f"{row} center", f"{row} middle", f"{upper} middle", f"{upper} center", f"center {row}"]
    else:
        upper = {"top": "upper", "bottom": "lower"}[str(row)]
        names += [f"{upper} {column}", f"{row}-{column}", f"{upper}-{column}"]
    return tuple(names)


def place_phrase(rng: np.random.Generator, place: Place) -> str:
    """Where something is, in a user's words: ``in the top left corner``, ``on the left``."""
    row, column = place
    if row is None:
        if column == "center":
            return expand(rng, "(in the middle column|in the horizontal center)")
        return expand(
            rng,
            "(on the {c}|on the {c}|on the {c} side|at the {c}|on the {c} side of the picture)",
            c=column or "",
        )
    if column is None:
        if row == "middle":
            return expand(rng, "(in the middle row|at mid height)")
        return expand(rng, "(at the {r}|at the {r}|near the {r}|at the {r} of the picture|in the {r} part)", r=row)
    if (row, column) == ("middle", "center"):
        return expand(rng, "(in the (center|middle)|in the (center|middle) of the (picture|image))")
    if column == "center":
        return expand(rng, f"(in the|at the) {_ROW_WORDS[row]} (center|middle)")
    if row == "middle":
        return expand(rng, "(in the (middle|center) {c}|on the {c} in the middle|at the {c} center)", c=column)
    return expand(rng, f"(in|in|at) the {_ROW_WORDS[row]}( |-){{c}}( corner| corner||| of the picture)", c=column)


def relation_phrase(rng: np.random.Generator, relation: str) -> str:
    """``left of`` as a user may say it: ``to the left of``."""
    return pick(rng, RELATION_WORDS[relation])


def relation_to_it(rng: np.random.Generator, relation: str) -> str:
    """``left of it`` as a user may say it: ``to its left``."""
    return pick(rng, PRONOUN_RELATIONS[relation])


def background_tail(rng: np.random.Generator, color: str) -> str:
    """What follows the objects: ``on a white background``."""
    word = color_word(rng, color)
    return expand(
        rng,
        (
            "on {a} background",
            "on {a} background",
            "on {a} background",
            "on {a} background",
            "(against|over|with|in front of) {a} background",
            "(against|with) {a} background",
            "on {c}",
            "on {a} (canvas|backdrop)",
            "on a (plain|solid) {c} background",
        ),
        a=article(word),
        c=word,
    )


def sentence(rng: np.random.Generator, text: str, end: str, end_rate: float) -> str:
    """Users' habits: mostly lower case, sometimes a capital, sometimes the final mark."""
    if chance(rng, end_rate):
        text += end
    if chance(rng, 0.3):
        text = text[0].upper() + text[1:]
        text = text.replace(" i ", " I ").replace(" i'", " I'")
    return text


def join_and(rng: np.random.Generator, items: list[str]) -> str:
    """A user's list: ``a, b and c``."""
    if len(items) == 1:
        return items[0]
    if len(items) == 2:
        word = "and"
        if chance(rng, 0.08):
            word = pick(rng, ("with", "together with", "along with", "as well as", "next to", "beside"))
        return f"{items[0]} {word} {items[1]}"
    draw = rng.random()
    if draw < 0.5:
        return ", ".join(items[:-1]) + " and " + items[-1]
    if draw < 0.85:
        return ", ".join(items[:-1]) + ", and " + items[-1]
    return " and ".join(items) if draw < 0.93 else ", ".join(items)


def plain_list(items: list[str]) -> str:
    """The assistant's list: ``a, b and c``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _with_synonyms(names: dict[str, tuple[str, ...]], canonical: tuple[str, ...]) -> dict[str, str]:
    words = {word: word for word in canonical}
    for name, others in names.items():
        words.update(dict.fromkeys(others, name))
    return words


COLOR_OF_WORD = _with_synonyms(COLOR_SYNONYMS, tuple(COLORS))
"""Every word for a color, with the color it means."""
SHAPE_OF_WORD = {
    form: shape for word, shape in _with_synonyms(SHAPE_SYNONYMS, SHAPES).items() for form in (word, plural(word))
}
"""Every word for a shape, singular and plural, with the shape it means."""
SIZE_OF_WORD = _with_synonyms(SIZE_WORDS, tuple(SIZE_WORDS))
RELATION_OF_WORDS = {words: name for name, wordings in RELATION_WORDS.items() for words in wordings}
assert set(RELATION_OF_WORDS.values()) == set(OPPOSITE)
