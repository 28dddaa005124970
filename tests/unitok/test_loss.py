"""The chunked loss equals its plain definition, in value and gradient."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from unitok.training.loss import LossConfig, chunked_cross_entropy, full_cross_entropy


def _inputs(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 11, 8, generator=generator, dtype=dtype)
    targets = torch.randint(0, 20, (3, 11), generator=generator)
    weights = torch.rand(3, 11, generator=generator, dtype=dtype)
    weights[weights < 0.4] = 0.0
    groups = targets % 3
    return hidden, targets, weights, groups


@pytest.mark.parametrize("chunk", [1, 4, 1000])
def test_equals_the_plain_definition(chunk: int) -> None:
    hidden, targets, weights, groups = _inputs()
    head = nn.Linear(8, 20, bias=False).double()
    results = []
    for chunked in (True, False):
        h = hidden.clone().requires_grad_()
        head.zero_grad()
        if chunked:
            loss = chunked_cross_entropy(h, targets, weights, groups, head, num_groups=3, z_loss=0.01, chunk=chunk).loss
        else:
            loss = full_cross_entropy(head(h), targets, weights, z_loss=0.01)
        loss.backward()
        assert h.grad is not None and head.weight.grad is not None
        results.append((loss.detach().double(), h.grad, head.weight.grad.clone()))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-6, rtol=1e-5)


def test_sums_per_group_are_unweighted() -> None:
    hidden, targets, weights, groups = _inputs()
    head = nn.Linear(8, 20, bias=False).double()
    out = chunked_cross_entropy(hidden, targets, weights, groups, head, num_groups=4, chunk=5)
    nll = -head(hidden).log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    for group in range(4):
        chosen = (groups == group) & (weights > 0)
        assert out.count[group] == chosen.sum()
        torch.testing.assert_close(out.nll[group].double(), nll[chosen].sum(), atol=1e-4, rtol=1e-5)


def test_positions_without_weight_reach_neither_the_head_nor_the_gradient() -> None:
    hidden, targets, weights, groups = _inputs(torch.float32)
    seen = 0

    def head(h: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += len(h)
        return h @ torch.ones(8, 20)

    hidden.requires_grad_()
    chunked_cross_entropy(hidden, targets, weights, groups, head, num_groups=3).loss.backward()
    assert seen == int((weights > 0).sum())
    assert hidden.grad is not None and hidden.grad[weights == 0].abs().max() == 0


def test_no_position_at_all_is_a_loss_of_zero_with_a_gradient() -> None:
    hidden, targets, weights, groups = _inputs(torch.float32)
    hidden.requires_grad_()
    head = nn.Linear(8, 20)
    out = chunked_cross_entropy(hidden, targets, weights * 0, groups, head, num_groups=3)
    out.loss.backward()
    assert out.loss == 0 and out.count.sum() == 0
    assert head.weight.grad is not None


@pytest.mark.parametrize("change", [{"image": -1.0}, {"chunk": 0}, {"z_loss": -1e-3}])
def test_a_weight_out_of_range_is_named(change: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        LossConfig(**change)


TWO_RANKS = """
import os
import sys
import torch
from torch.distributed.device_mesh import init_device_mesh
from transformers import Qwen3Config, Qwen3ForCausalLM
from unitok.training.backbone import shard_decoder, with_head
from unitok.training.loss import chunked_cross_entropy

rank = int(sys.argv[1])
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
torch.manual_seed(0)
plain = Qwen3ForCausalLM(Qwen3Config(**sizes, **heads, tie_word_embeddings=False))
sharded = Qwen3ForCausalLM(plain.config)
sharded.load_state_dict(plain.state_dict())
shard_decoder(sharded, init_device_mesh("cpu", (2,)), torch.float32)
ids = torch.randint(50, (2, 2, 16), generator=torch.Generator().manual_seed(1))
weights = torch.ones(2, 2, 16)
weights[1, :, 3:] = 0  # the second rank has fewer chunks of logits
for number in range(2):
    targets = dict(targets=ids[number].roll(-1, 1), weights=weights[number], groups=ids[number] * 0)
    use = lambda hidden, head: chunked_cross_entropy(hidden, head=head, num_groups=1, chunk=5, **targets)
    (with_head(plain, plain.model(ids[number]).last_hidden_state, use).loss / 2).backward()
    if number == rank:
        with_head(sharded, sharded.model(ids[number]).last_hidden_state, use).loss.backward()
for (name, one), other in zip(plain.named_parameters(), sharded.parameters(), strict=True):
    torch.testing.assert_close(other.grad.full_tensor(), one.grad, msg=lambda m: name + m)
print("equal", flush=True)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
os._exit(0)  # one run in thirty aborts while the interpreter takes the library's threads down
"""


def test_ranks_with_different_numbers_of_chunks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    arguments = [[sys.executable, "-c", TWO_RANKS, str(rank), str(tmp_path / "store")] for rank in range(2)]
    ranks = [subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for one in arguments]
    try:
        found = [rank.communicate(timeout=120) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], found
    assert [out.split()[-1:] for out, _ in found] == [["equal"], ["equal"]], found
