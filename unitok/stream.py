"""An answer as events, in the order in which its tokens come.

Shape letters: K codebooks, h w code grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from unitok.document import Document, Image
from unitok.image_syntax import ImageSyntax
from unitok.processor import Processor

REPLACEMENT = "\ufffd"
"""What a text tokenizer's decoder puts for bytes that are not UTF-8, or not yet."""


@dataclass(frozen=True)
class TextDelta:
    """The next letters of a text."""

    text: str


@dataclass(frozen=True)
class ImageStarted:
    """An image is opened; ``grid`` is ``(h, w)``."""

    grid: tuple[int, int]


@dataclass(frozen=True, eq=False)
class ImageRow:
    """Row ``index`` (from 0) of an image's codes is known: int64 ``[K, w]``."""

    index: int
    codes: Tensor


@dataclass(frozen=True)
class ImageFinished:
    """An image is whole; it has its codes and, where there is an image detokenizer, its picture."""

    image: Image


@dataclass(frozen=True)
class TurnFinished:
    """The answer has ended; ``document`` is the whole conversation, the answer included."""

    document: Document


Event = TextDelta | ImageStarted | ImageRow | ImageFinished | TurnFinished


class EventReader:
    """Turns the token ids of one answer into events; the ids must follow the grammar.

    Args:
        processor: Knows the vocabulary and decodes text and images.
        document: The conversation that is answered.
    """

    def __init__(self, processor: Processor, document: Document) -> None:
        self._processor = processor
        self._vocabulary = processor.vocabulary
        self._syntax = ImageSyntax(processor.vocabulary)
        self._document = document
        self._answer: list[int] = []
        self._text: list[int] = []  # ids of the open text
        self._sent = 0  # letters of the open text that were passed on
        self._image: list[int] | None = None  # ids of the open image behind <boi>

    def read(self, token_id: int) -> Iterator[Event]:
        """The events that the next token of the answer brings."""
        self._answer.append(token_id)
        if self._image is not None:
            yield from self._read_image(self._image, token_id)
        elif token_id == self._vocabulary.boi:
            yield from self._close_text()
            self._image = []
        elif token_id == self._vocabulary.eot:
            yield from self._close_text()
            turn = self._processor.parse_turn(torch.tensor(self._answer))
            yield TurnFinished(self._processor.with_pictures([Document((*self._document.turns, turn))])[0])
        else:
            self._text.append(token_id)
            # Bytes that may be the start of a letter wait for the rest of it.
            yield from self._send(self._decoded().rstrip(REPLACEMENT))

    def _read_image(self, ids: list[int], token_id: int) -> Iterator[Event]:
        if token_id == self._vocabulary.eoi:
            height, width = (self._vocabulary.size_of(one) for one in ids[:2])
            image = Image(codes=self._syntax.read(torch.tensor(ids[2:]), height, width))
            self._image = None
            (document,) = self._processor.with_pictures([Document().reply(image)])
            yield ImageFinished(document.turns[0].images[0])
            return
        ids.append(token_id)
        if len(ids) < 2:
            return
        height, width = self._vocabulary.size_of(ids[0]), self._vocabulary.size_of(ids[1])
        in_row = self._syntax.row_length(width)
        count = len(ids) - 2
        if not count:
            yield ImageStarted((height, width))
        elif count % in_row == 0:
            row = count // in_row
            yield ImageRow(row - 1, self._syntax.read(torch.tensor(ids[-in_row:]), 1, width, first=row)[:, 0])

    def _decoded(self) -> str:
        return self._processor.decode_text(torch.tensor(self._text))

    def _close_text(self) -> Iterator[TextDelta]:
        if self._text:
            yield from self._send(self._decoded())
        self._text, self._sent = [], 0

    def _send(self, text: str) -> Iterator[TextDelta]:
        if len(text) > self._sent:
            yield TextDelta(text[self._sent :])
            self._sent = len(text)
