"""Answers that join and leave a running batch are what they are alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from unitok.document import Document
from unitok.engine import Engine, Sampling, SamplingParams
from unitok.engine.fast_decoder import FastDecoder
from unitok.engine.live import Answer, Query
from unitok.engine.module_decoder import ModuleDecoder
from unitok.grammar import Grammar, Request
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError

SAMPLINGS = (
    Sampling(),
    Sampling(text=SamplingParams(2.0), image=SamplingParams(0.5, top_k=5), guidance_scale=2.0),
    Sampling(text=SamplingParams(0.0), image=SamplingParams(1.3, top_p=0.8), guidance_scale=1.5),
    Sampling(guidance_scale=1.5, window=5),
    Sampling(image=SamplingParams(0.7), window=3),
)


@pytest.fixture()
def engine(tiny_processor: Processor, tiny_decoder: PreTrainedModel, tiny_grammar: Grammar) -> Engine:
    return Engine(tiny_decoder, tiny_processor.vocabulary, tiny_grammar)


@pytest.fixture()
def queries(engine: Engine, tiny_processor: Processor) -> list[Query]:
    """Of every kind: each with its own settings, its own room and its own seed."""
    texts = ("hi", "draw two green stars", "how many stars are there? there are two. draw a circle")
    prompts: list[Tensor] = tiny_processor.encode_batch([Document.user(text) for text in texts], generation_prompt=True)
    requests = [
        Request("image", 30, grid=(3, 4)),
        Request("text", 25),
        Request("auto", 60),
        Request("image", 40),
        Request("text", 3),
    ]
    return [
        engine.query(
            prompts[number % 3],
            requests[number % 5],
            SAMPLINGS[(number + number // 5) % 5],
            number,
            tiny_processor.unconditional(),
        )
        for number in range(20)
    ]


def alone(engine: Engine, query: Query) -> list[int]:
    batch = engine.batch(1)
    answer = batch.submit(query)
    while batch.busy:
        batch.step()
    assert answer.done
    return answer.token_ids


@pytest.mark.parametrize("kind", ["fast", "module"])
def test_answers_come_and_go(engine: Engine, queries: list[Query], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "module":
        monkeypatch.setattr("unitok.engine.engine.reason_against", lambda decoder: "a test")
        assert isinstance(engine.forward(), ModuleDecoder)
    expected = [alone(engine, query) for query in queries]
    rng, batch = random.Random(0), engine.batch(4)
    waiting, answers, told = list(enumerate(queries)), {}, {}
    while waiting or batch.busy:
        while waiting and (not batch.busy or rng.random() < 0.3):
            number, query = waiting.pop(0)
            answers[number] = batch.submit(query)
        running: set[Answer] = set()
        for answer, token_ids in batch.step():
            assert token_ids and not told.get(answer, (False,))[-1]
            told[answer] = (*told.get(answer, ())[:-1], *token_ids, answer.done)
            running.add(answer)
        assert len(running) <= 4
    assert [answers[number].token_ids for number in range(len(queries))] == expected
    assert [list(told[answers[number]][:-1]) for number in range(len(queries))] == expected


def test_an_answer_is_given_up(engine: Engine, queries: list[Query]) -> None:
    expected = alone(engine, queries[2])
    batch = engine.batch(2)
    answers = [batch.submit(query) for query in queries[:4]]
    batch.step()
    batch.cancel(answers[0])
    batch.cancel(answers[3])  # it has not begun
    so_far = len(answers[0].token_ids)
    while batch.busy:
        batch.step()
    assert answers[0].done and len(answers[0].token_ids) == so_far and answers[3].token_ids == []
    assert answers[2].token_ids == expected


def test_a_seed_out_of_range_is_refused_at_once(engine: Engine, queries: list[Query]) -> None:
    query = queries[0]
    with pytest.raises(InputError, match="seed"):
        engine.batch().submit(Query(query.prompt, query.request, query.sampling, -1))


def test_a_request_that_cannot_be_met_is_refused_before_it_joins_others(engine: Engine, queries: list[Query]) -> None:
    batch = engine.batch()
    answer = batch.submit(queries[1])
    with pytest.raises(InputError, match="an image needs"):
        engine.query(torch.tensor(queries[0].prompt), Request("image", 20, grid=(8, 8)), Sampling(), 0)
    while batch.busy:
        batch.step()
    assert answer.token_ids == alone(engine, queries[1])


def test_a_batch_that_failed_does_not_go_on(
    engine: Engine, queries: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = engine.batch(3)
    answers = [batch.submit(query) for query in queries[:3]]
    batch.step()
    with monkeypatch.context() as patch:
        patch.setattr("unitok.engine.batching.Batch._draw", lambda *_: fail())
        with pytest.raises(InputError, match="no numbers"):
            batch.step()
    written = [list(answer.token_ids) for answer in answers]
    with pytest.raises(InputError, match="no numbers"):  # what the decoder holds is not what was written
        batch.step()
    assert written == [answer.token_ids for answer in answers]
    with pytest.raises(InputError, match="batch_size"):
        engine.batch(0)


@pytest.mark.parametrize(("error", "again"), [(MemoryError("full"), MemoryError), (KeyboardInterrupt(), RuntimeError)])
def test_a_batch_that_was_stopped_in_a_step_does_not_go_on(
    engine: Engine, queries: list[Query], monkeypatch: pytest.MonkeyPatch, error: BaseException, again: type[Exception]
) -> None:
    def stop(*_: object) -> None:
        raise error

    batch = engine.batch(2)
    answers = [batch.submit(query) for query in queries[:3]]
    batch.step()
    with monkeypatch.context() as patch:
        patch.setattr(type(batch._rows._forward), "run", stop)
        with pytest.raises(type(error)):
            batch.step()
    written = [list(answer.token_ids) for answer in answers]
    with pytest.raises(again):
        batch.step()
    assert written == [answer.token_ids for answer in answers]


def fail() -> None:
    raise InputError("no numbers")


def test_all_that_waited_is_given_up(engine: Engine, queries: list[Query]) -> None:
    batch = engine.batch(1)
    answers = [batch.submit(query) for query in queries[:4]]
    batch.step()
    for number in (2, 1, 3, 0):
        assert batch.busy
        batch.cancel(answers[number])
    assert not batch.busy and batch.step() == []


def test_the_room_for_an_answer_does_not_change_it(engine: Engine, queries: list[Query]) -> None:
    for query in queries[2:4]:  # without a window and with one
        roomy = replace(query, request=replace(query.request, modality="image", max_tokens=400, grid=(3, 4)))
        tight = replace(roomy, request=replace(roomy.request, max_tokens=60))
        assert alone(engine, roomy) == alone(engine, tight)


def test_autocast_is_heeded_while_it_lasts(engine: Engine, queries: list[Query]) -> None:
    expected = alone(engine, queries[1])
    assert isinstance(engine.forward(), FastDecoder)
    with torch.autocast("cpu", torch.bfloat16):
        assert isinstance(engine.forward(), ModuleDecoder)
        assert len(alone(engine, queries[1])) > 1
    assert isinstance(engine.forward(), FastDecoder) and alone(engine, queries[1]) == expected
