"""Names for colors: the nearest one of the world's palette, as the eye sees it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from unitok.data.world.scene import COLORS


def oklab(rgb: np.ndarray) -> np.ndarray:
    """8-bit sRGB ``[..., 3]`` to OKLab, in which equal distances look about equally different."""
    cone = _linear_light(rgb) @ _RGB_TO_CONE
    return np.cbrt(cone) @ _CONE_TO_LAB


def _linear_light(rgb: np.ndarray) -> np.ndarray:
    levels = np.clip(rgb, 0, 255) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


_RGB_TO_CONE = np.array(
    [[0.4122214708, 0.2119034982, 0.0883024619], [0.5363325363, 0.6806995451, 0.2817188376],
     [0.0514459929, 0.1073969566, 0.6299787005]],
    dtype=np.float32,
)  # fmt: skip
_CONE_TO_LAB = np.array(
    [[0.2104542553, 1.9779984951, 0.0259040371], [0.7936177850, -2.4285922050, 0.7827717662],
     [-0.0040720468, 0.4505937099, -0.8086757660]],
    dtype=np.float32,
)  # fmt: skip
PALETTE = oklab(np.array(list(COLORS.values()), dtype=np.float32))


@lru_cache(maxsize=1)
def _color_table() -> np.ndarray:
    """Index into ``COLORS`` for every RGB in steps of eight levels, uint8 [32, 32, 32]."""
    levels = np.arange(32, dtype=np.float32) * 8 + 4
    lab = oklab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1))
    return ((PALETTE**2).sum(-1) - 2 * lab @ PALETTE.T).argmin(-1).astype(np.uint8)


def nearest_colors(rgb: np.ndarray) -> np.ndarray:
    """Index into ``COLORS`` for each pixel of float ``[..., 3]``, to within the table's steps."""
    red, green, blue = np.moveaxis(rgb.astype(np.uint8) >> 3, -1, 0)
    return _color_table()[red, green, blue]
