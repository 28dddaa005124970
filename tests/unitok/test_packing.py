"""Packing: rows are full, attention stays inside a document."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

from unitok.data.packing import CONTEXT, IGNORED, TARGET, build_batch, pack
from unitok.training.backbone import decoder_layers
from unitok.training.packing_check import check_packing
from unitok_tokenizers.errors import InputError

PAD = 49


@given(st.lists(st.integers(1, 64), max_size=200))
@settings(deadline=None, max_examples=60)
def test_every_document_is_in_exactly_one_row_that_holds_it(lengths: list[int]) -> None:
    rows = pack(lengths, 64)
    assert sorted(document for row in rows for document in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[document] for document in row) <= 64 for row in rows)
    # Best-fit-decreasing: never two rows that could be one.
    rooms = sorted(sum(lengths[document] for document in row) for row in rows)
    assert len(rooms) < 2 or rooms[0] + rooms[1] > 64


def test_packing_wastes_little() -> None:
    lengths = np.random.default_rng(0).integers(70, 270, 4000)
    rows = pack(lengths, 384)
    assert lengths.sum() / (len(rows) * 384) > 0.97


def test_a_document_longer_than_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[1, 8\]"):
        pack([3, 9], 8)


def test_labels_and_positions_stop_at_a_documents_end() -> None:
    first = np.array([5, 6, 7]), np.array([0, 0, 1], dtype=np.uint8)
    second = np.array([8, 9]), np.array([0, 1], dtype=np.uint8)
    batch = build_batch([[first, second]], 7, PAD)
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 9, PAD, PAD]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1, 0, 0]]
    assert batch.labels.tolist() == [[6, 7, 0, 9, 0, 0, 0]]
    assert batch.roles.tolist() == [[CONTEXT, TARGET, IGNORED, TARGET, IGNORED, IGNORED, IGNORED]]


_WIDTH = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL: dict[str, dict[str, Any]] = {
    "gpt2": {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32},
    "gpt_neox": {**_WIDTH, "intermediate_size": 16},
    "llama": {**_WIDTH, "intermediate_size": 16},
    "opt": {**_WIDTH, "ffn_dim": 16, "word_embed_proj_dim": 16, "dropout": 0.0},
    "mamba": {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
    "bloom": {"vocab_size": 40, "hidden_size": 16, "n_layer": 2, "n_head": 2},
}


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def model(request: pytest.FixtureRequest) -> Qwen3ForCausalLM:
    return _model(request.param)


def _model(attention: str) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        attn_implementation=attention,  # pyright: ignore[reportCallIssue]
        initializer_range=0.3,
    )
    return Qwen3ForCausalLM(config)


def _documents(lengths: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [(rng.integers(0, PAD, n), np.ones(n, np.uint8)) for n in lengths]


@pytest.mark.parametrize("training", [False, True])
def test_a_packed_documents_logits_equal_the_documents_alone(model: Qwen3ForCausalLM, training: bool) -> None:
    _check_packed(model.train(training), model)


def test_flex_attention_keeps_documents_apart() -> None:
    with torch.no_grad():  # on a CPU it has no gradients
        _check_packed(_model("flex_attention").eval(), _model("sdpa").eval())


def _check_packed(model: Qwen3ForCausalLM, plain: Qwen3ForCausalLM) -> None:
    """The logits of packed documents are those that `plain` computes of each alone."""
    rows = [_documents([9, 1, 6]), _documents([4, 12])]
    batch = build_batch(rows, 18, PAD)
    packed = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
    for row, documents in enumerate(rows):
        start = 0
        for ids, _ in documents:
            alone = plain(input_ids=torch.from_numpy(ids)[None], use_cache=False).logits[0]
            torch.testing.assert_close(packed[row, start : start + len(ids)], alone, atol=1e-5, rtol=1e-5)
            start += len(ids)


def test_nothing_leaks_from_one_document_to_another(model: Qwen3ForCausalLM) -> None:
    model.eval()
    documents = _documents([7, 8])
    batch = build_batch([documents], 15, PAD)
    embeddings = model.get_input_embeddings()(batch.input_ids).detach().requires_grad_()
    logits = model(inputs_embeds=embeddings, position_ids=batch.position_ids, use_cache=False).logits
    logits[0, 7:].square().sum().backward()
    assert embeddings.grad is not None
    assert embeddings.grad[0, :7].abs().max() == 0
    assert embeddings.grad[0, 7:].abs().max() > 0


@pytest.mark.parametrize("kind", ["gpt2", "gpt_neox", "llama"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_families_that_keep_documents_apart_are_trained(kind: str, dtype: torch.dtype) -> None:
    check_packing(AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL[kind])).to(dtype))


@pytest.mark.parametrize("kind", ["opt", "mamba", "bloom"])
def test_families_that_mix_documents_are_refused(kind: str) -> None:
    decoder = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL[kind]))
    with pytest.raises(InputError, match=f"a decoder of model_type {kind} (does not keep documents apart|cannot be)"):
        check_packing(decoder)
    assert decoder.training  # as it was


def test_layers_that_have_another_name_are_named() -> None:
    decoder = AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **SMALL["gpt2"]))
    with pytest.raises(InputError, match="do not know the layers of model_type gpt2"):
        decoder_layers(decoder)
