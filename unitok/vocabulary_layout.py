"""What lies where in a vocabulary, and its JSON form, the manifest.

Shape letters: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from unitok.syntax import (
    AudioSettings,
    FramedAudio,
    ImageSettings,
    RoleTurns,
    SizedImages,
    TurnSettings,
    from_json,
    to_json,
)
from unitok.vocabulary_manifest import NO_ID, block_from_json, block_to_json, check_integer, freeze, get
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

CONTROL_TOKENS: Final = (
    "<bos>",
    "<eos>",
    "<pad>",
    "<user>",
    "<assistant>",
    "<eot>",
    "<boi>",
    "<eoi>",
    "<boa>",
    "<eoa>",
    "<uncond>",
)

FORMAT: Final = "unitok.vocabulary"
VERSION: Final = 1


@dataclass(frozen=True)
class Codebooks:
    """Where one modality's codes lie: ``blocks[k][code]`` is the token id of a code of codebook ``k``."""

    spec: CodebookSpec
    blocks: tuple[Sequence[int], ...]


@dataclass(frozen=True)
class Layout:
    """The ids of everything, and the ways in which it is written.

    Attributes:
        text: Token id of each id of the text tokenizer; -1 where that id is no text.
        control: Token id of each of ``CONTROL_TOKENS``.
        sizes: ``sizes[n - 1]`` is the token id of the size token ``n``.
        codebooks: The token ids of the codes, one entry per modality.
        size: V.
        images: How an image's codes are written.
        turns: How turns are told apart.
        audio: How a sound's codes are written.
    """

    text: Sequence[int]
    control: dict[str, int]
    sizes: Sequence[int]
    codebooks: tuple[Codebooks, ...]
    size: int
    images: ImageSettings
    turns: TurnSettings
    audio: AudioSettings

    @classmethod
    def of(
        cls,
        text: Sequence[int],
        control: Mapping[str, int],
        sizes: Sequence[int],
        codebooks: Sequence[Codebooks],
        size: int,
        images: ImageSettings | None = None,
        turns: TurnSettings | None = None,
        audio: AudioSettings | None = None,
    ) -> Layout:
        """A layout of copies, with the default ways of writing where none is given.

        Raises:
            InputError: A control token is missing, unknown or has no sensible id.
        """
        _check_names(control)
        ways = images or SizedImages(), turns or RoleTurns(), audio or FramedAudio()
        return cls(freeze(text), dict(control), freeze(sizes), tuple(codebooks), size, *ways)

    def to_dict(self) -> dict[str, Any]:
        """The manifest, ready for JSON."""
        ways = {"images": (self.images, SizedImages()), "turns": (self.turns, RoleTurns())}
        ways["audio"] = (self.audio, FramedAudio())
        return {
            "format": FORMAT,
            "version": VERSION,
            "size": self.size,
            "text": block_to_json(self.text),
            "control": self.control,
            "sizes": block_to_json(self.sizes) if len(self.sizes) else None,
            "codebooks": [
                {"spec": entry.spec.to_dict(), "blocks": [block_to_json(block) for block in entry.blocks]}
                for entry in self.codebooks
            ],
            **{name: to_json(way) for name, (way, default) in ways.items() if way != default},
        }

    @classmethod
    def from_dict(cls, manifest: Any) -> Layout:
        """The inverse of :meth:`to_dict`; a malformed manifest or one from the future raises InputError."""
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise InputError(f'this is not a vocabulary: "format" must be "{FORMAT}"')
        version = manifest.get("version")
        check_integer(version, '"version"', low=1)
        if version != VERSION:
            raise InputError(f"version {version} is newer than {VERSION}, the newest known here; upgrade unitok")
        entries = get(manifest, "codebooks", list)
        codebooks = []
        for entry in entries:
            if not isinstance(entry, dict):
                raise InputError('"codebooks" must hold objects')
            spec = CodebookSpec.from_dict(get(entry, "spec", dict))
            blocks = tuple(block_from_json(block, "codebooks") for block in get(entry, "blocks", list))
            codebooks.append(Codebooks(spec, blocks))
        return cls.of(
            block_from_json(get(manifest, "text", dict), "text", low=NO_ID),
            get(manifest, "control", dict),
            block_from_json(get(manifest, "sizes", dict), "sizes") if manifest.get("sizes") else (),
            codebooks,
            get(manifest, "size", int),
            _image_settings(manifest),
            from_json(manifest["turns"], TurnSettings) if "turns" in manifest else None,
            from_json(manifest["audio"], AudioSettings) if "audio" in manifest else None,
        )


def _image_settings(manifest: dict[str, Any]) -> ImageSettings | None:
    if manifest.get("numbered_rows") is True:  # how it was written at first
        return SizedImages(numbered_rows=True)
    return from_json(manifest["images"], ImageSettings) if "images" in manifest else None


def _check_names(control: Mapping[str, int]) -> None:
    for name in CONTROL_TOKENS:
        if name not in control:
            raise InputError(f"vocabulary: the control token {name} is missing")
    for name, token_id in control.items():
        if name not in CONTROL_TOKENS:
            raise InputError(f"vocabulary: unknown control token {name!r}")
        check_integer(token_id, f"the id of {name}", low=0)
