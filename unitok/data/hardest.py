"""The documents of a cache that a decoder knows least, for training that is short of time.

A decoder that has learned most of a task loses nearly everything on few of its documents, and the gradient of the
others is next to nothing. A forward pass costs a third of a step, so looking for those few first is worth it where they
are less than half; compare "selective backprop" (Jiang et al. 2019), which chooses while it trains. Two things to know:

- What nobody can know, such as the place of an object that may stand anywhere, has a high loss for ever. Leave such
  documents out of the cache, or they are what is found.
- The hardest documents alone teach that the first thought is always wrong. Train on others as well.

Losses are sums over a document, so longer ones are harder: a cache of one task is best.

A run that was stopped goes on with the losses that it has.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from unitok.checks import refuse_existing
from unitok.data.document_losses import check_readable, decoder_at, document_losses
from unitok.data.token_cache import TokenCache, TokenCacheWriter
from unitok.data.tokenizing import files_identity
from unitok.data.work_folder import work_folder
from unitok.decoder_folder import load_fast
from unitok_tokenizers.errors import InputError

TOGETHER = 2048
"""Documents whose losses are found, and kept, in one go."""


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
        InputError: ``output`` exists or cannot be written; ``source`` is no cache, is empty, or has longer documents
            than the decoder reads; the decoder cannot be read, is of another vocabulary as far as that can be seen, or
            has losses that are no numbers.
        ValueError: ``share`` is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    output = Path(output)
    refuse_existing(output)
    folder, key = decoder_at(decoder)
    cache = TokenCache(source, key)
    if not len(cache):
        raise InputError(f"{source} has no documents")
    # What the files are before they are read: one that is replaced meanwhile is another decoder.
    identity = {"together": TOGETHER, "documents": files_identity(cache.folder), "decoder": files_identity(folder)}
    loaded = load_fast(folder)
    check_readable(loaded.config, folder, cache)
    with work_folder(output, identity, ".losses") as work:
        losses = _losses(cache, loaded, work)
        if wrong := int((~np.isfinite(losses)).sum()):
            shutil.rmtree(work)
            raise InputError(
                f"{decoder}: losses of {wrong} of {len(losses)} documents are no numbers; give another decoder"
            )
        chosen = np.sort(np.argsort(-losses, kind="stable")[: max(1, round(share * len(losses)))])
        with TokenCacheWriter(output, cache.vocabulary_size, cache.vocabulary_hash) as writer:
            for number in chosen:
                writer.add(*cache[number])
            origin = {"source": "hardest", "cache": str(source), "decoder": str(decoder), "share": share}
            made = {"tokenizers": cache.meta["tokenizers"]} if "tokenizers" in cache.meta else {}
            writer.finish(source=origin, least_loss=float(losses[chosen].min()), **made)
    return TokenCache(output), losses


def _losses(cache: TokenCache, decoder: Any, work: Path) -> NDArray[np.float32]:
    """The loss of each document, float32 ``[documents]``, as far as possible from what was found before."""
    found = []
    with tqdm(total=len(cache), desc="reading", unit="document") as bar:
        for start in range(0, len(cache), TOGETHER):
            numbers = range(start, min(len(cache), start + TOGETHER))
            place = work / f"{start:09d}.npy"
            losses = _known(place, len(numbers))
            if losses is None:
                losses = document_losses(decoder, [cache[number] for number in numbers])
                np.save(work / "partial.npy", losses)
                (work / "partial.npy").replace(place)
            found.append(losses)
            bar.update(len(numbers))
    return np.concatenate(found)


def _known(place: Path, count: int) -> NDArray[np.float32] | None:
    """Losses that were saved before; None where that did not come to its end."""
    try:
        losses: NDArray[np.float32] = np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return losses if losses.shape == (count,) else None
