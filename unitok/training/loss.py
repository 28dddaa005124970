"""The decoder's loss: weighted cross-entropy with z-loss, without ever holding all logits.

Shapes: B batch, S sequence, N positions with a loss weight above zero, D model width, V vocabulary, G groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from unitok_tokenizers.errors import InputError

LOGITS_AT_ONCE = 1 << 27  # half a gigabyte in fp32


@dataclass(frozen=True)
class LossConfig:
    """What a predicted token counts.

    Args:
        text: Weight of text tokens.
        image: Weight of image codes.
        audio: Weight of audio codes.
        control: Weight of control and size tokens.
        context: Factor on tokens that the model only reads (a user's turns). With 0 they cost no logits.
        z_loss: Weight of the squared log-normalizer, which keeps logits from drifting.
        chunk: Positions whose logits are held at once; where there are more, they are recomputed going back.
            None: as many as fit half a gigabyte.
    """

    text: float = 1.0
    image: float = 1.0
    audio: float = 1.0
    control: float = 1.0
    context: float = 0.1
    z_loss: float = 1e-4
    chunk: int | None = None

    def __post_init__(self) -> None:
        for name in ("text", "image", "audio", "control", "context", "z_loss"):
            if getattr(self, name) < 0:
                raise InputError(f"loss.{name} must be at least 0, got {getattr(self, name)}")
        if self.chunk is not None and self.chunk < 1:
            raise InputError(f"loss.chunk must be at least 1, got {self.chunk}")

    def positions(self, vocabulary_size: int) -> int:
        """Positions whose logits are held at once."""
        return self.chunk or max(1, LOGITS_AT_ONCE // vocabulary_size)


class LossOutput(NamedTuple):
    """Scalars in fp32, and per group (a modality, say) the sums that bits per token are made of."""

    loss: Tensor  # [] weighted mean of nll + z_loss * log_z**2
    nll: Tensor  # [G] sum of -log p(target) in nats, unweighted
    count: Tensor  # [G] positions


def _in_chunks(compute: Callable[..., Any], tensors: tuple[Tensor, ...], chunk: int) -> list[Any]:
    """What is computed from at most ``chunk`` positions at a time of tensors [N, ...]; at least one result.

    Where there are several, none keeps what its backward pass needs: it is computed again.
    """
    parts = zip(*(tensor.split(chunk) for tensor in tensors), strict=True)
    if len(tensors[0]) > chunk and torch.is_grad_enabled():
        return [checkpoint(compute, *part, use_reentrant=False) for part in parts]
    return [compute(*part) for part in parts]


def _chunk_sums(
    head: Callable[[Tensor], Tensor], z_loss: float, hidden: Tensor, targets: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """hidden [n, D], targets [n], weights [n] -> the weighted sum [] and every position's nll [n]."""
    logits = head(hidden).float()
    log_z = torch.logsumexp(logits, dim=-1)
    nll = log_z - logits.gather(-1, targets[:, None]).squeeze(-1)
    return (weights * (nll + z_loss * log_z.square())).sum(), nll.detach()


def chunked_cross_entropy(
    hidden: Tensor,
    targets: Tensor,
    weights: Tensor,
    groups: Tensor,
    head: Callable[[Tensor], Tensor],
    *,
    num_groups: int,
    z_loss: float = 0.0,
    chunk: int = 8192,
) -> LossOutput:
    """Weighted mean cross-entropy over the positions whose weight is above zero.

    Args:
        hidden: [B, S, D], the backbone's output at the positions that predict `targets`.
        targets: [B, S] int64, the next token at each position.
        weights: [B, S] float, at least 0; positions with 0 cost nothing.
        groups: [B, S] int64 in [0, num_groups), what each target is counted under.
        head: maps [n, D] to logits [n, V].
        num_groups: G.
        z_loss: weight of log_z**2.
        chunk: most positions whose logits exist at one time.

    Returns:
        The loss (0 with a graph where every weight is 0) and the sums per group.
    """
    index = weights.flatten().nonzero().squeeze(-1)  # [N]
    hidden = hidden.flatten(0, 1).index_select(0, index)
    targets, weights, groups = (t.flatten().index_select(0, index) for t in (targets, weights, groups))
    sums, pieces = zip(*_in_chunks(partial(_chunk_sums, head, z_loss), (hidden, targets, weights), chunk), strict=True)
    zeros = torch.zeros(num_groups, dtype=torch.float32, device=hidden.device)
    nll = torch.cat(pieces)
    return LossOutput(
        loss=torch.stack(sums).sum() / weights.sum().clamp_min(1e-8),
        nll=zeros.index_add(0, groups, nll),
        count=zeros.index_add(0, groups, torch.ones_like(nll)),
    )


def log_likelihoods(
    hidden: Tensor, targets: Tensor, wanted: Tensor, head: Callable[[Tensor], Tensor], chunk: int = 8192
) -> Tensor:
    """The sum of the log probabilities of each row's wanted targets, float32 [B].

    Args:
        hidden: [B, S, D], the backbone's output at the positions that predict `targets`.
        targets: [B, S] int64, the next token at each position.
        wanted: [B, S] bool, which positions count.
        head: maps [n, D] to logits [n, V].
        chunk: most positions whose logits exist at one time.
    """
    rows, _ = places = wanted.nonzero(as_tuple=True)
    hidden, targets = hidden[places], targets[places]

    def piece(hidden: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(head(hidden).float(), targets, reduction="none")

    losses = torch.cat(_in_chunks(piece, (hidden, targets), chunk))
    return torch.zeros(len(wanted), dtype=torch.float32, device=hidden.device).index_add(0, rows, -losses)


def full_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor, z_loss: float = 0.0) -> Tensor:
    """The same loss from all logits [B, S, V]: the plain definition, for tests and tiny models."""
    logits = logits.float()
    nll = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view_as(weights)
    loss = weights * (nll + z_loss * torch.logsumexp(logits, dim=-1).square())
    return loss.sum() / weights.sum().clamp_min(1e-8)
