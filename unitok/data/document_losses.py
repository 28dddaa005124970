"""What a decoder loses on whole documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from unitok.bases import find_folder
from unitok.data.encoding import Encoded
from unitok.data.token_cache import TokenCache, vocabulary_hash
from unitok.decoder_folder import refuse_scaled_logits
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

ROW_TOKENS = 8192
"""Tokens that are read at once, padding included."""

LOGITS = 2**26
"""Logits that are computed at once."""


@torch.inference_mode()
def document_losses(decoder: Any, documents: Sequence[Encoded]) -> NDArray[np.float32]:
    """The sum of the losses of all tokens that a decoder must write, in nats, float32 ``[documents]``.

    Args:
        decoder: A ``transformers`` causal LM, in eval mode.
        documents: Ids ``[S]`` and targets ``[S]`` of 0 and 1 each, as a cache has them.
    """
    device, head = next(decoder.parameters()).device, decoder.get_output_embeddings()
    piece = max(1, LOGITS // decoder.config.vocab_size)
    losses = np.zeros(len(documents), dtype=np.float32)
    for chunk in _chunks([len(ids) for ids, _ in documents]):
        ids = pad_sequence([torch.from_numpy(documents[number][0].astype(np.int64)) for number in chunk], True)
        written = pad_sequence([torch.from_numpy(documents[number][1].astype(bool)) for number in chunk], True)
        # What is behind a row's end is seen by nothing in front of it.
        hidden = decoder.get_decoder()(input_ids=ids.to(device), use_cache=False).last_hidden_state[:, :-1]
        wanted = written[:, 1:]
        labels, rows = ids[:, 1:][wanted], torch.arange(len(chunk))[:, None].expand_as(wanted)[wanted]
        sums = torch.zeros(len(chunk))
        parts = (part.split(piece) for part in (hidden[wanted.to(device)], labels, rows))
        for states, expected, owners in zip(*parts, strict=True):
            logits = head(states).float()
            sums.index_add_(0, owners, cross_entropy(logits, expected.to(device), reduction="none").cpu())
        losses[chunk] = sums.numpy()
    return losses


def _chunks(lengths: Sequence[int]) -> list[list[int]]:
    """Numbers of documents that are read together, those of about one length, the longest last."""
    chunks: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if not chunks or (len(chunks[-1]) + 1) * lengths[number] > ROW_TOKENS:
            chunks.append([])
        chunks[-1].append(number)
    return chunks


def decoder_at(name: str | Path) -> tuple[Path, str | None]:
    """The folder of a decoder, or of a checkpoint's, and the hash of a vocabulary that lies with it."""
    try:
        folder, is_base = find_folder(name) / "decoder", True
    except InputError:
        folder, is_base = Path(name), False
    if not (folder / "config.json").is_file():
        if is_base:
            raise InputError(f"{name} has no decoder; give a checkpoint that has one, or a decoder's folder")
        raise InputError(f"{name} is neither a decoder's folder (no config.json) nor a checkpoint")
    vocabulary = folder.parent / "vocabulary.json"
    return folder, vocabulary_hash(Vocabulary.load(vocabulary)) if vocabulary.is_file() else None


def check_readable(config: Any, folder: Path, cache: TokenCache) -> None:
    """Raises `InputError` where the losses of a decoder on a cache cannot be told."""
    refuse_scaled_logits(config)
    known, needed = config.vocab_size, cache.vocabulary_size
    if known < needed:
        raise InputError(f"{folder} knows {known} ids, {cache.folder} has {needed}; give a decoder of its vocabulary")
    context, longest = getattr(config, "max_position_embeddings", None), int(cache.lengths.max())
    if context is not None and longest > context:
        raise InputError(f"{folder} reads at most {context} tokens, {cache.folder} has a document of {longest}")
