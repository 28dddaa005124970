"""Decoding: against ``generate`` of ``transformers``, compiled, in 8 bits, guided, in a batch, against the memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedModel

from benchmarks.measure import Ratio, read_bandwidth, seconds
from benchmarks.setup import Setup, not_measured
from benchmarks.subjects import SHIPPED, Subject, sampling
from unitok.engine import Engine, EngineOptions
from unitok.evaluation.figures import Figure
from unitok.vocabulary import IMAGE

SECTION = "decoding"
EAGER = {"30M": 2.0, "90M": 1.4, SHIPPED: 3.0}
COMPILED = {"30M": 3.0, "90M": 2.0, SHIPPED: 4.0}
INT8, GUIDED, BATCH, BANDWIDTH = 1.3, 1.3, 6.0, 0.6
BATCH_SIZE = 16
GUIDANCE_SCALE = 3.0


def measure(setup: Setup) -> Iterator[Figure]:
    """All rows of decoding, for each subject."""
    for name in setup.names:
        one = setup.subject(name)
        engine = one.engine()
        agreement = _agreement(setup, one, engine)
        yield _against_stock(setup, one, engine, EAGER[name], f"batch 1, eager, {name}", agreement)
        yield _against_plain_stock(setup, one, engine)
        yield from _compiled(setup, one)
        guided = f"a guided step against a single one, {one.name}"
        yield guided_step(setup, one, engine).figure(SECTION, guided, GUIDED, "two rows", lower=True)
        yield _batched(setup, one, engine)
        yield _bandwidth(setup, one, engine, "eager")


def _against_stock(
    setup: Setup, one: Subject, engine: Engine, target: float | None, name: str, agreement: str
) -> Figure:
    ratio = setup.compare(one.draw_stock, lambda: one.draw(engine))
    return ratio.figure(SECTION, f"{name}, against generate", target, agreement)


def _against_plain_stock(setup: Setup, one: Subject, engine: Engine) -> Figure:
    count = len(one.draw(engine)[0])
    ratio = setup.compare(lambda: one.write_stock(count), lambda: one.draw(engine))
    note = f"{count} tokens that nothing forces, against as many of a picture"
    return ratio.figure(SECTION, f"batch 1, eager, {one.name}, against generate without a grammar", None, note)


def _agreement(setup: Setup, one: Subject, engine: Engine, options: EngineOptions | None = None) -> str:
    """Whether greedy answers of an engine, made with ``options``, are those of ``generate``, in words.

    Random weights in bf16 leave so many near ties that rounding decides them; there both are held against each other
    in float32.
    """
    same = one.draw(engine)[0] == one.draw_stock()
    if same:
        return f"greedy answers equal ({setup.dtype_name})"
    exact = replace(one, decoder=_in_float32(one.decoder))
    if exact.draw(exact.engine(options))[0] == exact.draw_stock():
        return f"greedy answers equal in float32, not in {setup.dtype_name}"
    return "greedy answers DIFFER"


def _in_float32(decoder: PreTrainedModel) -> PreTrainedModel:
    copy: Any = type(decoder)(decoder.config).eval()
    copy.load_state_dict(decoder.state_dict())
    return copy.to(decoder.device, torch.float32)


def _compiled(setup: Setup, one: Subject) -> Iterator[Figure]:
    kind = setup.dtype_name.replace("bfloat16", "bf16")
    names = f"batch 1, compiled, {one.name}", f"int8, compiled, against {kind}, compiled, {one.name}"
    if not setup.compiles:
        yield not_measured(SECTION, f"{names[0]}, against generate", COMPILED[one.name], "--no-compile")
        yield not_measured(SECTION, names[1], INT8, "--no-compile")
        return
    options = EngineOptions(compile=True)
    compiled = one.engine(options)
    agreement = _agreement(setup, one, compiled, options)
    yield _against_stock(setup, one, compiled, COMPILED[one.name], names[0], agreement)
    yield _bandwidth(setup, one, compiled, "compiled")
    if setup.device.type != "cpu":
        yield not_measured(SECTION, names[1], INT8, "8 bits are compiled for processors only")
        return
    rounded = one.engine(EngineOptions(compile=True, weights="int8"))
    ratio = setup.compare(lambda: one.draw(compiled), lambda: one.draw(rounded))
    yield ratio.figure(SECTION, names[1], INT8)


def guided_step(setup: Setup, one: Subject, engine: Engine) -> Ratio:
    """A step of an answer that is guided against one that is not."""
    settings = sampling(guidance_scale=GUIDANCE_SCALE)
    return setup.compare(lambda: one.draw(engine, settings=settings), lambda: one.draw(engine))


def _batched(setup: Setup, one: Subject, engine: Engine) -> Figure:
    def singly() -> None:
        for _ in range(BATCH_SIZE):
            one.draw(engine)

    ratio = setup.compare(singly, lambda: one.draw(engine, BATCH_SIZE))
    note = "tokens a second, greedy"
    return ratio.figure(SECTION, f"batch {BATCH_SIZE} against batch 1, {one.name}", BATCH, note)


def _bandwidth(setup: Setup, one: Subject, engine: Engine, how: str) -> Figure:
    setup.probe.wait()
    answer = one.draw(engine)[0]
    codes = one.vocabulary.modality_of(torch.tensor(answer)) == IMAGE
    steps = int(codes.sum()) - 1  # what is forced takes none, and the first code comes with the prompt
    size = one.bytes_of_a_step(len(one.prompt) + len(answer) // 2)
    taken = min(seconds(lambda: one.draw(engine)) for _ in range(setup.pairs))
    moved, possible = steps * size / taken, read_bandwidth(size, setup.device)
    note = f"{size / 1e6:.0f} MB a step, {moved / 1e9:.1f} of {possible / 1e9:.1f} GB/s; the best of {setup.pairs} runs"
    target = BANDWIDTH if one.name == "90M" and how == "compiled" else None
    name = f"bytes a second against what a sum reads at that working set, {how}, {one.name}"
    return Figure(SECTION, name, moved / possible, "x", target, count=setup.pairs, note=note)
