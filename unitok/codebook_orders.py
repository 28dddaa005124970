"""In which order the codes of several codebooks are written as one stream.

A stream is a row of steps. The codes of a step belong to ascending codebooks, one each, and a code of codebook 0 opens
a frame. The delayed order is that of MusicGen ("Simple and Controllable Music Generation", Copet et al., 2023), without
the special codes that fill its corners there.

Shape letters: K codebooks, T frames, B rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from unitok_tokenizers.errors import InputError


class CodebookOrder(ABC):
    """One way to write codes ``[K, T]`` as a stream of ``K * T`` codes, each with its codebook.

    Args:
        num_codebooks: K.
    """

    def __init__(self, num_codebooks: int) -> None:
        self.num_codebooks = num_codebooks

    @abstractmethod
    def places(self, frames: int) -> Tensor:
        """int64 ``[K * T, 2]``: the codebook and the frame of each code of a stream of T frames."""

    @abstractmethod
    def last(self, first: Tensor, frames: Tensor) -> Tensor:
        """The last codebook of a step, int64 ``[B]``.

        Args:
            first: int64 ``[B]``, the codebook that the step begins with.
            frames: int64 ``[B]``, the frames that are open in that step.
        """

    @abstractmethod
    def following(self, first: Tensor) -> Tensor:
        """What the next step begins with if it opens no frame, int64 ``[B]``; K: nothing, all frames are whole.

        Args:
            first: int64 ``[B]``, the codebook that the step before it begins with. Only behind a step that begins
                with codebook 0 may another frame be opened.
        """

    def apply(self, codes: Tensor) -> Tensor:
        """The stream int64 ``[K * T, 2]`` of codes int64 ``[K, T]``: a codebook and a code in each row."""
        codebooks, frames = self.places(codes.shape[1]).to(codes.device).unbind(1)
        return torch.stack([codebooks, codes[codebooks, frames]], dim=1)

    def revert(self, stream: Tensor) -> Tensor:
        """The codes int64 ``[K, T]`` of a stream int64 ``[K * T, 2]``.

        Raises:
            InputError: The stream is not in this order.
        """
        frames, rest = divmod(len(stream), self.num_codebooks)
        if rest:
            raise InputError(f"a frame is not whole: {len(stream)} codes of {self.num_codebooks} codebooks")
        codebooks, places = self.places(frames).to(stream.device).unbind(1)
        strange = (stream[:, 0] != codebooks).nonzero()
        if len(strange):
            place = int(strange[0])
            raise InputError(
                f"code {place} of {len(stream)} is of codebook {int(stream[place, 0])}, "
                f"not of codebook {int(codebooks[place])}"
            )
        codes = stream.new_empty(self.num_codebooks, frames)
        codes[codebooks, places] = stream[:, 1]
        return codes


class Flattened(CodebookOrder):
    """Frame by frame, the codebooks of a frame side by side. A step is a frame."""

    def places(self, frames: int) -> Tensor:
        return torch.stack(
            [
                torch.arange(self.num_codebooks).repeat(frames),
                torch.arange(frames).repeat_interleave(self.num_codebooks),
            ],
            dim=1,
        )

    def last(self, first: Tensor, frames: Tensor) -> Tensor:
        return torch.full_like(first, self.num_codebooks - 1)

    def following(self, first: Tensor) -> Tensor:
        return torch.full_like(first, self.num_codebooks)


class Delayed(CodebookOrder):
    """Codebook k of frame t comes at step t + k: the codes of a step belong to a diagonal of ``[K, T]``.

    Only codes that exist are written: the first K - 1 steps are shorter, and so are the last, which begin with
    codebook 1, then 2, and so on.
    """

    def places(self, frames: int) -> Tensor:
        steps = torch.arange(frames + self.num_codebooks - 1 if frames else 0)
        codebooks = torch.arange(self.num_codebooks).expand(len(steps), -1)
        frame = steps[:, None] - codebooks
        exists = (frame >= 0) & (frame < frames)
        return torch.stack([codebooks[exists], frame[exists]], dim=1)

    def last(self, first: Tensor, frames: Tensor) -> Tensor:
        return (frames - 1 + first).clamp(max=self.num_codebooks - 1)

    def following(self, first: Tensor) -> Tensor:
        return first + 1


ORDERS: Final[Mapping[str, type[CodebookOrder]]] = MappingProxyType({"flattened": Flattened, "delayed": Delayed})
"""By the name under which a vocabulary keeps them."""
