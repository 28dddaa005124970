"""Pictures for people to look at: what is where."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from unitok.document import Document, Image
from unitok.processor import Processor
from unitok.viz import HEADING, MODALITY_COLORS, code_grid, contact_sheet, heat_map, rows_sheet, token_strip
from unitok.vocabulary import CONTROL, IMAGE, TEXT


def square(color: str, side: int = 10) -> PILImage.Image:
    return PILImage.new("RGB", (side, side), color)


def test_a_contact_sheet_is_in_reading_order() -> None:
    sheet = contact_sheet([square("red"), square("lime"), square("blue")], gap=2)
    assert sheet.size == (26, 26)
    assert [sheet.getpixel(place) for place in [(7, 7), (19, 7), (7, 19), (19, 19), (0, 0)]] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (255, 255, 255),
    ]
    assert contact_sheet([square("red")] * 3, columns=3, gap=0).size == (30, 10)


def test_rows_keep_their_pictures_sizes() -> None:
    sheet = rows_sheet([[square("red", 4), square("lime", 8)], [square("blue", 6)]], gap=1)
    assert sheet.size == (15, 17)
    assert sheet.getpixel((3, 3)) == (255, 0, 0) and sheet.getpixel((10, 8)) == (0, 255, 0)
    assert sheet.getpixel((4, 13)) == (0, 0, 255)


def test_headings_stand_above_the_first_row() -> None:
    rows = [[square("red", 40), square("lime", 40)], [square("blue", 40)]]
    plain, headed = rows_sheet(rows), rows_sheet(rows, headings=("one", "two"))
    assert np.array_equal(np.asarray(headed)[HEADING + 8 :], np.asarray(plain)[8:])
    above = np.asarray(headed.convert("L"))[:HEADING]
    assert all(above[:, start : start + 40].min() < 100 for start in (8, 56))


def test_labels_stand_above_their_rows() -> None:
    rows = [[square("red", 40), square("lime", 40)], [square("blue", 40)]]
    sheet = rows_sheet(rows, labels=("one", "two, with words that are longer than all of its pictures"))
    pixels = np.asarray(sheet.convert("L"))
    assert sheet.width > 8 + 48 * 2 and sheet.height == 8 + 2 * (HEADING + 48)
    for number, color in enumerate(((255, 0, 0), (0, 0, 255))):
        top = 8 + number * (HEADING + 48)
        assert pixels[top : top + HEADING].min() < 100
        assert sheet.getpixel((10, top + HEADING + 1)) == color


def test_a_code_grid_has_a_cell_for_each_code() -> None:
    codes = torch.arange(6).view(1, 2, 3)
    bare = code_grid(square("white", 24), codes, side=20, numbers=False)
    assert bare.size == (60, 40)
    assert bare.getpixel((20, 5)) == (128, 128, 128) and bare.getpixel((5, 20)) == (128, 128, 128)
    numbered = code_grid(square("white", 24), codes, side=20)
    cells = np.asarray(numbered.convert("L")).reshape(2, 20, 3, 20).transpose(0, 2, 1, 3)[:, :, 2:-2, 2:-2]
    assert (cells.min(axis=(2, 3)) < 100).all()  # ink in every cell
    assert np.asarray(code_grid(square("black", 24), codes, side=20).convert("L")).max() > 200  # light on dark


def test_a_token_strip_shows_each_tokens_modality(tiny_processor: Processor) -> None:
    ids = tiny_processor.encode(Document.user("red").reply(Image(codes=torch.zeros(1, 2, 2, dtype=torch.int64))))
    strip = token_strip(tiny_processor.vocabulary, ids, columns=8, side=10)
    names = {TEXT: "text", CONTROL: "control", IMAGE: "image"}
    kinds = [names[kind] for kind in tiny_processor.vocabulary.modality_of(ids).tolist()]
    assert strip.width == 80 and kinds.count("image") == 4 and "text" in kinds
    for index, kind in enumerate(kinds):
        row, column = divmod(index, 8)
        assert strip.getpixel((column * 10 + 4, row * 10 + 4)) == MODALITY_COLORS[kind]


def test_a_heat_map_is_brighter_where_values_are_higher() -> None:
    heat = heat_map(np.array([[0.0, 1.0], [2.0, 3.0]]), side=5)
    light = [sum(heat.getpixel(place)) for place in [(2, 2), (7, 2), (2, 7), (7, 7)]]  # type: ignore[arg-type]
    assert heat.size == (10, 10) and light == sorted(light) and light[0] < light[-1]
    assert heat_map(np.zeros((2, 3)), side=4).size == (12, 8)  # all alike
    assert heat_map(torch.tensor([[0.5]]), bounds=(0, 1)).getpixel((0, 0)) == (190, 50, 100)
    over = heat_map(np.zeros((1, 1)), side=10, over=square("white", 3))
    assert over.getpixel((5, 5)) == pytest.approx((110, 107, 138), abs=2)
