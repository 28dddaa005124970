"""Attention to what a decoder remembers."""

from __future__ import annotations

import pytest
import torch

from unitok.engine.forward import Pass
from unitok.engine.key_values import KeyValues


@pytest.mark.parametrize("units", [True, False])
def test_single_tokens_attend_alike_with_and_without_matrix_units(units: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: units)
    generator = torch.Generator().manual_seed(0)
    lengths, columns, heads, size = [40, 3, 64, 17, 9, 31], 64, 2, 16
    memory = KeyValues(1, heads, size, torch.empty(0, dtype=torch.bfloat16))
    slots, width = memory.reserve(len(lengths), columns)
    memory.layers[0].copy_(torch.randn(slots, 2 * heads, width, size, generator=generator))
    positions = torch.tensor(lengths)[:, None] - 1
    mask = torch.arange(columns) <= positions[:, None, :, None]
    places = [slot * width + length - 1 for slot, length in enumerate(lengths)]
    memory.begin([Pass(positions, positions, places, mask, columns, 1, lengths)])
    queries = torch.randn(len(lengths), 2 * heads, 1, size, generator=generator).bfloat16()
    found = memory.attend(0, queries)
    assert found.dtype == torch.bfloat16
    keys, values = memory.layers[0][:, :, :columns].double().repeat_interleave(2, dim=1).chunk(2, dim=1)
    scores = (queries.double() * keys).sum(-1) / size**0.5
    shares = scores.masked_fill(~mask[:, :, 0], -torch.inf).softmax(-1)
    expected = (shares[..., None] * values).sum(2, keepdim=True)
    rounding = torch.finfo(torch.bfloat16).eps * float(expected.abs().max())
    torch.testing.assert_close(found.double(), expected, atol=rounding, rtol=0)
