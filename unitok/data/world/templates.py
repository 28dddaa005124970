"""A little phrase language: ``(draw|paint) {x}(, please|)`` expands to one of its readings.

Alternatives stand in parentheses, separated by bars, and may nest; ``{name}`` is filled by the caller.
Every alternative of one parenthesis is equally likely, so repeating one makes it more likely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of ``items``, uniformly."""
    return items[int(rng.integers(len(items)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def pick_weighted(rng: np.random.Generator, weights: dict[T, float]) -> T:
    """One key of ``weights``, with a chance proportional to its value."""
    left = rng.random() * sum(weights.values())
    for item, weight in weights.items():
        left -= weight
        if left < 0:
            return item
    return next(reversed(weights))


def draw_numbers(
    rng: np.random.Generator, tasks: Iterable[str], shares: Mapping[str, float], documents: float
) -> dict[str, int]:
    """How many documents of each task a family has, so that it has ``documents`` of them on average."""
    numbers = dict.fromkeys(tasks, 0)
    for task in numbers:
        if share := shares.get(task):
            numbers[task] = int(share * documents + rng.random())
    return numbers


@dataclass(frozen=True)
class _Slot:
    name: str


@dataclass(frozen=True)
class _Choice:
    readings: tuple[tuple[_Node, ...], ...]


_Node = str | _Slot | _Choice


def expand(rng: np.random.Generator, template: str | Sequence[str], **slots: str) -> str:
    """A random reading of ``template``, or of one of several; runs of spaces become one.

    Raises ``KeyError`` when the reading names a slot that was not given.
    """
    text = template if isinstance(template, str) else pick(rng, template)
    pieces: list[str] = []
    _expand(rng, _parse(text), slots, pieces)
    return " ".join("".join(pieces).split())


def slots_of(template: str) -> set[str]:
    """The names of all slots in ``template``."""
    names: set[str] = set()
    stack = list(_parse(template))
    while stack:
        node = stack.pop()
        if isinstance(node, _Slot):
            names.add(node.name)
        elif isinstance(node, _Choice):
            stack.extend(inner for reading in node.readings for inner in reading)
    return names


def _expand(rng: np.random.Generator, nodes: tuple[_Node, ...], slots: dict[str, str], pieces: list[str]) -> None:
    for node in nodes:
        if isinstance(node, str):
            pieces.append(node)
        elif isinstance(node, _Slot):
            pieces.append(slots[node.name])
        else:
            _expand(rng, pick(rng, node.readings), slots, pieces)


@cache
def _parse(template: str) -> tuple[_Node, ...]:
    nodes, end = _parse_sequence(template, 0)
    if end != len(template):
        raise ValueError(f"unbalanced {template[end]!r} in the template {template!r}")
    return nodes


def _parse_sequence(template: str, start: int) -> tuple[tuple[_Node, ...], int]:
    nodes: list[_Node] = []
    literal = ""
    at = start
    while at < len(template) and template[at] not in "|)":
        if template[at] in "({":
            if literal:
                nodes.append(literal)
                literal = ""
            node, at = _parse_choice(template, at) if template[at] == "(" else _parse_slot(template, at)
            nodes.append(node)
        else:
            literal += template[at]
            at += 1
    if literal:
        nodes.append(literal)
    return tuple(nodes), at


def _parse_slot(template: str, start: int) -> tuple[_Slot, int]:
    end = template.index("}", start)
    return _Slot(template[start + 1 : end]), end + 1


def _parse_choice(template: str, start: int) -> tuple[_Choice, int]:
    readings: list[tuple[_Node, ...]] = []
    at = start
    while at < len(template) and template[at] in "(|":
        nodes, at = _parse_sequence(template, at + 1)
        readings.append(nodes)
    if at == len(template):
        raise ValueError(f"a parenthesis of the template {template!r} is not closed")
    return _Choice(tuple(readings)), at + 1
