"""What a request asks for, apart from its wording, and whether a scene shows just that.

The check follows GenEval's and is stricter in one point: the objects asked for must be there in
exactly the numbers asked for, and nothing else may be in the picture. What a request leaves open
(a size, a color, a place, the background) may be anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unitok.data.world.scene import (
    COLUMNS,
    HELD_OUT_PAIRS,
    MARGIN,
    REGION_BORDERS,
    ROWS,
    Object,
    Scene,
    holds,
    is_held_out_relation,
)

REGION_TOLERANCE = 0.04
"""An object this far outside of a region still counts as in it."""


def in_part(value: float, names: Sequence[str], name: str | None, slack: float = REGION_TOLERANCE) -> bool:
    """Whether a coordinate lies in the named third of ``names`` (rows or columns), give or take ``slack``."""
    if name is None:
        return True
    borders = (0.0, *REGION_BORDERS, 1.0)
    index = names.index(name)
    return borders[index] - slack <= value <= borders[index + 1] + slack


@dataclass(frozen=True)
class Where:
    """Conditions on an object's place, all of which must hold: a region, a side of another object.

    ``straight`` limits how far the object may lie off ``anchor`` across the direction of
    ``relation``; it is used for moves, with the object's old place as the anchor.
    """

    row: str | None = None
    column: str | None = None
    relation: str | None = None
    anchor: Object | None = None
    margin: float = MARGIN
    straight: float | None = None

    def holds(self, obj: Object, slack: float = REGION_TOLERANCE) -> bool:
        if not (in_part(obj.y, ROWS, self.row, slack) and in_part(obj.x, COLUMNS, self.column, slack)):
            return False
        if self.relation is None or self.anchor is None:
            return True
        if self.straight is not None:
            sideways = self.relation in ("left of", "right of")
            off = obj.y - self.anchor.y if sideways else obj.x - self.anchor.x
            if abs(off) > self.straight:
                return False
        return holds(self.relation, obj, self.anchor, self.margin)


@dataclass(frozen=True)
class Group:
    """``count`` objects that share what is named of them; None means that it is left open."""

    count: int = 1
    size: str | None = None
    color: str | None = None
    shape: str | None = None
    row: str | None = None
    column: str | None = None

    @property
    def kind(self) -> tuple[str | None, str | None, str | None]:
        return self.size, self.color, self.shape

    def takes(self, obj: Object) -> bool:
        """Whether ``obj`` can be one of the group."""
        named = all(mine in (None, its) for mine, its in zip(self.kind, obj.kind, strict=True))
        return named and Where(self.row, self.column).holds(obj)


Relation = tuple[int, str, int]
"""The objects of one group are on a side of those of another: ``(group, relation, group)``."""


@dataclass(frozen=True)
class SceneSpec:
    """The groups of objects that a picture must show, how they lie, and the background if named."""

    groups: tuple[Group, ...]
    relations: tuple[Relation, ...] = ()
    background: str | None = None

    @property
    def total(self) -> int:
        return sum(group.count for group in self.groups)

    def satisfied_by(self, scene: Scene) -> bool:
        """Whether ``scene`` shows exactly what is asked for and nothing else."""
        if self.background not in (None, scene.background) or len(scene.objects) != self.total:
            return False
        slots = [i for i, group in enumerate(self.groups) for _ in range(group.count)]
        return self._assign(slots, list(scene.objects), [])

    def _assign(self, slots: list[int], left: list[Object], taken: list[tuple[int, Object]]) -> bool:
        """Whether the objects ``left`` can fill the ``slots`` not taken yet; depth-first."""
        if len(taken) == len(slots):
            return True
        slot = slots[len(taken)]
        for i, obj in enumerate(left):
            if not self.groups[slot].takes(obj) or not self._related(slot, obj, taken):
                continue
            if self._assign(slots, left[:i] + left[i + 1 :], [*taken, (slot, obj)]):
                return True
        return False

    def _related(self, slot: int, obj: Object, taken: list[tuple[int, Object]]) -> bool:
        for a, relation, b in self.relations:
            if a == slot and not all(holds(relation, obj, other) for s, other in taken if s == b):
                return False
            if b == slot and not all(holds(relation, other, obj) for s, other in taken if s == a):
                return False
        return True

    def held_out(self) -> bool:
        """Whether it names a (color, shape) pair or a relation that training never shows."""
        if any((group.color, group.shape) in HELD_OUT_PAIRS for group in self.groups):
            return True
        return any(
            is_held_out_relation(str(self.groups[a].shape), relation, str(self.groups[b].shape))
            for a, relation, b in self.relations
        )
