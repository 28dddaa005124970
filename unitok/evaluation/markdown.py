"""Figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

from unitok.evaluation.figures import Figure


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are aligned so that it reads well in a terminal; the first row is its head."""
    # A pipe would open another column.
    cells = [[cell.replace("|", "/") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def target(figure: Figure) -> str:
    """What was aimed at, without its unit."""
    if figure.target is None:
        return ""
    if figure.most is not None:
        return f"{figure.target:g} to {figure.most:g}"
    return f"{'<=' if figure.lower_is_better else '>='} {figure.target:g}"


def verdict(figure: Figure) -> str:
    """Whether that is reached; empty where it cannot be said."""
    return {None: "", True: "met", False: "MISSED"}[figure.met]


def count(figure: Figure) -> str:
    """How many samples the figure rests on."""
    return "" if figure.count is None else str(figure.count)
