"""Training batches of a pool that lies in memory."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader, Dataset

from unitok_tokenizers.errors import InputError


def training_batches(pool: Dataset[Any], batch_size: int) -> DataLoader[Any]:
    """Whole batches in a random order, another one in each pass.

    Args:
        pool: What is drawn from; has a length.
        batch_size: Of each batch.

    Raises:
        InputError: The pool is smaller than one batch: nothing would be trained.
    """
    count = len(pool)  # pyright: ignore[reportArgumentType]
    if count < batch_size:
        raise InputError(f"data.batch_size is {batch_size}, but there are {count} to train on; lower it, or make more")
    return DataLoader(pool, batch_size, shuffle=True, drop_last=True)
