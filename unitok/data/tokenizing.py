"""Documents to a token cache: shards written by worker processes, then merged in order.

The result depends on the source alone, not on the number of workers. A run that was stopped goes on with the
shards that are whole.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm import tqdm

from unitok.bases import different_tokenizer, find_folder, load_processor, tokenizers_identity
from unitok.checks import refuse_existing
from unitok.data.documents import OnError, line_blocks, read_documents
from unitok.data.encoding import encode_lines
from unitok.data.interrupts import await_interrupt, end_on_interrupt, starting_processes
from unitok.data.token_cache import TokenCache, TokenCacheWriter, merge_caches, vocabulary_hash
from unitok.data.work_folder import work_folder
from unitok.data.world.mixture import world_documents
from unitok.data.world.sounds.tasks import SOUND_TASK_WEIGHTS
from unitok.data.world.tasks import TASK_WEIGHTS
from unitok.document import Document
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)


class Source(Protocol):
    """Documents in shards; small and picklable, since every worker gets it."""

    def shards(self) -> int: ...

    def documents(self, shard: int, skipped: list[str]) -> Iterator[tuple[str, Document]]:
        """Each with what names it in errors; ``skipped`` receives what is left out."""
        ...

    @property
    def on_error(self) -> OnError:
        """What becomes of a document that cannot be read, or that the tokenizers cannot encode."""
        ...

    def identity(self) -> dict[str, Any]:
        """What the documents depend on, as JSON: shards are reused only where it is the same."""
        ...


@dataclass(frozen=True)
class WorldSource:
    """Documents about procedural scenes: `documents_total` of them, a function of the seed; `sounds`, `tasks`,
    `sound_tasks`, `unrelated`, `reworded` and `far_looks` as for `world_documents`."""

    documents_total: int
    seed: int
    split: str = "train"
    per_shard: int = 4096
    image_size: int = 64
    sounds: float = 0.0
    tasks: Mapping[str, float] = field(default_factory=lambda: dict(TASK_WEIGHTS))
    sound_tasks: Mapping[str, float] = field(default_factory=lambda: dict(SOUND_TASK_WEIGHTS))
    unrelated: float = 0.0
    reworded: float = 0.0
    far_looks: float = 0.0

    @property
    def on_error(self) -> OnError:
        return "stop"

    def shards(self) -> int:
        return -(-self.documents_total // self.per_shard)

    def documents(self, shard: int, skipped: list[str]) -> Iterator[tuple[str, Document]]:
        wanted = min(self.per_shard, self.documents_total - shard * self.per_shard)
        seed = [self.seed, shard]
        documents = world_documents(
            seed,
            self.split,
            self.image_size,
            self.sounds,
            self.tasks,
            self.sound_tasks,
            self.unrelated,
            self.reworded,
            self.far_looks,
        )
        return ((f"document {number} of shard {shard}", one) for number, one in enumerate(islice(documents, wanted)))

    def identity(self) -> dict[str, Any]:
        return {"source": "world", **asdict(self)}


@dataclass(frozen=True)
class JsonlSource:
    """A JSONL file of documents."""

    path: str
    on_error: OnError = "stop"
    per_shard: int = 4096

    @cached_property
    def _blocks(self) -> list[tuple[int, int]]:
        """Goes with the source to each worker: finding them reads the whole file."""
        return line_blocks(self.path, self.per_shard)

    def shards(self) -> int:
        return len(self._blocks)

    def documents(self, shard: int, skipped: list[str]) -> Iterator[tuple[str, Document]]:
        return read_documents(self.path, self.on_error, skipped, self._blocks[shard], self.per_shard)

    def identity(self) -> dict[str, Any]:
        try:
            stat = Path(self.path).stat()
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from error
        changed = {"bytes": stat.st_size, "modified": stat.st_mtime_ns}
        return {"source": "documents", **asdict(self), **changed}


def _write_shard(processor: Processor, source: Source, shard: int, folder: Path, key: str) -> None:
    """One shard as a cache of its own; what was left out is named in its meta.json."""
    skipped: list[str] = []
    lines = ((where, [document]) for where, document in source.documents(shard, skipped))
    with TokenCacheWriter(folder, processor.vocabulary.size, key) as writer, torch.inference_mode():
        for ((ids, targets),) in encode_lines(processor, lines, source.on_error, skipped):
            writer.add(ids, targets)
        writer.finish(skipped=skipped)


_worker_processor: Processor | None = None  # of this worker process


def _start_worker(folder: str | Path, image_size: int | None) -> None:
    global _worker_processor
    end_on_interrupt()
    torch.set_num_threads(1)  # the workers are the parallelism
    _worker_processor = load_processor(folder, image_size)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(source: Source, shard: int, folder: Path, key: str) -> None:
    assert _worker_processor is not None
    _write_shard(_worker_processor, source, shard, folder, key)


def write_cache(
    source: Source,
    checkpoint: str | Path,
    output: str | Path,
    workers: int = 1,
    image_size: int | None = None,
) -> TokenCache:
    """Tokenize a source; shows a progress bar.

    Args:
        source: the documents.
        checkpoint: folder with vocabulary and tokenizers.
        output: the cache's folder, which must not exist; shards are kept beside it until it is complete.
        workers: processes; 0 works in this one.
        image_size: as for `load_processor`.

    Raises:
        InputError: `output` exists, a document cannot be read or encoded and the source says stop, or none is left.
    """
    output = Path(output)
    refuse_existing(output)
    processor = load_processor(checkpoint, image_size)
    key = vocabulary_hash(processor.vocabulary)
    made_by = tokenizers_identity(find_folder(checkpoint), image_size)
    with work_folder(output, {**made_by, **source.identity()}) as work:
        folders = [work / f"{shard:06d}" for shard in range(source.shards())]
        missing = [shard for shard, folder in enumerate(folders) if not folder.exists()]
        with tqdm(total=len(folders), initial=len(folders) - len(missing), desc="tokenizing", unit="shard") as bar:
            if workers == 0:
                for shard in missing:
                    _write_shard(processor, source, shard, folders[shard], key)
                    bar.update()
            else:
                jobs = [(source, shard, folders[shard], key) for shard in missing]
                _run_workers((checkpoint, image_size), jobs, min(workers, max(1, len(missing))), bar.update)
        skipped, documents = [], 0
        for folder in folders:  # one at a time: each holds two files open
            cache = TokenCache(folder, key)
            skipped += cache.meta["skipped"]
            documents += len(cache)
        for line in skipped:
            log.warning("left out: %s", line)
        if not documents:
            shutil.rmtree(work)
            reason = f": of {len(skipped)} that were left out, the last: {skipped[-1]}" if skipped else ""
            raise InputError(f"there is no document to tokenize{reason}")
        merge_caches(
            (TokenCache(folder, key) for folder in folders),
            TokenCacheWriter(output, processor.vocabulary.size, key),
            source=source.identity(),
            skipped=len(skipped),
            tokenizers=made_by["tokenizers"],
        )
    return TokenCache(output, key)


def check_tokenizers(caches: Iterable[TokenCache], folder: Path) -> None:
    """Whether codes mean what they meant where caches were made; those from before this was written down pass.

    Args:
        caches: The caches.
        folder: The checkpoint or base that they are used with.

    Raises:
        InputError: One was made with other weights, or other words, of a tokenizer.
    """
    here = tokenizers_identity(folder)["tokenizers"]
    for cache in caches:
        if name := different_tokenizer(cache.meta.get("tokenizers") or {}, here):
            raise InputError(
                f"{cache.folder} was made with another {name} than that of {folder}; make it anew, or give "
                f"{folder / 'vocabulary.json'} as model.vocabulary if all ids mean the same"
            )


def files_identity(folder: Path) -> dict[str, Any]:
    """A folder and its files' sizes and times: what was made from them is used again only where these are the same."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {str(folder.resolve()): {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in files}}


def _run_workers(
    start: tuple[str | Path, int | None],
    jobs: Iterable[tuple[Source, int, Path, str]],
    workers: int,
    done: Callable[[], Any],
) -> None:
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, _start_worker, start) as pool:
        with starting_processes():
            futures = [pool.submit(_work, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                done()
        except BrokenProcessPool as error:
            await_interrupt()
            raise InputError("a worker process ended unexpectedly; use fewer workers if memory ran out") from error
        finally:
            pool.shutdown(cancel_futures=True)
