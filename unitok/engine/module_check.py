"""Whether a decoder's own ``forward`` computes the same in a memory of slots as on each row alone.

Not every architecture takes masks and positions as they are given: some count columns of the memory as tokens, or keep
a state of their own.
"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from unitok.engine.blocks import Block
from unitok.engine.module_decoder import ModuleDecoder, masks_of_numbers
from unitok.engine.rows import Rows
from unitok_tokenizers.errors import InputError

PROMPTS = [0, 1, 2, 3], [4, 5, 6]
MORE = [7], [8, 9]


@torch.inference_mode()
def check_rows(decoder: PreTrainedModel) -> None:
    """Writes two rows of different lengths into a memory, goes on with both, and reads each alone.

    Raises:
        InputError: The logits differ by more than rounding, or the decoder does not run like that.
    """
    kind, size, training = decoder.config.model_type, decoder.config.vocab_size, decoder.training
    decoder.eval()
    everything = torch.arange(size, device=decoder.device)
    rows = Rows(ModuleDecoder(decoder))
    prompts, more = ([[number % size for number in ids] for ids in part] for part in (PROMPTS, MORE))
    try:
        rows.put([0, 1], prompts)
        rows.feed(more)
        together = rows.logits(Block(everything, everything, frozenset()))
        whole = [
            torch.tensor([[*first, *then]], device=decoder.device) for first, then in zip(prompts, more, strict=True)
        ]
        with masks_of_numbers(decoder.config):
            alone = torch.stack([decoder(input_ids=ids).logits[0, -1] for ids in whole])
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"a decoder of model_type {kind} cannot be run here: {reason}") from error
    finally:
        decoder.train(training)
    if not alone.isfinite().all():
        return  # which the first answer will tell
    eps = max(torch.finfo(dtype).eps for dtype in (decoder.dtype, alone.dtype))
    if (together[:, :size] - alone[:, :size]).abs().max() > eps**0.5 * alone.abs().max():
        raise InputError(
            f"a decoder of model_type {kind} cannot be run: in a batch it computes something else than alone"
        )
