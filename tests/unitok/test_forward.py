"""Both forward passes compute what the module computes in one pass without a cache.

Shape letters: S sequence, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from unitok.document import Document
from unitok.engine import Engine, Sampling, SamplingParams, fast_decoder
from unitok.engine.blocks import Block, Blocks
from unitok.engine.decoder_weights import DecoderWeights
from unitok.engine.fast_decoder import FastDecoder
from unitok.engine.forward import Forward
from unitok.engine.module_decoder import ModuleDecoder
from unitok.engine.projections import packs
from unitok.engine.rows import GROWTH, Rows
from unitok.engine.stock import WeightWatch, reason_against
from unitok.grammar import Grammar, Request
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.shipped import find_checkpoint
from unitok_tokenizers.errors import InputError

SIZE = 60
"""V; the decoders have a few more logits."""

QWEN3: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "eager": {"attn_implementation": "eager"},
    "no grouped heads": {"num_key_value_heads": 4},
    "an own head": {"tie_word_embeddings": False},
    "yarn": {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}},
}
LLAMA: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama, scaled": {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}},
    "llama3": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 5e5,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    },
}
OTHER: dict[str, dict[str, Any]] = {
    "sliding": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    "dynamic": {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}},
    "gelu": {"hidden_act": "gelu"},
    "biased": {"attention_bias": True},
}


@pytest.fixture()
def make(make_decoder: Callable[..., PreTrainedModel]) -> Callable[[str], PreTrainedModel]:
    def make(name: str) -> PreTrainedModel:
        if name not in LLAMA:
            decoder = make_decoder(SIZE + 4, **{**QWEN3, **OTHER}[name])
        else:
            torch.manual_seed(0)
            shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
            decoder = LlamaForCausalLM(
                LlamaConfig(vocab_size=SIZE + 4, initializer_range=0.3, **shape, **LLAMA[name])
            ).eval()
        with torch.no_grad():
            for weight in decoder.parameters():
                if weight.dim() == 1:  # norms, and biases, which start the same everywhere
                    weight += 0.3 * torch.randn_like(weight)
        return decoder

    return make


def fast(decoder: PreTrainedModel) -> FastDecoder:
    assert reason_against(decoder) is None
    return FastDecoder(DecoderWeights(decoder))


def everything(size: int = SIZE) -> Block:
    """All ids."""
    block = Blocks(torch.ones(1, size, dtype=torch.bool), torch.device("cpu")).of_row[0]
    assert block is not None
    return block


def uncached(decoder: PreTrainedModel, ids: list[int]) -> Tensor:
    """The decoder's logits ``[S, V]`` of one sequence, in one pass without a cache."""
    with torch.no_grad():
        return decoder(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :, :SIZE]


def assert_same(logits: Tensor, expected: Tensor) -> None:
    """Equal up to what fp32 rounds, 1e-5 of the largest."""
    torch.testing.assert_close(logits, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def check_rows(decoder: PreTrainedModel, forward: Forward) -> None:
    """Rows of different lengths begin together and later, go on by different counts, move, and end."""
    generator = torch.Generator().manual_seed(0)
    lengths = [4, 11, 1, 25, 7]
    sequences = [torch.randint(SIZE, (length + 60,), generator=generator).tolist() for length in lengths]
    expected = [uncached(decoder, ids) for ids in sequences]
    block, rows, at = everything(), Rows(forward), list(lengths)

    def begin(slots: list[int], numbers: list[int]) -> None:
        rows.put(slots, [sequences[number][: at[number]] for number in numbers])

    def check(order: list[int]) -> None:
        logits = rows.logits(block)
        assert len(logits) == len(order)
        for place, number in enumerate(order):
            assert_same(logits[place], expected[number][at[number] - 1])

    def feed(order: list[int], counts: list[int]) -> None:
        rows.feed([sequences[n][at[n] : at[n] + count] for n, count in zip(order, counts, strict=True)])
        for number, count in zip(order, counts, strict=True):
            at[number] += count

    begin([0, 1, 2, 3], [0, 1, 2, 3])
    order = [0, 1, 2, 3]
    check(order)
    for counts in ([1, 1, 1, 1], [3, 1, 2, 1], [1, 1, 1, 1], [2, 2, 2, 2]):
        feed(order, counts)
        check(order)
    rows.keep([1, 3])
    order = [1, 3]
    check(order)
    feed(order, [1, 2])
    begin([2], [4])  # behind those that are there
    check([1, 3, 4])
    rows.clear(0)
    at[0] = lengths[0]
    begin([0], [0])  # in place of one that has ended
    order = [0, 3, 4]
    for counts in ([1, 1, 1], [1, 4, 1]):
        feed(order, counts)
        check(order)
    rows.clear(1)
    feed_idle = [sequences[0][at[0] : at[0] + 1], [], sequences[4][at[4] : at[4] + 2]]
    rows.feed(feed_idle)
    at[0], at[4] = at[0] + 1, at[4] + 2
    logits = rows.logits(block, [(2, 0), (0, 0)])
    assert_same(logits, torch.stack([expected[4][at[4] - 1], expected[0][at[0] - 1]]))
    rows.keep([2])
    while at[4] < len(sequences[4]):
        feed([4], [1])
        check([4])


def check_joined(decoder: PreTrainedModel, forward: Forward) -> None:
    """Rows begin in the pass in which others go on; some lengths are far apart, and two prompts are equal."""
    generator = torch.Generator().manual_seed(1)
    lengths = [70, 68, 40, 3, 2, 5, 90, 6, 6]
    sequences = [torch.randint(SIZE, (length + 10,), generator=generator).tolist() for length in lengths]
    sequences[8][:6] = sequences[7][:6]
    expected = [uncached(decoder, ids) for ids in sequences]
    block, rows, at = everything(), Rows(forward), list(lengths)

    def step(going: dict[int, int], slots: list[int], numbers: list[int], order: list[int], keep: int = 1) -> None:
        """``going`` tokens more of some sequences, and others that begin; ``order`` is then that of the slots."""
        fed: list[list[int]] = [[] for _ in rows.lengths]
        for number, count in going.items():
            fed[order.index(number)] = sequences[number][at[number] : at[number] + count]
            at[number] += count
        rows.advance(fed, keep, slots, [sequences[number][: at[number]] for number in numbers])
        present = [place for place, number in enumerate(order) if number in going or number in numbers]
        logits = rows.logits(block, [(place, 0) for place in present])
        for row, place in zip(logits, present, strict=True):
            assert_same(row, expected[order[place]][at[order[place]] - 1])

    step({}, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    step({0: 1, 1: 1, 2: 2, 3: 1, 4: 1}, [5], [5], [0, 1, 2, 3, 4, 5], keep=2)
    rows.clear(1)
    step({0: 1, 2: 1, 3: 1, 4: 1, 5: 1}, [1, 6, 7], [6, 7, 8], [0, 6, 2, 3, 4, 5, 7, 8])
    step({0: 1, 6: 1, 2: 1, 3: 1, 4: 2, 5: 1, 7: 1, 8: 1}, [], [], [0, 6, 2, 3, 4, 5, 7, 8])


@pytest.mark.parametrize("name", [*QWEN3, *LLAMA])
def test_the_fast_forward_pass_equals_the_module(name: str, make: Callable[[str], PreTrainedModel]) -> None:
    decoder = make(name)
    with torch.inference_mode():
        check_rows(decoder, fast(decoder))
        check_joined(decoder, fast(decoder))


def test_padding_is_not_multiplied(make: Callable[[str], PreTrainedModel], monkeypatch: pytest.MonkeyPatch) -> None:
    multiplied, embedding = [], fast_decoder.embedding

    def recorded(token_ids: Tensor, weight: Tensor) -> Tensor:
        multiplied.append(len(token_ids))
        return embedding(token_ids, weight)

    monkeypatch.setattr(fast_decoder, "embedding", recorded)
    with torch.inference_mode():
        rows = Rows(fast(make("qwen3")))
        rows.put([0, 1, 2], [[1, 2, 3], [4], [5, 6]])
        rows.feed([[1], [2, 3, 4], []])
        rows.advance([[1], [], [2]], 1, [1], [[7, 8, 9]])
    assert multiplied == [6, 4, 5]


@pytest.mark.parametrize("name", ["qwen3", "eager", "llama", *OTHER])
def test_any_module_runs_by_its_own_forward(name: str, make: Callable[[str], PreTrainedModel]) -> None:
    decoder = make(name)
    assert ("sliding_attention" in (getattr(decoder.config, "layer_types", None) or [])) == (name == "sliding")
    with torch.inference_mode():
        check_rows(decoder, ModuleDecoder(decoder))
        check_joined(decoder, ModuleDecoder(decoder))


@pytest.mark.parametrize("name", OTHER)
def test_what_is_unusual_is_left_to_the_module(name: str, make: Callable[[str], PreTrainedModel]) -> None:
    assert reason_against(make(name))


def test_what_was_changed_by_hand_is_left_to_the_module(make: Callable[[str], PreTrainedModel]) -> None:
    def train(decoder: Any) -> None:
        decoder.train()

    def hook(decoder: Any) -> None:
        decoder.model.layers[1].mlp.register_forward_hook(lambda module, inputs, output: output * 2)

    def patch(decoder: Any) -> None:
        decoder.model.layers[0].forward = decoder.model.layers[1].forward

    def other_layer(decoder: Any) -> None:
        decoder.model.layers[0].mlp.up_proj = nn.Sequential(decoder.model.layers[0].mlp.up_proj)

    def one_layer(decoder: Any) -> None:
        decoder.config.num_hidden_layers = 1

    def other_scale(decoder: Any) -> None:
        decoder.model.layers[1].self_attn.scaling = 0.1

    def other_epsilon(decoder: Any) -> None:
        decoder.model.norm.variance_epsilon = 0.1

    def half_of_it(decoder: Any) -> None:
        decoder.model.layers[1].to(torch.bfloat16)

    def float64(decoder: Any) -> None:
        decoder.double()

    def own_attention(decoder: Any) -> None:
        decoder.config._attn_implementation = "paged|eager"

    for change in (
        train, hook, patch, other_layer, one_layer, other_scale, other_epsilon, half_of_it, float64, own_attention
    ):  # fmt: skip
        decoder = make("qwen3")
        assert reason_against(decoder) is None
        change(decoder)
        assert reason_against(decoder), change.__name__


@pytest.mark.parametrize("kind", [fast, ModuleDecoder])
def test_the_memory_grows(kind: Callable[[PreTrainedModel], Forward], make: Callable[[str], PreTrainedModel]) -> None:
    decoder = make("qwen3")
    ids = torch.randint(SIZE, (3 * GROWTH,), generator=torch.Generator().manual_seed(0)).tolist()
    expected = uncached(decoder, ids)
    with torch.inference_mode():
        rows, block = Rows(kind(decoder)), everything()
        rows.put([0], [ids[:3]])
        for end in range(10, len(ids), 7):
            rows.feed([ids[end - 7 : end]])
            assert_same(rows.logits(block)[0], expected[end - 1])
            rows.put([1], [ids[: end // 2]])
            assert_same(rows.logits(block)[1], expected[end // 2 - 1])
            rows.keep([0])


@pytest.mark.parametrize("kind", [fast, ModuleDecoder])
def test_tokens_are_taken_back(
    kind: Callable[[PreTrainedModel], Forward], make: Callable[[str], PreTrainedModel]
) -> None:
    decoder = make("qwen3")
    ids = torch.randint(SIZE, (30,), generator=torch.Generator().manual_seed(0)).tolist()
    other = [(one + 1) % SIZE for one in ids]
    expected, block = uncached(decoder, ids), everything()
    with torch.inference_mode():
        rows = Rows(kind(decoder))
        rows.put([0, 1], [ids[:4], ids[:9]])
        rows.feed([[*ids[4:6], *other[6:9]], [*ids[9:12], *other[12:13]]], keep=4)
        assert_same(rows.logits(block, [(0, 3), (1, 1)]), expected[[5, 11]])
        rows.forget(0, 3)
        rows.forget(1, 1)
        rows.feed([ids[6:7], ids[12:15]])
        assert_same(rows.logits(block), expected[[6, 14]])


def test_a_block_has_a_part_of_the_logits(make: Callable[[str], PreTrainedModel]) -> None:
    decoder = make("an own head")
    table = torch.zeros(3, SIZE, dtype=torch.bool)
    table[0, 5:20], table[1, [1, 30, 31, 59]], table[2, 7] = True, True, True
    blocks = Blocks(table, torch.device("cpu"))
    assert blocks.forced == [False, False, True] and blocks.of_row[2] is None
    expected = uncached(decoder, [3, 4, 5])[-1]
    with torch.inference_mode():
        for forward in (fast(decoder), ModuleDecoder(decoder)):
            rows = Rows(forward)
            rows.put([0], [[3, 4, 5]])
            for block in blocks.of_row[:2]:
                assert block is not None
                assert_same(rows.logits(block)[0], expected[block.ids])


# ---- weights that change


@pytest.fixture()
def decoder(make: Callable[[str], PreTrainedModel], tiny_processor: Processor) -> PreTrainedModel:
    decoder = make("qwen3")
    decoder.resize_token_embeddings(tiny_processor.vocabulary.size)
    return decoder


@pytest.fixture()
def engine(decoder: PreTrainedModel, tiny_processor: Processor, tiny_grammar: Grammar) -> Engine:
    return Engine(decoder, tiny_processor.vocabulary, tiny_grammar)


def logits_of(engine: Engine, kind: type) -> Tensor:
    """What an engine, which has to take this kind of forward pass, makes of a prompt."""
    forward = engine.forward()
    assert isinstance(forward, kind)
    with torch.inference_mode():
        rows = Rows(forward)
        rows.put([0], [[5, 6, 7, 8]])
        return rows.logits(everything())[0].clone()


def test_decoders_on_several_devices_are_watched() -> None:
    here, elsewhere = nn.Linear(4, 4), nn.Linear(4, 4, device="meta")  # which has no numbers, as on a disk
    watch = WeightWatch(nn.ModuleList([here, elsewhere]))
    assert not watch.has_changed()
    here.weight.data += 1
    assert watch.has_changed()


def test_weights_that_were_changed_are_seen(decoder: PreTrainedModel, engine: Engine) -> None:
    name = "model.layers.1.self_attn.v_proj.weight"
    weight = decoder.get_parameter(name)

    def train() -> None:
        ids = torch.tensor([[5, 6, 7, 8]])
        decoder(input_ids=ids, labels=ids).loss.backward()
        torch.optim.SGD(decoder.parameters(), lr=0.1).step()

    def write_data() -> None:
        weight.data += 0.1

    def load() -> None:
        decoder.load_state_dict({name: torch.randn_like(weight)}, strict=False)

    def replace_data() -> None:
        weight.data = torch.randn_like(weight)

    def replace() -> None:
        decoder.get_submodule("model.layers.0.mlp").up_proj = nn.Linear(32, 64, bias=False)

    def cast() -> None:
        decoder.double().float()

    before = logits_of(engine, FastDecoder)
    for change in (train, write_data, load, replace_data, replace):
        change()
        after = logits_of(engine, FastDecoder)
        assert_same(after, uncached(decoder, [5, 6, 7, 8])[-1])
        assert (after - before).abs().max() > 1e-3, change.__name__
        before = after
    cast()
    assert_same(logits_of(engine, FastDecoder), before)


def test_weights_that_stay_are_read_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = engine.forward()
    monkeypatch.setattr("unitok.engine.engine.DecoderWeights", None)
    assert isinstance(first, FastDecoder) and isinstance(engine.forward(), FastDecoder)


def test_a_merged_adapter_is_seen(decoder: PreTrainedModel, engine: Engine, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    before = logits_of(engine, FastDecoder)
    adapted: Any = peft.get_peft_model(decoder, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj", "up_proj"]))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
    with_adapter = logits_of(engine, ModuleDecoder)  # its layers are adapters now
    assert (with_adapter - before).abs().max() > 1e-3
    assert adapted.merge_and_unload() is decoder
    assert_same(logits_of(engine, FastDecoder), with_adapter)


def test_two_batches_do_not_disturb_each_other(engine: Engine, tiny_processor: Processor) -> None:
    prompts = tiny_processor.encode_batch([Document.user(text) for text in ("hi", "draw")], generation_prompt=True)
    requests, sampling = [Request("image", 40, grid=(4, 4))], Sampling()
    alone = [engine.generate([prompt], requests, sampling, [0])[0].tolist() for prompt in prompts]
    streams = [engine.pieces([prompt], requests, sampling, [0]) for prompt in prompts]
    joined: list[list[int]] = [[], []]
    for pair in zip(*streams, strict=True):
        for place, piece in enumerate(pair):
            joined[place] += piece.token_ids
    assert joined == alone


# ---- bf16


ROUNDING = 2**-8
"""Of a number in bf16, relative to it."""


@pytest.mark.skipif(not packs(torch.bfloat16), reason="this processor has no products of bf16")
def test_tiny_in_bfloat16_answers_as_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = find_checkpoint("tiny")
    model = UniTok.from_pretrained(folder, dtype=torch.bfloat16)
    greedy = Sampling.from_dict({"text": {"temperature": 0.0}, "image": {"temperature": 0.0}})
    prompts = ("a green heart left of a pink star", "three blue stars", "a small red circle on a white background")
    documents = [Document.user(prompt) for prompt in prompts]
    drawn = model.generate(documents, modality="image", sampling=greedy)
    assert isinstance(model.engine.forward(), FastDecoder)
    monkeypatch.setattr("unitok.engine.engine.reason_against", lambda decoder: "a test")
    slow = UniTok.from_pretrained(folder, dtype=torch.bfloat16)
    assert isinstance(slow.engine.forward(), ModuleDecoder)
    expected = slow.generate(documents, modality="image", sampling=greedy)
    exact = UniTok.from_pretrained(folder, dtype=torch.float32)
    same = 0
    for document, other in zip(drawn, expected, strict=True):
        ids, other_ids = (exact.processor.encode(one) for one in (document, other))
        assert len(ids) == len(other_ids)
        differing = (ids != other_ids).nonzero()
        same += not len(differing)
        if len(differing):  # only where rounding decides between two that are as likely
            first = int(differing[0])
            with torch.no_grad():
                logits = exact.decoder(ids[None, :first]).logits[0, -1]
            a, b = float(logits[ids[first]]), float(logits[other_ids[first]])
            assert abs(a - b) < ROUNDING * max(abs(a), abs(b)) and max(a, b) == float(logits.max())
    assert same > len(prompts) / 2


@pytest.mark.parametrize("kind", ["gpt2", "mistral", "falcon"])
def test_other_families_answer_in_a_batch_as_alone(kind: str, tiny_processor: Processor, tiny_grammar: Grammar) -> None:
    decoder = of_family(kind, tiny_processor.vocabulary.size)
    engine = Engine(decoder, tiny_processor.vocabulary, tiny_grammar)
    prompts = [torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6, 7, 8])]
    requests = [Request("text", 12)] * 2
    greedy = Sampling(text=SamplingParams(0.0))
    together = engine.generate(prompts, requests, greedy, [0, 0])
    for prompt, request, answer in zip(prompts, requests, together, strict=True):
        assert torch.equal(engine.generate([prompt], [request], greedy, [0])[0], answer)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("bloom", {}, "a decoder of model_type bloom cannot be run"),
        ("falcon", {"alibi": True}, "a decoder of model_type falcon cannot be run"),
        ("rwkv", {}, "a decoder of model_type rwkv cannot be run"),
        ("gpt_neo", {"attention_types": [[["global", "local"], 1]]}, "local attention of its own kind cannot be run"),
    ],
)
def test_families_that_count_columns_or_keep_a_state_are_refused(
    kind: str, settings: dict[str, Any], message: str, tiny_processor: Processor, tiny_grammar: Grammar
) -> None:
    decoder = of_family(kind, tiny_processor.vocabulary.size, **settings)
    with pytest.raises(InputError, match=message):
        Engine(decoder, tiny_processor.vocabulary, tiny_grammar).forward()


def of_family(kind: str, vocab_size: int, **settings: Any) -> PreTrainedModel:
    """A small decoder of a family of ``transformers``."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind == "mistral":
        sizes |= {"intermediate_size": 16, "num_key_value_heads": 2}
    if kind == "gpt_neo":
        sizes = {"hidden_size": 16, "num_layers": 2, "num_heads": 2}
    config = AutoConfig.for_model(kind, vocab_size=vocab_size, initializer_range=0.3, **sizes, **settings)
    return AutoModelForCausalLM.from_config(config).eval()
