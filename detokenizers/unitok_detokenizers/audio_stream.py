"""Sound while its codes are still arriving.

Shape letters: B batch, T frames of codes, k codebooks, N samples.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from unitok_tokenizers.spec import CodebookSpec


class StreamableDetokenizer(Protocol):
    """A detokenizer that says on which frames a sample depends."""

    @property
    def spec(self) -> CodebookSpec: ...

    @property
    def lookahead(self) -> int | None:
        """Frames after its own; none: all of them, so that nothing is final before the end."""
        ...

    @property
    def history(self) -> int | None:
        """Frames before its own; none: all of them."""
        ...

    def decode(self, codes: Tensor, /) -> Tensor: ...


class AudioStream:
    """Takes frames of codes as they arrive and returns the samples that no later frame will change.

    What it returns, put together, is what ``decode`` makes of all codes at once. Each call decodes the new frames with
    the few before them that they depend on (``history``), however long the sound is.

    Args:
        detokenizer: of the codes.
    """

    def __init__(self, detokenizer: StreamableDetokenizer) -> None:
        self.detokenizer = detokenizer
        self._window: Tensor | None = None  # frames that are still needed
        self._start = 0  # the number of the first of them
        self._sent = 0  # frames whose samples were returned

    def push(self, codes: Tensor) -> Tensor:
        """The new final samples ``[B, 1, N]``, after codes int64 ``[B, k, T]`` that follow those before; N may be 0."""
        self._window = codes if self._window is None else torch.cat([self._window, codes], dim=-1)
        lookahead = self.detokenizer.lookahead
        return self._send(0 if lookahead is None else self._start + self._window.shape[-1] - lookahead)

    def finish(self) -> Tensor:
        """The samples ``[B, 1, N]`` that were held back, when no frame follows any more."""
        if self._window is None:
            return torch.zeros(1, 1, 0)
        return self._send(self._start + self._window.shape[-1])

    def _send(self, end: int) -> Tensor:
        """The samples of the frames up to ``end`` that were not returned before."""
        assert self._window is not None
        if end <= self._sent:
            return torch.zeros(len(self._window), 1, 0, device=self._window.device)
        hop, history = self.detokenizer.spec.hop_length, self.detokenizer.history
        assert hop is not None
        samples = self.detokenizer.decode(self._window)[
            ..., (self._sent - self._start) * hop : (end - self._start) * hop
        ]
        self._sent = end
        forgotten = 0 if history is None else max(0, end - history - self._start)
        self._window, self._start = self._window[..., forgotten:], self._start + forgotten
        return samples
