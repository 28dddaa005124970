"""Safetensors files read and rewritten tensor by tensor, so that a model larger than the memory can be converted.

The format (huggingface/safetensors): the length of the header as 8 bytes, little-endian; the header, JSON of each
tensor's dtype, shape and place; the tensors' bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from unitok_tokenizers.errors import InputError

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"
_PIECE: Final = 1 << 24  # bytes that are copied at once


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies: ``size`` bytes of ``file`` from ``start``."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


class WeightFiles:
    """The weights of a folder as `transformers` saves them: one safetensors file, or shards and their index.

    Attributes:
        entries: Each tensor's place, by name.

    Raises:
        InputError: There are none, one is missing or damaged, or they are pickles, which are not read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.entries: dict[str, Entry] = {}
        for file in self._files():
            self.entries.update(_read_header(file))

    def _files(self) -> list[Path]:
        if (self.folder / SINGLE).is_file():
            return [self.folder / SINGLE]
        index = self.folder / INDEX
        if not index.is_file():
            pickles = sorted(path.name for path in self.folder.glob("*.bin"))
            hint = f"; {pickles[0]} is a pickle, which is not read: save the model as safetensors" if pickles else ""
            raise InputError(f"{self.folder} has neither {SINGLE} nor {INDEX}{hint}")
        try:
            names = sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{index} is not an index of weights; copy the model again") from None
        missing = [name for name in names if not (self.folder / name).is_file()]
        if missing:
            raise InputError(f"{self.folder} is incomplete: {', '.join(missing)} {_be(missing)} missing")
        return [self.folder / name for name in names]

    def get(self, name: str) -> Tensor:
        """One tensor."""
        try:
            with safe_open(self.entries[name].file, "pt") as file:
                return file.get_tensor(name)
        except SafetensorError as error:
            raise InputError(f"{self.entries[name].file} is damaged: {error}; copy it again") from None

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with a prefix, without it."""
        return {name.removeprefix(prefix): self.get(name) for name in self.entries if name.startswith(prefix)}


def _be(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _read_header(path: Path) -> dict[str, Entry]:
    damaged = InputError(f"{path} is damaged or cut off; copy it again")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            total = path.stat().st_size - 8 - length
            if total < 0:
                raise damaged
            header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        entries = {}
        for name, value in header.items():
            start, stop = value["data_offsets"]
            if not 0 <= start <= stop <= total:
                raise damaged
            entries[name] = Entry(path, value["dtype"], tuple(value["shape"]), 8 + length + start, stop - start)
        return entries
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def copy_weights(
    entries: Iterable[tuple[str, Entry]],
    folder: str | Path,
    shard_size: int,
    copied: Callable[[int], Any] | None = None,
) -> None:
    """Write tensors into a folder under new names, as shards and their index, without ever holding one in memory.

    Args:
        entries: New name and place of each.
        folder: Exists.
        shard_size: Bytes of a shard at most, unless one tensor is larger.
        copied: Is told how many bytes were copied since it was told last.

    Raises:
        InputError: A file cannot be read or written.
    """
    folder, shards = Path(folder), _shards(entries, shard_size)
    names = [f"model-{n:05d}-of-{len(shards):05d}.safetensors" for n in range(1, len(shards) + 1)]
    names = [SINGLE] if len(shards) == 1 else names
    try:
        for name, shard in zip(names, shards, strict=True):
            _write_shard(folder / name, shard, copied or (lambda size: None))
        if len(shards) > 1:
            where = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
            total = sum(entry.size for shard in shards for entry in shard.values())
            index = {"metadata": {"total_size": total}, "weight_map": where}
            (folder / INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error


def _shards(entries: Iterable[tuple[str, Entry]], shard_size: int) -> list[dict[str, Entry]]:
    shards: list[dict[str, Entry]] = [{}]
    room = shard_size
    for name, entry in entries:
        if entry.size > room and shards[-1]:
            shards.append({})
            room = shard_size
        shards[-1][name] = entry
        room -= entry.size
    return shards


def _write_shard(path: Path, shard: dict[str, Entry], copied: Callable[[int], Any]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, entry in shard.items():
        header[name] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [start, start + entry.size],
        }
        start += entry.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as target:
        target.write(len(text).to_bytes(8, "little") + text)
        for entry in shard.values():
            with entry.file.open("rb") as source:
                source.seek(entry.start)
                left = entry.size
                while left:
                    piece = source.read(min(left, _PIECE))
                    if not piece:
                        raise InputError(f"{entry.file} is cut off; copy it again")
                    target.write(piece)
                    copied(len(piece))
                    left -= len(piece)


def read_into(module: torch.nn.Module, weights: dict[str, Tensor], where: str) -> None:
    """Fill a module with weights, of any float dtype.

    Raises:
        InputError: A weight is missing or has another shape; ``where`` says whose they are.
    """
    wanted = module.state_dict()
    missing = sorted(set(wanted) - set(weights))
    if missing:
        raise InputError(f"{where} lacks {len(missing)} weights, such as {missing[0]}")
    try:
        module.load_state_dict({name: weights[name].to(wanted[name].dtype) for name in wanted})
    except RuntimeError as error:
        raise InputError(f"{where}: {str(error).strip().splitlines()[-1].strip()}") from None
