"""Optimizers and learning-rate schedules of the decoder.

Muon (hidden matrices) and AdamW (everything else) live in one `torch.optim.Optimizer`, so that automatic
optimization, accumulation, clipping, schedulers and checkpoints see a single object.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from unitok.precision import fast_dtype
from unitok_tokenizers.errors import InputError

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # the quintic of Keller Jordan's Muon, as in torch.optim.Muon
NEWTON_SCHULZ_STEPS = 5
NEWTON_SCHULZ_EPS = 1e-7


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights are updated.

    Args:
        name: `adamw`, or `muon` for hidden matrices with AdamW for embeddings, head and norms.
        lr: Peak learning rate of AdamW.
        muon_lr: Peak learning rate of Muon, on AdamW's scale (updates are scaled to AdamW's RMS); none: `lr`.
        embedding_lr: Peak learning rate of embeddings and head; none: `lr`.
        betas: AdamW's two decay rates.
        eps: AdamW's epsilon.
        weight_decay: Decoupled decay, on matrices only.
        momentum: Muon's momentum (Nesterov).
    """

    name: Literal["adamw", "muon"] = "adamw"
    lr: float = 1e-3
    muon_lr: float | None = None
    embedding_lr: float | None = None
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1
    momentum: float = 0.95

    def __post_init__(self) -> None:
        for name in ("lr", "muon_lr", "embedding_lr", "eps", "weight_decay"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"optimizer.{name} must be a number of at least 0, got {value}")
        for name, value in (("betas", self.betas[0]), ("betas", self.betas[1]), ("momentum", self.momentum)):
            if not 0 <= value < 1:
                raise InputError(f"optimizer.{name} must be in [0, 1), got {value}")


@dataclass(frozen=True)
class ScheduleConfig:
    """The learning rate over optimizer steps.

    Args:
        name: `cosine`, `wsd` (warm-up, stable, then a linear decay), or `constant` after the warm-up.
        warmup_steps: Steps of linear warm-up.
        decay_fraction: Of all steps, the last part that decays (wsd only).
        final_ratio: The last learning rate as a fraction of the peak.
        total_steps: Length of the schedule; none: the trainer's `max_steps`.
    """

    name: Literal["cosine", "wsd", "constant"] = "cosine"
    warmup_steps: int = 100
    decay_fraction: float = 0.2
    final_ratio: float = 0.05
    total_steps: int | None = None

    def __post_init__(self) -> None:
        if self.warmup_steps < 0 or (self.total_steps is not None and self.total_steps < 1):
            raise InputError("schedule.warmup_steps must be at least 0 and schedule.total_steps at least 1")
        for name in ("decay_fraction", "final_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"schedule.{name} must be in [0, 1], got {getattr(self, name)}")


def schedule_factor(step: int, config: ScheduleConfig, total_steps: int) -> float:
    """The factor on the peak learning rate at optimizer step `step` (0-based), in [0, 1]."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.name == "constant":
        return 1.0
    if config.name == "cosine":
        progress = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
        shape = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    else:
        decay_steps = max(1, round(total_steps * config.decay_fraction))
        shape = min(1.0, max(0.0, (total_steps - step) / decay_steps))
    return config.final_ratio + (1 - config.final_ratio) * shape


def orthogonalize(matrices: Tensor) -> Tensor:
    """Newton-Schulz iteration on a stack of matrices [n, a, b]: each towards U V^T of its SVD.

    Computes and returns bf16, or float32 on a device without products of bf16.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices.to(fast_dtype(matrices.device))
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=NEWTON_SCHULZ_EPS)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _muon_step(group: dict[str, Any], state: dict[Tensor, dict[str, Any]]) -> None:
    """One Muon update of a group; equal to `torch.optim.Muon(adjust_lr_fn="match_rms_adamw")`, but all
    matrices of one shape go through the iteration together."""
    by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
    for parameter in group["params"]:
        if parameter.grad is not None:
            by_shape[parameter.shape].append(parameter)
    lr, momentum = float(group["lr"]), group["momentum"]
    for shape, parameters in by_shape.items():
        grads = [p.grad for p in parameters if p.grad is not None]
        for p in parameters:
            if "momentum_buffer" not in state[p]:
                state[p]["momentum_buffer"] = torch.zeros_like(p)
        buffers = [state[p]["momentum_buffer"] for p in parameters]
        for buffer, grad in zip(buffers, grads, strict=True):
            buffer.lerp_(grad, 1 - momentum)
        nesterov = [grad.lerp(buffer, momentum) for grad, buffer in zip(grads, buffers, strict=True)]
        updates = (
            orthogonalize(torch.stack(nesterov).flatten(2)).to(parameters[0].dtype).unflatten(2, shape[1:]).unbind()
        )
        scale = 0.2 * math.sqrt(max(shape[0], shape[1:].numel()))
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - lr * group["weight_decay"]).add_(update, alpha=-lr * scale)


class MuonAdamW(Optimizer):
    """Muon for `muon` matrices and AdamW for the `adamw` groups, as one optimizer.

    Args:
        muon: matrices, and convolutions' weights, which are taken as matrices [out, in * kernel].
        adamw: AdamW parameter groups, each with `params` and `weight_decay`.
        config: learning rates and the rest.
    """

    def __init__(self, muon: Iterable[nn.Parameter], adamw: list[dict[str, Any]], config: OptimizerConfig) -> None:
        matrices = list(muon)
        for parameter in matrices:
            if parameter.ndim < 2:
                raise ValueError(f"Muon updates matrices, got a parameter of shape {tuple(parameter.shape)}")
            if isinstance(parameter, DTensor):
                raise InputError("optimizer muon does not work on sharded weights; use optimizer.name: adamw")
        muon_lr = config.lr if config.muon_lr is None else config.muon_lr
        self._adamw = _adamw(adamw, config)
        muon_group = {
            "params": matrices,
            "lr": muon_lr,
            "weight_decay": config.weight_decay,
            "momentum": config.momentum,
            "muon": True,
        }
        super().__init__([muon_group, *self._adamw.param_groups], {"muon": False})
        self._share()

    def _share(self) -> None:
        """Let the inner AdamW see this object's groups and state, which loading a checkpoint replaces."""
        self._adamw.param_groups = [group for group in self.param_groups if not group["muon"]]
        self._adamw.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["muon"]:
                _muon_step(group, self.state)
        self._adamw.step()
        return loss


def _adamw(groups: list[dict[str, Any]], config: OptimizerConfig) -> AdamW:
    fused = all(p.device.type in ("cpu", "cuda") for group in groups for p in group["params"])
    optimizer = AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=fused)
    # Fused steps may unscale fp16 gradients on their own, and Lightning then refuses to clip; so they are told not to.
    optimizer._step_supports_amp_scaling = False  # pyright: ignore[reportAttributeAccessIssue]
    return optimizer


def build_optimizer(
    model: nn.Module,
    config: OptimizerConfig,
    not_hidden: Iterable[nn.Parameter] = (),
    decay_not_hidden: bool = True,
) -> Optimizer:
    """The optimizer for a model's trainable parameters.

    Args:
        model: any module.
        config: the choice and its settings.
        not_hidden: matrices that Muon must leave to AdamW (embeddings and the head).
        decay_not_hidden: false: no weight decay on those, which would change rows that are frozen.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    outside = {id(p) for p in not_hidden}
    use_muon = config.name == "muon"
    muon = [p for p in parameters if use_muon and p.ndim >= 2 and id(p) not in outside]
    taken = {id(p) for p in muon}
    rest = [p for p in parameters if id(p) not in taken]
    matrices = [p for p in rest if p.ndim >= 2]
    ends = {
        "params": [p for p in matrices if id(p) in outside],
        "weight_decay": config.weight_decay if decay_not_hidden else 0.0,
        "lr": config.lr if config.embedding_lr is None else config.embedding_lr,
    }
    groups = [
        ends,
        {"params": [p for p in matrices if id(p) not in outside], "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if not muon:
        return _adamw(groups, config)
    return MuonAdamW(muon, groups or [ends], config)  # AdamW wants a group, if an empty one


def total_steps(config: ScheduleConfig, module: L.LightningModule) -> int:
    """The length of a schedule, in optimizer steps.

    Args:
        config: May say it.
        module: Otherwise that of the training by its trainer counts.

    Raises:
        InputError: A schedule that ends has no length.
    """
    total = config.total_steps or module.trainer.max_steps
    if total < 1 and config.name != "constant":
        raise InputError(f"the {config.name} schedule needs trainer.max_steps (or model.schedule.total_steps)")
    return total


class Schedule(LambdaLR):
    """The learning rate's factor at each step.

    Where a run goes on, rates, decay and betas are those of its config again: the optimizer, which is loaded before,
    has those of the checkpoint, and who resumes with a lower rate means it.
    """

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]) -> None:
        super().__init__(optimizer, factor)
        names = ("initial_lr", "betas", "eps", "weight_decay", "momentum")
        self._settings = [{name: group[name] for name in names if name in group} for group in optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {name: value for name, value in super().state_dict().items() if name != "_settings"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        groups = self.optimizer.param_groups
        for group, own in zip(groups, self._settings, strict=True):
            group.update(own)
        self.base_lrs = [group["initial_lr"] for group in groups]
        for group, factor in zip(groups, self.lr_lambdas, strict=True):
            group["lr"] = group["initial_lr"] * factor(self.last_epoch)
        self._last_lr = [group["lr"] for group in groups]


def build_schedule(optimizer: Optimizer, config: ScheduleConfig, total_steps: int) -> LambdaLR:
    """A scheduler to step once per optimizer step; every group keeps its own peak."""
    return Schedule(optimizer, lambda step: schedule_factor(step, config, total_steps))
