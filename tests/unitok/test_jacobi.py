"""Speculative Jacobi decoding draws from the same distribution as plain decoding, in fewer passes.

Shape letters: m sequences, S tokens.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor
from transformers import PreTrainedModel

from unitok.engine import Engine, Sampling, SamplingParams
from unitok.engine.fast_decoder import FastDecoder
from unitok.engine.forward import Pass
from unitok.engine.live import Random
from unitok.engine.module_decoder import ModuleDecoder
from unitok.grammar import Grammar, Request
from unitok.spans import parse_turn
from unitok.syntax import SizedImages
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.spec import CodebookSpec

GRID = (2, 2)
PROMPT, UNCONDITIONAL = torch.tensor([5, 8, 1, 2]), torch.tensor([5, 8, 15])


def vocabulary(codebooks: int = 1, numbered_rows: bool = True) -> Vocabulary:
    """Four codes."""
    spec = CodebookSpec("image", 4, codebooks, downsample=8)
    return Vocabulary(5, [spec], max_grid=8, images=SizedImages(numbered_rows))


@pytest.fixture()
def make_engine(make_decoder: Callable[..., PreTrainedModel]) -> Callable[[Vocabulary], Engine]:
    def make(vocabulary: Vocabulary) -> Engine:
        return Engine(make_decoder(vocabulary.size, seed=3), vocabulary, Grammar(vocabulary))

    return make


def write(
    engine: Engine,
    requests: list[Request],
    sampling: Sampling,
    window: int,
    batch_size: int = 512,
    seeds: list[int] | None = None,
) -> list[list[int]]:
    answers: list[list[int]] = [[] for _ in requests]
    prompts, seeds = [PROMPT] * len(requests), seeds or list(range(len(requests)))
    sampling = replace(sampling, window=window)
    for piece in engine.pieces(prompts, requests, sampling, seeds, UNCONDITIONAL, batch_size):
        answers[piece.number] += piece.token_ids
    return answers


# ---- the distribution


def exact_shares(engine: Engine, words: Vocabulary, sampling: Sampling, answers: list[list[int]]) -> Tensor:
    """float64 ``[m]``: how likely each answer is, from the module's logits in one pass without a cache."""
    decoder, params = engine._decoder, sampling.image
    grammar = Grammar(words)
    tails = torch.tensor(answers)
    logits = []
    for prompt in (PROMPT, UNCONDITIONAL):
        ids = torch.cat([prompt.expand(len(answers), -1), tails], dim=1)
        with torch.no_grad():
            logits.append(decoder(input_ids=ids).logits[:, len(prompt) - 1 : -1, : words.size].double())
    scale = sampling.guidance_scale
    guided = logits[1] + scale * (logits[0] - logits[1])
    state = grammar.start([Request("image", len(answers[0]), grid=GRID)] * len(answers))
    share = torch.ones(len(answers), dtype=torch.float64)
    for place in range(tails.shape[1]):
        allowed = grammar.allowed(state)
        if bool((allowed.sum(dim=1) > 1).all()):
            scores = guided[:, place].masked_fill(~allowed, -torch.inf) / params.temperature
            if params.top_k:
                scores = scores.masked_fill(scores < scores.topk(params.top_k).values[:, -1:], -torch.inf)
            share *= scores.softmax(dim=1).gather(1, tails[:, place : place + 1])[:, 0]
        state = grammar.advance(state, tails[:, place])
    return share


def every_answer(words: Vocabulary) -> list[list[int]]:
    codes = words.block_ids("image").tolist()
    head = [words.boi, words.size_id(2), words.size_id(2)]
    return [
        [*head, words.size_id(1), a, b, words.size_id(2), c, d, words.eoi, words.eot]
        for a, b, c, d in itertools.product(codes, repeat=4)
    ]


def p_value(drawn: list[list[int]], answers: list[list[int]], shares: Tensor) -> float:
    """Of the chi-square test; answers that are expected less than eight times are counted together."""
    counts = Counter(map(tuple, drawn))
    assert set(counts) <= set(map(tuple, answers))
    expected = (shares * len(drawn)).tolist()
    observed = [counts[tuple(answer)] for answer in answers]
    common = [place for place, count in enumerate(expected) if count >= 8]
    rare = [place for place, count in enumerate(expected) if count < 8]
    pairs = [(observed[place], expected[place]) for place in common]
    pairs.append((sum(observed[place] for place in rare), sum(expected[place] for place in rare) + 1e-9))
    assert len(pairs) > 12
    seen, wanted = zip(*pairs, strict=True)
    return float(stats.chisquare(seen, wanted).pvalue)


SAMPLINGS = {
    "plain": Sampling(image=SamplingParams(1.0)),
    "guided": Sampling(image=SamplingParams(1.5), guidance_scale=2.0),
    "cut off": Sampling(image=SamplingParams(1.2, top_k=3), guidance_scale=1.5),
}


@pytest.mark.parametrize(("name", "window"), [("plain", 4), ("guided", 3), ("guided", 2), ("cut off", 8)])
def test_the_distribution_is_unchanged(name: str, window: int, make_engine: Callable[[Vocabulary], Engine]) -> None:
    words, sampling = vocabulary(), SAMPLINGS[name]
    engine, answers = make_engine(words), every_answer(words)
    shares = exact_shares(engine, words, sampling, answers)
    assert float(shares.sum()) == pytest.approx(1.0)
    requests = [Request("image", 11, grid=GRID)] * 4000
    assert p_value(write(engine, requests, sampling, 1), answers, shares) > 1e-3  # what it is held against
    assert p_value(write(engine, requests, sampling, window), answers, shares) > 1e-3


def test_a_wrong_rule_would_be_found(
    make_engine: Callable[[Vocabulary], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, sampling = vocabulary(), SAMPLINGS["plain"]
    engine, answers = make_engine(words), every_answer(words)
    shares = exact_shares(engine, words, sampling, answers)
    make = Random.of

    def lenient(seed: int, count: int) -> Random:
        return make(seed, count)._replace(test=[0.3 * one for one in make(seed, count).test])

    monkeypatch.setattr(Random, "of", lenient)
    requests = [Request("image", 11, grid=GRID)] * 4000
    assert p_value(write(engine, requests, sampling, 4), answers, shares) < 1e-6


# ---- greedy, and what is not drawn in windows


@pytest.mark.parametrize("kind", [FastDecoder, ModuleDecoder])
@pytest.mark.parametrize("window", [2, 5, 16])
def test_greedy_answers_are_those_of_plain_decoding(
    kind: type, window: int, make_engine: Callable[[Vocabulary], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is ModuleDecoder:
        monkeypatch.setattr("unitok.engine.engine.reason_against", lambda decoder: "a test")
    sampling = Sampling(SamplingParams(0.0), SamplingParams(0.0), guidance_scale=1.7)
    requests = [
        Request("image", 60, grid=(3, 4)),
        Request("auto", 40),
        Request("image", 99, grid=(5, 5)),
        Request("text", 9),
    ]
    for words in (vocabulary(), vocabulary(2, numbered_rows=False)):
        engine = make_engine(words)
        assert write(engine, requests, sampling, window) == write(engine, requests, sampling, 1)


def test_an_answer_does_not_depend_on_its_batch(make_engine: Callable[[Vocabulary], Engine]) -> None:
    sampling = Sampling(image=SamplingParams(0.7), guidance_scale=1.5)
    requests = [Request("image", 80, grid=(2 + i % 3, 3)) for i in range(9)] + [Request("auto", 60)] * 5
    for words in (vocabulary(), vocabulary(3)):
        engine = make_engine(words)
        together = write(engine, requests, sampling, 6)
        assert together == write(engine, requests, sampling, 6, batch_size=3)
        alone = [write(engine, [request], sampling, 6, seeds=[i])[0] for i, request in enumerate(requests)]
        assert together == alone
        for request, answer in zip(requests, together, strict=True):
            (*_, span) = parse_turn(words, torch.tensor(answer))
            if request.modality == "image":
                assert span.codes is not None and tuple(span.codes.shape[1:]) == request.grid


def test_words_are_drawn_as_ever(make_engine: Callable[[Vocabulary], Engine]) -> None:
    engine, requests = make_engine(vocabulary()), [Request("text", 12)] * 20
    assert write(engine, requests, Sampling(), 8) == write(engine, requests, Sampling(), 1)


def test_what_is_certain_takes_few_passes(
    make_engine: Callable[[Vocabulary], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes, run = [], FastDecoder.run

    def counting(self: FastDecoder, passes: Sequence[Pass]) -> list[Tensor]:
        shapes.extend(tuple(rows.token_ids.shape) for rows in passes)
        return run(self, passes)

    monkeypatch.setattr(FastDecoder, "run", counting)
    words = vocabulary()
    engine = make_engine(words)
    decoder: Any = engine._decoder
    embedding = decoder.get_input_embeddings()
    with torch.no_grad():
        embedding.weight[words.block_ids("image")[1:]] = 0  # one code is always the likeliest, or its opposite is
    sampling = Sampling(image=SamplingParams(0.0))
    (plain,) = write(engine, [Request("image", 80, grid=(6, 6))], sampling, 1)
    passes = len(shapes)
    shapes.clear()
    (answer,) = write(engine, [Request("image", 80, grid=(6, 6))], sampling, 8)
    assert answer == plain and passes == 36
    assert len(shapes) < 18
    # No pass is longer than the window, the numbers of the rows in it and what is pending.
    assert max(length for _, length in shapes[1:]) <= 8 + 3
