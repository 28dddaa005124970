"""`python -m unitok.convert`: a released model as a unitok checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from unitok.checks import refuse_existing
from unitok.terminal import ArgumentParser, integer, run


def build_parser() -> ArgumentParser:
    parser = ArgumentParser(
        "python -m unitok.convert",
        "Writes a released unified model (Chameleon, Anole, Lumina-mGPT, Emu3; as transformers saves them) as a "
        "checkpoint. Weights are copied piece by piece, so that the memory does not have to hold the model.",
    )
    parser.add_argument("source", metavar="SOURCE", help="the model's folder, or its name owner/model on the Hub")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the checkpoint's folder; it must not exist")
    parser.add_argument(
        "--vqgan",
        type=Path,
        metavar="FOLDER",
        help="Chameleon: the original release's tokenizer folder (vqgan.ckpt, vqgan.yaml), which image output needs",
    )
    parser.add_argument(
        "--variant",
        choices=("chameleon", "lumina", "chat", "generation"),
        help="which release it is, which the files do not tell: chameleon (Anole too; the default) or lumina; for Emu3 "
        "chat (the default) or generation",
    )
    parser.add_argument(
        "--image-size", type=integer(1), metavar="N", help="Lumina-mGPT: side of pictures (default 768)"
    )
    return parser


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and writes the checkpoint. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    refuse_existing(options.output)
    # Imported late, so that --help and mistakes are answered at once.
    from unitok.conversion import convert

    converted = convert(options.source, options.output, options.vqgan, options.variant, options.image_size)
    if converted.processor.image_detokenizer is None:
        print(
            "note: no vqgan.ckpt was found: this checkpoint reads pictures, but cannot show what it draws; see --vqgan",
            file=sys.stderr,
        )
    print(options.output)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(command, argv)


if __name__ == "__main__":
    sys.exit(main())
