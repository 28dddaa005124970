"""A user's own documents: a JSONL file in the messages form, pictures and sounds beside it.

Each line is one document: a list of messages, or an object with `messages`. Paths start at the file's folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from unitok.document import Document
from unitok_tokenizers.errors import InputError

OnError = Literal["skip", "stop"]
Parsed = TypeVar("Parsed")


def parse_line(line: str, where: str, base: Path) -> Document:
    """One line of a file.

    Args:
        line: JSON.
        where: names the line in errors, such as `data.jsonl:12`.
        base: folder that paths of pictures and sounds start from.

    Raises:
        InputError: not JSON, not the messages form, a file that cannot be read, or nothing in it.
    """
    value = parse_json(line, where)
    if isinstance(value, dict):
        if "messages" not in value:
            raise InputError(f'{where}: expected a list of messages or an object with "messages"')
        value = value["messages"]
    return parse_messages(value, where, base)


def parse_json(line: str, where: str) -> Any:
    """A line's value. Raises `InputError`, which names the line."""
    try:
        return json.loads(line, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error})") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's pairs; a key that is given twice would silently mean the second."""
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {repeated!r} is given twice")
    return values


def parse_messages(messages: Any, where: str, base: Path) -> Document:
    """Messages with something in them, as for `parse_line`."""
    try:
        document = Document.from_messages(messages, base)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if not any(turn.parts for turn in document.turns):
        raise InputError(f"{where}: the document is empty")
    return document


def line_blocks(path: str | Path, lines: int) -> list[tuple[int, int]]:
    """Where blocks of `lines` lines begin: (byte offset, line number from 1) each.

    Raises:
        InputError: the file cannot be read or is empty.
    """
    blocks: list[tuple[int, int]] = []
    offset = 0
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file):
                if number % lines == 0:
                    blocks.append((offset, number + 1))
                offset += len(line)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not blocks:
        raise InputError(f"{path} is empty; it must hold one JSON document per line")
    return blocks


def read_documents(
    path: str | Path,
    on_error: OnError = "stop",
    skipped: list[str] | None = None,
    block: tuple[int, int] = (0, 1),
    lines: int | None = None,
) -> Iterator[tuple[str, Document]]:
    """The documents of a JSONL file, each with what names its line, as for `read_lines`."""
    return read_lines(path, _named, on_error, skipped, block, lines)


def _named(line: str, where: str, base: Path) -> tuple[str, Document]:
    return where, parse_line(line, where, base)


def read_lines(
    path: str | Path,
    parse: Callable[[str, str, Path], Parsed],
    on_error: OnError = "stop",
    skipped: list[str] | None = None,
    block: tuple[int, int] = (0, 1),
    lines: int | None = None,
) -> Iterator[Parsed]:
    """What a JSONL file holds; blank lines are passed over.

    Args:
        path: the file.
        parse: reads a line, given what names it in errors and the folder that paths start from; raises `InputError`.
        on_error: `stop` raises at the first unreadable line, `skip` leaves it out.
        skipped: receives one message for each line that was left out, naming it.
        block: start here, an entry of `line_blocks`.
        lines: read so many lines at most.
    """
    path = Path(path)
    offset, number = block
    with open(path, "rb") as file:
        file.seek(offset)
        for index, raw in enumerate(file):
            if lines is not None and index >= lines:
                return
            if not raw.strip():
                continue
            where = f"{path}:{number + index}"
            try:
                try:
                    line = raw.decode("utf-8-sig" if number + index == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise InputError(f"{where}: not UTF-8 ({error.reason} at byte {error.start})") from error
                yield parse(line, where, path.parent)
            except InputError as error:
                if on_error == "stop":
                    raise
                if skipped is not None:
                    skipped.append(str(error))
