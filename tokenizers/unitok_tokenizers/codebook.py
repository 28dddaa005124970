"""The codebook that a tokenizer searches and a detokenizer looks up.

Shape letters: n vectors, C channels, K codebooks, V codes in one codebook.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unitok_tokenizers.errors import InputError

Metric = Literal["euclidean", "cosine", "fsq"]
Combine = Literal["sum", "concatenate"]

CHUNK = 512
"""Vectors of one search step at most: the scores of a chunk stay in the processor's cache."""

SCORES = 1 << 22
"""Scores of one search step at most: memory of more than 32 MB would be asked of the system anew each time."""


@dataclass(frozen=True)
class CodebookConfig:
    """What a tokenizer and its detokenizer must agree on.

    Args:
        size: codes in one codebook.
        num_codebooks: each position has one code of each.
        channels: length of a code vector.
        metric: how the nearest code is found.
        levels: values a channel for the metric ``fsq``; their product is ``size``.
        combine: ``sum``, where codebooks refine one another, or ``concatenate``, where each has its own channels.
    """

    size: int = 1024
    num_codebooks: int = 1
    channels: int = 16
    metric: Metric = "cosine"
    levels: list[int] | None = None
    combine: Combine = "sum"

    @property
    def width(self) -> int:
        """Channels of all that a position's codes stand for."""
        return self.channels * (self.num_codebooks if self.combine == "concatenate" else 1)

    def build(self) -> Codebook:
        return Codebook(self.num_codebooks, self.size, self.channels, self.metric, self.levels, self.combine)


class Codebook(nn.Module):
    """``K`` codebooks of ``V`` vectors.

    More than one are a ``sum``, searched one after the other on what is left over (residual quantization), or they
    ``concatenate``: each searches its own part of the vector (product quantization, Jegou et al. 2011).
    Metrics: ``euclidean``; ``cosine`` (vectors of length one); ``fsq`` (a grid of ``levels`` values a channel, after
    finite scalar quantization, Mentzer et al. 2023), which needs no search.
    """

    vectors: Tensor

    def __init__(
        self,
        num_codebooks: int,
        size: int,
        channels: int,
        metric: Metric,
        levels: list[int] | None,
        combine: Combine = "sum",
    ) -> None:
        super().__init__()
        if metric == "fsq" and (num_codebooks != 1 or not levels or math.prod(levels) != size):
            raise InputError(f"fsq needs one codebook and levels whose product is its size {size}, got {levels}")
        if metric == "cosine" and num_codebooks != 1 and combine == "sum":
            raise InputError("codes of length one leave no residual: use the euclidean metric with several codebooks")
        self.metric, self.levels, self.combine = metric, levels, combine
        self.register_buffer("vectors", torch.zeros(num_codebooks, size, channels))

    @property
    def moves_alone(self) -> bool:
        """Whether a code can be changed and all others mean what they meant."""
        return self.metric != "fsq" and (len(self.vectors) == 1 or self.combine == "concatenate")

    @torch.no_grad()
    def search(self, x: Tensor) -> Tensor:
        """The nearest codes of ``x`` ``[n, C]`` as int64 ``[n, K]``; exact, in fp32, also under autocast.

        Where the codebooks concatenate, ``x`` is ``[n, K * C]``.
        """
        with torch.autocast(x.device.type, enabled=False):
            return self._search(x.float())

    def _search(self, x: Tensor) -> Tensor:
        if self.metric == "fsq":
            return self._fsq(x)[:, None]
        if self.combine == "concatenate":
            parts = x.chunk(len(self.vectors), dim=-1)
            return torch.cat([self._nearest(part, self.vectors[k : k + 1]) for k, part in enumerate(parts)], dim=-1)
        return self._nearest(x, self.vectors)

    def _nearest(self, x: Tensor, books: Tensor) -> Tensor:
        """The codes ``[n, K]`` of ``x`` ``[n, C]`` in codebooks ``[K, V, C]``, each on what was left over before it."""
        # Equal vectors, of which flat parts of pictures give many, lie side by side in order, and are searched once.
        order = x[:, 0].argsort()
        x = x[order]
        begins = torch.ones(len(x), dtype=torch.bool, device=x.device)
        begins[1:] = (x[1:] != x[:-1]).any(-1)
        x = x[begins]
        if self.metric == "cosine":
            x = F.normalize(x, dim=-1)
        codes = []
        for vectors in books.float():
            # argmin |x - v|^2 = argmax x.v - |v|^2 / 2, one matrix product a chunk; max finds it faster than argmax
            half_norms = vectors.square().sum(-1) / -2
            parts = x.split(min(CHUNK, max(1, SCORES // len(vectors))))
            found = torch.cat([torch.addmm(half_norms, part, vectors.T).max(-1).indices for part in parts])
            codes.append(found)
            if len(books) > 1:
                x = x - vectors[found]
        in_order = torch.stack(codes, dim=-1)[begins.cumsum(0) - 1]
        return torch.empty_like(in_order).index_copy_(0, order, in_order)

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors of ``codes`` ``[n, K]``: ``[n, C]``, or ``[n, K * C]`` where they concatenate."""
        parts = [self.vectors[k][codes[:, k]] for k in range(codes.shape[1])]
        return torch.cat(parts, dim=-1) if self.combine == "concatenate" else torch.stack(parts).sum(0)

    def _fsq(self, x: Tensor) -> Tensor:
        levels = torch.tensor(self.levels, device=x.device)
        half = (levels - 1) * (1 + 1e-3) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        bounded = torch.tanh(x + torch.atanh(offset / half)) * half - offset
        basis = torch.tensor([math.prod((self.levels or [])[:i]) for i in range(len(levels))], device=x.device)
        return ((bounded.round().long() + levels // 2) * basis).sum(-1)
