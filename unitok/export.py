"""`python -m unitok.export`: the image tokenizer and detokenizer as ONNX files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from unitok.checks import refuse_existing
from unitok.terminal import ArgumentParser, run


def build_parser() -> ArgumentParser:
    parser = ArgumentParser(
        "python -m unitok.export",
        "Writes image_tokenizer.onnx (pixels float [B, 3, H, W] in [-1, 1] to codes int64 [B, K, h, w]) and "
        "image_detokenizer.onnx (codes to pixels), for any B and for any H and W of whole cells of the code grid.",
    )
    parser.add_argument("--model", default="tiny", metavar="NAME", help="tiny, or the folder of a checkpoint")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="nothing there is replaced")
    return parser


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and writes the files. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    # Imported late, so that --help and mistakes are answered at once.
    from unitok.bases import find_folder, load_component
    from unitok.onnx_files import write_onnx

    paths = {name: options.output / f"{name}.onnx" for name in ("image_tokenizer", "image_detokenizer")}
    for path in paths.values():
        refuse_existing(path)
    folder = find_folder(options.model)
    codecs = {name: load_component(folder, name) for name in paths}
    for name, path in paths.items():
        write_onnx(codecs[name], path)
        print(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(command, argv)


if __name__ == "__main__":
    sys.exit(main())
