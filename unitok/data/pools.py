"""Training batches of a pool that lies in memory."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader, Dataset

from unitok_tokenizers.errors import InputError


def training_batches(pool: Dataset[Any], batch_size: int, trainer: L.Trainer | None) -> DataLoader[Any]:
    """Whole batches in a random order, another one in each pass, and where a run goes on.

    Args:
        pool: What is drawn from; has a length.
        batch_size: Of each batch.
        trainer: Knows how far the run is.

    Raises:
        InputError: The pool is smaller than one batch: nothing would be trained.
    """
    count = len(pool)  # pyright: ignore[reportArgumentType]
    if count < batch_size:
        raise InputError(f"data.batch_size is {batch_size}, but there are {count} to train on; lower it, or make more")
    done = 0 if trainer is None else trainer.global_step
    order = torch.Generator().manual_seed((torch.initial_seed() + done) % 2**63)
    return DataLoader(pool, batch_size, shuffle=True, drop_last=True, generator=order)
