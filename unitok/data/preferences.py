"""Pairs of answers to one prompt, of which one is preferred: a token cache in which each two documents are a pair.

Document ``2 i`` ends with the answer that was chosen, document ``2 i + 1`` with the one that was rejected; beside the
cache's own files lies ``margins.npy``, float32 ``[pairs]``: how much likelier the reference, the decoder that training
is held close to, finds the chosen answer, in nats.

Shapes: P pairs, L row length.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from unitok.data.datamodules import CountingSampler, TokenCacheDataModule
from unitok.data.hardest import document_losses
from unitok.data.packing import PackedBatch, build_batch
from unitok.data.sampling_plan import Position
from unitok.data.token_cache import TokenCache, TokenCacheWriter, vocabulary_hash
from unitok.data.tokenizing import Encoded, begin
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)

MARGINS = "margins.npy"


class Pair(NamedTuple):
    """Two documents with one prompt, ids ``[S]`` and targets ``[S]`` each, and the reference's margin in nats."""

    chosen: Encoded
    rejected: Encoded
    margin: float


class PreferenceBatch(NamedTuple):
    """Pairs as rows of one document each: chosen and rejected ones in turn, ``[2 P, L]``, and margins ``[P]``."""

    rows: PackedBatch
    margins: Tensor


class Preferences(Sequence[Pair]):
    """A cache of pairs, read through memory maps.

    Args:
        folder: The cache.
        vocabulary_hash: Where given, it must have been made with this vocabulary.

    Raises:
        InputError: As :class:`TokenCache`, or it holds no pairs.
    """

    def __init__(self, folder: str | Path, vocabulary_hash: str | None = None) -> None:
        self.cache = TokenCache(folder, vocabulary_hash)
        file = self.cache.folder / MARGINS
        if not file.is_file():
            raise InputError(
                f"{folder} holds documents, but no pairs of answers; make them with python -m unitok.tokenize pairs"
            )
        try:
            self.margins: NDArray[np.float32] = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{file} is damaged ({error}); build the cache again") from error
        if self.margins.shape != (len(self.cache) // 2,) or len(self.cache) % 2:
            raise InputError(f"{folder} is damaged ({len(self.cache)} documents, {len(self.margins)} margins)")

    def __len__(self) -> int:
        return len(self.margins)

    def __getitem__(self, index: int) -> Pair:  # type: ignore[override]
        return Pair(self.cache[2 * index], self.cache[2 * index + 1], float(self.margins[index]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of the longer document of each pair, ``[pairs]``."""
        return self.cache.lengths.reshape(-1, 2).max(axis=1)


def write_preferences(writer: TokenCacheWriter, pairs: Iterable[Pair], **extra: Any) -> None:
    """Write pairs, in order, and finish; ``extra`` goes into meta.json."""
    with writer:
        margins = []
        for pair in pairs:
            writer.add(*pair.chosen)
            writer.add(*pair.rejected)
            margins.append(pair.margin)
        np.save(writer.work / MARGINS, np.asarray(margins, dtype=np.float32), allow_pickle=False)
        writer.finish(**extra)


def write_parts(
    output: str | Path,
    vocabulary: Vocabulary,
    identity: dict[str, Any],
    sizes: Sequence[int],
    find: Callable[[int], Iterable[Pair]],
) -> Preferences:
    """Write pairs that take long to find, part by part, with a progress bar; a run that was stopped goes on.

    Args:
        output: The cache's folder, which must not exist; parts are kept beside it until it is complete.
        vocabulary: The documents'.
        identity: What the pairs depend on, as JSON: parts are used again only where it is the same.
        sizes: How much each part is made from.
        find: The pairs of a part, by its number.

    Raises:
        InputError: ``output`` exists or cannot be written.
    """
    output, key = Path(output), vocabulary_hash(vocabulary)
    if output.exists():
        raise InputError(f"{output} exists already; remove it or choose another output folder")
    work = output.with_name(output.name + ".shards")
    begin(work, {"vocabulary_hash": key, **identity})
    parts: list[Preferences] = []
    with tqdm(total=sum(sizes), desc="pairs of answers", unit="task") as bar:
        for part, size in enumerate(sizes):
            folder = work / f"{part:06d}"
            if not folder.exists():
                write_preferences(TokenCacheWriter(folder, vocabulary.size, key), find(part))
            parts.append(Preferences(folder, key))
            bar.set_postfix(pairs=sum(map(len, parts)), refresh=False)
            bar.update(size)
    with TokenCacheWriter(output, vocabulary.size, key) as writer:
        for part in parts:
            writer.add_cache(part.cache)
        np.save(writer.work / MARGINS, np.concatenate([part.margins for part in parts]), allow_pickle=False)
        writer.finish(source=identity)
    shutil.rmtree(work)
    return Preferences(output, key)


def scored(decoder: Any, chosen: Sequence[Encoded], rejected: Sequence[Encoded]) -> list[Pair]:
    """Pairs of documents with the margins of a decoder, a ``transformers`` causal LM in eval mode, as the reference."""
    losses = document_losses(decoder, [*chosen, *rejected])
    margins = losses[len(chosen) :] - losses[: len(chosen)]
    return [Pair(*pair) for pair in zip(chosen, rejected, margins.tolist(), strict=True)]


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

    def __len__(self) -> int:
        """Batches of one pass, the last of which may be smaller where the order is their own."""
        return -(-len(self.pairs) // self.batch_pairs)

    def _number(self, place: int) -> int:
        """The pair at a place of the endless stream."""
        epoch, place = divmod(place, len(self.pairs))
        return int(np.random.default_rng([self.seed or 0, epoch]).permutation(len(self.pairs))[place])

    def __getitem__(self, number: int) -> PreferenceBatch:
        places = range(number * self.batch_pairs, (number + 1) * self.batch_pairs)
        if self.seed is None:
            numbers = [place for place in places if place < len(self.pairs)]
        else:
            numbers = [self._number(place) for place in places]
        pairs = [self.preferences[cache][index] for cache, index in (self.pairs[one] for one in numbers)]
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
        super().__init__(train or [], None, row_length, batch_rows, condition_dropout, seed, shorter_rows=shorter_rows)
        if pair_length < 2 or batch_pairs < 1:
            raise InputError("data.pair_length must be at least 2 and data.batch_pairs at least 1")
        self.pair_folders, self.val_pair_folders = list(pairs), list(val_pairs or [])
        self.pair_length, self.batch_pairs = pair_length, batch_pairs
        self._pairs_done = 0

    def _batches(self, folders: Sequence[str], seed: int | None) -> PreferenceBatches:
        vocabulary = self.vocabulary
        caches = [Preferences(folder, vocabulary_hash(vocabulary)) for folder in folders]
        return PreferenceBatches(caches, self.pair_length, self.batch_pairs, vocabulary.pad, seed)

    def train_dataloader(self) -> dict[str, DataLoader[Any]]:  # type: ignore[override]
        batches = self._batches(self.pair_folders, self.seed)
        sampler = CountingSampler(batches, Position(0, self._pairs_done), None, **self._ranks)
        loaders: dict[str, DataLoader[Any]] = {"pairs": self._loader(batches, sampler)}
        if self.train_folders:
            loaders["documents"] = super().train_dataloader()
        else:
            self._begin_stream(sampler)
        return loaders

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        if not self.val_pair_folders:
            return []
        batches = self._batches(self.val_pair_folders, None)
        return self._loader(batches, CountingSampler(batches, Position(), len(batches), **self._ranks))

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "pairs": self._batches_done()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._pairs_done = state_dict["pairs"]
