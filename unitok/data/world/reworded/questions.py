"""Questions in other words: what the templates ask, in one of many more ways, and what they never ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unitok.data.world.question import Question
from unitok.data.world.reworded import further_of_objects, further_of_relations, further_of_scenes
from unitok.data.world.reworded import questions_of_objects as of_objects
from unitok.data.world.reworded import questions_of_pairs as of_pairs
from unitok.data.world.reworded import questions_of_scenes as of_scenes
from unitok.data.world.scene import Scene
from unitok.data.world.templates import pick_weighted

_TEXTS: dict[str, Callable[[np.random.Generator, Scene, Question, str], str | None]] = {
    "color": of_objects.reword_attribute,
    "shape": of_objects.reword_attribute,
    "size": of_objects.reword_attribute,
    "color choice": of_objects.reword_color_choice,
    "color of all": of_objects.reword_color_of_all,
    "place": of_objects.reword_place,
    "at place": of_objects.reword_at_place,
    "side": of_objects.reword_side,
    "which side": of_objects.reword_which_side,
    "extreme": of_objects.reword_extreme,
}
"""Forms whose answers are the same in all words."""

_QUESTIONS: dict[str, Callable[[np.random.Generator, Scene, Question, str], Question | None]] = {
    "relation": of_pairs.reword_relation,
    "relation choice": of_pairs.reword_relation_choice,
    "what is there": of_pairs.reword_what_is_there,
    "larger": of_pairs.reword_larger,
    "which is larger": of_pairs.reword_which_is_larger,
    "same": of_pairs.reword_same,
    "existence": of_scenes.reword_existence,
    "count": of_scenes.reword_count,
    "total": of_scenes.reword_total,
    "exact count": of_scenes.reword_exact_count,
    "more": of_scenes.reword_more,
    "which are more": of_scenes.reword_which_are_more,
    "background": of_scenes.reword_background,
    "is background": of_scenes.reword_is_background,
}

FORMS = (*_TEXTS, *_QUESTIONS)
"""The forms of questions that can be put in other words."""


def reworded_question(rng: np.random.Generator, scene: Scene, question: Question, split: str = "train") -> Question:
    """The question in other words; unchanged when there are none for it."""
    if question.form in _TEXTS:
        text = _TEXTS[question.form](rng, scene, question, split)
        return question if text is None else replace(question, text=text)
    if question.form not in _QUESTIONS:
        return question
    return _QUESTIONS[question.form](rng, scene, question, split) or question


Asker = Callable[[np.random.Generator, Scene, str], Question | None]

FURTHER: dict[str, tuple[float, Asker]] = {
    "is color": (0.1, further_of_objects.is_color),
    "is shape": (0.08, further_of_objects.is_shape),
    "is size": (0.05, further_of_objects.is_size),
    "is at place": (0.05, further_of_objects.is_at_place),
    "biggest": (0.05, further_of_objects.the_only_of_its_size),
    "is anything there": (0.08, further_of_relations.is_anything_there),
    "is shape there": (0.1, further_of_relations.is_shape_there),
    "count there": (0.06, further_of_relations.count_there),
    "size there": (0.04, further_of_relations.size_there),
    "which is further": (0.1, further_of_relations.which_is_further),
    "quantity": (0.1, further_of_scenes.is_quantity),
    "equal": (0.04, further_of_scenes.are_equal),
    "all are": (0.05, further_of_scenes.all_are),
    "any two": (0.03, further_of_scenes.any_two),
    "how many values": (0.04, further_of_scenes.how_many_values),
    "commonest": (0.04, further_of_scenes.commonest),
    "is empty": (0.05, further_of_scenes.is_empty),
    "both kinds": (0.03, further_of_scenes.both_kinds),
    "what is in half": (0.04, further_of_scenes.what_is_in_half),
    "count in half": (0.03, further_of_scenes.count_in_half),
}
"""How often each form is drawn, and who asks."""

_TRIES = 3
_WEIGHTS = {form: weight for form, (weight, _) in FURTHER.items()}


def further_question(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    """A question of content that the templates lack, or None when no form that is drawn has a clear answer here."""
    for _ in range(_TRIES):
        question = FURTHER[pick_weighted(rng, _WEIGHTS)][1](rng, scene, split)
        if question is not None:
            return question
    return None
