"""The same edit in other words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.phrases import fix_articles
from unitok.data.world.reworded import edits_of_one as of_one
from unitok.data.world.reworded import edits_of_place as of_place
from unitok.data.world.reworded import edits_of_several as of_several
from unitok.data.world.reworded import edits_that_remove as removing
from unitok.data.world.reworded.edit_orders import ordered
from unitok.data.world.reworded.edit_recipe import Recipe, Subjects, Told, one, tell
from unitok.data.world.reworded.habits import written
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import expand

_OF_ONE: dict[str, Callable[[np.random.Generator, Edit], Recipe | None]] = {
    "recolor": of_one.recolor,
    "reshape": of_one.reshape,
    "exchange": of_one.exchange,
    "resize": of_one.resize,
    "remove": removing.remove,
    "move": of_place.move,
    "move_to_place": of_place.move_to_place,
    "move_beside": of_place.move_beside,
}
_OF_MORE: dict[str, Callable[[np.random.Generator, Edit], tuple[Recipe, Subjects] | None]] = {
    "remove_all": removing.remove_all,
    "recolor_all": of_several.recolor_all,
    "reshape_all": of_several.reshape_all,
    "resize_all": of_several.resize_all,
    "background": of_several.background,
    "swap_colors": of_several.swap_colors,
    "add": of_place.add,
    "swap_places": of_place.swap_places,
}
_TRIES = 4
_JOINTS = (
    "{a} and {b}",
    "{a} and {b}",
    "{a}(, and|. also|, then|;| and after that|, and also|. then| and then|. after that,|. besides,) {b}",
    "first {a}, then {b}",
)


def reworded_edit(rng: np.random.Generator, edit: Edit, focus: Object | None = None) -> Edit:
    """``edit`` in other words, or as it is when there are none; ``focus`` is the object that ``it`` means."""
    for _ in range(_TRIES):
        told = told_edit(rng, edit, focus)
        if told is not None:
            return replace(edit, text=written(rng, told.text, told.mark), order=told.order or edit.order)
    return edit


def told_edit(rng: np.random.Generator, edit: Edit, focus: Object | None = None) -> Told | None:
    """A wording of ``edit`` without a user's habits; None when this draw found none."""
    told = _joined(rng, edit) if edit.joined else _single(rng, edit, focus)
    if told is None:
        return None
    text, order = (
        fix_articles(words).replace(" ,", ",").replace(" 'd ", "'d ").strip() for words in (told.text, told.order or "")
    )
    return Told(text, told.mark, order or None)


def _single(
    rng: np.random.Generator, edit: Edit, focus: Object | None = None, union: Scene | None = None
) -> Told | None:
    """One edit; with the objects around it in ``union`` it is one of two in a sentence, a bare imperative."""
    if edit.kind in _OF_ONE:
        recipe = _OF_ONE[edit.kind](rng, edit)
        subjects = one(rng, edit.source, edit.about[0], focus, union)
        return tell(rng, recipe, subjects, union is not None) if recipe else None
    found = _OF_MORE[edit.kind](rng, edit)
    return tell(rng, *found, joined=union is not None) if found else None


def _joined(rng: np.random.Generator, edit: Edit) -> Told | None:
    """Both edits in one sentence, each object named so that it is clear before and after the other edit."""
    first, second = edit.joined
    new = tuple(obj for obj in first.target.objects if obj not in edit.source.objects)
    union = replace(edit.source, objects=(*edit.source.objects, *new))
    halves = [_single(rng, half, union=union) for half in (first, second)]
    if halves[0] is None or halves[1] is None:
        return None
    order = expand(rng, _JOINTS, a=halves[0].text, b=halves[1].text)
    if ". " in order or ";" in order:  # two sentences: no frame goes around both
        return Told(order, ".", order)
    text, mark = ordered(rng, order, joined=True)
    return Told(text, mark, order)
