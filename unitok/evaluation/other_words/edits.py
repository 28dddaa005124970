"""Edits of scenes as people ask for them: what is edited, in words of a frame of its kind."""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.scene import Scene
from unitok.evaluation.other_words import edits_in_place as in_place
from unitok.evaluation.other_words import edits_of_place as of_place
from unitok.evaluation.other_words.draft import Maker

MAKERS: dict[str, Maker] = {
    "recolor": in_place.recolor,
    "reshape": in_place.reshape,
    "grow": in_place.resize("large"),
    "shrink": in_place.resize("small"),
    "remove": in_place.remove,
    "remove all": in_place.remove_all,
    "recolor all": in_place.recolor_all,
    "background": in_place.background,
    "add in region": of_place.add_in_region,
    "add beside": of_place.add_beside,
    "move a way": of_place.move_a_way,
    "move to region": of_place.move_to_region,
    "move beside": of_place.move_beside,
    "exchange": in_place.exchange,
    "swap colors": in_place.swap_colors,
    "swap places": in_place.swap_places,
}
"""Who drafts each kind."""


def sample_edit(rng: np.random.Generator, scene: Scene, kind: str, frame: str) -> Edit | None:
    """An edit of a kind in the words of a frame; None where the scene, or what was drawn, does not allow one.

    Raises:
        KeyError: There is no such kind.
    """
    draft = MAKERS[kind](rng, scene)
    return draft.worded(kind, frame) if draft is not None and draft.is_possible else None
