"""The grammar for ``generate`` of ``transformers``, and for whatever else takes its logits processors.

Shape letters: B rows, S tokens so far, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor

from unitok.grammar import Grammar, GrammarState, Request
from unitok_tokenizers.errors import InputError


class GrammarLogitsProcessor(LogitsProcessor):
    """Allows in each step only the tokens that may come next, so that every answer parses and decodes.

    One object serves one call of ``generate``, with sampling or greedy search; beams, which change places, are refused.

    Args:
        grammar: Of the checkpoint's vocabulary, on the decoder's device.
        requests: What each answer may hold, one a row; ``max_tokens`` bounds an answer, so that ``generate`` needs
            at least as many ``max_new_tokens``.
    """

    supports_continuous_batching = False

    def __init__(self, grammar: Grammar, requests: Sequence[Request]) -> None:
        self._grammar = grammar
        self._state: GrammarState = grammar.start(requests)
        self._rows = len(requests)
        self._seen: Tensor | None = None  # [B, S] of the call before

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # type: ignore[override]
        """``scores`` ``[B, V]`` of the token behind ``input_ids`` int64 ``[B, S]``, minus infinity where forbidden."""
        if len(input_ids) != self._rows:
            raise InputError(f"the grammar was given {self._rows} requests, but {len(input_ids)} rows are generated")
        if self._seen is not None:
            if input_ids.shape[1] != self._seen.shape[1] + 1 or not torch.equal(input_ids[:, :-1], self._seen):
                raise InputError(
                    "the rows do not go on where they were; use sampling or greedy search, and one processor a call"
                )
            self._state = self._grammar.advance(self._state, input_ids[:, -1])
        self._seen = input_ids
        allowed = self._grammar.allowed(self._state)
        masked = torch.full_like(scores, -math.inf)  # a decoder may have more logits than there are ids
        masked[:, : allowed.shape[1]] = scores[:, : allowed.shape[1]].masked_fill(~allowed, -math.inf)
        return masked
