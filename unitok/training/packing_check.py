"""Whether a decoder keeps documents apart that share a row.

Positions that start anew tell it where a document begins. Not every architecture looks at them: some count positions
themselves, others carry a state from token to token.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unitok_tokenizers.errors import InputError

LENGTH = 6
"""Tokens of each of the two documents that are tried."""


@torch.no_grad()
def check_packing(decoder: PreTrainedModel) -> None:
    """Reads a document behind two others, and alone.

    Args:
        decoder: Any causal LM of ``transformers``; it is left in the mode that it was in.

    Raises:
        InputError: Its hidden states depend on what is before it, or its architecture does not run like that.
    """
    kind, training = decoder.config.model_type, decoder.training
    attention = decoder.config._attn_implementation
    if attention == "flex_attention":  # compiled for each shape, and apart in the same way
        decoder.set_attn_implementation("sdpa")
    decoder.eval()
    try:
        behind_one, behind_other, alone = _states(decoder)
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"a decoder of model_type {kind} cannot be trained with these settings: {reason}") from error
    finally:
        decoder.train(training)
        if attention == "flex_attention":
            decoder.set_attn_implementation(attention)
    if not alone.isfinite().all():
        return  # broken weights, which the first loss will tell
    size = alone.abs().max()
    # Products of equal shapes round alike; those of other shapes, in half precision within quantized layers, do not.
    half = getattr(decoder, "is_quantized", False) or alone.dtype != torch.float32
    eps = torch.finfo(torch.bfloat16 if half else torch.float32).eps
    leaks = (behind_one - behind_other).abs().max() > max(1e-5, torch.finfo(alone.dtype).eps) * size
    if leaks or (behind_one - alone).abs().max() > eps**0.5 * size:
        raise InputError(
            f"a decoder of model_type {kind} does not keep documents apart that share a row; "
            "take another architecture, such as qwen3, llama or gpt2"
        )


def _states(decoder: PreTrainedModel) -> list[Tensor]:
    """A document's hidden states behind either of two others, and alone."""
    backbone: Any = decoder.get_decoder()
    device, size = decoder.device, decoder.config.vocab_size
    first, other, last = torch.arange(3 * LENGTH, device=device).remainder(size).view(3, 1, LENGTH)
    place = torch.arange(LENGTH, device=device)[None]

    def states(ids: Tensor, positions: Tensor) -> Tensor:
        output = backbone(input_ids=ids, position_ids=positions, use_cache=False)
        return output.last_hidden_state[:, -LENGTH:]

    behind = [states(torch.cat([before, last], 1), torch.cat([place, place], 1)) for before in (first, other)]
    return [*behind, states(last, place)]
