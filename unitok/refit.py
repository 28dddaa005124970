"""`python -m unitok.refit`: moves codes of an image codec to where pictures need them, for decoders that stay."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from unitok.checks import refuse_existing
from unitok.terminal import ArgumentParser, integer, run

DESCRIPTION = (
    "Move the codes of an image codec that your pictures hardly use to where they are served badly. All other codes "
    "stay what they are, so that a decoder keeps what it knows of them."
)


def build_parser() -> ArgumentParser:
    parser = ArgumentParser("python -m unitok.refit", DESCRIPTION)
    parser.add_argument("--codec", default="tiny", metavar="NAME", help="tiny, or the folder of a codec or checkpoint")
    parser.add_argument(
        "--move",
        type=integer(0),
        nargs="+",
        required=True,
        metavar="N",
        help="how many codes of each codebook move, a number for each (tiny has two)",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="random crops of yours, in it and its subfolders (default: scenes of the world)",
    )
    parser.add_argument(
        "--count", type=integer(2), default=28_000, metavar="N", help="pictures or crops (default 28000)"
    )
    parser.add_argument("--size", type=integer(8), default=80, metavar="N", help="their side in pixels (default 80)")
    parser.add_argument(
        "--textures",
        type=integer(0),
        default=2000,
        metavar="N",
        help="procedural textures, as photographs have them: of codes that pictures use alike, those move that these "
        "need least (default 2000)",
    )
    parser.add_argument("--seed", type=integer(0, 2**63 - 1), default=0, help="of everything that is drawn (default 0)")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="the codec; it must not exist")
    return parser


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and writes the codec. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    refuse_existing(options.output)
    # Imported late, so that --help and mistakes are answered at once.
    from unitok.training.refitting import Source, refit

    source = Source(options.pictures, options.count, options.size, options.textures, options.seed)
    report = refit(options.codec, options.output, options.move, source)
    print(f"{options.output}: {report}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(command, argv)


if __name__ == "__main__":
    sys.exit(main())
