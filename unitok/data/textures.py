"""Procedural textures that stand in for photographs when an image codec is trained.

Dead leaves, 1/f noise, gradients, strokes and glyphs have the edges, spectra and occlusions that photographs have
(Baradad et al. 2021, "Learning to See by Looking at Noise") without being any. All pictures are uint8 [H, W, 3].
"""

from __future__ import annotations

import math
import string

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

Rgb = tuple[int, int, int]


def sample_texture(rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """A random texture, uint8 ``[size, size, 3]``; half of them are two kinds laid over one another."""
    picture = _KINDS[int(rng.integers(len(_KINDS)))](rng, size)
    if rng.random() < 0.5:
        other = _KINDS[int(rng.integers(len(_KINDS)))](rng, size).astype(np.float32)
        share = float(rng.uniform(0.1, 0.6))
        picture = ((1 - share) * picture.astype(np.float32) + share * other).round().astype(np.uint8)
    return picture


def dead_leaves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Disks, boxes and polygons that hide one another, their radii drawn from a power law."""
    canvas = PillowImage.new("RGB", (2 * size, 2 * size), _color(rng, _mood(rng)))
    draw = ImageDraw.Draw(canvas)
    mood = _mood(rng)
    for _ in range(int(rng.integers(20, 120))):
        radius = 2 * size * 0.02 * float(rng.random() + 1e-3) ** -0.6
        x, y = rng.uniform(0, 2 * size, 2).tolist()
        fill = _color(rng, mood)
        corners = int(rng.integers(2, 7))
        if corners == 2:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
        else:
            turn = float(rng.uniform(0, 2 * math.pi))
            angles = [turn + 2 * math.pi * i / corners for i in range(corners)]
            draw.polygon([(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles], fill=fill)
    return np.asarray(canvas.reduce(2))


def noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Colored noise whose amplitude falls with frequency as ``1 / f ** a``, ``a`` between 0.8 and 2."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = 1 / size
    spectrum = rng.normal(size=(3, size, size // 2 + 1)) + 1j * rng.normal(size=(3, size, size // 2 + 1))
    channels = np.fft.irfft2(spectrum / frequency ** rng.uniform(0.8, 2.0), s=(size, size))
    channels /= channels.std(axis=(1, 2), keepdims=True) + 1e-6
    mix = rng.normal(size=(3, 3)) * 0.35 + np.outer(np.ones(3), [1.0, 0.0, 0.0])  # mostly light and dark, as in nature
    picture = np.einsum("ij,jhw->hwi", mix, channels) * rng.uniform(15, 60) + np.array(_color(rng, _mood(rng)))
    return np.clip(picture, 0, 255).astype(np.uint8)


def gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    """Two to four colors blended smoothly over the picture."""
    anchors = rng.uniform(-0.2, 1.2, size=(int(rng.integers(2, 5)), 2))
    mood = _mood(rng)
    colors = np.array([_color(rng, mood) for _ in anchors], dtype=np.float64)
    grid = (np.arange(size) + 0.5) / size
    distance = np.hypot(anchors[:, 0, None, None] - grid[None, :, None], anchors[:, 1, None, None] - grid[None, None])
    weight = 1 / (distance + 0.05) ** rng.uniform(1, 4)
    weight /= weight.sum(0)
    return np.einsum("khw,kc->hwc", weight, colors).round().astype(np.uint8)


def strokes(rng: np.random.Generator, size: int) -> np.ndarray:
    """Wandering lines, as hair, grass and branches have."""
    canvas = PillowImage.fromarray(gradient(rng, 2 * size))
    draw = ImageDraw.Draw(canvas)
    mood = _mood(rng)
    for _ in range(int(rng.integers(4, 40))):
        steps = rng.normal(0, size * 0.12, size=(int(rng.integers(2, 8)), 2))
        points = rng.uniform(0, 2 * size, 2) + np.cumsum(steps, axis=0)
        draw.line([tuple(p) for p in points.tolist()], fill=_color(rng, mood), width=int(rng.integers(1, 7)))
    return np.asarray(canvas.reduce(2))


def glyphs(rng: np.random.Generator, size: int) -> np.ndarray:
    """Letters and digits of several sizes."""
    canvas = PillowImage.fromarray(gradient(rng, 2 * size))
    draw = ImageDraw.Draw(canvas)
    characters = string.ascii_letters + string.digits + "&?!#"
    for _ in range(int(rng.integers(2, 16))):
        text = "".join(rng.choice(list(characters), size=int(rng.integers(1, 6))))
        font = ImageFont.load_default(size=float(rng.uniform(0.15, 0.9)) * size)
        x, y = rng.uniform(-0.2 * size, 1.8 * size, 2).tolist()
        draw.text((x, y), text, fill=_color(rng, 1.0), font=font)
    return np.asarray(canvas.reduce(2))


def _mood(rng: np.random.Generator) -> float:
    """How colorful a picture is: photographs are mostly muted."""
    return float(rng.beta(1.0, 1.5))


def _color(rng: np.random.Generator, mood: float) -> Rgb:
    light = rng.uniform(0, 255)
    r, g, b = np.clip(light + mood * rng.uniform(-160, 160, 3), 0, 255).astype(int).tolist()
    return r, g, b


_KINDS = (dead_leaves, dead_leaves, noise, gradient, strokes, glyphs)
