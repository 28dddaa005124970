"""Other words and another renderer's pictures: what is asked is clear and right, and not what is trained on.

The wordings are for measuring only: they are drawn here, never quoted.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from PIL import Image as PillowImage

from unitok.data.world import phrases as training_phrases
from unitok.data.world.edits import sample_edit as sample_training_edit
from unitok.data.world.questions import sample_questions as sample_training_questions
from unitok.data.world.render import render
from unitok.data.world.requests import sample_request as sample_training_request
from unitok.data.world.scene import (
    COLORS,
    COLUMNS,
    HELD_OUT_PAIRS,
    ROWS,
    SHAPES,
    SIZES,
    Scene,
    is_held_out_relation,
)
from unitok.data.world.spec import SceneSpec
from unitok.data.world.spec_sampling import PLACES, fill, sample_spec, sample_varied_scene
from unitok.document import Document, Image, Text, Turn
from unitok.evaluation import other_pictures, other_renderer
from unitok.evaluation.cases import Task, judge
from unitok.evaluation.oracle import read, same_scene
from unitok.evaluation.other_words import (
    edit_frames,
    measure,
    phrases,
    question_frames,
    questions,
    request_frames,
    requests,
)
from unitok.evaluation.other_words.edits import MAKERS, sample_edit
from unitok.evaluation.setup import Setup
from unitok.evaluation.words import is_one_of
from unitok.model import UniTok

SYNONYMS = {"grey": "gray", "disc": "circle", "plus sign": "cross", "big": "large", "little": "small"}
"""What the wordings call things besides their names."""


@pytest.fixture()
def setup(tiny_model: UniTok) -> Setup:
    return Setup(tiny_model, "random", samples=16)


def well_formed(text: str) -> bool:
    """Whether nothing was left to fill in, and nothing is missing."""
    strange = re.search(r"[{}]|\s\s|\s[,.?!;:]|[,;:][^\s]|\ba [aeiou]|\ban [^aeiou]|\bNone\b|^\W*$", text)
    return strange is None and text == text.strip() and "the the" not in text and "\n" not in text


def plain(text: str) -> str:
    """In lower case, each thing by its name and as one."""
    text = text.lower()
    for other, name in SYNONYMS.items():
        text = re.sub(rf"\b{other}(s?)\b", rf"{name}\1", text)
    return re.sub(rf"\b({'|'.join(SHAPES)})(s|es)\b", r"\1", text)


def named(text: str, names: Iterable[str]) -> str | None:
    """The only one of the names that is in a text, or None."""
    found = {name for name in names if re.search(rf"\b{name}\b", plain(text))}
    assert len(found) <= 1, text
    return next(iter(found), None)


def drawn_requests(count: int) -> Iterator[tuple[str, SceneSpec, Scene, requests.Request]]:
    """Of each category."""
    for number, category in enumerate(request_frames.FRAMES):
        rng = np.random.default_rng([1, number])
        for _ in range(count):
            spec = sample_spec(rng, category)
            scene = fill(rng, spec)
            if scene is not None:
                yield category, spec, scene, requests.sample_request(rng, spec, category)


def drawn_questions(count: int) -> Iterator[tuple[str, Scene, questions.Asked]]:
    """Of each category."""
    for number, category in enumerate(question_frames.FRAMES):
        rng = np.random.default_rng([2, number])
        for _ in range(count):
            scene = sample_varied_scene(rng)
            asked = questions.sample_question(rng, scene, category)
            if asked is not None:
                yield category, scene, asked


def test_requests_are_well_formed_and_their_scenes_show_what_they_say() -> None:
    frames, texts = {category: set[str]() for category in request_frames.FRAMES}, []
    for category, spec, scene, request in drawn_requests(700):
        assert well_formed(request.text), request.text
        assert spec.satisfied_by(scene) and not spec.held_out()
        told = plain(request.text)
        for group in spec.groups:
            assert all(name is None or name in told for name in (*group.kind, spec.background)), request.text
        frames[category].add(request.frame)
        texts.append(request.text.lower())
    assert frames == {category: set(some) for category, some in request_frames.FRAMES.items()}
    tables = (request_frames.RELATIONS, request_frames.ITS)
    lists = [request_frames.BACKGROUNDS, request_frames.FIRST_BACKGROUNDS, request_frames.BACKGROUND_SENTENCES]
    lists += [request_frames.KINDS, request_frames.COUNTS, *(some for table in tables for some in table.values())]
    for phrase in itertools.chain(*lists):
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in re.split(r"{\w+}", phrase.lower())))
        assert any(pattern.search(text) for text in texts), phrase


def test_phrases_of_place_are_well_formed_and_all_come_up() -> None:
    rng = np.random.default_rng(3)
    for row, column in {*PLACES, *itertools.product(ROWS, COLUMNS)}:
        known = phrases.EDGES.get((row, column), phrases.CORNERS)
        found = {phrases.place_phrase(rng, row, column) for _ in range(40)}
        assert len(found) == len(known) and all(well_formed(phrase) for phrase in found)


def test_questions_are_well_formed() -> None:
    frames: dict[str, set[str]] = {kind: set() for kind in questions.FILLS}
    words: dict[str, set[str]] = {}
    for category, _, asked in drawn_questions(500):
        assert well_formed(asked.text), asked.text
        assert asked.answers and all(well_formed(answer) for answer in asked.answers)
        assert not any(f"{color} {shape}" in plain(asked.text) for color, shape in HELD_OUT_PAIRS), asked.text
        frames[asked.kind].add(asked.frame)
        words.setdefault(category, set()).add(asked.answers[0])
    told = {kind: some for kinds in question_frames.FRAMES.values() for kind, some in kinds.items()}
    assert frames == {kind: set(some) for kind, some in told.items()}
    assert all(len(some) > 1 for some in words.values())


def seen_answers(asked: questions.Asked, scene: Scene) -> list[str] | None:
    """The answer (one, unless the question is unclear) as it is read from the words and the scene; None where that is
    not simple."""
    if asked.kind == "background":
        return [scene.background]
    if asked.kind == "background is":
        return ["yes" if named(asked.text, COLORS) == scene.background else "no"]
    if asked.kind not in ("color", "shape", "size", "shape of a color", "count", "is there", "is none there"):
        return None
    size = None if asked.kind == "size" else named(asked.text, SIZES)  # frames of sizes name both
    told = {"size": size, "color": named(asked.text, COLORS), "shape": named(asked.text, SHAPES)}
    objects = scene.find(**{key: name for key, name in told.items() if name})
    if asked.kind == "count":
        return [str(len(objects))]
    if asked.kind in ("is there", "is none there"):
        return ["yes" if bool(objects) == (asked.kind == "is there") else "no"]
    return [getattr(obj, asked.kind.split()[0]) for obj in objects]


def test_answers_to_questions_are_right() -> None:
    kinds = set()
    for _, scene, asked in drawn_questions(150):
        assert not {"yes", "no"} <= set(asked.answers)
        right = seen_answers(asked, scene)
        if right is not None:
            assert len(right) == 1 and is_one_of(right[0], asked.answers), (asked.text, right)
            kinds.add(asked.kind)
    assert len(kinds) == 9


def test_edits_are_well_formed_and_take_what_was_edited() -> None:
    assert list(MAKERS) == list(edit_frames.FRAMES)
    for number, (kind, frames) in enumerate(edit_frames.FRAMES.items()):
        rng = np.random.default_rng([4, number])
        assert len(set(frames)) == len(frames)
        for frame in frames:
            edits = []
            while len(edits) < 4:
                edit = sample_edit(rng, sample_varied_scene(rng), kind, frame)
                if edit is not None:
                    edits.append(edit)
            for edit in edits:
                assert well_formed(edit.text), edit.text
                assert edit.accepts(edit.target) and not edit.accepts(edit.source)
                assert not any((o.color, o.shape) in HELD_OUT_PAIRS for o in edit.target.objects)
                for where in (wanted.where for wanted in edit.wanted if wanted.where.straight is None):
                    if edit.focus and where.relation and where.anchor:
                        assert not is_held_out_relation(edit.focus.shape, where.relation, where.anchor.shape)


def answered(wanted: Scene | str) -> Turn:
    """An assistant's turn that shows or says just what is wanted."""
    part = Text(wanted) if isinstance(wanted, str) else Image(PillowImage.fromarray(render(wanted, 64)))
    return Turn((part,), "assistant")


@pytest.mark.parametrize(
    "make", [*measure.SORTS.values(), other_pictures.captions, other_pictures.edits], ids=lambda make: make.__name__
)
def test_tasks_accept_right_answers_and_no_others(make: Callable[[Setup], list[Task]], setup: Setup) -> None:
    tasks = make(setup)
    assert [task.asked for task in make(replace(setup, samples=4))][:1] == [tasks[0].asked]
    for task in tasks:
        assert task.document.turns[-1].text == task.asked
        assert judge(task, answered(task.wanted)).right, task
        assert not judge(task, answered("surely not")).right
        if isinstance(task.wanted, Scene):
            assert not judge(task, Turn(answered(task.wanted).parts * 2, "assistant")).right
            fewer = replace(task.wanted, objects=task.wanted.objects[1:])
            assert not task.wanted.objects or not judge(task, answered(fewer)).right


@pytest.mark.parametrize("section", [measure, other_pictures])
def test_figures_are_of_everything_asked(section: ModuleType, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(documents: list[Document], **_: object) -> list[Document]:
        return [document.reply("no") for document in documents]

    monkeypatch.setattr(setup.model, "generate", generate)
    findings = section.measure(setup)
    figures = {figure.name: figure for figure in findings.figures}
    assert len(figures) == len(findings.figures)
    assert {figure.section for figure in findings.figures} == {section.SECTION}
    assert all(figure.target is None and figure.value is not None for figure in findings.figures)
    counts = {name: figure.count for name, figure in figures.items()}
    if section is measure:
        wholes = ["pictures from words, overall", "questions, overall", "edits, overall"]
        assert len(figures) == 3 + len(request_frames.FRAMES) + len(question_frames.FRAMES) + len(MAKERS)
        assert [counts[name] for name in wholes] == [6 * 4, 9 * 4, 16]
        assert counts["pictures from words: single object"] == counts["questions: color"] == 4
        assert 0 < (figures["questions, overall"].value or 0) < 100  # some answers are no
    else:
        wholes = ["captions, overall", "edits, overall"]
        codec = "the oracle reads the same scene after the codec"
        assert list(counts.values()) == [15, 5, 5, 5, 8, 32] and list(counts)[-1] == codec
        assert {"captions: clean", "captions: jpeg", "captions: noise"} < set(counts)
    assert len(findings.cases) == sum(counts[name] or 0 for name in wholes)


@pytest.mark.parametrize("finish", other_renderer.FINISHES)
def test_the_oracle_reads_the_other_renderers_pictures(finish: other_renderer.Finish) -> None:
    for index in range(25):
        rng = np.random.default_rng([5, index])
        scene = sample_varied_scene(rng)
        look = other_renderer.Look.sample(rng, finish)
        pixels = other_renderer.render(scene, look, 80)
        assert pixels.shape == (80, 80, 3) and pixels.dtype == np.uint8
        assert same_scene(scene, read(pixels)), scene
        assert (pixels != render(scene, 80)).any()
        assert (other_renderer.render(scene, look, 80) == pixels).all()


# --------------------------------------------------------------------------- other words than training's

_NAMES = {*COLORS, *SIZES, *SHAPES, *training_phrases.NUMBER_WORDS, *map(str, range(10)), *ROWS, *COLUMNS}
_NAMES |= {*training_phrases.GENERIC_NOUNS, *SYNONYMS, "upper", "lower", "centre", "corner", "side"}
for _synonyms in (training_phrases.SHAPE_SYNONYMS, training_phrases.COLOR_SYNONYMS, training_phrases.SIZE_WORDS):
    _NAMES |= set(itertools.chain(*_synonyms.values()))
_NAMES |= {training_phrases.plural(name) for name in _NAMES}
_NAME = re.compile(rf"\b({'|'.join(map(re.escape, sorted(_NAMES, key=len, reverse=True)))})\b")


def wording(text: str) -> str:
    """A sentence without what it is about: names of colors, shapes, sizes, numbers and places, and the last mark."""
    text = re.sub(r"\ban\b", "a", _NAME.sub("_", text.lower().rstrip(".?!")))
    return re.sub(r"_([ -]_)+", "_", text)


def training_request(rng: np.random.Generator) -> str:
    return sample_training_request(rng).text


def training_question(rng: np.random.Generator) -> str:
    while True:
        for question in sample_training_questions(rng, sample_varied_scene(rng), 1):
            return question.text


def training_edit(rng: np.random.Generator) -> str:
    while True:
        edit = sample_training_edit(rng, sample_varied_scene(rng))
        if edit is not None:
            return edit.text


@pytest.mark.parametrize(
    ("sort", "training", "samples"),
    [
        ("pictures from words", training_request, 200),
        ("questions", training_question, 132),
        ("edits", training_edit, 300),
    ],
)
def test_the_words_are_not_those_of_training(
    sort: str, training: Callable[[np.random.Generator], str], samples: int, setup: Setup
) -> None:
    rng = np.random.default_rng(6)
    known = {wording(training(rng)) for _ in range(3000)}
    tasks = measure.SORTS[sort](replace(setup, samples=samples))
    same = sum(wording(task.asked) in known for task in tasks)
    assert 290 <= len(tasks) <= 310
    # Measured: 3 % of the requests, 24 % of the questions (short ones, that anybody would ask so), 8 % of the edits.
    assert same <= len(tasks) / 3, f"{same} of {len(tasks)}"
