"""Pictures drawn by several processes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from unitok.data import drawing
from unitok.data.drawing import draw_many
from unitok.data.pictures import scene_picture
from unitok.training.refiner_data import scene_pair


def test_they_do_not_depend_on_who_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "TOGETHER", 5)
    draw = partial(scene_pair, size=10)
    large, small = draw_many(draw, 12, [0, 1], "drawing")
    assert large.shape == (12, 20, 20, 3) and small.shape == (12, 10, 10, 3)
    assert not np.array_equal(draw_many(draw, 12, [0, 2], "drawing")[1], small)
    monkeypatch.setattr(drawing, "FEW", 0)  # by other processes
    for one, other in zip(draw_many(draw, 12, [0, 1], "drawing"), (large, small), strict=True):
        assert np.array_equal(one, other)


def test_none_is_an_empty_pool() -> None:
    large, small = draw_many(partial(scene_pair, size=10), 0, [0], "drawing")
    assert large.shape == (0, 20, 20, 3) and small.shape == (0, 10, 10, 3) and small.dtype == np.uint8


def test_all_of_them_differ() -> None:
    (pictures,) = draw_many(partial(scene_picture, size=16), drawing.TOGETHER + 3, [0], "drawing")
    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) > 0.95 * len(pictures)
