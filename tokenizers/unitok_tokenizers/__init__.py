"""Media to codes: the tokenizers of text, images and audio.

This package knows nothing of the vocabulary or of the model. A tokenizer turns media into codes,
int64 ``[B, K, *grid]``, and states what others need of it in its :class:`CodebookSpec`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CodebookSpec", "Detokenizer", "InputError", "Tokenizer"]


@runtime_checkable
class Tokenizer(Protocol):
    """Media to codes. Image ``[B, 3, H, W]`` or audio ``[B, 1, N]``, both float in ``[-1, 1]``."""

    @property
    def spec(self) -> CodebookSpec:
        """The codes that :meth:`encode` returns."""
        ...

    def encode(self, media: Tensor, /) -> Tensor:
        """Codes int64 ``[B, K, *grid]`` of ``media``."""
        ...


@runtime_checkable
class Detokenizer(Protocol):
    """Codes back to media of the same range; its spec must equal the tokenizer's."""

    @property
    def spec(self) -> CodebookSpec:
        """The codes that :meth:`decode` reads."""
        ...

    def decode(self, codes: Tensor, /) -> Tensor:
        """Media float of ``codes`` int64 ``[B, K, *grid]``."""
        ...
