"""Connected words by dynamic time warping: which templates, one after the other, are nearest to what is heard.

The one-pass algorithm (Ney 1984, "The use of a one-stage dynamic programming algorithm for connected word
recognition"): all templates are warped along the sound at once, and wherever one ends any other may begin.

Shape letters: T frames heard, J frames of all templates, K templates, C features of a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WARP_COST = 0.5
"""Of staying on a template's frame, and of leaving one out; a frame's distance from a like one is about 3."""

SWITCH_COST = 2.0
"""Of beginning another template, so that a word is not cut into short ones."""

_NEVER = np.float32(1e9)


class Stretch(NamedTuple):
    """Frames ``start`` to ``end`` are nearest to template ``template``."""

    template: int
    start: int
    end: int


class WordNet:
    """Templates ``[length, C]``, one word each, that sounds are compared with."""

    def __init__(self, templates: Sequence[NDArray[np.float32]]) -> None:
        lengths = np.array([len(template) for template in templates])
        self._last = np.cumsum(lengths) - 1
        self._first = self._last - lengths + 1
        self._second = self._first[lengths > 1] + 1
        self._frames = np.concatenate(templates).astype(np.float32)  # [J, C]
        self._squares = (self._frames**2).sum(1)

    def best_path(self, features: NDArray[np.float32], in_order: bool = False) -> tuple[list[Stretch], float]:
        """The cheapest way to cover features ``[T, C]`` with whole templates, and its cost.

        ``in_order``: every template once, first to last; otherwise any, any number of times. The path is empty when
        there are too few features for the templates.
        """
        costs = self._distances(features)
        steps, words = len(costs), len(self._last)
        ends = np.full((steps + 1, words), _NEVER, np.float32)  # [t, k]: the cost of the first t frames up to k's end
        starts = np.zeros((steps + 1, words), np.int32)
        total = np.full(len(self._frames), _NEVER, np.float32)
        begun = np.zeros(len(self._frames), np.int32)
        for t in range(steps):
            if t == 0:
                entry = np.full(words, _NEVER if in_order else 0.0, np.float32)
                entry[0] = 0.0
            elif in_order:
                entry = np.concatenate([[_NEVER], ends[t, :-1]])
            else:
                entry = ends[t].min() + SWITCH_COST
            self._advance(total, begun, entry, t)
            total += costs[t]
            ends[t + 1], starts[t + 1] = total[self._last], begun[self._last]
        return _traced_back(ends, starts, in_order)

    def _distances(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Euclidean distances ``[T, J]``."""
        squares = features @ (-2 * self._frames.T)
        squares += self._squares
        squares += (features**2).sum(1)[:, None]
        return np.sqrt(np.maximum(squares, 0, out=squares), out=squares)

    def _advance(
        self, total: NDArray[np.float32], begun: NDArray[np.int32], entry: NDArray[np.float32] | np.float32, t: int
    ) -> None:
        """One frame on, in place: a template frame is reached from the one before, the one before that, or itself."""
        one, two = np.empty_like(total), np.empty_like(total)
        one[1:], two[2:] = total[:-1], total[:-2] + WARP_COST
        one[self._first] = entry
        two[self._first] = two[self._second] = _NEVER
        began_one, began_two = np.empty_like(begun), np.empty_like(begun)
        began_one[1:], began_two[2:] = begun[:-1], begun[:-2]
        began_one[self._first] = t
        total += WARP_COST
        for other, began in ((one, began_one), (two, began_two)):
            nearer = other < total
            np.copyto(total, other, where=nearer)
            np.copyto(begun, began, where=nearer)


def _traced_back(ends: NDArray[np.float32], starts: NDArray[np.int32], in_order: bool) -> tuple[list[Stretch], float]:
    end, template = len(ends) - 1, ends.shape[1] - 1
    cost = float(ends[end, template] if in_order else ends[end].min())
    path: list[Stretch] = []
    while end > 0 and cost < _NEVER:
        if not in_order:
            template = int(ends[end].argmin())
        path.append(Stretch(template, int(starts[end, template]), end))
        end = path[-1].start
        template -= in_order
    return path[::-1], cost
