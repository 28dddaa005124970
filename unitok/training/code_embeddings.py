"""Starts the embeddings of codes from the codec's own code vectors.

Codes that look or sound alike then begin with embeddings that are alike, and what is learned about one carries over to
the other from the first step on. Shape letters: V codes, C channels of a code vector, D model width.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from unitok.bases import find_folder, load_processor
from unitok.training.backbone import embedding_parameters
from unitok.vocabulary import Vocabulary
from unitok_tokenizers import Tokenizer
from unitok_tokenizers.codebook import Codebook
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer

SHARE_OF_NOISE = 0.1
"""Share of a new row's variance that is noise, so that codes with equal vectors can still part."""


@torch.no_grad()
def start_from_codes(
    model: PreTrainedModel, vocabulary: Vocabulary, folder: str | Path, modalities: Collection[str] | None = None
) -> None:
    """Overwrite the codes' rows of the embedding, and of the head where it is apart, in place.

    A random map keeps the angles between code vectors; rows are as large as the other rows are.

    Args:
        model: The decoder.
        vocabulary: Where the codes' ids are.
        folder: Of an image tokenizer; or of a base, whose image and audio tokenizers are then both used.
        modalities: Whose codes; None: of all that there are.

    Raises:
        InputError: A tokenizer is not the vocabulary's, or has no code vectors.
    """
    tables = embedding_parameters(model)
    for tokenizer in _tokenizers(folder):
        spec = tokenizer.spec
        if modalities is not None and spec.modality not in modalities:
            continue
        if vocabulary.specs.get(spec.modality) != spec:
            raise InputError(f"{folder} is not the {spec.modality} tokenizer of the vocabulary: {spec}")
        codebook = getattr(tokenizer, "codebook", None)
        if not isinstance(codebook, Codebook):
            raise InputError(f"{folder}: {type(tokenizer).__name__} has no code vectors to start from")
        for table in tables:
            for number, vectors in enumerate(codebook.vectors):
                ids = vocabulary.block_ids(spec.modality, number)
                rows = _rows(vectors, table.shape[1], float(table.std()))
                table[ids.to(table.device)] = rows.to(table.device)


def _tokenizers(folder: str | Path) -> list[Tokenizer]:
    try:
        base = find_folder(folder)
    except InputError:  # not a base, so an image tokenizer alone
        return [ImageTokenizer.from_pretrained(folder)]
    processor = load_processor(base)
    return [one for one in (processor.image_tokenizer, processor.audio_tokenizer) if one is not None]


def _rows(vectors: Tensor, width: int, std: float) -> Tensor:
    """Code vectors ``[V, C]`` to rows ``[V, D]`` whose entries have the standard deviation ``std``."""
    centered = F.normalize(vectors - vectors.mean(0), dim=-1)
    # Lightning builds models with the accelerator as the default device, where these vectors are not.
    rows = centered @ torch.randn(vectors.shape[1], width, device=vectors.device)
    rows = rows * math.sqrt(1 - SHARE_OF_NOISE) + torch.randn_like(rows) * math.sqrt(SHARE_OF_NOISE)
    return rows * std
