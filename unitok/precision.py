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


def attends_alone_in(dtype: torch.dtype, device: torch.device | str) -> torch.dtype:
    """What the attention of single tokens is computed in where keys and values are of a type.

    PyTorch's attention of one bfloat16 token a row takes 2 to 3 times as long on a processor without matrix units as
    turning keys and values into float32 first (Zen 4; ``docs/LOG.md``). With matrix units (AMX) that was not measured.
    """
    on_cpu = torch.device(device).type == "cpu"
    if dtype == torch.bfloat16 and on_cpu and not torch.cpu._is_amx_tile_supported():
        return torch.float32
    return dtype
