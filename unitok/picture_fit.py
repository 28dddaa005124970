"""How a picture is made to fit a code grid, and how a checkpoint says so.

Shape letters: H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import numpy as np
from PIL import Image as PILImage

from unitok_tokenizers.errors import InputError

ImageFit = Literal["pad", "crop", "patches"]

MAX_PATCH_ASPECT: Final = 4
MAX_ASPECT: Final = 200
"""A picture is at most this many times longer than wide where it is scaled to an area, or cut."""

MAX_PADDED_ASPECT: Final = 20_000
"""The same where it is scaled into a square: what is far thinner takes Pillow gigabytes, and nothing is left of it."""


def pad_to_square(image: PILImage.Image, side: int) -> PILImage.Image:
    """Scales a picture into a square and fills the rest with the mean color of its border.

    Raises:
        InputError: It is too narrow for that.
    """
    _check_aspect(image, MAX_PADDED_ASPECT)
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    if size != image.size:
        image = image.resize(size, PILImage.Resampling.LANCZOS)
    if size == (side, side):
        return image
    pixels = np.asarray(image).astype(np.float64)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    red, green, blue = (round(value) for value in border.mean(axis=0).tolist())
    square = PILImage.new("RGB", (side, side), (red, green, blue))
    square.paste(image, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def crop_to_square(image: PILImage.Image, side: int) -> PILImage.Image:
    """Scales a picture until its shorter side fits, and cuts the middle out, as Chameleon does.

    Raises:
        InputError: It is too narrow for that.
    """
    _check_aspect(image)
    short, long = sorted(image.size)
    longer = max(side, int(side * long / short))
    size = (side, longer) if image.width <= image.height else (longer, side)
    if size != image.size:
        image = image.resize(size, PILImage.Resampling.LANCZOS)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return image.crop((left, top, left + side, top + side))


def crop_to_patches(image: PILImage.Image, patch: int, side: int) -> PILImage.Image:
    """Scales a picture to cover a rectangle of whole patches and cuts the middle out, as Lumina-mGPT does.

    The rectangle is the one nearest to the picture's shape among those of at most the area of a square with sides
    of ``side`` pixels, and at most `MAX_PATCH_ASPECT` times longer than wide.

    Raises:
        InputError: It is too narrow for that.
    """
    _check_aspect(image)
    count = (side // patch) ** 2
    sizes = [
        (wide * patch, tall * patch)
        for wide in range(1, count + 1)
        for tall in range(max(1, count // (wide + 1)), count // wide + 1)
        if max(wide, tall) <= MAX_PATCH_ASPECT * min(wide, tall)
    ]

    def kept(size: tuple[int, int]) -> tuple[float, tuple[int, int]]:
        ratios = size[0] / image.width, size[1] / image.height
        return min(ratios) / max(ratios), size

    width, height = max(sizes, key=kept)
    scale = max(width / image.width, height / image.height)
    scaled = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    if scaled != image.size:
        image = image.resize(scaled, PILImage.Resampling.BICUBIC)
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    return image.crop((left, top, left + width, top + height))


def resize_to_area(image: PILImage.Image, cell: int, least: int, most: int) -> PILImage.Image:
    """Scales a picture to whole cells and an area of ``least`` to ``most`` pixels, as Emu3 does.

    Raises:
        InputError: It is too narrow for that.
    """
    _check_aspect(image)
    height, width = image.height, image.width
    tall, wide = round(height / cell) * cell, round(width / cell) * cell
    if tall * wide > most:
        ratio = math.sqrt(height * width / most)
        tall, wide = (max(cell, math.floor(side / ratio / cell) * cell) for side in (height, width))
    elif tall * wide < least:
        ratio = math.sqrt(least / (height * width))
        tall, wide = (math.ceil(side * ratio / cell) * cell for side in (height, width))
    return image if (wide, tall) == image.size else image.resize((wide, tall), PILImage.Resampling.BICUBIC)


def _check_aspect(image: PILImage.Image, most: int = MAX_ASPECT) -> None:
    if max(image.size) > most * min(image.size):
        size = f"{image.width}x{image.height}"
        raise InputError(f"the picture is {size}, more than {most} times longer than wide; cut it")


def pad_to_cells(image: PILImage.Image, cell: int, most: int) -> PILImage.Image:
    """Repeats a picture's last pixels on the right and below, up to whole cells.

    Raises:
        InputError: It is more than ``most`` pixels high or wide.
    """
    if max(image.size) > most:
        raise InputError(
            f"the picture is {image.width}x{image.height}, above the {most} pixels a side that this vocabulary can "
            "hold; scale it down"
        )
    right, below = -image.width % cell, -image.height % cell
    if not right and not below:
        return image
    return PILImage.fromarray(np.pad(np.asarray(image), ((0, below), (0, right), (0, 0)), mode="edge"))


def picture_settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a :class:`~unitok.processor.Processor` in a manifest that holds its ``picture_settings``.

    Raises:
        InputError: A value is of the wrong kind.
    """
    fit, pixels = manifest.get("image_fit", "pad"), manifest.get("image_pixels")
    if fit not in get_args(ImageFit):
        raise InputError(f'"image_fit" must be one of {", ".join(get_args(ImageFit))}, not {fit!r}')
    is_range = isinstance(pixels, list) and len(pixels) == 2 and all(isinstance(n, int) and n > 0 for n in pixels)
    if pixels is not None and not is_range:
        raise InputError(f'"image_pixels" must be two positive integers, not {pixels!r}')
    return {"image_size": manifest["image_size"], "image_fit": fit, "image_pixels": pixels and tuple(pixels)}
