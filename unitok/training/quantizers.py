"""Quantizers of ``vector-quantize-pytorch`` behind one interface, for training.

What is trained here is exported as a ``unitok_tokenizers.codebook.Codebook``, which needs no quantizer library.
Shape letters: b media, n positions, C channels, K codebooks, V codes in one codebook.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from vector_quantize_pytorch import FSQ, ResidualVQ, SimVQ, VectorQuantize

from unitok_tokenizers.codebook import Codebook, CodebookConfig, Metric

GRACE = 4.0
"""A new code starts with this many times the count below which it would die, so that it has time to be used."""
DROPPED = -1
"""In place of a code that was not computed."""


class Quantizer(nn.Module):
    """Vectors to the nearest code vectors, with a gradient and a loss that keeps the two together."""

    config: CodebookConfig

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``x`` ``[b, n, C]`` to quantized vectors ``[b, n, C]``, codes int64 ``[b, n, K]`` and a scalar loss.

        Where the codebooks concatenate, the vectors are K * C long. Codes of codebooks that a training step leaves out
        are ``DROPPED``.
        """

    @abstractmethod
    def vectors(self) -> Tensor:
        """The codebooks as they are now: ``[K, V, C]``."""

    @torch.no_grad()
    def fill(self, codebook: Codebook) -> None:
        """Copy the codes into a tokenizer's or detokenizer's codebook."""
        codebook.vectors.copy_(self.vectors())


def badly_served(codebook: Any, vectors: Tensor, count: int) -> Tensor:
    """``count`` of the vectors ``[1, n, C]``, each as likely as it is far from its nearest code, squared.

    The library draws uniformly, which puts most new codes where a code is already: on plain background, on silence.
    The rule is that of k-means++ (Arthur and Vassilvitskii 2007).
    """
    nearest = torch.cdist(vectors[0], codebook.embed[0]).amin(1).square() + 1e-9
    picked = torch.multinomial(nearest, count, replacement=count > len(nearest))
    return vectors[:, picked]


def _revive_where_needed(quantizer: VectorQuantize, dead_below: float) -> None:
    """Let the library's quantizer put codes that died where vectors are badly served."""
    codebook: Any = quantizer._codebook
    codebook.replace_sample_fn = partial(badly_served, codebook)
    codebook.reset_cluster_size = GRACE * dead_below


class VectorQuantizer(Quantizer):
    """One codebook that follows the encoder by moving averages; codes that die are put where vectors are.

    Args:
        size: number of codes.
        channels: length of a code.
        cosine: compare directions only, with codes of length one.
        decay: of the moving averages.
        dead_below: a code whose moving count of vectors falls below this is put where a vector of the batch is that
            the codes serve badly.
        commitment: weight of the loss that draws the encoder's vectors to their codes.
        rotation_trick: pass gradients by rotation (Fifty et al. 2024) instead of straight through.
    """

    def __init__(
        self,
        size: int = 1024,
        channels: int = 16,
        cosine: bool = True,
        decay: float = 0.99,
        dead_below: float = 0.5,
        commitment: float = 0.25,
        rotation_trick: bool = True,
    ) -> None:
        super().__init__()
        metric: Metric = "cosine" if cosine else "euclidean"
        self.config = CodebookConfig(size=size, num_codebooks=1, channels=channels, metric=metric)
        self.inner = VectorQuantize(
            dim=channels,
            codebook_size=size,
            decay=decay,
            use_cosine_sim=cosine,
            kmeans_init=True,
            threshold_ema_dead_code=dead_below,  # pyright: ignore[reportArgumentType]
            commitment_weight=commitment,
            rotation_trick=rotation_trick,
        )
        _revive_where_needed(self.inner, dead_below)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quantized, codes, loss = self.inner(x.float())
        return quantized, codes[..., None], loss.sum()

    def vectors(self) -> Tensor:
        return self.inner.codebook[None]


class ProductQuantizer(Quantizer):
    """Several codebooks, each of which codes its own part of the vector (Jegou et al. 2011).

    Args:
        num_codebooks: how many.
        size, channels, cosine, decay, dead_below, commitment, rotation_trick: as for one codebook.
    """

    def __init__(
        self,
        num_codebooks: int = 2,
        size: int = 1024,
        channels: int = 16,
        cosine: bool = True,
        decay: float = 0.99,
        dead_below: float = 0.5,
        commitment: float = 0.25,
        rotation_trick: bool = True,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            VectorQuantizer(size, channels, cosine, decay, dead_below, commitment, rotation_trick)
            for _ in range(num_codebooks)
        )
        metric: Metric = "cosine" if cosine else "euclidean"
        self.config = CodebookConfig(size, num_codebooks, channels, metric, combine="concatenate")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pieces = [part(one) for part, one in zip(self.parts, x.chunk(len(self.parts), dim=-1), strict=True)]
        quantized, codes, losses = zip(*pieces, strict=True)
        return torch.cat(quantized, dim=-1), torch.cat(codes, dim=-1), torch.stack(losses).sum()

    def vectors(self) -> Tensor:
        return torch.cat([part.vectors() for part in self.parts])  # pyright: ignore[reportCallIssue]


class ResidualQuantizer(Quantizer):
    """Several codebooks, each coding what the ones before it left over.

    Args:
        num_codebooks: how many.
        size, channels, decay, dead_below, commitment, rotation_trick: as for one codebook.
        quantize_dropout: in training, leave out the last codebooks, as many as a draw for each step says (Zeghidour et
            al. 2021), so that the first ones alone can be decoded too.
    """

    def __init__(
        self,
        num_codebooks: int = 2,
        size: int = 1024,
        channels: int = 16,
        decay: float = 0.99,
        dead_below: float = 0.5,
        commitment: float = 0.25,
        rotation_trick: bool = True,
        quantize_dropout: bool = False,
    ) -> None:
        super().__init__()
        self.config = CodebookConfig(size=size, num_codebooks=num_codebooks, channels=channels, metric="euclidean")
        self.inner = ResidualVQ(
            dim=channels,
            num_quantizers=num_codebooks,
            codebook_size=size,
            decay=decay,
            kmeans_init=True,
            threshold_ema_dead_code=dead_below,
            commitment_weight=commitment,
            rotation_trick=rotation_trick,
            quantize_dropout=quantize_dropout,
        )
        for layer in self.inner.layers:
            assert isinstance(layer, VectorQuantize)
            _revive_where_needed(layer, dead_below)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quantized, codes, losses = self.inner(x.float())
        return quantized, codes, losses.sum()

    def vectors(self) -> Tensor:
        vectors = self.inner.codebooks
        assert isinstance(vectors, Tensor)  # it would be a tuple for codebooks of different sizes
        return vectors


class FiniteScalarQuantizer(Quantizer):
    """A fixed grid of ``levels`` values a channel (Mentzer et al. 2023): no codebook to learn, none to die."""

    def __init__(self, levels: list[int] | None = None) -> None:
        super().__init__()
        levels = levels or [8, 5, 5, 5]
        self.config = CodebookConfig(
            size=math.prod(levels), num_codebooks=1, channels=len(levels), metric="fsq", levels=levels
        )
        self.inner = FSQ(levels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quantized, codes = self.inner(x.float())
        return quantized, codes.long()[..., None], x.new_zeros(())

    def vectors(self) -> Tensor:
        return self.inner.get_buffer("implicit_codebook")[None]


class SimVectorQuantizer(Quantizer):
    """SimVQ (Zhu et al. 2024): a frozen codebook behind one learned linear map, so that no code dies alone.

    Args:
        size, channels, rotation_trick: as for one codebook.
        commitment: weight of the quantizer's loss.
    """

    def __init__(
        self, size: int = 1024, channels: int = 16, commitment: float = 1.0, rotation_trick: bool = True
    ) -> None:
        super().__init__()
        self.config = CodebookConfig(size=size, num_codebooks=1, channels=channels, metric="euclidean")
        self.inner = SimVQ(
            dim=channels, codebook_size=size, commitment_weight=commitment, rotation_trick=rotation_trick
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quantized, codes, loss = self.inner(x.float())
        return quantized, codes[..., None], loss

    def vectors(self) -> Tensor:
        return self.inner.codebook[None]


LEFT_OUT = 0.3
"""How often a fixed quantizer draws how many codebooks are left."""


class FixedQuantizer(Quantizer):
    """The codes of a tokenizer that stays as it is, while a detokenizer is trained on them.

    Where codebooks refine one another, the last of them are now and then left out in training, so that the first
    alone can still be decoded.

    Args:
        codebook: the tokenizer's.
        config: of that codebook.
    """

    def __init__(self, codebook: Codebook, config: CodebookConfig) -> None:
        super().__init__()
        self.codebook, self.config = codebook, config

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        codes = self.codebook.search(x.flatten(0, 1))
        books = codes.shape[-1]
        if self.training and books > 1 and self.config.combine == "sum" and float(torch.rand(())) < LEFT_OUT:
            books = int(torch.randint(1, books + 1, ()))
        quantized = self.codebook.lookup(codes[:, :books]).float()
        return quantized.unflatten(0, x.shape[:2]), codes.unflatten(0, x.shape[:2]), x.new_zeros(())

    def vectors(self) -> Tensor:
        return self.codebook.vectors
