"""Steps that are recorded and replayed. The recording itself needs CUDA; here one is played by the step itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from unitok.engine import Engine, EngineOptions, Sampling, cuda_graphs, engine
from unitok.engine.compiled import StepModule, compile_step
from unitok.grammar import Grammar, Request
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError


@pytest.fixture()
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """Makes engines record their steps on the CPU; holds the shape of each outcome that was recorded."""
    shapes: list[torch.Size] = []

    def record(run: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, Callable[[], None]]:
        outcome = run()
        shapes.append(outcome.shape)

        def replay() -> None:
            outcome.copy_(run())

        return outcome.fill_(torch.nan), replay

    monkeypatch.setattr(cuda_graphs, "record_graph", record)
    monkeypatch.setattr(Engine, "_is_graphed", True)
    monkeypatch.setattr(engine, "compile_step", StepModule)
    return shapes


@pytest.fixture()
def graphed(
    recorded: list[torch.Size],
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    make_decoder: Callable[..., PreTrainedModel],
) -> Engine:
    words = tiny_processor.vocabulary
    return Engine(make_decoder(words.size), words, tiny_grammar, EngineOptions(compile=True))


def test_recorded_steps_give_the_same_answers(
    recorded: list[torch.Size],
    graphed: Engine,
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    make_decoder: Callable[..., PreTrainedModel],
) -> None:
    words = tiny_processor.vocabulary
    ids = torch.randint(words.size, (40,), generator=torch.Generator().manual_seed(0))
    prompts = [ids[:length] for length in (5, 12, 3, 30)]
    requests = [Request("image", 40, grid=(3, 3)), Request("auto", 200)] * 2
    plain = Engine(make_decoder(words.size), words, tiny_grammar)

    def answers(one: Engine, sampling: Sampling, count: int) -> list[list[int]]:
        parts = prompts[:count], requests[:count], sampling, list(range(count)), tiny_processor.unconditional()
        return [answer.tolist() for answer in one.generate(*parts)]

    guided, guessing = Sampling(guidance_scale=1.5), Sampling(window=3)
    for sampling, count in ((guided, 1), (guided, 4), (guessing, 2), (guided, 4)):
        assert answers(graphed, sampling, count) == answers(plain, sampling, count)
    assert len(set(recorded)) > 3
    known = len(recorded)
    answers(graphed, guided, 4)
    assert len(recorded) == known  # the memory had grown to what these need, and its recordings serve them


def test_batches_at_the_same_time_have_their_own_memory(graphed: Engine, tiny_processor: Processor) -> None:
    words = tiny_processor.vocabulary
    prompt, request, sampling = torch.tensor([words.bos, words.user, 1, words.eot]), Request("text", 12), Sampling()
    alone = graphed.generate([prompt] * 2, [request] * 2, sampling, [0, 1])
    batches = [graphed.batch(1), graphed.batch(1)]
    found = [one.submit(graphed.query(prompt, request, sampling, seed)) for seed, one in enumerate(batches)]
    while any(one.busy for one in batches):
        for one in batches:
            one.step()
    assert [answer.token_ids for answer in found] == [answer.tolist() for answer in alone]


def test_rounded_weights_are_compiled_for_processors_only(make_decoder: Callable[..., PreTrainedModel]) -> None:
    decoder: Any = make_decoder(100)
    with pytest.raises(InputError, match="processors only"):
        compile_step(decoder.to("meta"), "int8")


def test_a_device_without_settings_is_named(make_decoder: Callable[..., PreTrainedModel]) -> None:
    decoder: Any = make_decoder(100)
    with pytest.raises(InputError, match="not for meta; leave compile out"):
        compile_step(decoder.to("meta"))
