"""A codec's tokenizer that stays as it is, while a detokenizer is trained for its codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from unitok.bases import codec_folder
from unitok.training.quantizers import FixedQuantizer
from unitok_tokenizers.errors import InputError


class KeptTokenizer(NamedTuple):
    """What is built around it.

    Attributes:
        tokenizer: itself.
        quantizer: finds its codes.
        detokenizer: the one that is trained.
    """

    tokenizer: Any
    quantizer: FixedQuantizer
    detokenizer: Any


def kept_tokenizer(
    name_or_folder: str | Path,
    modality: str,
    classes: tuple[Any, Any],
    detokenizer: Any,
    others: Sequence[object],
) -> KeptTokenizer:
    """Reads the tokenizer of a codec, base or checkpoint, and its detokenizer where no other is given.

    Args:
        name_or_folder: as for :func:`codec_folder`.
        modality: ``image`` or ``audio``.
        classes: those of tokenizer and detokenizer.
        detokenizer: the configuration of a new detokenizer; none: the codec's own goes on.
        others: a tokenizer's and a quantizer's settings, which leave no place for it: all None.

    Raises:
        InputError: there is another, or no such tokenizer, or no detokenizer to go on with.
    """
    if any(other is not None for other in others):
        raise InputError("model.tokenizer_from brings its own tokenizer and quantizer; leave those out")
    codec = codec_folder(name_or_folder, f"{modality}_tokenizer")
    tokenizer = classes[0].from_pretrained(codec / f"{modality}_tokenizer").requires_grad_(False)
    codebook = tokenizer.config.codebook
    if detokenizer is not None:
        trained = classes[1](replace(detokenizer, codebook=codebook))
    else:
        own = codec / f"{modality}_detokenizer"
        if not own.is_dir():
            raise InputError(f"{codec} has no {own.name}/ to go on with: give model.detokenizer for a new one")
        trained = classes[1].from_pretrained(own).train()
    return KeptTokenizer(tokenizer, FixedQuantizer(tokenizer.codebook, codebook), trained)
