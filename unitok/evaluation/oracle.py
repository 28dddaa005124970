"""Reads a scene back from pixels: color segmentation and the geometry of shapes, nothing learned.

The background is what most of the border shows. What differs from it falls into regions; each region's
soft mask, brought to the same area and center, is laid over the masks of the known shapes, and the best
fit names it. A region that no single shape explains is cut, by color or at its thinnest places, when the
parts are explained better. Works on pictures of 64 pixels a side and more; larger ones are reduced.

Shape letters: H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as PillowImage
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from unitok.data.world.render import Style
from unitok.data.world.scene import COLORS, SHAPES, SIZES, Object, Scene
from unitok.evaluation.colors import nearest_colors, oklab
from unitok.evaluation.templates import ANGLES, EXTENT, GRID, moments, templates

UNKNOWN = "unknown"
"""The shape or color of something that is none of the world's; it equals no wanted name."""

MIN_AREA = 0.004
"""Regions below this share of the canvas are specks: a third of the smallest object that is ever drawn."""

TOLERANCE = 0.05
"""How far two centers may lie apart in scenes that count as the same, as a fraction of the side."""

_CONTRAST = 40.0  # least distance from the background in 8-bit RGB; the closest palette pair is 87 apart
_GOOD_FIT = 0.85  # a region that fits a single shape this well is not cut any further
_POOR_FIT = 0.74  # below this the region is none of the shapes
_POOR_THIN_FIT = 0.55  # of shapes with thin parts, which lose more to blur
_THIN = ("star", "cross", "ring")
_SPLIT_GAIN = 0.03  # a cut must explain the pixels better by this much
_MOST_PARTS = 6  # more is noise, not objects that touch
_STRANGE = 50.0  # distance in 8-bit RGB from the blends of an object's color and the background's
_RADII = (0.07, 0.26)  # circumscribed radius of what can be an object at all
_STEPS = np.linspace(-EXTENT, EXTENT, GRID)
_FROM_CENTER = np.hypot(_STEPS[:, None], _STEPS[None, :]).ravel()
_HOLE = np.asarray(_FROM_CENTER < 0.17)
_RIM = np.asarray(abs(_FROM_CENTER - 0.45) < 0.05)
_CROSS = ndimage.generate_binary_structure(2, 1)
_SQUARE = ndimage.generate_binary_structure(2, 2)


@dataclass(frozen=True)
class _Canvas:
    """A picture, or a window of one.

    ``rgb`` float [H, W, 3]; ``names`` [H, W], the nearest color per pixel; ``foreground`` bool [H, W];
    the background's color and its name; ``side``, the whole picture's shorter side in pixels.
    """

    rgb: np.ndarray
    names: np.ndarray
    foreground: np.ndarray
    background: np.ndarray
    background_name: str
    side: int

    def window(self, box: tuple[slice, slice]) -> _Canvas:
        return replace(self, rgb=self.rgb[box], names=self.names[box], foreground=self.foreground[box])


@dataclass(frozen=True)
class _Fit:
    """What a region was taken for: names, center and area in the window's pixels, and how well that fits."""

    shape: str
    color: str
    size: str
    x: float
    y: float
    area: float
    score: float


def read(image: np.ndarray | PillowImage.Image) -> Scene:
    """Read the scene that ``image`` shows.

    ``image`` is uint8 ``[H, W, 3]`` or a Pillow image, best square and at least 64 pixels a side. Something
    large enough to be seen that is none of the world's shapes or colors becomes an object named ``UNKNOWN``.
    """
    pixels = _prepare(image)
    name, background = _background(pixels)
    names = nearest_colors(pixels)
    foreground = ((pixels - background) ** 2).sum(-1) > _CONTRAST**2
    canvas = _Canvas(pixels, names, foreground, background, name, min(foreground.shape))
    labels, _ = _pieces(foreground)
    areas = np.bincount(labels.ravel())
    objects: list[Object] = []
    height, width = foreground.shape
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if areas[index] < MIN_AREA * labels.size:
            continue
        top, left = max(box[0].start - 2, 0), max(box[1].start - 2, 0)
        window = slice(top, box[0].stop + 2), slice(left, box[1].stop + 2)
        for fit in _explain(canvas.window(window), labels[window] == index):
            x, y = (left + fit.x) / width, (top + fit.y) / height
            objects.append(Object(fit.shape, fit.color, fit.size, round(x, 4), round(y, 4)))
    return Scene(name, tuple(objects))


def same_scene(a: Scene, b: Scene, tolerance: float = TOLERANCE) -> bool:
    """Whether both have the same background and the same objects, each center within ``tolerance``."""
    if a.background != b.background or sorted(o.kind for o in a.objects) != sorted(o.kind for o in b.objects):
        return False
    if not a.objects:
        return True
    differ = np.array([
        [o.kind != p.kind or np.hypot(o.x - p.x, o.y - p.y) > tolerance for p in b.objects] for o in a.objects
    ])  # fmt: skip
    rows, columns = linear_sum_assignment(differ)
    return not differ[rows, columns].any()


def moved(scene: Scene, style: Style) -> Scene:
    """The scene with every object where it is drawn in a style."""
    places = zip(scene.objects, style.offsets(len(scene.objects)), strict=True)
    return replace(scene, objects=tuple(replace(o, x=o.x + dx, y=o.y + dy) for o, (dx, dy) in places))


def is_known(scene: Scene) -> bool:
    """Whether everything in a scene that was read is one of the world's shapes, in one of its colors."""
    return all(UNKNOWN not in (o.shape, o.color) for o in scene.objects)


def _prepare(image: np.ndarray | PillowImage.Image) -> np.ndarray:
    """Float32 RGB [H, W, 3] whose shorter side is below 128: enough for every shape, and quick."""
    picture = image.convert("RGB") if isinstance(image, PillowImage.Image) else PillowImage.fromarray(image)
    factor = min(picture.size) // 64
    if factor > 1:
        picture = picture.reduce(factor)
    return np.asarray(picture, dtype=np.float32)


def _background(pixels: np.ndarray) -> tuple[str, np.ndarray]:
    """Name and exact color of what most of the border shows."""
    border = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3)])
    border = np.concatenate([border, pixels[:, :2].reshape(-1, 3), pixels[:, -2:].reshape(-1, 3)])
    names = nearest_colors(border)
    most = int(np.bincount(names, minlength=len(COLORS)).argmax())
    return list(COLORS)[most], np.median(border[names == most], axis=0)


def _explain(canvas: _Canvas, mask: np.ndarray, whole: _Fit | None = None, depth: int = 2) -> list[_Fit]:
    """The objects that one region consists of: one if one shape explains it, else those of the best cut.

    ``whole`` is what the region was taken for already; parts are cut again, ``depth`` times at most.
    """
    whole = whole or _fit(canvas, mask)
    if whole.score >= _GOOD_FIT or not depth:
        return [whole]
    best: tuple[list[np.ndarray], list[_Fit]] = [], []
    best_score = whole.score + _SPLIT_GAIN
    for parts in _cuts(canvas, mask):
        fits = [_fit(canvas, part) for part in parts]
        score = float(np.average([f.score for f in fits], weights=[f.area for f in fits]))
        if score > best_score:
            best, best_score = (parts, fits), score
        if all(fit.score >= _GOOD_FIT for fit in fits):
            break
    if not best[0]:
        return [whole]
    again = [_explain(canvas, part, fit, depth - 1) for part, fit in zip(*best, strict=True)]
    return [fit for fits in again for fit in fits]


def _cuts(canvas: _Canvas, mask: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Ways to cut a region in two or more parts, each larger than a speck."""
    least = MIN_AREA * canvas.side**2
    inner = [canvas.names == i for i in np.unique(canvas.names[mask])]
    # A color counts where it fills a plus of five pixels: the blends along an edge never do.
    yield from _grow([ndimage.binary_erosion(color & mask, _CROSS) for color in inner], mask, least)
    strength = np.sqrt(((canvas.rgb - canvas.background) ** 2).sum(-1)) * mask
    full = np.percentile(strength[mask], 80)
    for share in (0.5, 0.75, 0.9):
        yield from _grow([strength > share * full], mask, least)
    depth = _depth(strength > 0.5 * full)
    for level in range(1, int(depth.max()) + 1):
        yield from _grow([depth > level], mask, least)


def _grow(cores: list[np.ndarray], mask: np.ndarray, least: float) -> Iterator[list[np.ndarray]]:
    """Give each pixel of ``mask`` to the nearest connected piece of the cores, if several are left."""
    seeds = np.zeros(mask.shape, dtype=np.int32)
    for core in cores:
        labels, count = _pieces(core)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        for i in range(1, count + 1):
            if sizes[i] >= 6:
                seeds[labels == i] = seeds.max() + 1
    if seeds.max() < 2:
        return
    nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    owners = seeds[tuple(np.asarray(nearest))] * mask
    parts = [owners == i for i in range(1, int(seeds.max()) + 1)]
    parts = [part for part in parts if part.sum() >= least]
    if 1 < len(parts) <= _MOST_PARTS:
        yield parts


def _pieces(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The connected pieces of a mask numbered from 1, 0 elsewhere, and how many there are."""
    labels = np.empty(mask.shape, dtype=np.int32)
    return labels, int(ndimage.label(mask, _CROSS, output=labels))  # type: ignore[arg-type]


def _depth(mask: np.ndarray) -> np.ndarray:
    """How far each pixel of a mask lies from what is outside of it, in pixels."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]


def _fit(canvas: _Canvas, mask: np.ndarray) -> _Fit:
    """The single object that explains the region ``mask`` best."""
    depth = _depth(mask)
    core = depth >= 0.6 * depth.max()
    color = np.median(canvas.rgb[core], axis=0)

    # Edges are blends of the two colors: how far a pixel lies on the way is how much of it is covered.
    way = color - canvas.background
    near = np.asarray(ndimage.binary_dilation(mask, _SQUARE), dtype=bool)
    support = near & (mask | ~canvas.foreground)
    rows, columns = np.nonzero(support)
    offsets = canvas.rgb[rows, columns] - canvas.background
    cover = np.clip((offsets @ way) / (way @ way + 1e-6), 0, 1)
    area = max(float(cover.sum()), 1.0)
    side = area**0.5
    x, y = float(cover @ columns) / area, float(cover @ rows) / area

    soft = np.zeros(mask.shape, dtype=np.float32)
    soft[rows, columns] = cover
    steps = _STEPS * side
    grid = np.stack(np.meshgrid(y + steps, x + steps, indexing="ij")).reshape(2, -1)
    sampled = ndimage.map_coordinates(soft, grid, order=1)
    masks = templates(round(2 * np.log2(side)))
    overlap = np.minimum(sampled, masks).sum(-1) / np.maximum(sampled, masks).sum(-1)
    best = int(overlap.argmax())
    shape = SHAPES[best // len(ANGLES)]
    if shape in ("circle", "ring"):  # blur fills a small ring's hole, yet leaves a dip
        shape = "ring" if sampled[_HOLE].mean() < 0.7 * sampled[_RIM].mean() else "circle"

    unit_area, unit_x, unit_y = moments(shape)
    radius = (area / unit_area) ** 0.5
    relative = radius / canvas.side
    size = min(SIZES, key=lambda s: abs(np.log(relative / SIZES[s])))
    least = _POOR_THIN_FIT if shape in _THIN else _POOR_FIT
    if overlap[best] < least or not _RADII[0] <= relative <= _RADII[1]:
        shape = UNKNOWN
    # Pixels that lie off the way are another object's, or nothing that one color explains.
    strange = ((offsets - cover[:, None] * way) ** 2).sum(-1) > _STRANGE**2
    score = float(overlap[best]) * (1 - float(strange.sum()) / float(mask.sum()))
    center_x, center_y = x - radius * unit_x, y - radius * unit_y
    thick = depth.max() > 2.9
    if shape == "ring":  # the deepest pixels may lie in a hole that blur has filled
        thick = radius > 9
        along = np.hypot(columns - center_x, rows - center_y) / radius
        band = np.zeros_like(mask)
        band[rows, columns] = (along > 0.6) & (along < 0.85)
        core = band & mask if (band & mask).any() else core
    name = _color_name(canvas, core, thick)
    return _Fit(shape, name, size, center_x + 0.5, center_y + 0.5, area, score)


def _color_name(canvas: _Canvas, core: np.ndarray, thick: bool) -> str:
    """The palette's name for an object, never the background's; ``UNKNOWN`` when its core is of several.

    Lines of a few pixels show their color diluted by the background, so for them dilutions count as well.
    """
    color = np.median(canvas.rgb[core], axis=0)
    names = list(COLORS)
    background = names.index(canvas.background_name)
    ways = np.array(list(COLORS.values())) - canvas.background
    share = ((color - canvas.background) * ways).sum(-1) / ((ways**2).sum(-1) + 1e-6)
    share = np.clip(share, 1.0 if thick else 0.6, 1.0)[:, None]
    distances = ((oklab(canvas.background + share * ways) - oklab(color)) ** 2).sum(-1)
    distances += 0.05 * (1 - share[:, 0]) ** 2
    distances[background] = np.inf
    best = int(distances.argmin())
    votes = np.bincount(canvas.names[core], minlength=len(names)) / core.sum()
    votes[[best, background]] = 0
    return UNKNOWN if thick and votes.max() > 0.4 else names[best]
