"""The folder in which a long run keeps what it has made so far, so that a run that was stopped goes on with it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from unitok.checks import refuse_existing
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)


@contextmanager
def work_folder(output: Path, identity: dict[str, Any], ending: str = ".shards") -> Iterator[Path]:
    """The folder beside ``output``: a new one, or that of a run of the same identity.

    One process works there at a time; another waits until it has ended. The folder is removed once all is done, and
    stays where an error or Ctrl-C ends the work.

    Args:
        output: What the run makes; it must not exist.
        identity: What the result depends on, as JSON.
        ending: Of the folder's name, behind that of ``output``.

    Raises:
        InputError: ``output`` exists, the folder is of something else, or cannot be written.
    """
    work, lock = output.with_name(output.name + ending), FileLock(output.with_name(output.name + ".lock"))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.warning("waiting for another process that is making %s", output)
            lock.acquire()
    except OSError as error:
        raise _unwritable(work, error) from error
    try:
        refuse_existing(output)
        _begin(work, json.dumps(identity, indent=2))
        yield work
        shutil.rmtree(work)
    finally:
        with suppress(OSError):
            Path(lock.lock_file).unlink()  # whoever waits for it sees that it is gone, and makes a new one
        lock.release()


def _begin(work: Path, identity: str) -> None:
    note = work / "source.json"
    try:
        if note.is_file() and note.read_text() == identity:
            return
        if work.exists() and not note.is_file() and any(work.iterdir()):
            raise InputError(f"{work} is in the way; remove it or choose another output folder")
        if parts := sum(path != note for path in work.iterdir()) if work.exists() else 0:
            log.warning("%s: %d parts of an earlier run of something else are removed", work, parts)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        note.write_text(identity)
    except OSError as error:
        raise _unwritable(work, error) from error


def _unwritable(work: Path, error: OSError) -> InputError:
    return InputError(f"{work} cannot be written: {error.strerror or error}; choose another output folder")
