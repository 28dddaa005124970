"""Answers that are written together; each may begin and end while the others go on.

Shape letters: c cells, n ids of a block.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unitok.engine.blocks import Block, Blocks
from unitok.engine.forward import Forward
from unitok.engine.jacobi import Odds, extend, odds, settle
from unitok.engine.live import Answer, Cell, Live, Query, Random
from unitok.engine.planning import Planner, State
from unitok.engine.rows import Rows
from unitok.engine.sampling import SamplingParams, check_seed, draw, guide, shares
from unitok_tokenizers.errors import InputError

Groups = Mapping[tuple[Block, SamplingParams, float, bool], Sequence[Cell]]
"""Cells that are computed together: they draw from the same block, by the same settings and with the same
guidance, all in a window of guesses or none."""


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
        self._waiting: deque[tuple[Query, Answer]] = deque()
        self._live: list[Live] = []
        self._failure: Exception | None = None

    def submit(self, query: Query) -> Answer:
        """Takes a query on, as :meth:`~unitok.engine.engine.Engine.query` makes it; :meth:`step` writes the answer.

        Raises:
            InputError: The seed is out of range.
        """
        check_seed(query.seed)
        answer = Answer()
        self._waiting.append((query, answer))
        return answer

    def cancel(self, answer: Answer) -> None:
        """Gives an answer up; what there is of it stays."""
        answer.done = True
        self._skip_done()
        self._drop_done()

    @property
    def busy(self) -> bool:
        """Whether an answer is not done."""
        return bool(self._waiting or self._live)

    @torch.inference_mode()
    def step(self) -> list[tuple[Answer, list[int]]]:
        """Writes on at all answers that are not waiting: a token that is drawn, and those that are forced around it.

        Where codes are guessed there may be more.

        Returns:
            Each answer that has gone on, with its new tokens.

        Raises:
            InputError: The decoder's logits are not numbers. Behind any error the batch is of no use, and raises it
                again.
        """
        if self._failure is not None:
            raise self._failure
        try:
            return self._step()
        except BaseException as error:  # in the middle of a step, which cannot be taken up again
            stopped = RuntimeError("a step of this batch was interrupted; begin another batch")
            self._failure = error if isinstance(error, Exception) else stopped
            raise

    def _step(self) -> list[tuple[Answer, list[int]]]:
        news = {one.answer: [*one.plan.head] for one in self._advance()}
        drawing = [one for one in self._live if one.plan.draws]
        following: list[tuple[Live, State, int]] = []
        for one, token_ids in zip(drawing, self._draw(drawing), strict=True):
            new = one.take(token_ids)
            for row in one.rows:  # of what was guessed, the decoder keeps what stands
                self._rows.forget(row, one.guessed - (len(new) - len(one.pending)))
            one.answer.token_ids += new
            news.setdefault(one.answer, []).extend(new)
            if one.place == len(one.plan.draws) and one.plan.state is not None:
                following.append((one, one.plan.state, token_ids[-1]))
        plans = self._planner.following([(state, token_id) for _, state, token_id in following])
        for (one, _, _), plan in zip(following, plans, strict=True):
            one.plan, one.place = plan, 0
            one.pending += plan.head
            one.answer.token_ids += plan.head
            news[one.answer] += plan.head
        for one in self._live:
            one.answer.done = one.place == len(one.plan.draws)
        self._drop_done()
        for one in self._live:
            if one.window > 1:
                one.drafts = extend(one, one.drafts, one.window, self._blocks)
        return list(news.items())

    def _skip_done(self) -> None:
        while self._waiting and self._waiting[0][1].done:
            self._waiting.popleft()

    def _drop_done(self) -> None:
        for one in self._live:
            if one.answer.done:
                for row in one.rows:
                    self._rows.clear(row)
        self._live = [one for one in self._live if not one.answer.done]

    def _advance(self) -> list[Live]:
        """Puts what was written last through the decoder, and with it the prompts of answers that begin: these."""
        count = self._drop_rows()
        tokens: list[Sequence[int]] = [()] * count if self._live else []
        longest = 0
        for one in self._live:
            guesses = one.guesses()
            one.guessed = len(guesses)
            longest = max(longest, one.guessed)
            for row, new in zip(one.rows, one.fed([*one.pending, *guesses], self._planner.media_starts), strict=True):
                tokens[row] = new
        fresh = self._admit()
        prompts = [
            [*beginning, *new]
            for one in fresh
            for beginning, new in zip(
                one.query.beginnings, one.fed(one.plan.head, self._planner.media_starts), strict=True
            )
        ]
        self._rows.advance(tokens, 1 + longest, [row for one in fresh for row in one.rows], prompts)
        self._live += fresh
        return fresh

    def _drop_rows(self) -> int:
        """Drops rows that have ended; returns how many there are."""
        count = len(self._rows.lengths)
        used = {row for one in self._live for row in one.rows}
        # A row that moves is copied, which pays once a good part of them has ended and nobody takes their place.
        if not used or (not self._waiting and 4 * (count - len(used)) >= count):
            moving = (row for row in sorted(used) if row >= len(used))
            kept = [row if row in used else next(moving) for row in range(len(used))]
            self._rows.keep(kept)
            places = {row: place for place, row in enumerate(kept)}
            for one in self._live:
                one.rows = [places[row] for row in one.rows]
        return len(self._rows.lengths)

    def _admit(self) -> list[Live]:
        """Answers that waited and begin now, as many as there is room for."""
        taken: list[tuple[Query, Answer]] = []
        while self._waiting and len(self._live) + len(taken) < self._size:
            taken.append(self._waiting.popleft())
            self._skip_done()
        plans = self._planner.first([query.request for query, _ in taken]) if taken else []
        used = {row for one in self._live for row in one.rows}
        free = (row for row in itertools.count() if row not in used)
        fresh = []
        for (query, answer), plan in zip(taken, plans, strict=True):
            rows = [next(free) for _ in query.beginnings]
            random = Random.of(query.seed, query.request.max_tokens)
            fresh.append(Live(query, answer, random, plan, rows))
            answer.token_ids += plan.head
        return fresh

    def _draw(self, drawing: Sequence[Live]) -> list[list[int]]:
        """The next tokens of each answer: one, or more where guesses stand."""
        cells = [one.cells() for one in drawing]
        groups: dict[tuple[Block, SamplingParams, float, bool], list[Cell]] = {}
        for cell in itertools.chain(*cells):
            block = self._blocks.of_row[cell.draw.mask]
            assert block is not None
            one = cell.live
            key = block, one.params(cell.draw), one.scale(cell.draw), one.window > 1
            groups.setdefault(key, []).append(cell)
        guessing = {key: group for key, group in groups.items() if key[3]}
        tokens = self._draw_plainly({key: group for key, group in groups.items() if key not in guessing})
        known = self._odds(guessing)
        return [self._settle(row, known) if row[0] in known else [tokens[cell] for cell in row] for row in cells]

    def _draw_plainly(self, groups: Groups) -> dict[Cell, int]:
        tokens: dict[Cell, int] = {}
        for (block, params, scale, _), cells in groups.items():
            random = torch.tensor([cell.live.random.draw[cell.number] for cell in cells], device=self._device)
            logits = self._logits(block, scale, cells)
            places, usable = draw(logits, self._allowed(block, cells), params, random)
            *token_ids, all_usable = torch.cat([block.ids[places], usable.all()[None]]).tolist()
            _check(all_usable)
            tokens |= zip(cells, token_ids, strict=True)
        return tokens

    def _odds(self, groups: Groups) -> dict[Cell, Odds]:
        known: dict[Cell, Odds] = {}
        for (block, params, scale, _), cells in groups.items():
            logits = self._logits(block, scale, cells)
            distributions, usable = shares(logits, self._allowed(block, cells), params)
            _check(bool(usable.all()))
            for cell, one in zip(cells, odds(block, distributions, cells), strict=True):
                known[cell] = one
                cell.live.known[block] = one.fresh.shares
        return known

    def _settle(self, cells: Sequence[Cell], known: Mapping[Cell, Odds]) -> list[int]:
        token_ids, cells[0].live.drafts = settle(cells, [known[cell] for cell in cells], self._blocks)
        return token_ids

    def _allowed(self, block: Block, cells: Sequence[Cell]) -> Tensor | None:
        """bool ``[c, n]``; None when the whole block is allowed everywhere."""
        masks = [cell.draw.mask for cell in cells]
        return None if block.whole_rows.issuperset(masks) else block.columns[torch.tensor(masks)]

    def _logits(self, block: Block, scale: float, cells: Sequence[Cell]) -> Tensor:
        """float ``[c, n]``, guided by ``scale``."""
        places = [(cell.live.rows[0], cell.back) for cell in cells]
        if scale != 1.0:
            places += [(cell.live.rows[1], cell.back) for cell in cells]
        in_order = places == [(row, 0) for row in range(len(self._rows.lengths))]
        logits = self._rows.logits(block, None if in_order else places)
        return logits if scale == 1.0 else _guided(logits, scale)


def _check(usable: bool) -> None:
    if not usable:
        raise InputError(
            "the decoder's logits are not finite numbers; the checkpoint is damaged, or it needs "
            "another dtype or a lower guidance_scale"
        )


def _guided(logits: Tensor, scale: float) -> Tensor:
    """float ``[c, n]`` of ``[2 * c, n]``: the conditional rows, and then the unconditional."""
    cond, uncond = logits.float().chunk(2)
    return guide(cond, uncond, scale)
