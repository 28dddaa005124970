"""`python -m unitok.evaluate`: what a model can do, in figures with targets beside them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from unitok.terminal import ArgumentParser, integer, run

SECTIONS = {
    "codec": "scenes through the image codec",
    "photographs": "photographs through the image codec",
    "pictures": "pictures from words, by category",
    "heldout": "pictures of compositions that training never shows",
    "questions": "questions about pictures",
    "captions": "captions of pictures",
    "edits": "pictures changed as told",
    "other_words": "pictures from words, questions and edits in wordings that are not those of training",
    "other_pictures": "captions and edits of pictures that another renderer drew, and the image codec on them",
    "conversations": "several turns, each after the model's own answers",
    "refiner": "pictures at twice the size, of a model that has a refiner",
    "audio_codec": "sounds through the audio codec, of a model that has one (as all that follow but speed)",
    "listening": "speech to text",
    "speaking": "text to speech, by an oracle that knows espeak-ng's words",
    "spoken": "spoken requests, captions read aloud, spoken questions",
    "spoken_conversations": "several turns, all that the user says said aloud",
    "melodies": "melodies and chords from names, to names, and going on",
    "events": "what sound is it and how many, and making them",
    "later_turns": "tasks in a later turn, behind another one that has nothing to do with them",
    "speed": "seconds for a picture, for a second of speech, and for the first command",
}
"""What can be measured; the names are those of `unitok.evaluation.suite`, which takes seconds to import."""


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    model: str
    adapter: Path | None
    device: str
    samples: int
    seed: int
    output: Path
    only: tuple[str, ...]
    batch_size: int


def section_names(text: str) -> tuple[str, ...]:
    """An `argparse` type: names of sections, separated by commas."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in SECTIONS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"there is no section {unknown[0] if unknown else text!r}; known are {', '.join(SECTIONS)}"
        )
    return names


def parser() -> ArgumentParser:
    """The options with their ranges and their help."""
    result = ArgumentParser(
        "python -m unitok.evaluate",
        "Measures a model on scenes that training never saw, and prints a table with targets beside the "
        "figures. The table, everything in JSON, and sheets of pictures to look at are saved as well.",
    )
    add = result.add_argument
    add("--model", metavar="NAME", default="tiny", help="tiny, or the folder of a checkpoint (default: tiny)")
    add("--adapter", metavar="FOLDER", type=Path, help="a LoRA adapter that was trained on the model's decoder")
    add("--device", metavar="NAME", default="cpu", help="where the model runs: cpu, cuda, cuda:1, mps (default: cpu)")
    add(
        "--samples",
        metavar="N",
        type=integer(1, 1_000_000),
        default=200,
        help="tasks of each category; more take longer and narrow the intervals (default: 200)",
    )
    add(
        "--seed",
        metavar="S",
        type=integer(0, 2**32 - 1),
        default=0,
        help="the same seed gives the same tasks and answers (default: 0)",
    )
    add(
        "--output",
        metavar="FOLDER",
        type=Path,
        default=Path("outputs/evaluation"),
        help="where the report goes; nothing that is there is replaced (default: outputs/evaluation)",
    )
    sections = "; ".join(f"{name}: {about}" for name, about in SECTIONS.items())
    add(
        "--only",
        metavar="NAMES",
        type=section_names,
        default=tuple(SECTIONS),
        help=f"sections to measure, separated by commas; by default all. {sections}",
    )
    add("--batch-size", metavar="B", type=integer(1, 4096), default=64, help="answers at once (default: 64)")
    return result


def evaluate(argv: Sequence[str]) -> None:
    """The whole command. Raises `InputError` for what the user can mend."""
    options = Options(**vars(parser().parse_args(argv)))
    from unitok.evaluation.report import Report, table
    from unitok.evaluation.setup import Setup
    from unitok.evaluation.suite import SECTIONS as MEASURES
    from unitok.model import UniTok
    from unitok.outputs import check_folder

    check_folder(options.output)
    model = UniTok.from_pretrained(options.model, options.device, adapter=options.adapter)
    setup = Setup(model, options.model, options.samples, options.seed, options.batch_size, adapter=options.adapter)
    about = {"model": options.model, "device": str(model.device), "samples": options.samples, "seed": options.seed}
    about |= {"adapter": str(options.adapter)} if options.adapter else {}
    about |= {"unitok": version("unitok-multimodal"), "sampling": model.sampling.to_dict(), "seconds": {}}
    report = Report(options.output, about)
    for name, measure in MEASURES.items():
        if name in options.only:
            started = time.perf_counter()
            findings = measure(setup)
            about["seconds"][name] = round(time.perf_counter() - started, 1)
            report.add(name, findings)
    print(table(report.figures))
    print(
        f"\nsaved to {report.path('.md')}, {report.path('.json')} and sheets of pictures beside them",
        file=sys.stderr,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(evaluate, argv)


if __name__ == "__main__":
    sys.exit(main())
