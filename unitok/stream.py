"""An answer as events, in the order in which its tokens come.

Shape letters: K codebooks, h w code grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from unitok.audio_stream import AudioChunk, AudioFinished, AudioStarted, SoundReader
from unitok.document import Audio, Document, Image, Text, Turn
from unitok.image_syntax import Grid, image_syntax
from unitok.processor import Processor
from unitok.turn_syntax import turn_syntax

REPLACEMENT = "\ufffd"
"""What a text tokenizer's decoder puts for bytes that are not UTF-8, or not yet."""


@dataclass(frozen=True)
class SpeechHeard:
    """A sound of the question was written down, and is answered in these words; comes before all else."""

    words: str


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


Event = (
    SpeechHeard
    | TextDelta
    | ImageStarted
    | ImageRow
    | ImageFinished
    | AudioStarted
    | AudioChunk
    | AudioFinished
    | TurnFinished
)


class EventReader:
    """Turns the token ids of one answer into events; the ids must follow the grammar.

    Args:
        processor: Knows the vocabulary and decodes text, images and sounds.
        document: The conversation that is answered.
    """

    def __init__(self, processor: Processor, document: Document) -> None:
        self._processor = processor
        self._vocabulary = processor.vocabulary
        self._syntax = image_syntax(processor.vocabulary)
        self._turns = turn_syntax(processor.vocabulary)
        self._ends = self._turns.ends
        self._document = document
        self._answer: list[int] = []
        self._text: list[int] = []  # ids of the open text
        self._begun = False  # whether a part of the answer is whole
        self._sent = 0  # letters of the open text that were passed on
        self._image: list[int] = []  # ids of the open image
        self._grid: Grid | None = None  # its code grid, once that is known
        self._head = 0  # ids in front of its rows
        self._sound: SoundReader | None = None  # the open sound
        self._media: list[Image | Audio] = []  # those that are whole

    def read(self, token_id: int) -> Iterator[Event]:
        """The events that the next token of the answer brings."""
        self._answer.append(token_id)
        if self._image:
            yield from self._read_image(token_id)
        elif self._sound is not None:
            for event in self._sound.read(token_id):
                if isinstance(event, AudioFinished):
                    self._media.append(event.audio)
                yield event
            if token_id == self._vocabulary.eoa:
                self._sound = None
        elif token_id == self._vocabulary.boa:
            yield from self._close_text()
            self._sound = SoundReader(self._processor)
            yield AudioStarted()
        elif token_id == self._vocabulary.boi:
            yield from self._close_text()
            yield from self._read_image(token_id)
        elif token_id in self._ends:
            yield from self._close_text()
            turn = self._processor.parse_turn(torch.tensor(self._answer))
            media = iter(self._media)
            parts = tuple(part if isinstance(part, Text) else next(media, part) for part in turn.parts)
            turn = Turn(parts, turn.role)  # what is decoded need not be decoded again
            yield TurnFinished(self._processor.with_media([Document((*self._document.turns, turn))])[0])
        else:
            self._text.append(token_id)
            # Bytes that may be the start of a letter wait for the rest of it.
            yield from self._send(self._decoded().rstrip(REPLACEMENT))

    def _read_image(self, token_id: int) -> Iterator[Event]:
        ids = self._image
        ids.append(token_id)
        if token_id == self._vocabulary.eoi:
            image = Image(codes=self._syntax.read(torch.tensor(ids))[0])
            self._image, self._grid = [], None
            (document,) = self._processor.with_media([Document().reply(image)])
            self._media += document.turns[0].images
            yield ImageFinished(document.turns[0].images[0])
        elif self._grid is None:
            self._grid, self._head = self._syntax.read_head(ids), len(ids)
            if self._grid is not None:
                yield ImageStarted(self._grid)
        else:
            height, width = self._grid
            in_row = self._syntax.row_length(width)
            row, rest = divmod(len(ids) - self._head, in_row)
            if rest == 0 and row <= height:
                yield ImageRow(row - 1, self._syntax.read_rows(torch.tensor(ids[-in_row:]), width, first=row)[:, 0])

    def _decoded(self) -> str:
        text = self._processor.decode_text(torch.tensor(self._text))
        # Only what begins an answer has a space that belongs to how its turn is written.
        before = [Text("-")] if self._begun else []
        parts = self._turns.answer([*before, Text(text)])
        return "".join(part.text for part in parts[len(before) :] if isinstance(part, Text))

    def _close_text(self) -> Iterator[TextDelta]:
        if self._text:
            yield from self._send(self._decoded())
        self._text, self._sent, self._begun = [], 0, True

    def _send(self, text: str) -> Iterator[TextDelta]:
        if len(text) > self._sent:
            yield TextDelta(text[self._sent :])
            self._sent = len(text)
