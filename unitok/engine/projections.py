"""The matrices of a decoder in the form that multiplies a few rows fastest.

A step of a small batch reads every weight once and does little else, so that its time is that of reading them.

Shape letters: T tokens, I and O inputs and outputs.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

from unitok.precision import has_bfloat16

Weights = Literal["int8"]
"""How weights are kept, if not as they are."""

LONG = 32
"""From this many tokens on, int8 weights are turned back first: their own product is made for a few."""


class Projection(Protocol):
    """A linear layer without bias."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """``[T, O]`` of ``[T, I]``."""
        ...

    def add(self, residual: Tensor, inputs: Tensor) -> Tensor:
        """``residual`` ``[T, O]`` plus the product with ``inputs`` ``[T, I]``."""
        ...


class PlainProjection:
    """The weight ``[O, I]`` as it is."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight
        self._transposed = weight.t()

    def __call__(self, inputs: Tensor) -> Tensor:
        return linear(inputs, self._weight)

    def add(self, residual: Tensor, inputs: Tensor) -> Tensor:
        return torch.addmm(residual, inputs, self._transposed)


class PackedProjection:
    """The weight ``[O, I]`` in the blocks that oneDNN reads.

    In bf16 several times as fast as plain rows, in float32 1.5 to 3 times for a few rows on an AMD processor (Zen 5),
    where MKL multiplies plain ones slowly; on others float32 was not measured. They are a copy of the weights.
    """

    def __init__(self, weight: Tensor) -> None:
        mkldnn: Any = torch.ops.mkldnn
        self._packed = mkldnn._reorder_linear_weight(weight.contiguous(), 8)
        self._linear = mkldnn._linear_pointwise.default
        self._linear_add = mkldnn._linear_pointwise.binary

    def __call__(self, inputs: Tensor) -> Tensor:
        return self._linear(inputs, self._packed, None, "none", [], "")

    def add(self, residual: Tensor, inputs: Tensor) -> Tensor:
        return self._linear_add(inputs, residual, self._packed, None, "add")


class Int8Projection:
    """The weight ``[O, I]`` in 8 bits, with a scale for each output; half of what bf16 has to read.

    A few tokens are multiplied in bf16 whatever they come in: the product with 8 bits has fast code for nothing else.
    Many are rounded as these are, so that a row does not depend on how many others are in its pass.
    """

    def __init__(self, weight: Tensor) -> None:
        self._rounded, self._scale = rounded_to_int8(weight)

    def __call__(self, inputs: Tensor) -> Tensor:
        if inputs.device.type != "cpu":
            return linear(inputs, self._rounded.to(inputs.dtype)) * self._scale
        if inputs.shape[0] < LONG:
            return int8_product(inputs.contiguous(), self._rounded, self._scale)
        rounded_inputs = inputs.bfloat16().to(inputs.dtype)
        return (linear(rounded_inputs, self._rounded.to(inputs.dtype)) * self._scale).bfloat16().to(inputs.dtype)

    def add(self, residual: Tensor, inputs: Tensor) -> Tensor:
        return self(inputs).add_(residual)


def int8_product(inputs: Tensor, rounded: Tensor, scale: Tensor) -> Tensor:
    """``[T, O]`` of ``[T, I]`` and what :func:`rounded_to_int8` gives, computed in bf16 on a CPU."""
    return torch.ops.aten._weight_int8pack_mm(inputs.bfloat16(), rounded, scale).to(inputs.dtype)


def rounded_to_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight ``[O, I]`` as int8 ``[O, I]`` and what each output is multiplied with, bf16 ``[O]``."""
    largest = weight.float().abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny)
    # The scale is rounded first, so that the int8 values make up for it.
    scale = (largest / 127).bfloat16()
    return (weight.float() / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def project(weight: Tensor, weights: Weights | None = None) -> Projection:
    """The fastest form of a weight ``[O, I]`` that computes the same, or in 8 bits if ``weights`` says so."""
    if weights == "int8":
        return Int8Projection(weight)
    return PackedProjection(weight) if weight.device.type == "cpu" and packs(weight.dtype) else PlainProjection(weight)


def packs(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies packed weights of a type fast on this processor."""
    if dtype == torch.float32:
        return torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability().startswith("AVX")
    return dtype == torch.bfloat16 and has_bfloat16("cpu")
