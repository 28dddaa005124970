"""What all measurements share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.measure import IdleProbe, Ratio, compare
from benchmarks.subjects import Subject, subject
from unitok.evaluation.figures import Figure


@dataclass(frozen=True, eq=False)
class Setup:
    """Attributes:
    device: What is measured.
    dtype: Of the decoders; float32: training without autocast as well.
    pairs: Runs of each ratio.
    probe: Looks at the machine before each pair.
    names: The subjects.
    compiles: Whether decoders are compiled, which takes minutes where it was not done before.
    """

    device: torch.device
    dtype: torch.dtype
    pairs: int
    probe: IdleProbe
    names: tuple[str, ...]
    compiles: bool

    @property
    def dtype_name(self) -> str:
        """Without the name of the library."""
        return str(self.dtype).removeprefix("torch.")

    def subject(self, name: str) -> Subject:
        """A subject on the device."""
        return subject(name, self.dtype, self.device)

    def compare(self, slow: Callable[[], object], fast: Callable[[], object]) -> Ratio:
        """See :func:`benchmarks.measure.compare`."""
        return compare(slow, fast, self.pairs, self.probe)


def not_measured(section: str, name: str, target: float | None, why: str, lower: bool = False) -> Figure:
    """A row without a value."""
    return Figure(section, name, None, "x", target, lower, note=why)
