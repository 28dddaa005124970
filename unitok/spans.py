"""The strict reader of token ids: which run of ids is which part of which turn.

Shape letters: S sequence, K codebooks, h w code grid, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.document import Role
from unitok.image_syntax import ImageSyntax, image_syntax
from unitok.syntax import SeparatedTurns
from unitok.turn_syntax import turn_syntax
from unitok.vocabulary import TEXT, Vocabulary
from unitok_tokenizers.errors import InputError


@dataclass(frozen=True, eq=False)
class Span:
    """The ids of one part, ``ids[start:stop]``, delimiters included.

    Attributes:
        modality: ``"text"``, ``"image"`` or ``"audio"``.
        codes: int64 ``[K, h, w]`` of an image, ``[K, T]`` of a sound.
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
        self.vocabulary, self.images = vocabulary, image_syntax(vocabulary)
        self.sounds = AudioSyntax(vocabulary) if "audio" in vocabulary.specs else None
        self.ends = turn_syntax(vocabulary).ends
        self.tensor = ids.detach().cpu()
        self.is_text: list[bool] = (vocabulary.modality_of(self.tensor) == TEXT).tolist()
        self.ids: list[int] = self.tensor.tolist()
        self.place = 0

    def document(self) -> list[TurnSpans]:
        self._take(self.vocabulary.bos, "<bos>")
        turns: list[TurnSpans] = []
        separated = isinstance(self.vocabulary.turns, SeparatedTurns)
        while (next_id := self._peek()) not in (None, self.vocabulary.eos, self.vocabulary.pad):
            turns.append(self._separated_turn(len(turns)) if separated else self._turn(next_id))
        if next_id == self.vocabulary.eos:
            self.place += 1
        self._padding()
        return turns

    def generated(self) -> tuple[Span, ...]:
        spans = self._parts()
        if self._peek() not in self.ends:
            raise self._unexpected("the turn's end")
        self.place += 1
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

    def _separated_turn(self, number: int) -> TurnSpans:
        """Turn ``number``, from 0; the first is the user's, unless it is the only one and nothing ends it."""
        start = self.place
        spans = self._parts()
        if self._peek() == self.vocabulary.eot:
            self.place += 1
        elif number == 0 and spans and self._peek() in (None, self.vocabulary.eos, self.vocabulary.pad):
            return TurnSpans(None, start, self.place, spans)
        elif number % 2 == 0 or self._peek() != self.vocabulary.eos:
            raise self._unexpected("the turn's end")
        return TurnSpans("assistant" if number % 2 else "user", start, self.place, spans)

    def _parts(self) -> tuple[Span, ...]:
        spans = []
        while (next_id := self._peek()) is not None:
            if self.is_text[self.place]:
                spans.append(self._text())
            elif next_id == self.vocabulary.boi:
                spans.append(self._media("image", self.images))
            elif next_id == self.vocabulary.boa and self.sounds is not None:
                spans.append(self._media("audio", self.sounds))
            else:
                break
        return tuple(spans)

    def _text(self) -> Span:
        start = self.place
        while self.place < len(self.ids) and self.is_text[self.place]:
            self.place += 1
        return Span("text", start, self.place)

    def _media(self, modality: str, syntax: ImageSyntax | AudioSyntax) -> Span:
        start = self.place
        try:
            codes, length = syntax.read(self.tensor[start:])
        except InputError as error:
            raise InputError(f"{error}, at place {start}") from None
        self.place += length
        return Span(modality, start, self.place, codes)

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
