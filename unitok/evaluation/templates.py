"""Masks of the world's shapes, brought to one area and one center, to lay over what a picture shows.

Shape letters: P points of the sampling grid (``GRID`` squared, row-major), T templates.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw
from scipy import ndimage

from unitok.data.world.render import UNIT_OUTLINES
from unitok.data.world.scene import SHAPES

GRID = 33
EXTENT = 1.1
"""Half the side of the sampling grid, in units of the square root of an object's area."""

ANGLES = (-5.0, 0.0, 5.0)
"""Degrees that the shapes are turned by; template ``t`` is of shape ``t // len(ANGLES)``."""

_CANVAS = 1.4  # half the side of the canvas that unit outlines are drawn on
_DETAIL = 224


@lru_cache(maxsize=len(SHAPES))
def moments(shape: str) -> tuple[float, float, float]:
    """Area and centroid of the shape's unit outline."""
    mask = _unit_mask(shape, 0.0)
    steps = np.linspace(-_CANVAS, _CANVAS, _DETAIL, endpoint=False) + _CANVAS / _DETAIL
    area = float(mask.sum()) * (2 * _CANVAS / _DETAIL) ** 2
    x, y = ((mask.sum(axis) * steps).sum() / mask.sum() for axis in (0, 1))
    return area, float(x), float(y)


@lru_cache(maxsize=len(SHAPES) * len(ANGLES))
def _unit_mask(shape: str, angle: float) -> np.ndarray:
    """The unit outline as float32 [224, 224], anti-aliased, turned by ``angle`` degrees."""
    side = 2 * _DETAIL
    canvas = PillowImage.new("L", (side, side))
    turn = np.deg2rad(angle)
    for part, polygon in enumerate(UNIT_OUTLINES[shape]):
        px, py = np.array(polygon).T
        px, py = px * np.cos(turn) - py * np.sin(turn), px * np.sin(turn) + py * np.cos(turn)
        points = np.stack([px, py], -1) * side / (2 * _CANVAS) + side / 2 - 0.5
        ImageDraw.Draw(canvas).polygon([tuple(p) for p in points.tolist()], fill=255 if part == 0 else 0)
    return np.asarray(canvas.reduce(2), dtype=np.float32) / 255


@lru_cache(maxsize=64)
def templates(level: int) -> np.ndarray:
    """Masks of every shape and angle, float32 [T, P], with area one and the centroid in the middle.

    ``level`` is twice the binary logarithm of the object's side in pixels: it sets how soft a pixel
    of that size makes the edges.
    """
    masks = []
    steps = np.linspace(-EXTENT, EXTENT, GRID)
    for shape in SHAPES:
        area, x, y = moments(shape)
        for angle in ANGLES:
            pixel = 2.0 ** (-level / 2)  # in units of the square root of the area
            scale = _DETAIL / (2 * _CANVAS) * area**0.5  # detail pixels per such unit
            mask = ndimage.gaussian_filter(_unit_mask(shape, angle), 0.5 * pixel * scale)
            turn = np.deg2rad(angle)
            middle = np.array([x * np.sin(turn) + y * np.cos(turn), x * np.cos(turn) - y * np.sin(turn)])
            middle = (middle + _CANVAS) * _DETAIL / (2 * _CANVAS) - 0.5
            grid = np.meshgrid(middle[0] + steps * scale, middle[1] + steps * scale, indexing="ij")
            masks.append(ndimage.map_coordinates(mask, np.stack(grid).reshape(2, -1), order=1))
    return np.stack(masks).astype(np.float32)
