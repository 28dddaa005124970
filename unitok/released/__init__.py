"""Released unified models, in the layout in which `transformers` saves them, as parts of a unitok model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from unitok.released.chameleon import read_chameleon
from unitok.released.emu3 import read_emu3
from unitok.released.source import Options, Released, read_json
from unitok_tokenizers.errors import InputError

READERS = {"chameleon": read_chameleon, "emu3": read_emu3}
"""By the ``model_type`` in ``config.json``."""

VARIANTS: Final = {"chameleon": ("chameleon", "lumina"), "emu3": ("chat", "generation")}
"""Releases that share a layout and write differently; the first is read by default. Anole is a Chameleon."""

NOT_ONE_VOCABULARY: Final = {"janus": "Janus predicts images with a head and embeddings of their own"}


def read_released(
    folder: str | Path,
    vqgan: str | Path | None = None,
    variant: str | None = None,
    image_size: int | None = None,
) -> Released:
    """A released model's parts.

    Args:
        folder: With ``config.json``, weights as safetensors, the tokenizer, and ``preprocessor_config.json`` or
            ``processor_config.json``.
        vqgan: Chameleon only: folder with ``vqgan.ckpt`` and ``vqgan.yaml`` of the original release, which hold the
            image detokenizer that `transformers` leaves out; by default they are looked for in ``folder``.
        variant: Which of the releases that share its layout it is (:data:`VARIANTS`): the files do not tell.
        image_size: Lumina-mGPT only: the side of its square pictures, 768 by default.

    Raises:
        InputError: It is no model that can be read, or something is missing; the message lists what.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} is not a released model: it has no config.json")
    kind = read_json(folder / "config.json").get("model_type")
    if kind in NOT_ONE_VOCABULARY:
        raise InputError(f"{folder} cannot be read: {NOT_ONE_VOCABULARY[kind]}, not over one vocabulary")
    if kind not in READERS:
        raise InputError(f"{folder} holds a model of type {kind!r}; {', '.join(READERS)} can be read")
    variant = variant or VARIANTS[kind][0]
    if variant not in VARIANTS[kind]:
        raise InputError(f"{folder} is of type {kind}, of which there is {' and '.join(VARIANTS[kind])}, not {variant}")
    options = Options(None if vqgan is None else Path(vqgan), variant, image_size)
    try:
        return READERS[kind](folder, options)
    except InputError:
        raise
    except Exception as error:  # a configuration with a value of the wrong kind raises nearly anything
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{folder}: its configuration cannot be used: {reason} ({type(error).__name__})") from error
