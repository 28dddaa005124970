"""Pairs of answers to one prompt, of which one is preferred: a token cache in which each two documents are a pair.

Document ``2 i`` ends with the answer that was chosen, document ``2 i + 1`` with the one that was rejected; beside the
cache's own files lies ``margins.npy``, float32 ``[pairs]``: how much likelier the reference, the decoder that training
is held close to, finds the chosen answer, in nats.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from unitok.bases import tokenizers_identity
from unitok.checks import refuse_existing
from unitok.data.document_losses import document_losses
from unitok.data.encoding import Encoded
from unitok.data.token_cache import COPY_BYTES, MARGINS, TokenCache, TokenCacheWriter, vocabulary_hash
from unitok.data.work_folder import work_folder
from unitok.decoder_folder import refuse_scaled_logits
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)


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
        self.cache = TokenCache(folder, vocabulary_hash, pairs=True)
        file = self.cache.folder / MARGINS
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


class Found(NamedTuple):
    """Pairs, and how many others were left out."""

    pairs: list[Pair]
    left_out: int = 0


def write_parts(
    output: str | Path,
    vocabulary: Vocabulary,
    identity: dict[str, Any],
    checkpoint: Path,
    sizes: Sequence[int],
    find: Callable[[int], Found],
    unit: str,
) -> Preferences:
    """Write pairs that take long to find, part by part, with a progress bar; a run that was stopped goes on.

    Args:
        output: The cache's folder, which must not exist; parts are kept beside it until it is complete.
        vocabulary: The documents'.
        identity: What else the pairs depend on, as JSON: parts are used again only where it is the same.
        checkpoint: Whose tokenizers made them, and whose decoder is the reference of their margins.
        sizes: How much each part is made from.
        find: The pairs of a part, by its number.
        unit: What the bar counts.

    Returns:
        The cache; its meta.json has the pairs that were ``left_out``, and what they were made from.

    Raises:
        InputError: ``output`` exists or cannot be written, or there are no pairs.
    """
    output, key = Path(output), vocabulary_hash(vocabulary)
    refuse_existing(output)
    identity = {**identity, "reference": weights_hash(checkpoint / "decoder")}
    tokenizers = tokenizers_identity(checkpoint)["tokenizers"]
    with work_folder(output, {"vocabulary_hash": key, "tokenizers": tokenizers, **identity}) as work:
        folders = [work / f"{part:06d}" for part in range(len(sizes))]
        margins: list[NDArray[np.float32]] = []
        left_out = 0
        with tqdm(total=sum(sizes), desc="pairs of answers", unit=unit) as bar:
            for part, (folder, size) in enumerate(zip(folders, sizes, strict=True)):
                if not folder.exists():
                    found = find(part)  # before a writer is opened, which what goes wrong here would leave behind
                    writer = TokenCacheWriter(folder, vocabulary.size, key)
                    write_preferences(writer, found.pairs, left_out=found.left_out)
                written = Preferences(folder, key)  # one at a time: each holds two files open
                margins.append(written.margins)
                left_out += written.cache.meta["left_out"]
                bar.set_postfix(pairs=sum(map(len, margins)), refresh=False)
                bar.update(size)
        if not any(map(len, margins)):
            shutil.rmtree(work)
            raise InputError(f"no {unit} of {sum(sizes)} makes a pair of answers to write; {left_out} were left out")
        with TokenCacheWriter(output, vocabulary.size, key) as writer:
            for folder in folders:
                writer.add_cache(Preferences(folder, key).cache)
            np.save(writer.work / MARGINS, np.concatenate(margins), allow_pickle=False)
            writer.finish(source=identity, left_out=left_out, tokenizers=tokenizers)
    return Preferences(output, key)


def weights_hash(decoder: str | Path) -> str:
    """SHA-256 of the weights in a decoder's folder."""
    digest = hashlib.sha256()
    for file in sorted(Path(decoder).glob("*.safetensors")):
        with file.open("rb") as weights:
            while block := weights.read(COPY_BYTES):
                digest.update(block)
    return digest.hexdigest()


def scored(decoder: Any, answers: Sequence[tuple[Encoded, Encoded]]) -> Found:
    """Pairs with the margins of the reference, with a warning where some are left out.

    These are pairs that it cannot read, and those whose answers are the same tokens, such as two pictures that a codec
    cannot tell apart.

    Args:
        decoder: The reference, a ``transformers`` causal LM in eval mode.
        answers: The documents with the chosen and with the rejected answer of each pair.

    Raises:
        InputError: The decoder does not know all ids, its logits are scaled behind its head, or its losses are no
            numbers.
    """
    refuse_scaled_logits(decoder.config)
    highest = max((int(ids.max()) for pair in answers for ids, _ in pair), default=0)
    if highest >= decoder.config.vocab_size:
        known = decoder.config.vocab_size
        raise InputError(f"the decoder knows {known} ids, a pair of answers has {highest}; give its own checkpoint")
    context = getattr(decoder.config, "max_position_embeddings", None) or sys.maxsize
    apart = [pair for pair in answers if not np.array_equal(pair[0][0], pair[1][0])]
    if len(apart) < len(answers):
        log.warning("left out: %d pairs of equal answers", len(answers) - len(apart))
    read = [pair for pair in apart if max(len(ids) for ids, _ in pair) <= context]
    if len(read) < len(apart):
        log.warning("left out: %d pairs longer than the %d tokens that are read", len(apart) - len(read), context)
    losses = document_losses(decoder, [document for pair in read for document in pair])
    margins = losses[1::2] - losses[0::2]
    if not np.isfinite(margins).all():
        raise InputError("the decoder's losses are no numbers; give another checkpoint")
    pairs = [Pair(*pair, margin) for pair, margin in zip(read, margins.tolist(), strict=True)]
    return Found(pairs, len(answers) - len(read))
