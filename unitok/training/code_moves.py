"""Moves codes that nothing needs to where pictures are served badly; all other codes stay what they are.

A decoder that was trained on the codes keeps what it knows: a code that stays means what it meant, and a code that
moved takes over cells of one that the decoder knows (`unitok.training.carrying_over`). Shape letters: n cells of the
code grid, K codebooks, V codes in one codebook, C channels of a code vector, m codes that move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from unitok_detokenizers.image import ImageDetokenizer
from unitok_tokenizers.codebook import Codebook
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer

ROUNDS = 4
"""Of Lloyd's iterations; the fourth gains 1 % of the distance."""
PLACED_TOGETHER = 32
"""New places that are drawn before the distances to them are counted."""
WORST = 0.5
"""A squared error above it counts as this much: single cells would draw all codes otherwise."""
ROWS = 8192


@dataclass(frozen=True)
class Cells:
    """What an encoder makes of pictures, cell by cell.

    Attributes:
        vectors: Of each codebook, ``[n, C]``, of length one where codes are found by angle.
        codes: int64 ``[n, K]``.
        errors: Mean squared error ``[n]`` of the cell's pixels behind the codes; pixels are in [-1, 1].
    """

    vectors: list[Tensor]
    codes: Tensor
    errors: Tensor

    def used(self, size: int) -> Tensor:
        """How many cells have each code: ``[K, V]``."""
        return torch.stack([torch.bincount(one, minlength=size) for one in self.codes.unbind(1)])


@torch.no_grad()
def cells_of(tokenizer: ImageTokenizer, detokenizer: ImageDetokenizer, batches: Iterable[Tensor]) -> Cells:
    """The cells of pictures ``[B, 3, H, W]`` in [-1, 1], whose sides are whole cells."""
    parts: list[list[Tensor]] = []
    for pictures in batches:
        grid = tokenizer.encoder(pictures)
        vectors = grid.permute(0, 2, 3, 1).reshape(-1, grid.shape[1])
        codes = tokenizer.codebook.search(vectors)
        again = detokenizer.decode(codes.view(len(pictures), *grid.shape[2:], -1).permute(0, 3, 1, 2))
        errors = F.avg_pool2d((again - pictures).square().mean(1, keepdim=True), tokenizer.config.downsample)
        parts.append([errors.flatten(), codes, *_parts(tokenizer.codebook, vectors)])
    errors, codes, *vectors = (torch.cat(same) for same in zip(*parts, strict=True))
    return Cells(vectors, codes, errors)


def check_moves(codebook: Codebook, counts: Sequence[int]) -> None:
    """Raises InputError unless so many codes of each codebook can be changed and all others mean what they meant."""
    if not codebook.moves_alone:
        raise InputError("codes of this codec cannot be moved: its codebooks refine one another, or are a fixed grid")
    books, size = codebook.vectors.shape[:2]
    if len(counts) != books or max(counts) >= size or not any(counts):
        raise InputError(
            f"the codec has {books} codebooks of {size} codes; give one number below {size} for each, not all of them 0"
        )


def moved(codebook: Codebook, cells: Cells, others: Cells | None, counts: Sequence[int], seed: int = 0) -> Tensor:
    """The code vectors ``[K, V, C]`` with some of them elsewhere.

    Those move that the fewest cells have; among such, those that the fewest of the other cells have. They start at
    cells drawn as in k-means++ (Arthur and Vassilvitskii 2007), as likely as a cell's error times its distance from the
    codes, and settle at the means of the cells that they get (Lloyd 1982), weighed by the errors.

    Args:
        codebook: As it is.
        cells: Of the pictures that are to be served better.
        others: Of pictures that should not lose more than necessary; None if there are none.
        counts: How many codes of each codebook move.
        seed: Of the draws.

    Raises:
        InputError: See :func:`check_moves`.
    """
    check_moves(codebook, counts)
    size = codebook.vectors.shape[1]
    used = cells.used(size)
    needed = torch.zeros_like(used) if others is None else others.used(size)
    weights = cells.errors.clamp(max=WORST)
    generator = torch.Generator().manual_seed(seed)
    vectors = codebook.vectors.clone()
    for book, count in enumerate(counts):
        order = np.lexsort((needed[book].numpy(), used[book].numpy()))
        which = torch.from_numpy(order[:count].copy())
        if count:
            cosine = codebook.metric == "cosine"
            vectors[book] = _settled(vectors[book], which, cells.vectors[book], weights, cosine, generator)
    return vectors


def _settled(
    vectors: Tensor, which: Tensor, points: Tensor, weights: Tensor, cosine: bool, generator: torch.Generator
) -> Tensor:
    """Codes ``[V, C]``, of which ``which`` ``[m]`` are where the points ``[n, C]`` with weights ``[n]`` need them."""
    stays = torch.ones(len(vectors), dtype=torch.bool)
    stays[which] = False
    distance, _ = _nearest(points, vectors[stays])
    places: list[int] = []
    while len(places) < len(which):
        chance = distance * weights + 1e-12
        drawn = torch.multinomial(chance, min(PLACED_TOGETHER, len(which) - len(places)), generator=generator)
        places += drawn.tolist()
        distance = torch.minimum(distance, _nearest(points, points[drawn])[0])
    vectors = vectors.clone()
    vectors[which] = points[torch.tensor(places)]
    for _ in range(ROUNDS):
        _, nearest = _nearest(points, vectors)
        sums = torch.zeros_like(vectors).index_add_(0, nearest, points * weights[:, None])
        total = torch.zeros(len(vectors)).index_add_(0, nearest, weights)
        reached = which[total[which] > 0]
        means = sums[reached] / total[reached, None]
        vectors[reached] = F.normalize(means, dim=-1) if cosine else means
    return vectors


def _nearest(points: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The squared distances ``[n]`` of points to the nearest of vectors, and which those are ``[n]``."""
    half = vectors.square().sum(-1) / 2
    best = [(part @ vectors.T - half).max(-1) for part in points.split(ROWS)]
    scores, which = (torch.cat(same) for same in zip(*best, strict=True))
    return (points.square().sum(-1) - 2 * scores).clamp(min=0), which


def _parts(codebook: Codebook, vectors: Tensor) -> list[Tensor]:
    """What each codebook codes of encoder's vectors ``[n, K * C]``."""
    parts = vectors.float().chunk(len(codebook.vectors), dim=-1)
    return [F.normalize(part, dim=-1) if codebook.metric == "cosine" else part for part in parts]
