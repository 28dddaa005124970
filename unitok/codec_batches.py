"""Media and codes through a codec, in batches of one shape.

Shape letters: B batch, C channels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn

VALUES_PER_BATCH: Final = 64 * 64 * 64
"""Pixels or samples that go through a codec together at most, to bound the memory; a single one may be larger."""


def device_of(codec: object) -> torch.device:
    """Where a codec takes its inputs."""
    parameter = next(codec.parameters(), None) if isinstance(codec, nn.Module) else None
    return parameter.device if parameter is not None else torch.device("cpu")


def in_batches(
    codec: object, run: Callable[[Tensor], Tensor], inputs: Sequence[Tensor], values_per_place: int = 1
) -> list[Tensor]:
    """Puts tensors ``[C, *places]`` through a codec, those of one shape together.

    Args:
        codec: Whose device is used.
        run: Its method, from ``[B, C, *places]`` to one result for each.
        inputs: What goes in.
        values_per_place: How many pixels or samples one place of ``places`` stands for.

    Returns:
        The results, in the order of the inputs, on the CPU.
    """
    device = device_of(codec)
    groups: dict[torch.Size, list[int]] = defaultdict(list)
    for place, tensor in enumerate(inputs):
        groups[tensor.shape].append(place)
    results: dict[int, Tensor] = {}
    for shape, places in groups.items():
        step = max(1, VALUES_PER_BATCH // (shape[1:].numel() * values_per_place))
        for start in range(0, len(places), step):
            chosen = places[start : start + step]
            with torch.no_grad():
                outputs = run(torch.stack([inputs[place] for place in chosen]).to(device)).cpu()
            results.update(zip(chosen, outputs.unbind(0), strict=True))
    return [results[place] for place in range(len(inputs))]
