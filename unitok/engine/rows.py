"""Rows of different lengths that a decoder extends together: how long each is, and where its tokens go.

Shape letters: n rows, L columns of a pass, C columns of the memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unitok.engine.blocks import Block
from unitok.engine.forward import Forward, Pass

GROWTH = 128
"""Columns that a full memory gains at least."""

STEP = 32
"""Columns are read in multiples of this, so that what a decoder prepares for a number of them serves some steps."""

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
        """Begins a row with each prompt, none of them empty.

        Args:
            slots: Where they go: in place of rows that are there, or behind them without a gap.
            prompts: Token ids. Equal prompts go through the decoder once.
        """
        added = max(slots) + 1 - len(self.lengths)
        self.lengths += [0] * max(added, 0)
        self._reserve(len(self.lengths), max(map(len, prompts)))
        first: dict[tuple[int, ...], int] = {}
        sources = [first.setdefault(tuple(prompt), slot) for slot, prompt in zip(slots, prompts, strict=True)]
        for slot, prompt in zip(slots, prompts, strict=True):
            self.lengths[slot] = len(prompt)
        for chunk in _chunks(sorted(first.items(), key=lambda item: len(item[0]))):
            outcome = self._forward.run(self._beginning([slot for _, slot in chunk], [ids for ids, _ in chunk]))
            self._set_outcome([slot for _, slot in chunk], outcome)
        copied = [(source, slot) for source, slot in zip(sources, slots, strict=True) if source != slot]
        if copied:
            self.copy(*zip(*copied, strict=True))

    def feed(self, token_ids: Sequence[Sequence[int]], keep: int = 1) -> None:
        """Appends tokens to each row, a different number to each; a row may be given none.

        Args:
            token_ids: Of each row, in the order of the slots.
            keep: How many tokens at the end of each row :meth:`logits` is asked about.
        """
        counts = [len(ids) for ids in token_ids]
        starts, width = self.lengths, max(counts)
        self.lengths = [start + count for start, count in zip(starts, counts, strict=True)]
        longest = max(self.lengths)
        self._reserve(len(counts), longest)
        tokens, positions, places = [], [], []
        for slot, (ids, start, count) in enumerate(zip(token_ids, starts, counts, strict=True)):
            padding, first = width - count, slot * self._columns
            tokens.append([*[0] * padding, *ids])
            positions.append([*[0] * padding, *range(start, start + count)])
            places += [*[first + self._columns - 1] * padding, *range(first + start, first + start + count)]
        device = self._device
        columns = -(-longest // STEP) * STEP
        positions = torch.tensor(positions, device=device)
        mask = self._numbers[:columns] <= positions[:, None, :, None]
        tokens = torch.tensor(tokens, device=device)
        self._outcome = self._forward.run(Pass(tokens, positions, places, mask, columns, keep))

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
        """Makes row ``rows[i]``, which rises with ``i``, row ``i``; the others leave."""
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
            self._columns = -(-wanted // STEP) * STEP
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
        if not bool(real.all()):
            # Padding sees itself: a line that sees nothing would turn into NaN.
            itself = columns == columns[:, None]
            mask = ((columns <= columns[:, None]) & (real[:, None] | itself))[:, None].to(self._device)
        device = self._device
        return Pass(tokens.to(device), positions.to(device), places.flatten().tolist(), mask, 0, 1)

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


def _chunks(prompts: list[tuple[tuple[int, ...], int]]) -> list[list[tuple[tuple[int, ...], int]]]:
    """Splits prompts, which grow longer, so that each chunk has at most :data:`PROMPT_TOKENS`, or one prompt."""
    chunks: list[list[tuple[tuple[int, ...], int]]] = [[]]
    for prompt in prompts:
        if chunks[-1] and len(prompt[0]) * (len(chunks[-1]) + 1) > PROMPT_TOKENS:
            chunks.append([])
        chunks[-1].append(prompt)
    return chunks
