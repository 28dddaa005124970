"""Decoders that are compiled, and those whose matrices are rounded to 8 bits.

Shape letters: S tokens, V vocabulary.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from unitok.data.encoding import encode_documents
from unitok.data.tokenizing import world_documents
from unitok.decoder_folder import load_decoder
from unitok.engine import Engine, EngineOptions, Sampling, compiled
from unitok.engine.blocks import Block, Blocks
from unitok.engine.compiled import CACHE, CompiledDecoder
from unitok.engine.decoder_weights import DecoderWeights
from unitok.engine.fast_decoder import FastDecoder
from unitok.engine.forward import Forward
from unitok.engine.projections import LONG, Int8Projection, rounded_to_int8
from unitok.engine.rows import Rows
from unitok.grammar import Grammar, Request
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.shipped import find_checkpoint
from unitok_tokenizers.errors import InputError

SIZE = 64
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")


def everything(size: int) -> Block:
    """All ids."""
    block = Blocks(torch.ones(1, size, dtype=torch.bool), torch.device("cpu")).of_row[0]
    assert block is not None
    return block


def logits_of(forward: Forward, ids: list[int], size: int, step: int) -> Tensor:
    """float ``[S - 1, V]`` behind each token but the first, which go in ``step`` by ``step``."""
    rows, block, found = Rows(forward), everything(size), []
    with torch.inference_mode():
        rows.put([0], [ids[:1]])
        for start in range(1, len(ids), step):
            piece = ids[start : start + step]
            rows.feed([piece], keep=len(piece))
            found.append(rows.logits(block, [(0, len(piece) - 1 - place) for place in range(len(piece))]))
    return torch.cat(found).clone()


# ---- compiled


def test_decoders_that_were_not_used_for_longest_are_forgotten(tmp_path: Path) -> None:
    names = [f"{number:02}.pt2" for number in range(compiled.MOST_KEPT + 3)]
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (0, 1000 - age))
    (tmp_path / ".half.pt2").write_bytes(b"")  # that another process is writing
    compiled._forget_old(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".half.pt2", *names[: compiled.MOST_KEPT]]


def count_steps(forward: object) -> list[int]:
    """A number for each pass that a compiled decoder leaves to its compiled step, from now on."""
    assert isinstance(forward, CompiledDecoder)
    passes: list[int] = []
    step = forward._step

    def counted(*given: torch.Tensor) -> torch.Tensor:
        passes.append(given[0].numel())
        return step(*given)

    forward._step = counted
    return passes


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE, str(folder))
        yield folder / "compiled"


@needs_compiler
def test_a_compiled_decoder_computes_the_same_and_is_kept(
    cache: Path,
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    make_decoder: Callable[..., PreTrainedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = tiny_processor.vocabulary
    decoder = make_decoder(words.size)
    engine = Engine(decoder, words, tiny_grammar, EngineOptions(compile=True))
    forward = engine.forward()
    assert isinstance(forward, CompiledDecoder) and len(list(cache.iterdir())) == 2  # of one token, and of more
    ids = torch.randint(words.size, (300,), generator=torch.Generator().manual_seed(0)).tolist()
    for step in (1, 3, 7):
        counted = engine.forward()
        passes = count_steps(counted)
        found = logits_of(counted, ids, words.size, step)
        assert len(passes) == -(-(len(ids) - 1) // step)  # all but the prompt's
        expected = logits_of(FastDecoder(DecoderWeights(decoder)), ids, words.size, step)
        torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)

    # Whole answers, in a batch whose passes are now short and now long, are those of the fast forward pass.
    prompts = [torch.tensor(ids[:length]) for length in (5, 12, 3, 8, 8, 2)]
    requests = [Request("image", 40, grid=(3, 3)), Request("auto", 30)] * 3
    sampling, seeds = Sampling(guidance_scale=1.5), list(range(6))
    answers = [
        one.generate(prompts, requests, sampling, seeds, tiny_processor.unconditional())
        for one in (engine, Engine(decoder, words, tiny_grammar))
    ]
    assert [row.tolist() for row in answers[0]] == [row.tolist() for row in answers[1]]

    # Another process finds the file; other weights are compiled anew.
    monkeypatch.setattr(compiled, "_compile", lambda *_: pytest.fail("it was compiled again"))
    again = Engine(make_decoder(words.size), words, tiny_grammar, EngineOptions(compile=True))
    same = [logits_of(one.forward(), ids[:40], words.size, 1) for one in (engine, again)]
    assert torch.equal(*same)
    other = Engine(make_decoder(words.size, seed=1), words, tiny_grammar, EngineOptions(compile=True))
    with pytest.raises(pytest.fail.Exception, match="compiled again"):
        other.forward()


@needs_compiler
def test_a_compiled_decoder_of_8_bits_computes_what_an_eager_one_does(
    cache: Path, tiny_processor: Processor, tiny_grammar: Grammar, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    words = tiny_processor.vocabulary
    decoder = make_decoder(words.size)
    engine = Engine(decoder, words, tiny_grammar, EngineOptions(compile=True, weights="int8"))
    ids = torch.randint(words.size, (40,), generator=torch.Generator().manual_seed(0)).tolist()
    exact = logits_of(FastDecoder(DecoderWeights(decoder)), ids, words.size, 3)
    for step in (1, 3):
        counted = engine.forward()
        passes = count_steps(counted)
        found = logits_of(counted, ids, words.size, step)
        assert len(passes) == -(-(len(ids) - 1) // step)
        expected = logits_of(FastDecoder(DecoderWeights(decoder, "int8")), ids, words.size, step)
        torch.testing.assert_close(found, expected, atol=0.02 * float(expected.abs().max()), rtol=0)  # products in bf16
        assert not torch.allclose(found, exact, atol=1e-5 * float(exact.abs().max()), rtol=0)


def test_what_stops_the_compiler_is_one_line(
    cache: Path,
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    make_decoder: Callable[..., PreTrainedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no\ncompiler")

    monkeypatch.setattr(torch.export, "export", fail)
    engine = Engine(make_decoder(SIZE * 6), tiny_processor.vocabulary, tiny_grammar, EngineOptions(compile=True))
    with pytest.raises(InputError, match=r"cannot be compiled here \(no compiler\); leave compile out"):
        engine.forward()
    assert not list(cache.glob(".*"))


def test_a_file_that_was_cut_off_is_made_anew(
    cache: Path, make_decoder: Callable[..., PreTrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(module: object, decoder: object, path: Path, of_one: bool) -> None:
        path.write_bytes(b"whole")

    def load(path: str, **_: object) -> str:
        if Path(path).read_bytes() != b"whole":
            raise RuntimeError("Failed to initialize zip archive")
        return path

    monkeypatch.setattr(compiled, "_compile", make)
    monkeypatch.setattr(torch._inductor, "aoti_load_package", load)
    file = compiled.cache_folder() / "step.pt2"
    file.write_bytes(b"who")
    assert compiled._compiled(make_decoder(SIZE), None, file.name, of_one=True) == str(file)
    assert file.read_bytes() == b"whole"
    file.unlink()


def test_a_cache_that_is_no_folder_is_named(
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    make_decoder: Callable[..., PreTrainedModel],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(compiled.CACHE, str(tmp_path / "file"))
    options = EngineOptions(compile=True)
    engine = Engine(make_decoder(tiny_processor.vocabulary.size), tiny_processor.vocabulary, tiny_grammar, options)
    with pytest.raises(InputError, match=r"compile: .*file.* cannot be written: Not a directory"):
        engine.forward()


@pytest.mark.parametrize("options", [EngineOptions(compile=True), EngineOptions(weights="int8")])
def test_a_decoder_of_another_family_is_refused(
    options: EngineOptions,
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    make_decoder: Callable[..., PreTrainedModel],
) -> None:
    decoder = make_decoder(tiny_processor.vocabulary.size, attention_bias=True)
    engine = Engine(decoder, tiny_processor.vocabulary, tiny_grammar, options)
    with pytest.raises(InputError, match=r"cannot be run with (compile|weights): .* has a bias; leave"):
        engine.forward()


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(InputError, match="int4"):
        EngineOptions(weights="int4")  # type: ignore[arg-type]


# ---- int8


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounded_matrices_stay_near(dtype: torch.dtype) -> None:
    weight = (torch.randn(48, 64, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 2, 48)[:, None]).to(
        dtype
    )
    weight[5] = 0
    rounded, scale = rounded_to_int8(weight)
    assert rounded.dtype == torch.int8 and scale.dtype == torch.bfloat16
    near = rounded.float() * scale.float()[:, None]
    # Half a step, and what rounding the scale costs the largest.
    assert bool(((near - weight.float()).abs() <= weight.float().abs().amax(dim=1, keepdim=True) * 0.008).all())
    assert bool((near[5] == 0).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tokens", [1, 5, LONG - 1, LONG])
def test_products_with_int8_are_those_of_the_rounded_matrix(tokens: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, inputs, residual = (
        torch.randn(shape, generator=generator).to(dtype) for shape in ((48, 64), (tokens, 64), (tokens, 48))
    )
    rounded, scale = rounded_to_int8(weight)
    exact = inputs.double() @ (rounded.double() * scale.double()[:, None]).t()
    projection = Int8Projection(weight)
    step = torch.finfo(torch.bfloat16).eps
    for found, wanted in ((projection(inputs), exact), (projection.add(residual, inputs), exact + residual.double())):
        assert found.dtype == dtype
        # Of inputs that are rounded, each by half a step at most, and twice of what comes out.
        bound = step * (wanted.abs() + exact.abs() + (inputs.double().abs() @ rounded.double().abs().t()) * scale / 2)
        assert bool(((found.double() - wanted).abs() <= bound).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_short_and_long_passes_of_int8_agree(dtype: torch.dtype, make_decoder: Callable[..., PreTrainedModel]) -> None:
    decoder = make_decoder(SIZE, hidden_size=64, intermediate_size=96).to(dtype)  # type: ignore[arg-type]
    weights = DecoderWeights(decoder, "int8")
    ids = torch.randint(SIZE, (3 * LONG,), generator=torch.Generator().manual_seed(0)).tolist()
    short, long = (logits_of(FastDecoder(weights), ids, SIZE, step).float() for step in (2, 2 * LONG))
    exact = logits_of(FastDecoder(DecoderWeights(decoder)), ids, SIZE, 2).float()
    bound = float(exact.abs().max()) * (0.01 if dtype == torch.float32 else 0.05)  # both are rounded to bf16
    torch.testing.assert_close(short, long, atol=bound, rtol=0)
    assert 0 < float((short - exact).abs().mean()) < 0.05 * float(exact.abs().max())


@pytest.mark.parametrize("step", [LONG - 1, 10 * LONG])
def test_int8_hardly_changes_what_tiny_knows(step: int) -> None:
    folder = find_checkpoint("tiny")
    processor = UniTok.from_pretrained(folder).processor
    documents = list(islice(world_documents([5], "train", processor.image_size or 80), 60))
    encoded = [ids.tolist() for ids, *_ in encode_documents(processor, documents)]
    decoder = load_decoder(folder / "decoder", torch.float32)
    kinds = (DecoderWeights(decoder), DecoderWeights(decoder, "int8"))
    losses = [negative_log_likelihood(weights, encoded, processor.vocabulary.size, step) for weights in kinds]
    assert losses[0] < 7  # a uniform guess has 8
    assert abs(losses[1] - losses[0]) < 0.01


def negative_log_likelihood(weights: DecoderWeights, documents: list[list[int]], size: int, step: int) -> float:
    """Mean, in nats a token; ``step`` tokens go in together."""
    total, count = 0.0, 0
    for ids in documents:
        logits = logits_of(FastDecoder(weights), ids, size, step)[:-1].float()
        chosen = logits.log_softmax(dim=1).gather(1, torch.tensor(ids[2:])[:, None])
        total, count = total - float(chosen.sum()), count + len(chosen)
    return total / count
