"""A base: a folder with a vocabulary and tokenizers, as a checkpoint is one, whether or not it holds a decoder yet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from unitok.components import COMPONENTS
from unitok.manifest import MANIFEST, VOCABULARY, class_of, is_checkpoint, read_manifest
from unitok.picture_fit import picture_settings
from unitok.processor import Processor
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError


def find_folder(name_or_folder: str | Path) -> Path:
    """A base's folder: the shipped checkpoint of that name, or that folder; it must hold a vocabulary.

    Raises:
        InputError: There is none.
    """
    folder = _first_folder(name_or_folder, lambda folder: (folder / VOCABULARY).is_file())
    if folder is None:
        raise InputError(f"{name_or_folder} is not a checkpoint folder: it has no {VOCABULARY}")
    return folder


def codec_folder(name_or_folder: str | Path, component: str) -> Path:
    """The folder of a codec, base or checkpoint, or of a shipped one by its name.

    Args:
        name_or_folder: What is looked for.
        component: The folder that it must hold, such as ``image_tokenizer``.

    Raises:
        InputError: It does not.
    """
    folder = _first_folder(name_or_folder, lambda folder: (folder / component).is_dir())
    if folder is None:
        raise InputError(f"{str(name_or_folder)!r} has no {component}/, and is no checkpoint that ships")
    return folder


def shipped_folder(name: str) -> Path:
    """Where a checkpoint of that name lies in the package, if it ships."""
    return Path(str(resources.files("unitok"))) / "checkpoints" / name


def _first_folder(name_or_folder: str | Path, fits: Callable[[Path], bool]) -> Path | None:
    """The first folder of that name that fits: what ships comes first, as for ``find_checkpoint``."""
    name = str(name_or_folder)
    places = [*([] if set(name) & {"/", os.sep} else [shipped_folder(name)]), Path(name)]
    return next(filter(fits, places), None)


def load_processor(
    folder: str | Path,
    image_size: int | None = None,
    detokenizers: bool = False,
    instead: Mapping[str, Path] | None = None,
) -> Processor:
    """What turns documents into ids.

    Args:
        folder: A base: with ``vocabulary.json``, ``text_tokenizer/`` and, for pictures and sounds,
            ``image_tokenizer/`` and ``audio_tokenizer/``.
        image_size: Sides of pictures; None: as :func:`image_settings`.
        detokenizers: Read those too that the folder holds.
        instead: Codecs, bases or checkpoints whose components take the place of the folder's own, by their names.

    Raises:
        InputError: There is no base, or its parts are damaged, not known here, or do not fit together.
    """
    folder = find_folder(folder)
    if not (folder / "text_tokenizer").is_dir():
        raise InputError(f"{folder} does not hold tokenizers that are known here; upgrade unitok")
    places = {name: folder for name in COMPONENTS if (folder / name).is_dir()}
    places |= instead or {}
    parts = {
        name: load_component(place, name)
        for name, place in places.items()
        if detokenizers or not name.endswith("_detokenizer")
    }
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    return Processor(vocabulary=vocabulary, **parts, **image_settings(folder, image_size))


def load_component(folder: Path, name: str) -> Any:
    """A component of a codec, base or checkpoint, of the class that its manifest says, or else of our own.

    Raises:
        InputError: It is missing or damaged, or of a class that is not known here.
    """
    readers = COMPONENTS[name]
    kind = class_of(read_manifest(folder / MANIFEST), name) if is_checkpoint(folder) else None
    kind = next(iter(readers)) if kind is None else kind
    if kind not in readers:
        raise InputError(f"{folder / MANIFEST}: the component {name!r} has an unknown class {kind!r}; upgrade unitok")
    return readers[kind](folder / name)


def image_settings(folder: Path, image_size: int | None = None) -> dict[str, Any]:
    """How pictures are made to fit, as a processor takes it.

    Args:
        folder: A base's.
        image_size: Sides of pictures; None: as its manifest says, or any size where it has none.

    Raises:
        InputError: The manifest is damaged, or newer than this code.
    """
    settings: dict[str, Any] = {"image_size": None}
    if is_checkpoint(folder):
        manifest = read_manifest(folder / MANIFEST)
        try:
            settings = picture_settings(manifest)
        except InputError as error:
            raise InputError(f"{folder / MANIFEST}: {error}") from None
    return settings if image_size is None else {**settings, "image_size": image_size}


def tokenizers_identity(folder: Path, image_size: int | None = None) -> dict[str, Any]:
    """What makes ids of documents, as JSON: the vocabulary, each tokenizer's files, and how pictures are made to fit.

    Args:
        folder: As for :func:`load_processor`.
        image_size: Likewise.
    """
    files = [folder / VOCABULARY]
    for name in COMPONENTS:
        if name.endswith("_tokenizer") and (folder / name).is_dir():
            files += sorted(path for path in (folder / name).iterdir() if path.is_file())
    digests = {}
    for path in files:
        with path.open("rb") as file:
            digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"pictures": image_settings(folder, image_size), "tokenizers": digests}


def different_tokenizer(made: Mapping[str, str], here: Mapping[str, str]) -> str | None:
    """The first file of weights or words that is another in two of :func:`tokenizers_identity`'s tables, if any is."""
    for name in sorted(made.keys() & here.keys()):
        if name.endswith((".safetensors", "tokenizer.json")) and made[name] != here[name]:
            return name
    return None
