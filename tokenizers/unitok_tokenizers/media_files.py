"""Opening and writing the files of media: one way to say what is wrong, and no file is half-written or replaced."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from unitok_tokenizers.errors import InputError


@contextmanager
def open_media(source: str | Path | bytes | IO[bytes], kind: str) -> Iterator[tuple[IO[bytes], str]]:
    """A file to read at its beginning, and its name for messages.

    Args:
        source: A path, the bytes of a file, or a binary file that can seek (left open).
        kind: What it holds, such as ``picture``.

    Raises:
        InputError: The file is missing, empty, no file, or cannot be opened.
    """
    if isinstance(source, bytes):
        yield _not_empty(io.BytesIO(source), kind, kind), kind
        return
    if not isinstance(source, (str, Path)):
        file_name = getattr(source, "name", None)
        name = f"{kind} {file_name!r}" if isinstance(file_name, str) else kind
        yield _not_empty(source, name, kind), name
        return
    name = f"{kind} {str(source)!r}"
    try:
        path = Path(source)
        if path.exists() and not path.is_file():
            raise InputError(f"{name} is not a file; give the path of a file that holds a {kind}")
        with path.open("rb") as file:
            yield _not_empty(file, name, kind), name
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} cannot be opened: {_reason(error)}; give the path of a file") from error


def _not_empty(file: IO[bytes], name: str, kind: str) -> IO[bytes]:
    if not file.read(1):
        raise InputError(f"{name} is empty; give a file that holds a {kind}")
    file.seek(0)
    return file


def write_file(path: Path, kind: str, write: Callable[[IO[bytes]], None], overwrite: bool) -> Path:
    """Writes a file that appears whole or not at all.

    Args:
        path: Where to.
        kind: What it holds, for messages.
        write: Writes into the open file.
        overwrite: Whether a file that is already there may be replaced.

    Returns:
        The path that was written.

    Raises:
        InputError: The file exists, or it cannot be written.
    """
    name = f"{kind} {str(path)!r}"
    if not overwrite and os.path.lexists(path):
        raise InputError(f"{name} already exists; choose another name")
    temporary = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with temporary.open("xb") as file:
            write(file)
        if overwrite:
            os.replace(temporary, path)
        else:
            _publish(temporary, path)
    except FileExistsError as error:
        raise InputError(f"{name} already exists; choose another name") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be written: {_reason(error)}") from error
    finally:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            temporary.unlink(missing_ok=True)
    return path


def _publish(temporary: Path, path: Path) -> None:
    """Gives a finished file its name without ever replacing another one."""
    try:
        os.link(temporary, path)  # fails when the name is taken, even by a file of a moment ago
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(str(path)) from None
        os.replace(temporary, path)


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
