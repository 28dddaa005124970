"""A user's own files to train a codec on: which of a folder are held out, excerpts of them, and batches of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from unitok.data.interrupts import leave_interrupts
from unitok_tokenizers.errors import InputError


def split_folder(
    folder: Path, suffixes: tuple[str, ...], kind: str, held_out_share: float, seed: int
) -> tuple[list[Path], list[Path]]:
    """The files to train on, and those that are held out, of a folder and its subfolders.

    Args:
        folder: Where the files are.
        suffixes: Of the files that count, in lower case.
        kind: What they are, for errors ("pictures").
        held_out_share: Share of the files, at least one, that is held out.
        seed: Of the split.

    Raises:
        InputError: It is not a folder, fewer than two files are in it, or none would be left to train on.
    """
    if not 0 <= held_out_share < 1:
        raise InputError(f"data.validation_share must be in [0, 1), got {held_out_share}")
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: data.init_args.folder must name one that holds {kind}")
    # Names that begin with a dot are notes that file systems keep of files.
    named = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and not path.name.startswith("."))
    files = sorted(path for path in named if path.is_file())
    if len(files) < 2:
        raise InputError(f"{folder} holds {len(files)} {kind} ({', '.join(suffixes)}): at least 2 are needed")
    order = np.random.default_rng(seed).permutation(len(files))
    held = min(max(1, round(held_out_share * len(files))), len(files) - 1)
    return [files[i] for i in order[held:]], [files[i] for i in order[:held]]


class FileExcerpts(IterableDataset[Tensor]):
    """Excerpts of files: random ones of random files without end, or each file's middle.

    Args:
        files: To take them from.
        excerpt: Makes one of a file; its second argument says where, two numbers in [0, 1] of which 0.5 is the middle.
        endless: Random ones without end.
        done: Steps that were trained on before: other numbers give other excerpts, so that a run that goes on does
            not see the first ones again.
    """

    def __init__(
        self, files: list[Path], excerpt: Callable[[Path, np.ndarray], Tensor], endless: bool, done: int = 0
    ) -> None:
        self.files, self.excerpt, self.endless, self.done = files, excerpt, endless, done
        self.passes = 0

    def __iter__(self) -> Iterator[Tensor]:
        if not self.endless:
            for path in self.files:
                yield self.excerpt(path, np.array([0.5, 0.5]))
            return
        rng = np.random.default_rng([int(torch.initial_seed()) % 2**63, self.done, self.passes])
        self.passes += 1  # another epoch of the same process sees others
        while True:
            yield self.excerpt(self.files[int(rng.integers(len(self.files)))], rng.random(2))


class FolderExcerpts(L.LightningDataModule):
    """Batches of excerpts: random ones to train on, and the middle of each file that is held out.

    Args:
        folder: Where the files are, also in subfolders.
        kind: What they are, for errors ("pictures").
        suffixes: Of the files that count, in lower case.
        excerpts: Make one of a file for training, and for validation; see `FileExcerpts`.
        batch_size: Excerpts a step.
        validation_share: Share of the files, at least one, that is held out.
        num_workers: Processes that read files.
        seed: Of the split.
    """

    def __init__(
        self,
        folder: str,
        kind: str,
        suffixes: tuple[str, ...],
        excerpts: tuple[Callable[[Path, np.ndarray], Tensor], Callable[[Path, np.ndarray], Tensor]],
        batch_size: int,
        validation_share: float,
        num_workers: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.folder, self.kind, self.suffixes, self.excerpts = Path(folder), kind, suffixes, excerpts
        self.batch_size, self.validation_share, self.num_workers = batch_size, validation_share, num_workers
        self.seed = seed
        self.train_files: list[Path] = []
        self.validation_files: list[Path] = []

    def setup(self, stage: str) -> None:
        self.train_files, self.validation_files = split_folder(
            self.folder, self.suffixes, self.kind, self.validation_share, self.seed
        )

    def train_dataloader(self) -> DataLoader[Tensor]:
        done = self.trainer.global_step if self.trainer else 0  # a run that goes on sees other excerpts
        excerpts = FileExcerpts(self.train_files, self.excerpts[0], endless=True, done=done)
        workers = self.num_workers
        return DataLoader(excerpts, self.batch_size, num_workers=workers, worker_init_fn=leave_interrupts)

    def val_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader(FileExcerpts(self.validation_files, self.excerpts[1], endless=False), self.batch_size)

    def test_dataloader(self) -> DataLoader[Tensor]:
        return self.val_dataloader()
