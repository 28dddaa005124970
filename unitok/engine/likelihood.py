"""How likely a decoder finds answers that are known.

Shape letters: S sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from unitok.engine.module_decoder import masks_of_numbers
from unitok.engine.rows import PROMPT_TOKENS

LOGITS = 2**26
"""Logits that are computed at once, padding included."""

FLOATS = 2**24
"""Logits of an answer that are in float32 at once."""


@torch.inference_mode()
def log_likelihoods(decoder: nn.Module, prompts: Sequence[Tensor], answers: Sequence[Tensor]) -> list[float]:
    """The log-likelihood of each answer behind its prompt: the sum of its tokens' log probabilities among all ids.

    Args:
        decoder: A ``transformers`` causal LM, in eval mode.
        prompts: int64 ``[S]`` each, at least one token.
        answers: int64 ``[S]`` each.
    """
    rows = [torch.cat([prompt.cpu(), answer.cpu()]) for prompt, answer in zip(prompts, answers, strict=True)]
    found = [0.0] * len(rows)
    vocabulary: int = decoder.config.vocab_size  # type: ignore[union-attr, assignment]
    for chunk in _chunks([len(row) for row in rows], [len(answer) for answer in answers], vocabulary):
        values = _run(decoder, [rows[number] for number in chunk], [len(answers[number]) for number in chunk])
        for number, value in zip(chunk, values, strict=True):
            found[number] = value
    return found


def _run(decoder: Any, rows: Sequence[Tensor], counts: Sequence[int]) -> list[float]:
    """The log-likelihood of the last ``counts[i]`` tokens of each row."""
    device = next(decoder.parameters()).device
    # What is behind a row's end is seen by nothing in front of it.
    token_ids = pad_sequence(list(rows), batch_first=True).to(device)
    length = token_ids.shape[1]
    starts = [len(row) - count for row, count in zip(rows, counts, strict=True)]
    keep = length - min(starts) + 1  # the token in front of an answer foretells its first
    with masks_of_numbers(decoder.config):
        logits = decoder(input_ids=token_ids, use_cache=False, logits_to_keep=keep).logits
    first = length - logits.shape[1]
    size = max(1, FLOATS // logits.shape[-1])
    values = []
    for row, start, count, line in zip(token_ids, starts, counts, logits, strict=True):
        own, wanted = line[start - 1 - first : start - 1 - first + count], row[start : start + count]
        parts = zip(own.split(size), wanted.split(size), strict=True)
        values.append(-sum(cross_entropy(part.float(), ids, reduction="sum") for part, ids in parts))
    return [float(value) for value in values]


def _chunks(lengths: Sequence[int], counts: Sequence[int], vocabulary: int) -> list[list[int]]:
    """Numbers of rows that are run together, those of about one length; each row alone where two are too many."""
    chunks: list[list[int]] = []
    first = 0  # the first column of the last chunk whose logits are wanted
    for number in sorted(range(len(lengths)), key=lambda number: (lengths[number], counts[number])):
        length, start = lengths[number], lengths[number] - counts[number]
        first = min(first, start)
        size = len(chunks[-1]) + 1 if chunks else 0
        if not chunks or size * length > PROMPT_TOKENS or size * (length - first + 1) * vocabulary > LOGITS:
            chunks.append([])
            first = start
        chunks[-1].append(number)
    return chunks
