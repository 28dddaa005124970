"""An answer in the making: where it stands in its plan, and what is guessed of what comes.

Shape letters: n ids of a block.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from torch import Tensor

from unitok.engine.blocks import Block
from unitok.engine.planning import Draw, Plan
from unitok.engine.sampling import Sampling, SamplingParams, uniforms
from unitok.grammar import Request


@dataclass(frozen=True, eq=False)
class Query:
    """What one answer is asked for.

    Attributes:
        prompt: Token ids, ending where the answer starts.
        request: What it may hold; ``max_tokens`` fits into the context.
        sampling: How its tokens are drawn.
        seed: Of its random numbers, at least 0.
        unconditional: The prompt that says nothing; None when the answer is not guided.
    """

    prompt: Sequence[int]
    request: Request
    sampling: Sampling
    seed: int
    unconditional: Sequence[int] | None = None

    @property
    def beginnings(self) -> list[Sequence[int]]:
        """What each of the answer's rows begins with."""
        return [self.prompt] if self.unconditional is None else [self.prompt, self.unconditional]


@dataclass(eq=False)
class Answer:
    """What there is of an answer.

    Attributes:
        token_ids: So far.
        done: Whether that is all.
    """

    token_ids: list[int] = field(default_factory=list)
    done: bool = False


class Random(NamedTuple):
    """The random numbers of an answer, in [0, 1), one of each kind for each of its places.

    Attributes:
        draw: What a token is drawn with.
        test: What a guess is tested with.
        replacement: What a token is drawn with instead of a guess.
    """

    draw: list[float]
    test: list[float]
    replacement: list[float]

    @classmethod
    def of(cls, seed: int, count: int) -> Random:
        """The numbers of a seed; those of a place do not depend on how many there are.

        Raises:
            InputError: The seed is out of range.
        """
        (draw,) = uniforms([seed], count).tolist()
        test, replacement = np.random.default_rng([seed, 1]).random((count, 2), dtype=np.float32).T.tolist()
        return cls(draw, test, replacement)


@dataclass(eq=False, slots=True)
class Draft:
    """A token that is guessed for a draw.

    Attributes:
        token_id: The token.
        place: Its place in the block.
        share: Its share of ``shares``.
        shares: float32 ``[n]``, the distribution that it was drawn from.
    """

    token_id: int
    place: int
    share: float
    shares: Tensor


@dataclass(eq=False, slots=True)
class Cell:
    """A draw whose logits the decoder has computed.

    Attributes:
        live: Of which answer.
        draw: What is drawn.
        number: The token's number in the answer.
        back: How many of the row's tokens are behind the one that the logits follow.
        draft: What was guessed for the draw, if anything: what was fed behind that token.
    """

    live: Live
    draw: Draw
    number: int
    back: int
    draft: Draft | None


@dataclass(eq=False)
class Live:
    """An answer whose rows are in the batch.

    Attributes:
        query: What was asked for.
        answer: What there is.
        random: Of each place of the answer.
        plan: What comes.
        rows: Its own row and, of a guided one, the unconditional.
        place: The draw of the plan that comes next.
        pending: Tokens of the answer that the decoder has not seen.
        drafts: Guesses for the draws that come next.
        guessed: How many tokens the decoder has seen that were guesses.
        known: The distribution that was last seen of each block.
        with_codes: Whether the unconditional row has begun to follow the answer.
    """

    query: Query
    answer: Answer
    random: Random
    plan: Plan
    rows: list[int]
    place: int = 0
    pending: list[int] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    guessed: int = 0
    known: dict[Block, Tensor] = field(default_factory=dict)
    with_codes: bool = False

    def fed(self, token_ids: Sequence[int], media_starts: Set[int]) -> list[Sequence[int]]:
        """What each row sees of new tokens.

        Words in front of codes are kept from the unconditional row: they may say what is wanted, as the prompt does.
        """
        if len(self.rows) == 1:
            return [token_ids]
        first = 0
        if not self.with_codes:
            starts = (place for place, token_id in enumerate(token_ids) if token_id in media_starts)
            first = next(starts, len(token_ids))
            self.with_codes = first < len(token_ids)
        return [token_ids, token_ids[first:]]

    @property
    def window(self) -> int:
        """Draws that go through the decoder at once."""
        return self.query.sampling.window

    def params(self, draw: Draw) -> SamplingParams:
        """How a token is drawn."""
        return self.query.sampling.params(draw.modality)

    def scale(self, draw: Draw) -> float:
        """Of the guidance of a draw."""
        return self.query.sampling.scale(draw.codes) if len(self.rows) > 1 else 1.0

    def guesses(self) -> list[int]:
        """The drafts, with what is forced around them."""
        draws = self.plan.draws[self.place :]
        return [one for draft, draw in zip(self.drafts, draws, strict=False) for one in (draft.token_id, *draw.after)]

    def cells(self) -> list[Cell]:
        """The draws that can be made once the pending tokens and the guesses have gone through the decoder."""
        number = len(self.answer.token_ids)
        back, cells = len(self.guesses()), []
        for draw, draft in zip(self.plan.draws[self.place :], [*self.drafts, None], strict=False):
            cells.append(Cell(self, draw, number, back, draft))
            number += 1 + len(draw.after)
            back -= 1 + len(draw.after)
        return cells

    def take(self, token_ids: Sequence[int]) -> list[int]:
        """Goes on by the tokens of the next draws; returns them with what is forced around them."""
        new: list[int] = []
        for token_id in token_ids:
            self.pending = [token_id, *self.plan.draws[self.place].after]
            self.place += 1
            new += self.pending
        return new
