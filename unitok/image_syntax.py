"""How an image's codes are written as token ids, between the size tokens and ``<eoi>``.

Shape letters: K codebooks, h w code grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError


class ImageSyntax:
    """The codes row by row, the codebooks of a cell side by side; each row begins with its number if the vocabulary
    says so (``numbered_rows``), as a size token that counts from 1.

    A decoder's positions are relative, so that without the numbers it has to count codes to know where in a
    picture it is.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._numbers = int(vocabulary.numbered_rows)

    def row_length(self, width: int) -> int:
        """Tokens of one row."""
        return width * self._vocabulary.spec("image").num_codebooks + self._numbers

    def length(self, height: int, width: int) -> int:
        """Tokens of all rows."""
        return height * self.row_length(width)

    def write(self, codes: Tensor) -> Tensor:
        """Token ids int64 ``[length]`` of codes int64 ``[K, h, w]``."""
        ids = self._vocabulary.codes_to_ids("image", codes[None])[0]
        if not self._numbers:
            return ids
        numbers = torch.tensor([self._vocabulary.size_id(row) for row in range(1, codes.shape[1] + 1)])
        return torch.cat([numbers[:, None], ids.view(codes.shape[1], -1)], dim=1).flatten()

    def read(self, ids: Tensor, height: int, width: int, first: int = 1) -> Tensor:
        """Codes int64 ``[K, h, w]`` of token ids int64 ``[length]``, of which the first row is number ``first``.

        Raises:
            InputError: A row does not begin with its number, or something else than a code is in it.
        """
        rows = ids.view(height, -1)
        if self._numbers:
            for row, number in enumerate(rows[:, 0].tolist(), first):
                if number != self._vocabulary.size_id(row):
                    raise InputError(f"token ids are malformed: row {row} of an image begins with token id {number}")
        return self._vocabulary.ids_to_codes("image", rows[:, self._numbers :].reshape(1, -1), (height, width))[0]
