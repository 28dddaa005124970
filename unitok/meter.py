"""How far a batch of answers has come."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

from unitok.audio_syntax import AudioSyntax
from unitok.engine import Piece
from unitok.grammar import Request
from unitok.image_syntax import image_syntax
from unitok.vocabulary import Vocabulary


class Meter:
    """Counts the tokens of all answers against an estimate, which is corrected as answers end.

    Args:
        vocabulary: The ids.
        requests: What each answer may hold, by what it is called here.
        report: Called with the tokens so far, and an estimate of all.
    """

    def __init__(
        self, vocabulary: Vocabulary, requests: Mapping[Hashable, Request], report: Callable[[int, int], None] | None
    ) -> None:
        self._totals = {key: _estimate(vocabulary, request) for key, request in requests.items()}
        self._counts = dict.fromkeys(requests, 0)
        self._count, self._total = 0, sum(self._totals.values())
        self._report = report

    def add(self, key: Hashable, piece: Piece) -> None:
        """Counts the next tokens of an answer; of one that was not known before as well."""
        count = self._counts[key] = self._counts.get(key, 0) + len(piece.token_ids)
        self._count += len(piece.token_ids)
        self._expect(key, count if piece.done else max(self._totals.get(key, 0), count))
        self._tell()

    def drop(self, keys: Iterable[Hashable]) -> None:
        """Answers that will not be written."""
        for key in keys:
            self._expect(key, self._counts[key])
        self._tell()

    def _expect(self, key: Hashable, total: int) -> None:
        self._total += total - self._totals.get(key, 0)
        self._totals[key] = total

    def _tell(self) -> None:
        if self._report is not None:
            self._report(self._count, self._total)


def _estimate(vocabulary: Vocabulary, request: Request) -> int:
    """About how many tokens an answer will have."""
    if request.modality == "audio" and request.max_frames is not None:
        most = AudioSyntax(vocabulary).length(request.max_frames) + 1  # and the turn's end
        return min(most, request.max_tokens)
    if request.grid is None or request.modality in ("text", "audio"):
        return request.max_tokens
    return image_syntax(vocabulary).length(*request.grid) + 1
