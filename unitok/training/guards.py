"""Guards: a bad optimizer step is skipped and logged, several in a row end the run with a clear error."""

from __future__ import annotations

import logging
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)

SPIKE_WARMUP = 20  # accepted steps before spikes are judged: early norms say little
NORM_DECAY = 0.98


class DivergenceError(InputError):
    """Training produced too many unusable steps in a row."""


def gradient_norm(optimizer: Optimizer) -> Tensor:
    """The 2-norm over all gradients of an optimizer, [] fp32; 0 where there are none."""
    grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(grads)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


class StepGuard(Callback):
    """Logs the gradient's norm before clipping; skips steps whose gradient is NaN, infinite or a spike.

    A skipped step changes no weight and no optimizer state; the learning-rate schedule goes on.

    Args:
        patience: So many skipped steps in a row end the run.
        spike_factor: Skip a step whose norm is above this times the mean of accepted norms; none: never.
    """

    def __init__(self, patience: int = 10, spike_factor: float | None = None) -> None:
        if patience < 1:
            raise InputError(f"guard patience must be at least 1, got {patience}")
        if spike_factor is not None and spike_factor <= 1:
            raise InputError(f"spike_factor must be above 1, got {spike_factor}")
        self.patience, self.spike_factor = patience, spike_factor
        self.skipped_in_a_row = self.skipped = self.accepted = 0
        self.mean_norm = 0.0

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        norm = float(gradient_norm(optimizer))
        pl_module.log("train/grad_norm", norm)
        reason = self._judge(norm)
        if reason is None:
            self.skipped_in_a_row = 0
            self.accepted += 1
            decay = min(NORM_DECAY, 1 - 1 / self.accepted)
            self.mean_norm = decay * self.mean_norm + (1 - decay) * norm
        else:
            optimizer.zero_grad(set_to_none=True)  # an optimizer leaves parameters without a gradient alone
            self.skipped_in_a_row += 1
            self.skipped += 1
            log.warning("step %d skipped: %s (%d in a row)", trainer.global_step, reason, self.skipped_in_a_row)
        pl_module.log("train/skipped_steps", float(self.skipped))
        if self.skipped_in_a_row >= self.patience:
            raise DivergenceError(
                f"training stopped at step {trainer.global_step}: {self.patience} steps in a row were "
                "skipped, "
                f"the last because of {reason}; lower the learning rate or resume from an earlier checkpoint"
            )

    def _judge(self, norm: float) -> str | None:
        if not norm < float("inf"):
            return f"a gradient norm of {norm}"
        if self.spike_factor is not None and self.accepted >= SPIKE_WARMUP:
            limit = self.spike_factor * self.mean_norm
            if norm > limit:
                return f"a gradient norm of {norm:.3g}, above {limit:.3g}"
        return None

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("skipped", "accepted", "mean_norm")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)


def is_tried(trainer: L.Trainer) -> bool:
    """Whether this is a try of a few batches (``trainer.fast_dev_run``), which leaves nothing behind."""
    return bool(getattr(trainer, "fast_dev_run", 0))


def is_validated_in_training(trainer: L.Trainer) -> bool:
    """Whether the validation that has ended was one of `fit`, whose weights are worth an export: not the few batches
    at its beginning, and none of a run that only validates or tries."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking and not is_tried(trainer)


def refuse_several_devices(trainer: L.Trainer) -> None:
    """For what is trained on one device.

    Raises:
        InputError: The trainer has more.
    """
    if trainer.world_size > 1:
        raise InputError(
            f"this is trained on one device, and the trainer has {trainer.world_size}; give --trainer.devices 1"
        )
