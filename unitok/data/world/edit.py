"""What an edit is: the words, the scene before and after, and when a picture counts as edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unitok.data.world.scene import Object, Scene
from unitok.data.world.spec import Where

KEPT_TOLERANCE = 0.06
"""An object that was to stay may be this far off its place, along either axis."""


@dataclass(frozen=True)
class Wanted:
    """An object that the edit puts somewhere: what it must be (None: anything) and where."""

    size: str | None
    color: str | None
    shape: str | None
    where: Where

    def takes(self, obj: Object) -> bool:
        named = zip((self.size, self.color, self.shape), obj.kind, strict=True)
        return all(mine in (None, its) for mine, its in named) and self.where.holds(obj)


@dataclass(frozen=True)
class Edit:
    """An instruction for a picture.

    ``order`` is the bare imperative (``make the circle green``), ``text`` what the user types.
    ``target`` is one right result; ``accepts`` takes every right one. ``fixed`` are the objects that must
    be just so afterwards, ``wanted`` those that have some freedom. ``focus`` is the object that a user
    would call ``it`` afterwards.

    The rest is what saying it in other words takes: ``about`` are the objects that the order names, in its order,
    ``said`` what it says besides (a color, the names of several objects), ``joined`` the two edits of one sentence.
    """

    text: str
    order: str
    kind: str
    source: Scene
    target: Scene
    fixed: tuple[Object, ...]
    wanted: tuple[Wanted, ...] = ()
    focus: Object | None = None
    about: tuple[Object, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict, hash=False)
    joined: tuple[Edit, ...] = ()

    def accepts(self, scene: Scene) -> bool:
        """Whether ``scene``, read from a picture, is ``source`` with just this edit done."""
        if scene.background != self.target.background:
            return False
        if len(scene.objects) != len(self.fixed) + len(self.wanted):
            return False
        return _assign(self.fixed, self.wanted, list(scene.objects))


def _assign(fixed: tuple[Object, ...], wanted: tuple[Wanted, ...], left: list[Object]) -> bool:
    """Whether ``left`` can be shared out among what is fixed and what is wanted; depth-first."""
    if not fixed and not wanted:
        return not left
    for i, obj in enumerate(left):
        fit = same_place(fixed[0], obj) if fixed else wanted[0].takes(obj)
        rest = (fixed[1:], wanted) if fixed else (fixed, wanted[1:])
        if fit and _assign(*rest, left[:i] + left[i + 1 :]):
            return True
    return False


def same_place(expected: Object, found: Object, tolerance: float = KEPT_TOLERANCE) -> bool:
    """Whether ``found`` is the same kind as ``expected``, at its place."""
    near = abs(expected.x - found.x) <= tolerance and abs(expected.y - found.y) <= tolerance
    return near and expected.kind == found.kind
