"""What the grammar knows of each row, and the masks that it looks up.

Shape letters: B batch, V vocabulary, M rows of the mask table.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor


class Phase:
    """What a row may go on with. Those up to ``END_NEXT`` are the turn's; the others stand inside of a span."""

    DONE: Final = 0  # only <pad>
    FIRST: Final = 1  # content, but not yet the end
    OPEN: Final = 2  # content or the end
    IMAGE_NEXT: Final = 3  # only <boi>
    AUDIO_NEXT: Final = 4  # only <boa>
    END_NEXT: Final = 5  # only the end
    HEIGHT: Final = 6  # of an image whose size is written as tokens
    WIDTH: Final = 7
    CODES: Final = 8
    CLOSE: Final = 9
    ROW: Final = 10  # the number of the next row
    PLACE: Final = 11  # a place of an image that follows a template
    SOUND: Final = 12
    COUNT: Final = 13


class GrammarState(NamedTuple):
    """Where each row stands; every field is int64 ``[B]``."""

    phase: Tensor  # one of `Phase`
    room: Tensor  # tokens that may still come, the next one and <eot> included
    ends_after_span: Tensor  # 1 where the turn ends with its first image or sound
    images: Tensor  # images that may still be opened
    least_image: Tensor  # tokens of the smallest image that the row may open, delimiters included
    max_codes: Tensor  # codes of one image at most
    grid_height: Tensor  # the height that is asked for, or 0
    grid_width: Tensor  # the width that is asked for, or 0
    sounds: Tensor  # sounds that may still be opened
    max_frames: Tensor  # frames of one sound at most
    template: Tensor  # which template the images of the row follow
    height: Tensor  # the height of the open image
    width: Tensor  # and its width
    codes: Tensor  # codes that are still to come in the open image, or the open frames; of a template, tokens
    frames: Tensor  # frames that were opened in the open sound
    first: Tensor  # the codebook that its present step begins with
    codebook: Tensor  # the codebook that comes next in that step

    def rows(self, index: Tensor) -> GrammarState:
        """The states of some rows, in the order of ``index`` int64 ``[n]`` (or a bool mask ``[B]``)."""
        return GrammarState(*(values[index] for values in self))

    def after_span(self) -> Tensor:
        """The phase behind an image or a sound."""
        return torch.where(self.ends_after_span > 0, Phase.END_NEXT, Phase.OPEN)


class Masks:
    """Collects the rows of the mask table, bool ``[M, V]``."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows: list[Tensor] = []

    def add(self, *groups: Tensor) -> int:
        """Adds a row that allows the given ids, and returns its number."""
        row = torch.zeros(self._size, dtype=torch.bool)
        for ids in groups:
            row[ids] = True
        self._rows.append(row)
        return len(self._rows) - 1

    def table(self) -> Tensor:
        return torch.stack(self._rows)
