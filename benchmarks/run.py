"""`python -m benchmarks.run`: measures all ratios, prints one table, and saves it as JSON and Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from unitok.outputs import free_stem, refuse_unwritable
from unitok.terminal import ArgumentParser, integer, run
from unitok_tokenizers.errors import InputError

SECTIONS = ("decoding", "jacobi", "serving", "training", "accelerator")


def parser() -> ArgumentParser:
    """The options and their help."""
    from benchmarks.subjects import NAMES

    result = ArgumentParser(
        "python -m benchmarks.run", "Measures ratios of running times, each side by side in this process."
    )
    add = result.add_argument
    add("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure (default: all)")
    add("--subjects", nargs="+", choices=NAMES, default=list(NAMES), help="which decoders (default: all)")
    add("--pairs", metavar="N", type=integer(5), default=5, help="runs of each ratio, at least 5 (default: 5)")
    add("--device", default="cpu", help="cpu or cuda (default: cpu)")
    add(
        "--dtype",
        choices=("bfloat16", "float32"),
        help="of the decoders (default: bfloat16 where the device has products)",
    )
    add("--no-compile", action="store_true", help="leave out what takes minutes to compile")
    add("--patience", metavar="S", type=integer(0), default=300, help="seconds to wait for an idle machine each time")
    add("--allow-busy", action="store_true", help="measure where it stays busy; the table then says so")
    add(
        "--output",
        metavar="FOLDER",
        type=Path,
        default=Path("outputs/benchmarks"),
        help="where the table goes; nothing is replaced",
    )
    return result


def measure(argv: Sequence[str]) -> None:
    """The whole command. Raises `InputError` for what the user can mend."""
    options = parser().parse_args(argv)
    import torch

    from benchmarks import accelerator, decoding, jacobi, serving, training
    from benchmarks.measure import IdleProbe
    from benchmarks.setup import Setup
    from benchmarks.table import machine, markdown, save
    from unitok.precision import fast_dtype

    try:
        torch.empty(0, device=options.device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {options.device}: there is none here; leave it out") from error
    modules = decoding, jacobi, serving, training, accelerator
    measurements = {module.__name__.rsplit(".", 1)[1]: module for module in modules}
    device, probe = torch.device(options.device), IdleProbe(options.patience, not options.allow_busy)
    dtype = getattr(torch, options.dtype) if options.dtype else fast_dtype(device)
    setup = Setup(device, dtype, options.pairs, probe, tuple(options.subjects), not options.no_compile)
    refuse_unwritable(options.output, "--output")
    stem = free_stem(options.output, "benchmarks", (".json", ".md"))
    figures = []
    about = {**machine(device), "dtype": setup.dtype_name, "busy": probe.was_busy}
    save(figures, about, options.output, stem)  # another run sees from now on that this stem is taken
    for name in options.sections:
        for figure in measurements[name].measure(setup):
            figures.append(figure)
            print(f"{figure.section}: {figure.name}: {figure.value}", file=sys.stderr)
            about = {**machine(device), "dtype": setup.dtype_name, "busy": probe.was_busy}
            save(figures, about, options.output, stem)  # after each row: a run that is stopped leaves what it found
    print(markdown(figures))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    return run(measure, argv)


if __name__ == "__main__":
    sys.exit(main())
