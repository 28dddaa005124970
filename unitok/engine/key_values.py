"""The keys and values of all layers of a decoder, written in place.

Shape letters: l layers, n rows, L columns of a pass, C columns of the memory, H heads of keys, d head size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from unitok.engine.forward import Pass

FEW = 4
"""Up to this many tokens are written one by one: on a CPU faster than one write by index."""


def memory_dtype(like: Tensor) -> torch.dtype:
    """Of the memory of a decoder with such a weight.

    On a CPU float32 whatever the decoder's dtype: attention of one token to all before it takes several times as long
    in bf16, which is made for large products.
    """
    return torch.float32 if like.device.type == "cpu" else like.dtype


class KeyValues:
    """The memory of a decoder whose layers are all alike.

    A head's columns lie side by side: attention of many rows then takes half as long as with a column's heads side by
    side.

    Args:
        layers: l.
        heads: H.
        size: d.
        like: A weight; gives the device and :func:`memory_dtype`.
    """

    def __init__(self, layers: int, heads: int, size: int, like: Tensor) -> None:
        self.dtype = memory_dtype(like)
        self._heads = heads
        self._memory = torch.empty(layers, 0, 2 * heads, 0, size, dtype=self.dtype, device=like.device)
        self._flat = self._memory.flatten(1, 3)  # [l, slots * 2 * H * C, d]
        self._lines = torch.arange(2 * heads, device=like.device)
        self._targets: list[tuple[Tensor, ...]] = []  # of each token of a short pass, and each layer, [2 * H, d]
        self._places: Tensor | None = None  # of a longer one
        self._seen: tuple[int, int] = (0, 0)  # rows and columns of `_views`
        self._views: list[tuple[Tensor, Tensor]] = []  # keys and values of each layer, [n, H, columns, d]

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
        self._seen = (0, 0)
        return slots, columns

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

    def begin(self, rows: Pass) -> None:
        """Makes ready for the layers of a pass."""
        self._places, self._targets = None, []
        length = self._memory.shape[3]
        if len(rows.places) <= FEW and self._memory.device.type == "cpu":
            self._targets = [self._memory[:, place // length, :, place % length].unbind() for place in rows.places]
        else:
            places = torch.tensor(rows.places, device=self._memory.device)[:, None]
            slots, columns = places // length, places % length
            self._places = ((slots * len(self._lines) + self._lines) * length + columns).flatten()
        seen = rows.token_ids.shape[0], rows.columns
        if rows.columns and self._seen != seen:
            parts = self._memory[:, : seen[0], :, : seen[1]].unbind()
            self._views = [(part[:, : self._heads], part[:, self._heads :]) for part in parts]
            self._seen = seen

    def write(self, layer: int, new: Tensor) -> None:
        """Puts the keys and values ``[n * L, 2 * H, d]`` of the pass where they belong."""
        if self._places is not None:
            self._flat[layer].index_copy_(0, self._places, new.flatten(0, 1).to(self.dtype))
            return
        for token, targets in enumerate(self._targets):
            targets[layer].copy_(new[token])

    def attend(self, layer: int, queries: Tensor, mask: Tensor | None) -> Tensor:
        """:func:`attend` to what the pass reads, ``mask`` in :attr:`dtype`."""
        keys, values = self._views[layer]
        return attend(queries.to(self.dtype), keys, values, mask).to(queries.dtype)


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attention ``[n, heads of queries, L, d]`` to ``[n, H, columns, d]``; without a mask, to what is not behind."""
    grouped = queries.shape[1] != keys.shape[1]
    return scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
    )
