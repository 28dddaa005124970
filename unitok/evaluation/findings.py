"""What one part of an evaluation found."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image as PillowImage

from unitok.evaluation.cases import Case
from unitok.evaluation.figures import Figure


@dataclass(frozen=True)
class Findings:
    """The figures, and what people can look at: the cases behind them, and rows of pictures to compare.

    The pictures of a row stand under the headings, and each row under its label.
    """

    figures: list[Figure]
    cases: list[Case] = field(default_factory=list)
    pictures: list[tuple[PillowImage.Image, ...]] = field(default_factory=list)
    headings: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
