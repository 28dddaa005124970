"""Requests that arrive while others are answered: a running batch against one answer after the other."""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch

from benchmarks.measure import IdleProbe, compare
from benchmarks.subjects import SHIPPED, sampling, subject
from unitok.document import Document
from unitok.engine.live import Query
from unitok.evaluation.figures import Figure
from unitok.grammar import Request
from unitok.model import UniTok

SECTION = "many users"
REQUESTS = 16
LEAST = 4.0
STEPS_BETWEEN = 4  # steps until the next request arrives, at most


def measure(pairs: int, probe: IdleProbe, device: torch.device) -> Iterator[Figure]:
    """Words and pictures of different lengths, which arrive at random; the answers must be equal."""
    one = subject(SHIPPED, torch.bfloat16, device)
    model = UniTok.from_pretrained("tiny", device)
    chance = random.Random(0)
    queries: list[Query] = []
    for seed in range(REQUESTS):
        drawing = chance.random() < 0.5
        asked = "draw two green stars" if drawing else "what can you draw?"
        prompt = model.processor.encode(Document.user(asked), generation_prompt=True)
        request = one.request if drawing else Request("text", chance.randint(8, 60))
        queries.append(one.engine.query(prompt, request, sampling(1.0), seed))
    waits = [chance.randint(0, STEPS_BETWEEN) for _ in queries]

    def together() -> list[list[int]]:
        batch = one.engine.batch()
        answers = []
        for query, wait in zip(queries, waits, strict=True):
            answers.append(batch.submit(query))
            for _ in range(wait):
                if batch.busy:
                    batch.step()
        while batch.busy:
            batch.step()
        return [answer.token_ids for answer in answers]

    def alone() -> list[list[int]]:
        results = []
        for query in queries:
            batch = one.engine.batch(1)
            answer = batch.submit(query)
            while batch.busy:
                batch.step()
            results.append(answer.token_ids)
        return results

    note = "equal answers" if together() == alone() else "answers DIFFER (bfloat16 rounds by batch size)"
    yield compare(alone, together, pairs, probe).figure(
        SECTION, f"{REQUESTS} requests in a running batch against one after the other", LEAST, note
    )
