"""Pictures for people to look at: contact sheets, code grids, token strips, heat maps, spectrograms.

Shape letters: S sequence, K codebooks, h w code grid, N samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

if TYPE_CHECKING:  # whoever only makes a contact sheet must not wait for torch
    from torch import Tensor

    from unitok.vocabulary import Vocabulary

Color = tuple[int, int, int]

PAPER: Color = (255, 255, 255)
INK: Color = (20, 20, 20)
MODALITY_COLORS: dict[str, Color] = {
    "text": (70, 130, 220),
    "control": (40, 40, 40),
    "image": (240, 140, 40),
    "audio": (60, 170, 90),
    "unused": (200, 200, 200),
}
HEADING = 20
"""Pixels that headings of pictures take."""

# Dark to bright, so that order shows in print and to every eye.
_HEAT = np.array([(13, 8, 60), (90, 20, 120), (190, 50, 100), (245, 130, 50), (252, 240, 140)], dtype=np.float64)


def contact_sheet(
    pictures: Sequence[PILImage.Image], columns: int | None = None, gap: int = 4, color: Color = PAPER
) -> PILImage.Image:
    """All pictures in reading order on one picture, in cells of the largest width and height.

    Args:
        pictures: At least one, RGB.
        columns: Pictures in a row; by default about as many as there are rows.
        gap: Pixels around each picture.
        color: Of what lies between them.
    """
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width = max(picture.width for picture in pictures) + gap
    height = max(picture.height for picture in pictures) + gap
    sheet = PILImage.new("RGB", (columns * width + gap, rows * height + gap), color)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet.paste(picture, (gap + column * width, gap + row * height))
    return sheet


def rows_sheet(
    rows: Sequence[Sequence[PILImage.Image]],
    gap: int = 8,
    color: Color = PAPER,
    headings: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> PILImage.Image:
    """Each row of pictures side by side at their own size, one row below the other.

    Args:
        rows: At least one, each with one picture at least.
        gap: Pixels around each picture.
        color: Of what lies between them.
        headings: Words above the pictures of the first row.
        labels: Words above each row.
    """
    font = ImageFont.load_default(11)
    line, label = HEADING if headings else 0, HEADING if labels else 0
    widths = [sum(p.width + gap for p in row) for row in rows]
    width = max([*widths, *(math.ceil(font.getlength(words)) + gap for words in labels)]) + gap
    height = sum(max(p.height for p in row) + gap + label for row in rows) + gap + line
    sheet = PILImage.new("RGB", (width, height), color)
    draw, x = ImageDraw.Draw(sheet), gap
    for picture, words in zip(rows[0], headings, strict=False):
        draw.text((x, gap), words, fill=INK, font=font)
        x += picture.width + gap
    y = gap + line
    for number, row in enumerate(rows):
        if labels:
            draw.text((gap, y), labels[number], fill=INK, font=font)
            y += label
        x = gap
        for picture in row:
            sheet.paste(picture, (x, y))
            x += picture.width + gap
        y += max(picture.height for picture in row) + gap
    return sheet


def code_grid(picture: PILImage.Image, codes: Tensor, side: int = 40, numbers: bool = True) -> PILImage.Image:
    """A picture, enlarged, with the cells of its code grid and the numbers of each cell's codes, one above the other.

    Args:
        picture: The picture that the codes stand for, RGB.
        codes: int64 ``[K, h, w]``.
        side: Pixels of a cell in the result, at least 8.
        numbers: Write the codes; best with a ``side`` of 30 or more.
    """
    _, height, width = codes.shape
    sheet = picture.resize((width * side, height * side), PILImage.Resampling.NEAREST)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(max(8, side // 4))
    for row in range(height):
        for column in range(width):
            x, y = column * side, row * side
            draw.rectangle((x, y, x + side - 1, y + side - 1), outline=(128, 128, 128))
            if numbers:
                dark = sum(sheet.getpixel((x + 2, y + side // 2))) < 380  # type: ignore[arg-type]
                ink = PAPER if dark else INK
                text = "\n".join(str(code) for code in codes[:, row, column].tolist())
                draw.text((x + side // 2, y + side // 2), text, fill=ink, font=font, anchor="mm", align="center")
    return sheet


def token_strip(vocabulary: Vocabulary, ids: Tensor, columns: int = 48, side: int = 14) -> PILImage.Image:
    """A document's tokens as squares in reading order, colored by modality, above a legend.

    Args:
        vocabulary: The ids' vocabulary.
        ids: int64 ``[S]``, at least one.
        columns: Squares in a row.
        side: Pixels of a square.
    """
    from unitok.vocabulary import AUDIO, CONTROL, IMAGE, TEXT, UNUSED

    names = {TEXT: "text", CONTROL: "control", IMAGE: "image", AUDIO: "audio", UNUSED: "unused"}
    kinds = [names[kind] for kind in vocabulary.modality_of(ids).tolist()]
    rows = math.ceil(len(kinds) / columns)
    line = side + 8
    strip = PILImage.new("RGB", (columns * side, rows * side + line), PAPER)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(11)
    for index, kind in enumerate(kinds):
        y, x = (place * side for place in divmod(index, columns))
        draw.rectangle((x, y, x + side - 2, y + side - 2), fill=MODALITY_COLORS[kind])
    x, y = 0, rows * side + 6
    for kind in [kind for kind in MODALITY_COLORS if kind in kinds]:
        label = f"{kind} ({kinds.count(kind)})"
        draw.rectangle((x, y, x + 10, y + 10), fill=MODALITY_COLORS[kind])
        draw.text((x + 14, y - 2), label, fill=INK, font=font)
        x += 26 + round(draw.textlength(label, font=font))
    return strip


def heat_map(
    values: np.ndarray | Tensor,
    side: int = 24,
    over: PILImage.Image | None = None,
    bounds: tuple[float, float] | None = None,
) -> PILImage.Image:
    """Values ``[h, w]`` as colors from dark (low) to bright (high), in cells of ``side`` pixels.

    Args:
        values: Finite numbers.
        side: Pixels of a cell.
        over: A picture that shows through.
        bounds: The values that get the darkest and the brightest color; by default the smallest and the largest.
    """
    grid = np.asarray(values, dtype=np.float64)
    low, high = bounds or (float(grid.min()), float(grid.max()))
    share = np.clip((grid - low) / max(high - low, 1e-12), 0, 1) * (len(_HEAT) - 1)
    colors = np.stack([np.interp(share, range(len(_HEAT)), channel) for channel in _HEAT.T], axis=-1)
    cells = colors.round().astype(np.uint8).repeat(side, axis=0).repeat(side, axis=1)
    heat = PILImage.fromarray(cells)
    return heat if over is None else PILImage.blend(over.convert("RGB").resize(heat.size), heat, 0.6)


def spectrogram(samples: Tensor, sample_rate: int, side: int = 2) -> PILImage.Image:
    """A sound's mel spectrogram as a heat map: time to the right, 100 cells a second, 80 bands from low to high.

    Args:
        samples: float ``[N]`` in [-1, 1], at least a hundredth of a second. Colors mean the same in all pictures.
        sample_rate: Samples a second.
        side: Pixels of a cell.
    """
    from unitok_tokenizers.log_mel import LogMel

    hop = sample_rate // 100
    mel = LogMel(sample_rate, 4 * hop, hop, 80)
    bands = mel(samples[None, : len(samples) // hop * hop].detach().float().cpu())[0]
    return heat_map(bands.flip(0), side, bounds=(-3.0, 1.0))
