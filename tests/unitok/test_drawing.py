"""Pictures drawn by several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

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


@pytest.mark.skipif(sys.platform != "linux", reason="children are read from /proc")
def test_ctrl_c_while_processes_start_says_one_thing() -> None:
    """It reaches all of them, as from a terminal, while those that draw import what they need."""
    script = """
from functools import partial
from unitok.data import drawing
from unitok.data.pictures import scene_picture
if __name__ == "__main__":
    try:
        drawing.draw_many(partial(scene_picture, size=64), 1_000_000, [0], "drawing")
    except KeyboardInterrupt:
        print("interrupted")
"""
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    children, end = Path(f"/proc/{process.pid}/task/{process.pid}/children"), time.monotonic() + 60
    while len(children.read_text().split()) < 2:  # one of them keeps track of semaphores
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.8)  # Python runs, and imports torch
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out.strip() == "interrupted" and "Traceback" not in err and process.returncode == 0, err
