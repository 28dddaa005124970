"""The folders of a training run: they must take files, and what an earlier run left there is not lost unnoticed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint

from unitok.training.callbacks import ExportDecoder
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)


def check_run_folders(trainer: L.Trainer, module: L.LightningModule, goes_on: bool) -> None:
    """Before a run, so that it does not end at its first export.

    Args:
        trainer: Of the run.
        module: Of the run.
        goes_on: Whether it goes on with a checkpoint; one that does not is told what it will replace.

    Raises:
        InputError: A folder of the run cannot take files.
    """
    for name, folder in _folders(trainer, module):
        existing = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
        if not existing.is_dir():
            raise InputError(f"{name} {folder}: {existing} is a file; name a folder")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(f"{name} {folder}: {existing} is not writable; name another folder")
    if not goes_on:
        for last in _last_checkpoints(trainer):
            log.warning(
                "%s of an earlier run will be replaced; to go on with that run, stop this one and give --ckpt_path %s",
                *(last, last),
            )


def _folders(trainer: L.Trainer, module: L.LightningModule) -> Iterator[tuple[str, Path]]:
    yield "--trainer.default_root_dir", Path(trainer.default_root_dir)
    export = getattr(module, "export_folder", None)
    if export:
        yield "--model.export", Path(export)
    for callback in trainer.callbacks:  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(callback, ExportDecoder):
            yield "ExportDecoder's folder", Path(callback.folder)
        elif isinstance(callback, ModelCheckpoint) and callback.dirpath:
            yield "ModelCheckpoint's dirpath", Path(callback.dirpath)


def _last_checkpoints(trainer: L.Trainer) -> Iterator[Path]:
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.dirpath and callback.save_last:
            last = Path(callback.dirpath) / f"{callback.CHECKPOINT_NAME_LAST}{callback.FILE_EXTENSION}"
            if os.path.lexists(last):
                yield last
