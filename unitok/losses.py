"""`python -m unitok.losses`: what a decoder, or the mean of several, loses on documents that were tokenized."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unitok.terminal import ArgumentParser, integer, run
from unitok_tokenizers.errors import InputError

DESCRIPTION = (
    "Print what a decoder loses on caches of documents, each on its own: quicker than an evaluation, and steadier "
    "where decoders differ little, such as when a mean of several is chosen."
)
TOGETHER = 256
"""Documents that are read before the bar moves."""


@dataclass(frozen=True)
class CacheLoss:
    """What a decoder lost on one cache: nats in all, on so many documents and tokens that it had to write."""

    cache: Path
    documents: int
    tokens: int
    nats: float

    def __str__(self) -> str:
        each, bits = self.nats / self.documents, self.nats / math.log(2) / max(1, self.tokens)
        return f"{self.cache}: {each:.3f} nats a document, {bits:.4f} bits a token ({self.documents} documents)"


def build_parser() -> ArgumentParser:
    parser = ArgumentParser("python -m unitok.losses", DESCRIPTION)
    parser.add_argument(
        "--decoder",
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="a decoder, or a checkpoint such as tiny; of several the mean is read, and one that is named twice counts "
        "twice, as in python -m unitok.assemble checkpoint",
    )
    parser.add_argument(
        "--caches", nargs="+", required=True, metavar="CACHE", help="folders that python -m unitok.tokenize wrote"
    )
    parser.add_argument(
        "--every", type=integer(1), default=1, metavar="N", help="read one document in N (default 1: all)"
    )
    return parser


def losses(decoders: Sequence[str | Path], caches: Sequence[str | Path], every: int = 1) -> list[CacheLoss]:
    """Read documents with the mean of decoders; shows a progress bar.

    Args:
        decoders: Folders of decoders, or checkpoints; see :func:`~unitok.decoder_folder.load_mean`.
        caches: Of documents that the decoders' vocabulary tokenized.
        every: One document in so many is read, the first, then the one so many behind it.

    Raises:
        InputError: A decoder or a cache cannot be read, a cache is empty or of another vocabulary, or decoders cannot
            be averaged.
    """
    from tqdm import tqdm

    from unitok.data.document_losses import check_readable, decoder_at, document_losses
    from unitok.data.token_cache import TokenCache
    from unitok.decoder_folder import load_fast

    found = [decoder_at(name) for name in decoders]
    opened = []
    for cache in caches:
        one, *_ = [TokenCache(cache, key) for _, key in found]
        if not len(one):
            raise InputError(f"{cache} has no documents")
        opened.append(one)
    decoder = load_fast(*(folder for folder, _ in found))
    for one in opened:
        check_readable(decoder.config, found[0][0], one)
    results = []
    with tqdm(total=sum(len(range(0, len(one), every)) for one in opened), desc="reading", unit="document") as bar:
        for one in opened:
            nats, tokens, numbers = 0.0, 0, range(0, len(one), every)
            for start in range(0, len(numbers), TOGETHER):
                documents = [one[number] for number in numbers[start : start + TOGETHER]]
                nats += float(document_losses(decoder, documents).sum(dtype="float64"))
                tokens += sum(int(targets[1:].sum()) for _, targets in documents)
                bar.update(len(documents))
            results.append(CacheLoss(one.folder, len(numbers), tokens, nats))
    return results


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and prints a line for each cache. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    for result in losses(options.decoder, options.caches, options.every):
        print(result)


if __name__ == "__main__":
    sys.exit(run(command))
