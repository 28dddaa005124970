"""Documents to token ids and back.

Shape letters: S sequence, K codebooks, h w code grid, H W pixels, T frames, N samples.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from numbers import Real
from typing import Any, Protocol

import torch
from PIL import Image as PILImage
from torch import Tensor, nn

from unitok.audio_syntax import AudioSyntax
from unitok.codec_batches import in_batches
from unitok.document import Audio, Document, Image, Part, Role, Text, Turn
from unitok.image_syntax import image_syntax
from unitok.picture_fit import ImageFit, crop_to_patches, crop_to_square, pad_to_cells, pad_to_square, resize_to_area
from unitok.sounds import samples_at
from unitok.spans import Span, parse_spans, parse_turn
from unitok.syntax import MeasuredImages
from unitok.turn_syntax import Piece, turn_syntax
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.audio_stream import StreamableDetokenizer
from unitok_tokenizers import Detokenizer, Tokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import to_bytes, to_pil, to_range, to_rgb


class TextCodec(Protocol):
    """What the processor needs of a text tokenizer; ids lie in ``[0, vocab_size)``."""

    vocab_size: int

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Iterable[int]) -> str: ...


class Processor:
    """Turns documents into token ids and token ids into documents.

    A document is ``<bos>``, its turns, ``<eos>``. A turn with a role is its role token, its parts and
    ``<eot>``; a turn without one is its parts. An image is ``<boi>``, the height and the width of its
    code grid, the codes and ``<eoi>``; a sound is ``<boa>``, the codes of its frames and ``<eoa>``. Released models
    write turns and images in their own ways; see :mod:`unitok.turn_syntax` and :mod:`unitok.image_syntax`.

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
        audio_tokenizer: Sounds to codes; without it, only sounds that bring their codes can be encoded.
        audio_detokenizer: Codes to sounds; without it, decoded sounds hold codes alone.

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
        audio_tokenizer: Tokenizer | None = None,
        audio_detokenizer: StreamableDetokenizer | None = None,
    ) -> None:
        if text_tokenizer.vocab_size != vocabulary.text_size:
            raise InputError(
                f"the text tokenizer has {text_tokenizer.vocab_size} ids, but the vocabulary's text block "
                f"has {vocabulary.text_size}; they do not belong together"
            )
        codecs = {
            "image tokenizer": image_tokenizer,
            "image detokenizer": image_detokenizer,
            "audio tokenizer": audio_tokenizer,
            "audio detokenizer": audio_detokenizer,
        }
        for name, codec in codecs.items():
            spec = vocabulary.specs.get(name.split()[0])
            if codec is not None and codec.spec != spec:
                raise InputError(
                    f"the {name} has {codec.spec}, but the vocabulary has {spec}; they do not belong together"
                )
        self.text_tokenizer = text_tokenizer
        self.vocabulary = vocabulary
        self._turns, self._images = turn_syntax(vocabulary), image_syntax(vocabulary)
        self.image_tokenizer = image_tokenizer
        self.image_detokenizer = image_detokenizer
        self.image_size = image_size
        self.image_fit: ImageFit = image_fit
        self.image_pixels = image_pixels
        self.audio_tokenizer = audio_tokenizer
        self.audio_detokenizer = audio_detokenizer
        if image_tokenizer is not None and image_size is not None:
            self._check_image_size(image_size)

    def to(self, device: torch.device | str) -> Processor:
        """Moves the codecs to a device, and returns the processor itself."""
        codecs = self.image_tokenizer, self.image_detokenizer, self.audio_tokenizer, self.audio_detokenizer
        for codec in codecs:
            if isinstance(codec, nn.Module):
                codec.to(device)
        return self

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
            document: The document; pictures and sounds without codes are put through their tokenizers.
            generation_prompt: End with ``<assistant>``, ready to generate, instead of ``<eos>``.

        Raises:
            InputError: A part cannot be encoded.
        """
        return self.encode_batch([document], generation_prompt)[0]

    def encode_batch(self, documents: Sequence[Document], generation_prompt: bool = False) -> list[Tensor]:
        """:meth:`encode` of several documents; the media of all of them are encoded together, and each part once."""
        media = [part for part in _parts(documents) if not isinstance(part, Text)]
        known = {id(part): part.codes for part in media if part.codes is not None}
        pictures = [part for part in media if isinstance(part, Image) and part.codes is None]
        sounds = [part for part in media if isinstance(part, Audio) and part.codes is None]
        codes = self.encode_images([part.image for part in pictures if part.image is not None])
        known |= zip(map(id, [*pictures, *sounds]), [*codes, *self.encode_sounds(sounds)], strict=True)
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
                else:
                    span = self.image_span if isinstance(part, Image) else self.audio_span
                    pieces.append(span(codes[id(part)]))
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

    def audio_span(self, codes: Tensor) -> Tensor:
        """Token ids int64 of codes int64 ``[K, T]``, from ``<boa>`` to ``<eoa>``."""
        return AudioSyntax(self.vocabulary).write(codes)

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
        """The document of token ids int64 ``[S]``, images and sounds as codes alone.

        Raises:
            InputError: The ids are not ``<bos>``, whole turns, and optionally ``<eos>`` and padding.
        """
        turns = [Turn(self._parts_of(turn.spans, ids), turn.role) for turn in parse_spans(self.vocabulary, ids)]
        return Document(tuple(one for turn in turns for one in self._turns.turns(turn)))

    def parse_turn(self, ids: Tensor, role: Role | None = "assistant") -> Turn:
        """The turn of generated ids int64 ``[S]``: parts, ``<eot>``, padding; images and sounds as codes alone."""
        return Turn(self._turns.answer(self._parts_of(parse_turn(self.vocabulary, ids), ids)), role)

    def decode(self, ids: Tensor) -> Document:
        """:meth:`parse`, with the pictures and samples of the codes where there are detokenizers."""
        return self.with_media([self.parse(ids)])[0]

    def decode_turn(self, ids: Tensor, role: Role | None = "assistant") -> Turn:
        """:meth:`parse_turn`, with the pictures and samples of the codes where there are detokenizers."""
        return self.with_media([Document((self.parse_turn(ids, role),))])[0].turns[0]

    def _parts_of(self, spans: Iterable[Span], ids: Tensor) -> tuple[Part, ...]:
        def part(span: Span) -> Part:
            if span.codes is None:
                return Text(self.decode_text(ids[span.start : span.stop]))
            return Image(codes=span.codes) if span.modality == "image" else Audio(codes=span.codes)

        return tuple(map(part, spans))

    def decode_text(self, ids: Tensor) -> str:
        """The text of token ids int64 ``[S]`` of the text block."""
        return self.text_tokenizer.decode(self.vocabulary.ids_to_text(ids).tolist())

    def with_media(self, documents: Sequence[Document]) -> list[Document]:
        """The documents with a picture or samples in every part of codes alone that can be decoded, all together."""
        parts = _parts(documents)
        images = [part for part in parts if isinstance(part, Image) and part.image is None]
        sounds = [part for part in parts if isinstance(part, Audio) and part.samples is None]
        images = images if self.image_detokenizer is not None else []
        sounds = sounds if self.audio_detokenizer is not None else []
        pictures = self.decode_images([part.codes for part in images if part.codes is not None])
        samples = self.decode_sounds([part.codes for part in sounds if part.codes is not None])
        decoded: dict[int, Part] = {
            id(part): Image(self._crop(picture, part.size), part.codes, part.size)
            for part, picture in zip(images, pictures, strict=True)
        }
        decoded |= {
            id(part): Audio(one, self.sample_rate, part.codes, part.words)
            for part, one in zip(sounds, samples, strict=True)
        }

        return [document.with_parts(decoded) for document in documents]

    # ---- pictures

    def encode_images(self, images: Sequence[PILImage.Image]) -> list[Tensor]:
        """Codes int64 ``[K, h, w]`` of each picture; those of one size go through the tokenizer together."""
        if not images:
            return []
        if self.image_tokenizer is None:
            raise InputError("this model cannot read pictures: it has no image tokenizer")
        encode = self.image_tokenizer.encode
        media = [to_bytes(self.prepare_image(image)) for image in images]
        return in_batches(self.image_tokenizer, lambda batch: encode(to_range(batch)), media)

    def decode_images(self, codes: Sequence[Tensor]) -> list[PILImage.Image]:
        """The picture of each image's codes int64 ``[K, h, w]``."""
        if not codes:
            return []
        if self.image_detokenizer is None:
            raise InputError("this model cannot make pictures: it has no image detokenizer")
        pixels = (self.vocabulary.spec("image").downsample or 1) ** 2
        decoded = in_batches(self.image_detokenizer, self.image_detokenizer.decode, codes, pixels)
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

    # ---- sounds

    @property
    def sample_rate(self) -> int:
        """Samples a second of every prepared sound.

        Raises:
            InputError: The vocabulary has no audio codes.
        """
        rate = self.vocabulary.spec("audio").sample_rate
        if rate is None:
            raise InputError("the audio codes' spec does not say how many samples a second has (sample_rate)")
        return rate

    @property
    def hop_length(self) -> int:
        """Samples of a frame, which has one code of each codebook.

        Raises:
            InputError: The vocabulary has no audio codes.
        """
        hop = self.vocabulary.spec("audio").hop_length
        if hop is None:
            raise InputError("the audio codes' spec does not say how many samples a frame has (hop_length)")
        return hop

    def frames_in(self, seconds: float) -> int:
        """The whole frames in a length of time.

        Raises:
            InputError: There is none, or the vocabulary has no audio codes.
        """
        least = self.hop_length / self.sample_rate
        if not isinstance(seconds, Real) or not least <= seconds < math.inf:
            raise InputError(f"seconds must be at least {least:g}, the length of a frame, not {seconds}")
        return int(min(seconds / least, sys.maxsize) + 1e-9)  # what is whole must not be lost to rounding

    def encode_sounds(self, sounds: Sequence[Audio]) -> list[Tensor]:
        """Codes int64 ``[K, T]`` of each sound, of any rate; those of one length go through the tokenizer together."""
        if not sounds:
            return []
        if self.audio_tokenizer is None:
            raise InputError("this model cannot hear sounds: it has no audio tokenizer")
        media = [samples_at(sound, self.sample_rate) for sound in sounds]
        return in_batches(self.audio_tokenizer, self.audio_tokenizer.encode, media)

    def decode_sounds(self, codes: Sequence[Tensor]) -> list[Tensor]:
        """The samples float32 ``[1, N]`` of each sound's codes int64 ``[K, T]``, at :attr:`sample_rate`."""
        if not codes:
            return []
        if self.audio_detokenizer is None:
            raise InputError("this model cannot make sounds: it has no audio detokenizer")
        decoded = in_batches(self.audio_detokenizer, self.audio_detokenizer.decode, codes, self.hop_length)
        return [one.float().clamp(-1, 1) for one in decoded]


def _parts(documents: Iterable[Document]) -> list[Part]:
    """Every part once: by identity, since the same picture twice is two equal parts, and comparing pixels is slow."""
    return list({id(part): part for document in documents for turn in document.turns for part in turn.parts}.values())
