"""Packing: several documents in one row of fixed length, each with its own positions.

Attention stays inside a document because positions restart at 0: the stock `transformers` mask utilities find
the borders from `position_ids` when no attention mask is passed. Padding gets position 0 everywhere, so that
each padding token is alone.

Shapes: B rows, L row length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IGNORED, CONTEXT, TARGET = (
    0,
    1,
    2,
)  # what a label is: none, a token the model only reads, a token it must write


class PackedBatch(NamedTuple):
    """Rows of documents.

    `input_ids` [B, L] int64; `position_ids` [B, L] int64, restarting at 0 in each document; `labels` [B, L]
    int64, the next token of the same document (0 where there is none); `roles` [B, L] uint8: IGNORED, CONTEXT
    or TARGET, for the label.
    """

    input_ids: Tensor
    position_ids: Tensor
    labels: Tensor
    roles: Tensor


def pack(lengths: Sequence[int] | NDArray[np.integer], row_length: int) -> list[list[int]]:
    """Best-fit-decreasing packing.

    Args:
        lengths: one length per document, each in [1, row_length].
        row_length: L.

    Returns:
        One list of document numbers per row; every document is in exactly one row.

    Raises:
        ValueError: a document is empty or longer than a row.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.size and (sizes.min() < 1 or sizes.max() > row_length):
        raise ValueError(f"lengths must be in [1, {row_length}], got {sizes.min()} to {sizes.max()}")
    order = np.argsort(-sizes, kind="stable")
    rows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(row_length + 1)]  # rows by the room they have left
    rooms = 0  # bit r is set where by_room[r] is not empty: the best fit is the lowest bit from a length up
    for document, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        fitting = rooms >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            row = by_room[room].pop()
            if not by_room[room]:
                rooms &= ~(1 << room)
            rows[row].append(document)
        else:
            room, row = row_length, len(rows)
            rows.append([document])
        left = room - size
        if left:
            by_room[left].append(row)
            rooms |= 1 << left
    return rows


def build_batch(
    rows: Sequence[Sequence[tuple[NDArray[np.integer], NDArray[np.uint8]]]], row_length: int, pad: int
) -> PackedBatch:
    """Lay documents out in rows.

    Args:
        rows: per row its documents as (ids [S], targets [S]); targets are 1 where the model must write.
        row_length: L, at least the sum of a row's documents.
        pad: id of `<pad>`.
    """
    shape = (len(rows), row_length)
    input_ids = np.full(shape, pad, dtype=np.int64)
    position_ids, labels = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    roles = np.zeros(shape, dtype=np.uint8)
    for row, documents in enumerate(rows):
        start = 0
        for ids, targets in documents:
            end = start + len(ids)
            if end > row_length:
                raise ValueError(f"row {row} holds {end} tokens or more, its length is {row_length}")
            input_ids[row, start:end] = ids
            position_ids[row, start:end] = np.arange(len(ids))
            labels[row, start : end - 1] = ids[1:]
            roles[row, start : end - 1] = np.where(targets[1:] != 0, TARGET, CONTEXT)
            start = end
    return PackedBatch(*(torch.from_numpy(array) for array in (input_ids, position_ids, labels, roles)))
