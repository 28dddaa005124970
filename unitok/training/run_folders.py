"""The folders of a training run: they must take files, and what an earlier run left there is not lost unnoticed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint

from unitok.outputs import refuse_unwritable
from unitok.training.callbacks import ExportDecoder
from unitok.training.exports import refuse_other_folder
from unitok.training.guards import is_tried

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
        refuse_unwritable(folder, name)
    if not goes_on and trainer.is_global_zero and not is_tried(trainer):
        for last in _last_checkpoints(trainer):
            log.warning(
                "%s of an earlier run will be replaced; to go on with that run, stop this one and give --ckpt_path %s",
                *(last, last),
            )


def _folders(trainer: L.Trainer, module: L.LightningModule) -> Iterator[tuple[str, Path]]:
    """The folders, and what names them; of exports those that they are put into. Addresses of other hosts are none."""
    export = getattr(module, "export_folder", None)
    named = [("--trainer.default_root_dir", trainer.default_root_dir), ("--model.export", export)]
    if export and hasattr(module, "exports"):  # a codec's or a refiner's
        for place, kind in module.exports(export):  # pyright: ignore[reportCallIssue]
            refuse_other_folder(place, kind)
    for callback in trainer.callbacks:  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(callback, ExportDecoder):
            refuse_other_folder(callback.folder)
            named.append(("ExportDecoder's folder", os.path.dirname(os.path.realpath(callback.folder))))
        elif isinstance(callback, ModelCheckpoint):
            named.append(("ModelCheckpoint's dirpath", callback.dirpath))
    for name, folder in named:
        if folder and "://" not in str(folder):
            yield name, Path(os.path.realpath(folder))


def _last_checkpoints(trainer: L.Trainer) -> Iterator[Path]:
    for callback in trainer.checkpoint_callbacks:
        # With its counter of versions, Lightning leaves the file alone and writes another.
        if (
            isinstance(callback, ModelCheckpoint)
            and callback.dirpath
            and callback.save_last
            and not callback._enable_version_counter
        ):
            last = Path(callback.dirpath) / f"{callback.CHECKPOINT_NAME_LAST}{callback.FILE_EXTENSION}"
            if os.path.lexists(last):
                yield last
