"""What a question is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from unitok.data.world.scene import Object
from unitok.data.world.templates import chance


@dataclass(frozen=True)
class Question:
    """A user's question, the answers that are right (the first is the one that the model learns),
    its category, and what it is about: two questions with one subject have the same answer.

    ``form`` is the kind of question within its category, ``about`` holds the objects asked about, in order, and
    ``said`` the other values that the question says: who puts it in other words needs no more.
    """

    text: str
    answers: tuple[str, ...]
    category: str
    subject: str
    form: str = ""
    about: tuple[Object, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict, hash=False)


def truth(value: bool) -> tuple[str, ...]:
    return ("yes",) if value else ("no",)


def as_typed(rng: np.random.Generator, text: str) -> str:
    """A question as users type it: mostly lower case, mostly with its mark."""
    ordered = text.startswith(("tell ", "name ", "count ", "number "))
    if chance(rng, 0.85):
        text += "." if ordered else "?"
    if chance(rng, 0.35):
        text = text[0].upper() + text[1:]
    return text
