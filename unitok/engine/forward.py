"""What a decoder is to the engine: passes over rows of tokens whose keys and values stay in slots.

Shape letters: n rows, L columns of a pass, C columns of the memory, D model width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from unitok.engine.blocks import Block


@dataclass(frozen=True, eq=False)
class Pass:
    """Tokens of several rows, each row's at the right end of its line.

    The memory holds a row's token number ``p`` in column ``p`` of the row's slot, so that what a token sees follows
    from its number alone. The memory's last column is nobody's: what padding computes is written there.

    Attributes:
        token_ids: int64 ``[n, L]``; any id as padding.
        positions: int64 ``[n, L]``, each token's number in its row; 0 for padding.
        places: ``[n * L]``, ``slot * C + column`` for each token, where its keys and values go.
        mask: bool ``[n, 1, L, columns]`` of a pass that reads the memory, ``[n, 1, L, L]`` of one that does not: what a
            token may see. None when that is all before it, and nothing is padded or read from the memory.
        columns: How many of the memory's columns are read; 0 for rows that begin with this pass: they see only
            themselves, and may stand in any slots. Otherwise row ``i`` stands in slot ``i``.
        keep: The outcome is wanted for this many columns at the right end.
        lengths: Tokens of each row behind the pass, of one that reads the memory.
        real: Which of the ``n * L`` tokens are no padding, in order; None: all. A decoder may leave the others out.
    """

    token_ids: Tensor
    positions: Tensor
    places: Sequence[int]
    mask: Tensor | None
    columns: int
    keep: int
    lengths: Sequence[int] = ()
    real: Sequence[int] | None = None


class Forward(Protocol):
    """A decoder with a memory of keys and values."""

    @property
    def device(self) -> torch.device: ...

    def reserve(self, slots: int, columns: int) -> tuple[int, int]:
        """Makes the memory at least this large, and returns how large it is; what it holds is kept, and what is new
        holds numbers."""
        ...

    def copy(self, sources: Sequence[int], targets: Sequence[int], columns: int) -> None:
        """Makes the first columns of each target slot those of its source."""
        ...

    def run(self, passes: Sequence[Pass]) -> list[Tensor]:
        """Writes the tokens of passes into the memory; returns the outcome ``[n, keep, *]`` of each.

        At most the first reads the memory, and none of the others begins a row that is given tokens by it.
        """
        ...

    def logits(self, outcome: Tensor, block: Block) -> Tensor:
        """The logits ``[m, ids of the block]`` of outcomes ``[m, *]``."""
        ...


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A bool mask as what is added to the scores: 0 where it is True, else minus infinity."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -torch.inf)
