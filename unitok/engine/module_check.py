"""Whether a decoder's own ``forward`` computes the same in a memory of slots as on each row alone.

Not every architecture takes masks and positions as they are given: some count columns of the memory as tokens, or keep
a state of their own.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from unitok.engine.forward import Pass
from unitok.engine.module_decoder import ModuleDecoder
from unitok_tokenizers.errors import InputError

LENGTHS = 4, 3
"""Tokens of two rows before one more that reads the memory."""


@torch.inference_mode()
def check_rows(decoder: PreTrainedModel) -> None:
    """Writes two rows of different lengths into a memory, and reads a token of each behind them.

    Raises:
        InputError: The logits differ by more than rounding from those of each row alone, or the decoder does not run.
    """
    kind, device = decoder.config.model_type, decoder.device
    longest = max(LENGTHS)
    ids = torch.arange(2 * (longest + 1), device=device).remainder(decoder.config.vocab_size).view(2, -1)
    slots = ModuleDecoder(decoder)
    try:
        _, columns = slots.reserve(2, 2 * longest)
        slots.run([_beginning(ids, columns)])
        behind: Any = slots.run([_step(ids, columns)])[0][:, -1]
        alone = [
            decoder(input_ids=row[None, : length + 1]).logits[0, -1] for row, length in zip(ids, LENGTHS, strict=True)
        ]
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"a decoder of model_type {kind} cannot be run here: {reason}") from error
    for ours, theirs in zip(behind, alone, strict=True):
        rounding = torch.finfo(theirs.dtype).eps ** 0.5 * theirs.abs().max()
        if not (ours - theirs).abs().max() <= rounding:
            raise InputError(
                f"a decoder of model_type {kind} cannot be run: in a batch it computes something else than alone"
            )


def _beginning(ids: torch.Tensor, columns: int) -> Pass:
    """The rows' first tokens, padded at the left."""
    device, longest = ids.device, max(LENGTHS)
    place = torch.arange(longest, device=device)
    padding = torch.tensor([longest - length for length in LENGTHS], device=device)[:, None]
    positions = (place - padding).clamp(min=0)
    real = place >= padding
    tokens = ids.gather(1, positions)
    slots = torch.arange(len(LENGTHS), device=device)[:, None] * columns
    places = torch.where(real, slots + positions, slots + columns - 1).flatten().tolist()
    itself = torch.eye(longest, dtype=torch.bool, device=device)
    mask = ((place <= place[:, None]) & real[:, None, :]) | itself
    return Pass(tokens, positions, places, mask[:, None], 0, 1)


def _step(ids: torch.Tensor, columns: int) -> Pass:
    """The token behind them."""
    lengths = torch.tensor(LENGTHS, device=ids.device)[:, None]
    places = (torch.arange(len(LENGTHS), device=ids.device)[:, None] * columns + lengths).flatten().tolist()
    mask = torch.arange(columns, device=ids.device) <= lengths[:, :, None, None]
    return Pass(ids.gather(1, lengths), lengths, places, mask, columns, 1)
