"""An image whose grid is known before it begins.

Shape letters: B batch, K codebooks, h w code grid, G grids, L tokens.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor, nn

from unitok.grammar.request import Request
from unitok.grammar.state import GrammarState, Masks, Phase
from unitok.image_syntax import Grid, image_syntax
from unitok.vocabulary import Vocabulary

_MAKING = threading.Lock()  # one for all grammars: one that had its own could not be copied


class TemplateImageRules:
    """What may stand at each of an image's places follows from its grid."""

    def __init__(self, vocabulary: Vocabulary, default: Grid, masks: Masks, device: torch.device) -> None:
        self._device = device
        self._syntax = image_syntax(vocabulary)
        self._default = default
        self.count = vocabulary.spec("image").num_codebooks
        self._code = masks.add(vocabulary.block_ids("image", 0))  # plus k: the codes of codebook k
        for k in range(1, self.count):
            masks.add(vocabulary.block_ids("image", k))
        self._mark = {token_id: masks.add(torch.tensor([token_id])) for token_id in self._syntax.marks}
        self._numbers: dict[Grid, int] = {}
        self._rows: list[Tensor] = []  # mask rows of each template, [L]
        self._table = torch.zeros(0, 0, dtype=torch.int64)  # of all of them, [G, L], filled up behind
        self._lengths = torch.zeros(0, dtype=torch.int64)  # [G]
        self.template(Request())

    def least(self, request: Request) -> tuple[int, int]:
        """Codes, and tokens with the delimiters, of the images of a request."""
        height, width = request.grid or self._default
        return self.count * height * width, self._syntax.length(height, width)

    def template(self, request: Request) -> int:
        """The number of the template of a request's grid, which is made if it is new."""
        grid = request.grid or self._default
        with _MAKING:
            if grid not in self._numbers:
                self._rows.append(self._mask_rows(*grid))
                self._table = nn.utils.rnn.pad_sequence(self._rows, batch_first=True).to(self._device)
                self._lengths = torch.tensor([len(rows) for rows in self._rows], device=self._device)
                self._numbers[grid] = len(self._rows) - 1
            return self._numbers[grid]

    def _mask_rows(self, height: int, width: int) -> Tensor:
        codes = list(range(self._code, self._code + self.count)) * width
        rows = [self._mark[one] for one in self._syntax.head(height, width)]
        for row in range(1, height + 1):
            before, after = self._syntax.row_marks(row)
            rows += [*(self._mark[one] for one in before), *codes, *(self._mark[one] for one in after)]
        return torch.tensor([*rows, *(self._mark[one] for one in self._syntax.tail)])

    def is_code(self, state: GrammarState) -> Tensor:
        """bool ``[B]``: the next token is an image code."""
        row = self.mask(state)
        return (state.phase == Phase.PLACE) & (row >= self._code) & (row < self._code + self.count)

    def mask(self, state: GrammarState) -> Tensor:
        """Mask row for rows whose phase is this span's."""
        place = self._lengths[state.template] - state.codes  # of other rows, any number
        return self._table[state.template, place.clamp(min=0, max=self._table.shape[1] - 1)]

    def advance(self, state: GrammarState, token_ids: Tensor, opened: Tensor) -> GrammarState:
        """The state behind ``token_ids``, which are <boi> where ``opened``."""
        inside = state.phase == Phase.PLACE
        length = self._lengths[state.template]
        codes = torch.where(opened, length - 1, state.codes - inside.long())
        phase = torch.where(opened, Phase.PLACE, state.phase)
        return state._replace(
            phase=torch.where(inside & (codes == 0), state.after_span(), phase),
            images=state.images - opened.long(),
            codes=codes,
        )
