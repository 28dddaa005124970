"""Requests and demands in other words than the templates', and looks further from the canonical one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from unitok.data.world.far_looks import sample_far_style
from unitok.data.world.mixture import world_documents
from unitok.data.world.phrases import COLOR_OF_WORD
from unitok.data.world.render import CANONICAL, Style, render
from unitok.data.world.requests import sample_request
from unitok.data.world.reworded import requests as reworded
from unitok.data.world.reworded.captions import DEMANDS, reworded_demand
from unitok.data.world.reworded.habits import written
from unitok.data.world.reworded.references import refer_otherwise
from unitok.data.world.scene import SHAPES, sample_scene
from unitok.document import Document, Image, Text

SHAPE_WORDS = {
    "circle": r"\b(circles?|disc|disk|dot|ball)\b",
    "square": r"\b(squares?|box|block)\b",
    "triangle": r"\b(triangles?|triangular)\b",
    "star": r"\b(stars?|star-shaped)\b",
    "cross": r"\b(cross|crosses|plus)\b",
    "diamond": r"\b(diamonds?|rhombus|lozenge)\b",
    "ring": r"\b(rings?|donut|doughnut|hoop)\b",
}


def texts_of(number: int, category: str | None = None) -> list[tuple[reworded.SceneSpec, str]]:
    rng = np.random.default_rng(7)
    requests = [sample_request(rng, category) for _ in range(number)]
    return [(one.spec, reworded.reworded_request(rng, one.spec)) for one in requests]


@pytest.fixture
def as_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts before users' habits, which may lose a letter or an article."""
    monkeypatch.setattr(reworded, "written", lambda _rng, text, _mark: text)


@pytest.mark.usefixtures("as_meant")
def test_a_reworded_request_says_all_that_its_spec_asks_for_and_no_other_color_or_shape() -> None:
    for spec, text in texts_of(800):
        said = {color for word, color in COLOR_OF_WORD.items() if re.search(rf"\b{word}\b", text)}
        asked = {group.color for group in spec.groups if group.color} | ({spec.background} - {None})
        assert said == asked, (spec, text)
        for shape in SHAPES:
            there = bool(re.search(SHAPE_WORDS.get(shape, shape), text))
            asked_for = any(group.shape == shape for group in spec.groups)
            # "a heart plus a box" says no cross
            assert there == asked_for or (shape == "cross" and "plus" in text), (spec, text)
        assert "  " not in text and not re.search(r"[{}|]|\ba [aeio]", text), text


@pytest.mark.usefixtures("as_meant")
def test_numbers_are_said() -> None:
    for spec, text in texts_of(200, "counting"):
        words = {2: "two|2|pair|couple|twin", 3: "three|3", 4: "four|4", 5: "five|5", 6: "six|6"}
        spaced = re.sub(r"x(?=[2-6])|(?<=[2-6])x", " ", text)
        said = {number for number, pattern in words.items() if re.search(rf"\b({pattern})\b", spaced)}
        assert said == {group.count for group in spec.groups if group.count > 1}, text


def test_relations_are_said_the_right_way_round() -> None:
    """Where two shapes stand right before and behind the relation, the first is on that side of the second."""
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    noun = r"an? (?:[\w-]+ )*?"
    pattern = rf"(?i)\b{noun}({'|'.join(SHAPES)}) (above|below|left of|right of) {noun}({'|'.join(SHAPES)})\b"
    checked = 0
    for spec, text in texts_of(600, "position"):
        ((i, name, j),) = spec.relations
        a, b = spec.groups[i].shape, spec.groups[j].shape
        match = re.search(pattern, text)
        if match is None or a == b or {match[1].lower(), match[3].lower()} != {a, b}:
            continue
        assert match[2].lower() == (name if match[1].lower() == a else opposite[name]), (spec, text)
        checked += 1
    assert checked >= 20


@pytest.mark.usefixtures("as_meant")
def test_relations_are_said_the_right_way_round_where_the_place_comes_first() -> None:
    """``Below a ring there is a star``; ``a ring, and below it a star``: the star is below."""
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    words = {
        "left of": "(?:to|at|on) (?:the|its) left(?:-hand side)?(?: side)?(?: of)?(?: it)?|left of(?: it)?",
        "right of": "(?:to|at|on) (?:the|its) right(?:-hand side)?(?: side)?(?: of)?(?: it)?|right of(?: it)?",
        "above": "(?:above|over|higher than)(?: it| that| this)?|higher up",
        "below": "(?:below|beneath|underneath|under|lower than)(?: it| that| this)?|further down",
    }
    thing = rf"an? (?:[\w-]+ )*?({'|'.join(SHAPES)})\b"
    first, behind = set(), set()
    for spec, text in texts_of(1_500, "position"):
        ((i, name, j),) = spec.relations
        a, b = spec.groups[i].shape, spec.groups[j].shape
        for relation, said in words.items():
            anchor = re.match(rf"(?:{said}) {thing}(?! of).*?\b{thing}", text)
            told = re.match(rf"{thing}(?:, and|;|,| and|\.) (?:{said}) {thing}", text)
            for match, seen in ((anchor, first), (told, behind)):
                if match is None or a == b or {match[1], match[2]} != {a, b}:
                    continue
                assert relation == (name if match[2] == a else opposite[name]), (spec, text)
                seen.add((relation, match[0].split()[0]))
    assert len(first) >= 8 and len(behind) >= 4


def test_requests_are_worded_in_very_many_ways() -> None:
    frames = set()
    for _, text in texts_of(1_000, "single_object"):
        words = re.sub(r"[^\w ]", "", text.lower()).split()
        frames.add(" ".join(word for word in words if word not in COLOR_OF_WORD and word not in SHAPES))
    assert len(frames) > 700


@pytest.mark.parametrize("style", DEMANDS)
def test_demands_are_whole_sentences(style: str) -> None:
    rng = np.random.default_rng(0)
    texts = {reworded_demand(rng, style) for _ in range(200)}
    assert len(texts) > 60
    assert not any(re.search(r"[{}|]|  ", text) for text in texts)


def test_habits_keep_the_letters_of_most_texts_and_never_all_of_none() -> None:
    rng = np.random.default_rng(1)
    texts = [written(rng, "draw the small red circle", ".") for _ in range(500)]
    as_they_are = sum(text.lower().strip(" .!?:)") == "draw the small red circle" for text in texts)
    assert 350 < as_they_are < 480
    assert all(len(text) > 12 for text in texts)


def test_a_reference_in_other_words_means_one_object() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        scene = sample_scene(rng)
        obj = scene.objects[0]
        phrase = refer_otherwise(rng, scene, obj, hide=("color",), places=False, beside=False)
        if phrase is None or len(scene.objects) == 1:
            continue
        assert not any(re.search(rf"\b{word}\b", phrase) for word in COLOR_OF_WORD), phrase
        shape = next((one for one in SHAPES if re.search(SHAPE_WORDS.get(one, one), phrase)), None)
        if shape is not None:
            alike = [o for o in scene.objects if o.shape == shape]
            assert obj in alike, phrase


def test_far_looks_are_drawn_the_same_again_and_keep_the_scene_readable() -> None:
    rng = np.random.default_rng(4)
    scene = sample_scene(rng, 3)
    styles = [sample_far_style(rng) for _ in range(40)]
    for style in styles:
        drawn = render(scene, 64, style)
        assert drawn.shape == (64, 64, 3) and drawn.dtype == np.uint8
        assert np.array_equal(drawn, render(scene, 64, style))
    assert any(style.jpeg for style in styles) and any(style.noise for style in styles)
    plain = render(scene, 64, CANONICAL)
    assert np.array_equal(plain, render(scene, 64, Style(noise=0.0, jpeg=None, stretch=(1.0, 1.0))))


def test_noise_and_jpeg_leave_a_picture_near_what_it_was() -> None:
    scene = sample_scene(np.random.default_rng(5), 4)
    plain = render(scene, 64).astype(float)
    noisy = render(scene, 64, Style(noise=3.0, seed=1)).astype(float)
    assert 1.0 < np.abs(noisy - plain).mean() < 3.5
    assert 0 < np.abs(render(scene, 64, Style(jpeg=80)).astype(float) - plain).mean() < 8


def test_documents_without_other_words_are_what_they_were_and_with_them_others() -> None:
    def texts(documents: Iterator[Document]) -> list[str]:
        parts = [part for one in islice(documents, 60) for turn in one.turns for part in turn.parts]
        return [part.text for part in parts if isinstance(part, Text)]

    plain, other = (texts(world_documents([9], "train", 16, reworded=share)) for share in (0.0, 1.0))
    assert plain == texts(world_documents([9], "train", 16))
    assert len(set(plain) & set(other)) < 0.4 * len(set(plain))


def test_pictures_that_users_show_get_far_looks_and_answers_do_not() -> None:
    documents = list(islice(world_documents([3], "train", 32, tasks={"edit": 1.0}, far_looks=1.0), 40))
    for one in documents:
        given = [turn.images[0] for turn in one.turns if turn.role == "user"]
        answers = [turn.images[0] for turn in one.turns if turn.role == "assistant"]
        assert given and answers
        assert _colors(given[0]) > 0 and _colors(answers[0]) > 0
    assert np.mean([_colors(one.turns[0].images[0]) for one in documents]) > 2 * np.mean(
        [_colors(one.turns[-1].images[0]) for one in documents]
    )


def _colors(picture: Image) -> int:
    assert picture.image is not None
    return len(np.unique(np.asarray(picture.image).reshape(-1, 3), axis=0))
