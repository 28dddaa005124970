"""Rows of different lengths that a decoder extends together: how long each is, and where its tokens go.

Shape letters: n rows, L columns of a pass, C columns of the memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unitok.engine.blocks import Block
from unitok.engine.forward import Forward, Pass
from unitok.engine.key_values import COLUMNS

GROWTH = 128
"""Columns that a full memory gains at least."""

PROMPT_TOKENS = 8192
"""Tokens of prompts that go through the decoder at once, padding included."""


class Rows:
    """Row ``i`` stands in slot ``i`` of the decoder's memory.

    What is computed for a row does not depend on the other rows.

    Args:
        forward: The decoder; its memory serves these rows alone.

    Attributes:
        lengths: Tokens of each row.
    """

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._device = forward.device
        self._slots, self._columns = 0, 0  # what is reserved
        self._numbers = torch.arange(0, device=self._device)  # of the columns
        self._outcome: Tensor | None = None  # [n, columns of the last pass that were kept, *]
        self.lengths: list[int] = []

    def put(self, slots: Sequence[int], prompts: Sequence[Sequence[int]]) -> None:
        """Begins a row with each prompt; see :meth:`advance`."""
        self.advance([], 1, slots, prompts)

    def feed(self, token_ids: Sequence[Sequence[int]], keep: int = 1) -> None:
        """Appends tokens to each row; see :meth:`advance`."""
        self.advance(token_ids, keep, [], [])

    def advance(
        self, token_ids: Sequence[Sequence[int]], keep: int, slots: Sequence[int], prompts: Sequence[Sequence[int]]
    ) -> None:
        """Appends tokens to each row, and begins rows, as far as possible in one pass.

        Args:
            token_ids: Of each row, in the order of the slots, a different number to each; a row may be given none.
                Empty: no row goes on.
            keep: How many tokens at the end of each row :meth:`logits` is asked about.
            slots: Where rows begin: in place of rows that are given no tokens, or behind them without a gap.
            prompts: Token ids of those that begin, none of them empty. Equal prompts go through the decoder once.
        """
        if not token_ids and not prompts:
            return
        starts = self.lengths
        lengths = [start + len(ids) for start, ids in zip(starts, token_ids, strict=True)] if token_ids else [*starts]
        self.lengths = lengths + [0] * (max(slots, default=-1) + 1 - len(lengths))
        self._reserve(len(self.lengths), max([*lengths, *map(len, prompts)], default=0))
        passes = [self._continuing(token_ids, starts, lengths, keep)] if token_ids else []
        first: dict[tuple[int, ...], int] = {}
        sources = [first.setdefault(tuple(prompt), slot) for slot, prompt in zip(slots, prompts, strict=True)]
        for slot, prompt in zip(slots, prompts, strict=True):
            self.lengths[slot] = len(prompt)
        chunks = _chunks(sorted(first.items(), key=lambda item: len(item[0])))
        for number, chunk in enumerate(chunks or [[]]):
            begun = [slot for _, slot in chunk]
            if begun:
                passes.append(self._beginning(begun, [ids for ids, _ in chunk]))
            outcomes = self._forward.run(passes)
            if number == 0 and token_ids:
                self._outcome = outcomes[0]
            if begun:
                self._set_outcome(begun, outcomes[-1])
            passes = []
        copied = [(source, slot) for source, slot in zip(sources, slots, strict=True) if source != slot]
        if copied:
            self.copy(*zip(*copied, strict=True))

    def _continuing(
        self, token_ids: Sequence[Sequence[int]], starts: Sequence[int], lengths: Sequence[int], keep: int
    ) -> Pass:
        """The pass that makes rows of ``starts`` tokens rows of ``lengths`` tokens."""
        counts = [len(ids) for ids in token_ids]
        width, columns = max(counts), -(-max(lengths) // COLUMNS) * COLUMNS
        tokens, positions, places = [], [], []
        real: list[int] = []
        for slot, (ids, start, count) in enumerate(zip(token_ids, starts, counts, strict=True)):
            padding, first = width - count, slot * self._columns
            tokens.append([*[0] * padding, *ids])
            positions.append([*[0] * padding, *range(start, start + count)])
            places += [*[first + self._columns - 1] * padding, *range(first + start, first + start + count)]
            real += range(slot * width + padding, (slot + 1) * width)
        positions = torch.tensor(positions, device=self._device)
        mask = self._numbers[:columns] <= positions[:, None, :, None]
        tokens = torch.tensor(tokens, device=self._device)
        return Pass(tokens, positions, places, mask, columns, keep, lengths, _padded(real, tokens))

    def forget(self, row: int, count: int) -> None:
        """Takes the last tokens of a row back; :meth:`logits` knows nothing of what was in front of them."""
        self.lengths[row] -= count

    def clear(self, row: int) -> None:
        """Ends a row; its slot stays, with nothing in it, until another begins there or :meth:`keep` drops it."""
        self.lengths[row] = 0

    def copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Makes row ``targets[i]`` what row ``sources[i]`` is."""
        self._forward.copy(sources, targets, max(self.lengths[row] for row in sources))
        assert self._outcome is not None
        self._set_outcome(targets, self._outcome[torch.tensor(sources, device=self._device)])
        lengths = [self.lengths[row] for row in sources]
        for row, length in zip(targets, lengths, strict=True):
            self.lengths[row] = length

    def keep(self, rows: Sequence[int]) -> None:
        """Makes row ``rows[i]`` row ``i``; the others leave."""
        moved = [(row, place) for place, row in enumerate(rows) if row != place]
        if moved:
            self.copy(*zip(*moved, strict=True))
        self.lengths = self.lengths[: len(rows)]
        if self._outcome is not None:
            self._outcome = self._outcome[: len(rows)]

    def logits(self, block: Block, places: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """float ``[m, ids of the block]``: the logits of the tokens that come next.

        Args:
            block: Whose logits are wanted.
            places: ``(row, back)``: behind the token that is the row's last but ``back``; by default behind the last
                token of each row.
        """
        assert self._outcome is not None
        if places is None:
            return self._forward.logits(self._outcome[:, -1], block)
        rows, back = torch.tensor(places, device=self._device).T
        return self._forward.logits(self._outcome[rows, self._outcome.shape[1] - 1 - back], block)

    def _reserve(self, slots: int, length: int) -> None:
        if slots <= self._slots and length < self._columns:
            return
        if slots > self._slots:
            self._slots = max(slots, 2 * self._slots)
        if length >= self._columns:
            wanted = max(length + GROWTH, 2 * self._columns)
            self._columns = -(-wanted // COLUMNS) * COLUMNS
        self._slots, self._columns = self._forward.reserve(self._slots, self._columns)
        if len(self._numbers) != self._columns:
            self._numbers = torch.arange(self._columns, device=self._device)

    def _beginning(self, slots: list[int], prompts: list[tuple[int, ...]]) -> Pass:
        """The pass that begins rows; all its tensors are made on the host, where they are known."""
        width = max(map(len, prompts))
        counts = torch.tensor([len(ids) for ids in prompts])[:, None]
        tokens = torch.tensor([[*[0] * (width - len(ids)), *ids] for ids in prompts])
        columns = torch.arange(width)
        positions = columns - (width - counts)
        real = positions >= 0
        positions = positions.clamp(min=0)
        places = torch.tensor(slots)[:, None] * self._columns + positions.where(real, self._columns - 1)
        mask = None
        kept = real.flatten().nonzero()[:, 0].tolist()
        if len(kept) < real.numel():
            # Padding sees itself: a line that sees nothing would turn into NaN.
            itself = columns == columns[:, None]
            mask = ((columns <= columns[:, None]) & (real[:, None] | itself))[:, None].to(self._device)
        device = self._device
        padded = _padded(kept, tokens)
        return Pass(tokens.to(device), positions.to(device), places.flatten().tolist(), mask, 0, 1, real=padded)

    def _set_outcome(self, rows: Sequence[int], outcome: Tensor) -> None:
        """Puts the outcomes ``[m, kept, *]`` of some rows beside those of the others."""
        count, old = len(self.lengths), self._outcome
        if old is None or len(old) < count:
            fresh = outcome.new_zeros(count, 1 if old is None else old.shape[1], *outcome.shape[2:])
            if old is not None:
                fresh[: len(old)] = old
            self._outcome = fresh
        assert self._outcome is not None
        self._outcome[torch.tensor(rows, device=self._device), -outcome.shape[1] :] = outcome


def _padded(real: list[int], tokens: Tensor) -> list[int] | None:
    """:attr:`Pass.real` of a pass of these tokens."""
    return None if len(real) == tokens.numel() else real


def _chunks(prompts: list[tuple[tuple[int, ...], int]]) -> list[list[tuple[tuple[int, ...], int]]]:
    """Splits prompts, which grow longer, so that each chunk has at most :data:`PROMPT_TOKENS`, or one prompt."""
    chunks: list[list[tuple[tuple[int, ...], int]]] = []
    for prompt in prompts:
        if not chunks or len(prompt[0]) * (len(chunks[-1]) + 1) > PROMPT_TOKENS:
            chunks.append([])
        chunks[-1].append(prompt)
    return chunks
