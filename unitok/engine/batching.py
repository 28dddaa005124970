"""Answers that are written together; each may begin and end while the others go on.

Shape letters: B answers of a group, n ids of a block.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitok.engine.blocks import Block, Blocks
from unitok.engine.forward import Forward
from unitok.engine.planning import Draw, Plan, Planner, State
from unitok.engine.rows import Rows
from unitok.engine.sampling import Sampler, Sampling, guide, uniforms
from unitok.grammar import Request
from unitok.vocabulary import IMAGE
from unitok_tokenizers.errors import InputError


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


@dataclass(eq=False)
class Answer:
    """An answer in the making.

    Attributes:
        token_ids: What there is of it.
        done: Whether that is all.
    """

    token_ids: list[int] = field(default_factory=list)
    done: bool = False


@dataclass(eq=False)
class _Live:
    """An answer whose rows are in the batch."""

    query: Query
    answer: Answer
    sampler: Sampler
    random: list[float]  # of each place of the answer
    plan: Plan
    rows: list[int]  # its own and, of a guided one, the unconditional
    place: int = 0  # the draw of the plan that comes next
    pending: list[int] = field(default_factory=list)  # tokens that the decoder has not seen

    @property
    def draw(self) -> Draw:
        return self.plan.draws[self.place]

    @property
    def scale(self) -> float:
        """Of the guidance of the next draw."""
        guided = self.draw.codes == IMAGE and len(self.rows) > 1
        return self.query.sampling.guidance_scale if guided else 1.0


class Batch:
    """A running batch.

    An answer depends on its own query, and not on what it is written together with.

    Args:
        forward: The decoder, whose memory is the batch's alone.
        planner: Of the grammar.
        blocks: Of the grammar.
        size: Answers that are written at once; others wait.
    """

    def __init__(self, forward: Forward, planner: Planner, blocks: Blocks, size: int) -> None:
        self._rows = Rows(forward)
        self._device = forward.device
        self._planner, self._blocks, self._size = planner, blocks, size
        self._samplers: dict[Sampling, Sampler] = {}
        self._waiting: deque[tuple[Query, Answer, list[float]]] = deque()
        self._live: list[_Live] = []

    def submit(self, query: Query) -> Answer:
        """Takes a query on; :meth:`step` writes the answer.

        Raises:
            InputError: The seed is out of range.
        """
        answer = Answer()
        self._waiting.append((query, answer, uniforms([query.seed], query.request.max_tokens)[0].tolist()))
        return answer

    def cancel(self, answer: Answer) -> None:
        """Gives an answer up; what there is of it stays."""
        answer.done = True
        self._waiting = deque(one for one in self._waiting if one[1] is not answer)
        self._drop_done()

    @property
    def busy(self) -> bool:
        """Whether an answer is not done."""
        return bool(self._waiting or self._live)

    @torch.inference_mode()
    def step(self) -> list[tuple[Answer, list[int]]]:
        """Writes on at all answers that are not waiting: a token that is drawn, and those that are forced around it.

        Returns:
            Each answer that has gone on, with its new tokens.

        Raises:
            InputError: The decoder's logits are not numbers.
        """
        self._feed()
        news = {one.answer: [*one.plan.head] for one in self._admit()}
        drawing = [one for one in self._live if one.plan.draws]
        following: list[tuple[_Live, State, int]] = []
        for one, token_id in zip(drawing, self._draw(drawing), strict=True):
            one.pending = [token_id, *one.draw.after]
            one.place += 1
            if one.place == len(one.plan.draws) and one.plan.state is not None:
                following.append((one, one.plan.state, token_id))
        plans = self._planner.following([(state, token_id) for _, state, token_id in following])
        for (one, _, _), plan in zip(following, plans, strict=True):
            one.plan, one.place = plan, 0
            one.pending += plan.head
        for one in self._live:
            news.setdefault(one.answer, []).extend(one.pending)
            one.answer.token_ids += one.pending
            one.answer.done = one.place == len(one.plan.draws)
        self._drop_done()
        return list(news.items())

    def _drop_done(self) -> None:
        for one in self._live:
            if one.answer.done:
                for row in one.rows:
                    self._rows.clear(row)
        self._live = [one for one in self._live if not one.answer.done]

    def _feed(self) -> None:
        """Puts what was written last through the decoder."""
        if not self._live:
            return
        count = len(self._rows.lengths)
        used = sorted(row for one in self._live for row in one.rows)
        # Dropping rows copies the memory, which pays once a good part of them has ended and nobody takes their place.
        if not self._waiting and 4 * (count - len(used)) >= count:
            self._rows.keep(used)
            places = {row: place for place, row in enumerate(used)}
            for one in self._live:
                one.rows = [places[row] for row in one.rows]
            count = len(used)
        tokens: list[Sequence[int]] = [()] * count
        for one in self._live:
            for row in one.rows:
                tokens[row] = one.pending
        self._rows.feed(tokens)

    def _admit(self) -> list[_Live]:
        """Begins answers that wait, as many as there is room for."""
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._size - len(self._live)))]
        if not taken:
            return []
        plans = self._planner.first([query.request for query, _, _ in taken])
        used = {row for one in self._live for row in one.rows}
        if not used:
            self._rows.keep([])
        free = (row for row in itertools.count() if row not in used)
        fresh, rows, prompts = [], [], []
        for (query, answer, random), plan in zip(taken, plans, strict=True):
            if query.sampling not in self._samplers:
                self._samplers[query.sampling] = Sampler(query.sampling, self._device)
            beginnings = [query.prompt] if query.unconditional is None else [query.prompt, query.unconditional]
            own_rows = [next(free) for _ in beginnings]
            fresh.append(_Live(query, answer, self._samplers[query.sampling], random, plan, own_rows))
            answer.token_ids += plan.head
            rows += own_rows
            prompts += [[*beginning, *plan.head] for beginning in beginnings]
        self._rows.put(rows, prompts)
        self._live += fresh
        return fresh

    def _draw(self, drawing: Sequence[_Live]) -> list[int]:
        """The next token of each answer."""
        groups: dict[tuple[Block, Sampler, float], list[int]] = {}
        for number, one in enumerate(drawing):
            block = self._blocks.of_row[one.draw.mask]
            assert block is not None
            groups.setdefault((block, one.sampler, one.scale), []).append(number)
        drawn = [0] * len(drawing)
        for (block, sampler, scale), numbers in groups.items():
            for number, token_id in zip(
                numbers, self._draw_group(block, sampler, scale, [drawing[number] for number in numbers]), strict=True
            ):
                drawn[number] = token_id
        return drawn

    def _draw_group(self, block: Block, sampler: Sampler, scale: float, group: list[_Live]) -> list[int]:
        """The next token of answers that draw from the same block in the same way."""
        logits = self._logits(block, scale, group)
        masks = [one.draw.mask for one in group]
        allowed = None if block.whole_rows.issuperset(masks) else block.columns[torch.tensor(masks)]
        modality = torch.tensor([one.draw.modality for one in group], device=self._device)
        random = torch.tensor([one.random[len(one.answer.token_ids)] for one in group], device=self._device)
        places, usable = sampler.draw(logits, allowed, modality, random)
        *token_ids, all_usable = torch.cat([block.ids[places], usable.all()[None]]).tolist()
        if not all_usable:
            raise InputError(
                "the decoder's logits are not finite numbers; the checkpoint is damaged, or it needs "
                "another dtype or a lower guidance_scale"
            )
        return token_ids

    def _logits(self, block: Block, scale: float, group: list[_Live]) -> Tensor:
        """float ``[B, n]``, guided by ``scale``."""
        rows = [one.rows[0] for one in group]
        if scale != 1.0:
            rows += [one.rows[1] for one in group]
        in_order = rows == list(range(len(self._rows.lengths)))
        logits = self._rows.logits(block, None if in_order else [(row, 0) for row in rows])
        return logits if scale == 1.0 else _guided(logits, scale)


def _guided(logits: Tensor, scale: float) -> Tensor:
    """float ``[B, n]`` of ``[2 * B, n]``: the conditional rows, and then the unconditional."""
    cond, uncond = logits.float().chunk(2)
    return guide(cond, uncond, scale)
