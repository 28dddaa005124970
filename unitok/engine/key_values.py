"""The keys and values of all layers of a decoder, written in place.

Shape letters: l layers, n rows, L columns of a pass, C columns of the memory, H heads of keys, d head size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from unitok.engine.forward import Pass, additive
from unitok.precision import attends_alone_in

FEW = 4
"""Up to this many tokens are written one by one: on a CPU faster than one write by index."""

TOGETHER = 4
"""Rows whose attention reads the same columns on a CPU; others read their own, and not those of the longest row."""

COLUMNS = 32
"""Columns are read in multiples of this, so that what is prepared for a number of them serves some steps."""


class KeyValues:
    """The memory of a decoder whose layers are all alike.

    A head's columns lie side by side: attention of many rows then takes half as long as with a column's heads side by
    side.

    Args:
        layers: l.
        heads: H.
        size: d.
        like: A weight; gives the device and dtype.
    """

    def __init__(self, layers: int, heads: int, size: int, like: Tensor) -> None:
        self.dtype = like.dtype
        self._alone = attends_alone_in(self.dtype, like.device)  # what a single token of each row attends in
        self._memory = torch.empty(layers, 0, 2 * heads, 0, size, dtype=self.dtype, device=like.device)
        self._flat = self._memory.flatten(1, 3)  # [l, slots * 2 * H * C, d]
        self._lines = torch.arange(2 * heads, device=like.device)
        self._targets: list[tuple[Tensor, ...]] = []  # of each token of a short pass, and each layer, [2 * H, d]
        self._places: Tensor | None = None  # of a longer one
        self._parts: list[tuple[int, int, int]] = []  # first row, row behind the last, and columns that are read
        self._views: list[tuple[Tensor, ...]] = []  # keys and values of each layer and part, [rows, 2 * H, columns, d]
        self._masks: list[Tensor] = []  # of each part

    def reserve(self, slots: int, columns: int) -> tuple[int, int]:
        """Makes room, and returns how much there is; what is there is kept."""
        old = self._memory
        layers, old_slots, heads, old_columns, size = old.shape
        if slots <= old_slots and columns <= old_columns:
            return old_slots, old_columns
        slots, columns = max(slots, old_slots), max(columns, old_columns)
        self._memory = old.new_zeros(layers, slots, heads, columns, size)
        self._memory[:, :old_slots, :, :old_columns] = old
        self._flat = self._memory.flatten(1, 3)
        self._parts = []
        return slots, columns

    def clear(self) -> None:
        """Empties it; it stays as large as it is, and where it is."""
        self._memory.zero_()

    @property
    def layers(self) -> list[Tensor]:
        """Of each layer, ``[slots, 2 * H, C, d]``."""
        return list(self._memory.unbind())

    def copy(self, sources: Sequence[int], targets: Sequence[int], columns: int) -> None:
        """Makes the first columns of each target slot those of its source."""
        into, of = (torch.tensor(list(slots), device=self._memory.device) for slots in (targets, sources))
        for memory in self._memory.unbind():
            part = memory[:, :, :columns]
            part[into] = part[of]

    def begin(self, passes: Sequence[Pass]) -> None:
        """Makes ready for the layers of passes, of which at most the first reads the memory."""
        self._places, self._targets = None, []
        length = self._memory.shape[3]
        places = [
            place
            for rows in passes
            for place in (rows.places if rows.real is None else [rows.places[number] for number in rows.real])
        ]
        if len(places) <= FEW and self._memory.device.type == "cpu":
            self._targets = [self._memory[:, place // length, :, place % length].unbind() for place in places]
        else:
            numbers = torch.tensor(places, device=self._memory.device)[:, None]
            slots, columns = numbers // length, numbers % length
            self._places = ((slots * len(self._lines) + self._lines) * length + columns).flatten()
        if passes[0].columns:
            self._read(passes[0])

    def _read(self, rows: Pass) -> None:
        assert rows.mask is not None
        parts = list(_parts(rows, TOGETHER if self._memory.device.type == "cpu" else len(rows.token_ids)))
        mask = additive(rows.mask, self._alone if rows.token_ids.shape[1] == 1 else self.dtype)
        self._masks = [mask[first:end, :, :, :columns] for first, end, columns in parts]
        if parts == self._parts:
            return
        read = [self._memory[:, first:end, :, :columns].unbind() for first, end, columns in parts]
        self._views = list(zip(*read, strict=True))
        self._parts = parts

    def write(self, layer: int, new: Tensor) -> None:
        """Puts the keys and values ``[T, 2 * H, d]`` of all tokens that are no padding where they belong."""
        if self._places is not None:
            self._flat[layer].index_copy_(0, self._places, new.flatten(0, 1))
            return
        for token, targets in enumerate(self._targets):
            targets[layer].copy_(new[token])

    def attend(self, layer: int, queries: Tensor) -> Tensor:
        """:func:`attend` of ``[n, heads of queries, L, d]`` to what the pass reads."""
        dtype = self._masks[0].dtype  # what the pass attends in
        queries = queries.to(dtype)
        attended = []
        for (first, end, _), both, mask in zip(self._parts, self._views[layer], self._masks, strict=True):
            keys, values = both.to(dtype).chunk(2, dim=1)
            attended.append(attend(queries[first:end], keys, values, mask))
        return (attended[0] if len(attended) == 1 else torch.cat(attended)).to(self.dtype)


def _parts(rows: Pass, together: int) -> Iterator[tuple[int, int, int]]:
    """Rows of a pass that read the same columns: the first, the one behind the last, and how many columns."""
    count, first, columns = len(rows.token_ids), 0, 0
    for start in range(0, count, together):
        longest = max(rows.lengths[start : start + together])
        needed = max(-(-longest // COLUMNS), 1) * COLUMNS
        if start and needed != columns:
            yield first, start, columns
            first = start
        columns = needed
    yield first, count, columns


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attention ``[n, heads of queries, L, d]`` to ``[n, H, columns, d]``; without a mask, to what is not behind."""
    grouped = queries.shape[1] != keys.shape[1]
    return scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
    )
