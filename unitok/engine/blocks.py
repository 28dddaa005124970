"""The ids that are drawn from together, so that the head and the sampling need not run over the whole vocabulary.

Shape letters: M rows of the grammar's mask table, V vocabulary, n ids of a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SMALL = 256
"""Up to this many logits a block costs about the same, however few of its ids are allowed."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some ids, in order.

    Attributes:
        ids: int64 ``[n]``, on the decoder's device.
        columns: bool ``[M, n]``, the block's part of the mask table.
        whole_rows: The rows of the mask table that allow every id of the block.
    """

    ids: Tensor
    columns: Tensor
    whole_rows: frozenset[int]


class Blocks:
    """What follows from the grammar's mask table, once for all steps.

    Args:
        table: bool ``[M, V]``, of :attr:`unitok.grammar.Grammar.table`.
        device: Where the logits are.

    Attributes:
        forced: ``[M]`` whether a row of the table allows one id alone.
        first_id: ``[M]`` the first id that a row allows.
        of_row: ``[M]`` the block to draw from; None where an id is forced.
        kinds: ``[V]`` ids of equal number are followed by the same, whichever of them is taken.
        free: ``[M]`` whether all that a row allows is of one kind, so that what follows is known before the draw.
    """

    def __init__(self, table: Tensor, device: torch.device) -> None:
        table = table.cpu()
        counts = table.sum(dim=1).tolist()
        self.forced: list[bool] = [count == 1 for count in counts]
        self.first_id: list[int] = table.int().argmax(dim=1).tolist()
        kinds = _equal_columns(table)
        self.kinds: list[int] = kinds.tolist()
        self.free: list[bool] = [len(kinds[row].unique()) == 1 for row in table]
        self.of_row: list[Block | None] = [None] * len(table)
        made: list[tuple[Tensor, list[int]]] = []  # the ids of a block, and the rows that draw from it
        for row in sorted(range(len(table)), key=lambda row: -counts[row]):
            if self.forced[row]:
                continue
            enough = max(2 * counts[row], SMALL)
            fits = (rows for ids, rows in made if int(ids.sum()) <= enough and not bool((table[row] & ~ids).any()))
            rows = next(fits, None)
            if rows is None:
                made.append((table[row], [row]))
            else:
                rows.append(row)
        for allowed, rows in made:
            ids = allowed.nonzero().flatten()
            columns = table[:, ids]
            whole = frozenset(row for row in rows if bool(columns[row].all()))
            block = Block(ids.to(device), columns.to(device), whole)
            for row in rows:
                self.of_row[row] = block


def _equal_columns(table: Tensor) -> Tensor:
    """int64 ``[V]``: a number for each column of ``[M, V]``, the same for equal columns."""
    packed = np.ascontiguousarray(np.packbits(table.numpy(), axis=0).T)
    whole = packed.view([("", packed.dtype)] * packed.shape[1]).reshape(-1)
    return torch.from_numpy(np.unique(whole, return_inverse=True)[1].astype(np.int64))
