"""Which token may come next: one state machine per row, in tensors only.

A row generates one assistant turn. The states are kept as integers in tensors ``[B]`` and the answer
of :meth:`Grammar.allowed` is a row of a table, so a batch of rows in different states needs neither a
Python loop nor a wait for the device.

Shape letters: B batch, V vocabulary, K codebooks, h w code grid, M rows of the mask table, G grids, L tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from unitok.image_syntax import Grid, image_syntax
from unitok.syntax import SizedImages
from unitok.turn_syntax import turn_syntax
from unitok.vocabulary import IMAGE, TEXT, Vocabulary
from unitok.vocabulary_manifest import NO_ID
from unitok_tokenizers.errors import InputError

_UNLIMITED: Final = 1 << 40  # larger than any count of tokens, and safe to multiply by one


@dataclass(frozen=True)
class Request:
    """What the caller wants of one row's turn.

    Attributes:
        modality: ``"text"``: text only; ``"image"``: exactly one image; ``"auto"``: any mixture.
        max_tokens: Tokens of the turn at most, the one that ends it included.
        max_images: ``"auto"``: images at most; None: as many as there is room for.
        grid: Code grid ``(h, w)`` that every image must have; None: the model chooses, or the vocabulary's default
            where it does not write sizes as tokens.
        max_grid_tokens: Codes of one image at most, ``h * w * K``; None: as there is room.

    Raises:
        InputError: A value is out of range.
    """

    modality: Literal["auto", "text", "image"] = "auto"
    max_tokens: int = 256
    max_images: int | None = None
    grid: tuple[int, int] | None = None
    max_grid_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.modality not in ("auto", "text", "image"):
            raise InputError(f"modality {self.modality!r} is not one of auto, text, image")
        if self.max_tokens < 2:
            raise InputError(f"max_tokens must be at least 2 (a token and the turn's end), not {self.max_tokens}")
        if self.max_images is not None and self.max_images < 0:
            raise InputError(f"max_images must not be negative, but is {self.max_images}")
        if self.max_grid_tokens is not None and self.max_grid_tokens < 1:
            raise InputError(f"max_grid_tokens must be positive, not {self.max_grid_tokens}")


class GrammarState(NamedTuple):
    """Where each row stands; every field is int64 ``[B]``."""

    phase: Tensor  # one of the phases of `_Turn` or of a modality
    room: Tensor  # tokens that may still come, the next one and <eot> included
    ends_after_image: Tensor  # 1 where the turn ends with its first image
    images: Tensor  # images that may still be opened
    least_image: Tensor  # tokens of the smallest image that the row may open, delimiters included
    max_codes: Tensor  # codes of one image at most
    grid_height: Tensor  # the height that is asked for, or 0
    grid_width: Tensor  # the width that is asked for, or 0
    height: Tensor  # the height of the open image
    width: Tensor  # and its width
    codes: Tensor  # codes that are still to come in the open image; of a template, tokens
    template: Tensor  # which template the images of the row follow

    def rows(self, index: Tensor) -> GrammarState:
        """The states of some rows, in the order of ``index`` int64 ``[n]`` (or a bool mask ``[B]``)."""
        return GrammarState(*(values[index] for values in self))


class _Masks:
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


class _Turn:
    """The turn around the spans: text, the choice to open an image, and the end."""

    DONE: Final = 0  # only <pad>
    FIRST: Final = 1  # content, but not yet the end
    OPEN: Final = 2  # content or the end
    IMAGE_NEXT: Final = 3  # only <boi>
    END_NEXT: Final = 4  # only the end
    PHASES: Final = 5

    def __init__(self, vocabulary: Vocabulary, text: Tensor, masks: _Masks) -> None:
        nothing = torch.tensor([], dtype=torch.int64)
        ends = torch.tensor(turn_syntax(vocabulary).ends)
        choices = [(text, 1), (ends, 2), (torch.tensor([vocabulary.boi]), 4)]
        # Row number = sum of the choices' weights; the row of no choice is that of a finished turn.
        masks.add(torch.tensor([vocabulary.pad]))
        for number in range(1, 8):
            masks.add(*(ids if number & weight else nothing for ids, weight in choices))

    def mask(self, state: GrammarState) -> Tensor:
        """Mask row for rows whose phase is the turn's."""
        phase, room = state.phase, state.room
        content = (phase == self.FIRST) | (phase == self.OPEN)
        text = content & (room >= 2)
        end = (phase == self.OPEN) | (phase == self.END_NEXT)
        fits = (state.images > 0) & (room > state.least_image)
        image = (content & fits) | (phase == self.IMAGE_NEXT)
        return text.long() + 2 * end.long() + 4 * image.long()


class _SizedSpan:
    """``<boi> <size_h> <size_w> rows <eoi>``; the choice of h and w leaves room for all that follows."""

    HEIGHT: Final = 5
    WIDTH: Final = 6
    CODES: Final = 7
    CLOSE: Final = 8
    ROW: Final = 9  # the number of the next row
    DELIMITERS: Final = 4  # <boi>, the two sizes, <eoi>

    def __init__(self, vocabulary: Vocabulary, settings: SizedImages, masks: _Masks) -> None:
        self.count = vocabulary.spec("image").num_codebooks
        self.numbers = int(settings.numbered_rows)
        self.max_grid = vocabulary.max_grid
        sizes = vocabulary.size_ids
        self._exactly = masks.add(sizes[:1]) - 1  # plus n: only the size n
        for n in range(1, self.max_grid):
            masks.add(sizes[n : n + 1])
        self._at_most = masks.add(sizes[:1]) - 1  # plus n: the sizes up to n
        for n in range(1, self.max_grid):
            masks.add(sizes[: n + 1])
        self._code = masks.add(vocabulary.block_ids("image", 0))  # plus k: the codes of codebook k
        for k in range(1, self.count):
            masks.add(vocabulary.block_ids("image", k))
        self._close = masks.add(torch.tensor([vocabulary.eoi]))

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
        return state.phase == self.CODES

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
        row = torch.where(state.phase == self.HEIGHT, height, width)
        row = torch.where(state.phase == self.CODES, code, row)
        row = torch.where(state.phase == self.ROW, self._exactly + number.clamp(1, self.max_grid), row)
        return torch.where(state.phase == self.CLOSE, self._close, row)

    def _size_mask(self, asked: Tensor, most: Tensor) -> Tensor:
        free = self._at_most + most.clamp(min=1, max=self.max_grid)
        return torch.where(asked > 0, self._exactly + asked, free)

    def advance(self, state: GrammarState, size: Tensor, opened: Tensor) -> GrammarState:
        """The state behind a token that stands for ``size``, if for any, and is <boi> where ``opened``."""
        phase = state.phase
        codes = torch.where(phase == self.WIDTH, state.height * size * self.count, state.codes)
        in_codes = phase == self.CODES
        codes = codes - in_codes.long()
        following = torch.where(opened, self.HEIGHT, phase)
        following = torch.where(phase == self.HEIGHT, self.WIDTH, following)
        width = torch.where(phase == self.WIDTH, size, state.width)
        following = torch.where(phase == self.WIDTH, self.ROW if self.numbers else self.CODES, following)
        following = torch.where(phase == self.ROW, self.CODES, following)
        if self.numbers:
            row_ends = codes % (width * self.count).clamp(min=1) == 0
            following = torch.where(in_codes & row_ends, self.ROW, following)
        following = torch.where(in_codes & (codes == 0), self.CLOSE, following)
        after = torch.where(state.ends_after_image > 0, _Turn.END_NEXT, _Turn.OPEN)
        return state._replace(
            phase=torch.where(phase == self.CLOSE, after, following),
            images=state.images - opened.long(),
            height=torch.where(phase == self.HEIGHT, size, state.height),
            width=width,
            codes=codes,
        )


class _TemplateSpan:
    """An image whose grid is known before it begins: what may stand at each of its places follows from the grid."""

    PLACE: Final = 10

    def __init__(self, vocabulary: Vocabulary, default: Grid, masks: _Masks, device: torch.device) -> None:
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
        if grid not in self._numbers:
            self._numbers[grid] = len(self._rows)
            self._rows.append(self._mask_rows(*grid))
            self._table = nn.utils.rnn.pad_sequence(self._rows, batch_first=True).to(self._device)
            self._lengths = torch.tensor([len(rows) for rows in self._rows], device=self._device)
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
        return (state.phase == self.PLACE) & (row >= self._code) & (row < self._code + self.count)

    def mask(self, state: GrammarState) -> Tensor:
        """Mask row for rows whose phase is this span's."""
        place = self._lengths[state.template] - state.codes
        return self._table[state.template, place.clamp(max=self._table.shape[1] - 1)]

    def advance(self, state: GrammarState, size: Tensor, opened: Tensor) -> GrammarState:
        """The state behind a token, which is <boi> where ``opened``."""
        inside = state.phase == self.PLACE
        length = self._lengths[state.template]
        codes = torch.where(opened, length - 1, state.codes - inside.long())
        phase = torch.where(opened, self.PLACE, state.phase)
        after = torch.where(state.ends_after_image > 0, _Turn.END_NEXT, _Turn.OPEN)
        return state._replace(
            phase=torch.where(inside & (codes == 0), after, phase), images=state.images - opened.long(), codes=codes
        )


class Grammar:
    """The rules of a turn. Every sequence that follows them parses and decodes.

    Args:
        vocabulary: The ids; without image codes, no image is ever opened.
        unused_text: Ids of the text tokenizer that text never holds, such as its own special tokens.
        device: Where the states and the tables live.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        unused_text: Collection[int] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        usable = torch.ones(vocabulary.text_size, dtype=torch.bool)
        usable[list(unused_text)] = False
        usable &= vocabulary.text_ids != NO_ID
        if not bool(usable.any()):
            raise InputError("the grammar has no text token that may be generated")
        masks = _Masks(vocabulary.size)
        self._turn = _Turn(vocabulary, vocabulary.text_ids[usable], masks)
        self._image = _image_span(vocabulary, masks, self.device) if "image" in vocabulary.specs else None
        self._table = masks.table().to(self.device)
        sizes = torch.zeros(vocabulary.size, dtype=torch.int64)
        sizes[vocabulary.size_ids] = torch.arange(1, len(vocabulary.size_ids) + 1)
        self._sizes = sizes.to(self.device)
        self._boi = vocabulary.boi
        self._ends = torch.tensor(turn_syntax(vocabulary).ends, device=self.device)
        self._max_grid = vocabulary.max_grid

    def start(self, requests: Sequence[Request]) -> GrammarState:
        """The state of each row before its first token.

        Raises:
            InputError: A request that cannot be met, such as an image in too little room.
        """
        rows = torch.tensor([self._start_row(request) for request in requests], dtype=torch.int64)
        return GrammarState(*rows.view(len(requests), len(GrammarState._fields)).T.to(self.device))

    def _start_row(self, request: Request) -> tuple[int, ...]:
        grid = request.grid or (0, 0)
        if request.grid and not all(1 <= n <= self._max_grid for n in grid):
            raise InputError(f"grid {grid[0]}x{grid[1]} is outside 1x1 to {self._max_grid}x{self._max_grid}")
        wants_image = request.modality == "image"
        images, least, most = 0, 0, request.max_grid_tokens or _UNLIMITED
        if self._image is not None and request.modality != "text":
            images = 1 if wants_image else _UNLIMITED if request.max_images is None else request.max_images
            codes, least = self._image.least(request)
            if codes > most:
                if wants_image:
                    raise InputError(f"an image needs {codes} codes, but max_grid_tokens is {most}; raise it")
                images = 0
        if wants_image and self._image is None:
            raise InputError("this model has no image codes; ask for text")
        if wants_image and request.max_tokens <= least:
            raise InputError(f"an image needs {least + 1} tokens, but max_tokens is {request.max_tokens}; raise it")
        phase = _Turn.IMAGE_NEXT if wants_image else _Turn.FIRST
        template = self._image.template(request) if images and self._image is not None else 0
        return (phase, request.max_tokens, int(wants_image), images, least, most, *grid, 0, 0, 0, template)

    @property
    def table(self) -> Tensor:
        """bool ``[M, V]``: every mask that :meth:`allowed` can give. Ids of equal columns are followed by the same."""
        return self._table

    def mask_row(self, state: GrammarState) -> Tensor:
        """int64 ``[B]``: the row of :attr:`table` that says which tokens may come next."""
        row = self._turn.mask(state)
        if self._image is not None:
            row = torch.where(state.phase < _Turn.PHASES, row, self._image.mask(state))
        return row

    def allowed(self, state: GrammarState) -> Tensor:
        """bool ``[B, V]``: the tokens that may come next; never empty, and only ``<pad>`` after the end."""
        return self._table[self.mask_row(state)]

    def advance(self, state: GrammarState, token_ids: Tensor) -> GrammarState:
        """The state behind ``token_ids`` int64 ``[B]``, each of which :meth:`allowed` must have allowed."""
        state = state._replace(room=(state.room - 1).clamp(min=0))
        phase = torch.where(state.phase == _Turn.FIRST, _Turn.OPEN, state.phase)
        ended = torch.isin(token_ids, self._ends) | (phase == _Turn.DONE)
        state = state._replace(phase=torch.where(ended, _Turn.DONE, phase))
        if self._image is not None:
            state = self._image.advance(state, self._sizes[token_ids], token_ids == self._boi)
        return state

    def done(self, state: GrammarState) -> Tensor:
        """bool ``[B]``: the turn has ended."""
        return state.phase == _Turn.DONE

    def in_image(self, state: GrammarState) -> Tensor:
        """bool ``[B]``: the next token is an image code."""
        return torch.zeros_like(state.phase, dtype=torch.bool) if self._image is None else self._image.is_code(state)

    def modality(self, state: GrammarState) -> Tensor:
        """int8 ``[B]``: whose settings the next token takes: IMAGE from the sizes to ``<eoi>``, else TEXT."""
        return torch.where(state.phase >= _SizedSpan.HEIGHT, IMAGE, TEXT).to(torch.int8)


def _image_span(vocabulary: Vocabulary, masks: _Masks, device: torch.device) -> _SizedSpan | _TemplateSpan:
    settings = vocabulary.images
    if isinstance(settings, SizedImages):
        return _SizedSpan(vocabulary, settings, masks)
    return _TemplateSpan(vocabulary, (settings.height, settings.width), masks, device)
