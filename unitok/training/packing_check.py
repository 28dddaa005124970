"""Whether a decoder keeps documents apart that share a row.

Positions that start anew tell it where a document begins. Not every architecture looks at them: some count positions
themselves, others carry a state from token to token.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from unitok_tokenizers.errors import InputError

LENGTH = 6
"""Tokens of each of the two documents that are tried."""


@torch.no_grad()
def check_packing(decoder: PreTrainedModel) -> None:
    """Reads a document behind another one and alone.

    Args:
        decoder: Any causal LM of ``transformers``; it is left in the mode that it was in.

    Raises:
        InputError: Its hidden states differ by more than rounding, or its architecture does not run like that.
    """
    kind, training = decoder.config.model_type, decoder.training
    device = decoder.device
    backbone: Any = decoder.get_decoder()
    attention = decoder.config._attn_implementation
    if attention == "flex_attention":  # compiled for each shape, and apart in the same way
        decoder.set_attn_implementation("sdpa")
    ids = torch.arange(2 * LENGTH, device=device).remainder(decoder.config.vocab_size)[None]
    places = torch.arange(LENGTH, device=device).repeat(2)[None]
    decoder.eval()
    try:
        packed = backbone(input_ids=ids, position_ids=places, use_cache=False).last_hidden_state[:, LENGTH:]
        second = {"input_ids": ids[:, LENGTH:], "position_ids": places[:, LENGTH:]}
        alone = backbone(**second, use_cache=False).last_hidden_state
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"a decoder of model_type {kind} cannot be trained with these settings: {reason}") from error
    finally:
        decoder.train(training)
        if attention == "flex_attention":
            decoder.set_attn_implementation(attention)
    rounding = torch.finfo(packed.dtype).eps ** 0.5 * alone.abs().max()
    if not (packed - alone).abs().max() <= rounding:
        raise InputError(
            f"a decoder of model_type {kind} does not keep documents apart that share a row; "
            "take another architecture, such as qwen3, llama or gpt2"
        )
