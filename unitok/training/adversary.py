"""Two sides of adversarial training: what a discriminator learns from, and how loudly a codec hears it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss: real scores above 1, fake ones below -1."""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last_weight: Tensor, limit: float = 1e4) -> Tensor:
    """The weight at which both losses pull equally hard on the decoder's last layer (Esser et al. 2021)."""
    (wanted,) = torch.autograd.grad(reconstruction, last_weight, retain_graph=True)
    (given,) = torch.autograd.grad(adversarial, last_weight, retain_graph=True)
    return (wanted.norm() / (given.norm() + 1e-4)).clamp(0, limit).detach()
