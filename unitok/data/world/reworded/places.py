"""Places and directions in users' words: ``into the upper left corner``, ``a bit further up``."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import Place
from unitok.data.world.templates import expand

_ROWS = {"top": "(top|top|top|upper)", "bottom": "(bottom|bottom|bottom|lower)"}
_WHOLE = "( of the (picture|image|canvas)||||)"


def spot(rng: np.random.Generator, place: Place) -> tuple[str, str]:
    """A part of the picture and the preposition that says that something is there: ``in``, ``the top left corner``."""
    row, column = place
    if row is None:
        side = (
            f"(on the {column} side|on the {column} side|on the {column}-hand side|at the {column} edge"
            f"|near the {column} edge|in the {column} (part|third))"
        )
        return _split(expand(rng, f"{side}{_WHOLE}"))
    if column is None:
        words = (
            f"(at the {row}|at the {row}|at the very {row}|near the {row}|at the {row} edge|in the {_ROWS[row]} part"
            f"|in the {row} third)"
        )
        return _split(expand(rng, f"{words}{_WHOLE}"))
    if place == ("middle", "center"):
        words = "(in the (center|middle)|in the (center|middle)|in the very (center|middle)|at the center)"
        return _split(expand(rng, f"{words}{_WHOLE}"))
    if column == "center":
        words = (
            f"(in|at) the {_ROWS[row]} (center|middle)",
            f"in the middle of the {_ROWS[row]} (row|part|third)",
            f"at the {row} center",
            f"at the middle of the {row} edge",
        )
        return _split(expand(rng, words))
    if row == "middle":
        words = (
            f"in the (middle|center) {column}",
            f"at the {column} center",
            f"in the middle of the {column} (side|part|third|edge)",
            f"at the center of the {column} (edge|side)",
        )
        return _split(expand(rng, words))
    words = (
        f"in the {_ROWS[row]}( |-){column} corner{_WHOLE}",
        f"in the {_ROWS[row]}( |-){column}{_WHOLE}",
        f"in the {_ROWS[row]} {column} (part|area|region|hand corner)",
        f"at the {row} {column}",
        f"in the {column} {_ROWS[row]} corner",
        f"in the corner at the {row} {column}",
        f"in the {column} corner at the {row}",
    )
    return _split(expand(rng, words))


def _split(words: str) -> tuple[str, str]:
    preposition, _, part = words.partition(" ")
    return preposition, part


def at_place(rng: np.random.Generator, place: Place) -> str:
    """Where something is or is put: ``in the top left corner``."""
    return " ".join(spot(rng, place))


def to_place(rng: np.random.Generator, place: Place) -> str:
    """Where something goes: ``to the top left corner``, ``over to the left side``."""
    preposition, part = spot(rng, place)
    if preposition == "in" or preposition == "on":
        into = "into" if preposition == "in" else "onto"
        return expand(rng, f"(to|to|to|over to|{into}) {{p}}", p=part)
    return expand(rng, "(to|to|over to) {p}", p=part)


_WAYS = {
    "left of": (
        "(to the left|to the left|left|leftward|leftwards|toward the left|towards the left)",
        "(further left|further to the left|more to the left|farther left|farther to the left)",
        "(closer to|nearer to|towards|toward|in the direction of) the left (edge|side|border)",
    ),
    "right of": (
        "(to the right|to the right|right|rightward|rightwards|toward the right|towards the right)",
        "(further right|further to the right|more to the right|farther right|farther to the right)",
        "(closer to|nearer to|towards|toward|in the direction of) the right (edge|side|border)",
    ),
    "above": (
        "(up|up|up|upward|upwards|toward the top|towards the top)",
        "(higher|higher up|further up|farther up)",
        "(closer to|nearer to|towards|toward|in the direction of) the (top|top edge|upper edge)",
    ),
    "below": (
        "(down|down|down|downward|downwards|toward the bottom|towards the bottom)",
        "(lower|lower down|further down|farther down)",
        "(closer to|nearer to|towards|toward|in the direction of) the (bottom|bottom edge|lower edge)",
    ),
}
_SLIGHTLY = "(a bit|a little|slightly|a touch|a tad|a little bit|just a bit|just a little|ever so slightly)"
_SIDES = {"left of": "left", "right of": "right", "above": "up", "below": "down"}


def way(rng: np.random.Generator, relation: str, little: bool) -> str:
    """Which way something goes: ``to the left``, ``a bit higher``."""
    ways = _WAYS[relation]
    words = expand(rng, (ways[0], *ways))
    if not little:
        return words
    return f"{expand(rng, _SLIGHTLY)} {words}"


def farther(rng: np.random.Generator, relation: str, little: bool) -> str:
    """What a place then is, compared with before: ``further left``, ``a bit higher``."""
    words = expand(rng, _WAYS[relation][1])
    return f"{expand(rng, _SLIGHTLY)} {words}" if little else words
