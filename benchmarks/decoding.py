"""Decoding of one picture: against `generate` of `transformers`, guided, in batches, against the memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.measure import IdleProbe, Ratio, compare, read_bandwidth
from benchmarks.subjects import NAMES, SHIPPED, Subject, equal, subject, weight_bytes
from unitok.evaluation.figures import Figure

SECTION = "decoding"
AGAINST_STOCK = {"30M": 2.0, "90M": 1.4, SHIPPED: 3.0}
MOST_GUIDED, LEAST_BATCHED, LEAST_BANDWIDTH = 1.3, 6.0, 0.6
MANY = 16


def measure(pairs: int, probe: IdleProbe, device: torch.device) -> Iterator[Figure]:
    """The rows of the table, as they are measured; decoders are in bfloat16."""
    for name in NAMES:
        one = subject(name, torch.bfloat16, device)
        yield _against_stock(one, pairs, probe)
        yield compare(lambda one=one: one.draw(1, 2.0), one.draw, pairs, probe).figure(
            SECTION, f"{name}: a guided step against a single one", MOST_GUIDED, lower=True
        )
        yield _batched(one, pairs, probe)
        if name == "90M":
            yield _bandwidth(one, pairs, probe, device)


def _against_stock(one: Subject, pairs: int, probe: IdleProbe) -> Figure:
    same = equal([one.draw()[0], one.draw_stock()])
    note = "greedy, equal tokens" if same else "greedy, tokens DIFFER"
    ratio = compare(one.draw_stock, one.draw, pairs, probe)
    return ratio.figure(SECTION, f"{one.name}: against generate, batch 1", AGAINST_STOCK[one.name], note)


def _batched(one: Subject, pairs: int, probe: IdleProbe) -> Figure:
    """Tokens a second of many pictures at once against those of one."""
    ratio = compare(lambda: [one.draw() for _ in range(MANY)], lambda: one.draw(MANY), pairs, probe)
    return ratio.figure(SECTION, f"{one.name}: batch {MANY} against batch 1, tokens a second", LEAST_BATCHED)


def _bandwidth(one: Subject, pairs: int, probe: IdleProbe, device: torch.device) -> Figure:
    """Bytes of weights a second against what a plain sum over as many bytes reads."""
    steps = len(one.draw()[0])
    size = weight_bytes(one.decoder, one.vocabulary.spec("image").codebook_size)
    shares = []
    for _ in range(pairs):
        probe.wait()
        shares.append(steps * size / _seconds(one.draw) / read_bandwidth(size, device))
    note = f"{size / 1e6:.0f} MB a step; forced tokens cost no step of their own"
    return Ratio.of(shares).figure(SECTION, f"{one.name}: bytes a second against the machine's", LEAST_BANDWIDTH, note)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
