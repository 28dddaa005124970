"""How an image is written as token ids, from ``<boi>`` to ``<eoi>``: a head, the rows of codes, a tail.

Shape letters: K codebooks, h w code grid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from unitok.syntax import FixedImages, MeasuredImages, SizedImages, SpelledImages
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

Grid = tuple[int, int]


class ImageSyntax(ABC):
    """The head says which grid follows; a row is marks and ``w * K`` codes, the codebooks of a cell side by side."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    @abstractmethod
    def head(self, height: int, width: int) -> list[int]:
        """The ids in front of the first row, ``<boi>`` the first of them.

        Raises:
            InputError: No image of this grid can be written.
        """

    @abstractmethod
    def read_head(self, ids: list[int]) -> Grid | None:
        """The grid that a head states; None as long as it is not whole.

        Raises:
            InputError: It is no head, nor the beginning of one.
        """

    @property
    @abstractmethod
    def marks(self) -> list[int]:
        """Every id that an image may hold beside its codes."""

    def row_marks(self, row: int) -> tuple[list[int], list[int]]:
        """The ids in front of and behind the codes of row ``row``, which is 1 for the first."""
        return [], []

    @property
    def tail(self) -> list[int]:
        """The ids behind the last row, ``<eoi>`` the last of them."""
        return [self._vocabulary.eoi]

    def row_length(self, width: int) -> int:
        """Ids of one row, its marks included."""
        return width * self._vocabulary.spec("image").num_codebooks + sum(map(len, self.row_marks(1)))

    def length(self, height: int, width: int) -> int:
        """Ids of a whole image."""
        return len(self.head(height, width)) + height * self.row_length(width) + len(self.tail)

    def write(self, codes: Tensor) -> Tensor:
        """Token ids int64 of codes int64 ``[K, h, w]``."""
        height, width = codes.shape[-2:]
        ids = self._vocabulary.codes_to_ids("image", codes[None]).view(height, -1)
        pieces = [torch.tensor(self.head(height, width))]
        for row, codes_of_row in enumerate(ids, 1):
            before, after = (torch.tensor(marks, dtype=torch.int64) for marks in self.row_marks(row))
            pieces += [before, codes_of_row, after]
        return torch.cat([*pieces, torch.tensor(self.tail)])

    def read(self, ids: Tensor) -> tuple[Tensor, int]:
        """The image at the beginning of token ids int64 ``[S]``: its codes int64 ``[K, h, w]``, and its length.

        Raises:
            InputError: There is none, or it is cut off.
        """
        values: list[int] = ids.tolist()
        start = 1
        while (grid := self.read_head(values[:start])) is None:
            if start >= len(values):
                raise InputError("token ids are malformed: an image is cut off")
            start += 1
        height, width = grid
        stop = start + height * self.row_length(width)
        if stop + len(self.tail) > len(values):
            raise InputError("token ids are malformed: an image is cut off")
        if values[stop : stop + len(self.tail)] != self.tail:
            raise InputError("token ids are malformed: an image of that grid does not end where it should")
        return self.read_rows(ids[start:stop], width), stop + len(self.tail)

    def read_rows(self, ids: Tensor, width: int, first: int = 1) -> Tensor:
        """Codes int64 ``[K, rows, width]`` of the token ids int64 of some rows, of which the first is number ``first``.

        Raises:
            InputError: A row has other marks, or something else than a code is in it.
        """
        rows = ids.view(-1, self.row_length(width))
        before, after = (len(marks) for marks in self.row_marks(1))
        for row, values in enumerate(rows.tolist(), first):
            if (values[:before], values[len(values) - after :]) != self.row_marks(row):
                raise InputError(f"token ids are malformed: row {row} of an image does not begin and end as it should")
        codes = rows[:, before : rows.shape[1] - after].reshape(1, -1)
        return self._vocabulary.ids_to_codes("image", codes, (len(rows), width))[0]

    def _begins(self, ids: list[int]) -> None:
        if ids and ids[0] != self._vocabulary.boi:
            raise InputError(f"token ids are malformed: an image begins with token id {ids[0]}")


class SizedSyntax(ImageSyntax):
    """:class:`~unitok.syntax.SizedImages`."""

    def __init__(self, vocabulary: Vocabulary, settings: SizedImages) -> None:
        super().__init__(vocabulary)
        self._numbered = settings.numbered_rows

    def head(self, height: int, width: int) -> list[int]:
        v = self._vocabulary
        return [v.boi, v.size_id(height), v.size_id(width)]

    def read_head(self, ids: list[int]) -> Grid | None:
        self._begins(ids)
        sizes = [self._vocabulary.size_of(one) for one in ids[1:3]]
        return (sizes[0], sizes[1]) if len(sizes) == 2 else None

    @property
    def marks(self) -> list[int]:
        return [self._vocabulary.boi, *self._vocabulary.size_ids.tolist(), self._vocabulary.eoi]

    def row_marks(self, row: int) -> tuple[list[int], list[int]]:
        return ([self._vocabulary.size_id(row)] if self._numbered else []), []


class FixedSyntax(ImageSyntax):
    """:class:`~unitok.syntax.FixedImages`."""

    def __init__(self, vocabulary: Vocabulary, settings: FixedImages) -> None:
        super().__init__(vocabulary)
        self._grid = settings.height, settings.width

    def head(self, height: int, width: int) -> list[int]:
        if (height, width) != self._grid:
            wanted = f"{self._grid[0]}x{self._grid[1]}"
            raise InputError(f"every image of this model has a code grid of {wanted}, not {height}x{width}")
        return [self._vocabulary.boi]

    def read_head(self, ids: list[int]) -> Grid | None:
        self._begins(ids)
        return self._grid if ids else None

    @property
    def marks(self) -> list[int]:
        return [self._vocabulary.boi, self._vocabulary.eoi]


class MeasuredSyntax(ImageSyntax):
    """:class:`~unitok.syntax.MeasuredImages`."""

    def __init__(self, vocabulary: Vocabulary, settings: MeasuredImages) -> None:
        super().__init__(vocabulary)
        self._settings = settings
        self._sizes = {token_id: n * settings.unit for n, token_id in enumerate(settings.sizes, 1)}

    def head(self, height: int, width: int) -> list[int]:
        unit, sizes = self._settings.unit, self._settings.sizes
        for side in (height, width):
            if side % unit or not 1 <= side // unit <= len(sizes):
                most = unit * len(sizes)
                raise InputError(f"code grids are multiples of {unit} up to {most}, which {height}x{width} is not")
        return [self._vocabulary.boi, *(sizes[side // unit - 1] for side in (height, width))]

    def read_head(self, ids: list[int]) -> Grid | None:
        self._begins(ids)
        for token_id in ids[1:3]:
            if token_id not in self._sizes:
                raise InputError(f"token ids are malformed: {token_id} is not the size of an image")
        sizes = [self._sizes[token_id] for token_id in ids[1:3]]
        return (sizes[0], sizes[1]) if len(sizes) == 2 else None

    def row_marks(self, row: int) -> tuple[list[int], list[int]]:
        return [], [self._settings.row_end]

    @property
    def marks(self) -> list[int]:
        return [self._vocabulary.boi, *self._settings.sizes, self._settings.row_end, self._vocabulary.eoi]


class SpelledSyntax(ImageSyntax):
    """:class:`~unitok.syntax.SpelledImages`."""

    def __init__(self, vocabulary: Vocabulary, settings: SpelledImages) -> None:
        super().__init__(vocabulary)
        self._settings = settings
        self._digits = {token_id: str(digit) for digit, token_id in enumerate(settings.digits)}

    def head(self, height: int, width: int) -> list[int]:
        most = self._vocabulary.max_grid
        if not (1 <= height <= most and 1 <= width <= most):
            raise InputError(f"a code grid of {height}x{width} is outside 1x1 to {most}x{most}")
        digits = self._settings.digits
        tall, wide = ([digits[int(digit)] for digit in str(n)] for n in (height, width))
        return [self._vocabulary.boi, *tall, self._settings.times, *wide, self._settings.begin]

    def read_head(self, ids: list[int]) -> Grid | None:
        self._begins(ids)
        if not ids or ids[-1] != self._settings.begin:
            if len(ids) > len(self.head(self._vocabulary.max_grid, self._vocabulary.max_grid)):
                raise InputError("token ids are malformed: an image does not state its grid")
            return None
        spelled = "".join("*" if one == self._settings.times else self._digits.get(one, "?") for one in ids[1:-1])
        sizes = [int(n) if n.isdecimal() else 0 for n in spelled.split("*")]
        known = len(sizes) == 2 and all(1 <= n <= self._vocabulary.max_grid for n in sizes)
        if not known or self.head(sizes[0], sizes[1]) != ids:
            raise InputError(f"token ids are malformed: an image states the grid {spelled!r}")
        return sizes[0], sizes[1]

    def row_marks(self, row: int) -> tuple[list[int], list[int]]:
        return [], [self._settings.row_end]

    @property
    def marks(self) -> list[int]:
        settings = self._settings
        spelled = [*settings.digits, settings.times, settings.begin, settings.row_end, settings.end]
        return [self._vocabulary.boi, *spelled, self._vocabulary.eoi]

    @property
    def tail(self) -> list[int]:
        return [self._settings.end, self._vocabulary.eoi]


def image_syntax(vocabulary: Vocabulary) -> ImageSyntax:
    """How a vocabulary writes images."""
    settings = vocabulary.images
    if isinstance(settings, FixedImages):
        return FixedSyntax(vocabulary, settings)
    if isinstance(settings, MeasuredImages):
        return MeasuredSyntax(vocabulary, settings)
    if isinstance(settings, SpelledImages):
        return SpelledSyntax(vocabulary, settings)
    return SizedSyntax(vocabulary, settings)
