"""The numbers that a device computes with fast: bfloat16 where it has products of them, float32 elsewhere.

Processors without such products, such as those with AVX2 alone that many laptops have, work bfloat16 out in plain
loops, a hundred times slower than float32.
"""

from __future__ import annotations

from typing import Any

import torch


def has_bfloat16(device: torch.device | str) -> bool:
    """Whether a device multiplies matrices of bfloat16 at least about as fast as those of float32."""
    if torch.device(device).type != "cpu":
        return True
    mkldnn: Any = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and bool(mkldnn._is_mkldnn_bf16_supported())


def fast_dtype(device: torch.device | str) -> torch.dtype:
    """bfloat16 or float32, whichever a device is faster with."""
    return torch.bfloat16 if has_bfloat16(device) else torch.float32
