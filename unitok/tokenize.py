"""`python -m unitok.tokenize`: writes documents as a token cache, which training reads."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from unitok.terminal import ArgumentParser, integer, number, run
from unitok_tokenizers.errors import InputError

DESCRIPTION = "Write documents as a token cache, which training reads without any tokenizer."


def build_parser() -> ArgumentParser:
    parser = ArgumentParser("python -m unitok.tokenize", DESCRIPTION)
    kinds = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")
    world = kinds.add_parser("world", help="documents about procedural scenes", description="Tokenize scenes.")
    world.add_argument("--documents", type=integer(1), required=True, metavar="N", help="number of documents")
    world.add_argument("--seed", type=integer(0), default=0, help="of everything that is drawn (default 0)")
    world.add_argument(
        "--split",
        choices=("train", "heldout"),
        default="train",
        help="heldout: with the pairs training never has",
    )
    world.add_argument(
        "--sounds",
        type=number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of the documents that come with sounds; speech is made with espeak-ng (default 0)",
    )
    world.add_argument(
        "--tasks",
        nargs="+",
        metavar="TASK=SHARE",
        help="shares of the documents without sounds, such as edit=0.6 questions=0.4; tasks are request, edit, "
        "questions, caption and conversation, and those that are not named get none (default: as `tiny` learned them)",
    )
    documents = kinds.add_parser(
        "documents",
        help="your own documents, a JSONL file",
        description="Tokenize a JSONL file of documents.",
    )
    documents.add_argument(
        "file", metavar="FILE.jsonl", help="one list of messages a line; its pictures and sounds lie beside it"
    )
    documents.add_argument(
        "--on-error",
        choices=("stop", "skip"),
        default="stop",
        help="at a line that cannot be read (default stop)",
    )
    for sub in (world, documents):
        sub.add_argument("--checkpoint", required=True, metavar="FOLDER", help="with vocabulary.json and tokenizers")
        sub.add_argument("--output", required=True, metavar="FOLDER", help="the cache; it must not exist")
        sub.add_argument(
            "--image-size",
            type=integer(1),
            metavar="N",
            help="sides of pictures in pixels (default: as in the checkpoint's unitok.json)",
        )
        sub.add_argument(
            "--workers",
            type=integer(0),
            default=os.cpu_count() or 1,
            metavar="W",
            help="processes (default: one a core)",
        )
        sub.add_argument(
            "--shard",
            type=integer(1),
            default=4096,
            metavar="N",
            help="documents a shard, the unit of resuming",
        )
    return parser


def task_shares(words: Sequence[str]) -> dict[str, float]:
    """Shares by task of `TASK=SHARE`, made to sum to 1. Raises `InputError`."""
    from unitok.data.world.tasks import TASK_WEIGHTS

    shares: dict[str, float] = {}
    for word in words:
        task, _, share = word.partition("=")
        if task not in TASK_WEIGHTS:
            raise InputError(f"--tasks {word}: there is no task {task!r}; tasks are {', '.join(TASK_WEIGHTS)}")
        if task in shares:
            raise InputError(f"--tasks {word}: {task} is given twice")
        try:
            shares[task] = float(share)
        except ValueError:
            shares[task] = -1.0
        if not 0 <= shares[task] < float("inf"):
            raise InputError(f"--tasks {word}: give a share of at least 0, such as {task}=0.5")
    total = sum(shares.values())
    if not total:
        raise InputError("--tasks: all shares are 0; give one of them more")
    return {task: shares[task] / total for task in TASK_WEIGHTS if shares.get(task)}


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and writes the cache. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")

    # Imported late, so that --help and mistakes are answered at once.
    from unitok.data.tokenizing import JsonlSource, WorldSource, load_processor, write_cache

    if options.source == "world":
        shares = task_shares(options.tasks) if options.tasks else None
        image_size = load_processor(options.checkpoint, options.image_size).image_size
        if image_size is None:
            raise InputError(f"{options.checkpoint} does not say how large pictures are; give --image-size")
        documents, seed, sounds = options.documents, options.seed, options.sounds
        source = WorldSource(documents, seed, options.split, options.shard, image_size, sounds)
        if shares:
            source = replace(source, tasks=shares)
    else:
        source = JsonlSource(options.file, options.on_error, options.shard)
    cache = write_cache(source, options.checkpoint, options.output, options.workers, options.image_size)
    skipped = f", {cache.meta['skipped']} left out" if cache.meta["skipped"] else ""
    print(f"{cache.folder}: {len(cache)} documents, {cache.meta['tokens']} tokens{skipped}")


if __name__ == "__main__":
    sys.exit(run(command))
