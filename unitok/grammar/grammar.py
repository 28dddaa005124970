"""The state machine of a turn, of which each row has one.

The states are kept as integers in tensors ``[B]`` and the answer of :meth:`Grammar.allowed` is a row of a table, so a
batch of rows in different states needs neither a Python loop nor a wait for the device.

Shape letters: B batch, V vocabulary, M rows of the mask table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import torch
from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.grammar.request import Request
from unitok.grammar.sized_image import SizedImageRules
from unitok.grammar.sound import SoundRules
from unitok.grammar.state import GrammarState, Masks, Phase
from unitok.grammar.template_image import TemplateImageRules
from unitok.grammar.turn import TurnRules
from unitok.syntax import SizedImages
from unitok.turn_syntax import turn_syntax
from unitok.vocabulary import AUDIO, IMAGE, TEXT, Vocabulary
from unitok.vocabulary_manifest import NO_ID
from unitok_tokenizers.errors import InputError

_UNLIMITED: Final = 1 << 40  # larger than any count of tokens, and safe to multiply by one


_PHASE, _ROOM, _LEAST_IMAGE, _GRID_HEIGHT, _CODES = map(
    GrammarState._fields.index, ("phase", "room", "least_image", "grid_height", "codes")
)


class Grammar:
    """The rules of a turn. Every sequence that follows them parses and decodes.

    Args:
        vocabulary: The ids; of a modality that it has no codes of, nothing is ever opened.
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
        self.media_starts = frozenset({vocabulary.boi, vocabulary.boa})
        """The ids that an image or a sound begins with."""
        masks = Masks(vocabulary.size)
        text = vocabulary.text_ids[usable]
        self._least_audio = AudioSyntax(vocabulary).length(1) if "audio" in vocabulary.specs else 0
        self._turn = TurnRules(vocabulary, text, self._least_audio, masks)
        self._image = _image_rules(vocabulary, masks, self.device) if "image" in vocabulary.specs else None
        self._sound = SoundRules(vocabulary, masks, self.device) if "audio" in vocabulary.specs else None
        self._table = masks.table().to(self.device)
        modality = torch.full((Phase.COUNT,), TEXT, dtype=torch.int8)
        modality[Phase.HEIGHT :], modality[Phase.SOUND] = IMAGE, AUDIO
        self._modality = modality.to(self.device)
        self._boi, self._boa = vocabulary.boi, vocabulary.boa
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
        images, least, template = self._images(request)
        phase = {"image": Phase.IMAGE_NEXT, "audio": Phase.AUDIO_NEXT}.get(request.modality, Phase.FIRST)
        values = {
            "phase": phase,
            "room": min(request.max_tokens, _UNLIMITED),
            "ends_after_span": int(phase != Phase.FIRST),
            "images": images,
            "least_image": least,
            "max_codes": min(request.max_grid_tokens or _UNLIMITED, _UNLIMITED),
            "grid_height": grid[0],
            "grid_width": grid[1],
            "sounds": self._sounds(request),
            "max_frames": min(request.max_frames or _UNLIMITED, _UNLIMITED),
            "template": template,
        }
        return tuple(values.get(name, 0) for name in GrammarState._fields)

    def _images(self, request: Request) -> tuple[int, int, int]:
        """How many images a row may hold, the tokens of the smallest, and their template."""
        wanted = request.modality == "image"
        if wanted and self._image is None:
            raise InputError("this model has no image codes; ask for text")
        if self._image is None or request.modality in ("text", "audio"):
            return 0, 0, 0
        codes, least = self._image.least(request)
        if request.max_grid_tokens is not None and codes > request.max_grid_tokens:
            if wanted:
                most = request.max_grid_tokens
                raise InputError(f"an image needs {codes} codes, but max_grid_tokens is {most}; raise it")
            return 0, least, 0
        if wanted and request.max_tokens <= least:
            raise InputError(f"an image needs {least + 1} tokens, but max_tokens is {request.max_tokens}; raise it")
        if request.max_tokens <= least:
            return 0, least, 0
        images = 1 if wanted else _UNLIMITED if request.max_images is None else request.max_images
        return images, least, self._image.template(request) if images else 0

    def _sounds(self, request: Request) -> int:
        """How many sounds a row may hold."""
        wanted = request.modality == "audio"
        if wanted and self._sound is None:
            raise InputError("this model has no audio codes; ask for text")
        if self._sound is None or request.modality in ("text", "image"):
            return 0
        if wanted and request.max_tokens <= self._least_audio:
            least = self._least_audio + 1
            raise InputError(f"a sound needs {least} tokens, but max_tokens is {request.max_tokens}; raise it")
        return 1 if wanted else _UNLIMITED if request.max_audio is None else request.max_audio

    @property
    def table(self) -> Tensor:
        """bool ``[M, V]``: every mask that :meth:`allowed` can give. Ids of equal columns are followed by the same."""
        return self._table

    def mask_row(self, state: GrammarState) -> Tensor:
        """int64 ``[B]``: the row of :attr:`table` that says which tokens may come next."""
        row = self._turn.mask(state)
        if self._image is not None:
            row = torch.where(state.phase < Phase.HEIGHT, row, self._image.mask(state))
        if self._sound is not None:
            row = torch.where(state.phase == Phase.SOUND, self._sound.mask(state), row)
        return row

    def allowed(self, state: GrammarState) -> Tensor:
        """bool ``[B, V]``: the tokens that may come next; never empty, and only ``<pad>`` after the end."""
        return self._table[self.mask_row(state)]

    def advance(self, state: GrammarState, token_ids: Tensor) -> GrammarState:
        """The state behind ``token_ids`` int64 ``[B]``, each of which :meth:`allowed` must have allowed."""
        state = state._replace(room=(state.room - 1).clamp(min=0))
        phase = torch.where(state.phase == Phase.FIRST, Phase.OPEN, state.phase)
        ended = torch.isin(token_ids, self._ends) | (phase == Phase.DONE)
        state = state._replace(phase=torch.where(ended, Phase.DONE, phase))
        if self._image is not None:
            state = self._image.advance(state, token_ids, token_ids == self._boi)
        if self._sound is not None:
            state = self._sound.advance(state, token_ids, token_ids == self._boa)
        return state

    def spare_room(self, state: Sequence[int], token_id: int | None = None) -> int:
        """Room that makes no difference up to the next choice between an image, a sound, text and the end.

        Args:
            state: Of one row, its fields as numbers.
            token_id: The token that comes next, if it is known.

        Returns:
            With so many tokens of room less, just the same may come up to that choice, and at it.
        """
        phase, of_sizes = state[_PHASE], isinstance(self._image, SizedImageRules) and not state[_GRID_HEIGHT]
        if of_sizes and (token_id == self._boi or phase == Phase.IMAGE_NEXT or Phase.HEIGHT <= phase < Phase.SOUND):
            return 0  # as large an image may come as there is room for
        # What is left of the open span, or the one that opens now, and the smallest of another.
        enough = state[_CODES] + 2 * (state[_LEAST_IMAGE] + self._least_audio) + 4
        return max(0, state[_ROOM] - enough)

    def done(self, state: GrammarState) -> Tensor:
        """bool ``[B]``: the turn has ended."""
        return state.phase == Phase.DONE

    def modality(self, state: GrammarState) -> Tensor:
        """int8 ``[B]``: whose settings the next token takes.

        IMAGE from the sizes to ``<eoi>``, AUDIO from the first code to ``<eoa>``, else TEXT.
        """
        return self._modality[state.phase]

    def codes_of(self, state: GrammarState) -> Tensor:
        """int8 ``[B]``: the modality whose code comes next, or TEXT.

        Where a sound may end, ``<eoa>`` is one of its codes.
        """
        modality = self.modality(state)
        if self._image is None:
            return modality
        return torch.where((modality != IMAGE) | self._image.is_code(state), modality, TEXT)


def _image_rules(vocabulary: Vocabulary, masks: Masks, device: torch.device) -> SizedImageRules | TemplateImageRules:
    settings = vocabulary.images
    if isinstance(settings, SizedImages):
        return SizedImageRules(vocabulary, settings, masks, device)
    return TemplateImageRules(vocabulary, (settings.height, settings.width), masks, device)
