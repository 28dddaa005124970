"""How near a reconstruction is to its picture, and how well a codebook is used.

Shape letters: B batch, H W pixels, V codes of one codebook.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

MAX_PSNR = 100.0
"""What equal pictures get, in dB, so that means stay finite."""


def psnr(pictures: Tensor, others: Tensor) -> Tensor:
    """Signal-to-noise ratio in dB of each pair, float ``[B]``, of pictures ``[B, 3, H, W]`` in [-1, 1]."""
    _check(pictures, others)
    pictures, others = pictures.cpu(), others.cpu()  # some accelerators have no double precision
    error = (pictures.double() - others.double()).square().mean(dim=(1, 2, 3)) / 4  # the range is 2 wide
    return (-10 * error.clamp(min=10 ** (-MAX_PSNR / 10)).log10()).float()


def ssim(pictures: Tensor, others: Tensor) -> Tensor:
    """Structural similarity of each pair, float ``[B]``, of pictures ``[B, 3, H, W]`` in [-1, 1]."""
    _check(pictures, others)
    values = structural_similarity_index_measure(others, pictures, data_range=2.0, reduction="none")
    assert isinstance(values, Tensor)
    return values.reshape(len(pictures))


def sharpness(pictures: Tensor, others: Tensor) -> Tensor:
    """Energy of the gradients of each picture relative to the other's, float ``[B]``, of ``[B, 3, H, W]``."""
    _check(pictures, others)

    def energy(pixels: Tensor) -> Tensor:
        return sum(pixels.diff(dim=axis).square().sum(dim=(1, 2, 3)) for axis in (-1, -2))  # type: ignore[return-value]

    return energy(pictures) / energy(others).clamp(min=1e-10)


def usage(counts: Tensor) -> float:
    """The share of codes that occur at all, of counts ``[V]``, in [0, 1]."""
    return counts.count_nonzero().item() / counts.numel()


def perplexity(counts: Tensor) -> float:
    """How many codes, used alike, would carry as much information as these counts ``[V]`` do: in [1, V]."""
    p = counts.double() / counts.sum()
    return torch.special.entr(p).sum().exp().item()


def _check(pictures: Tensor, others: Tensor) -> None:
    if pictures.shape != others.shape or pictures.ndim != 4:
        raise ValueError(f"pictures must be two [B, 3, H, W], got {list(pictures.shape)} and {list(others.shape)}")
