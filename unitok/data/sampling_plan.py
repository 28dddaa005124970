"""Which documents go into which row of which batch: decided in the main process, whatever the workers do.

A plan is one batch: a list of rows, each a list of items. Item i < documents is document i; item
documents + r is image reply r without its condition.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, DistributedSampler

from unitok.data.condition_dropout import ControlIds, drop_condition, dropped_length, find_media_replies
from unitok.data.packing import PackedBatch, build_batch, pack
from unitok.data.token_cache import TokenCache
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)

Plan = list[list[int]]
PACKED_TOGETHER = 16384  # documents that best-fit chooses among


class Position(NamedTuple):
    """The next batch: `batch` batches of pass `epoch` are done."""

    epoch: int = 0
    batch: int = 0


class PackedCaches(Dataset[PackedBatch]):
    """Token caches as one set of documents, read by plan.

    Args:
        caches: at least one, all of one vocabulary.
        vocabulary: theirs.
        row_lengths: tokens of a packed row, one length or several; a document goes into rows of the shortest
            length that holds it, and all rows of a batch are padded to one length.
        replies: whether replies with media are looked for, which may lose their condition; all tokens are read for it.
    """

    def __init__(
        self, caches: Sequence[TokenCache], vocabulary: Vocabulary, row_lengths: Sequence[int], replies: bool = True
    ) -> None:
        self.caches, self.row_lengths, self.pad = list(caches), sorted(set(row_lengths)), vocabulary.pad
        self.control = ControlIds.of(vocabulary)
        self.starts = np.cumsum([0, *(len(cache) for cache in caches)])
        read = caches if replies else []
        found = [find_media_replies(cache.tokens, cache.offsets, self.control) for cache in read]
        none = np.empty(0, dtype=np.int64)
        self.reply_document = np.concatenate(
            [none, *(r.document + start for r, start in zip(found, self.starts, strict=False))]
        )
        self.reply_start = np.concatenate([none, *(r.start for r in found)])
        self.reply_end = np.concatenate([none, *(r.end for r in found)])
        documents = np.concatenate([cache.lengths for cache in caches])
        self.lengths = np.concatenate([documents, dropped_length(self.reply_start, self.reply_end)])

    @property
    def documents(self) -> int:
        return int(self.starts[-1])

    @property
    def longest_row(self) -> int:
        return self.row_lengths[-1]

    @property
    def longest_fitting(self) -> int:
        """Tokens of the longest document that fits into a row; 0 where none does."""
        return int(self.lengths[self.lengths <= self.longest_row].max(initial=0))

    def row_length_index(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """The place in ``row_lengths`` of the rows that each item goes into."""
        return np.searchsorted(self.row_lengths, self.lengths[items])

    def __len__(self) -> int:
        return self.documents

    def item(self, index: int) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:
        """(ids [S], targets [S]) of a document or of an image reply without its condition."""
        if index < self.documents:
            cache = int(np.searchsorted(self.starts, index, side="right")) - 1
            return self.caches[cache][index - int(self.starts[cache])]
        reply = index - self.documents
        ids, targets = self.item(int(self.reply_document[reply]))
        start, end = int(self.reply_start[reply]), int(self.reply_end[reply])
        return drop_condition(ids, targets, start, end, self.control)

    def __getitem__(self, plan: Plan) -> PackedBatch:
        filled = np.array([self.lengths[row].sum() for row in plan])
        row_length = self.row_lengths[int(np.searchsorted(self.row_lengths, filled.max()))]
        return build_batch([[self.item(item) for item in row] for row in plan], row_length, self.pad)


class PackingSampler(DistributedSampler[Plan]):
    """Yields plans. A pass over the documents is a function of (seed, epoch), so any place is found again.

    It is a `DistributedSampler` so that Lightning leaves it in place: it already takes its rank's share.

    Args:
        dataset: what to sample from.
        batch_rows: rows of the longest length per batch and rank; of shorter rows there are more.
        shuffle: order documents anew in each pass.
        condition_dropout: probability that a document with an image reply becomes that reply alone.
        seed: of the order and the dropout.
        epochs: passes, or none for an endless stream.
        start: where to begin.
        keep_last: also yield a last batch of fewer rows.
    """

    def __init__(
        self,
        dataset: PackedCaches,
        batch_rows: int,
        *,
        shuffle: bool = False,
        condition_dropout: float = 0.0,
        seed: int = 0,
        epochs: int | None = 1,
        start: Position = Position(),  # noqa: B008 - a tuple
        keep_last: bool = False,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        super().__init__(dataset, num_replicas=num_replicas, rank=rank, shuffle=shuffle, seed=seed)
        self.packed, self.batch_rows, self.keep_last = dataset, batch_rows, keep_last
        self.condition_dropout, self.epochs, self.start = condition_dropout, epochs, start
        self._begun: list[tuple[int, Position]] = [(0, start)]  # batches yielded when a pass began
        self._reply_count = np.bincount(dataset.reply_document, minlength=dataset.documents)
        self._reply_first = np.cumsum(self._reply_count) - self._reply_count
        self.too_long = int((dataset.lengths[: dataset.documents] > dataset.longest_row).sum())

    def _items(self, epoch: int) -> NDArray[np.int64]:
        """The items of a pass, in order."""
        rng = np.random.default_rng([self.seed, epoch])
        documents = self.packed.documents
        items = rng.permutation(documents) if self.shuffle else np.arange(documents)
        count = self._reply_count[items]
        drop = (rng.random(documents) < self.condition_dropout) & (count > 0)
        choice = self._reply_first[items] + rng.integers(0, np.maximum(count, 1))
        items = np.where(drop, documents + choice, items)
        return items[self.packed.lengths[items] <= self.packed.longest_row]

    def rows(self, epoch: int) -> Iterator[tuple[int, list[int]]]:
        """The packed rows of a pass, each with the place of its length in ``row_lengths``."""
        items = self._items(epoch)
        for first in range(0, len(items), PACKED_TOGETHER):
            chunk = items[first : first + PACKED_TOGETHER]
            places = self.packed.row_length_index(chunk)
            rows: list[tuple[int, list[int]]] = []
            for place, length in enumerate(self.packed.row_lengths):
                alike = chunk[places == place]
                rows += [(place, alike[row].tolist()) for row in pack(self.packed.lengths[alike], length)]
            # Rows of all lengths, full and less full, lie everywhere: a part of a pass stands for the whole.
            order = np.arange(len(rows))
            np.random.default_rng([self.seed, epoch, first]).shuffle(order)
            yield from (rows[row] for row in order)

    def plans(self, epoch: int) -> Iterator[Plan]:
        """This rank's batches of a pass; all ranks get the same number."""
        longest = self.packed.longest_row
        together = [self.batch_rows * longest // length * self.num_replicas for length in self.packed.row_lengths]
        batches: list[Plan] = [[] for _ in together]
        for place, row in self.rows(epoch):
            batches[place].append(row)
            if len(batches[place]) == together[place]:
                yield batches[place][self.rank :: self.num_replicas]
                batches[place] = []
        # What is left of each length fills batches together, or documents of a rare length would never be trained on.
        # The longest come first: where they are too few, shorter rows fill up their batch.
        left = [(place, row) for place, batch in reversed(list(enumerate(batches))) for row in batch]
        while left:
            size = together[left[0][0]]
            batch, left = [row for _, row in left[:size]], left[size:]
            if len(batch) == size or self.keep_last:
                batch += [[]] * (-len(batch) % self.num_replicas)  # rows of nothing, where they do not go up
                yield batch[self.rank :: self.num_replicas]

    def __iter__(self) -> Iterator[Plan]:
        epoch, skip = self.start
        done = 0
        self._begun = [(0, self.start)]
        while self.epochs is None or epoch < self.epochs:
            in_pass = 0
            for in_pass, plan in enumerate(self.plans(epoch), start=1):
                if in_pass > skip:
                    yield plan
                    done += 1
            if not in_pass and not self.keep_last:
                raise InputError(
                    f"the documents fill less than one batch of {self.batch_rows * self.num_replicas} rows "
                    f"of {self.packed.longest_row} tokens; use a smaller batch or more documents"
                )
            epoch, skip = epoch + 1, 0
            self._begun.append((done, Position(epoch)))

    def __len__(self) -> int:
        if self.epochs is None:
            raise TypeError("an endless sampler has no length")
        return self._batches

    @cached_property
    def _batches(self) -> int:
        """Of all passes, those that are done too: the trainer counts batches from the run's beginning."""
        return sum(1 for epoch in range(self.epochs or 0) for _ in self.plans(epoch))

    def position(self, done: int) -> Position:
        """Where the stream stands after `done` batches from `start`."""
        number, (epoch, batch) = self._begun[bisect_right(self._begun, done, key=lambda entry: entry[0]) - 1]
        return Position(epoch, batch + done - number)

    def warn_too_long(self) -> None:
        """Say how many documents do not fit a row."""
        if self.too_long:
            log.warning(
                "%d of %d documents are longer than a row of %d tokens and are left out",
                self.too_long,
                self.packed.documents,
                self.packed.longest_row,
            )


def steps_behind(steps: int, before: int | None, now: int) -> int:
    """Steps of ``now`` things each behind all that ``steps`` of ``before`` each had; None: of as many."""
    return steps if before is None else -(-steps * before // now)


class CountingSampler(DistributedSampler[int]):
    """The numbers of this rank's batches: rank, rank + ranks, ... from a position on.

    Args:
        dataset: what is sampled.
        start: batches that are done.
        count: batches over all ranks, or none for an endless stream. Where they do not go up, the first ones come
            again, so that all ranks have as many.
    """

    def __init__(
        self, dataset: Dataset[Any], start: Position, count: int | None, num_replicas: int = 1, rank: int = 0
    ) -> None:
        super().__init__(dataset, num_replicas=num_replicas, rank=rank, shuffle=False)
        self.start, self.count = start, count

    def __iter__(self) -> Iterator[int]:
        number = self.start.batch
        while self.count is None or number < -(-self.count // self.num_replicas):
            place = number * self.num_replicas + self.rank
            yield place if self.count is None else place % self.count
            number += 1

    def __len__(self) -> int:
        if self.count is None:
            raise TypeError("an endless sampler has no length")
        return -(-self.count // self.num_replicas) - self.start.batch

    def position(self, done: int) -> Position:
        """Where the stream stands after `done` batches from `start`."""
        return Position(0, self.start.batch + done)
