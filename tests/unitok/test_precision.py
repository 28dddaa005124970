"""Which numbers a device computes with."""

from __future__ import annotations

import re

import pytest
import torch

from unitok.devices import usable_device
from unitok.engine.projections import packs
from unitok.precision import attends_alone_in, fast_dtype, has_bfloat16
from unitok_tokenizers.errors import InputError


def test_accelerators_compute_in_bfloat16() -> None:
    assert has_bfloat16("cuda") and fast_dtype(torch.device("cuda", 1)) == torch.bfloat16


@pytest.mark.parametrize("products", [True, False])
def test_a_processor_computes_in_what_it_has_products_of(monkeypatch: pytest.MonkeyPatch, products: bool) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: products, raising=False)
    assert has_bfloat16("cpu") is products and packs(torch.bfloat16) is products
    assert fast_dtype("cpu") == (torch.bfloat16 if products else torch.float32)


def test_without_onednn_there_are_no_such_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not has_bfloat16("cpu") and fast_dtype("cpu") == torch.float32


@pytest.mark.parametrize("units", [True, False])
def test_single_tokens_attend_in_float32_where_that_is_faster(monkeypatch: pytest.MonkeyPatch, units: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: units)
    assert attends_alone_in(torch.bfloat16, "cpu") == (torch.bfloat16 if units else torch.float32)
    assert attends_alone_in(torch.float32, "cpu") == torch.float32
    assert attends_alone_in(torch.bfloat16, "cuda") == torch.bfloat16


@pytest.mark.parametrize("name", ["abacus", "cuda:77", "hpu", "meta", None])
def test_a_device_that_is_not_here_is_named(name: str | None) -> None:
    with pytest.raises(InputError, match=re.escape(f"device {str(name)!r} cannot be used here")):
        usable_device(name)  # type: ignore[arg-type]
    assert usable_device("cpu") == usable_device(torch.device("cpu")) == torch.device("cpu")
