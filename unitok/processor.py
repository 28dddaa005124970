"""Documents to token ids and back.

Shape letters: S sequence, K codebooks, h w code grid, H W pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Literal, Protocol, get_args

import torch
from PIL import Image as PILImage
from torch import Tensor, nn

from unitok.document import Document, Image, Part, Role, Text, Turn
from unitok.image_syntax import image_syntax
from unitok.picture_fit import crop_to_patches, crop_to_square, pad_to_cells, pad_to_square, resize_to_area
from unitok.spans import Span, parse_spans, parse_turn
from unitok.syntax import MeasuredImages
from unitok.turn_syntax import Piece, turn_syntax
from unitok.vocabulary import Vocabulary
from unitok_tokenizers import Detokenizer, Tokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import to_pil, to_rgb, to_tensor

ImageFit = Literal["pad", "crop", "patches"]

_PIXELS_PER_BATCH: Final = 64 * 64 * 64
"""Pictures go through the codecs in batches of about this many pixels, to bound the memory."""


class TextCodec(Protocol):
    """What the processor needs of a text tokenizer; ids lie in ``[0, vocab_size)``."""

    vocab_size: int

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Iterable[int]) -> str: ...


class Processor:
    """Turns documents into token ids and token ids into documents.

    A document is ``<bos>``, its turns, ``<eos>``. A turn with a role is its role token, its parts and
    ``<eot>``; a turn without one is its parts. An image is ``<boi>``, the height and the width of its
    code grid, the codes and ``<eoi>``. Released models write turns and images in their own ways; see
    :mod:`unitok.turn_syntax` and :mod:`unitok.image_syntax`.

    Args:
        text_tokenizer: Its ids fill the vocabulary's text block.
        vocabulary: The ids of everything.
        image_tokenizer: Pictures to codes; without it, only images that bring their codes can be encoded.
        image_detokenizer: Codes to pictures; without it, decoded images hold codes alone.
        image_size: Pictures become squares with sides of this many pixels; None keeps their shape and pads to
            whole cells of the code grid.
        image_fit: How they become squares: padded around with the mean color of their border, or cropped. ``patches``:
            cropped to a rectangle of about the same area instead, near their own shape.
        image_pixels: Without an ``image_size``: pictures are scaled to an area of at least and at most so many pixels.

    Raises:
        InputError: The parts do not fit together.
    """

    def __init__(
        self,
        text_tokenizer: TextCodec,
        vocabulary: Vocabulary,
        image_tokenizer: Tokenizer | None = None,
        image_detokenizer: Detokenizer | None = None,
        image_size: int | None = 64,
        image_fit: ImageFit = "pad",
        image_pixels: tuple[int, int] | None = None,
    ) -> None:
        if text_tokenizer.vocab_size != vocabulary.text_size:
            raise InputError(
                f"the text tokenizer has {text_tokenizer.vocab_size} ids, but the vocabulary's text block "
                f"has {vocabulary.text_size}; they do not belong together"
            )
        for name, codec in (("tokenizer", image_tokenizer), ("detokenizer", image_detokenizer)):
            if codec is not None and codec.spec != vocabulary.specs.get("image"):
                raise InputError(
                    f"the image {name} has {codec.spec}, but the vocabulary has "
                    f"{vocabulary.specs.get('image')}; they do not belong together"
                )
        self.text_tokenizer = text_tokenizer
        self.vocabulary = vocabulary
        self._turns, self._images = turn_syntax(vocabulary), image_syntax(vocabulary)
        self.image_tokenizer = image_tokenizer
        self.image_detokenizer = image_detokenizer
        self.image_size = image_size
        self.image_fit: ImageFit = image_fit
        self.image_pixels = image_pixels
        if image_tokenizer is not None and image_size is not None:
            self._check_image_size(image_size)

    def picture_settings(self) -> dict[str, Any]:
        """How pictures are made to fit, ready for JSON; what is at its default is left out, except the size."""
        settings: dict[str, Any] = {"image_size": self.image_size}
        if self.image_fit != "pad":
            settings["image_fit"] = self.image_fit
        if self.image_pixels is not None:
            settings["image_pixels"] = list(self.image_pixels)
        return settings

    def _check_image_size(self, image_size: int) -> None:
        cell = self._cell()
        if image_size < 1 or image_size % cell:
            raise InputError(f"image_size must be a multiple of {cell}, the pixels per code, not {image_size}")
        if image_size // cell > self.vocabulary.max_grid:
            raise InputError(
                f"image_size {image_size} needs a code grid of {image_size // cell}, but the vocabulary's "
                f"largest is {self.vocabulary.max_grid}"
            )

    @property
    def grid(self) -> tuple[int, int] | None:
        """The code grid ``(h, w)`` of every prepared picture, or None where pictures keep their size."""
        if self.image_size is None or "image" not in self.vocabulary.specs:
            return None
        if self.image_fit == "patches":
            return None
        side = self.image_size // self._cell()
        return side, side

    def _unit(self) -> int:
        """Grids are multiples of this."""
        images = self.vocabulary.images
        return images.unit if isinstance(images, MeasuredImages) else 1

    def _cell(self) -> int:
        """Pixels per cell of an image's code grid, along each axis."""
        cell = self.vocabulary.spec("image").downsample
        if cell is None:
            raise InputError("the image codes' spec does not say how many pixels a code stands for (downsample)")
        return cell

    # ---- documents to ids

    def encode(self, document: Document, generation_prompt: bool = False) -> Tensor:
        """Token ids int64 ``[S]`` of a document.

        Args:
            document: The document; pictures without codes are put through the image tokenizer.
            generation_prompt: End with ``<assistant>``, ready to generate, instead of ``<eos>``.

        Raises:
            InputError: A part cannot be encoded.
        """
        return self.encode_batch([document], generation_prompt)[0]

    def encode_batch(self, documents: Sequence[Document], generation_prompt: bool = False) -> list[Tensor]:
        """:meth:`encode` of several documents; the pictures of all of them are encoded together."""
        images = [image for document in documents for turn in document.turns for image in turn.images]
        pending = [image for image in images if image.codes is None]
        codes = self.encode_images([image.image for image in pending if image.image is not None])
        # By identity: the same picture twice in a document is two equal parts, and hashing pixels is slow.
        known = {id(image): image.codes for image in images if image.codes is not None}
        known |= {id(image): one for image, one in zip(pending, codes, strict=True)}
        return [self._encode(document, generation_prompt, known) for document in documents]

    def _encode(self, document: Document, generation_prompt: bool, codes: dict[int, Tensor]) -> Tensor:
        vocabulary, syntax = self.vocabulary, self._turns
        syntax.check(document.turns)
        pieces: list[Piece | Tensor] = [vocabulary.bos, *syntax.system]
        for turn in document.turns:
            if turn.role is not None:
                pieces += syntax.begin(turn.role)
            for part in turn.parts:
                if isinstance(part, Text):
                    pieces.append(syntax.text(part.text))
                elif isinstance(part, Image):
                    pieces.append(self.image_span(codes[id(part)]))
                else:
                    raise InputError(f"this model cannot read {type(part).__name__.lower()} parts")
            if turn.role is not None:
                pieces += syntax.end(turn.role)
        pieces += syntax.prompt if generation_prompt else [vocabulary.eos]
        return self._join(pieces)

    def _join(self, pieces: Iterable[Piece | Tensor]) -> Tensor:
        """Token ids int64 ``[S]`` of ids and texts; adjacent texts are tokenized as one."""
        joined = [torch.empty(0, dtype=torch.int64)]
        for is_text, run in groupby(pieces, lambda piece: isinstance(piece, str)):
            if is_text:
                ids = self.text_tokenizer.encode("".join(str(piece) for piece in run))
                joined.append(self.vocabulary.text_to_ids(torch.tensor(ids, dtype=torch.int64)))
            else:
                joined += [piece if isinstance(piece, Tensor) else torch.tensor([piece]) for piece in run]
        return torch.cat(joined)

    def image_span(self, codes: Tensor) -> Tensor:
        """Token ids int64 of codes int64 ``[K, h, w]``, from ``<boi>`` to ``<eoi>``."""
        return self._images.write(codes)

    def unconditional(self) -> Tensor:
        """The prompt int64 ``[S]`` that says nothing, for guidance."""
        return self._join([self.vocabulary.bos, *self._turns.system, *self._turns.unconditional, *self._turns.prompt])

    def targets(self, ids: Tensor) -> Tensor:
        """Which tokens the model is to learn.

        Args:
            ids: int64 ``[..., S]``, one or more documents per row, with or without padding.

        Returns:
            uint8, same shape: 1 inside assistant turns (their end included, what opens them not) and inside turns
            without a role, 0 elsewhere.

        Raises:
            InputError: The ids do not show where turns begin.
        """
        return self._turns.targets(ids)

    # ---- ids to documents

    def parse(self, ids: Tensor) -> Document:
        """The document of token ids int64 ``[S]``, images as codes alone.

        Raises:
            InputError: The ids are not ``<bos>``, whole turns, and optionally ``<eos>`` and padding.
        """
        turns = [Turn(self._parts(turn.spans, ids), turn.role) for turn in parse_spans(self.vocabulary, ids)]
        return Document(tuple(one for turn in turns for one in self._turns.turns(turn)))

    def parse_turn(self, ids: Tensor, role: Role | None = "assistant") -> Turn:
        """The turn of generated ids int64 ``[S]``: parts, ``<eot>``, padding; images as codes alone."""
        return Turn(self._parts(parse_turn(self.vocabulary, ids), ids), role)

    def decode(self, ids: Tensor) -> Document:
        """:meth:`parse`, with the pictures of the codes where there is an image detokenizer."""
        return self.with_pictures([self.parse(ids)])[0]

    def decode_turn(self, ids: Tensor, role: Role | None = "assistant") -> Turn:
        """:meth:`parse_turn`, with the pictures of the codes where there is an image detokenizer."""
        return self.with_pictures([Document((self.parse_turn(ids, role),))])[0].turns[0]

    def _parts(self, spans: Iterable[Span], ids: Tensor) -> tuple[Part, ...]:
        return tuple(
            Image(codes=span.codes) if span.codes is not None else Text(self.decode_text(ids[span.start : span.stop]))
            for span in spans
        )

    def decode_text(self, ids: Tensor) -> str:
        """The text of token ids int64 ``[S]`` of the text block."""
        return self.text_tokenizer.decode(self.vocabulary.ids_to_text(ids).tolist())

    def with_pictures(self, documents: Sequence[Document]) -> list[Document]:
        """The documents with a picture in every image that has codes alone, decoded together."""
        if self.image_detokenizer is None:
            return list(documents)
        images = [image for document in documents for turn in document.turns for image in turn.images]
        bare = [image for image in images if image.image is None]
        pictures = self.decode_images([image.codes for image in bare if image.codes is not None])
        decoded: dict[int, Part] = {
            id(image): Image(self._crop(picture, image.size), image.codes, image.size)
            for image, picture in zip(bare, pictures, strict=True)
        }

        def complete(turn: Turn) -> Turn:
            return Turn(tuple(decoded.get(id(part), part) for part in turn.parts), turn.role)

        return [Document(tuple(complete(turn) for turn in document.turns)) for document in documents]

    # ---- pictures

    def encode_images(self, images: Sequence[PILImage.Image]) -> list[Tensor]:
        """Codes int64 ``[K, h, w]`` of each picture; those of one size go through the tokenizer together."""
        if not images:
            return []
        if self.image_tokenizer is None:
            raise InputError("this model cannot read pictures: it has no image tokenizer")
        media = [to_tensor(self.prepare_image(image)) for image in images]
        return _in_batches(self.image_tokenizer, self.image_tokenizer.encode, media, pixels_per_place=1)

    def decode_images(self, codes: Sequence[Tensor]) -> list[PILImage.Image]:
        """The picture of each image's codes int64 ``[K, h, w]``."""
        if not codes:
            return []
        if self.image_detokenizer is None:
            raise InputError("this model cannot make pictures: it has no image detokenizer")
        pixels = (self.vocabulary.spec("image").downsample or 1) ** 2
        decoded = _in_batches(self.image_detokenizer, self.image_detokenizer.decode, codes, pixels)
        return [to_pil(one) for one in decoded]

    def prepare_image(self, image: PILImage.Image) -> PILImage.Image:
        """The picture as the tokenizer sees it, RGB.

        See :mod:`unitok.picture_fit` for the ways in which it is made to fit.

        Raises:
            InputError: The picture is too large for the vocabulary's code grid.
        """
        image = to_rgb(image)
        if self.image_size is not None:
            if self.image_fit == "patches":
                return crop_to_patches(image, self._cell() * self._unit(), self.image_size)
            fit = crop_to_square if self.image_fit == "crop" else pad_to_square
            return fit(image, self.image_size)
        cell = self._cell()
        if self.image_pixels is not None:
            image = resize_to_area(image, cell, *self.image_pixels)
        return pad_to_cells(image, cell, cell * self.vocabulary.max_grid)

    def _crop(self, picture: PILImage.Image, size: tuple[int, int] | None) -> PILImage.Image:
        """Takes the padding to whole cells off again."""
        if self.image_size is not None or self.image_pixels is not None or size is None:
            return picture
        return picture.crop((0, 0, min(size[1], picture.width), min(size[0], picture.height)))


def picture_settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of :class:`Processor` in a manifest that holds :meth:`Processor.picture_settings`.

    Raises:
        InputError: A value is of the wrong kind.
    """
    fit, pixels = manifest.get("image_fit", "pad"), manifest.get("image_pixels")
    if fit not in get_args(ImageFit):
        raise InputError(f'"image_fit" must be one of {", ".join(get_args(ImageFit))}, not {fit!r}')
    is_range = isinstance(pixels, list) and len(pixels) == 2 and all(isinstance(n, int) and n > 0 for n in pixels)
    if pixels is not None and not is_range:
        raise InputError(f'"image_pixels" must be two positive integers, not {pixels!r}')
    return {"image_size": manifest["image_size"], "image_fit": fit, "image_pixels": pixels and tuple(pixels)}


def _in_batches(
    codec: object, run: Callable[[Tensor], Tensor], inputs: Sequence[Tensor], pixels_per_place: int
) -> list[Tensor]:
    """Puts tensors ``[C, h, w]`` through a codec, those of one shape together.

    The results are in the order of the inputs, on the CPU. ``pixels_per_place`` says how much of a
    picture one place of ``h w`` stands for, to bound the memory of a batch.
    """
    parameter = next(codec.parameters(), None) if isinstance(codec, nn.Module) else None
    device = parameter.device if parameter is not None else torch.device("cpu")
    groups: dict[torch.Size, list[int]] = defaultdict(list)
    for place, tensor in enumerate(inputs):
        groups[tensor.shape].append(place)
    results: dict[int, Tensor] = {}
    for shape, places in groups.items():
        step = max(1, _PIXELS_PER_BATCH // (shape[-1] * shape[-2] * pixels_per_place))
        for start in range(0, len(places), step):
            chosen = places[start : start + step]
            with torch.no_grad():
                outputs = run(torch.stack([inputs[place] for place in chosen]).to(device)).cpu()
            results.update(zip(chosen, outputs.unbind(0), strict=True))
    return [results[place] for place in range(len(inputs))]
