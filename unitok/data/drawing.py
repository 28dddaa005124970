"""Draws many pictures, by as many processes as there are cores.

Shape letters: n pictures.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from tqdm import tqdm

from unitok.checks import usable_cores
from unitok.data.interrupts import await_interrupt, end_on_interrupt, starting_processes
from unitok_tokenizers.errors import InputError

TOGETHER = 512
"""Pictures of one random stream: what is drawn does not depend on the number of processes."""
FEW = 4 * TOGETHER
"""As many are drawn in the time that processes take to start."""

Draw = Callable[[np.random.Generator], tuple[np.ndarray, ...]]
Job = tuple[Draw, list[int], int]


def draw_many(draw: Draw, count: int, seed: Sequence[int], label: str) -> tuple[np.ndarray, ...]:
    """What ``draw`` returns, ``count`` times: each of its arrays stacked, ``[n, ...]``.

    Args:
        draw: Draws one picture, or several that belong together, from a source of randomness; can be pickled.
        count: n; of none the arrays are empty.
        seed: Decides all of them.
        label: Of the progress bar.

    Raises:
        InputError: A process was killed, mostly for want of memory.
    """
    if not count:
        return tuple(one[:0] for one in _drawn((draw, [*seed], 1)))
    starts = range(0, count, TOGETHER)
    jobs = [(draw, [*seed, start // TOGETHER], min(TOGETHER, count - start)) for start in starts]
    whole: list[np.ndarray] = []
    with tqdm(total=count, desc=label, unit="picture", mininterval=1.0, file=sys.stderr) as bar:

        def keep(start: int, parts: list[np.ndarray]) -> None:
            if not whole:
                whole.extend(np.empty((count, *part.shape[1:]), part.dtype) for part in parts)
            for one, part in zip(whole, parts, strict=True):
                one[start : start + len(part)] = part
            bar.update(len(parts[0]))

        if count <= FEW:
            for start, job in zip(starts, jobs, strict=True):
                keep(start, _drawn(job))
            return tuple(whole)
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        with ProcessPoolExecutor(min(usable_cores(), len(jobs)), context, end_on_interrupt) as pool:
            with starting_processes():
                drawn = pool.map(_drawn, jobs)
            try:
                for start, parts in zip(starts, drawn, strict=True):
                    keep(start, parts)
            except BrokenProcessPool as error:
                await_interrupt()
                raise InputError(f"{label}: a process ended unexpectedly; draw fewer if memory ran out") from error
    return tuple(whole)


def _drawn(job: Job) -> list[np.ndarray]:
    draw, seed, count = job
    rng = np.random.default_rng(seed)
    return [np.stack(same) for same in zip(*(draw(rng) for _ in range(count)), strict=True)]
