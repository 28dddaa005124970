"""Contact sheets: pictures, and sounds as spectrograms, with the words they belong to, for people to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from unitok.data.world.sounds.signals import SAMPLE_RATE
from unitok.document import Audio, Image
from unitok.evaluation.cases import Case
from unitok.sounds import samples_at
from unitok.viz import INK, PAPER, rows_sheet, spectrogram

COLUMNS = 6
PICTURE = 128
"""Side of each picture on a sheet, and height of each spectrogram, in pixels."""

SECOND = 80
"""Width of a second of sound, in pixels."""

_GAP = 8
_LETTERS = 24  # in a line under one picture
_LINE = 12
_RIGHT, _WRONG = (30, 150, 60), (210, 30, 30)
_MAX_LINES = 9


def case_sheet(cases: Sequence[Case]) -> PillowImage.Image:
    """The cases' pictures and sounds, given and made, framed by outcome, above what was asked, got and wanted."""
    return _arranged([_case_cell(case) for case in cases])


def _case_cell(case: Case) -> PillowImage.Image:
    pieces = [_piece(part) for part in case.media]
    lines = [("> " + case.task.asked, INK)]
    if not case.turn.images or not case.right:
        lines.append((case.got or "(nothing)", _RIGHT if case.right else _WRONG))
    if not case.right:
        lines.append(("wanted " + case.wanted, INK))
    width = max(PICTURE + _GAP, sum(piece.width + _GAP for piece in pieces)) + _GAP
    letters = width * _LETTERS // (PICTURE + 2 * _GAP)
    wrapped = [(part, ink) for text, ink in lines for part in textwrap.wrap(text, letters) or [""]]
    wrapped = wrapped[:_MAX_LINES]
    cell = PillowImage.new("RGB", (width, PICTURE + 2 * _GAP + _LINE * len(wrapped) + 2), PAPER)
    draw = ImageDraw.Draw(cell)
    x = _GAP
    for piece in pieces:
        frame = _RIGHT if case.right else _WRONG
        draw.rectangle((x - 3, _GAP - 3, x + piece.width + 2, _GAP + PICTURE + 2), fill=frame)
        cell.paste(piece, (x, _GAP))
        x += piece.width + _GAP
    font = ImageFont.load_default(10)
    for i, (text, ink) in enumerate(wrapped):
        draw.text((_GAP - 3, PICTURE + 2 * _GAP + i * _LINE), text, fill=ink, font=font)
    return cell


def _piece(part: Image | Audio) -> PillowImage.Image:
    if isinstance(part, Image):
        assert part.image is not None
        return part.image.resize((PICTURE, PICTURE), PillowImage.Resampling.NEAREST)
    samples = samples_at(part, SAMPLE_RATE)[0]
    width = max(1, round(SECOND * len(samples) / SAMPLE_RATE))
    return spectrogram(samples, SAMPLE_RATE, side=1).resize((width, PICTURE), PillowImage.Resampling.BILINEAR)


def _arranged(cells: Sequence[PillowImage.Image]) -> PillowImage.Image:
    """Cells in reading order, as many in a row as ``COLUMNS`` pictures are wide."""
    width = COLUMNS * (PICTURE + 2 * _GAP)
    rows: list[list[PillowImage.Image]] = [[]]
    for cell in cells:
        if rows[-1] and sum(c.width for c in rows[-1]) + cell.width > width:
            rows.append([])
        rows[-1].append(cell)
    return rows_sheet(rows)
