"""Sequences of different lengths that a decoder extends together, a token each a step.

Shape letters: n rows, P columns of the padded prompts, C columns so far, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unitok.engine.cache import new_cache, select_rows

ATTENTION_LAYERS = {"full_attention", "sliding_attention"}
"""The kinds of layer whose state is keys and values alone."""


class DecoderRows:
    """The cache, the masks and the positions of a batch, around a stock causal LM.

    Prompts are padded on the left, so that all rows write into the same column; a row's positions count from
    its own first token. What is computed for a row therefore does not depend on the other rows.

    Args:
        decoder: A ``transformers`` causal LM.
        prompts: int64 ``[S]`` each, none empty. They are put through the decoder at once.
        size: V; the decoder may have more logits, which are left out.
        pad: The id that fills the columns before a shorter prompt.

    Attributes:
        logits: float ``[n, V]``, of the token that comes next in each row. The caller may overwrite them.
    """

    logits: Tensor

    def __init__(self, decoder: nn.Module, prompts: Sequence[Tensor], size: int, pad: int) -> None:
        self._decoder: Any = decoder
        self._device = next(decoder.parameters()).device
        self._dtype = next(decoder.parameters()).dtype
        self._size = size
        self._own_masks = _takes_additive_masks(self._decoder.config)
        self._cache = new_cache()
        self._columns = max(len(prompt) for prompt in prompts)
        self._padding = [self._columns - len(prompt) for prompt in prompts]
        padded = torch.full((len(prompts), self._columns), pad)
        for row, prompt in enumerate(prompts):
            padded[row, self._padding[row] :] = prompt
        # The column of each row's first token, [n, 1].
        self._first = torch.tensor(self._padding, device=self._device)[:, None]
        columns = torch.arange(self._columns, device=self._device)
        positions = (columns - self._first).clamp(min=0)
        self._forward(padded.to(self._device), positions, self._prompt_mask(columns))

    def select(self, rows: Sequence[int]) -> None:
        """Makes row ``rows[i]`` row ``i``; a row may repeat or be left out."""
        index = torch.tensor(rows, device=self._device)
        select_rows(self._cache, index)
        self._padding = [self._padding[row] for row in rows]
        self._first = self._first[index]
        self.logits = self.logits[index]

    def step(self, token_ids: Tensor) -> None:
        """Appends a token to each row, int64 ``[n]``, and computes the next :attr:`logits`."""
        self._columns += 1
        mask = None
        if any(self._padding):
            columns = torch.arange(self._columns, device=self._device)
            mask = columns >= self._first
            if self._own_masks:
                mask = self._additive(mask[:, None, None])
        self._forward(token_ids[:, None], self._columns - 1 - self._first, mask)

    def _forward(self, token_ids: Tensor, positions: Tensor, mask: Tensor | None) -> None:
        output = self._decoder(
            input_ids=token_ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.logits = output.logits[:, -1, : self._size]

    def _prompt_mask(self, columns: Tensor) -> Tensor | None:
        if not any(self._padding):
            return None
        real = columns >= self._first
        if not self._own_masks:
            return real
        causal = columns[:, None] >= columns
        # Padding sees itself: a row of nothing but minus infinity would turn into NaN.
        itself = torch.eye(len(columns), dtype=torch.bool, device=self._device)
        return self._additive((causal & real[:, None, None]) | itself)

    def _additive(self, visible: Tensor) -> Tensor:
        mask = torch.zeros(visible.shape, dtype=self._dtype, device=self._device)
        return mask.masked_fill_(~visible, -math.inf)


def check_layers(config: Any) -> None:
    """Raises ``ValueError`` when a decoder has layers whose state is not keys and values."""
    strange = set(getattr(config, "layer_types", None) or ()) - ATTENTION_LAYERS
    if strange:
        raise ValueError(f"a decoder with {', '.join(sorted(strange))} layers cannot be run: its rows cannot be padded")


def _takes_additive_masks(config: Any) -> bool:
    """Whether one float mask ``[n, 1, columns, C]`` serves every layer as it is, which saves building it in
    each step.

    With sliding windows the layers need different masks, and flash attention takes only the padding: those
    get bool ``[n, C]``, from which ``transformers`` makes what they need.
    """
    layers = set(getattr(config, "layer_types", None) or ())
    sliding = "sliding_attention" in layers or getattr(config, "sliding_window", None) is not None
    return not sliding and config._attn_implementation in ("sdpa", "eager")
