"""Saves and loads a module as a folder of ``config.json`` and ``model.safetensors``."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from unitok_tokenizers.errors import InputError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_STORED = "_stored_dtype"
Module = TypeVar("Module", bound=nn.Module)


def save_module(module: nn.Module, config: dict, folder: str | Path) -> None:
    """Write the module's configuration and its weights into ``folder``, which is made if need be.

    What was read in half precision is written in half precision again. Weights that were there stay until the new ones
    are whole.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dtype = getattr(module, _STORED, None)
    values = {
        name: (value.to(dtype) if dtype and value.is_floating_point() else value).contiguous()
        for name, value in module.state_dict().items()
    }
    part = folder / f".{uuid.uuid4().hex[:8]}.part"
    try:
        save_file(values, part)
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        part.chmod((folder / CONFIG).stat().st_mode)  # safetensors makes files that are their owner's alone
        part.replace(folder / WEIGHTS)
    finally:
        part.unlink(missing_ok=True)


def share_weights(folder: Path) -> None:
    """Lets those read the weights in a folder that was just written, and below, who may read the JSON beside them:
    safetensors makes files that are their owner's alone."""
    for weights in folder.rglob("*.safetensors"):
        for described in itertools.islice(weights.parent.glob("*.json"), 1):
            weights.chmod(described.stat().st_mode)


def load_module(folder: str | Path, build: Callable[[dict], Module]) -> Module:
    """Build a module from ``folder``'s configuration and fill in its weights.

    Raises:
        InputError: naming the file that is missing, unreadable, or does not fit the other.
    """
    config, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    for path in (config, weights):
        if not path.is_file():
            raise InputError(f"{path} is missing: the folder must hold {CONFIG} and {WEIGHTS}")
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
        with torch.device("meta"):
            skeleton = build(values)
        saved = skeleton.state_dict().keys()
        if all(name in saved for name, _ in skeleton.named_buffers()):
            module = skeleton.to_empty(device="cpu")
        else:
            module = build(values)  # buffers that are not saved, such as windows, get their values here
    except Exception as error:  # a value of the wrong kind raises nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{config} does not describe a component: {reason}") from None
    try:
        stored = load_file(weights)
        module.load_state_dict(stored)
    except (SafetensorError, RuntimeError, OSError) as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise InputError(f"{weights} does not fit {config}: {first}") from None
    dtypes = {value.dtype for value in stored.values() if value.is_floating_point()}
    if len(dtypes) == 1:
        setattr(module, _STORED, dtypes.pop())
    return module.eval()
