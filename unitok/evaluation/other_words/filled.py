"""What fills the frames of a kind of question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitok.data.world.scene import Scene


@dataclass(frozen=True)
class Filled:
    """What stands in a frame's braces, and the answers that are right."""

    slots: dict[str, str]
    answers: tuple[str, ...]


Fill = Callable[[np.random.Generator, Scene], Filled | None]
"""Asks about a scene; None where there is nothing of its kind to ask, and another scene may do."""
