"""Batches of pairs of answers, and of documents beside them.

Shapes: P pairs, L row length.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unitok.data.datamodules import TokenCacheDataModule, refuse_nothing
from unitok.data.packing import PackedBatch, build_batch
from unitok.data.preferences import Preferences
from unitok.data.sampling_plan import CountingSampler, Position, steps_behind
from unitok.data.token_cache import vocabulary_hash
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)


class PreferenceBatch(NamedTuple):
    """Pairs as rows of one document each: chosen and rejected ones in turn, ``[2 P, L]``, and margins ``[P]``."""

    rows: PackedBatch
    margins: Tensor


class PreferenceBatches(Dataset[PreferenceBatch]):
    """Batch n of pairs, a function of the seed and n: passes over all pairs, one behind the other.

    Args:
        preferences: At least one cache.
        row_length: Tokens of a row; a pair with a longer document is left out.
        batch_pairs: Pairs of a batch.
        pad: Id of ``<pad>``.
        seed: Of the order, which is another in each pass; None: their own order.
    """

    def __init__(
        self, preferences: Sequence[Preferences], row_length: int, batch_pairs: int, pad: int, seed: int | None
    ) -> None:
        self.preferences, self.row_length, self.batch_pairs, self.pad = preferences, row_length, batch_pairs, pad
        self.seed = seed
        fitting = [np.flatnonzero(own.lengths <= row_length) for own in preferences]
        self.pairs = [(cache, int(number)) for cache, numbers in enumerate(fitting) for number in numbers]
        if not sum(map(len, preferences)):
            raise InputError(
                "there are no pairs of answers in " + ", ".join(str(own.cache.folder) for own in preferences)
            )
        if not self.pairs:
            raise InputError(f"no pair of answers fits a row of {row_length} tokens; raise data.pair_length")
        if long := sum(map(len, preferences)) - len(self.pairs):
            log.warning("%d pairs are longer than data.pair_length %d and are left out", long, row_length)

    @property
    def identity(self) -> dict[str, Any]:
        """What the order of all pairs depends on."""
        return {"pairs": list(map(len, self.preferences)), "pair_length": self.row_length, "seed": self.seed}

    def __len__(self) -> int:
        """Batches of one pass, the last of which may be smaller where the order is their own."""
        return -(-len(self.pairs) // self.batch_pairs)

    def _numbers(self, places: range) -> list[int]:
        """The pairs at places of the endless stream, or of a single pass where the order is their own."""
        count = len(self.pairs)
        if self.seed is None:
            return [place for place in places if place < count]
        epochs = {place // count for place in places}
        orders = {epoch: np.random.default_rng([self.seed, epoch]).permutation(count) for epoch in epochs}
        return [int(orders[place // count][place % count]) for place in places]

    def __getitem__(self, number: int) -> PreferenceBatch:
        places = range(number * self.batch_pairs, (number + 1) * self.batch_pairs)
        chosen = (self.pairs[number] for number in self._numbers(places))
        pairs = [self.preferences[cache][index] for cache, index in chosen]
        rows = [[document] for pair in pairs for document in (pair.chosen, pair.rejected)]
        return PreferenceBatch(
            build_batch(rows, self.row_length, self.pad), torch.tensor([pair.margin for pair in pairs])
        )


class PreferencesDataModule(TokenCacheDataModule):
    """Pairs of answers, and beside them documents of all that is to stay as it is.

    Args:
        pairs: Folders of caches of pairs.
        train: Folders of caches of documents; each batch of pairs comes with one of theirs. None: pairs alone.
        val_pairs: Folders of caches of pairs to validate and test on.
        pair_length: Tokens of a row of one document; pairs with longer ones are left out.
        batch_pairs: Pairs per batch and device.
        row_length: Tokens of a packed row of documents.
        batch_rows: Rows of documents per batch and device.
        condition_dropout: Probability that a document with a picture or a sound in a reply loses what is before it.
        seed: Of the order of pairs and documents and of condition dropout.
        shorter_rows: As for :class:`TokenCacheDataModule`.
    """

    def __init__(
        self,
        pairs: list[str],
        train: list[str] | None = None,
        val_pairs: list[str] | None = None,
        pair_length: int = 384,
        batch_pairs: int = 16,
        row_length: int = 384,
        batch_rows: int = 8,
        condition_dropout: float = 0.1,
        seed: int = 0,
        shorter_rows: list[int] | None = None,
    ) -> None:
        if not pairs:
            raise InputError("data.pairs is empty; give folders that python -m unitok.tokenize pairs or mistakes wrote")
        super().__init__(train or [], None, row_length, batch_rows, condition_dropout, seed, shorter_rows=shorter_rows)
        if pair_length < 2 or batch_pairs < 1:
            raise InputError("data.pair_length must be at least 2 and data.batch_pairs at least 1")
        self.pair_folders, self.val_pair_folders = list(pairs), list(val_pairs or [])
        self.pair_length, self.batch_pairs = pair_length, batch_pairs
        self._pairs_before: dict[str, Any] = {}
        self._pair_stream: CountingSampler | None = None

    def _batches(self, folders: Sequence[str], seed: int | None) -> PreferenceBatches:
        vocabulary = self.vocabulary
        caches = [Preferences(folder, vocabulary_hash(vocabulary)) for folder in folders]
        self._check_tokenizers([one.cache for one in caches])
        return PreferenceBatches(caches, self.pair_length, self.batch_pairs, vocabulary.pad, seed)

    @property
    def _at_once(self) -> int:
        """Pairs of a step on all devices."""
        return self.batch_pairs * self._ranks["num_replicas"]

    def _pair_steps_done(self, batches: PreferenceBatches) -> int:
        """Where the stream of pairs goes on, of a run that goes on."""
        before, now = self._pairs_before, batches.identity
        if before.get("of", now) != now:
            log.warning(
                "pairs are %s now, and were %s in the run that goes on: their passes begin anew", now, before["of"]
            )
            return 0
        return steps_behind(before.get("pairs", 0), before.get("at_once"), self._at_once)

    def train_dataloader(self) -> dict[str, DataLoader[Any]]:  # type: ignore[override]
        batches = self._batches(self.pair_folders, self.seed)
        start = Position(0, self._pair_steps_done(batches))
        self._pair_stream = sampler = CountingSampler(batches, start, None, **self._ranks)
        loaders: dict[str, DataLoader[Any]] = {"pairs": self._loader(batches, sampler)}
        if self.train_folders:
            loaders["documents"] = super().train_dataloader()
        else:
            self._begin_stream(sampler)
        return loaders

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        if not self.val_pair_folders:
            refuse_nothing(self.trainer, "data.val_pairs")
            return []
        batches = self._batches(self.val_pair_folders, None)
        return self._loader(batches, CountingSampler(batches, Position(), len(batches), **self._ranks))

    def state_dict(self) -> dict[str, Any]:
        pairs = self._pairs_before
        if self._pair_stream is not None:
            done = self._pair_stream.position(self._batches_done() - self._batches_before).batch
            of = self._pair_stream.dataset.identity  # pyright: ignore[reportAttributeAccessIssue]
            pairs = {"pairs": done, "at_once": self._at_once, "of": of}
        return {**super().state_dict(), "pair_stream": pairs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        # Runs from before sizes were written down have the steps alone.
        self._pairs_before = state_dict.get("pair_stream") or {"pairs": state_dict["pairs"]}
