"""Many users: requests that arrive at random in one running batch against one at a time, and the first event."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

from torch import Tensor

from benchmarks.measure import Ratio, seconds
from benchmarks.setup import Setup, not_measured
from benchmarks.subjects import PROMPT, SHIPPED, Subject, sampling, shipped
from unitok.document import Document
from unitok.engine import Engine
from unitok.evaluation.figures import Figure
from unitok.grammar import Request

SECTION = "many users"
THROUGHPUT, FIRST_EVENT = 4.0, 1.5
REQUESTS, SUSTAINED = 16, 48


@dataclass(frozen=True, eq=False)
class Job:
    """A request, and the prompt it belongs to."""

    prompt: Tensor
    request: Request


def measure(setup: Setup) -> Iterator[Figure]:
    """Throughput for each subject, the first event of the shipped model."""
    for name in setup.names:
        one = setup.subject(name)
        engine = one.engine()
        yield _throughput(setup, one, engine, REQUESTS, THROUGHPUT)
        yield _throughput(setup, one, engine, SUSTAINED, None)
    if SHIPPED in setup.names:
        yield _first_event(setup)
    else:
        yield not_measured(SECTION, "the first event", FIRST_EVENT, f"needs --subjects {SHIPPED}", lower=True)


def jobs(one: Subject, count: int, seed: int) -> list[Job]:
    """Pictures of several sizes, and words of several lengths."""
    rng = random.Random(seed)
    height, width = one.request.grid or (8, 8)
    mixed = []
    for number in range(count):
        if number % 2:
            mixed.append(Job(one.asking, Request("text", rng.randint(20, 120))))
        else:
            grid = max(1, height - rng.randint(0, 4)), max(1, width - rng.randint(0, 4))
            mixed.append(Job(one.prompt, Request("image", one.request.max_tokens, grid=grid)))
    rng.shuffle(mixed)
    return mixed


def _throughput(setup: Setup, one: Subject, engine: Engine, count: int, target: float | None) -> Figure:
    """Each pair draws other requests.

    All arrive while the first is still being answered, at random moments; what is too much waits.
    """
    ratios, written, same = [], [], True
    for number in range(setup.pairs):
        mixed = jobs(one, count, number)
        alone = seconds(partial(_answer_singly, engine, mixed[:1]))
        rng = random.Random(number)
        arrivals = sorted(rng.uniform(0, alone) for _ in mixed)
        (together, steps), singly = _answer_together(engine, mixed, arrivals), _answer_singly(engine, mixed)
        same = same and together == singly
        written.append(sum(map(len, together)) / steps)
        setup.probe.wait()
        slow = seconds(partial(_answer_singly, engine, mixed))
        ratios.append(slow / seconds(partial(_answer_together, engine, mixed, arrivals)))
    name = f"{count} requests, {REQUESTS} at a time at most, against one at a time, {one.name}"
    equal = "answers equal" if same else f"answers differ ({setup.dtype_name})"
    return Ratio.of(ratios).figure(SECTION, name, target, f"{median(written):.1f} tokens a step; {equal}")


def _answer_singly(engine: Engine, mixed: list[Job]) -> list[list[int]]:
    settings = sampling(1.0, 1.0)
    return [
        engine.generate([job.prompt], [job.request], settings, [seed])[0].tolist() for seed, job in enumerate(mixed)
    ]


def _answer_together(engine: Engine, mixed: list[Job], arrivals: list[float]) -> tuple[list[list[int]], int]:
    """The answers, and in how many steps they were written."""
    settings, batch, answers, steps = sampling(1.0, 1.0), engine.batch(REQUESTS), [], 0
    waiting, started = deque(enumerate(zip(mixed, arrivals, strict=True))), time.perf_counter()
    while waiting or batch.busy:
        while waiting and (waiting[0][1][1] <= time.perf_counter() - started or not batch.busy):
            seed, (job, _) = waiting.popleft()
            answers.append(batch.submit(engine.query(job.prompt, job.request, settings, seed)))
        batch.step()
        steps += 1
    return [answer.token_ids for answer in answers], steps


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
