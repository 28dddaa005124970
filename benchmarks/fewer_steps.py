"""Speculative Jacobi decoding of the shipped model's pictures: codes a pass, and time."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import torch

from benchmarks.measure import IdleProbe, compare
from benchmarks.subjects import SHIPPED, Subject, sampling, subject
from unitok.engine import Engine, EngineOptions
from unitok.engine.rows import Rows
from unitok.evaluation.figures import Figure
from unitok.grammar import Grammar

SECTION = "fewer steps"
WINDOWS = (4, 8, 16)
LEAST_A_PASS, LEAST_SPEED_UP = 2.0, 1.3
PICTURES = 4


def measure(pairs: int, probe: IdleProbe, device: torch.device) -> Iterator[Figure]:
    """The rows of the table, for several windows; temperature and guidance as the model ships them."""
    one = subject(SHIPPED, torch.bfloat16, device)
    plain = _passes(one, 1)
    for window in WINDOWS:
        share = plain / _passes(one, window)
        yield Figure(SECTION, f"window {window}: tokens a pass", share, "x", LEAST_A_PASS, count=PICTURES)
        ratio = compare(lambda: _draw(one, 1), lambda window=window: _draw(one, window), pairs, probe)
        yield ratio.figure(SECTION, f"window {window}: wall clock", LEAST_SPEED_UP)


def _draw(one: Subject, window: int) -> None:
    engine = Engine(one.decoder, one.vocabulary, Grammar(one.vocabulary), EngineOptions(window=window))
    for seed in range(PICTURES):
        engine.generate([one.prompt], [one.request], sampling(0.8, 1.5), [seed], one.unconditional)


def _passes(one: Subject, window: int) -> int:
    """Passes through the decoder."""
    count, feed = 0, Rows.feed

    def counting(self: Rows, *arguments: object, **options: object) -> None:
        nonlocal count
        count += 1
        feed(self, *arguments, **options)  # type: ignore[arg-type]

    with patch.object(Rows, "feed", counting):
        _draw(one, window)
    return count
