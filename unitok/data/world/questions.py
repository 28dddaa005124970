"""Questions about a picture, with their short answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unitok.data.world import questions_of_objects as of_objects
from unitok.data.world import questions_of_scenes as of_scenes
from unitok.data.world.question import Question
from unitok.data.world.scene import Scene
from unitok.data.world.templates import pick_weighted

Asker = Callable[[np.random.Generator, Scene, str], Question | None]

CATEGORIES: dict[str, tuple[float, Asker]] = {
    "color": (0.15, of_objects.ask_color),
    "shape": (0.13, of_objects.ask_shape),
    "size": (0.05, of_objects.ask_size),
    "position": (0.14, of_objects.ask_position),
    "count": (0.17, of_scenes.ask_count),
    "existence": (0.12, of_scenes.ask_existence),
    "comparison": (0.10, of_scenes.ask_comparison),
    "relation": (0.12, of_objects.ask_relation),
    "background": (0.02, of_scenes.ask_background),
}
"""How often each category is drawn, and who asks."""

_WEIGHTS = {category: weight for category, (weight, _) in CATEGORIES.items()}


def sample_questions(
    rng: np.random.Generator, scene: Scene, k: int, category: str | None = None, split: str = "train"
) -> list[Question]:
    """Up to ``k`` different questions about ``scene``, of one category or of all.

    There may be fewer when the scene does not allow ``k`` clear ones.

    Raises:
        ValueError: The category is unknown.
    """
    if category is not None and category not in CATEGORIES:
        raise ValueError(f"category {category!r} is not one of {', '.join(CATEGORIES)}")
    found: dict[str, Question] = {}
    for _ in range(6 * k):
        if len(found) == k:
            break
        kind = category or pick_weighted(rng, _WEIGHTS)
        question = CATEGORIES[kind][1](rng, scene, split)
        if question is not None and question.subject not in found:
            found[question.subject] = question
    return list(found.values())
