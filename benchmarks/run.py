"""`python -m benchmarks.run`: measures all ratios, and prints and saves one table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks import decoding, fewer_steps, many_users
from benchmarks.measure import IdleProbe
from benchmarks.table import machine, markdown, save
from unitok.evaluation.figures import Figure
from unitok.terminal import ArgumentParser, integer, run

SECTIONS = {
    "decoding": decoding.measure,
    "fewer-steps": fewer_steps.measure,
    "many-users": many_users.measure,
}


def build_parser() -> ArgumentParser:
    parser = ArgumentParser("python -m benchmarks.run", "Measure ratios, each of two runs side by side in one process.")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="default: all")
    parser.add_argument("--pairs", type=integer(1), default=5, metavar="N", help="of runs, a ratio each (default 5)")
    parser.add_argument("--allow-busy", action="store_true", help="measure although other programs run")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    parser.add_argument("--output", default="runs/benchmarks", metavar="FOLDER", help="default runs/benchmarks")
    return parser


def command(argv: Sequence[str]) -> None:
    """Parses `argv`, measures and saves. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    device = torch.device(options.device)
    probe = IdleProbe(strict=not options.allow_busy)
    figures: list[Figure] = []
    for section in options.sections:
        for figure in tqdm(SECTIONS[section](options.pairs, probe, device), desc=section, unit="row"):
            figures.append(figure)
    about = machine(device) | {"pairs": options.pairs, "busy": probe.was_busy}
    print(markdown(figures))
    save(figures, about, Path(options.output))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(command, argv)


if __name__ == "__main__":
    sys.exit(main())
