"""A second renderer of scenes, independent of ``unitok.data.world.render``: signed distances instead of polygons.

Its pictures tell whether a model sees a scene, or only the pictures that it was trained on: other tones and
proportions, softer or harder edges, and at times the traces of a JPEG file or of a camera. Every pixel's coverage
follows from its distance to an object's border, in numpy alone.

Shape letters: H W pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from unitok.data.world.scene import COLORS, Object, Scene

Floats = NDArray[np.float64]
Finish = Literal["clean", "jpeg", "noise"]

FINISHES: tuple[Finish, ...] = get_args(Finish)
"""What can happen to a finished picture."""

TINT = 12
"""Most that a channel of a color is off."""

SOFTNESS = (0.7, 1.8)
"""Least and most width of the ramp along an edge, in pixels."""

JPEG_QUALITY = 90
NOISE_SIGMA = 2.0


@dataclass(frozen=True)
class Proportions:
    """Lengths of the shapes in units of an object's radius."""

    circle: float
    square: float
    triangle_top: float
    triangle_base: float
    triangle_half: float
    star_outer: float
    star_inner: float
    cross_arm: float
    cross_reach: float
    diamond_half: float
    diamond_reach: float
    heart: float
    ring_outer: float
    ring_inner: float

    @staticmethod
    def sample(rng: np.random.Generator) -> Proportions:
        """Proportions around those of the canonical look."""
        return Proportions(
            circle=rng.uniform(0.86, 0.95),
            square=rng.uniform(0.74, 0.85),
            triangle_top=rng.uniform(0.84, 1.0),
            triangle_base=rng.uniform(0.7, 0.84),
            triangle_half=rng.uniform(0.87, 1.0),
            star_outer=rng.uniform(0.95, 1.03),
            star_inner=rng.uniform(0.38, 0.45),
            cross_arm=rng.uniform(0.28, 0.38),
            cross_reach=rng.uniform(0.86, 0.97),
            diamond_half=rng.uniform(0.62, 0.78),
            diamond_reach=rng.uniform(0.93, 1.02),
            heart=rng.uniform(0.94, 1.05),
            ring_outer=rng.uniform(0.9, 1.0),
            ring_inner=rng.uniform(0.45, 0.57),
        )


@dataclass(frozen=True)
class Look:
    """How a scene is drawn.

    Attributes:
        tints: What is added to each color's channels.
        proportions: Of the shapes.
        softness: Width in pixels of the ramp along an edge; 1 is what an area filter gives.
        finish: What happens to the finished picture.
        seed: Of the noise.
    """

    tints: dict[str, tuple[int, int, int]]
    proportions: Proportions
    softness: float
    finish: Finish
    seed: int

    @staticmethod
    def sample(rng: np.random.Generator, finish: Finish) -> Look:
        """A look whose tints, proportions and edges a person would hardly notice to be others."""
        tints = rng.integers(-TINT, TINT + 1, size=(len(COLORS), 3)).tolist()
        named = {name: (red, green, blue) for name, (red, green, blue) in zip(COLORS, tints, strict=True)}
        softness = float(rng.uniform(*SOFTNESS))
        return Look(named, Proportions.sample(rng), softness, finish, int(rng.integers(2**31)))

    def color(self, name: str) -> Floats:
        """RGB of a color, 0 to 255."""
        return np.clip(np.add(COLORS[name], self.tints[name]), 0, 255).astype(float)


def render(scene: Scene, look: Look, size: int) -> NDArray[np.uint8]:
    """A scene as uint8 ``[H, W, 3]`` with ``H = W = size``."""
    centers = (np.arange(size) + 0.5) / size
    y, x = np.meshgrid(centers, centers, indexing="ij")
    canvas = np.broadcast_to(look.color(scene.background), (size, size, 3)).copy()
    for obj in scene.objects:
        inside = _distance(obj, look.proportions, (x - obj.x) / obj.radius, (y - obj.y) / obj.radius)
        pixels = inside * obj.radius * size
        ramp = np.clip(0.5 - pixels / look.softness, 0, 1)
        cover = (ramp * ramp * (3 - 2 * ramp))[..., None]  # smoothstep: no area filter's straight ramp
        canvas = canvas * (1 - cover) + look.color(obj.color) * cover
    return _finished(canvas, look)


def _finished(canvas: Floats, look: Look) -> NDArray[np.uint8]:
    if look.finish == "noise":
        canvas = canvas + np.random.default_rng(look.seed).normal(0, NOISE_SIGMA, canvas.shape)
    pixels = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    if look.finish != "jpeg":
        return pixels
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return np.array(PillowImage.open(buffer).convert("RGB"))


# --------------------------------------------------------------------------- signed distances, negative inside


def _distance(obj: Object, proportions: Proportions, x: Floats, y: Floats) -> Floats:
    """Signed distance ``[H, W]`` to the object's border in units of its radius; ``y`` grows downwards."""
    return _SHAPES[obj.shape](proportions, x, y)


def _polygon(points: list[tuple[float, float]], x: Floats, y: Floats) -> Floats:
    """Signed distance to a simple polygon ``[P, 2]``."""
    nearest = np.full(x.shape, np.inf)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * ex, y - ay - along * ey))
        if ey:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ex / ey)
    return np.where(inside, -nearest, nearest)


def _circle(p: Proportions, x: Floats, y: Floats) -> Floats:
    return np.hypot(x, y) - p.circle


def _ring(p: Proportions, x: Floats, y: Floats) -> Floats:
    middle, half = (p.ring_outer + p.ring_inner) / 2, (p.ring_outer - p.ring_inner) / 2
    return np.abs(np.hypot(x, y) - middle) - half


def _square(p: Proportions, x: Floats, y: Floats) -> Floats:
    qx, qy = np.abs(x) - p.square, np.abs(y) - p.square
    return np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0)


def _triangle(p: Proportions, x: Floats, y: Floats) -> Floats:
    corners = [(0.0, -p.triangle_top), (p.triangle_half, p.triangle_base), (-p.triangle_half, p.triangle_base)]
    return _polygon(corners, x, y)


def _star(p: Proportions, x: Floats, y: Floats) -> Floats:
    radii = [p.star_outer if i % 2 == 0 else p.star_inner for i in range(10)]
    angles = [np.pi * (i / 5 - 0.5) for i in range(10)]
    return _polygon([(float(r * np.cos(t)), float(r * np.sin(t))) for r, t in zip(radii, angles, strict=True)], x, y)


def _cross(p: Proportions, x: Floats, y: Floats) -> Floats:
    def bar(width: float, height: float) -> Floats:
        return _polygon([(-width, -height), (width, -height), (width, height), (-width, height)], x, y)

    return np.minimum(bar(p.cross_arm, p.cross_reach), bar(p.cross_reach, p.cross_arm))


def _diamond(p: Proportions, x: Floats, y: Floats) -> Floats:
    reach, half = p.diamond_reach, p.diamond_half
    return _polygon([(0.0, -reach), (half, 0.0), (0.0, reach), (-half, 0.0)], x, y)


def _heart(p: Proportions, x: Floats, y: Floats) -> Floats:
    """Two discs on the upper sides of a square that stands on its corner."""
    side = 0.77 * p.heart  # half the square's diagonal
    top = -0.13 * p.heart  # the square's middle, such that the whole is centered
    square = _polygon([(0.0, top - side), (side, top), (0.0, top + side), (-side, top)], x, y - 0.05)
    discs = np.hypot(np.abs(x) - side / 2, y - 0.05 - top + side / 2) - side / np.sqrt(2)
    return np.minimum(square, discs)


_SHAPES: dict[str, Callable[[Proportions, Floats, Floats], Floats]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "diamond": _diamond,
    "heart": _heart,
    "ring": _ring,
}
