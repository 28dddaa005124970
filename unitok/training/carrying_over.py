"""Starts a decoder from a checkpoint with another vocabulary: what both vocabularies know keeps its rows.

So a trained model gains a modality, a longer text vocabulary or another image codec without beginning anew. Shape
letters: n ids that both know, V vocabulary, D model width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_info  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor
from transformers import PreTrainedModel

from unitok import checkpoint
from unitok.bases import find_folder, load_processor
from unitok.decoder_folder import load_decoder, near_mean
from unitok.manifest import VOCABULARY, is_checkpoint
from unitok.training.backbone import embedding_parameters
from unitok.training.code_embeddings import start_from_codes
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.codebook import Codebook
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec
from unitok_tokenizers.text import TextTokenizer

TOKENIZERS = {"image": "image_tokenizer", "audio": "audio_tokenizer"}
VECTORS = "codebook.vectors"


@dataclass(frozen=True)
class Common:
    """What two vocabularies share.

    Attributes:
        old: int64 ``[n]``, ids of the older vocabulary.
        new: int64 ``[n]``, what they are in the newer one.
        modalities: Those whose codes are the same, or follow others, as their tokenizers differ in vectors at most.
        predecessors: int64 ``[m]``, older ids of the codes that codes which moved follow.
        moved: int64 ``[m]``, newer ids of the codes that moved.
    """

    old: Tensor
    new: Tensor
    modalities: frozenset[str]
    predecessors: Tensor
    moved: Tensor


def common(old: Path, new: Path) -> Common:
    """What the vocabularies of two checkpoints, or bases, share.

    Text tokens are the same if they are spelled the same, codes if the weights of their tokenizers are the same. Where
    tokenizers differ in code vectors alone, a code whose vector is another follows the older code nearest to it: the
    one that was given for what is now its own (`unitok.refit`).

    Raises:
        InputError: A folder is damaged, or has no text tokenizer.
    """
    vocabularies = Vocabulary.load(old / VOCABULARY), Vocabulary.load(new / VOCABULARY)
    spellings = [TextTokenizer.from_pretrained(folder / "text_tokenizer").spellings() for folder in (old, new)]
    specs = [vocabulary.specs for vocabulary in vocabularies]
    followed = {
        modality: codes
        for modality, name in TOKENIZERS.items()
        if modality in specs[0] and specs[0][modality] == specs[1].get(modality)
        if (codes := _followed(old, new, name, specs[0][modality])) is not None
    }
    modalities = frozenset(followed)
    sides = [dict(_ids(*side, modalities)) for side in zip(vocabularies, spellings, strict=True)]
    none = torch.empty(0, dtype=torch.int64)
    predecessors, moved = [none], [none]
    for modality, codes in followed.items():
        for book, own in enumerate(codes):
            which = (own != torch.arange(len(own))).nonzero().flatten()
            for code in which.tolist():
                sides[0].pop((modality, book, code))
            older, newer = (vocabulary.block_ids(modality, book) for vocabulary in vocabularies)
            predecessors.append(older[own[which]])
            moved.append(newer[which])
    shared = [key for key in sides[0] if key in sides[1]]
    old_ids, new_ids = (torch.tensor([side[key] for key in shared]) for side in sides)
    return Common(old_ids, new_ids, modalities, torch.cat(predecessors), torch.cat(moved))


def _followed(old: Path, new: Path, name: str, spec: CodebookSpec) -> Tensor | None:
    """The older code that each code of the newer tokenizer follows, int64 ``[K, V]``; None if they are not akin."""
    weights = [checkpoint.weight_digests(folder, [name]) for folder in (old, new)]
    codes = torch.arange(spec.codebook_size).expand(spec.num_codebooks, -1)
    if weights[0] and weights[0] == weights[1]:
        return codes
    older, newer = (getattr(load_processor(folder), name) for folder in (old, new))
    old_book, new_book = (getattr(one, "codebook", None) for one in (older, newer))
    if not (isinstance(old_book, Codebook) and isinstance(new_book, Codebook) and old_book.moves_alone):
        return None
    states = [{key: value for key, value in one.state_dict().items() if key != VECTORS} for one in (older, newer)]
    if states[0].keys() != states[1].keys() or not all(
        torch.equal(states[0][key], states[1][key]) for key in states[0]
    ):
        return None
    before, now = old_book.vectors.float(), new_book.vectors.float()
    nearest = old_book.search(torch.cat(list(now), dim=-1)).T
    return torch.where((before == now).all(-1), codes, nearest)


def _ids(
    vocabulary: Vocabulary, spellings: dict[str, int], modalities: frozenset[str]
) -> Iterator[tuple[tuple[Any, ...], int]]:
    """What each id stands for, and the id."""
    text = vocabulary.text_ids.tolist()
    yield from ((("text", spelling), text[number]) for spelling, number in spellings.items() if text[number] >= 0)
    yield from ((("control", name), token_id) for name, token_id in vocabulary.control.items())
    yield from ((("size", size), token_id) for size, token_id in enumerate(vocabulary.size_ids.tolist(), 1))
    for modality in modalities:
        for book in range(vocabulary.specs[modality].num_codebooks):
            block = vocabulary.block_ids(modality, book).tolist()
            yield from (((modality, book, code), token_id) for code, token_id in enumerate(block))


@torch.no_grad()
def carried_over(
    source: str | Path, base: str | Path, attn_implementation: str, codes_from: str | Path | None = None
) -> PreTrainedModel:
    """The decoder of a checkpoint with a row for each id of a base's vocabulary, in fp32.

    Args:
        source: The checkpoint.
        base: What the decoder is to be trained on.
        attn_implementation: As in transformers.
        codes_from: As for :func:`~unitok.training.code_embeddings.start_from_codes`, for the codes that are new.

    Raises:
        InputError: A folder is damaged, or the checkpoint has no decoder.
    """
    source, base = Path(source), Path(base)
    checkpoint.verify(source)
    shared, vocabulary = common(source, base), Vocabulary.load(base / VOCABULARY)
    model = load_decoder(source / checkpoint.DECODER, torch.float32, attn_implementation).train()
    trained = [table.clone() for table in embedding_parameters(model)]
    model.resize_token_embeddings(vocabulary.size, mean_resizing=False)
    generator = torch.Generator().manual_seed(0)
    for table, rows in zip(embedding_parameters(model), trained, strict=True):
        table.copy_(near_mean(rows, len(table), generator))
        table[shared.new] = rows[shared.old]
        table[shared.moved] = rows[shared.predecessors]
    new = frozenset(vocabulary.specs) - shared.modalities
    kept, follow = len(shared.new), len(shared.moved)
    rank_zero_info(f"rows: {kept} kept, {follow} that follow others, {vocabulary.size - kept - follow} new")
    if codes_from is not None and new:
        start_from_codes(model, vocabulary, codes_from, new)
    model.config.bos_token_id, model.config.eos_token_id = vocabulary.bos, vocabulary.eos
    model.config.use_cache = False
    return model


def checkpoint_at(name_or_folder: str | Path) -> Path | None:
    """The folder of a checkpoint, shipped or not; None where that is something else, such as a decoder's folder."""
    try:
        folder = find_folder(name_or_folder)
    except InputError:
        return None
    return folder if is_checkpoint(folder) else None


def base_of(vocabulary: str | Path) -> Path:
    """The base whose vocabulary is trained on, from what is given as `model.vocabulary`.

    Raises:
        InputError: It is a manifest without the base around it.
    """
    folder = Path(vocabulary).parent if Path(vocabulary).is_file() else find_folder(vocabulary)
    if not is_checkpoint(folder):
        raise InputError(
            f"model.vocabulary: {folder} is no base; model.init_from of a checkpoint needs its whole folder"
        )
    return folder
