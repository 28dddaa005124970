"""Documents: turns of text, images and audio, and their JSON form.

Shape letters: K codebooks, h w code grid, H W pixels, C channels, N samples, T audio frames.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import torch
from PIL import Image as PILImage
from torch import Tensor

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import load_image, to_rgb

Role = Literal["user", "assistant"]
ROLES = ("user", "assistant")


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
        image: The picture; other modes than RGB are converted as ``load_image`` does.
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
            picture = to_rgb(self.image)
            if picture is self.image:
                picture = picture.copy()
            picture.info = {}  # metadata is no part of the picture
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
    """A sound, its codes, or both.

    Attributes:
        samples: float ``[C, N]`` in ``[-1, 1]``.
        sample_rate: Samples per second; needed with ``samples``.
        codes: int64 ``[K, T]``.

    Raises:
        InputError: Neither samples nor codes are given, or one has the wrong shape.
    """

    samples: Tensor | None = None
    sample_rate: int | None = None
    codes: Tensor | None = None

    def __post_init__(self) -> None:
        if self.samples is None and self.codes is None:
            raise InputError("audio needs samples or codes")
        if self.samples is not None:
            if self.samples.dim() != 2 or not self.samples.is_floating_point():
                raise InputError(f"audio samples must be floats [C, N], not {list(self.samples.shape)}")
            if not self.sample_rate:
                raise InputError("audio samples need a sample_rate")
            object.__setattr__(self, "samples", self.samples.detach().clone())
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


@dataclass(frozen=True)
class Turn:
    """What one side says. A turn without a role is plain material, such as a captioned picture."""

    parts: tuple[Part, ...]
    role: Role | None = None

    def __post_init__(self) -> None:
        if self.role is not None and self.role not in ROLES:
            raise InputError(f"role {self.role!r} is not one of {', '.join(ROLES)}")
        object.__setattr__(self, "parts", tuple(as_part(part) for part in self.parts))

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        """The image parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, Image))


@dataclass(frozen=True)
class Document:
    """Turns in order: a conversation, a captioned picture, a text."""

    turns: tuple[Turn, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", tuple(self.turns))

    @classmethod
    def user(cls, *parts: PartLike) -> Document:
        """A document of one user turn; strings become text and PIL images become images."""
        return cls().ask(*parts)

    def ask(self, *parts: PartLike) -> Document:
        """This document with a user turn behind it."""
        return self._append(parts, "user")

    def reply(self, *parts: PartLike) -> Document:
        """This document with an assistant turn behind it."""
        return self._append(parts, "assistant")

    def _append(self, parts: Sequence[PartLike], role: Role) -> Document:
        return Document((*self.turns, Turn(tuple(as_part(part) for part in parts), role)))

    @classmethod
    def from_messages(cls, messages: Any, base: str | Path | None = None) -> Document:
        """Reads the chat form of OpenAI and transformers.

        Args:
            messages: A list of ``{"role": "user"|"assistant"|None, "content": ...}``. Content is a string
                or a list of parts: ``{"type": "text", "text": ...}``, ``{"type": "image", "path": ...}``
                (also ``"url"``, or ``"image"`` with a PIL image), or ``{"type": "image_url", "image_url":
                {"url": ...}}`` with a file or a ``data:`` URI. A message without a role is plain material.
            base: The folder that relative paths start from; by default the working directory.

        Raises:
            InputError: The message and the key that are wrong, or the picture that cannot be read.
        """
        if isinstance(messages, (str, bytes)) or not isinstance(messages, Sequence):
            raise InputError(f"messages must be a list of objects, not {type(messages).__name__}")
        return cls(tuple(_read_message(message, f"message {n}", base) for n, message in enumerate(messages, 1)))

    def to_messages(self, image_saver: Callable[[Image], str | Path] | None = None) -> list[dict[str, Any]]:
        """The inverse of :meth:`from_messages`, ready for JSON.

        Args:
            image_saver: Saves a picture and returns the path to write down. Without it, pictures
                are put into the JSON as ``data:`` URIs (PNG, so nothing is lost).

        Raises:
            InputError: A part has no JSON form (audio, or codes without a picture).
        """
        return [
            {"role": turn.role, "content": [_write_part(part, image_saver) for part in turn.parts]}
            for turn in self.turns
        ]


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
    if codes.dim() != dims or not codes.numel() or codes.is_floating_point() or codes.dtype == torch.bool:
        raise InputError(f"{name} must be integers {shape}, not {codes.dtype} {list(codes.shape)}")
    object.__setattr__(part, "codes", codes.detach().to(device="cpu", dtype=torch.int64, copy=True))


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return torch.equal(a, b) if a is not None and b is not None else a is b


def _read_message(message: Any, where: str, base: str | Path | None) -> Turn:
    if not isinstance(message, Mapping):
        raise InputError(f"{where}: expected an object with role and content, not {type(message).__name__}")
    _check_keys(message, {"role", "content"}, where)
    role = message.get("role")
    if role is not None and role not in ROLES:
        raise InputError(f'{where}: "role" is {role!r}; accepted are "user", "assistant" and none')
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise InputError(f'{where}: "content" must be a string or a list of parts')
    parts = (_read_part(part, f"{where}, part {n}", base) for n, part in enumerate(content, 1))
    return Turn(tuple(parts), role)


def _read_part(part: Any, where: str, base: str | Path | None) -> Part:
    if not isinstance(part, Mapping):
        raise InputError(f"{where}: expected an object with a type, not {type(part).__name__}")
    kind = part.get("type")
    try:
        if kind == "text":
            _check_keys(part, {"type", "text"}, where)
            return Text(_string(part, "text", where))
        if kind == "image":
            sources = [key for key in ("path", "url", "image") if key in part]
            if len(sources) != 1:
                raise InputError(f'{where}: an image needs one of "path", "url" and "image"')
            _check_keys(part, {"type", *sources}, where)
            if isinstance(part.get("image"), PILImage.Image):
                return Image(part["image"])
            source = _string(part, sources[0], where)
            return Image(_open(source, base) if sources[0] == "path" else _open_url(source, base))
        if kind == "image_url":
            _check_keys(part, {"type", "image_url"}, where)
            target = part.get("image_url")
            if not isinstance(target, Mapping):
                raise InputError(f'{where}: "image_url" must be an object with a url')
            # "detail" chooses a resolution at OpenAI and says nothing about the picture itself.
            _check_keys(target, {"url", "detail"}, where)
            return Image(_open_url(_string(target, "url", where), base))
    except InputError as error:
        message = str(error)
        raise InputError(message if message.startswith(where) else f"{where}: {message}") from error
    raise InputError(f'{where}: "type" is {kind!r}; accepted are "text", "image" and "image_url"')


def _check_keys(values: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = [key for key in values if key not in known]
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _string(values: Mapping[str, Any], key: str, where: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise InputError(f'{where}: "{key}" must be a string')
    return value


def _open(path: str, base: str | Path | None) -> PILImage.Image:
    return load_image(Path(base or ".") / path)


def _open_url(url: str, base: str | Path | None) -> PILImage.Image:
    """A picture from a ``data:`` URI, a ``file:`` URL or a path. Nothing is fetched from a network."""
    if url[:5].lower() == "data:":
        return load_image(io.BytesIO(_data_bytes(url)))
    if "://" not in url:
        return _open(url, base)
    parts = urlsplit(url)
    if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
        raise InputError(f"pictures are not fetched from {parts.scheme}://{parts.netloc}; give a file or a data: URI")
    return _open(url2pathname(parts.path), base)


def _data_bytes(url: str) -> bytes:
    header, comma, payload = url[5:].partition(",")
    if not comma:
        raise InputError("a data: URI has no comma before its content")
    if not header.lower().endswith(";base64"):
        return unquote_to_bytes(payload)
    try:
        return base64.b64decode(unquote_to_bytes(payload), validate=True)
    except binascii.Error as error:
        raise InputError(f"a data: URI is not valid base64 ({error})") from error


def _write_part(part: Part, image_saver: Callable[[Image], str | Path] | None) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Audio):
        raise InputError("audio has no JSON form yet")
    if image_saver is not None:
        return {"type": "image", "path": str(image_saver(part))}
    if part.image is None:
        raise InputError("an image of codes alone has no JSON form; decode it to a picture first")
    buffer = io.BytesIO()
    part.image.save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"type": "image_url", "image_url": {"url": url}}
