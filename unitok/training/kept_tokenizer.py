"""A codec's tokenizer that stays as it is, while a detokenizer is trained for its codes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from unitok.data.tokenizing import find_folder
from unitok.training.quantizers import FixedQuantizer
from unitok_tokenizers.errors import InputError


def codec_folder(name_or_folder: str | Path, tokenizer: str) -> Path:
    """The folder of a codec, base or checkpoint, or of a shipped one by its name.

    Args:
        name_or_folder: what is looked for.
        tokenizer: the folder that it must hold, such as ``image_tokenizer``.

    Raises:
        InputError: it does not.
    """
    folder = Path(name_or_folder)
    if not (folder / tokenizer).is_dir():
        with suppress(InputError):
            folder = find_folder(name_or_folder)
    if not (folder / tokenizer).is_dir():
        raise InputError(f"{str(name_or_folder)!r} has no {tokenizer}/, and is no checkpoint that ships")
    return folder


class KeptTokenizer(NamedTuple):
    """What is built around it.

    Attributes:
        tokenizer: itself.
        quantizer: finds its codes.
        decoder: of the codec's own detokenizer, to go on with; none where another is to be trained.
        detokenizer: the configuration of the detokenizer that is trained.
    """

    tokenizer: Any
    quantizer: FixedQuantizer
    decoder: nn.Module | None
    detokenizer: Any


def kept_tokenizer(
    name_or_folder: str | Path, modality: str, tokenizer_class: Any, detokenizer_class: Any, detokenizer: Any
) -> KeptTokenizer:
    """Reads the tokenizer of a codec, base or checkpoint, and its detokenizer where no other is given.

    Args:
        name_or_folder: as for :func:`codec_folder`.
        modality: ``image`` or ``audio``.
        tokenizer_class, detokenizer_class: the classes that read them.
        detokenizer: the configuration of a new detokenizer; none: the codec's own goes on.

    Raises:
        InputError: there is no such tokenizer, or no detokenizer to go on with.
    """
    codec = codec_folder(name_or_folder, f"{modality}_tokenizer")
    tokenizer = tokenizer_class.from_pretrained(codec / f"{modality}_tokenizer").requires_grad_(False)
    decoder = None
    if detokenizer is None:
        own = codec / f"{modality}_detokenizer"
        if not own.is_dir():
            raise InputError(f"{codec} has no {own.name}/ to go on with: give model.detokenizer for a new one")
        begun = detokenizer_class.from_pretrained(own)
        decoder, detokenizer = begun.decoder.train(), begun.config
    quantizer = FixedQuantizer(tokenizer.codebook, tokenizer.config.codebook)
    return KeptTokenizer(tokenizer, quantizer, decoder, detokenizer)
