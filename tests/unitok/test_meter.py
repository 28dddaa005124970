"""How far a batch of answers has come."""

from __future__ import annotations

import random
from collections.abc import Hashable

from unitok.engine import Piece
from unitok.grammar import Request
from unitok.meter import Meter
from unitok.processor import Processor


def test_what_is_told_is_the_sum_of_all_answers(tiny_processor: Processor) -> None:
    told: list[tuple[int, int]] = []
    requests: dict[Hashable, Request] = {number: Request("text", 10) for number in range(5)}
    meter = Meter(tiny_processor.vocabulary, requests, lambda count, total: told.append((count, total)))
    chance, written = random.Random(0), dict.fromkeys(range(7), 0)  # two of them are not known before
    for _ in range(60):
        number = chance.randrange(7)
        tokens = [0] * chance.randrange(1, 4)
        written[number] += len(tokens)
        meter.add(number, Piece(number, tokens, False))
        expected = sum(max(10, count) if number < 5 else count for number, count in written.items())
        assert told[-1] == (sum(written.values()), expected)
    for number in range(6):
        meter.add(number, Piece(number, [0], True))
    meter.drop([6])
    assert told[-1] == (sum(written.values()) + 6,) * 2


def test_an_answer_that_ends_early_is_no_longer_waited_for(tiny_processor: Processor) -> None:
    told: list[tuple[int, int]] = []
    requests: dict[Hashable, Request] = {number: Request("text", 10) for number in range(3)}
    meter = Meter(tiny_processor.vocabulary, requests, lambda count, total: told.append((count, total)))
    meter.add(0, Piece(0, [0, 0], True))
    meter.drop([1])
    assert told == [(2, 22), (2, 12)]
