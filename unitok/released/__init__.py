"""Released unified models, in the layout in which `transformers` saves them, as parts of a unitok model."""

from __future__ import annotations

import json
from pathlib import Path

from unitok.released.chameleon import read_chameleon
from unitok.released.emu3 import read_emu3
from unitok.released.source import Released
from unitok_tokenizers.errors import InputError

READERS = {"chameleon": read_chameleon, "emu3": read_emu3}
"""By the ``model_type`` in ``config.json``. Anole and Lumina-mGPT are Chameleons."""

NOT_ONE_VOCABULARY = {"janus": "Janus predicts images with a head and embeddings of their own"}


def model_type(folder: str | Path) -> str | None:
    """What ``config.json`` calls the model in a folder; None where there is no such file."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON; copy the model again") from error
    return str(values.get("model_type")) if isinstance(values, dict) else None


def read_released(folder: str | Path, vqgan: str | Path | None = None) -> Released:
    """A released model's parts.

    Args:
        folder: With ``config.json``, weights as safetensors, the tokenizer and ``preprocessor_config.json``.
        vqgan: Chameleon only: folder with ``vqgan.ckpt`` and ``vqgan.yaml`` of the original release, which hold the
            image detokenizer that `transformers` leaves out; by default they are looked for in ``folder``.

    Raises:
        InputError: It is no model that can be read, or something is missing; the message lists what.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    kind = model_type(folder)
    if kind is None:
        raise InputError(f"{folder} is not a released model: it has no config.json")
    if kind in NOT_ONE_VOCABULARY:
        raise InputError(f"{folder} cannot be read: {NOT_ONE_VOCABULARY[kind]}, not over one vocabulary")
    if kind not in READERS:
        raise InputError(f"{folder} holds a model of type {kind!r}; {', '.join(READERS)} can be read")
    return READERS[kind](folder, None if vqgan is None else Path(vqgan))
