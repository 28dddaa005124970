"""Two ways of doing the same thing, timed side by side in one process.

Absolute times differ from machine to machine and from minute to minute; a ratio of two runs that follow each other does
not, as long as nothing else runs. So a probe looks at the machine before each pair.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from unitok.evaluation.figures import Figure
from unitok_tokenizers.errors import InputError

LOOK = 0.25
"""Seconds that the probe watches the processors while this process sleeps."""

MOST_OTHERS = 0.05
"""Share of the processors' time that other programs may take."""

SLOWER = 1.25
"""How much slower than its best the probe's own work may be."""

PAUSE = 5.0
"""Seconds until the probe looks again."""


@dataclass(frozen=True)
class Ratio:
    """Attributes:
    value: The median.
    low: The smallest.
    high: The largest.
    pairs: How many there are.
    """

    value: float
    low: float
    high: float
    pairs: int

    @classmethod
    def of(cls, values: list[float]) -> Ratio:
        return cls(statistics.median(values), min(values), max(values), len(values))

    def figure(self, section: str, name: str, target: float | None, note: str = "", lower: bool = False) -> Figure:
        """The ratio as a row of the table."""
        spread = (self.low, self.high)
        return Figure(section, name, self.value, "x", target, lower, spread, self.pairs, note)


class IdleProbe:
    """Waits until the machine is idle.

    Args:
        patience: Seconds to wait for that.
        strict: Whether a machine that stays busy ends the measurement; otherwise :attr:`was_busy` remembers it.
    """

    def __init__(self, patience: float = 300.0, strict: bool = True) -> None:
        self._patience, self._strict = patience, strict
        self._best = float("inf")
        self._matrix = torch.randn(512, 512)
        self.was_busy = False

    def wait(self) -> None:
        """Returns when nothing else runs.

        Raises:
            InputError: That did not come about.
        """
        deadline = time.monotonic() + self._patience
        while (reason := self._look()) is not None:
            if time.monotonic() >= deadline:
                if self._strict:
                    raise InputError(f"the machine is busy: {reason}; end what else runs, or give --allow-busy")
                self.was_busy = True
                return
            print(f"waiting for the machine: {reason}", file=sys.stderr)
            time.sleep(PAUSE)

    def _look(self) -> str | None:
        others = share_of_others()
        if others is not None and others > MOST_OTHERS:
            return f"other programs take {100 * others:.0f} % of its processors"
        started = time.perf_counter()
        for _ in range(20):
            self._matrix.mm(self._matrix)
        seconds = time.perf_counter() - started
        self._best = min(self._best, seconds)
        return f"it is {seconds / self._best:.1f} times as slow as before" if seconds > SLOWER * self._best else None


def share_of_others() -> float | None:
    """The share of the processors' time that goes elsewhere while this process sleeps; None where that is not told."""
    before = _processor_times()
    time.sleep(LOOK)
    after = _processor_times()
    if before is None or after is None:
        return None
    idle, total = after[0] - before[0], after[1] - before[1]
    return 1 - idle / total if total > 0 else 0.0


def _processor_times() -> tuple[int, int] | None:
    """Idle and all time of the processors so far, as Linux counts it."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    times = [int(number) for number in line.split()[1:9]]
    return times[3] + times[4], sum(times)


def seconds(run: Callable[[], object]) -> float:
    """How long a run takes; what it returns must be on the host, so that no accelerator is still at work."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(slow: Callable[[], object], fast: Callable[[], object], pairs: int, probe: IdleProbe) -> Ratio:
    """How many times as long ``slow`` takes as ``fast``.

    Both run once to warm up. The order within a pair alternates, so that a machine that grows slower favors neither.
    """
    slow()
    fast()
    ratios = []
    for number in range(pairs):
        probe.wait()
        if number % 2:
            fast_seconds = seconds(fast)
            slow_seconds = seconds(slow)
        else:
            slow_seconds = seconds(slow)
            fast_seconds = seconds(fast)
        ratios.append(slow_seconds / fast_seconds)
    return Ratio.of(ratios)


def read_bandwidth(size: int, device: torch.device, tries: int = 7) -> float:
    """Bytes a second that a sum over ``size`` bytes reads, at best: what the machine gives at this working set."""
    numbers = torch.zeros(size // 4, device=device)
    numbers.sum().item()
    return size / min(seconds(lambda: numbers.sum().item()) for _ in range(tries))
