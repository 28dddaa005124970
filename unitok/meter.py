"""How far a batch of answers has come."""

from __future__ import annotations

from collections.abc import Callable

from unitok.engine import Piece


class Meter:
    """Counts the tokens of all answers against an estimate, which is corrected as answers end."""

    def __init__(self, estimates: list[int], report: Callable[[int, int], None] | None) -> None:
        self._counts = [0] * len(estimates)
        self._totals = estimates
        self._report = report

    def add(self, piece: Piece) -> None:
        """Counts the next tokens of an answer."""
        row = piece.number
        self._counts[row] += len(piece.token_ids)
        self._totals[row] = self._counts[row] if piece.done else max(self._totals[row], self._counts[row])
        self._tell()

    def _tell(self) -> None:
        if self._report is not None:
            self._report(sum(self._counts), sum(self._totals))
