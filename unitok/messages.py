"""The JSON form of a document's parts: the content of chat messages, as OpenAI and transformers write it."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from PIL import Image as PILImage

from unitok.parts import Audio, Image, Part, Text
from unitok.sounds import load_sound, to_wav
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import load_image

ImageSaver = Callable[[Image], str | Path]
AudioSaver = Callable[[Audio], str | Path]
TYPES = ("text", "image", "image_url", "audio", "input_audio")
"""What ``"type"`` may say of a part."""


def read_part(part: Any, where: str, base: str | Path | None) -> Part:
    """A part of a message's content.

    Args:
        part: As :meth:`unitok.document.Document.from_messages` describes it.
        where: Names the part in errors.
        base: The folder that relative paths start from; by default the working directory.

    Raises:
        InputError: The key that is wrong, or the file that cannot be read.
    """
    if not isinstance(part, Mapping):
        raise InputError(f"{where}: expected an object with a type, not {type(part).__name__}")
    kind = part.get("type")
    try:
        if kind == "text":
            check_keys(part, {"type", "text"}, where)
            return Text(_string(part, "text", where))
        if kind == "image":
            key, source = _source(part, "image", where)
            if isinstance(source, PILImage.Image):
                return Image(source)
            return Image(load_image(_at(_string(part, key, where), key, base)))
        if kind == "audio":
            key, _ = _source(part, "audio", where)
            return _with_words(load_sound(_at(_string(part, key, where), key, base)), part, where)
        if kind == "image_url":
            check_keys(part, {"type", "image_url"}, where)
            # "detail" chooses a resolution at OpenAI and says nothing about the picture itself.
            target = _object(part, "image_url", "a url", {"url", "detail"}, where)
            return Image(load_image(_at(_string(target, "url", where), "url", base)))
        if kind == "input_audio":
            check_keys(part, {"type", "input_audio", "words"}, where)
            target = _object(part, "input_audio", "data and format", {"data", "format"}, where)
            _string(target, "format", where)  # the data itself says which it is
            return _with_words(load_sound(_decoded(_string(target, "data", where).encode(), "the data")), part, where)
    except InputError as error:
        message = str(error)
        raise InputError(message if message.startswith(where) else f"{where}: {message}") from error
    except ValueError as error:  # such as a URL that is none, or half a surrogate pair
        raise InputError(f"{where}: {error}") from error
    raise InputError(f'{where}: "type" is {kind!r}; accepted are {", ".join(TYPES)}')


def write_part(part: Part, image_saver: ImageSaver | None, audio_saver: AudioSaver | None) -> dict[str, Any]:
    """The inverse of :func:`read_part`, as :meth:`unitok.document.Document.to_messages` describes it."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Audio):
        heard = {} if part.words is None else {"words": part.words}
        if audio_saver is not None:
            return {"type": "audio", "path": str(audio_saver(part)), **heard}
        return {"type": "input_audio", "input_audio": {"data": _base64(to_wav(part)), "format": "wav"}, **heard}
    if image_saver is not None:
        return {"type": "image", "path": str(image_saver(part))}
    if part.image is None:
        raise InputError("an image of codes alone has no JSON form; decode it to a picture first")
    buffer = io.BytesIO()
    part.image.save(buffer, "PNG")
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_base64(buffer.getvalue())}"}}


def check_keys(values: Mapping[str, Any], known: set[str], where: str) -> None:
    """Raises InputError for a key that is not known."""
    unknown = [key for key in values if key not in known]
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _source(part: Mapping[str, Any], kind: str, where: str) -> tuple[str, Any]:
    """The one key of a part that says where its media are, and what it says."""
    keys = [key for key in ("path", "url", kind) if key in part]
    if len(keys) != 1:
        raise InputError(f'{where}: {"an image" if kind == "image" else "audio"} needs one of "path", "url", "{kind}"')
    check_keys(part, {"type", *keys, *(["words"] if kind == "audio" else [])}, where)
    return keys[0], part[keys[0]]


def _with_words(sound: Audio, part: Mapping[str, Any], where: str) -> Audio:
    """The sound with what was heard in it, where the message says that."""
    return replace(sound, words=_string(part, "words", where)) if "words" in part else sound


def _object(part: Mapping[str, Any], key: str, held: str, known: set[str], where: str) -> Mapping[str, Any]:
    target = part.get(key)
    if not isinstance(target, Mapping):
        raise InputError(f'{where}: "{key}" must be an object with {held}')
    check_keys(target, known, where)
    return target


def _string(values: Mapping[str, Any], key: str, where: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise InputError(f'{where}: "{key}" must be a string')
    return value


def _at(source: str, key: str, base: str | Path | None) -> Path | bytes:
    """The file, or its bytes, that a path, a ``data:`` URI or a ``file:`` URL leads to; no network is asked."""
    if key != "path":
        if source[:5].lower() == "data:":
            return _data_bytes(source)
        if "://" in source:
            parts = urlsplit(source)
            if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
                place = f"{parts.scheme}://{parts.netloc}"
                raise InputError(f"media are not fetched from {place}; give a file or a data: URI")
            source = url2pathname(parts.path)
    return Path(base or ".") / source


def _data_bytes(url: str) -> bytes:
    header, comma, payload = url[5:].partition(",")
    if not comma:
        raise InputError("a data: URI has no comma before its content")
    content = unquote_to_bytes(payload)
    return _decoded(content, "a data: URI") if header.lower().endswith(";base64") else content


def _decoded(content: bytes, name: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise InputError(f"{name} is not valid base64 ({error})") from error


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
