"""Many users: requests that arrive at random in one running batch against one at a time, and the first event."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterator

from benchmarks.measure import Ratio, seconds
from benchmarks.setup import Setup, not_measured
from benchmarks.subjects import PROMPT, SHIPPED, Subject, sampling, shipped
from unitok.document import Document
from unitok.engine import Engine
from unitok.evaluation.figures import Figure
from unitok.grammar import Request

SECTION = "many users"
THROUGHPUT, FIRST_EVENT = 4.0, 1.5
REQUESTS = 16


def measure(setup: Setup) -> Iterator[Figure]:
    """Throughput for each subject, the first event of the shipped model."""
    for name in setup.names:
        one = setup.subject(name)
        yield _throughput(setup, one)
    if SHIPPED in setup.names:
        yield _first_event(setup)
    else:
        yield not_measured(SECTION, "the first event", FIRST_EVENT, f"needs --subjects {SHIPPED}", lower=True)


def requests(one: Subject, seed: int = 0) -> list[Request]:
    """Pictures of several sizes, and words of several lengths."""
    rng = random.Random(seed)
    height, width = one.request.grid or (8, 8)
    mixed = []
    for number in range(REQUESTS):
        if number % 2:
            mixed.append(Request("text", rng.randint(20, 120)))
        else:
            grid = max(1, height - rng.randint(0, 4)), max(1, width - rng.randint(0, 4))
            mixed.append(Request("image", one.request.max_tokens, grid=grid))
    rng.shuffle(mixed)
    return mixed


def _throughput(setup: Setup, one: Subject) -> Figure:
    """All requests arrive while the first is still being answered, at random moments."""
    engine, mixed = one.engine(), requests(one)
    alone = seconds(lambda: _answer_singly(engine, one, mixed[:1]))
    rng = random.Random(1)
    arrivals = sorted(rng.uniform(0, alone) for _ in mixed)
    together, singly = _answer_together(engine, one, mixed, arrivals), _answer_singly(engine, one, mixed)
    same = "answers equal" if together == singly else f"answers differ ({setup.dtype})"
    ratios = []
    for _ in range(setup.pairs):
        setup.probe.wait()
        slow = seconds(lambda: _answer_singly(engine, one, mixed))
        ratios.append(slow / seconds(lambda: _answer_together(engine, one, mixed, arrivals)))
    name = f"{REQUESTS} requests in a running batch against one at a time, {one.name}"
    return Ratio.of(ratios).figure(SECTION, name, THROUGHPUT, f"words and pictures; {same}")


def _answer_singly(engine: Engine, one: Subject, mixed: list[Request]) -> list[list[int]]:
    settings = sampling(1.0, 1.0)
    return [
        engine.generate([one.prompt], [request], settings, [seed])[0].tolist() for seed, request in enumerate(mixed)
    ]


def _answer_together(engine: Engine, one: Subject, mixed: list[Request], arrivals: list[float]) -> list[list[int]]:
    settings, batch, answers = sampling(1.0, 1.0), engine.batch(REQUESTS), []
    waiting, started = deque(enumerate(zip(mixed, arrivals, strict=True))), time.perf_counter()
    while waiting or batch.busy:
        while waiting and (waiting[0][1][1] <= time.perf_counter() - started or not batch.busy):
            seed, (request, _) = waiting.popleft()
            answers.append(batch.submit(engine.query(one.prompt, request, settings, seed)))
        batch.step()
    return [answer.token_ids for answer in answers]


def _first_event(setup: Setup) -> Figure:
    """Until the first event of a stream, against the prompt's pass and one step."""
    model = shipped(setup.dtype, setup.device)
    one = setup.subject(SHIPPED)
    engine, document, settings = model.engine, Document.user(PROMPT), sampling()

    def first_event() -> None:
        next(iter(model.stream(document, modality="text", sampling=settings)))

    def prompt_and_step() -> None:
        batch = engine.batch(1)
        batch.submit(engine.query(one.prompt, Request("text", 20), settings, 0))
        batch.step()
        batch.step()

    ratio = setup.compare(first_event, prompt_and_step)
    note = "words; the prompt's tokenizing counts"
    return ratio.figure(
        SECTION, "the first event against the prompt's pass and one step", FIRST_EVENT, note, lower=True
    )
