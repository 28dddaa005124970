"""Edits after which nothing has moved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unitok.data.world.edit import KEPT_TOLERANCE, Wanted
from unitok.data.world.phrases import article
from unitok.data.world.scene import SHAPES, Object, Scene
from unitok.data.world.spec import Where
from unitok.data.world.templates import pick
from unitok.evaluation.other_words.draft import Draft, Maker, new_object, other_color, others
from unitok.evaluation.other_words.references import named_group, named_object, named_pair


@dataclass(frozen=True)
class At(Where):
    """A place: within ``KEPT_TOLERANCE`` of ``spot`` along either axis."""

    spot: tuple[float, float] = (0.5, 0.5)

    def holds(self, obj: Object, slack: float = 0.0) -> bool:
        return all(abs(a - b) <= KEPT_TOLERANCE + slack for a, b in zip((obj.x, obj.y), self.spot, strict=True))


def _changed(scene: Scene, old: Object, new: Object | None, fields: dict[str, str]) -> Draft:
    """An edit after which one object is just so, or gone."""
    target = scene.changed(old, new)
    return Draft(scene, target, fields, target.objects, focus=new)


def recolor(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """An object in another color."""
    named = named_object(rng, scene)
    if named is None:
        return None
    obj, fields = named
    fields |= other_color(rng, obj.color, scene.background)
    return _changed(scene, obj, replace(obj, color=fields["color"]), fields)


def reshape(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """An object in another shape."""
    named = named_object(rng, scene)
    if named is None:
        return None
    obj, fields = named
    shape = pick(rng, [s for s in SHAPES if s != obj.shape])
    return _changed(scene, obj, replace(obj, shape=shape), fields | {"shape": shape, "a_shape": article(shape)})


def resize(size: str) -> Maker:
    """An object of the other size in this one."""

    def make(rng: np.random.Generator, scene: Scene) -> Draft | None:
        named = named_object(rng, scene)
        if named is None or named[0].size == size:
            return None
        return _changed(scene, named[0], replace(named[0], size=size), named[1])

    return make


def remove(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """One object of several gone."""
    named = named_object(rng, scene)
    if named is None or len(scene.objects) == 1:
        return None
    return _changed(scene, named[0], None, named[1])


def remove_all(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """A group gone."""
    grouped = named_group(rng, scene)
    if grouped is None:
        return None
    left = others(scene, *grouped[0])
    return Draft(scene, replace(scene, objects=left), grouped[1], left)


def recolor_all(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """A group in another color."""
    grouped = named_group(rng, scene)
    if grouped is None:
        return None
    members, fields = grouped
    fields |= other_color(rng, scene.background, *(o.color for o in members))
    objects = tuple(replace(o, color=fields["color"]) if any(o is m for m in members) else o for o in scene.objects)
    return Draft(scene, replace(scene, objects=objects), fields, objects)


def background(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """Another background."""
    fields = other_color(rng, scene.background, *(o.color for o in scene.objects)) | {"old": scene.background}
    target = replace(scene, background=fields["color"])
    return Draft(scene, target, fields, target.objects)


def exchange(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """An object of another color and shape in the place of one."""
    named = named_object(rng, scene)
    if named is None:
        return None
    obj, fields = named
    size, color, shape, name = new_object(rng, scene)
    if color == obj.color or shape == obj.shape:
        return None
    new = Object(shape, color, size or obj.size, obj.x, obj.y)
    wanted = (Wanted(size, color, shape, At(spot=(obj.x, obj.y))),)
    return Draft(scene, scene.changed(obj, new), fields | name, others(scene, obj), wanted, new)


def swap_colors(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """Two objects in each other's colors."""
    pair = named_pair(rng, scene)
    if pair is None or pair[0].color == pair[1].color:
        return None
    a, b, fields = pair
    return _swapped(scene, (a, b), (replace(a, color=b.color), replace(b, color=a.color)), fields)


def swap_places(rng: np.random.Generator, scene: Scene) -> Draft | None:
    """Two objects in each other's places."""
    pair = named_pair(rng, scene)
    if pair is None:
        return None
    a, b, fields = pair
    return _swapped(scene, (a, b), (replace(a, x=b.x, y=b.y), replace(b, x=a.x, y=a.y)), fields)


def _swapped(scene: Scene, old: tuple[Object, Object], new: tuple[Object, Object], fields: dict[str, str]) -> Draft:
    """An edit after which two objects are just so."""
    target = scene.changed(old[0], new[0]).changed(old[1], new[1])
    return Draft(scene, target, fields, target.objects, focus=new[0])
