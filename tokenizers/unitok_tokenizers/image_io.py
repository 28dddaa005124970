"""Reading and writing pictures, with one defined result for every kind of file.

Shape letters: H W pixels.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.media_files import open_media, write_file

FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS: Final = 64_000_000
"""Larger pictures are refused before their pixels are read."""

_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SUFFIXES: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def load_image(source: str | Path | bytes | IO[bytes], max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Reads a picture as RGB, upright.

    The first frame of an animation is taken, the EXIF orientation is applied, other color modes are
    converted as :func:`to_rgb` says, and all metadata (color profiles too) is left behind.

    Args:
        source: A path, the bytes of a file, or a binary file (left open).
        max_pixels: Height times width at most; checked before any pixel is read.

    Raises:
        InputError: The file is missing, empty, unreadable, broken, too large or no picture.
    """
    with open_media(source, "picture") as (file, name):
        return _decode(file, name, max_pixels)


def _decode(file: IO[bytes], name: str, max_pixels: int) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow's other warnings are about metadata, which is not used; this one is about the memory.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(file, formats=FORMATS)
            if image.width * image.height > max_pixels:
                size = f"{image.width}x{image.height}"
                raise InputError(f"{name} is {size}, above the limit of {max_pixels} pixels; scale it down")
            rgb = upright_rgb(image)
        except InputError as error:
            message = str(error)
            raise error if message.startswith(name) else InputError(f"{name}: {message}") from error
        except UnidentifiedImageError as error:
            formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
            raise InputError(
                f"{name} is not a picture that can be read; give {formats} in a common color mode"
            ) from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise InputError(f"{name} is above the limit of {max_pixels} pixels; scale it down") from error
        except Exception as error:
            # Pillow's readers raise nearly anything on damaged files: OSError, SyntaxError, struct.error, ...
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{name} is damaged or cut off: {reason}; save it anew") from error
    return rgb


def upright_rgb(image: Image.Image) -> Image.Image:
    """A new picture in mode RGB (:func:`to_rgb`), turned as its EXIF orientation says, without metadata."""
    image.load()
    orientation = _orientation(image)  # only now: Pillow turns a TIFF as it loads it, and drops its tag
    rgb = to_rgb(image)
    rgb = rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb.copy()
    rgb.info = {}  # metadata must not travel on into other files
    return rgb


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata does not spoil the picture
        return 1


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture in mode RGB; an RGB picture without transparency is returned as it is.

    Alpha and transparent colors are laid on white. 16-bit gray is scaled to 8 bits. 32-bit integers
    are read as 16-bit gray and clipped to it. Floats are read as ``[0, 1]`` when none is above 1 and
    as ``[0, 255]`` otherwise, clipped, with NaN as 0. Palette, gray, one-bit, CMYK, YCbCr, HSV and LAB
    are converted as Pillow does.

    Raises:
        InputError: The mode has no defined conversion.
    """
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        return _wide_gray_to_rgb(image)
    try:
        if image.has_transparency_data:
            layer = (image.convert("LA") if mode == "La" else image).convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        return image if mode == "RGB" else image.convert("RGB")
    except ValueError as error:
        raise InputError(f"color mode {mode} cannot be converted to RGB; save the picture as RGB") from error


def _wide_gray_to_rgb(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode == "F":
        gray = np.nan_to_num(values, nan=0.0)
        if gray.max(initial=0.0) <= 1.0:
            gray *= 255.0
    else:
        gray = np.divide(values, 257.0, dtype=np.float32)
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            gray[values == transparent] = 255.0
    np.rint(gray.clip(0.0, 255.0, out=gray), out=gray)
    return Image.fromarray(gray.astype(np.uint8)).convert("RGB")


def save_image(image: Image.Image, path: str | Path, overwrite: bool = False) -> Path:
    """Writes a picture; the file appears whole or not at all.

    Args:
        image: The picture.
        path: Where to; the suffix chooses PNG, JPEG or WebP (JPEG loses detail, the others do not).
        overwrite: Whether a file that is already there may be replaced.

    Returns:
        The path that was written.

    Raises:
        InputError: The file exists, its suffix is unknown, or it cannot be written.
    """
    path = Path(path)
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"picture {str(path)!r} must end with one of {', '.join(_SUFFIXES)}")
    options: dict[str, Any] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    return write_file(path, "picture", lambda file: to_rgb(image).save(file, kind, **options), overwrite)


def to_tensor(image: Image.Image | np.ndarray) -> Tensor:
    """float32 ``[3, H, W]`` in ``[-1, 1]`` of a PIL image or of uint8 ``[H, W, 3]``."""
    return to_range(to_bytes(image).contiguous())


def to_bytes(image: Image.Image | np.ndarray) -> Tensor:
    """uint8 ``[3, H, W]`` of a PIL image or of uint8 ``[H, W, 3]``."""
    pixels = np.array(to_rgb(image)) if isinstance(image, Image.Image) else np.ascontiguousarray(image)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(f"pixels must be uint8 [H, W, 3], not {pixels.dtype} {list(pixels.shape)}")
    return torch.from_numpy(pixels).permute(2, 0, 1)


def to_range(pixels: Tensor) -> Tensor:
    """uint8 as float32 in ``[-1, 1]``."""
    return pixels.float().div_(127.5).sub_(1.0)


def to_pil(tensor: Tensor) -> Image.Image:
    """The picture of a float ``[3, H, W]`` in ``[-1, 1]``; values outside are clipped."""
    if tensor.dim() != 3 or tensor.shape[0] != 3:
        raise InputError(f"a picture's tensor must be [3, H, W], not {list(tensor.shape)}")
    pixels = tensor.detach().float().add(1.0).mul(127.5).round().clamp(0, 255).byte()
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().contiguous().numpy())
