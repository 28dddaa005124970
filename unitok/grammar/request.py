"""What a caller wants of one turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from unitok_tokenizers.errors import InputError

Modality = Literal["auto", "text", "image", "audio"]


@dataclass(frozen=True)
class Request:
    """What the caller wants of one row's turn.

    Attributes:
        modality: ``"text"``: text only; ``"image"``: exactly one image; ``"audio"``: exactly one sound; ``"auto"``: any
            mixture.
        max_tokens: Tokens of the turn at most, the one that ends it included.
        max_images: ``"auto"``: images at most; None: as many as there is room for.
        grid: Code grid ``(h, w)`` that every image must have; None: the model chooses, or the vocabulary's default
            where it does not write sizes as tokens.
        max_grid_tokens: Codes of one image at most, ``h * w * K``; None: as there is room.
        max_audio: ``"auto"``: sounds at most; None: as many as there is room for.
        max_frames: Frames of one sound at most; None: as there is room.

    Raises:
        InputError: A value is out of range.
    """

    modality: Modality = "auto"
    max_tokens: int = 256
    max_images: int | None = None
    grid: tuple[int, int] | None = None
    max_grid_tokens: int | None = None
    max_audio: int | None = None
    max_frames: int | None = None

    def __post_init__(self) -> None:
        if self.modality not in get_args(Modality):
            raise InputError(f"modality {self.modality!r} is not one of {', '.join(get_args(Modality))}")
        grid: Any = self.grid  # of a caller who need not keep to its type
        if grid is not None and not (isinstance(grid, tuple | list) and [type(n) for n in grid] == [int, int]):
            raise InputError(f"grid must be two integers, the height and the width in codes, not {grid!r}")
        if self.max_tokens < 2:
            raise InputError(f"max_tokens must be at least 2 (a token and the turn's end), not {self.max_tokens}")
        for name in ("max_images", "max_audio"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InputError(f"{name} must not be negative, but is {value}")
        for name in ("max_grid_tokens", "max_frames"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be positive, not {value}")
