"""Looks further from the canonical one than ``Style.sample`` goes: other proportions and tints, noise, JPEG.

They are for training alone: what users show comes from cameras and editors, and went through files that lose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unitok.data.world.render import Style, tinted
from unitok.data.world.scene import COLORS
from unitok.data.world.templates import chance

TINT = 11.0
"""Standard deviation of each channel of each color, of 255; half as much again moves all colors together."""


def sample_far_style(rng: np.random.Generator) -> Style:
    """A look in which a person still names every size, shape and color rightly."""
    together = rng.normal(0, TINT / 2, size=3)
    tint = rng.normal(0, TINT, size=(len(COLORS), 3)) + together
    return replace(
        Style.sample(rng),
        scale=float(rng.uniform(0.86, 1.12)),
        angle=float(rng.normal(0, 3.0)),
        stretch=(float(rng.uniform(0.88, 1.1)), float(rng.uniform(0.88, 1.1))),
        blur=float(rng.choice([0.0, 0.0, 0.4, 0.7])),
        palette=tinted(tint),
        noise=float(rng.uniform(0.3, 5.0)) if chance(rng, 0.4) else 0.0,
        jpeg=int(rng.integers(55, 97)) if chance(rng, 0.4) else None,
        seed=int(rng.integers(2**32)),
    )
