"""An edit before it is put in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitok.data.world.edit import Edit, Wanted
from unitok.data.world.phrases import article
from unitok.data.world.scene import COLORS, HELD_OUT_PAIRS, SHAPES, SIZES, Object, Scene, fits
from unitok.data.world.templates import chance, pick
from unitok.evaluation.other_words.references import SIZE_WORDS

_SIZED_SHARE = 0.4


@dataclass(frozen=True)
class Draft:
    """What becomes of a scene: ``fields`` fill a frame, the rest is as in :class:`Edit`."""

    source: Scene
    target: Scene
    fields: dict[str, str]
    fixed: tuple[Object, ...]
    wanted: tuple[Wanted, ...] = ()
    focus: Object | None = None

    @property
    def is_possible(self) -> bool:
        """Whether the target could have been drawn for training: all visible, nothing touching, no held-out pair."""
        for obj in self.target.objects:
            if obj.color == self.target.background or (obj.color, obj.shape) in HELD_OUT_PAIRS:
                return False
            if not fits(obj, others(self.target, obj)):
                return False
        return True

    def worded(self, kind: str, frame: str) -> Edit:
        """The edit in the words of a frame; in these words it is no bare imperative, so ``order`` is the text."""
        capital = {name.capitalize(): text[0].upper() + text[1:] for name, text in self.fields.items()}
        text = frame.format(**self.fields, **capital)
        return Edit(text, text, kind, self.source, self.target, self.fixed, self.wanted, self.focus)


Maker = Callable[[np.random.Generator, Scene], Draft | None]
"""Drafts an edit of its kind; None where the scene, or what was drawn, does not allow one."""


def others(scene: Scene, *gone: Object) -> tuple[Object, ...]:
    """All objects but those."""
    return tuple(o for o in scene.objects if all(o is not one for one in gone))


def other_color(rng: np.random.Generator, *taken: str) -> dict[str, str]:
    """The fields of a color that is none of those taken."""
    color = pick(rng, [c for c in COLORS if c not in taken])
    return {"color": color, "a_color": article(color)}


def new_object(rng: np.random.Generator, scene: Scene) -> tuple[str | None, str, str, dict[str, str]]:
    """Size (mostly left open), color and shape of an object to be drawn, and the field that names it."""
    color, shape = pick(rng, [c for c in COLORS if c != scene.background]), pick(rng, SHAPES)
    size = pick(rng, list(SIZES)) if chance(rng, _SIZED_SHARE) else None
    words = [*([pick(rng, SIZE_WORDS[size])] if size else []), color, shape]
    return size, color, shape, {"a_new": article(" ".join(words))}
