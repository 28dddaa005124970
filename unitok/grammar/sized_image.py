"""An image whose size is written as tokens: ``<boi> <size_h> <size_w> rows <eoi>``.

Shape letters: B batch, K codebooks, h w code grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitok.grammar.request import Request
from unitok.grammar.state import GrammarState, Masks, Phase
from unitok.syntax import SizedImages
from unitok.vocabulary import Vocabulary


class SizedImageRules:
    """The choice of h and w leaves room for all that follows."""

    DELIMITERS = 4  # <boi>, the two sizes, <eoi>

    def __init__(self, vocabulary: Vocabulary, settings: SizedImages, masks: Masks, device: torch.device) -> None:
        self.count = vocabulary.spec("image").num_codebooks
        self.numbers = int(settings.numbered_rows)
        self.max_grid = vocabulary.max_grid
        size_ids = vocabulary.size_ids
        self._exactly = masks.add(size_ids[:1]) - 1  # plus n: only the size n
        for n in range(1, self.max_grid):
            masks.add(size_ids[n : n + 1])
        self._at_most = masks.add(size_ids[:1]) - 1  # plus n: the sizes up to n
        for n in range(1, self.max_grid):
            masks.add(size_ids[: n + 1])
        self._code = masks.add(vocabulary.block_ids("image", 0))  # plus k: the codes of codebook k
        for k in range(1, self.count):
            masks.add(vocabulary.block_ids("image", k))
        self._close = masks.add(torch.tensor([vocabulary.eoi]))
        sizes = torch.zeros(vocabulary.size, dtype=torch.int64)
        sizes[size_ids] = torch.arange(1, len(size_ids) + 1)
        self._sizes = sizes.to(device)

    def least(self, request: Request) -> tuple[int, int]:
        """Codes, and tokens with the delimiters, of the smallest image that a request allows."""
        height, width = request.grid or (1, 1)
        codes = self.count * height * width
        return codes, codes + height * self.numbers + self.DELIMITERS

    def template(self, request: Request) -> int:
        """Sizes are tokens, so that no template is needed."""
        return 0

    def is_code(self, state: GrammarState) -> Tensor:
        """bool ``[B]``: the next token is an image code."""
        return state.phase == Phase.CODES

    def mask(self, state: GrammarState) -> Tensor:
        """Mask row for rows whose phase is this span's."""
        # Behind the height come the width, the rows, <eoi> and <eot>; behind the width one less.
        rows = state.height.clamp(min=1)
        highest = torch.minimum((state.room - 4) // (self.count + self.numbers), state.max_codes // self.count)
        in_row = torch.minimum((state.room - 3) // rows - self.numbers, state.max_codes // rows)
        widest = in_row // self.count
        number = rows - state.codes // (state.width * self.count).clamp(min=1) + 1
        height = self._size_mask(state.grid_height, highest)
        width = self._size_mask(state.grid_width, widest)
        code = self._code + (-state.codes) % self.count
        row = torch.where(state.phase == Phase.HEIGHT, height, width)
        row = torch.where(state.phase == Phase.CODES, code, row)
        row = torch.where(state.phase == Phase.ROW, self._exactly + number.clamp(1, self.max_grid), row)
        return torch.where(state.phase == Phase.CLOSE, self._close, row)

    def _size_mask(self, asked: Tensor, most: Tensor) -> Tensor:
        free = self._at_most + most.clamp(min=1, max=self.max_grid)
        return torch.where(asked > 0, self._exactly + asked, free)

    def advance(self, state: GrammarState, token_ids: Tensor, opened: Tensor) -> GrammarState:
        """The state behind ``token_ids``, which are <boi> where ``opened``."""
        phase, size = state.phase, self._sizes[token_ids]
        codes = torch.where(phase == Phase.WIDTH, state.height * size * self.count, state.codes)
        in_codes = phase == Phase.CODES
        codes = codes - in_codes.long()
        following = torch.where(opened, Phase.HEIGHT, phase)
        following = torch.where(phase == Phase.HEIGHT, Phase.WIDTH, following)
        width = torch.where(phase == Phase.WIDTH, size, state.width)
        following = torch.where(phase == Phase.WIDTH, Phase.ROW if self.numbers else Phase.CODES, following)
        following = torch.where(phase == Phase.ROW, Phase.CODES, following)
        if self.numbers:
            row_ends = codes % (width * self.count).clamp(min=1) == 0
            following = torch.where(in_codes & row_ends, Phase.ROW, following)
        following = torch.where(in_codes & (codes == 0), Phase.CLOSE, following)
        return state._replace(
            phase=torch.where(phase == Phase.CLOSE, state.after_span(), following),
            images=state.images - opened.long(),
            height=torch.where(phase == Phase.HEIGHT, size, state.height),
            width=width,
            codes=codes,
        )
