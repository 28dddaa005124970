"""What all parts of an evaluation share: the model, how much is measured, and where randomness comes from."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitok.data.world.render import CANONICAL, Style
from unitok.model import UniTok

SEED_SPACE = 0x0E7A1
"""First word of every seed here, where training's begin with a seed that a user chooses, so that none coincide."""

PICTURE_SIZE = 64
"""Pixels a side of the pictures shown to a model that takes any size."""


@dataclass(frozen=True)
class Setup:
    """Attributes:
    model: What is measured.
    name: The model's name or folder, as the command line takes it.
    samples: How many of each kind of task are given.
    seed: Decides all tasks and all draws; a task depends on its own number alone, not on how many there are.
    batch_size: Answers generated at once; they do not depend on it, but for which of several that are as likely as each
        other to the last bits is given.
    stream: Not empty for tasks that are no evaluation's, such as those to train on: none of these is any of those.
    adapter: The folder of the adapter that was merged into the model, as the command line takes it.
    """

    model: UniTok
    name: str
    samples: int
    seed: int = 0
    batch_size: int = 64
    stream: tuple[int, ...] = ()
    adapter: Path | None = None

    @property
    def size(self) -> int:
        """Height and width of the pictures shown to the model, in pixels."""
        return self.model.processor.image_size or PICTURE_SIZE

    def rng(self, name: str, index: int) -> np.random.Generator:
        """The source of randomness of task ``index`` of the kind ``name``."""
        return np.random.default_rng(self._sequence(name, index))

    def draw_seed(self, name: str, index: int) -> int:
        """The seed that the model answers task ``index`` of the kind ``name`` with."""
        return int(self._sequence(f"answer to {name}", index).generate_state(1)[0])

    def look(self, rng: np.random.Generator, index: int) -> tuple[str, Style]:
        """How a picture given to the model is drawn, with a name: every second one in a look of its own."""
        return ("canonical look", CANONICAL) if index % 2 == 0 else ("other looks", Style.sample(rng))

    def fewer(self, share: float) -> int:
        """A share of the samples, at least one."""
        return max(1, round(self.samples * share))

    def _sequence(self, name: str, index: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([SEED_SPACE, self.seed, zlib.crc32(name.encode()), index, *self.stream])
