"""Training a part of a pretrained decoder: frozen layers and rows, LoRA.

Shape letters: V vocabulary, D model width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import BitsAndBytesConfig, PreTrainedModel

from unitok.training.backbone import decoder_layers, embedding_parameters
from unitok.vocabulary import TEXT, UNUSED, Vocabulary
from unitok.vocabulary_manifest import NO_ID
from unitok_tokenizers.errors import InputError

ALL = "all"


@dataclass(frozen=True)
class FreezeConfig:
    """What stays as it is.

    Args:
        text_rows: Embedding and head rows of text, which a pretrained language model knows already.
        known_rows: Embedding and head rows of all that the checkpoint of `init_from` knows: only those of ids that are
            new to it, or whose codes have moved (`unitok.refit`), are trained.
        layers: Layers by number (`3`) or range (`0-7`), or `all` for everything but embedding and head.
    """

    text_rows: bool = False
    known_rows: bool = False
    layers: list[str | int] = field(default_factory=list)

    @property
    def holds_rows(self) -> bool:
        """Whether some rows of a table are trained and others are not."""
        return self.text_rows or self.known_rows


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters (Hu et al. 2021) of `peft`, and the rows that they cannot stand in for.

    Args:
        rank: Of the adapters.
        alpha: Their output is scaled by `alpha / rank`.
        dropout: On their input.
        targets: Names of the linear layers to adapt; none: all but the head.
        bits: Hold the base's layers in 4 or 8 bits (`bitsandbytes`, on a GPU), as QLoRA does (Dettmers et al. 2023);
            none: as they are. The adapters are merged into the base as it was stored.
        rows: Train and save the embedding and head rows of everything that is not text as well. A language
            model has never seen these tokens, so that without their rows nothing is learned.
        merge: Export the whole decoder, with the adapters merged into the base, instead of the adapters alone.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: list[str] | None = None
    bits: Literal[4, 8] | None = None
    rows: bool = True
    merge: bool = False


def quantization(config: LoraConfig | None) -> BitsAndBytesConfig | None:
    """How the base is held while adapters are trained.

    Raises:
        InputError: There is no GPU, or `bitsandbytes` is not installed.
    """
    if config is None or config.bits is None:
        return None
    if not torch.cuda.is_available():
        raise InputError(f"lora.bits: {config.bits} needs a GPU; leave it out on this machine")
    if find_spec("bitsandbytes") is None:
        raise InputError("lora.bits needs bitsandbytes: pip install bitsandbytes")
    if config.bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def freeze(decoder: PreTrainedModel, config: FreezeConfig, vocabulary: Vocabulary, known: Tensor | None = None) -> None:
    """Take parameters out of training, in place.

    Args:
        decoder: The decoder.
        config: What stays.
        vocabulary: The decoder's.
        known: int64, for `known_rows`: the ids whose rows came from a checkpoint and mean what they meant there.

    Raises:
        InputError: A layer does not exist, or nothing is left to train.
    """
    embeddings = embedding_parameters(decoder)
    if ALL in config.layers:
        kept = {id(p) for p in embeddings}
        frozen = [p for p in decoder.parameters() if id(p) not in kept]
    else:
        layers = decoder_layers(decoder) if config.layers else []
        frozen = [p for one in _layer_numbers(config.layers, len(layers)) for p in layers[one].parameters()]
    for parameter in frozen:
        parameter.requires_grad_(False)
    if config.text_rows:
        text = vocabulary.text_ids
        _hold_rows(embeddings, text[text != NO_ID])
    if known is not None:
        if ALL in config.layers and len(known) == vocabulary.size:
            raise InputError(
                "freeze.known_rows: model.init_from knows all of model.vocabulary, so that nothing is left to train; "
                "give the base whose codes are new, and the checkpoint before them"
            )
        _hold_rows(embeddings, known)


def _hold_rows(tables: Iterable[Tensor], ids: Tensor) -> None:
    for table in tables:
        table.register_hook(lambda gradient: gradient.index_fill(0, ids.to(gradient.device), 0.0))


def _layer_numbers(ranges: Iterable[str | int], count: int) -> list[int]:
    numbers: set[int] = set()
    for one in map(str, ranges):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", one.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < count:
            raise InputError(f"freeze.layers: {one!r} is not a layer or range within 0-{count - 1}, nor {ALL!r}")
        numbers.update(range(first, last + 1))
    return sorted(numbers)


def add_lora(decoder: PreTrainedModel, config: LoraConfig, vocabulary: Vocabulary) -> Any:
    """Put adapters into a decoder, in place; only they are trained.

    Returns:
        The `peft` model around the decoder, which saves the adapters.

    Raises:
        InputError: `peft` is not installed, or a layer to adapt does not exist.
    """
    try:
        import peft
    except ImportError:
        raise InputError("LoRA needs peft: pip install unitok-multimodal[lora]") from None
    rows: dict[str, list[int]] | None = None
    if config.rows:
        ids = new_ids(vocabulary).tolist()
        names = {id(module): name for name, module in decoder.named_modules()}
        tables: list[Any] = [decoder.get_input_embeddings()]
        if not decoder.config.tie_word_embeddings:  # else peft ties the two
            tables.append(decoder.get_output_embeddings())
        rows = {names[id(table)].rpartition(".")[2]: ids for table in tables}
    settings = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=config.rank,
        lora_alpha=config.alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=config.dropout,
        target_modules=config.targets or "all-linear",
        trainable_token_indices=rows,  # pyright: ignore[reportArgumentType]
    )
    try:
        return peft.get_peft_model(decoder, settings)
    except ValueError as error:
        raise InputError(f"lora: {' '.join(str(error).split())}") from error


def new_ids(vocabulary: Vocabulary) -> Tensor:
    """int64: the ids of control tokens and codes."""
    kinds = vocabulary.modality_of(torch.arange(vocabulary.size))
    return ((kinds != TEXT) & (kinds != UNUSED)).nonzero().flatten()
