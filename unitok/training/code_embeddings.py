"""Starts the embeddings of codes from the codec's own code vectors.

Codes that look alike then begin with embeddings that are alike, and what is learned about one carries over to the
other from the first step on. Shape letters: V codes, C channels of a code vector, D model width.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from unitok.training.backbone import embedding_parameters
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer

SHARE_OF_NOISE = 0.1
"""Share of a new row's variance that is noise, so that codes with equal vectors can still part."""


@torch.no_grad()
def start_from_codes(model: PreTrainedModel, vocabulary: Vocabulary, image_tokenizer: str | Path) -> None:
    """Overwrite the image codes' rows of the embedding, and of the head where it is apart, in place.

    A random map keeps the angles between code vectors; rows keep the size that the architecture's own
    initialization gave them.

    Args:
        model: The decoder, with random weights.
        vocabulary: Where the codes' ids are.
        image_tokenizer: Folder of the tokenizer.

    Raises:
        InputError: The tokenizer is not the vocabulary's.
    """
    tokenizer = ImageTokenizer.from_pretrained(image_tokenizer)
    if vocabulary.specs.get("image") != tokenizer.spec:
        raise InputError(f"{image_tokenizer} is not the image tokenizer of the vocabulary: {tokenizer.spec}")
    for table in {id(p): p for p in embedding_parameters(model)}.values():
        for codebook, vectors in enumerate(tokenizer.codebook.vectors):
            ids = vocabulary.block_ids("image", codebook)
            table[ids] = _rows(vectors, table.shape[1], float(table[ids].std()))


def _rows(vectors: Tensor, width: int, std: float) -> Tensor:
    """Code vectors ``[V, C]`` to rows ``[V, D]`` whose entries have the standard deviation ``std``."""
    centered = F.normalize(vectors - vectors.mean(0), dim=-1)
    rows = centered @ torch.randn(vectors.shape[1], width)
    rows = rows * math.sqrt(1 - SHARE_OF_NOISE) + torch.randn_like(rows) * math.sqrt(SHARE_OF_NOISE)
    return rows * std
