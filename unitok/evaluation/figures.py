"""Figures: what was measured, how sure it is, and what was aimed at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.96
"""Standard deviations on each side that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        section: The part of the evaluation that measured it.
        name: What it is.
        value: The number in ``unit``, or None when it could not be measured; ``note`` then says why.
        unit: ``"%"``, ``"points"`` (differences of percent), ``"dB"``, ``"s"``, ``"x"`` (ratios), or nothing.
        target: What was aimed at, in ``unit``; None for a figure that is only reported.
        lower_is_better: Whether the target is the most, and not the least, that is wanted.
        most: The most that is wanted where the target is the least; None where more is always better.
        interval: The 95 % interval of a share, or the smallest and largest of several ratios, in ``unit``.
        count: How many samples it rests on.
        note: How to read it.
    """

    section: str
    name: str
    value: float | None
    unit: str = ""
    target: float | None = None
    lower_is_better: bool = False
    interval: tuple[float, float] | None = None
    count: int | None = None
    note: str = ""
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        if self.lower_is_better:
            return self.value <= self.target
        return self.target <= self.value and (self.most is None or self.value <= self.most)


def share(section: str, name: str, outcomes: Sequence[bool], target: float | None = None, note: str = "") -> Figure:
    """The share of true outcomes in percent, with its Wilson interval; not measured without outcomes."""
    total, right = len(outcomes), sum(outcomes)
    if not total:
        return Figure(section, name, None, "%", target, note=note or "nothing to measure", count=0)
    low, high = wilson(right, total)
    return Figure(
        section,
        name,
        100 * right / total,
        "%",
        target,
        interval=(100 * low, 100 * high),
        count=total,
        note=note,
    )


def wilson(right: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of ``right`` out of ``total``, within [0, 1].

    Unlike the normal interval it holds for few samples and for shares near 0 and 1.
    """
    if not 0 <= right <= total or not total:
        raise ValueError(f"{right} of {total} is no share")
    p = right / total
    scale = 1 + z**2 / total
    middle = (p + z**2 / (2 * total)) / scale
    half = z * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2)) / scale
    return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))
