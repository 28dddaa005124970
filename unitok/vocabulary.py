"""One vocabulary for text, control tokens and the codes of every modality.

Shape letters: B batch, K codebooks, V vocabulary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor

from unitok.syntax import (
    AudioSettings,
    FixedImages,
    ImageSettings,
    MeasuredImages,
    SizedImages,
    SpelledImages,
    TurnSettings,
)
from unitok.vocabulary_layout import CONTROL_TOKENS, Codebooks, Layout
from unitok.vocabulary_manifest import MAX_SIZE, NO_ID, check_integer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

# What `Vocabulary.modality_of` says of a token id.
UNUSED: Final = -1
TEXT: Final = 0
CONTROL: Final = 1
IMAGE: Final = 2
AUDIO: Final = 3

MODALITIES: Final[Mapping[str, int]] = MappingProxyType({"image": IMAGE, "audio": AUDIO})
"""The modalities that may have codebooks, with their number in :meth:`Vocabulary.modality_of`."""

MAX_SPELLED: Final = 512
"""Largest height or width of a code grid that is written as text."""


class Vocabulary:
    """Maps text ids, control tokens and (modality, codebook, code) to token ids and back.

    A new vocabulary is laid out as text block, control tokens, size tokens ``<size_1>`` to
    ``<size_{max_grid}>``, then one block per modality and codebook. :meth:`from_blocks` takes any
    other layout, such as that of a released checkpoint which lists its ids one by one.

    Args:
        text_size: Number of ids of the text tokenizer.
        specs: The codecs, at most one per modality.
        max_grid: Largest height or width of an image's code grid.
        images: How an image's codes are written.
        turns: How turns are told apart.
        audio: How a sound's codes are written.

    Raises:
        InputError: A size is not positive, or a modality is unknown or given twice.
    """

    def __init__(
        self,
        text_size: int,
        specs: Sequence[CodebookSpec],
        max_grid: int = 64,
        images: ImageSettings | None = None,
        turns: TurnSettings | None = None,
        audio: AudioSettings | None = None,
    ) -> None:
        check_integer(text_size, "text_size", low=1)
        check_integer(max_grid, "max_grid", low=1)
        start = text_size
        control = {name: start + index for index, name in enumerate(CONTROL_TOKENS)}
        start += len(control)
        sizes = range(start, start + max_grid)
        start += max_grid
        codebooks = []
        for spec in specs:
            stop = start + spec.num_codebooks * spec.codebook_size
            blocks = tuple(range(at, at + spec.codebook_size) for at in range(start, stop, spec.codebook_size))
            codebooks.append(Codebooks(spec, blocks))
            start = stop
        self._build(Layout.of(range(text_size), control, sizes, codebooks, start, images, turns, audio))

    @classmethod
    def from_blocks(
        cls,
        text: Sequence[int],
        control: Mapping[str, int],
        sizes: Sequence[int],
        codebooks: Sequence[Codebooks],
        size: int | None = None,
        images: ImageSettings | None = None,
        turns: TurnSettings | None = None,
        audio: AudioSettings | None = None,
    ) -> Vocabulary:
        """A vocabulary with a layout of the caller's own.

        Args:
            text: Token id of each id of the text tokenizer; -1 where that id is no text, such as a code's name.
            control: Token id of each of ``CONTROL_TOKENS``.
            sizes: ``sizes[n - 1]`` is the token id of the size token ``n``; none if images are written without.
            codebooks: The token ids of the codes, one entry per modality.
            size: V, when ids beyond the last block are to be left unused.
            images: As above.
            turns: As above.
            audio: As above.
        """
        if size is None:
            everything = [
                text,
                list(control.values()),
                sizes,
                *(b for entry in codebooks for b in entry.blocks),
            ]
            size = 1 + max((max(block) for block in everything if len(block)), default=0)
        return cls._of(Layout.of(text, control, sizes, codebooks, size, images, turns, audio))

    @classmethod
    def _of(cls, layout: Layout) -> Vocabulary:
        self = cls.__new__(cls)
        self._build(layout)
        return self

    def _build(self, layout: Layout) -> None:
        size, control, sizes = layout.size, layout.control, layout.sizes
        check_integer(size, "size", low=1, high=MAX_SIZE)
        self.size: int = size
        self.images: ImageSettings = layout.images
        self.turns: TurnSettings = layout.turns
        self.audio: AudioSettings = layout.audio
        if not len(layout.text) or (not len(sizes) and isinstance(self.images, SizedImages)):
            raise InputError("vocabulary: the text block and the size tokens may not be empty")
        self.control: dict[str, int] = control
        self.bos: int = control["<bos>"]
        self.eos: int = control["<eos>"]
        self.pad: int = control["<pad>"]
        self.user: int = control["<user>"]
        self.assistant: int = control["<assistant>"]
        self.eot: int = control["<eot>"]
        self.boi: int = control["<boi>"]
        self.eoi: int = control["<eoi>"]
        self.boa: int = control["<boa>"]
        self.eoa: int = control["<eoa>"]
        self.uncond: int = control["<uncond>"]
        self.specs: dict[str, CodebookSpec] = {}
        self._kind = torch.full((size,), UNUSED, dtype=torch.int8)
        self._local = torch.zeros(size, dtype=torch.int64)  # place within the block: text id, size - 1, code
        self._codebook = torch.full((size,), -1, dtype=torch.int16)
        self._text = self._claim("text", layout.text, TEXT)
        if bool((self._text == NO_ID).all()):
            raise InputError("vocabulary: the text block has no id that is text")
        self._claim("control", list(control.values()), CONTROL)
        self._sizes = self._claim("size", sizes, CONTROL)
        if isinstance(self.images, MeasuredImages):
            self._claim("image mark", [*self.images.sizes, self.images.row_end], CONTROL)
        if isinstance(self.images, SpelledImages):
            self._claim("image mark", [self.images.begin, self.images.row_end, self.images.end], CONTROL)
            spelled = torch.tensor([*self.images.digits, self.images.times])
            if int(spelled.max()) >= size or bool((self._kind[spelled] != TEXT).any()):
                raise InputError("vocabulary: the digits that spell an image's grid must be text")
        self._blocks: dict[str, list[Tensor]] = {}
        for entry in layout.codebooks:
            spec = entry.spec
            if spec.modality not in MODALITIES:
                known = ", ".join(MODALITIES)
                raise InputError(f"vocabulary: unknown modality {spec.modality!r}; known are {known}")
            if spec.modality in self.specs:
                raise InputError(f"vocabulary: modality {spec.modality!r} is given twice")
            sizes = {len(block) for block in entry.blocks}
            if len(entry.blocks) != spec.num_codebooks or sizes != {spec.codebook_size}:
                raise InputError(f"vocabulary: the blocks of {spec.modality!r} do not have the sizes of its spec")
            self.specs[spec.modality] = spec
            self._blocks[spec.modality] = [
                self._claim(f"{spec.modality} codebook {index}", block, MODALITIES[spec.modality], index)
                for index, block in enumerate(entry.blocks)
            ]
        self._layout = layout

    def _claim(self, name: str, block: Sequence[int], kind: int, codebook: int = -1) -> Tensor:
        """Writes a block into the tables; its ids must be in range and not taken."""
        ids = torch.tensor(block, dtype=torch.int64)
        places = torch.arange(len(ids))
        if kind == TEXT:  # an id of the text tokenizer may have no place here
            places, ids = places[ids != NO_ID], ids[ids != NO_ID]
        if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= self.size):
            raise InputError(f"vocabulary: an id of the {name} block lies outside 0 to {self.size - 1}")
        if len(ids.unique()) != len(ids) or bool((self._kind[ids] != UNUSED).any()):
            raise InputError(f"vocabulary: an id of the {name} block is used twice")
        self._kind[ids] = kind
        self._local[ids] = places
        self._codebook[ids] = codebook
        return torch.tensor(block, dtype=torch.int64)

    # ---- size tokens

    @property
    def max_grid(self) -> int:
        """An image's code grid is at most this high and wide; the largest size token where there are any."""
        if isinstance(self.images, FixedImages):
            return max(self.images.height, self.images.width)
        if isinstance(self.images, MeasuredImages):
            return len(self.images.sizes) * self.images.unit
        return MAX_SPELLED if isinstance(self.images, SpelledImages) else len(self._sizes)

    @property
    def size_ids(self) -> Tensor:
        """int64 ``[n]``: the size tokens, that of 1 first."""
        return self._sizes.clone()

    def size_id(self, n: int) -> int:
        """The token id of the size ``n``, from 1."""
        if not 1 <= n <= len(self._sizes):
            raise InputError(f"a code grid of {n} is not in 1 to {len(self._sizes)}, the sizes of this vocabulary")
        return int(self._sizes[n - 1])

    def size_of(self, token_id: int) -> int:
        """The size that a size token stands for."""
        if 0 <= token_id < self.size:
            n = int(self._local[token_id]) + 1
            if n <= len(self._sizes) and int(self._sizes[n - 1]) == token_id:
                return n
        raise InputError(f"token id {token_id} is not a size token")

    # ---- text

    @property
    def text_size(self) -> int:
        """Number of ids of the text tokenizer."""
        return len(self._text)

    @property
    def text_ids(self) -> Tensor:
        """int64 ``[text_size]``: the token id of each id of the text tokenizer, -1 where it has none."""
        return self._text.clone()

    def text_to_ids(self, text: Tensor) -> Tensor:
        """Token ids of the text tokenizer's ids, int64 of any shape."""
        if text.numel() and (int(text.min()) < 0 or int(text.max()) >= self.text_size):
            raise InputError(f"a text id lies outside 0 to {self.text_size - 1}, the text block")
        ids = self._text.to(text.device)[text]
        if bool((ids == NO_ID).any()):
            raise InputError(f"the text tokenizer's id {int(text[ids == NO_ID][0])} is no text in this vocabulary")
        return ids

    def ids_to_text(self, ids: Tensor) -> Tensor:
        """The inverse of :meth:`text_to_ids`; an id of another block raises :class:`InputError`."""
        if bool((self.modality_of(ids) != TEXT).any()):
            raise InputError("a token id lies outside the text block")
        return self._local.to(ids.device)[ids]

    # ---- codes

    def block_ids(self, modality: str, codebook: int = 0) -> Tensor:
        """int64 ``[codebook_size]``: the token id of each code of one codebook."""
        self.spec(modality)
        return self._blocks[modality][codebook].clone()

    def spec(self, modality: str) -> CodebookSpec:
        """The codec of a modality; :class:`InputError` when this vocabulary has none."""
        if modality not in self.specs:
            known = ", ".join(self.specs) or "only text"
            raise InputError(f"this vocabulary has no {modality} codes; it has {known}")
        return self.specs[modality]

    def modality_of(self, ids: Tensor) -> Tensor:
        """int8, same shape as ``ids``: TEXT, CONTROL (size tokens too), IMAGE, AUDIO, or UNUSED."""
        if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= self.size):
            raise InputError(f"a token id lies outside 0 to {self.size - 1}, the ids of this vocabulary")
        return self._kind.to(ids.device)[ids]

    def codes_to_ids(self, modality: str, codes: Tensor) -> Tensor:
        """Codes to token ids.

        Args:
            modality: A modality of this vocabulary.
            codes: int64 ``[B, K, *grid]`` in ``[0, codebook_size)``.

        Returns:
            int64 ``[B, K * prod(grid)]``: the grid row-major, the K codes of a cell side by side.
        """
        spec = self.spec(modality)
        if codes.dim() < 3 or codes.shape[1] != spec.num_codebooks:
            wanted = f"[B, {spec.num_codebooks}, *grid]"
            raise InputError(f"{modality} codes must be {wanted}, not {list(codes.shape)}")
        if codes.is_floating_point() or codes.dtype == torch.bool:
            raise InputError(f"{modality} codes must be integers, not {codes.dtype}")
        if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) >= spec.codebook_size):
            raise InputError(f"{modality} codes must lie in 0 to {spec.codebook_size - 1}")
        blocks = [block.to(codes.device) for block in self._blocks[modality]]
        flat = codes.flatten(2).long()
        return torch.stack([block[flat[:, k]] for k, block in enumerate(blocks)], dim=2).flatten(1)

    def ids_to_codes(self, modality: str, ids: Tensor, grid: Sequence[int]) -> Tensor:
        """The inverse of :meth:`codes_to_ids`.

        Args:
            modality: A modality of this vocabulary.
            ids: int64 ``[B, K * prod(grid)]``, each from the block of its own codebook.
            grid: ``(h, w)`` of an image, ``(T,)`` of audio.

        Returns:
            int64 ``[B, K, *grid]``.
        """
        count = self.spec(modality).num_codebooks
        if ids.dim() != 2 or ids.shape[1] != count * math.prod(grid):
            raise InputError(
                f"a grid {tuple(grid)} of {count} {modality} codebooks needs ids "
                f"[B, {count * math.prod(grid)}], not {list(ids.shape)}"
            )
        expected = torch.arange(count, device=ids.device).repeat(math.prod(grid))
        strange = self.modality_of(ids) != MODALITIES[modality]
        strange |= self._codebook.to(ids.device)[ids] != expected
        if bool(strange.any()):
            row, column = (int(index) for index in strange.nonzero()[0])
            raise InputError(
                f"token id {int(ids[row, column])} at place {column} is no code of {modality} codebook {column % count}"
            )
        codes = self._local.to(ids.device)[ids]
        return codes.unflatten(1, (-1, count)).transpose(1, 2).reshape(len(ids), count, *grid)

    def stream_to_ids(self, modality: str, stream: Tensor) -> Tensor:
        """Token ids int64 ``[S]`` of codes in any order: int64 ``[S, 2]``, the codebook and the code of each."""
        spec, blocks = self.spec(modality), torch.stack(self._blocks[modality])
        codebooks, codes = stream.unbind(1)
        if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) >= spec.codebook_size):
            raise InputError(f"{modality} codes must lie in 0 to {spec.codebook_size - 1}")
        return blocks.to(stream.device)[codebooks, codes]

    def ids_to_stream(self, modality: str, ids: Tensor) -> Tensor:
        """The inverse of :meth:`stream_to_ids`; an id of another block raises :class:`InputError`."""
        self.spec(modality)
        strange = (self.modality_of(ids) != MODALITIES[modality]).nonzero()
        if len(strange):
            place = int(strange[0])
            raise InputError(f"token id {int(ids[place])} at place {place} is no code of {modality}")
        tables = self._codebook, self._local
        return torch.stack([table.to(ids.device)[ids].long() for table in tables], dim=1)

    # ---- the manifest

    def to_dict(self) -> dict[str, Any]:
        """The manifest, ready for JSON."""
        return self._layout.to_dict()

    @classmethod
    def from_dict(cls, manifest: Any) -> Vocabulary:
        """The inverse of :meth:`to_dict`; a malformed manifest or one from the future raises InputError."""
        return cls._of(Layout.from_dict(manifest))

    def save(self, path: str | Path) -> None:
        """Writes the manifest as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Reads a manifest; :class:`InputError` names the file and what is wrong with it."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(f"vocabulary {str(path)!r} cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            reason = error if isinstance(error, InputError) else "it is not JSON"
            raise InputError(f"vocabulary {str(path)!r} is unusable: {reason}") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.size, tuple(self.specs.values())))

    def __repr__(self) -> str:
        return f"Vocabulary(size={self.size}, text_size={self.text_size}, specs={list(self.specs.values())})"
