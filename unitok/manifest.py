"""``unitok.json``, the manifest of a checkpoint or a base: its components' classes and its settings, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unitok_tokenizers.errors import InputError

FORMAT_VERSION = 1
MANIFEST, VOCABULARY = "unitok.json", "vocabulary.json"


def is_checkpoint(folder: str | Path) -> bool:
    """Whether a folder holds a manifest, sound or not."""
    return (Path(folder) / MANIFEST).is_file()


def read_manifest(path: Path) -> dict[str, Any]:
    """What a manifest says.

    Raises:
        InputError: It is missing, damaged, or newer than this code; the message names the file.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; {path.parent} is not a unitok checkpoint") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path} is not JSON; copy the checkpoint again") from None
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(f'{path} is not a unitok checkpoint: "format_version" is missing or no number')
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, newer than {FORMAT_VERSION}, the newest known here; upgrade unitok"
        )
    kinds = {"components": dict, "weights": dict, "sampling": dict, "image_size": int | None}
    for key, kind in kinds.items():
        if key not in manifest or not isinstance(manifest[key], kind) or isinstance(manifest[key], bool):
            raise InputError(f'{path}: "{key}" is missing or of the wrong type')
    return manifest


def class_of(manifest: dict[str, Any], name: str) -> Any:
    """The class that a manifest gives a component, known here or not; None where it says nothing."""
    entry = manifest["components"].get(name)
    return entry.get("class") if isinstance(entry, dict) else None
