"""Callbacks of a decoder's run: export as a `transformers` folder, a progress bar over optimizer steps."""

from __future__ import annotations

from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar

from unitok.training.decoder import DecoderModule
from unitok.training.ema import averaged_weights
from unitok.training.guards import is_tried


class ExportDecoder(Callback):
    """Saves the decoder (its EMA weights where there are some) for `transformers` and the engine.

    Args:
        folder: Where to; an older export there is replaced.
        every_n_steps: Also so often during training; none: at the end only.
        dtype: Of the saved weights; none: as trained.
        max_shard_size: Largest safetensors file.
    """

    def __init__(
        self,
        folder: str,
        every_n_steps: int | None = None,
        dtype: Literal["float32", "bfloat16", "float16"] | None = None,
        max_shard_size: str = "15MB",
    ) -> None:
        self.folder, self.every_n_steps, self.max_shard_size = folder, every_n_steps, max_shard_size
        self.dtype: torch.dtype | None = getattr(torch, dtype) if dtype else None
        self._last_step = 0

    def _export(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if is_tried(trainer):
            return
        if not isinstance(pl_module, DecoderModule):
            raise TypeError(f"ExportDecoder exports a DecoderModule, not a {type(pl_module).__name__}")
        self._last_step = trainer.global_step
        with averaged_weights(trainer, pl_module):
            pl_module.export(self.folder, self.dtype, self.max_shard_size)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        step = trainer.global_step
        if self.every_n_steps and step % self.every_n_steps == 0 and step != self._last_step:
            self._export(trainer, pl_module)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.global_step != self._last_step:
            self._export(trainer, pl_module)


class StepProgressBar(TQDMProgressBar):
    """Lightning's bar over batches, which ends where `max_steps` are done.

    Args:
        refresh_rate: Batches between two updates.
    """

    def __init__(self, refresh_rate: int = 10) -> None:
        super().__init__(refresh_rate=refresh_rate)

    @property
    def total_train_batches(self) -> int | float:
        # Lightning counts optimizer steps here, and only those that a resumed run has left.
        if self.trainer.max_steps > 0:
            return self.trainer.max_steps * self.trainer.accumulate_grad_batches
        return super().total_train_batches

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        # A run that is resumed inside an epoch has no start of an epoch, where Lightning would set the bar's end.
        bar = self.train_progress_bar
        bar.total = self.total_train_batches
        done: Any = trainer.fit_loop.epoch_loop.batch_progress.total
        bar.n = bar.initial = done.processed

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics
