"""A checkpoint is a folder: ``unitok.json``, ``vocabulary.json`` and one folder for each component.

``unitok.json`` names the components and their classes and holds the SHA-256 of each weight file, so that
what is loaded is what was saved. Classes come from the table below and weights from safetensors: nothing that
a checkpoint holds is ever run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from unitok.components import COMPONENTS
from unitok.decoder_folder import load_decoder, no_progress_bars
from unitok.engine.sampling import Sampling
from unitok.manifest import FORMAT_VERSION, MANIFEST, VOCABULARY, class_of, read_manifest
from unitok.picture_fit import picture_settings
from unitok.processor import Processor
from unitok.replacing import in_place_of
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WEIGHTS = ".safetensors"
SMALL_DECODER = 256 << 20
SMALL_SHARD, LARGE_SHARD = "14MB", "4GB"
"""Largest weight file of a decoder of at most `SMALL_DECODER` bytes, below what hosts of source code take without
extra tools, and of a larger one."""

DECODER, DECODER_CLASS = "decoder", "AutoModelForCausalLM"
REFINER, REFINER_CLASS = "refiner", "RefinerPipeline"
LAZY = {DECODER: [DECODER_CLASS], REFINER: [REFINER_CLASS]}
PARTS = (*COMPONENTS, *LAZY)
"""The folders that a checkpoint may hold."""
REQUIRED = ("text_tokenizer", DECODER)


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder holds.

    Attributes:
        processor: The tokenizers, the detokenizers and the vocabulary.
        decoder: A ``transformers`` causal LM; None in a base, on which one is yet to be trained.
        sampling: How answers are drawn when the caller does not say.
        refiner: The folder of the refiner, which is loaded when it is first used; None without one.
    """

    processor: Processor
    decoder: PreTrainedModel | None
    sampling: Sampling
    refiner: Path | None = None


def save(checkpoint: Checkpoint, folder: str | Path, write_decoder: Callable[[Path], Any] | None = None) -> None:
    """Writes a checkpoint folder, whole or not at all.

    A checkpoint that is there is replaced; other files in its folder, such as a model card, are kept.

    Args:
        checkpoint: What to write.
        folder: Where to.
        write_decoder: Writes the decoder's folder, instead of ``checkpoint.decoder``.

    Raises:
        InputError: ``folder`` is a file, a folder with something else in it, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / MANIFEST).is_file() and not _is_empty_folder(folder):
        raise InputError(f"{folder} exists and is not a unitok checkpoint; name a new folder")
    try:
        with in_place_of(folder, {MANIFEST, VOCABULARY, *PARTS}.__contains__) as fresh:
            _write(checkpoint, fresh, write_decoder or _decoder_writer(checkpoint.decoder))
    except (OSError, SafetensorError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise InputError(f"checkpoint {folder} cannot be written: {reason}") from error


def load(folder: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> Checkpoint:
    """Reads and verifies a checkpoint folder.

    Args:
        folder: As written by :func:`save`.
        device: Where the decoder and the codecs go.
        dtype: The decoder's; by default float32 on a CPU and as stored elsewhere.

    Raises:
        InputError: Something is missing, damaged, or newer than this code; the message names the file.
    """
    folder = Path(folder)
    manifest = verify(folder)
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    parts = {
        name: COMPONENTS[name][entry["class"]](folder / name)
        for name, entry in manifest["components"].items()
        if name in COMPONENTS
    }
    sampling = _sampling(manifest, folder)
    try:
        processor = Processor(vocabulary=vocabulary, **picture_settings(manifest), **parts).to(device)
    except InputError as error:
        raise InputError(f"{folder / MANIFEST}: {error}") from None
    decoder = load_decoder(folder / DECODER, default_dtype(device, dtype)).to(device)  # type: ignore[arg-type]
    refiner = folder / REFINER if REFINER in manifest["components"] else None
    return Checkpoint(processor, decoder, sampling, refiner)


def default_dtype(device: torch.device | str, dtype: torch.dtype | None) -> torch.dtype | None:
    """The decoder's dtype on a device: float32 on a CPU and as stored (None) elsewhere, unless one is given."""
    return torch.float32 if dtype is None and torch.device(device).type == "cpu" else dtype


def verify(folder: str | Path) -> dict[str, Any]:
    """Checks a checkpoint's files against its manifest, and returns the manifest; nothing is loaded.

    Raises:
        InputError: As for :func:`load`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"checkpoint {folder} is not a folder; give one that holds {MANIFEST}")
    path = folder / MANIFEST
    manifest = read_manifest(path)
    _check_components(manifest, path)
    for name in (VOCABULARY, *manifest["components"]):
        if not (folder / name).exists():
            raise InputError(f"{folder / name} is missing; copy the whole checkpoint again")
    _check_weights(folder, manifest)
    return manifest


def ways(folder: Path) -> tuple[Sampling | None, Path | None]:
    """How a checkpoint draws its answers, and its refiner, as far as it has them: a base has neither.

    Raises:
        InputError: The manifest is missing, damaged, or newer than this code.
    """
    manifest = read_manifest(folder / MANIFEST)
    refiner = folder / REFINER if REFINER in manifest["components"] else None
    return _sampling(manifest, folder) if DECODER in manifest["components"] else None, refiner


def weight_digests(folder: Path, components: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each weight file of some of a checkpoint's components, by its path in the checkpoint."""
    return {name: _sha256(folder / name) for name in _weight_files(folder, components)}


def _decoder_writer(decoder: PreTrainedModel | None) -> Callable[[Path], Any] | None:
    if decoder is None:
        return None

    def write(folder: Path) -> None:
        weights, half = _smallest(decoder.state_dict())
        size = sum(weight.numel() * weight.element_size() for weight in weights.values())
        shard = SMALL_SHARD if size <= SMALL_DECODER else LARGE_SHARD
        with no_progress_bars():
            decoder.save_pretrained(folder, state_dict=weights, max_shard_size=shard)
        if half is not None:
            path = folder / "config.json"
            config = {**json.loads(path.read_text(encoding="utf-8")), "dtype": str(half).removeprefix("torch.")}
            path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    return write


def _smallest(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], torch.dtype | None]:
    """Weights in float32 in half precision, and in which, if that loses nothing.

    On a processor, weights that were stored in half precision are read as float32.
    """
    if any(weight.dtype != torch.float32 or weight.is_meta for weight in weights.values()):
        return weights, None
    for half in (torch.bfloat16, torch.float16):
        if all(torch.equal(weight, weight.to(half).float()) for weight in weights.values()):
            halves = {
                (weight.data_ptr(), weight.shape): weight.to(half) for weight in weights.values()
            }  # tied ones once
            return {name: halves[weight.data_ptr(), weight.shape] for name, weight in weights.items()}, half
    return weights, None


def _write(checkpoint: Checkpoint, folder: Path, write_decoder: Callable[[Path], Any] | None) -> None:
    processor = checkpoint.processor
    components = {}
    for name, classes in COMPONENTS.items():
        part: Any = getattr(processor, name)
        if part is None:
            continue
        kind = type(part).__name__
        if kind not in classes:
            raise TypeError(f"a {name} of class {kind} cannot be saved; known are {', '.join(classes)}")
        part.write(folder / name)
        components[name] = {"class": kind}
    if write_decoder is not None:
        write_decoder(folder / DECODER)
        components[DECODER] = {"class": DECODER_CLASS}
    if checkpoint.refiner is not None:
        shutil.copytree(checkpoint.refiner, folder / REFINER)
        components[REFINER] = {"class": REFINER_CLASS}
    processor.vocabulary.save(folder / VOCABULARY)
    manifest = {
        "format_version": FORMAT_VERSION,
        "components": components,
        **processor.picture_settings(),
        "sampling": checkpoint.sampling.to_dict(),
        "weights": weight_digests(folder, components),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _weight_files(folder: Path, components: Iterable[str]) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for name in components for path in (folder / name).rglob(f"*{WEIGHTS}")
    )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _sampling(manifest: dict[str, Any], folder: Path) -> Sampling:
    try:
        return Sampling.from_dict(manifest["sampling"])
    except InputError as error:
        raise InputError(f"{folder / MANIFEST}: {error}") from None


def _check_components(manifest: dict[str, Any], path: Path) -> None:
    for name in REQUIRED:
        if name not in manifest["components"]:
            raise InputError(f"{path}: the component {name} is missing")
    for name in manifest["components"]:
        known = LAZY[name] if name in LAZY else list(COMPONENTS.get(name, ()))
        kind = class_of(manifest, name)
        if kind not in known:
            raise InputError(f"{path}: the component {name!r} has an unknown class {kind!r}; upgrade unitok")


def _check_weights(folder: Path, manifest: dict[str, Any]) -> None:
    expected = manifest["weights"]
    for name in expected:
        parts = PurePosixPath(name).parts
        if ".." in parts or not parts or parts[0] not in manifest["components"]:
            raise InputError(f"{folder / MANIFEST}: the weight file {name!r} lies in no component's folder")
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing; copy the whole checkpoint again")
    for name in _weight_files(folder, manifest["components"]):
        if name not in expected:
            raise InputError(f"{folder / name} is not listed in {MANIFEST}; remove it")
        if _sha256(folder / name) != expected[name]:
            raise InputError(
                f"{folder / name} is damaged: its SHA-256 is not the one in {MANIFEST}; copy the checkpoint again"
            )
