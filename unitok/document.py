"""Documents: turns of text, images and audio, and their JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from unitok.messages import AudioSaver, ImageSaver, check_keys, read_part, write_part
from unitok.parts import Audio, Image, Part, PartLike, Text, as_part
from unitok_tokenizers.errors import InputError

Role = Literal["user", "assistant"]
ROLES = ("user", "assistant")


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

    @property
    def sounds(self) -> tuple[Audio, ...]:
        """The audio parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, Audio))

    def with_parts(self, others: Mapping[int, Part]) -> Turn:
        """The turn with others in the place of the parts of these ids (``id(part)``)."""
        return Turn(tuple(others.get(id(part), part) for part in self.parts), self.role)


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
                {"url": ...}}`` with a file or a ``data:`` URI; ``{"type": "audio", "path": ...}`` (also ``"url"``
                or ``"audio"``), or ``{"type": "input_audio", "input_audio": {"data": ..., "format": "wav"}}`` with a
                file in base64, of any format. Both may have ``"words"``, what was heard in the sound. A message without
                a role is plain material.
            base: The folder that relative paths start from; by default the working directory.

        Sounds keep their rate, and their channels are mixed to one.

        Raises:
            InputError: The message and the key that are wrong, or the file that cannot be read.
        """
        if isinstance(messages, (str, bytes)) or not isinstance(messages, Sequence):
            raise InputError(f"messages must be a list of objects, not {type(messages).__name__}")
        return cls(tuple(_read_message(message, f"message {n}", base) for n, message in enumerate(messages, 1)))

    def to_messages(
        self, image_saver: ImageSaver | None = None, audio_saver: AudioSaver | None = None
    ) -> list[dict[str, Any]]:
        """The inverse of :meth:`from_messages`, ready for JSON; what was heard in sounds is kept.

        Args:
            image_saver: Saves a picture and returns the path to write down. Without it, pictures
                are put into the JSON as ``data:`` URIs (PNG, which keeps every pixel; codes are not written down).
            audio_saver: The same of sounds, which are put into the JSON as WAV files with 32 bits a sample.

        Raises:
            InputError: A part has no JSON form (codes without a picture or samples).
        """
        return [
            {"role": turn.role, "content": [write_part(part, image_saver, audio_saver) for part in turn.parts]}
            for turn in self.turns
        ]

    def with_parts(self, others: Mapping[int, Part]) -> Document:
        """:meth:`Turn.with_parts` of all turns."""
        return Document(tuple(turn.with_parts(others) for turn in self.turns))


def _read_message(message: Any, where: str, base: str | Path | None) -> Turn:
    if not isinstance(message, Mapping):
        raise InputError(f"{where}: expected an object with role and content, not {type(message).__name__}")
    check_keys(message, {"role", "content"}, where)
    role = message.get("role")
    if role is not None and role not in ROLES:
        raise InputError(f'{where}: "role" is {role!r}; accepted are "user", "assistant" and none')
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise InputError(f'{where}: "content" must be a string or a list of parts')
    parts = (read_part(part, f"{where}, part {n}", base) for n, part in enumerate(content, 1))
    return Turn(tuple(parts), role)
