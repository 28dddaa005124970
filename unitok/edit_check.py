"""An edited picture is checked by the order that it answers: how likely the order is, read off the two pictures.

Which object an order means is where edits go wrong, and there a decoder is sure of the wrong one. The other way round
it sees which object has changed and only has to name it: a noisy channel (Brown et al. 1993). This needs a decoder
that has learned orders between pictures, such as the task ``order`` of :mod:`unitok.data.world.tasks`.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from unitok.document import Document, Turn
from unitok.hearing import Row, in_words
from unitok.image_syntax import image_syntax
from unitok.parts import Image, Text
from unitok.processor import Processor

QUESTION = "Which request turns the first picture into the second?"


class Order(NamedTuple):
    """What a user wants done with a picture.

    Attributes:
        picture: its codes, int64 ``[K, h, w]``.
        words: what the user says.
    """

    picture: Tensor
    words: str


def order_of(processor: Processor, row: Row) -> Order | None:
    """The last turn's words and its picture, or the one before it; None without words or such a picture."""
    turns = in_words(row.document).turns
    words = turns[-1].text.strip()
    if not words or len(turns[-1].images) > 1 or not any(turn.images for turn in turns):
        return None
    ids = row.prompt.tolist()
    boi, eoi = processor.vocabulary.boi, processor.vocabulary.eoi
    start, end = (len(ids) - 1 - ids[::-1].index(token) for token in (boi, eoi))
    codes, _ = image_syntax(processor.vocabulary).read(row.prompt[start : end + 1])
    return Order(codes, words)


def order_question(processor: Processor, order: Order, edited: Tensor) -> tuple[Tensor, Tensor]:
    """What a decoder is asked about a picture and its edited form, and the answer that says the order.

    Args:
        processor: Knows the vocabulary.
        order: What was wanted.
        edited: Codes int64 ``[K, h, w]``.

    Returns:
        Prompt and answer, int64 ``[S]`` each.
    """
    asked = Turn((Image(codes=order.picture), Image(codes=edited), Text(QUESTION)), "user")
    prompt = processor.encode(Document((asked,)), generation_prompt=True)
    whole = processor.encode(Document((asked, Turn((Text(order.words),), "assistant"))))
    answer = whole[len(prompt) :]
    return prompt, answer[processor.targets(whole)[len(prompt) :].bool()]
