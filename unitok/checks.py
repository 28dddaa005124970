"""Checks of numbers and names that a user gives, and of what there is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from unitok_tokenizers.errors import InputError


def check_number(value: Any, name: str, low: float, high: float) -> None:
    """Raises `InputError`, which calls ``value`` by its name, unless it is a number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


def check_integer(value: Any, name: str, low: int, high: int | None = None) -> None:
    """Raises `InputError`, which calls ``value`` by its name, unless it is an integer in [low, high]."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < low or (high is not None and value > high):
        bounds = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise InputError(f"{name} must be an integer {bounds}, not {value!r}")


def usable_cores() -> int:
    """Processor cores that this process may use, which where it is bound to some are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_made(option: str, made: str, modality: str) -> None:
    """Raises `InputError`, which calls it by its name, for an option of answers that the modality leaves out."""
    if modality in {"text", "image", "audio"} - {made}:
        kind = {"image": "pictures", "audio": "sounds"}[made]
        raise InputError(f"{option} is for {kind}, and modality {modality} makes none; leave one of them out")


def refuse_existing(output: Path) -> None:
    """Raises `InputError` where ``output`` exists."""
    if os.path.lexists(output):
        raise InputError(f"{output} exists already; remove it or choose another output folder")
