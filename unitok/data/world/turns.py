"""Documents of one question and one answer."""

from __future__ import annotations

import numpy as np

from unitok.data.world.templates import chance
from unitok.document import Audio, Document, Image, Part, Text, Turn


def answered(asked: tuple[Part, ...], answer: Part) -> Document:
    return Document((Turn(asked, "user"), Turn((answer,), "assistant")))


def with_words(rng: np.random.Generator, given: Image | Audio, text: str) -> tuple[Part, ...]:
    """A user's picture or sound and words: mostly the words last."""
    return (Text(text), given) if chance(rng, 0.25) else (given, Text(text))
