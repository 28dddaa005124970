"""Speculative Jacobi decoding of the shipped model: draws a pass, and the time against plain decoding."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.setup import Setup, not_measured
from benchmarks.subjects import SHIPPED, Subject, sampling
from unitok.engine import Engine, EngineOptions
from unitok.evaluation.figures import Figure

SECTION = "fewer steps"
TOKENS_A_PASS, FASTER = 2.0, 1.3
WINDOWS = (4, 8, 16)
BATCHES = (1, 4, 16)
TEMPERATURE, GUIDANCE_SCALE = 0.8, 1.5
PICTURES = 8


def measure(setup: Setup) -> Iterator[Figure]:
    """Each window at batch 1, and the largest in larger batches and compiled."""
    if SHIPPED not in setup.names:
        yield not_measured(SECTION, "draws a pass", TOKENS_A_PASS, f"needs --subjects {SHIPPED}")
        return
    one = setup.subject(SHIPPED)
    engine = one.engine()
    for window in WINDOWS:
        yield _draws_a_pass(one, engine, window)
        yield _against_plain(setup, one, engine, window, 1)
    for count in BATCHES[1:]:
        yield _against_plain(setup, one, engine, WINDOWS[-1], count)
    if setup.compiles:
        yield _against_plain(setup, one, one.engine(EngineOptions(compile=True)), WINDOWS[-1], 1, ", compiled")


def _draws_a_pass(one: Subject, engine: Engine, window: int) -> Figure:
    height, width = one.request.grid or (0, 0)
    draws = PICTURES * height * width * one.vocabulary.spec("image").num_codebooks
    passes = 0
    for seed in range(PICTURES):
        settings = sampling(TEMPERATURE, GUIDANCE_SCALE, window)
        batch = engine.batch(1)
        batch.submit(engine.query(one.prompt, one.request, settings, seed, one.unconditional))
        while batch.busy:
            batch.step()
            passes += 1
    note = f"{PICTURES} pictures at temperature {TEMPERATURE:g}, guidance scale {GUIDANCE_SCALE:g}"
    name = f"draws a pass, window {window}"
    return Figure(SECTION, name, draws / passes, "", TOKENS_A_PASS, count=PICTURES, note=note)


def _against_plain(setup: Setup, one: Subject, engine: Engine, window: int, count: int, how: str = "") -> Figure:
    settings = [sampling(TEMPERATURE, GUIDANCE_SCALE, number) for number in (1, window)]
    ratio = setup.compare(*(lambda one_of=one_of: one.draw(engine, count, one_of) for one_of in settings))
    name = f"time of plain decoding against window {window}, batch {count}{how}"
    return ratio.figure(SECTION, name, FASTER if count == 1 and not how else None)
