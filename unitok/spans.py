"""The strict reader of token ids: which run of ids is which part of which turn.

Shape letters: S sequence, K codebooks, h w code grid.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unitok.document import Role
from unitok.image_syntax import ImageSyntax
from unitok.vocabulary import TEXT, Vocabulary
from unitok_tokenizers.errors import InputError


@dataclass(frozen=True, eq=False)
class Span:
    """The ids of one part, ``ids[start:stop]``, delimiters included.

    Attributes:
        modality: ``"text"`` or ``"image"``.
        codes: int64 ``[K, h, w]`` of an image.
    """

    modality: str
    start: int
    stop: int
    codes: Tensor | None = None


@dataclass(frozen=True)
class TurnSpans:
    """The spans of one turn; ``ids[start:stop]`` is the whole turn, its role token and ``<eot>`` included."""

    role: Role | None
    start: int
    stop: int
    spans: tuple[Span, ...]


def parse_spans(vocabulary: Vocabulary, ids: Tensor) -> list[TurnSpans]:
    """Reads a whole document.

    Args:
        vocabulary: The ids' vocabulary.
        ids: int64 ``[S]``: ``<bos>``, turns, then optionally ``<eos>`` and any number of ``<pad>``.

    Raises:
        InputError: Anything else, naming the place and what was expected there.
    """
    return _Reader(vocabulary, ids).document()


def parse_turn(vocabulary: Vocabulary, ids: Tensor) -> tuple[Span, ...]:
    """Reads what was generated for a turn: parts, ``<eot>`` and any number of ``<pad>``.

    Args:
        vocabulary: The ids' vocabulary.
        ids: int64 ``[S]``, without the role token.

    Raises:
        InputError: Anything else, naming the place and what was expected there.
    """
    return _Reader(vocabulary, ids).generated()


class _Reader:
    def __init__(self, vocabulary: Vocabulary, ids: Tensor) -> None:
        if ids.dim() != 1:
            raise InputError(f"token ids must be [S], not {list(ids.shape)}")
        self.vocabulary, self.syntax = vocabulary, ImageSyntax(vocabulary)
        self.tensor = ids.detach().cpu()
        self.is_text: list[bool] = (vocabulary.modality_of(self.tensor) == TEXT).tolist()
        self.ids: list[int] = self.tensor.tolist()
        self.place = 0

    def document(self) -> list[TurnSpans]:
        self._take(self.vocabulary.bos, "<bos>")
        turns = []
        while (next_id := self._peek()) not in (None, self.vocabulary.eos, self.vocabulary.pad):
            turns.append(self._turn(next_id))
        if next_id == self.vocabulary.eos:
            self.place += 1
        self._padding()
        return turns

    def generated(self) -> tuple[Span, ...]:
        spans = self._parts()
        self._take(self.vocabulary.eot, "<eot>")
        self._padding()
        return spans

    def _turn(self, next_id: int | None) -> TurnSpans:
        start = self.place
        role: Role | None = None
        if next_id == self.vocabulary.user:
            role = "user"
        elif next_id == self.vocabulary.assistant:
            role = "assistant"
        if role is not None:
            self.place += 1
        spans = self._parts()
        if role is not None:
            self._take(self.vocabulary.eot, "<eot>")
        elif not spans:
            raise self._unexpected("a turn")
        return TurnSpans(role, start, self.place, spans)

    def _parts(self) -> tuple[Span, ...]:
        spans = []
        while (next_id := self._peek()) is not None:
            if self.is_text[self.place]:
                spans.append(self._text())
            elif next_id == self.vocabulary.boi:
                spans.append(self._image())
            else:
                break
        return tuple(spans)

    def _text(self) -> Span:
        start = self.place
        while self.place < len(self.ids) and self.is_text[self.place]:
            self.place += 1
        return Span("text", start, self.place)

    def _image(self) -> Span:
        start = self.place
        self.place += 1
        height, width = self._size(), self._size()
        first = self.place
        stop = first + self.syntax.length(height, width)
        if stop >= len(self.ids):
            raise InputError(f"the image at place {start} is cut off")
        codes = self.syntax.read(self.tensor[first:stop], height, width)
        self.place = stop
        self._take(self.vocabulary.eoi, "<eoi>")
        return Span("image", start, self.place, codes)

    def _size(self) -> int:
        next_id = self._peek()
        try:
            size = self.vocabulary.size_of(-1 if next_id is None else next_id)
        except InputError:
            raise self._unexpected("a size token") from None
        self.place += 1
        return size

    def _padding(self) -> None:
        pad = self.vocabulary.pad
        while self.place < len(self.ids):
            self._take(pad, "<pad>")

    def _peek(self) -> int | None:
        return self.ids[self.place] if self.place < len(self.ids) else None

    def _take(self, token_id: int, name: str) -> None:
        if self._peek() != token_id:
            raise self._unexpected(name)
        self.place += 1

    def _unexpected(self, wanted: str) -> InputError:
        next_id = self._peek()
        found = "the end" if next_id is None else f"token id {next_id}"
        return InputError(f"token ids are malformed: expected {wanted} at place {self.place}, but found {found}")
