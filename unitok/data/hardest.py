"""The documents of a cache that a decoder knows least, for training that is short of time.

A decoder that has learned most of a task loses nearly everything on few of its documents, and the gradient of the
others is next to nothing. A forward pass costs a third of a step, so looking for those few first is worth it where they
are less than half; compare "selective backprop" (Jiang et al. 2019), which chooses while it trains. Two things to know:

- What nobody can know, such as the place of an object that may stand anywhere, has a high loss for ever. Leave such
  documents out of the cache, or they are what is found.
- The hardest documents alone teach that the first thought is always wrong. Train on others as well.

A run that was stopped goes on with the losses that it has.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from unitok.data.token_cache import TokenCache, TokenCacheWriter, vocabulary_hash
from unitok.data.tokenizing import Encoded, begin, find_folder
from unitok.decoder_folder import load_decoder
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

TOGETHER = 2048
"""Documents whose losses are found, and kept, in one go."""

ROW_TOKENS = 8192
"""Tokens that are read at once, padding included."""


def write_hardest(
    source: str | Path, decoder: str | Path, share: float, output: str | Path
) -> tuple[TokenCache, NDArray[np.float32]]:
    """Write the documents of a cache on which a decoder's loss is highest, in their order; shows a progress bar.

    Args:
        source: The cache.
        decoder: A decoder's folder, or a checkpoint of the cache's vocabulary.
        share: Of the documents, in (0, 1]; at least one is written.
        output: The new cache's folder, which must not exist; losses are kept beside it until it is complete.

    Returns:
        The new cache, and the losses of all documents of the old one in nats, float32 ``[documents]``.

    Raises:
        InputError: ``output`` exists, ``source`` is no cache or empty, or the decoder cannot be read or is of another
            vocabulary.
    """
    output = Path(output)
    if output.exists():
        raise InputError(f"{output} exists already; remove it or choose another output folder")
    cache = TokenCache(source)
    if not len(cache):
        raise InputError(f"{source} has no documents")
    losses = _losses(cache, _decoder_at(decoder, cache), output.with_name(output.name + ".losses"))
    chosen = np.sort(np.argsort(-losses, kind="stable")[: max(1, round(share * len(losses)))])
    with TokenCacheWriter(output, cache.meta["vocabulary_size"], cache.meta["vocabulary_hash"]) as writer:
        for number in chosen:
            writer.add(*cache[number])
        origin = {"source": "hardest", "cache": str(source), "decoder": str(decoder), "share": share}
        writer.finish(source=origin, least_loss=float(losses[chosen].min()))
    shutil.rmtree(output.with_name(output.name + ".losses"))
    return TokenCache(output), losses


def _decoder_at(name: str | Path, cache: TokenCache) -> Path:
    """The folder of a decoder, or of a checkpoint's, whose vocabulary is the cache's as far as that can be seen."""
    if (Path(name) / "config.json").is_file():
        return Path(name)
    try:
        checkpoint = find_folder(name)
    except InputError:
        raise InputError(f"{name} is neither a decoder's folder (no config.json) nor a checkpoint") from None
    if vocabulary_hash(Vocabulary.load(checkpoint / "vocabulary.json")) != cache.meta["vocabulary_hash"]:
        raise InputError(f"{cache.folder} was made with another vocabulary than that of {name}; build it again with it")
    return checkpoint / "decoder"


def _losses(cache: TokenCache, decoder: Path, work: Path) -> NDArray[np.float32]:
    """The loss of each document, float32 ``[documents]``, as far as possible from what was found before."""
    model = load_decoder(decoder, torch.bfloat16)
    if model.config.vocab_size < cache.meta["vocabulary_size"]:
        raise InputError(
            f"{decoder} knows {model.config.vocab_size} ids, {cache.folder} has {cache.meta['vocabulary_size']}; "
            "give a decoder of the cache's vocabulary"
        )
    model.to("cuda" if torch.cuda.is_available() else "cpu")  # pyright: ignore[reportArgumentType]
    begin(work, {"documents": _identity(cache.folder), "decoder": _identity(decoder)})
    found = []
    with tqdm(total=len(cache), desc="reading", unit="document") as bar:
        for start in range(0, len(cache), TOGETHER):
            documents = [cache[number] for number in range(start, min(len(cache), start + TOGETHER))]
            place = work / f"{start:09d}.npy"
            if not place.is_file():
                partial = work / "partial.npy"
                np.save(partial, document_losses(model, documents))
                partial.replace(place)
            found.append(np.load(place, allow_pickle=False))
            bar.update(len(documents))
    return np.concatenate(found)


def _identity(folder: Path) -> dict[str, Any]:
    """The sizes and times of a folder's files: losses are used again only where these are the same."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in files}


@torch.inference_mode()
def document_losses(decoder: Any, documents: Sequence[Encoded]) -> NDArray[np.float32]:
    """The sum of the losses of all tokens that a decoder must write, in nats, float32 ``[documents]``.

    Args:
        decoder: A ``transformers`` causal LM, in eval mode.
        documents: Ids ``[S]`` and targets ``[S]`` of 0 and 1 each, as a cache has them.
    """
    device = next(decoder.parameters()).device
    losses = np.zeros(len(documents), dtype=np.float32)
    for chunk in _chunks([len(ids) for ids, _ in documents]):
        size = len(chunk), len(documents[chunk[-1]][0])
        ids, written = torch.zeros(size, dtype=torch.int64), torch.zeros(size, dtype=torch.bool)
        for row, number in enumerate(chunk):
            tokens, targets = (torch.from_numpy(part.astype(np.int64)) for part in documents[number])
            ids[row, : len(tokens)], written[row, : len(tokens)] = tokens, targets.bool()
        # What is behind a row's end is seen by nothing in front of it.
        hidden = decoder.get_decoder()(input_ids=ids.to(device), use_cache=False).last_hidden_state
        wanted = written[:, 1:].to(device)
        logits = decoder.get_output_embeddings()(hidden[:, :-1][wanted]).float()
        each = cross_entropy(logits, ids[:, 1:].to(device)[wanted], reduction="none")
        rows = torch.arange(len(chunk), device=device)[:, None].expand_as(wanted)[wanted]
        losses[chunk] = torch.zeros(len(chunk), device=device).index_add_(0, rows, each).cpu().numpy()
    return losses


def _chunks(lengths: Sequence[int]) -> list[list[int]]:
    """Numbers of documents that are read together, those of about one length, the longest last."""
    chunks: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if not chunks or (len(chunks[-1]) + 1) * lengths[number] > ROW_TOKENS:
            chunks.append([])
        chunks[-1].append(number)
    return chunks
