"""`python -m unitok.tokenize`: writes documents as a token cache, which training reads, or chooses some of one."""

from __future__ import annotations

import logging
import sys
from argparse import Namespace
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from unitok.checks import usable_cores
from unitok.terminal import ArgumentParser, integer, number, run
from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    from unitok.data.tokenizing import Source, WorldSource

DESCRIPTION = "Write documents, or pairs of answers, as a token cache, which training reads without any tokenizer."
MOST = 1e6  # of a share: sums of them are finite


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
        help="shares of the documents without sounds, such as edit=0.6 questions=0.4; tasks are request (or one "
        "category of it, such as request_position), edit (or single kinds of it, such as edit_move), questions, "
        "caption, conversation and order, and those that are not named get none (default: as `tiny` learned them at "
        "first)",
    )
    world.add_argument(
        "--sound-tasks",
        nargs="+",
        metavar="TASK=SHARE",
        help="the same of the documents with sounds; tasks are transcription, reading, spoken_request, spoken_caption, "
        "spoken_questions, playing, playing_chord, naming, naming_chord, events, continuation, conversation and "
        "dictated_edit",
    )
    world.add_argument(
        "--unrelated",
        type=number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of the documents in which one task follows or interrupts another that has nothing to do with it "
        "(default 0)",
    )
    world.add_argument(
        "--reworded",
        type=number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of what users write, in documents without sounds, that is put in more ways than evaluation asks in "
        "(default 0)",
    )
    world.add_argument(
        "--far-looks",
        type=number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of the documents without sounds whose users show pictures in other proportions and tints, with "
        "noise or through JPEG (default 0)",
    )
    documents = kinds.add_parser(
        "documents",
        help="your own documents, a JSONL file",
        description="Tokenize a JSONL file of documents.",
    )
    documents.add_argument(
        "file", metavar="FILE.jsonl", help="one list of messages a line; its pictures and sounds lie beside it"
    )
    hardest = kinds.add_parser(
        "hardest",
        help="those documents of a cache that a decoder knows least",
        description="Choose the documents of a cache on which a decoder's loss is highest, for further training.",
    )
    hardest.add_argument("cache", metavar="CACHE", help="folder that this command wrote before")
    hardest.add_argument("--decoder", required=True, metavar="FOLDER", help="a decoder, or a checkpoint such as tiny")
    hardest.add_argument(
        "--share", type=number(0, 1, above=True), required=True, metavar="SHARE", help="of the documents, to be kept"
    )
    hardest.add_argument("--output", required=True, metavar="FOLDER", help="the new cache; it must not exist")
    pairs = kinds.add_parser(
        "pairs",
        help="your own pairs of answers, of which one is preferred, a JSONL file",
        description='Tokenize a JSONL file of pairs of answers: {"prompt": [...], "chosen": [...], "rejected": [...]}, '
        "lists of messages, a line.",
    )
    pairs.add_argument("file", metavar="FILE.jsonl", help="one pair a line; its pictures and sounds lie beside it")
    pairs.add_argument(
        "--model",
        required=True,
        metavar="FOLDER",
        help="a checkpoint, such as tiny, whose decoder training starts from",
    )
    pairs.add_argument("--output", required=True, metavar="FOLDER", help="the cache of pairs; it must not exist")
    for sub in (documents, pairs):
        sub.add_argument(
            "--on-error",
            choices=("stop", "skip"),
            default="stop",
            help="at a line that cannot be read (default stop)",
        )
    mistakes = kinds.add_parser(
        "mistakes",
        help="pairs of a right answer and a model's own wrong one",
        description="Have a model answer tasks about scenes, and keep what it gets wrong beside what is right, as "
        "pairs of answers to train on.",
    )
    mistakes.add_argument("kind", choices=("pictures", "questions", "captions", "edits"), help="what it is asked")
    mistakes.add_argument("--model", required=True, metavar="FOLDER", help="a checkpoint, such as tiny")
    mistakes.add_argument("--answers", type=integer(1), required=True, metavar="N", help="number of answers")
    mistakes.add_argument("--seed", type=integer(0), default=0, help="of everything that is drawn (default 0)")
    mistakes.add_argument("--output", required=True, metavar="FOLDER", help="the cache of pairs; it must not exist")
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
            default=usable_cores(),
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


def task_shares(option: str, words: Sequence[str], tasks: Collection[str]) -> dict[str, float]:
    """Shares by task of `TASK=SHARE`, made to sum to 1. Raises `InputError`, which names the option."""
    shares: dict[str, float] = {}
    for word in words:
        task, _, share = word.partition("=")
        if task not in tasks:
            raise InputError(f"{option} {word}: there is no task {task!r}; tasks are {', '.join(tasks)}")
        if task in shares:
            raise InputError(f"{option} {word}: {task} is given twice")
        try:
            shares[task] = float(share)
        except ValueError:
            shares[task] = -1.0
        if not 0 <= shares[task] <= MOST:
            raise InputError(f"{option} {word}: give a share from 0 to {MOST:,.0f}, such as {task}=0.5")
    total = sum(shares.values())
    if not total:
        raise InputError(f"{option}: all shares are 0; give one of them more")
    return {task: shares[task] / total for task in tasks if shares.get(task)}


def world_source(options: Namespace) -> WorldSource:
    """The documents that the options ask for. Raises `InputError`."""
    from unitok.bases import find_folder, image_settings
    from unitok.data.tokenizing import WorldSource
    from unitok.data.world.sounds.tasks import SOUND_TASK_WEIGHTS
    from unitok.data.world.tasks import TASK_WEIGHTS

    of_others = {"--tasks": options.tasks, "--reworded": options.reworded, "--far-looks": options.far_looks}
    for option, given in of_others.items():
        if given and options.sounds == 1:
            raise InputError(
                f"{option}: with --sounds 1 all documents have sounds; leave it out, or give less of --sounds"
            )
    if options.sound_tasks and options.sounds == 0:
        raise InputError("--sound-tasks: no document has sounds; give their share, such as --sounds 0.2")
    tasks = task_shares("--tasks", options.tasks, TASK_WEIGHTS) if options.tasks else TASK_WEIGHTS
    sound_tasks = SOUND_TASK_WEIGHTS
    if options.sound_tasks:
        sound_tasks = task_shares("--sound-tasks", options.sound_tasks, SOUND_TASK_WEIGHTS)
    image_size = image_settings(find_folder(options.checkpoint), options.image_size)["image_size"]
    if image_size is None:
        raise InputError(f"{options.checkpoint} does not say how large pictures are; give --image-size")
    return WorldSource(
        documents_total=options.documents,
        seed=options.seed,
        split=options.split,
        per_shard=options.shard,
        image_size=image_size,
        sounds=options.sounds,
        tasks=dict(tasks),
        sound_tasks=dict(sound_tasks),
        unrelated=options.unrelated,
        reworded=options.reworded,
        far_looks=options.far_looks,
    )


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and writes the cache. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")

    # Imported late, so that --help and mistakes are answered at once.
    if options.source == "hardest":
        from unitok.data.hardest import write_hardest

        chosen, losses = write_hardest(options.cache, options.decoder, options.share, options.output)
        least, mean = chosen.meta["least_loss"], losses.mean()
        print(
            f"{chosen.folder}: {len(chosen)} of {len(losses)} documents, {chosen.meta['tokens']} tokens; "
            f"losses from {least:.2f} nats on (mean of all: {mean:.2f})"
        )
        return
    if options.source == "pairs":
        from unitok.data.preference_files import write_file

        pairs = write_file(options.file, options.model, options.output, options.on_error)
        skipped = f", {pairs.cache.meta['left_out']} left out" if pairs.cache.meta["left_out"] else ""
        print(f"{pairs.cache.folder}: {len(pairs)} pairs, {pairs.cache.meta['tokens']} tokens{skipped}")
        return
    if options.source == "mistakes":
        from unitok.evaluation.mistakes import write_mistakes
        from unitok.model import UniTok

        model = UniTok.from_pretrained(options.model)
        pairs = write_mistakes(model, options.model, options.kind, options.answers, options.seed, options.output)
        wrong = (len(pairs) + pairs.cache.meta["left_out"]) / options.answers
        print(f"{pairs.cache.folder}: {len(pairs)} pairs from {options.answers} answers ({wrong:.1%})")
        return
    from unitok.data.tokenizing import JsonlSource, write_cache

    source: Source
    if options.source == "world":
        source = world_source(options)
    else:
        source = JsonlSource(options.file, options.on_error, options.shard)
    cache = write_cache(source, options.checkpoint, options.output, options.workers, options.image_size)
    skipped = f", {cache.meta['skipped']} left out" if cache.meta["skipped"] else ""
    print(f"{cache.folder}: {len(cache)} documents, {cache.meta['tokens']} tokens{skipped}")


if __name__ == "__main__":
    sys.exit(run(command))
