"""Draws a scene: supersampled polygons with Pillow, the same on every machine.

Shape letters: H W pixels.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFilter

from unitok.data.world.scene import COLORS, MOST_OBJECTS, Object, Scene

Point = tuple[float, float]

SHIFT, JITTER = 0.035, 0.015
"""Other looks move everything by up to ``SHIFT`` and each object by up to ``JITTER``: half a ``scene.STEP``."""


@dataclass(frozen=True)
class Style:
    """How a scene is drawn; the default is the canonical look that the model learns to draw.

    ``supersample`` pixels per pixel and axis (1 leaves edges jagged), ``blur`` in pixels,
    ``palette`` replaces colors by name, ``scale`` multiplies every radius, ``angle`` in degrees, ``shift`` moves
    everything right and down, as a fraction of the canvas, and ``jitter`` the single objects, first to last.
    ``stretch`` multiplies the objects' widths and heights. At the end come ``noise`` (a standard deviation of 255,
    drawn by ``seed``) and a passage through a JPEG file of the quality ``jpeg``.
    """

    supersample: int = 4
    blur: float = 0.0
    scale: float = 1.0
    angle: float = 0.0
    shift: Point = (0.0, 0.0)
    jitter: tuple[Point, ...] = ()
    palette: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    stretch: Point = (1.0, 1.0)
    noise: float = 0.0
    jpeg: int | None = None
    seed: int = 0

    @staticmethod
    def sample(rng: np.random.Generator) -> Style:
        """A look that differs from the canonical one as another renderer's would; every second one is shifted too."""
        tint = rng.normal(0, 7, size=(len(COLORS), 3))
        (dx, dy), *jitter = rng.uniform(-1, 1, size=(1 + MOST_OBJECTS, 2)) * rng.integers(2)
        return Style(
            supersample=int(rng.choice([1, 2, 3, 4], p=[0.2, 0.2, 0.2, 0.4])),
            blur=float(rng.choice([0.0, 0.0, 0.4, 0.6])),
            scale=float(rng.uniform(0.93, 1.05)),
            angle=float(rng.normal(0, 2.0)),
            shift=(float(dx * SHIFT), float(dy * SHIFT)),
            jitter=tuple((float(x * JITTER), float(y * JITTER)) for x, y in jitter),
            palette=tinted(tint),
        )

    def sharpened(self) -> Style:
        """This look without what jagged edges or a blur take from it."""
        return replace(self, supersample=Style.supersample, blur=Style.blur)

    def offsets(self, count: int) -> list[Point]:
        """How far right and down each of ``count`` objects is drawn from its place."""
        jitter = [*self.jitter, *[(0.0, 0.0)] * count][:count]
        return [(self.shift[0] + dx, self.shift[1] + dy) for dx, dy in jitter]


def tinted(tint: np.ndarray) -> dict[str, tuple[int, int, int]]:
    """A palette of all colors, each ``[3]`` of ``tint [colors, 3]`` added to it, as whole numbers up to 255."""
    colors = np.clip(np.array(list(COLORS.values())) + tint, 0, 255).round()
    return {name: (int(r), int(g), int(b)) for name, (r, g, b) in zip(COLORS, colors, strict=True)}


CANONICAL = Style()


def render(scene: Scene, size: int = 64, style: Style = CANONICAL) -> np.ndarray:
    """Draw ``scene`` as uint8 ``[H, W, 3]`` with ``H = W = size``."""
    factor = style.supersample
    side = size * factor
    background = style.palette.get(scene.background, COLORS[scene.background])
    canvas = PillowImage.new("RGB", (side, side), background)
    draw = ImageDraw.Draw(canvas)
    for obj, (dx, dy) in zip(scene.objects, style.offsets(len(scene.objects)), strict=True):
        fill = style.palette.get(obj.color, COLORS[obj.color])
        for part, polygon in enumerate(outline(obj, style.scale, style.angle, style.stretch)):
            # Rounded, so that an object's pixels are the same wherever it is.
            points = [(round((x + dx) * side - 0.5, 4), round((y + dy) * side - 0.5, 4)) for x, y in polygon]
            draw.polygon(points, fill=fill if part == 0 else background)
    if style.blur:
        canvas = canvas.filter(ImageFilter.GaussianBlur(style.blur * factor))
    if factor > 1:
        canvas = canvas.reduce(factor)
    pixels = np.array(canvas)
    if style.noise:
        noisy = pixels + np.random.default_rng(style.seed).normal(0, style.noise, size=pixels.shape)
        pixels = np.clip(noisy.round(), 0, 255).astype(np.uint8)
    if style.jpeg is not None:
        file = io.BytesIO()
        PillowImage.fromarray(pixels).save(file, "JPEG", quality=style.jpeg)
        pixels = np.array(PillowImage.open(file))
    return pixels


def outline(obj: Object, scale: float = 1.0, angle: float = 0.0, stretch: Point = (1.0, 1.0)) -> list[list[Point]]:
    """The object's polygons on the unit canvas: its border, then a hole if it has one."""
    radius = obj.radius * scale
    turn = math.radians(angle)
    cos, sin = math.cos(turn) * radius, math.sin(turn) * radius
    wide, high = stretch
    return [
        [(obj.x + (x * cos - y * sin) * wide, obj.y + (x * sin + y * cos) * high) for x, y in polygon]
        for polygon in UNIT_OUTLINES[obj.shape]
    ]


def _arc(radius: float, points: int = 48) -> list[Point]:
    steps = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return [(radius * math.cos(t), radius * math.sin(t)) for t in steps]


def _star() -> list[Point]:
    corners = []
    for i in range(10):
        radius = 1.0 if i % 2 == 0 else 0.42
        t = -math.pi / 2 + i * math.pi / 5
        corners.append((radius * math.cos(t), radius * math.sin(t)))
    return corners


def _cross(arm: float = 0.32, reach: float = 0.92) -> list[Point]:
    a, r = arm, reach
    return [(-a, -r), (a, -r), (a, -a), (r, -a), (r, a), (a, a), (a, r), (-a, r), (-a, a), (-r, a), (-r, -a), (-a, -a)]


def _heart() -> list[Point]:
    steps = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    x = 16 * np.sin(steps) ** 3
    y = -(13 * np.cos(steps) - 5 * np.cos(2 * steps) - 2 * np.cos(3 * steps) - np.cos(4 * steps))
    return list(zip((x / 17.0).tolist(), ((y - 2.5) / 16.0).tolist(), strict=True))


UNIT_OUTLINES: dict[str, list[list[Point]]] = {
    "circle": [_arc(0.9)],
    "square": [[(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]],
    "triangle": [[(0.0, -0.92), (0.95, 0.78), (-0.95, 0.78)]],
    "star": [_star()],
    "cross": [_cross()],
    "diamond": [[(0.0, -1.0), (0.7, 0.0), (0.0, 1.0), (-0.7, 0.0)]],
    "heart": [_heart()],
    "ring": [_arc(0.95), _arc(0.5)],
}
"""Polygons around the origin, ``y`` downwards, about as large as the circle of radius one."""
