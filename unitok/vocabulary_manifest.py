"""Checks and the JSON form of the values in a vocabulary's manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from unitok import checks
from unitok_tokenizers.errors import InputError

MAX_SIZE: Final = 1 << 24  # a manifest with more ids than this is a mistake, and must not exhaust the memory
NO_ID: Final = -1  # in a text block: this id of the text tokenizer is not text here


def check_integer(value: Any, name: str, low: int, high: int | None = None) -> None:
    checks.check_integer(value, f"vocabulary: {name}", low, high)


def freeze(block: Sequence[int]) -> Sequence[int]:
    return block if isinstance(block, range) else tuple(block)


def get(values: dict[str, Any], key: str, kind: type) -> Any:
    if not isinstance(values.get(key), kind):
        raise InputError(f'"{key}" is missing or of the wrong type')
    return values[key]


def block_to_json(block: Sequence[int]) -> dict[str, Any]:
    """A block as its first id and length, as runs of these where that is shorter, or id by id."""
    runs: list[list[int]] = []
    for token_id in block:
        if runs and token_id == (NO_ID if runs[-1][0] == NO_ID else sum(runs[-1])):
            runs[-1][1] += 1
        else:
            runs.append([int(token_id), 1])
    if len(runs) == 1:
        return {"start": runs[0][0], "count": runs[0][1]}
    if 4 * len(runs) < len(block):
        return {"runs": runs}
    return {"ids": [int(token_id) for token_id in block]}


def block_from_json(block: Any, name: str, low: int = 0) -> Sequence[int]:
    """The inverse of :func:`block_to_json`; ``low`` is the least id that may stand in the block."""
    keys = set(block) if isinstance(block, dict) else set()
    if keys == {"start", "count"}:
        return _run(block["start"], block["count"], name, low)
    if keys == {"runs"} and isinstance(block["runs"], list) and block["runs"]:
        ids: list[int] = []
        for run in block["runs"]:
            if not isinstance(run, list) or len(run) != 2:
                raise InputError(f'a run in "{name}" must be [start, count]')
            ids += _run(run[0], run[1], name, low)
            check_integer(len(ids), f'the size of "{name}"', low=1, high=MAX_SIZE)
        return tuple(ids)
    if keys == {"ids"} and isinstance(block["ids"], list) and block["ids"]:
        for token_id in block["ids"]:
            check_integer(token_id, f'an id in "{name}"', low=low, high=MAX_SIZE)
        return tuple(block["ids"])
    raise InputError(f'a block in "{name}" must be {{"start", "count"}}, {{"runs"}} or {{"ids"}}')


def _run(start: Any, count: Any, name: str, low: int) -> Sequence[int]:
    check_integer(start, f'"start" in "{name}"', low=low, high=MAX_SIZE)
    check_integer(count, f'"count" in "{name}"', low=1, high=MAX_SIZE)
    return (NO_ID,) * count if start == NO_ID else range(start, start + count)
