"""Gaps in the positions of a document, for tasks whose parts are further apart than in training.

What the decoder looks up in an earlier part, such as a row of the picture that is to be edited, it finds by how far
away it is as well as by what is there. Where a melody or a long sentence stands in between it looks at the wrong place,
unless it was trained at such distances. A gap gives them without the tokens that would fill it: the positions from some
part on are higher by a random number, as in PoSE (Zhu et al. 2023, "PoSE: Efficient Context Window Extension of LLMs
via Positional Skip-wise Training").

Shapes: B rows, L row length, N documents in all rows, each padding token counted as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel
from transformers.masking_utils import create_causal_mask

from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError


@dataclass(frozen=True)
class PositionGapConfig:
    """How many documents get a gap, and how wide it may be.

    Attributes:
        share: Of the documents that have an earlier part, in [0, 1].
        longest: Positions that are left out at most, from 1; no position goes beyond the decoder's context.
    """

    share: float = 0.5
    longest: int = 400

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"model.position_gaps.share must be in [0, 1], got {self.share}")
        if self.longest < 1:
            raise InputError(f"model.position_gaps.longest must be at least 1, got {self.longest}")


def with_gaps(
    input_ids: Tensor,
    position_ids: Tensor,
    vocabulary: Vocabulary,
    config: PositionGapConfig,
    context: int,
    generator: torch.Generator,
) -> Tensor:
    """Positions with a gap in front of one later part of some documents.

    A part begins with a turn of the user, or behind a picture or a sound that does not end its turn. An answer is never
    torn from what is asked last.

    Args:
        input_ids: int64 ``[B, L]``.
        position_ids: int64 ``[B, L]``, which restart at 0 in each document.
        vocabulary: Tells where parts begin.
        config: How many gaps, how wide.
        context: Positions that the decoder knows.
        generator: Draws them; of the CPU.

    Returns:
        int64 ``[B, L]``; a document still begins where the position is 0.
    """
    device = input_ids.device
    before = input_ids.roll(1, dims=1)
    behind_media = ((before == vocabulary.eoi) | (before == vocabulary.eoa)) & (input_ids != vocabulary.eot)
    begins = ((input_ids == vocabulary.user) | behind_media) & (position_ids > 1)

    document = (position_ids == 0).flatten().cumsum(0) - 1  # [B * L]
    count = int(document[-1]) + 1
    draws = torch.rand(input_ids.numel(), generator=generator).to(device)
    scores = torch.where(begins.flatten(), draws, -1.0)
    best = scores.new_full((count,), -1.0).scatter_reduce(0, document, scores, "amax")
    chosen = begins.flatten() & (scores == best[document])
    beginning = torch.where(chosen, position_ids.flatten(), context)
    first = beginning.new_full((count,), context).scatter_reduce(0, document, beginning, "amin")  # [N]

    last = position_ids.new_zeros(count).scatter_reduce(0, document, position_ids.flatten(), "amax")
    room = (context - 1 - last).clamp(0, config.longest)
    share, width = torch.rand((2, count), generator=generator).to(device)
    gap = torch.where(share < config.share, (width * (room + 1)).long(), 0)
    moved = position_ids.flatten() >= first[document]
    return position_ids + (gap[document] * moved).view_as(position_ids)


def mask_of(decoder: PreTrainedModel, position_ids: Tensor) -> Tensor | None:
    """What keeps documents apart, for positions ``[B, L]`` without gaps: a mask as the decoder's attention takes it.

    The decoder itself finds documents by positions that do not follow one another.
    """
    embeddings = torch.empty((*position_ids.shape, 1), dtype=decoder.dtype, device=position_ids.device)
    # Without a mask, which a batch of whole documents needs none of, the decoder would take a gap for another document.
    return create_causal_mask(  # pyright: ignore[reportReturnType]
        decoder.config, embeddings, None, None, position_ids, allow_is_causal_skip=False
    )


def context_of(config: PretrainedConfig) -> int:
    """Positions that a decoder knows.

    Raises:
        InputError: Its attention has a window, which a mask for all layers cannot say.
    """
    if getattr(config, "sliding_window", None):
        raise InputError("model.position_gaps: this decoder's attention has a window; leave them out")
    return config.max_position_embeddings
