"""How the turns of a document are told apart, in token ids and in text.

Shape letters: S sequence, V vocabulary.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from unitok.document import Part, Role, Text, Turn
from unitok.syntax import SeparatedTurns, SpokenTurns
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

Piece = int | str
"""A token id, or text that is tokenized together with the text beside it."""


class TurnSyntax(ABC):
    """What stands around the parts of a turn."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    @property
    def system(self) -> list[Piece]:
        """Between ``<bos>`` and the first turn."""
        return []

    @abstractmethod
    def check(self, turns: Sequence[Turn]) -> None:
        """Raises InputError for turns that could not be told apart again."""

    def text(self, text: str) -> str:
        """A text part as it is written."""
        return text

    @abstractmethod
    def begin(self, role: Role) -> list[Piece]:
        """In front of the parts of a turn with a role."""

    @abstractmethod
    def end(self, role: Role) -> list[Piece]:
        """Behind them."""

    @property
    @abstractmethod
    def ends(self) -> list[int]:
        """The ids any of which ends an answer."""

    @property
    def prompt(self) -> list[Piece]:
        """Behind the last turn, where the answer starts."""
        return self.begin("assistant")

    @property
    def unconditional(self) -> list[Piece]:
        """A user's turn that says nothing, for guidance."""
        return [*self.begin("user"), *self.end("user")]

    @abstractmethod
    def targets(self, ids: Tensor) -> Tensor:
        """Which tokens of ``[..., S]`` the model is to learn, as :meth:`unitok.processor.Processor.targets` says."""

    def turns(self, turn: Turn) -> list[Turn]:
        """The turns in one that was read without a role: that one, unless words tell turns apart."""
        return [turn]

    def answer(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """The parts of an answer without what belongs to how its turn is written."""
        return tuple(parts)


class RoleSyntax(TurnSyntax):
    """:class:`~unitok.syntax.RoleTurns`."""

    def check(self, turns: Sequence[Turn]) -> None:
        """All turns can be told apart."""

    def begin(self, role: Role) -> list[Piece]:
        return [self._vocabulary.user if role == "user" else self._vocabulary.assistant]

    def end(self, role: Role) -> list[Piece]:
        return [self._vocabulary.eot]

    @property
    def ends(self) -> list[int]:
        return [self._vocabulary.eot]

    @property
    def unconditional(self) -> list[Piece]:
        return [*self.begin("user"), self._vocabulary.uncond, *self.end("user")]

    def targets(self, ids: Tensor) -> Tensor:
        v = self._vocabulary
        marks = torch.zeros(v.size, dtype=torch.int64, device=ids.device)
        outside, user, assistant = 1, 2, 3
        marks[[v.bos, v.eos, v.pad, v.eot]] = outside
        marks[v.user], marks[v.assistant] = user, assistant
        mark = marks[ids]
        places = torch.arange(ids.shape[-1], device=ids.device).expand_as(ids)
        latest = torch.where(mark > 0, places, 0).cummax(dim=-1).values
        turn = mark.gather(-1, latest)  # the kind of turn that each token lies in
        before = torch.cat([torch.full_like(turn[..., :1], outside), turn[..., :-1]], dim=-1)
        content = (mark == 0) & ((turn == assistant) | (turn <= outside))
        return (content | ((ids == v.eot) & (before == assistant))).to(torch.uint8)


class SeparatedSyntax(TurnSyntax):
    """:class:`~unitok.syntax.SeparatedTurns`; the user has the first turn."""

    def check(self, turns: Sequence[Turn]) -> None:
        wanted: list[Role] = ["user", "assistant"]
        plain = len(turns) == 1 and turns[0].role is None
        if not plain and any(turn.role != wanted[place % 2] for place, turn in enumerate(turns)):
            raise InputError("this model's documents are turns of user and assistant by turns, the user first")

    def begin(self, role: Role) -> list[Piece]:
        return []

    def end(self, role: Role) -> list[Piece]:
        return [self._vocabulary.eot]

    @property
    def ends(self) -> list[int]:
        return [self._vocabulary.eot, self._vocabulary.eos]

    def targets(self, ids: Tensor) -> Tensor:
        v = self._vocabulary
        ended = (ids == v.eot).long()
        document = (ids == v.bos).long().cumsum(-1)
        counts = torch.zeros(*ids.shape[:-1], ids.shape[-1] + 1, dtype=torch.int64, device=ids.device)
        total = counts.scatter_add(-1, document, ended)  # turns that end in each document of a row
        earlier = (total.cumsum(-1) - total).gather(-1, document)
        turn = ended.cumsum(-1) - ended - earlier  # 0 in the first turn of a document
        plain = total.gather(-1, document) == 0
        outside = (ids == v.bos) | (ids == v.eos) | (ids == v.pad)
        return (~outside & (plain | (turn % 2 == 1))).to(torch.uint8)


class SpokenSyntax(TurnSyntax):
    """:class:`~unitok.syntax.SpokenTurns`."""

    def __init__(self, vocabulary: Vocabulary, settings: SpokenTurns) -> None:
        super().__init__(vocabulary)
        self._settings = settings
        self._words: dict[str, Role] = {settings.user.strip(): "user", settings.assistant.strip(): "assistant"}
        self._plain = not (settings.user or settings.assistant)

    def check(self, turns: Sequence[Turn]) -> None:
        if not self._plain and any(turn.role is None for turn in turns) and len(turns) > 1:
            raise InputError("this model's documents are turns with roles, or one without")

    def text(self, text: str) -> str:
        return text + self._settings.end

    @property
    def system(self) -> list[Piece]:
        return [self._settings.system]

    def begin(self, role: Role) -> list[Piece]:
        return [self._settings.user if role == "user" else self._settings.assistant]

    def end(self, role: Role) -> list[Piece]:
        return []

    @property
    def prompt(self) -> list[Piece]:
        return [self._settings.assistant.rstrip()]  # the space is the beginning of the answer's first word

    @property
    def ends(self) -> list[int]:
        return [self._vocabulary.eos]

    def targets(self, ids: Tensor) -> Tensor:
        if not self._plain:
            raise InputError("documents of a model whose turns are told apart by words cannot be made into targets")
        v = self._vocabulary
        return (~((ids == v.bos) | (ids == v.eos) | (ids == v.pad))).to(torch.uint8)

    def turns(self, turn: Turn) -> list[Turn]:
        if self._plain:
            return [turn]
        if not any(word in turn.text for word in self._words):
            return [Turn(self._stripped(turn.parts))]
        pattern = re.compile("|".join(f"({re.escape(word)})" for word in self._words))
        found: list[tuple[Role | None, list[Part]]] = [(None, [])]
        for part in turn.parts:
            if not isinstance(part, Text):
                found[-1][1].append(part)
                continue
            for piece in pattern.split(part.text):
                if piece in self._words:
                    found.append((self._words[piece], []))
                elif piece:
                    found[-1][1].append(Text(piece))
        if found[0][1] in ([], [Text(self._settings.system)]):
            del found[0]
        return [Turn(self._stripped(parts), role) for role, parts in found]

    def answer(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        return tuple(parts) if self._plain else self._stripped(parts)

    def _stripped(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """Without the space behind the turn's word, and without what ends a text."""
        end = self._settings.end
        kept = [Text(part.text.removesuffix(end)) if isinstance(part, Text) else part for part in parts]
        if kept and isinstance(kept[0], Text):
            kept[0] = Text(kept[0].text.removeprefix(" "))
        return tuple(part for part in kept if part != Text(""))


def turn_syntax(vocabulary: Vocabulary) -> TurnSyntax:
    """How a vocabulary tells turns apart."""
    settings = vocabulary.turns
    if isinstance(settings, SpokenTurns):
        return SpokenSyntax(vocabulary, settings)
    return SeparatedSyntax(vocabulary) if isinstance(settings, SeparatedTurns) else RoleSyntax(vocabulary)
