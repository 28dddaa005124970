"""Edits in other words: whole, varied, and still the same edit."""

import re
from hashlib import sha256

import numpy as np
import pytest

from unitok.data.world.edit import Edit
from unitok.data.world.edits import KIND_NAMES, sample_edit
from unitok.data.world.reworded.edit_orders import gerund
from unitok.data.world.reworded.edits import reworded_edit, told_edit
from unitok.data.world.scene import Object, Scene, sample_scene

NUMBER = 60


def edits_of(kind: str) -> list[tuple[np.random.Generator, Edit, Object | None]]:
    found = []
    for seed in range(3 * NUMBER):
        rng = np.random.default_rng([seed, 11])
        scene = sample_scene(rng, count=None if seed % 2 else 3)
        focus = scene.objects[0] if seed % 4 == 0 else None
        edit = sample_edit(rng, scene, kind=kind, focus=focus)
        if edit is not None and len(found) < NUMBER:
            found.append((rng, edit, focus))
    return found


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[tuple[np.random.Generator, Edit, Object | None]]]:
    return {kind: edits_of(kind) for kind in KIND_NAMES}


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_texts_are_whole_and_varied(drawn, kind):
    texts = []
    for rng, edit, focus in drawn[kind]:
        told = told_edit(rng, edit, focus)
        if told is None:
            continue
        assert not re.search(r"[{}|]|  | ,|\(|\)", told.text), told.text
        assert told.text == told.text.strip() and told.text[-1] not in ".?!", told.text
        assert told.text == told.text.lower()
        texts.append(told.text)
    assert len(texts) > 0.6 * len(drawn[kind])
    assert len(set(texts)) > 0.95 * len(texts)
    assert len({frame(text) for text in texts}) > 0.7 * len(texts)


def frame(text: str) -> str:
    """The text with what it is about taken out."""
    names = "red|orange|yellow|green|cyan|blue|purple|pink|brown|black|white|gr[ae]y|violet|turquoise|aqua"
    names += "|small|large|big|circle|square|triangle|star|cross|diamond|heart|ring"
    names += "|shape|object|thing|figure|item|element|one|the|this|that"
    return " ".join(re.sub(rf"\b({names})(e?s)?\b", "", text).split())


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_the_edit_stays_the_same(drawn, kind):
    changed = 0
    for rng, edit, focus in drawn[kind]:
        new = reworded_edit(rng, edit, focus)
        assert (new.source, new.target, new.fixed, new.wanted) == (edit.source, edit.target, edit.fixed, edit.wanted)
        assert new.kind == kind and new.focus == edit.focus and new.accepts(edit.target)
        changed += new.text != edit.text
    assert changed > 0.8 * len(drawn[kind])


SYNONYMS = {"gray": "gr[ae]y", "purple": "purple|violet", "cyan": "cyan|turquoise|aqua"}


@pytest.mark.parametrize("kind", ("recolor", "recolor_all", "background"))
def test_the_new_color_is_said(drawn, kind):
    for rng, edit, focus in drawn[kind]:
        color = edit.said.get("to_color") or edit.said["color"]
        told = told_edit(rng, edit, focus)
        assert told is None or re.search(str(SYNONYMS.get(color, color)), told.text), told.text


def test_the_new_shape_is_said(drawn):
    others = {
        "circle": "circ|dis[ck]|dot|ball",
        "square": "square|box|block",
        "triangle": "triang",
        "cross": "cross|plus",
        "diamond": "diamond|rhombus|lozenge",
        "ring": "ring|donut|doughnut|hoop",
    }
    for rng, edit, focus in drawn["reshape"]:
        told = told_edit(rng, edit, focus)
        shape = edit.said["shape"]
        assert told is None or re.search(str(others.get(shape, shape)), told.text), told.text


def test_the_side_of_a_move_is_said(drawn):
    words = {"left of": "left|right", "right of": "right|left", "above": "up|high|top|rais|lift|low|down"}
    words["below"] = words["above"] + "|bottom|low"
    for rng, edit, focus in drawn["move"]:
        told = told_edit(rng, edit, focus)
        assert told is None or re.search(words[str(edit.wanted[0].where.relation)], told.text), told.text


def test_joined_orders_name_both_objects(drawn):
    for rng, edit, _ in drawn["joined"]:
        for _ in range(5):
            told = told_edit(rng, edit)
            if told is not None:
                assert told.order is not None and not re.search(r"\b(it|its|this one|that one)\b", told.order), (
                    told.order
                )


def test_what_is_to_be_kept_is_just_what_stays():
    squares = tuple(Object("square", color, "small", x, 0.25) for color, x in (("red", 0.25), ("blue", 0.5)))
    stars = tuple(Object("star", color, "small", x, 0.75) for color, x in (("green", 0.25), ("blue", 0.5)))
    rng = np.random.default_rng(0)
    for left in (stars, stars[:1]):
        source, target = Scene("white", squares + left), Scene("white", left)
        edit = Edit("x", "x", "remove_all", source, target, left, about=squares, said={"shape": "square"})
        texts = [t.text for _ in range(300) if (t := told_edit(rng, edit))]
        keeping = [t for t in texts if re.search(r"\b(only|just|nothing but) the|everything (but|except|other)", t)]
        kept = [text for text in keeping if "square" not in text]
        assert len(kept) > 4
        assert all("star" in text or (len(left) == 1 and "green" in text) for text in kept), kept


def test_some_of_a_kind_cannot_be_called_by_it():
    """Where a square stays with the stars, nothing names just what stays: nothing is said of what to keep."""
    squares = tuple(Object("square", color, "small", x, 0.25) for color, x in (("red", 0.25), ("blue", 0.5)))
    left = (Object("square", "green", "large", 0.75, 0.75), Object("star", "blue", "small", 0.25, 0.75))
    source, target = Scene("white", squares + left), Scene("white", left)
    said = {"size": "small", "shape": "square"}
    edit = Edit("x", "x", "remove_all", source, target, left, about=squares, said=said)
    rng = np.random.default_rng(0)
    texts = [told.text for _ in range(200) if (told := told_edit(rng, edit))]
    assert not any(re.search(r"(keep|leave) (only|just)|everything but the (?!.*square)", text) for text in texts)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("make it green", "making it green"),
        ("put it away", "putting it away"),
        ("dye it red", "dyeing it red"),
        ("get rid of it", "getting rid of it"),
        ("also draw a star", "also drawing a star"),
    ],
)
def test_gerund(order, said):
    assert gerund(order) == said


def test_no_words_leave_the_edit_as_it_is():
    ring = Object("ring", "red", "small", 0.25, 0.25)
    twin = Object("ring", "red", "small", 0.3, 0.25)
    scene = Scene("white", (ring, twin))
    edit = Edit("x", "x", "remove", scene, scene.changed(ring, None), (twin,), about=(ring,))
    assert reworded_edit(np.random.default_rng(0), edit) is edit


def test_plain_texts_are_as_before():
    """What evaluation asks with must not change: the texts and the draws behind them."""
    digest, first = sha256(), []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        edit = sample_edit(rng, sample_scene(rng))
        first.append(edit.text if edit else "-")
        digest.update(f"{first[-1]}\n{rng.random():.12f}\n".encode())
    for kind in KIND_NAMES:
        for seed in range(20):
            rng = np.random.default_rng(seed)
            scene = sample_scene(rng, count=3)
            edit = sample_edit(rng, scene, kind=kind, focus=scene.objects[0])
            digest.update(f"{edit.text if edit else '-'}{rng.random():.12f}\n".encode())
    assert first[:3] == [
        "there should also be a gray donut",
        "can you remove the purple one",
        "please, transform the star into a triangle",
    ]
    assert digest.hexdigest()[:16] == "4a333b95c975de97"
