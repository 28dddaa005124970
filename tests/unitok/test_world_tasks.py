"""The world's tasks: questions and their truth, edits, conversations, documents."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unitok.data.world import tasks
from unitok.data.world.__main__ import main
from unitok.data.world.album import Album
from unitok.data.world.caption_parser import parse_caption
from unitok.data.world.conversations import MAX_PICTURES, sample_conversation
from unitok.data.world.edit import Edit
from unitok.data.world.edits import KIND_NAMES, KINDS, sample_edit
from unitok.data.world.edits_of_place import MOVE
from unitok.data.world.phrases import NUMBER_WORDS
from unitok.data.world.question import Question
from unitok.data.world.questions import CATEGORIES, sample_questions
from unitok.data.world.render import CANONICAL
from unitok.data.world.requests import Request, sample_request
from unitok.data.world.scene import HELD_OUT_PAIRS, Object, Scene, fits
from unitok.data.world.spec_sampling import CATEGORIES as REQUEST_CATEGORIES
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.data.world.tasks import TASK_WEIGHTS, corpus, order_document, sample_documents
from unitok.document import Document, Image, Text
from unitok.evaluation.words import is_one_of


def scene(*objects: tuple[str, str, str, float, float], background: str = "white") -> Scene:
    return Scene(background, tuple(Object(shape, color, size, x, y) for size, color, shape, x, y in objects))


def ask(category: str, n: int, seed: int = 0) -> list[tuple[Scene, Question]]:
    rng = np.random.default_rng(seed)
    found: list[tuple[Scene, Question]] = []
    while len(found) < n:
        shown = sample_varied_scene(rng)
        found += [(shown, q) for q in sample_questions(rng, shown, 1, category)]
    return found


# --------------------------------------------------------------------------- questions


@pytest.mark.parametrize("category", CATEGORIES)
def test_answers_are_short_and_accepted(category: str) -> None:
    for shown, question in ask(category, 150):
        assert question.category == category
        assert len(question.answers[0].split()) <= 5, question
        assert is_one_of(question.answers[0].capitalize() + ".", question.answers)
        assert not is_one_of("seventeen", question.answers), (shown, question)


@pytest.mark.parametrize("category", ["count", "existence"])
def test_counts_and_existence_are_true(category: str) -> None:
    """The words, read independently, give the answer by counting in the scene."""
    checked = 0
    for shown, question in ask(category, 500, seed=1):
        words = question.text.lower()
        named = parse_caption(words).objects
        if len(named) != 1 or "exactly" in words or re.search(r"(?:that|which|in|of|painted|colored) ", words):
            continue
        size, color, shape = next(iter(named))
        names = {"size": size, "color": color, "shape": shape}
        number = shown.count(**{key: value for key, value in names.items() if value})
        right = NUMBER_WORDS[number] if category == "count" else ("yes" if number else "no")
        assert question.answers[0] == right, (shown, question)
        checked += 1
    assert checked > 120


@pytest.mark.parametrize(("category", "slack"), [("existence", 0.06), ("comparison", 0.09), ("relation", 0.09)])
def test_yes_and_no_are_balanced(category: str, slack: float) -> None:
    answers = Counter(q.answers[0] for _, q in ask(category, 1200, seed=2))
    assert abs(answers["yes"] / (answers["yes"] + answers["no"]) - 0.5) < slack, answers


def test_many_counts_are_asked_for() -> None:
    answers = Counter(q.answers[0] for _, q in ask("count", 800, seed=3))
    assert set(NUMBER_WORDS) <= set(answers)
    assert answers["one"] < 0.45 * sum(answers.values())


def test_questions_about_a_known_scene() -> None:
    shown = scene(("small", "red", "circle", 0.2, 0.2), ("large", "blue", "square", 0.7, 0.7), background="pink")
    rng = np.random.default_rng(4)
    by_text: dict[str, str] = {}
    for _ in range(1500):
        for question in sample_questions(rng, shown, 1):
            by_text[question.text.lower().rstrip("?")] = question.answers[0]
    expected = {
        "what color is the circle": "red",
        "what shape is the blue object": "square",
        "where is the circle": "top left",
        "where is the square": "bottom right",
        "what color is the background": "pink",
        "is the circle above the square": "yes",
        "is the square left of the circle": "no",
        "how many circles are there": "one",
        "is the square larger than the circle": "yes",
    }
    told = {text: by_text[text] for text in expected if text in by_text}
    assert len(told) >= 5
    assert told == {text: expected[text] for text in told}


def test_questions_of_one_document_differ() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        questions = sample_questions(rng, sample_varied_scene(rng), 5)
        assert len({q.subject for q in questions}) == len(questions) >= 3


# --------------------------------------------------------------------------- edits


def edits_of(kind: str | None, n: int, seed: int = 0, split: str = "train") -> list[Edit]:
    rng = np.random.default_rng(seed)
    found: list[Edit] = []
    while len(found) < n:
        edit = sample_edit(rng, sample_varied_scene(rng, split), split, kind)
        if edit is not None:
            found.append(edit)
    return found


def well_placed(shown: Scene) -> bool:
    return all(
        fits(o, [p for p in shown.objects if p is not o], gap=0.015) and o.color != shown.background
        for o in shown.objects
    )


@pytest.mark.parametrize("kind", KINDS)
def test_edits_accept_their_target_and_nothing_like_it(kind: str) -> None:
    for edit in edits_of(kind, 40):
        assert edit.kind == kind
        assert edit.accepts(edit.target)
        assert not edit.accepts(edit.source), edit
        assert well_placed(edit.target), edit
        assert 1 <= len(edit.target.objects) <= 6
        assert not [o for o in edit.target.objects if (o.color, o.shape) in HELD_OUT_PAIRS]
        other = replace(edit.target, background="red" if edit.target.background != "red" else "blue")
        assert not edit.accepts(other)
        assert not edit.accepts(replace(edit.target, objects=edit.target.objects[1:]))
        if edit.fixed:
            kept = edit.fixed[0]
            in_target = next(o for o in edit.target.objects if o == kept)
            near, far = replace(kept, x=kept.x + 0.04), replace(kept, x=kept.x + 0.2)
            assert edit.accepts(edit.target.changed(in_target, near))
            assert not edit.accepts(edit.target.changed(in_target, far))


@pytest.mark.parametrize("kind", ["recolor", "reshape", "resize", "remove", "background", "exchange"])
def test_in_place_edits_leave_the_rest(kind: str) -> None:
    for edit in edits_of(kind, 30, seed=1):
        gone = [o for o in edit.source.objects if o not in edit.target.objects]
        new = [o for o in edit.target.objects if o not in edit.source.objects]
        assert len(gone) == (0 if kind == "background" else 1)
        assert len(new) == (0 if kind in ("background", "remove") else 1)
        if new:
            assert (gone[0].x, gone[0].y) == (new[0].x, new[0].y)


def test_moves_shift_by_whole_cells_where_they_can() -> None:
    steps = Counter()
    for edit in edits_of("move", 150, seed=2):
        old = next(o for o in edit.source.objects if o not in edit.target.objects)
        new = next(o for o in edit.target.objects if o not in edit.source.objects)
        dx, dy = round(new.x - old.x, 3), round(new.y - old.y, 3)
        assert (dx == 0) != (dy == 0) and old.kind == new.kind
        direction = {"left": dx < 0, "right": dx > 0, "up": dy < 0, "top": dy < 0, "high": dy < 0}
        direction |= {"down": dy > 0, "bottom": dy > 0, "low": dy > 0}
        said = edit.order.split(" on the ")[-1] if " on the " in edit.order else edit.order
        words = [w for w in direction if said.split()[-1].startswith(w)]
        assert all(direction[w] for w in words), edit.order
        steps[abs(dx + dy)] += 1
        slightly = re.search(r"a bit|a little|slightly", edit.order)
        assert abs(dx + dy) >= (0.1 if slightly else 0.14)
    assert steps[MOVE] > 55


def test_a_moved_object_has_some_freedom() -> None:
    edit = next(e for e in edits_of("move", 50, seed=3) if abs(e.focus.x - e.wanted[0].where.anchor.x) > 0.2)  # type: ignore[union-attr]
    new = edit.focus
    assert new is not None
    old = edit.wanted[0].where.anchor
    assert old is not None
    closer = replace(new, x=(new.x * 3 + old.x) / 4, y=new.y + 0.03)
    assert edit.accepts(edit.target.changed(new, closer))
    assert not edit.accepts(edit.target.changed(new, replace(new, x=(new.x + 3 * old.x) / 4)))
    assert not edit.accepts(edit.target.changed(new, replace(new, y=new.y + 0.2 if new.y < 0.5 else new.y - 0.2)))


def test_added_objects_must_be_where_they_were_asked_for() -> None:
    beside = [e for e in edits_of("add", 120, seed=4) if e.wanted[0].where.relation is not None]
    assert len(beside) > 20
    for edit in beside:
        new = edit.target.objects[-1]
        where = edit.wanted[0].where
        assert where.anchor is not None
        mirrored = replace(new, x=2 * where.anchor.x - new.x, y=2 * where.anchor.y - new.y)
        assert not edit.accepts(edit.target.changed(new, mirrored))
        assert not edit.accepts(
            edit.target.changed(new, replace(new, shape="circle" if new.shape != "circle" else "ring"))
        )


def test_edits_of_the_held_out_split_reach_held_out_pairs() -> None:
    pairs = [o for e in edits_of(None, 150, split="heldout") for o in e.target.objects]
    assert any((o.color, o.shape) in HELD_OUT_PAIRS for o in pairs)


def test_edits_have_many_wordings() -> None:
    rng = np.random.default_rng(5)
    shown = scene(("small", "red", "circle", 0.2, 0.2), ("large", "blue", "square", 0.7, 0.7))
    texts = {e.text for _ in range(600) if (e := sample_edit(rng, shown)) is not None}
    assert len(texts) > 500


def test_unknown_kinds_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="edit kind 'paint'"):
        sample_edit(rng, sample_varied_scene(rng), kind="paint")
    with pytest.raises(ValueError, match="category 'taste'"):
        sample_questions(rng, sample_varied_scene(rng), 1, "taste")


# --------------------------------------------------------------------------- documents


def length(document: Document) -> int:
    """About how many tokens: one a word or mark, 69 a picture."""
    parts = [part for turn in document.turns for part in turn.parts]
    words = sum(len(re.findall(r"\w+|[^\w\s]", part.text)) for part in parts if isinstance(part, Text))
    return words + 69 * sum(isinstance(part, Image) for part in parts) + 2 * len(document.turns) + 2


def test_conversations() -> None:
    rng = np.random.default_rng(6)
    starts = Counter()
    for _ in range(250):
        document = sample_conversation(rng, Album(8))
        roles = [turn.role for turn in document.turns]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert 1 <= len(roles) // 2 <= 4
        pictures = [part for turn in document.turns for part in turn.parts if isinstance(part, Image)]
        assert 1 <= len(pictures) <= MAX_PICTURES
        assert length(document) < 340
        starts[isinstance(document.turns[0].parts[0], Image) or len(document.turns[0].parts) > 1] += 1
    assert min(starts.values()) > 40


def test_documents_share_pictures_and_alternate() -> None:
    rng = np.random.default_rng(7)
    pictures, parts = 0, 0
    for _ in range(150):
        documents = sample_documents(rng, size=8)
        images = [p for d in documents for turn in d.turns for p in turn.parts if isinstance(p, Image)]
        parts += len(images)
        pictures += len({id(image) for image in images})
        for document in documents:
            assert [turn.role for turn in document.turns] == ["user", "assistant"] * (len(document.turns) // 2)
            for turn in document.turns[1::2]:
                assert len(turn.parts) == 1
    assert parts > 1.5 * pictures


def kind_of(document: Document) -> str:
    """The task of a document, by the parts of its turns."""
    first, answer = document.turns[0], document.turns[1]
    if isinstance(answer.parts[0], Image) and len(document.turns) == 2:
        return "edit" if any(isinstance(part, Image) for part in first.parts) else "request"
    drawn = any(isinstance(part, Image) for turn in document.turns[1:] for part in turn.parts)
    return "conversation" if drawn else "words"


def test_tasks_have_their_shares() -> None:
    rng = np.random.default_rng(8)
    shares = Counter()
    for _ in range(400):
        shares.update(map(kind_of, sample_documents(rng, size=8)))
    total = shares["edit"] + shares["request"]
    expected = TASK_WEIGHTS["edit"] / (TASK_WEIGHTS["edit"] + TASK_WEIGHTS["request"])
    assert abs(shares["edit"] / total - expected) < 0.06


def test_other_shares_of_tasks() -> None:
    rng = np.random.default_rng(10)
    family = sample_documents(rng, size=8, weights={"edit": 1.0})
    assert len(family) >= 2 and {kind_of(document) for document in family} == {"edit"}
    assert len({document.turns[0].parts for document in family}) == len(family)
    weights = {"edit": 0.7, "questions": 0.3}
    documents = [d for _ in range(200) for d in sample_documents(rng, size=8, weights=weights)]
    shares = Counter(map(kind_of, documents))
    assert set(shares) == {"edit", "words"}
    assert abs(shares["edit"] / len(documents) - 0.7) < 0.06


def test_only_a_family_without_requests_shows_a_scene_worth_asking_about(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Scene] = []

    def varied(rng: np.random.Generator, split: str) -> Scene:
        drawn.append(sample_varied_scene(rng, split))
        return drawn[-1]

    monkeypatch.setattr(tasks, "sample_varied_scene", varied)
    rng = np.random.default_rng(11)
    sample_documents(rng, size=8)
    assert not drawn
    for _ in range(3):
        sample_documents(rng, size=8, weights={"edit": 1.0})
    assert len(drawn) == 3


def test_a_seed_gives_the_same_documents() -> None:
    first, second = (list(corpus(np.random.default_rng(9), 200)) for _ in range(2))
    assert first == second and len(first) == 200


def test_samples_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "samples"
    assert main(["--output", str(folder), "--samples", "9", "--seed", "3"]) == 0
    lines = (folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 9
    paths = {
        part["path"]
        for line in lines
        for message in json.loads(line)["messages"]
        for part in message["content"]
        if part["type"] == "image"
    }
    assert paths == {path.name for path in folder.glob("0*.png")}
    assert (folder / "contact_sheet.png").exists()
    capsys.readouterr()
    assert main(["--output", str(folder)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    (folder / "file").touch()
    for options in (["--output", str(folder / "file/x")], ["--output", str(folder / "y"), "--seed", "-1"]):
        assert main(options) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_which_is_larger_is_not_answered_by_a_name_of_both() -> None:
    rng, found = np.random.default_rng(3), 0
    while found < 30:
        for question in sample_questions(rng, sample_varied_scene(rng), 6):
            if question.category == "comparison" and " or " in question.text:
                found += 1
                shown = [set(re.split(r"\W+", part)) for part in question.text.lower().split(" or ")]
                for said in question.answers:
                    words = set(said.split()) - {"the", "a"}
                    assert not all(words <= part for part in shown), question


def test_orders_are_asked_for_between_a_picture_and_its_edited_form() -> None:
    rng, album = np.random.default_rng(0), Album(16)
    first = 0
    for _ in range(40):
        scene = sample_varied_scene(rng, "train")
        edit = sample_edit(rng, scene, "train")
        if edit is None:
            continue
        asked, answer = order_document(rng, album, edit, CANONICAL).turns
        before, after = asked.images
        assert before is album.picture(edit.source, CANONICAL) and after is album.picture(edit.target)
        assert answer.text == edit.text and "second" in asked.text
        first += isinstance(asked.parts[0], Text)
    assert 1 <= first < 30
    assert all(len(d.turns[0].images) == 2 for d in sample_documents(rng, "train", 16, {"order": 1.0}))
    assert not any(len(d.turns[0].images) == 2 for _ in range(40) for d in sample_documents(rng, "train", 16))


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_single_kinds_of_edits_can_be_asked_for(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    edits: dict[str, str] = {}

    def noting(*arguments: object) -> Edit | None:
        edit = sample_edit(*arguments)  # type: ignore[arg-type]
        if edit is not None:
            edits[edit.text] = edit.kind
        return edit

    monkeypatch.setattr(tasks, "sample_edit", noting)
    rng = np.random.default_rng(5)
    documents = [d for _ in range(12) for d in sample_documents(rng, "train", 16, {f"edit_{kind}": 1.0})]
    assert documents
    for document in documents:
        asked, answer = document.turns
        assert edits[asked.text.strip()] == kind and len(asked.images) == len(answer.images) == 1


@pytest.mark.parametrize("category", REQUEST_CATEGORIES)
def test_single_categories_of_requests_can_be_asked_for(category: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[Request] = []

    def noting(*arguments: object) -> Request:
        requests.append(sample_request(*arguments))  # type: ignore[arg-type]
        return requests[-1]

    monkeypatch.setattr(tasks, "sample_request", noting)
    rng = np.random.default_rng(5)
    documents = [d for _ in range(6) for d in sample_documents(rng, "train", 16, {f"request_{category}": 1.0})]
    assert len(documents) == len(requests) > 12
    for document, request in zip(documents, requests, strict=True):
        assert request.category == category and document.turns[0].text == request.text
        assert request.spec.satisfied_by(request.scene) and len(document.turns[1].images) == 1
    assert len({id(document.turns[1].images[0]) for document in documents}) == len(documents)


def test_a_kind_of_edits_that_is_not_known() -> None:
    with pytest.raises(ValueError, match=r"'paint' is not one of .*joined"):
        sample_edit(np.random.default_rng(0), scene(("small", "red", "circle", 0.5, 0.5)), kind="paint")
