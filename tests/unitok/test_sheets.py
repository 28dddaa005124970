"""Sheets of cases: pictures and spectrograms in frames of the outcome's color."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from unitok.document import Audio, Document, Image, Part, Text, Turn
from unitok.evaluation.cases import Case, Task
from unitok.evaluation.sheets import PICTURE, SECOND, case_sheet

GREEN, RED = (30, 150, 60), (210, 30, 30)


def a_case(*answer: Part, right: bool = True) -> Case:
    task = Task(Document.user("what is it"), "what is it", (), "a dot", lambda said: right)
    return Case(task, Turn(answer, "assistant"), None, right)


def picture() -> Image:
    return Image(PILImage.new("RGB", (8, 8), "blue"))


def tone(seconds: float) -> Audio:
    return Audio(torch.sin(torch.arange(int(16000 * seconds)) * 0.2)[None], 16000)


@pytest.mark.parametrize(("right", "frame"), [(True, GREEN), (False, RED)])
def test_the_frame_tells_the_outcome(right: bool, frame: tuple[int, int, int]) -> None:
    pixels = np.asarray(case_sheet([a_case(picture(), right=right)])).reshape(-1, 3)
    other = RED if right else GREEN
    assert (pixels == frame).all(1).sum() > 4 * PICTURE
    assert (pixels == other).all(1).sum() < 4 * PICTURE
    assert (pixels == (0, 0, 255)).all(1).sum() == PICTURE**2


def test_a_sound_is_as_wide_as_it_is_long() -> None:
    short, long = (case_sheet([a_case(tone(seconds))]) for seconds in (2.0, 4.0))
    assert long.width - short.width == 2 * SECOND
    assert long.height <= short.height  # words wrap later


def test_words_alone_have_room() -> None:
    assert case_sheet([a_case(Text("a dot"))]).width > PICTURE
