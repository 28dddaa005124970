"""An exponential moving average of the weights, used for validation, export and the saved checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from unitok_tokenizers.errors import InputError


class ExponentialMovingAverage(Callback):
    """Averages the trainable weights after each optimizer step.

    During validation and test the averages stand in for the weights; a checkpoint holds both (the weights
    under `state_dict`, the averages in this callback's state).

    Args:
        decay: Of the average, per optimizer step, in (0, 1).
        warmup: Start with a shorter memory, min(decay, (1 + step) / (10 + step)).
    """

    def __init__(self, decay: float = 0.999, warmup: bool = True) -> None:
        if not 0 < decay < 1:
            raise InputError(f"EMA decay must be between 0 and 1, got {decay}")
        self.decay, self.warmup = decay, warmup
        self.updates = 0
        self._last_step = -1
        self._averages: dict[str, Tensor] = {}
        self._swapped = False

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        names = dict(_trainable(pl_module))
        if any(isinstance(p, DTensor) for p in names.values()):
            raise InputError("the EMA callback does not work on sharded weights; remove it from trainer.callbacks")
        if self._averages and set(self._averages) != set(names):
            raise InputError("the checkpoint's EMA weights are not those of this model")
        self._averages = {
            name: self._averages.get(name, p).detach().to(p.device, torch.float32, copy=True)
            for name, p in names.items()
        }

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._last_step = trainer.global_step  # only now is it that of the run that goes on

    @torch.no_grad()
    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        if trainer.global_step == self._last_step:  # still accumulating gradients
            return
        self._last_step = trainer.global_step
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else self.decay
        weights = [p.detach().float() for _, p in _trainable(pl_module)]
        for average, weight in zip(self._averages.values(), weights, strict=True):
            average.lerp_(weight, 1 - decay)

    @contextmanager
    def averaged(self, pl_module: nn.Module) -> Iterator[None]:
        """Within this context the module has the averaged weights."""
        if self._swapped or not self._averages:
            yield
            return
        self._swap(pl_module)
        try:
            yield
        finally:
            self._swap(pl_module)

    @torch.no_grad()
    def _swap(self, pl_module: nn.Module) -> None:
        for name, parameter in _trainable(pl_module):
            weight = parameter.detach().clone()
            parameter.copy_(self._averages[name])
            self._averages[name].copy_(weight)
        self._swapped = not self._swapped

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._averages and not self._swapped:
            self._swap(pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._swapped:
            self._swap(pl_module)

    on_test_start, on_test_end = on_validation_start, on_validation_end

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self.on_validation_end(trainer, pl_module)  # whoever saves now saves the weights as weights

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "averages": {n: t.detach().cpu() for n, t in self._averages.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.updates, self._averages = state_dict["updates"], dict(state_dict["averages"])


def _trainable(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, p) for name, p in module.named_parameters() if p.requires_grad]


@contextmanager
def averaged_weights(trainer: L.Trainer, pl_module: L.LightningModule) -> Iterator[None]:
    """The weights that a run would ship: the averages where the trainer has an EMA callback."""
    callbacks = [c for c in getattr(trainer, "callbacks", []) if isinstance(c, ExponentialMovingAverage)]
    if callbacks:
        with callbacks[0].averaged(pl_module):
            yield
    else:
        yield
