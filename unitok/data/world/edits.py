"""Edits: a picture and an instruction in, the changed picture out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unitok.data.world import edits_in_place as in_place
from unitok.data.world import edits_of_place as of_place
from unitok.data.world.edit import Edit
from unitok.data.world.phrases import sentence
from unitok.data.world.scene import HELD_OUT_PAIRS, Object, Scene
from unitok.data.world.templates import chance, expand, pick_weighted

Maker = Callable[[np.random.Generator, Scene, str, Object | None], Edit | None]

KINDS: dict[str, tuple[float, Maker]] = {
    "recolor": (0.16, in_place.recolor),
    "reshape": (0.10, in_place.reshape),
    "exchange": (0.05, in_place.exchange),
    "resize": (0.08, in_place.resize),
    "remove": (0.12, in_place.remove),
    "remove_all": (0.03, in_place.remove_all),
    "recolor_all": (0.04, in_place.recolor_all),
    "reshape_all": (0.02, in_place.reshape_all),
    "resize_all": (0.02, in_place.resize_all),
    "background": (0.07, in_place.background),
    "swap_colors": (0.02, in_place.swap_colors),
    "add": (0.20, of_place.add),
    "move": (0.12, of_place.shift),
    "move_to_place": (0.05, of_place.move_to_place),
    "move_beside": (0.05, of_place.move_beside),
    "swap_places": (0.02, of_place.swap_places),
}
"""How often each kind is drawn, and who makes it."""

_WEIGHTS = {kind: weight for kind, (weight, _) in KINDS.items()}
KIND_NAMES = (*KINDS, "joined")
"""All kinds, with two edits in one sentence."""

_EXACT = ("recolor", "reshape", "resize", "remove", "background")
"""Kinds that can be joined in one sentence: their results leave nothing open."""
_JOINED_RATE = 0.05


def sample_edit(
    rng: np.random.Generator,
    scene: Scene,
    split: str = "train",
    kind: str | None = None,
    focus: Object | None = None,
    tries: int = 12,
) -> Edit | None:
    """An instruction that changes ``scene`` and can mean only one thing, with its result.

    ``focus`` is the object that the talk was about last, which ``it`` then means. None when no edit
    (of ``kind``) was found in ``tries`` draws. In the split ``train`` no held-out pair comes about.

    Raises:
        ValueError: The kind is unknown.
    """
    if kind is not None and kind not in KIND_NAMES:
        raise ValueError(f"edit kind {kind!r} is not one of {', '.join(KIND_NAMES)}")
    for _ in range(tries):
        if kind == "joined" or (kind is None and chance(rng, _JOINED_RATE)):
            edit = _joined(rng, scene, split)
        else:
            edit = KINDS[kind or pick_weighted(rng, _WEIGHTS)][1](rng, scene, split, focus)
        if edit is None or not _shows_fit(edit.target, split):
            continue
        return replace(edit, text=_wrap(rng, edit.order), order=edit.order.removeprefix("="))
    return None


def _shows_fit(target: Scene, split: str) -> bool:
    if split != "train":
        return True
    return all((o.color, o.shape) not in HELD_OUT_PAIRS for o in target.objects)


def _joined(rng: np.random.Generator, scene: Scene, split: str) -> Edit | None:
    """``make the circle green and remove the star``: two edits of different objects or properties."""
    first = KINDS[_EXACT[int(rng.integers(len(_EXACT)))]][1](rng, scene, split, None)
    if first is None or first.order.startswith("="):
        return None
    second = KINDS[_EXACT[int(rng.integers(len(_EXACT)))]][1](rng, first.target, split, None)
    if second is None or second.order.startswith("=") or first.kind == second.kind == "background":
        return None
    same = second.focus is not None and first.focus is not None
    if same and (second.focus.x, second.focus.y) == (first.focus.x, first.focus.y):  # type: ignore[union-attr]
        return None
    if not _means_the_same(scene, first, second):
        return None
    order = expand(rng, "{a}(, and| and| and|, then) {b}", a=first.order, b=second.order)
    target = second.target
    return Edit(order, order, "joined", scene, target, target.objects, focus=second.focus, joined=(first, second))


def _means_the_same(scene: Scene, first: Edit, second: Edit) -> bool:
    """Whether the second edit changes an object that the first has left as it was in ``scene``."""
    changed = [o for o in first.target.objects if o not in second.target.objects]
    return all(o in scene.objects for o in changed)


_WRAPPINGS: dict[str, float] = {
    "{x}": 0.62,
    "(please|please,) {x}": 0.08,
    "{x}(, please| please)": 0.05,
    "(can|could) you (please |){x}?": 0.07,
    "i want you to {x}": 0.02,
    "(i'd|i would) like you to {x}": 0.02,
    "now {x}": 0.05,
    "(in (the|this) picture|in this image|here), {x}": 0.04,
    "edit (the|this) (picture|image): {x}": 0.02,
    "(let's|let us) {x}": 0.03,
}


def _wrap(rng: np.random.Generator, order: str) -> str:
    """The imperative as users put it; whole sentences (after ``=``) only get their habits."""
    text = order.removeprefix("=")
    if text == order:
        text = expand(rng, pick_weighted(rng, _WRAPPINGS), x=order)
    if text.endswith("?"):
        return sentence(rng, text[:-1], "?", 0.8)
    return sentence(rng, text, ".", 0.3)
