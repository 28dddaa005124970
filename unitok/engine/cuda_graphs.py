"""Compiled steps as CUDA graphs: what a step launches is recorded once for each shape, and then starts as a whole.

On an accelerator a step of a small decoder takes as long as its launches. A graph has the addresses of its tensors in
it, so a step's arguments are copied to where the recorded ones were.

Shape letters: n rows, L columns of a pass, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from unitok.engine.compiled import Step

WARM_UPS = 2
"""Runs in front of a recording, in which libraries choose their kernels and take their memory."""


class Recording(NamedTuple):
    """A step of one shape.

    Attributes:
        arguments: int64 ``[n, L]`` each, what it reads anew each time.
        fixed: What else it reads; kept here, since a graph knows addresses and keeps nothing alive.
        outcome: ``[n, L, D]``, where it writes.
        replay: Runs it.
    """

    arguments: tuple[Tensor, ...]
    fixed: tuple[Tensor, ...]
    outcome: Tensor
    replay: Callable[[], None]


Recorder = Callable[[Callable[[], Tensor], torch.device], tuple[Tensor, Callable[[], None]]]
"""Runs what it is given on a device, and returns the outcome and what runs it again into the same outcome."""


class GraphedStep:
    """A step that is recorded once for each number of rows and of tokens; it serves one memory.

    Args:
        step: As :meth:`unitok.engine.compiled.StepModule.forward`.
        record: How; by default as a CUDA graph.
    """

    def __init__(self, step: Step, record: Recorder | None = None) -> None:
        self._step, self._record = step, record or record_graph
        self._recordings: dict[torch.Size, Recording] = {}
        self._addresses: tuple[int, ...] = ()

    def __call__(
        self,
        token_ids: Tensor,
        positions: Tensor,
        columns: Tensor,
        seen: Tensor,
        cosine: Tensor,
        sine: Tensor,
        memory: Sequence[Tensor],
    ) -> Tensor:
        """What the step computes; of ``seen`` nothing is used, since one recording reads all columns of the memory."""
        fixed = cosine, sine, *memory
        addresses = tuple(one.data_ptr() for one in fixed)
        if addresses != self._addresses:  # the memory has grown: what was recorded would write to the old one
            self._recordings.clear()
            self._addresses = addresses
        arguments = token_ids, positions, columns
        known = self._recordings.get(token_ids.shape)
        if known is None:
            places = tuple(one.clone() for one in arguments)
            everything = torch.arange(memory[0].shape[2], device=token_ids.device)
            run = partial(self._step, *places, everything, cosine, sine, memory)
            outcome, replay = self._record(run, token_ids.device)
            known = self._recordings[token_ids.shape] = Recording(places, (everything, *fixed), outcome, replay)
        for place, new in zip(known.arguments, arguments, strict=True):
            place.copy_(new)
        known.replay()
        return known.outcome.clone()  # the next run overwrites it


def record_graph(run: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, Callable[[], None]]:
    """Records what a function does on a CUDA device, as `torch.cuda.graph` asks for it."""
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                run()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may take memory meanwhile
            outcome = run()

    def replay() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return outcome, replay
