"""Documents as token ids on disk, so that training never waits for a tokenizer.

A cache is a folder:

    tokens.bin    every document's ids, one after another, uint16 or uint32 (little-endian)
    targets.bin   uint8 per token: 1 where the model must write it, 0 where it only reads it
    offsets.npy   int64 [documents + 1]: where each document starts
    meta.json     format version, dtype, counts, and the vocabulary's hash

It is written next to its place and renamed when complete: a folder with this name is always a whole cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unitok.checks import refuse_existing
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

FORMAT_VERSION = 1
MARGINS = "margins.npy"
"""What a cache of pairs of answers (:mod:`unitok.data.preferences`) has beside these files."""
COPY_BYTES = 1 << 24


def vocabulary_hash(vocabulary: Vocabulary) -> str:
    """SHA-256 of the vocabulary's manifest, however its file is laid out."""
    return hashlib.sha256(json.dumps(vocabulary.to_dict(), sort_keys=True).encode()).hexdigest()


class TokenCacheWriter:
    """Appends documents; the cache appears under its name only after `finish`.

    Args:
        folder: where the cache will be; it must not exist.
        vocabulary_size: ids are in [0, vocabulary_size).
        vocabulary_hash: hash of the vocabulary's manifest; readers compare it.
    """

    def __init__(self, folder: str | Path, vocabulary_size: int, vocabulary_hash: str) -> None:
        self.folder = Path(folder)
        refuse_existing(self.folder)
        self.vocabulary_size, self.vocabulary_hash = vocabulary_size, vocabulary_hash
        self.dtype = np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<u4")
        self.work = self.folder.with_name(f".{self.folder.name}.{uuid.uuid4().hex[:8]}.partial")
        self.work.mkdir(parents=True)
        self.offsets = [0]
        self._tokens = open(self.work / "tokens.bin", "wb")  # noqa: SIM115 - closed in finish or abort
        self._targets = open(self.work / "targets.bin", "wb")  # noqa: SIM115

    def add(self, ids: ArrayLike, targets: ArrayLike) -> None:
        """Append one document: ids [S], targets [S] of 0 and 1."""
        ids, targets = np.asarray(ids), np.asarray(targets)
        if ids.ndim != 1 or ids.shape != targets.shape or not ids.size:
            raise ValueError(f"a document is ids [S] and targets [S], got {ids.shape} and {targets.shape}")
        if ids.min() < 0 or ids.max() >= self.vocabulary_size:
            raise ValueError(f"ids must be in [0, {self.vocabulary_size}), got {ids.min()} to {ids.max()}")
        self._tokens.write(ids.astype(self.dtype).tobytes())
        self._targets.write(targets.astype(np.uint8).tobytes())
        self.offsets.append(self.offsets[-1] + len(ids))

    def add_cache(self, cache: TokenCache) -> None:
        """Append every document of another cache."""
        if cache.vocabulary_hash != self.vocabulary_hash:
            raise InputError(f"{cache.folder} was made with another vocabulary; build it again")
        for name, file in (("tokens.bin", self._tokens), ("targets.bin", self._targets)):
            with open(cache.folder / name, "rb") as source:
                shutil.copyfileobj(source, file, COPY_BYTES)
        self.offsets.extend((cache.offsets[1:] + self.offsets[-1]).tolist())

    def finish(self, **extra: Any) -> None:
        """Complete the cache and put it in its place; `extra` goes into meta.json."""
        for file in (self._tokens, self._targets):
            file.flush()
            os.fsync(file.fileno())
            file.close()
        np.save(self.work / "offsets.npy", np.asarray(self.offsets, dtype=np.int64), allow_pickle=False)
        meta = {
            "format_version": FORMAT_VERSION,
            "dtype": self.dtype.name,
            "documents": len(self.offsets) - 1,
            "tokens": self.offsets[-1],
            "vocabulary_size": self.vocabulary_size,
            "vocabulary_hash": self.vocabulary_hash,
            **extra,
        }
        (self.work / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
        self.work.rename(self.folder)

    def abort(self) -> None:
        """Close and remove what was written."""
        for file in (self._tokens, self._targets):
            with suppress(OSError):  # on a full disk, of what was still to be written
                file.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self) -> TokenCacheWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        if kind is None:
            return
        self.abort()
        if isinstance(error, OSError):
            raise InputError(f"{self.folder} cannot be written: {error.strerror or error}") from error


class TokenCache(Sequence[tuple[NDArray[np.integer], NDArray[np.uint8]]]):
    """A cache read through memory maps: `cache[i]` is (ids [S], targets [S] uint8) without a copy.

    Args:
        folder: the cache.
        vocabulary_hash: where given, the cache must have been made with this vocabulary.
        pairs: whether its documents are to be pairs of answers.

    Raises:
        InputError: not a cache, from a newer format, incomplete, made with another vocabulary, or of pairs of answers
            where documents are wanted, or the other way round.
    """

    def __init__(self, folder: str | Path, vocabulary_hash: str | None = None, pairs: bool = False) -> None:
        self.folder, self.pairs = Path(folder), pairs
        try:
            self.meta: dict[str, Any] = json.loads((self.folder / "meta.json").read_text())
            version = self.meta["format_version"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{self.folder} is not a token cache (no readable meta.json); make one with python -m unitok.tokenize"
            ) from error
        if version != FORMAT_VERSION:
            raise InputError(f"{self.folder} has cache format {version}, this version reads {FORMAT_VERSION}")
        if (self.folder / MARGINS).is_file() and not pairs:  # half of its documents are what not to say
            raise InputError(f"{self.folder} holds pairs of answers; give it as data.pairs of PreferencesDataModule")
        if pairs and not (self.folder / MARGINS).is_file():
            raise InputError(
                f"{self.folder} holds documents, no pairs of answers; make them with python -m unitok.tokenize pairs"
            )
        if vocabulary_hash is not None and self.meta.get("vocabulary_hash") != vocabulary_hash:
            raise InputError(f"{self.folder} was made with another vocabulary; build it again with this one")
        try:
            self.offsets: NDArray[np.int64] = np.load(self.folder / "offsets.npy", allow_pickle=False)
            self.dtype = np.dtype(self.meta["dtype"]).newbyteorder("<")
            self.vocabulary_size, self.vocabulary_hash = self.meta["vocabulary_size"], self.meta["vocabulary_hash"]
            total = int(self.offsets[-1])
            self.tokens: NDArray[np.integer] = self._map("tokens.bin", self.dtype, total)
            self.targets: NDArray[np.uint8] = self._map("targets.bin", np.dtype(np.uint8), total)
        except (OSError, ValueError, EOFError, KeyError, IndexError, TypeError) as error:
            raise InputError(f"{self.folder} is damaged ({error}); build it again") from error

    def _map(self, name: str, dtype: np.dtype[Any], total: int) -> NDArray[Any]:
        expected = total * dtype.itemsize
        if (size := (self.folder / name).stat().st_size) != expected:
            raise ValueError(f"{name} has {size} bytes, expected {expected}")
        return np.memmap(self.folder / name, dtype, "r", shape=(total,)) if total else np.zeros(0, dtype)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per document, [documents]."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = slice(self.offsets[index], self.offsets[index + 1])
        return self.tokens[part], self.targets[part]

    def __reduce__(self) -> tuple[Any, ...]:  # a worker process maps the files itself
        return TokenCache, (self.folder, None, self.pairs)


def merge_caches(parts: Iterable[TokenCache], writer: TokenCacheWriter, **extra: Any) -> None:
    """Write all documents of `parts`, in order, and finish; of parts that are opened one by one few files are open."""
    with writer:
        for part in parts:
            writer.add_cache(part)
        writer.finish(**extra)
