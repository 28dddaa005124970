"""The table of all ratios, as Markdown and as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import transformers

from unitok.checks import usable_cores
from unitok.evaluation.figures import Figure
from unitok.evaluation.markdown import aligned, count, target, verdict
from unitok.replacing import replace_text
from unitok_tokenizers.errors import InputError

FORMAT_VERSION = 1
COLUMNS = ("", "ratio", "result", "target", "smallest to largest", "pairs", "", "note")


def markdown(figures: Sequence[Figure]) -> str:
    """The rows as a table."""
    return aligned([COLUMNS, *(_row(figure) for figure in figures)])


def _row(figure: Figure) -> tuple[str, ...]:
    spread = "" if figure.interval is None else f"{figure.interval[0]:.2f} to {figure.interval[1]:.2f}"
    value = "not measured" if figure.value is None else f"{figure.value:.3g} {figure.unit}".replace(" x", "").strip()
    return (
        figure.section,
        figure.name,
        value,
        target(figure),
        spread,
        count(figure),
        verdict(figure),
        figure.note,
    )


def machine(device: torch.device) -> dict[str, Any]:
    """What the ratios were measured on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": name,
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _processor() -> str:
    """The processor and what it can do, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()} ({torch.backends.cpu.get_cpu_capability()})"


def save(figures: Sequence[Figure], about: dict[str, Any], folder: Path, stem: str = "benchmarks") -> None:
    """Writes ``benchmarks.json`` and ``benchmarks.md``, or with another stem.

    Raises:
        InputError: The folder cannot be written.
    """
    heading = ", ".join(f"{name} {value}" for name, value in about.items())
    result = {
        "format_version": FORMAT_VERSION,
        **about,
        "figures": [{**asdict(figure), "met": figure.met} for figure in figures],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {folder} cannot be written: {error.strerror}; name another folder") from error
    replace_text(folder / f"{stem}.json", json.dumps(result, indent=2) + "\n")
    replace_text(folder / f"{stem}.md", f"{heading}\n\n{markdown(figures)}\n")
