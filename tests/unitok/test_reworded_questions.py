"""The content of questions in other words: right answers, one meaning, many wordings."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from unitok.data.world.question import Question
from unitok.data.world.questions import sample_questions
from unitok.data.world.reworded.questions import FORMS, FURTHER, further_question, reworded_question
from unitok.data.world.scene import (
    COLORS,
    HELD_OUT_PAIRS,
    SHAPES,
    Object,
    Scene,
    is_held_out_relation,
    sample_scene,
)

_SCENES = 900
_PLAIN_DRAWS = "0ef12862bb7720d7fa79341db63deb1f360ae78d64a1ff5ae42582145953edc8"
"""What the templates drew before questions had other words."""

_YES_NO = {
    "side",
    "relation",
    "existence",
    "exact count",
    "larger",
    "same",
    "more",
    "is background",
    "is color",
    "is shape",
    "is size",
    "is at place",
    "is anything there",
    "is shape there",
    "quantity",
    "equal",
    "all are",
    "any two",
    "is empty",
    "both kinds",
}


@cache
def _reworded() -> tuple[tuple[Scene, Question, Question], ...]:
    """Scenes with a template's question and the same in other words."""
    found: list[tuple[Scene, Question, Question]] = []
    for seed in range(_SCENES):
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng)
        for question in sample_questions(rng, scene, 6):
            found += [(scene, question, reworded_question(rng, scene, question)) for _ in range(2)]
    return tuple(found)


@cache
def _further() -> tuple[tuple[Scene, Question], ...]:
    found: list[tuple[Scene, Question]] = []
    for seed in range(_SCENES):
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng)
        for _, ask in FURTHER.values():
            for _ in range(2):
                question = ask(rng, scene, "train")
                if question is not None:
                    found.append((scene, question))
    return tuple(found)


def test_most_scenes_allow_a_further_question() -> None:
    found = Counter()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        question = further_question(rng, sample_scene(rng))
        found[question.form if question else ""] += 1
    assert found[""] < 60 and len(found) > 15


def _all() -> Iterator[tuple[Scene, Question]]:
    yield from ((scene, other) for scene, question, other in _reworded() if other is not question)
    yield from _further()


def test_templates_draw_what_they_drew() -> None:
    digest = hashlib.sha256()
    for seed in range(200):
        for split in ("train", "heldout"):
            rng = np.random.default_rng(seed)
            scene = sample_scene(rng, split=split)
            for q in sample_questions(rng, scene, 8, split=split):
                digest.update(repr((q.text, q.answers, q.category, q.subject)).encode())
            digest.update(repr(rng.random()).encode())
    assert digest.hexdigest() == _PLAIN_DRAWS


def test_every_template_has_a_form_that_can_be_reworded() -> None:
    forms = Counter(question.form for _, question, _ in _reworded())
    assert set(forms) == set(FORMS)
    changed = Counter(question.form for _, question, other in _reworded() if question.text != other.text)
    assert all(changed[form] > 0.8 * forms[form] for form in forms)


def test_texts_are_whole() -> None:
    for _, question in _all():
        assert not re.search(r"[{}|()]|  |\b(\w+) \1 \1\b", question.text.replace(":)", "")), question.text
        assert question.text == question.text.strip()
        assert question.answers and all(answer == answer.strip() and answer for answer in question.answers)


def test_there_are_many_wordings() -> None:
    frames: dict[str, set[str]] = defaultdict(set)
    texts: Counter[str] = Counter()
    names = re.compile("|".join((*COLORS, *SHAPES, "large", "small", "big", "grey")))
    for _, question in _all():
        frames[question.form].add(names.sub("#", question.text.lower().rstrip(".?! ")))
        texts[question.form] += 1
    for form, number in texts.items():
        assert len(frames[form]) > min(100, 0.6 * number), form


def test_yes_is_as_frequent_as_no() -> None:
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for _, question in _all():
        if question.answers[0] in ("yes", "no"):
            answers[question.form][question.answers[0]] += 1
    assert set(answers) == _YES_NO
    for form, counts in answers.items():
        assert 0.4 <= counts["yes"] / counts.total() <= 0.6, (form, counts)


def test_what_is_asked_is_not_said() -> None:
    for _, question in _all():
        if question.form in ("color", "shape") and len(question.about) == 1:
            words = re.findall("[a-z]+", question.text.lower().replace("what color", ""))
            assert question.answers[0] not in words[:-1] or question.answers[0] == "square", question.text


def test_which_of_two_is_answered_in_the_words_of_the_question() -> None:
    for _, question in _all():
        if question.form in ("which is larger", "which is further"):
            winner, loser = question.about
            assert winner.kind != loser.kind
            if question.form == "which is larger":
                assert winner.size == ("small" if question.said["word"] == "smaller" else "large") != loser.size
            assert question.answers[0].startswith("the ")
        if question.form == "which are more":
            assert question.said["word"] in ("more", "fewer")


def test_training_says_no_held_out_pair_or_relation() -> None:
    pairs = re.compile(" | ".join(f"{color} {shape}" for color, shape in sorted(HELD_OUT_PAIRS)))
    for _, question in _all():
        assert not pairs.search(f" {question.text.lower()} "), question.text
        relation = question.said.get("relation")
        if relation and len(question.about) == 2:
            assert not is_held_out_relation(question.about[0].shape, relation, question.about[1].shape)
        if relation and "shape" in question.said:
            assert not is_held_out_relation(question.said["shape"], relation, question.about[0].shape)


def _offset(o: Object, anchor: Object, relation: str) -> float:
    return {
        "left of": anchor.x - o.x,
        "right of": o.x - anchor.x,
        "above": anchor.y - o.y,
        "below": o.y - anchor.y,
    }[relation]


def _there(scene: Scene, question: Question) -> list[Object]:
    anchor = question.about[-1]
    return [o for o in scene.objects if o is not anchor and _offset(o, anchor, question.said["relation"]) > 0.05]


def _number_fits(question: Question, number: int) -> bool:
    n = int(question.said["number"])
    return {
        "at least": number in range(n, 9),
        "at most": number in range(n + 1),
        "more than": number in range(n + 1, 9),
        "fewer than": number in range(n),
        "only": number == n,
        "exactly": number == n,
    }[question.said["phrase"]]


def _names(question: Question) -> dict[str, str]:
    return {name: question.said[name] for name in ("size", "color", "shape") if name in question.said}


def _said_of_all(scene: Scene, said: dict[str, str]) -> bool:
    members = [o for o in scene.objects if not said["group"] or getattr(o, said["group"]) == said["value"]]
    return all(getattr(o, said["attribute"]) == said["said"] for o in members)


_TRUTHS = {
    "is color": lambda s, q: q.about[0].color == q.said["color"],
    "is shape": lambda s, q: q.about[0].shape == q.said["shape"],
    "is size": lambda s, q: q.about[0].size == q.said["size"],
    "is at place": lambda s, q: _place(q.about[0]) == q.said["place"],
    "is anything there": lambda s, q: bool(_there(s, q)),
    "is shape there": lambda s, q: any(o.shape == q.said["shape"] for o in _there(s, q)),
    "quantity": lambda s, q: _number_fits(q, s.count(**_names(q))),
    "equal": lambda s, q: len({s.count(**{q.said["attribute"]: q.said[k]}) for k in ("first", "second")}) == 1,
    "all are": lambda s, q: _said_of_all(s, q.said),
    "any two": lambda s, q: (
        (len({getattr(o, q.said["attribute"]) for o in s.objects}) == len(s.objects))
        == (q.said["asked"] == "different")
    ),
    "is empty": lambda s, q: any(_place(o) == q.said["place"] for o in s.objects) == (q.said["asked"] == "occupied"),
    "both kinds": lambda s, q: all(s.count(shape=q.said[k]) for k in ("first", "second")),
}


def _place(o: Object) -> str:
    row = "top" if o.y < 0.344 else "bottom" if o.y > 0.656 else ""
    column = "left" if o.x < 0.344 else "right" if o.x > 0.656 else ""
    return f"{row} {column}".strip() or "center"


def _in_half(scene: Scene, side: str) -> list[Object]:
    inside = {
        "left": lambda o: o.x < 0.5,
        "right": lambda o: o.x > 0.5,
        "top": lambda o: o.y < 0.5,
        "bottom": lambda o: o.y > 0.5,
    }[side]
    return [o for o in scene.objects if inside(o)]


@pytest.mark.parametrize("form", sorted(_TRUTHS))
def test_truths_are_those_of_the_scene(form: str) -> None:
    for scene, question in _further():
        if question.form == form:
            assert question.answers == (("yes",) if _TRUTHS[form](scene, question) else ("no",)), question


def test_other_answers_are_those_of_the_scene() -> None:
    numbers = ("zero", "one", "two", "three", "four", "five", "six")
    for scene, question in _further():
        said, first = question.said, question.answers[0]
        if question.form == "count there":
            there = [o for o in _there(scene, question) if o.shape == said.get("shape", o.shape)]
            assert first == numbers[len(there)]
        elif question.form == "count in half":
            assert first == numbers[len(_in_half(scene, said["side"]))]
        elif question.form == "what is in half":
            (obj,) = _in_half(scene, said["side"])
            assert first == getattr(obj, said["asked"])
        elif question.form == "size there":
            (obj,) = _there(scene, question)
            assert first == obj.size
        elif question.form == "which is further":
            winner, loser = question.about
            assert _offset(winner, loser, said["relation"]) > 0.1
        elif question.form == "biggest":
            (obj,) = (o for o in scene.objects if o.size == said["size"])
            assert first == getattr(obj, said["asked"])
        elif question.form == "how many values":
            assert first == numbers[len({getattr(o, said["attribute"]) for o in scene.objects})]
        elif question.form == "commonest":
            counts = Counter(getattr(o, said["attribute"]) for o in scene.objects).most_common()
            assert first == counts[0][0] and counts[0][1] > counts[1][1] == 1


def test_relations_are_answered_by_the_word_for_them() -> None:
    plain = {"left", "right", "above", "below"}
    others = {"over", "under", "higher", "lower", "up", "down"}
    for _, question, other in _reworded():
        if question.form == "relation choice" and other is not question:
            first = other.answers[0]
            assert first in plain | others
            above = question.said["relation"] in ("above", "left of")
            assert (first in ("left", "above", "over", "higher", "up")) == above
