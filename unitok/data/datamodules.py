"""Data for the decoder: packed rows from token caches, a user's documents, or scenes drawn on the fly.

Training streams are endless unless told otherwise, and their position is kept in a checkpoint: batch n is a
function of the seed and n, so a resumed run sees exactly the batches that it would have seen.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.utilities.seed import isolate_rng
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from unitok.bases import different_tokenizer, find_folder, tokenizers_identity
from unitok.data.documents import OnError
from unitok.data.interrupts import leave_interrupts
from unitok.data.packing import PackedBatch
from unitok.data.sampling_plan import CountingSampler, PackedCaches, PackingSampler, Position, steps_behind
from unitok.data.token_cache import TokenCache, vocabulary_hash
from unitok.data.tokenizing import JsonlSource, check_tokenizers, write_cache
from unitok.data.world_batches import WorldBatches
from unitok.syntax import RoleTurns
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)

UNSAID_EPOCHS = (None, -1, 1000)
"""Passes of a trainer that was told of none."""


def refuse_nothing(trainer: L.Trainer | None, name: str) -> None:
    """Raises `InputError` where a run is for validation alone, and ``name``, which says on what, is empty."""
    if trainer is not None and trainer.state.fn in ("validate", "test"):
        raise InputError(f"{name} is empty: there is nothing to validate or test on")


class _PackedDataModule(L.LightningDataModule):
    """What the data modules here share: options, ranks, the position in the training stream."""

    def __init__(self, row_length: int, batch_rows: int, condition_dropout: float, seed: int, num_workers: int) -> None:
        super().__init__()
        if not 0 <= condition_dropout <= 1:
            raise InputError(f"data.condition_dropout must be in [0, 1], got {condition_dropout}")
        if row_length < 2 or batch_rows < 1:
            raise InputError("data.row_length must be at least 2 and data.batch_rows at least 1")
        self.row_length, self.batch_rows = row_length, batch_rows
        self.condition_dropout, self.seed, self.num_workers = condition_dropout, seed, num_workers
        self._start = Position()
        self._stream: PackingSampler | CountingSampler | None = None
        self._batches_before = 0

    @property
    def _module(self) -> Any:
        """What is trained, if there is a trainer."""
        return self.trainer.lightning_module if self.trainer else None

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's vocabulary, which must have what the options need."""
        vocabulary = getattr(self._module, "vocabulary", None)
        if not isinstance(vocabulary, Vocabulary):
            raise InputError(f"{type(self).__name__} needs a model with a vocabulary, such as DecoderModule")
        if self.condition_dropout and vocabulary.turns != RoleTurns():
            raise InputError("data.condition_dropout: this vocabulary has no prompt that says nothing; set it to 0")
        return vocabulary

    @property
    def _ranks(self) -> dict[str, Any]:
        return (self.trainer.distributed_sampler_kwargs if self.trainer else None) or {
            "num_replicas": 1,
            "rank": 0,
        }

    def _loader(self, dataset: Dataset[Any], sampler: DistributedSampler[Any]) -> DataLoader[Any]:
        pin = bool(self.trainer and self.trainer.strategy.root_device.type == "cuda")
        workers = self.num_workers
        start = leave_interrupts if workers else None
        return DataLoader(
            dataset, batch_size=None, sampler=sampler, num_workers=workers, pin_memory=pin, worker_init_fn=start
        )

    def _begin_stream(self, sampler: PackingSampler | CountingSampler) -> None:
        tried = getattr(self.trainer, "fast_dev_run", False)  # which sets max_epochs
        endless = getattr(self, "epochs", None) is None and not tried
        if endless and self.trainer is not None and self.trainer.max_epochs not in UNSAID_EPOCHS:
            raise InputError(
                f"trainer.max_epochs {self.trainer.max_epochs}: this data has no end of its own; give data.epochs, "
                "where it has that, or trainer.max_steps"
            )
        limit = getattr(self.trainer, "limit_train_batches", 1.0)
        if endless and limit != 1.0:  # each part of the run would begin the stream anew
            raise InputError(
                f"trainer.limit_train_batches {limit}: this data has no end of its own, and would begin anew; "
                "give trainer.max_steps, and trainer.val_check_interval for validation in between"
            )
        self._stream, self._batches_before = sampler, self._batches_done()

    def _batches_done(self) -> int:
        """Training batches whose gradient has been computed, over the whole run."""
        assert self.trainer is not None
        return self.trainer.fit_loop.epoch_loop.batch_progress.total.processed  # pyright: ignore[reportAttributeAccessIssue]

    def state_dict(self) -> dict[str, Any]:
        if self._stream is None:
            return self._start._asdict()
        return self._stream.position(self._batches_done() - self._batches_before)._asdict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._start = Position(state_dict["epoch"], state_dict["batch"])


class TokenCacheDataModule(_PackedDataModule):
    """Trains on token caches that `python -m unitok.tokenize` wrote. The vocabulary is the model's.

    Args:
        train: Folders of caches to train on, as one set.
        val: Folders of caches to validate and test on.
        row_length: Tokens of a packed row.
        batch_rows: Rows per batch and device.
        condition_dropout: Probability that a document with a picture or a sound in a reply loses what is before it.
        seed: Of the order of documents and of condition dropout.
        epochs: Passes over the training documents; none: endless, `trainer.max_steps` ends the run.
        num_workers: Processes that build batches; packing is cheap, 0 builds them in the main process.
        skip_long: Leave out documents longer than a row, with a warning; false: stop with an error.
        shorter_rows: Lengths of shorter rows: a document goes into rows of the shortest length that holds it,
            so that no attention is computed over what is not its own. They come in batches of as many tokens.
    """

    def __init__(
        self,
        train: list[str],
        val: list[str] | None = None,
        row_length: int = 384,
        batch_rows: int = 16,
        condition_dropout: float = 0.1,
        seed: int = 0,
        epochs: int | None = None,
        num_workers: int = 0,
        skip_long: bool = True,
        shorter_rows: list[int] | None = None,
    ) -> None:
        super().__init__(row_length, batch_rows, condition_dropout, seed, num_workers)
        if epochs is not None and epochs < 1:
            raise InputError(f"data.epochs must be at least 1, got {epochs}; leave it out for no end")
        self._counted_before: dict[str, Any] | None = None
        self.train_folders, self.val_folders = list(train), list(val or [])
        self.epochs, self.skip_long = epochs, skip_long
        self.row_lengths = [*(shorter_rows or []), row_length]
        if not 2 <= min(self.row_lengths) <= max(self.row_lengths) <= row_length:
            raise InputError(f"data.shorter_rows must be in [2, {row_length}], got {shorter_rows}")

    @cached_property
    def _counted(self) -> dict[str, Any]:
        """What a batch's number depends on: with other values the same number stands behind other documents."""
        caches = [TokenCache(folder).meta for folder in self.train_folders]
        return {
            "row_lengths": self.row_lengths,
            "batch_rows": self.batch_rows,
            "devices": self._ranks["num_replicas"],
            "seed": self.seed,
            "condition_dropout": self.condition_dropout,
            "documents": [[meta["documents"], meta["tokens"]] for meta in caches],
        }

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "counted": self._counted}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._counted_before = state_dict.get("counted")

    def _resumed(self) -> Position:
        before, now = self._counted_before or {}, self._counted
        others = [name for name, value in before.items() if value != now.get(name)]
        if not others or self._start == Position():
            return self._start
        was, is_now = ({name: values.get(name) for name in others} for values in (before, now))
        if self.epochs is not None:
            raise InputError(
                f"batches were made with {was} in the run that goes on, and with {is_now} now, so that its passes over "
                "the documents have other lengths; give what it had, or begin a run with its export as model.init_from"
            )
        if self._start.batch:
            log.warning(
                "batches were made with %s in the run that goes on, and with %s now: its pass over the documents "
                "begins anew",
                *(was, is_now),
            )
        return Position(self._start.epoch)

    def _packed(self, folders: Sequence[str], **options: Any) -> PackingSampler:
        key = vocabulary_hash(self.vocabulary)
        caches = [TokenCache(folder, key) for folder in folders]
        self._check_tokenizers(caches)
        if not sum(len(cache) for cache in caches):
            raise InputError(f"there are no documents in {', '.join(folders) or 'data.train'}")
        dataset = PackedCaches(caches, self.vocabulary, self.row_lengths, bool(options.get("condition_dropout")))
        sampler = PackingSampler(dataset, self.batch_rows, **{**options, **self._ranks})
        if sampler.too_long and not self.skip_long:
            raise InputError(
                f"{sampler.too_long} documents are longer than a row; raise data.row_length above "
                f"{self.row_length} or set data.skip_long"
            )
        context = getattr(self._module, "context", None)
        if context is not None and dataset.longest_fitting > context:
            raise InputError(
                f"a document has {dataset.longest_fitting} tokens, but the decoder knows {context} positions; set "
                f"data.row_length to {context}, or give a decoder of more"
            )
        sampler.warn_too_long()
        return sampler

    def _check_tokenizers(self, caches: Sequence[TokenCache]) -> None:
        """Raises `InputError` where one was made with other tokenizers than the model's."""
        if tokenizers := getattr(self._module, "tokenizers_folder", None):
            check_tokenizers(caches, tokenizers)

    def train_dataloader(self) -> DataLoader[PackedBatch]:
        sampler = self._packed(
            self.train_folders,
            shuffle=True,
            condition_dropout=self.condition_dropout,
            seed=self.seed,
            epochs=self.epochs,
            start=self._resumed(),
        )
        self._begin_stream(sampler)
        if self.epochs is not None and self.trainer is not None:
            steps = -(-len(sampler) // self.trainer.accumulate_grad_batches)  # pyright: ignore[reportAttributeAccessIssue]
            if steps < self.trainer.max_steps:
                log.warning(
                    "data.epochs ends the run at about step %d, before its schedule ends: set trainer.max_steps to it",
                    steps,
                )
            self.trainer.fit_loop.max_epochs = 1  # the trainer takes all passes for one epoch, and would begin anew
        return self._loader(sampler.packed, sampler)

    def val_dataloader(self) -> DataLoader[PackedBatch] | list[Any]:
        if not self.val_folders:
            refuse_nothing(self.trainer, "data.val")
            return []
        sampler = self._packed(self.val_folders, keep_last=True)
        return self._loader(sampler.packed, sampler)

    def test_dataloader(self) -> DataLoader[PackedBatch] | list[Any]:
        return self.val_dataloader()


class DocumentsDataModule(TokenCacheDataModule):
    """Trains on a user's own documents: JSONL files in the messages form, with pictures beside them.

    They are tokenized once, into token caches, and again where a file, a tokenizer or the size of pictures has changed;
    where a picture or a sound beside the file has, remove the cache.

    Args:
        checkpoint: Folder (or shipped checkpoint) with the tokenizers.
        train: A JSONL file, one document a line.
        val: Another one to validate and test on.
        cache: Folder for the token caches.
        on_error: At a line that cannot be read: `stop`, or `skip` it and name it.
        tokenize_workers: Processes that tokenize; 0 works in the main process.
        row_length: Tokens of a packed row.
        batch_rows: Rows per batch and device.
        condition_dropout: Probability that a document with a picture or a sound in a reply loses what is before it.
        seed: Of the order of documents and of condition dropout.
        epochs: Passes over the training documents; none: endless, `trainer.max_steps` ends the run.
        num_workers: Processes that build batches; packing is cheap, 0 builds them in the main process.
        skip_long: Leave out documents longer than a row, with a warning; false: stop with an error.
    """

    def __init__(
        self,
        checkpoint: str,
        train: str,
        val: str | None = None,
        cache: str = "runs/token_caches",
        on_error: OnError = "stop",
        tokenize_workers: int = 0,
        row_length: int = 384,
        batch_rows: int = 16,
        condition_dropout: float = 0.1,
        seed: int = 0,
        epochs: int | None = None,
        num_workers: int = 0,
        skip_long: bool = True,
    ) -> None:
        if tokenize_workers < 0:
            raise InputError(f"data.tokenize_workers must be at least 0, got {tokenize_workers}")
        self.checkpoint, self.cache = find_folder(checkpoint), Path(cache)
        self.on_error: OnError = on_error
        self.tokenize_workers = tokenize_workers
        self.files = [file for file in (train, val) if file]
        tokenizers = tokenizers_identity(self.checkpoint)
        folders = [str(self._folder(file, tokenizers)) for file in self.files]
        super().__init__(
            folders[:1],
            folders[1:],
            row_length,
            batch_rows,
            condition_dropout,
            seed,
            epochs,
            num_workers,
            skip_long,
        )

    def _folder(self, file: str, tokenizers: dict[str, Any]) -> Path:
        """Where a file's cache is: named by the file, its state and what makes ids of it."""
        identity = json.dumps([tokenizers, JsonlSource(file, self.on_error).identity()], sort_keys=True)
        return self.cache / f"{Path(file).stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"

    def prepare_data(self) -> None:
        for file, folder in zip(self.files, self.train_folders + self.val_folders, strict=True):
            if not Path(folder).exists():
                with isolate_rng():  # a run that finds its cache begins with the same random numbers
                    self._tokenize(file, Path(folder))
            elif skipped := TokenCache(folder).meta.get("skipped"):
                log.warning("%d lines of %s were left out; remove %s to read them again", skipped, file, folder)

    def _tokenize(self, file: str, folder: Path) -> None:
        try:
            write_cache(JsonlSource(file, self.on_error), self.checkpoint, folder, self.tokenize_workers)
        except InputError:
            if not folder.exists():  # another run that reads the same file may have made it meanwhile
                raise


class WorldDataModule(_PackedDataModule):
    """Trains on documents about scenes, drawn and tokenized on the fly; for long runs a cache is faster.

    Args:
        checkpoint: Folder (or shipped checkpoint) with the tokenizers.
        row_length: Tokens of a packed row.
        batch_rows: Rows per batch and device.
        condition_dropout: Probability that a document with a picture or a sound in a reply loses what is before it.
        seed: Of everything that is drawn; validation draws from another stream.
        val_batches: Batches to validate and test on.
        val_split: Scenes to validate on: `train`, or `heldout` with the pairs that training never has.
        num_workers: Processes that draw and tokenize; 0 works in the main process.
        sounds: Share of the documents that come with sounds, whose speech is made with espeak-ng.
    """

    def __init__(
        self,
        checkpoint: str,
        row_length: int = 384,
        batch_rows: int = 16,
        condition_dropout: float = 0.1,
        seed: int = 0,
        val_batches: int = 8,
        val_split: str = "train",
        num_workers: int = 0,
        sounds: float = 0.0,
    ) -> None:
        super().__init__(row_length, batch_rows, condition_dropout, seed, num_workers)
        if not 0 <= sounds <= 1:
            raise InputError(f"data.sounds must be in [0, 1], got {sounds}")
        if val_batches < 0:
            raise InputError(f"data.val_batches must be at least 0, got {val_batches}")
        self.sounds = sounds
        if val_split not in ("train", "heldout"):
            raise InputError(f"data.val_split must be train or heldout, got {val_split!r}")
        self.checkpoint, self.val_batches, self.val_split = find_folder(checkpoint), val_batches, val_split
        self._devices_before: int | None = None

    def _batches(self, stream: int, split: str, condition_dropout: float) -> WorldBatches:
        if Vocabulary.load(self.checkpoint / "vocabulary.json") != self.vocabulary:
            raise InputError(f"the vocabulary of {self.checkpoint} is not the model's; give both the same checkpoint")
        if base := getattr(self._module, "tokenizers_folder", None):
            made, here = (tokenizers_identity(folder)["tokenizers"] for folder in (self.checkpoint, base))
            if name := different_tokenizer(made, here):
                raise InputError(
                    f"{name} of {self.checkpoint} is another than that of {base}; give data.checkpoint and "
                    f"model.vocabulary the same checkpoint, or {base / 'vocabulary.json'} if all ids mean the same"
                )
        seeds = (self.seed, stream)
        sizes = (self.row_length, self.batch_rows)
        return WorldBatches(self.checkpoint, seeds, split, *sizes, condition_dropout, self.sounds)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "devices": self._ranks["num_replicas"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._devices_before = state_dict.get("devices")

    def train_dataloader(self) -> DataLoader[PackedBatch]:
        batches = self._batches(0, "train", self.condition_dropout)
        # On other devices it goes on behind all batches that there were.
        done = steps_behind(self._start.batch, self._devices_before, self._ranks["num_replicas"])
        sampler = CountingSampler(batches, Position(0, done), None, **self._ranks)
        self._begin_stream(sampler)
        return self._loader(batches, sampler)

    def val_dataloader(self) -> DataLoader[PackedBatch]:
        batches = self._batches(1, self.val_split, 0.0)
        return self._loader(batches, CountingSampler(batches, Position(), self.val_batches, **self._ranks))

    def test_dataloader(self) -> DataLoader[PackedBatch]:
        return self.val_dataloader()
