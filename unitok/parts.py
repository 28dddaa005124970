"""The parts of a document: text, images and sounds.

Shape letters: K codebooks, h w code grid, H W pixels, C channels, N samples, T audio frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image as PILImage
from torch import Tensor

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import upright_rgb


@dataclass(frozen=True)
class Text:
    """A run of text. It is always taken as letters: ``"<boi>"`` here is no control token."""

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InputError(f"text must be a string, not {type(self.text).__name__}")
        try:
            self.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"text holds a lone surrogate (U+{ord(self.text[error.start]):04X}) at place {error.start}, "
                "which is no character; remove it"
            ) from error


@dataclass(frozen=True, eq=False)
class Image:
    """A picture, its codes, or both; both are copied, so later changes to the originals do not reach it.

    Attributes:
        image: The picture; it becomes RGB, upright and without metadata, as ``load_image`` makes it.
        codes: int64 ``[K, h, w]``. Where both are given, the codes stand for the picture.
        size: ``(H, W)`` of the picture before it was fitted to the code grid.

    Raises:
        InputError: Neither picture nor codes are given, or the codes are not ``[K, h, w]``.
    """

    image: PILImage.Image | None = None
    codes: Tensor | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.image is None and self.codes is None:
            raise InputError("an image needs a picture or codes")
        if self.image is not None:
            if not isinstance(self.image, PILImage.Image):
                raise InputError(f"an image's picture must be a PIL image, not {type(self.image).__name__}")
            if 0 in self.image.size:
                raise InputError("an image's picture has no pixels")
            try:
                picture = upright_rgb(self.image)
            except InputError:
                raise
            except Exception as error:  # Pillow reads its pixels now, and a damaged file raises nearly anything
                reason = " ".join(str(error).split()) or type(error).__name__
                raise InputError(f"an image's picture cannot be read: {reason}") from error
            object.__setattr__(self, "image", picture)
            if self.size is None:
                object.__setattr__(self, "size", (picture.height, picture.width))
        _copy_codes(self, "an image's codes", dims=3, shape="[K, h, w]")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return self.image == other.image and _same(self.codes, other.codes) and self.size == other.size

    def __hash__(self) -> int:
        return hash((self.size, None if self.codes is None else tuple(self.codes.shape)))


@dataclass(frozen=True, eq=False)
class Audio:
    """A sound, its codes, or both; both are copied, so later changes to the originals do not reach it.

    Attributes:
        samples: float32 ``[C, N]`` in ``[-1, 1]``.
        sample_rate: Samples per second; needed with ``samples``.
        codes: int64 ``[K, T]``. Where both are given, the codes stand for the sound.
        words: What was heard in it, where that was written down (:mod:`unitok.hearing`): a note, by which it is no
            other sound.

    Raises:
        InputError: Neither samples nor codes are given, one has the wrong shape, or a sample is no finite number.
    """

    samples: Tensor | None = None
    sample_rate: int | None = None
    codes: Tensor | None = None
    words: str | None = None

    def __post_init__(self) -> None:
        if self.samples is None and self.codes is None:
            raise InputError("audio needs samples or codes")
        if self.samples is not None:
            if not isinstance(self.samples, Tensor):
                raise InputError(f"audio samples must be a torch tensor, not {type(self.samples).__name__}")
            if self.samples.dim() != 2 or not self.samples.numel() or not self.samples.is_floating_point():
                raise InputError(f"audio samples must be floats [C, N], not {list(self.samples.shape)}")
            if not bool(self.samples.isfinite().all()):
                raise InputError("audio samples hold values that are not finite")
            rate = self.sample_rate
            if not isinstance(rate, int) or isinstance(rate, bool) or rate < 1:
                raise InputError(f"audio samples need a sample_rate, a positive integer, not {rate!r}")
            object.__setattr__(self, "samples", self.samples.detach().to("cpu", torch.float32, copy=True))
        _copy_codes(self, "audio codes", dims=2, shape="[K, T]")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Audio):
            return NotImplemented
        return (
            _same(self.samples, other.samples)
            and self.sample_rate == other.sample_rate
            and _same(self.codes, other.codes)
        )

    def __hash__(self) -> int:
        return hash((self.sample_rate, None if self.codes is None else tuple(self.codes.shape)))


Part = Text | Image | Audio
PartLike = Part | str | PILImage.Image


def media_bytes(part: Part) -> int:
    """Memory of a picture's pixels, which Pillow keeps four bytes each of, or of a sound's samples."""
    if isinstance(part, Image) and part.image is not None:
        return 4 * part.image.width * part.image.height
    if isinstance(part, Audio) and part.samples is not None:
        return part.samples.nbytes
    return 0


def as_part(part: PartLike) -> Part:
    """A string as :class:`Text`, a PIL image as :class:`Image`, a part as it is."""
    if isinstance(part, (Text, Image, Audio)):
        return part
    if isinstance(part, str):
        return Text(part)
    if isinstance(part, PILImage.Image):
        return Image(part)
    raise InputError(f"a document's part must be text, an image or audio, not {type(part).__name__}")


def _copy_codes(part: Image | Audio, name: str, dims: int, shape: str) -> None:
    codes = part.codes
    if codes is None:
        return
    if not isinstance(codes, Tensor):
        raise InputError(f"{name} must be a torch tensor of integers {shape}, not {type(codes).__name__}")
    if codes.dim() != dims or not codes.numel() or codes.is_floating_point() or codes.dtype == torch.bool:
        raise InputError(f"{name} must be integers {shape}, not {codes.dtype} {list(codes.shape)}")
    object.__setattr__(part, "codes", codes.detach().to(device="cpu", dtype=torch.int64, copy=True))


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return torch.equal(a, b) if a is not None and b is not None else a is b
