"""Pairs of answers to one prompt, of which one is preferred: a token cache in which each two documents are a pair.

Document ``2 i`` ends with the answer that was chosen, document ``2 i + 1`` with the one that was rejected; beside the
cache's own files lies ``margins.npy``, float32 ``[pairs]``: how much likelier the reference, the decoder that training
is held close to, finds the chosen answer, in nats.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from unitok.data.document_losses import document_losses
from unitok.data.token_cache import TokenCache, TokenCacheWriter, vocabulary_hash
from unitok.data.tokenizing import Encoded, begin
from unitok.decoder_folder import refuse_scaled_logits
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)

MARGINS = "margins.npy"


class Pair(NamedTuple):
    """Two documents with one prompt, ids ``[S]`` and targets ``[S]`` each, and the reference's margin in nats."""

    chosen: Encoded
    rejected: Encoded
    margin: float


class Preferences(Sequence[Pair]):
    """A cache of pairs, read through memory maps.

    Args:
        folder: The cache.
        vocabulary_hash: Where given, it must have been made with this vocabulary.

    Raises:
        InputError: As :class:`TokenCache`, or it holds no pairs.
    """

    def __init__(self, folder: str | Path, vocabulary_hash: str | None = None) -> None:
        self.cache = TokenCache(folder, vocabulary_hash)
        file = self.cache.folder / MARGINS
        if not file.is_file():
            raise InputError(
                f"{folder} holds documents, but no pairs of answers; make them with python -m unitok.tokenize pairs"
            )
        try:
            self.margins: NDArray[np.float32] = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{file} is damaged ({error}); build the cache again") from error
        if self.margins.shape != (len(self.cache) // 2,) or len(self.cache) % 2:
            raise InputError(f"{folder} is damaged ({len(self.cache)} documents, {len(self.margins)} margins)")

    def __len__(self) -> int:
        return len(self.margins)

    def __getitem__(self, index: int) -> Pair:  # type: ignore[override]
        return Pair(self.cache[2 * index], self.cache[2 * index + 1], float(self.margins[index]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of the longer document of each pair, ``[pairs]``."""
        return self.cache.lengths.reshape(-1, 2).max(axis=1)


def write_preferences(writer: TokenCacheWriter, pairs: Iterable[Pair], **extra: Any) -> None:
    """Write pairs, in order, and finish; ``extra`` goes into meta.json."""
    with writer:
        margins = []
        for pair in pairs:
            writer.add(*pair.chosen)
            writer.add(*pair.rejected)
            margins.append(pair.margin)
        np.save(writer.work / MARGINS, np.asarray(margins, dtype=np.float32), allow_pickle=False)
        writer.finish(**extra)


def write_parts(
    output: str | Path,
    vocabulary: Vocabulary,
    identity: dict[str, Any],
    sizes: Sequence[int],
    find: Callable[[int], Iterable[Pair]],
) -> Preferences:
    """Write pairs that take long to find, part by part, with a progress bar; a run that was stopped goes on.

    Args:
        output: The cache's folder, which must not exist; parts are kept beside it until it is complete.
        vocabulary: The documents'.
        identity: What the pairs depend on, as JSON: parts are used again only where it is the same.
        sizes: How much each part is made from.
        find: The pairs of a part, by its number.

    Raises:
        InputError: ``output`` exists or cannot be written.
    """
    output, key = Path(output), vocabulary_hash(vocabulary)
    if output.exists():
        raise InputError(f"{output} exists already; remove it or choose another output folder")
    work = output.with_name(output.name + ".shards")
    begin(work, {"vocabulary_hash": key, **identity})
    parts: list[Preferences] = []
    with tqdm(total=sum(sizes), desc="pairs of answers", unit="task") as bar:
        for part, size in enumerate(sizes):
            folder = work / f"{part:06d}"
            if not folder.exists():
                pairs = list(find(part))  # before a writer is opened, which what goes wrong here would leave behind
                write_preferences(TokenCacheWriter(folder, vocabulary.size, key), pairs)
            parts.append(Preferences(folder, key))
            bar.set_postfix(pairs=sum(map(len, parts)), refresh=False)
            bar.update(size)
    with TokenCacheWriter(output, vocabulary.size, key) as writer:
        for part in parts:
            writer.add_cache(part.cache)
        np.save(writer.work / MARGINS, np.concatenate([part.margins for part in parts]), allow_pickle=False)
        writer.finish(source=identity)
    shutil.rmtree(work)
    return Preferences(output, key)


def scored(decoder: Any, answers: Sequence[tuple[Encoded, Encoded]]) -> list[Pair]:
    """Pairs with the margins of the reference; those that it cannot read are left out, with a warning.

    Args:
        decoder: The reference, a ``transformers`` causal LM in eval mode.
        answers: The documents with the chosen and with the rejected answer of each pair.

    Raises:
        InputError: The decoder's logits are scaled behind its head, or its losses are no numbers.
    """
    refuse_scaled_logits(decoder.config)
    context = getattr(decoder.config, "max_position_embeddings", None) or sys.maxsize
    read = [pair for pair in answers if max(len(ids) for ids, _ in pair) <= context]
    if len(read) < len(answers):
        log.warning("left out: %d pairs longer than the %d tokens that are read", len(answers) - len(read), context)
    losses = document_losses(decoder, [document for pair in read for document in pair])
    margins = losses[1::2] - losses[0::2]
    if not np.isfinite(margins).all():
        raise InputError("the decoder's losses are no numbers; give another checkpoint")
    return [Pair(*pair, margin) for pair, margin in zip(read, margins.tolist(), strict=True)]
