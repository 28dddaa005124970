"""The world's words: templates, requests, captions, references, and what training never says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from unitok.data.world import phrases
from unitok.data.world.album import Album
from unitok.data.world.caption_parser import parse_caption
from unitok.data.world.captions import STYLES, describe, list_objects, reading_order, sample_caption
from unitok.data.world.references import refer
from unitok.data.world.requests import phrase, request_for, sample_request
from unitok.data.world.scene import HELD_OUT_PAIRS, SHAPES, Object, Scene, is_held_out_relation
from unitok.data.world.spec import Group, SceneSpec
from unitok.data.world.spec_sampling import CATEGORIES, sample_varied_scene
from unitok.data.world.tasks import corpus, sample_documents
from unitok.data.world.templates import expand, slots_of
from unitok.evaluation.captions import names_exactly

COLOR = "|".join(sorted(phrases.COLOR_OF_WORD, key=len, reverse=True))
SHAPE = "|".join(sorted(phrases.SHAPE_OF_WORD, key=len, reverse=True))
SIZE = "|".join(phrases.SIZE_OF_WORD)
RELATION = "|".join(sorted(phrases.RELATION_OF_WORDS, key=len, reverse=True))
NOUN = rf"(?:(?:{SIZE}),? )?(?:(?:{COLOR})(?:[- ]colored)? )?(?:(?:{SIZE}) )?({SHAPE})\b"
PAIR = re.compile(rf"\b({COLOR})(?:[- ]colored)?,? (?:(?:{SIZE}) )?({SHAPE})\b")
PAIR_BEHIND = re.compile(
    rf"\b({SHAPE})(?: (?:is|are|be|that is|that are|which is|which are|colored|in|painted|of|in the color"
    rf"|to|from|to be|should be))? ({COLOR})\b"
    rf"(?! (?:{SHAPE}|background|backdrop|canvas|one|shape|object|thing))"
)
STATED = re.compile(
    rf"({SHAPE})(?: (?:is|are|that is|which is|placed|positioned|located|sitting|directly|just|lies|sits))* "
    rf"(?:{RELATION}) (?:a|an|the|one|1|a single) {NOUN}"
)


MANY_OF_ONE = re.compile(rf"\b(?:two|three|four|five|six|[2-6]) (?:\w+ )?(?:{'|'.join(SHAPES)})\b(?! (?:shape|sign))")


def test_templates_read_every_alternative() -> None:
    rng = np.random.default_rng(0)
    seen = {expand(rng, "(a|b(c|))  {x}", x="!") for _ in range(200)}
    assert seen == {"a !", "bc !", "b !"}
    assert slots_of("({a}|b {c})") == {"a", "c"}


@pytest.mark.parametrize("template", ["(a|b", "a)", "a|b"])
def test_unbalanced_templates_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template"):
        expand(np.random.default_rng(0), template)


def test_plurals_and_articles() -> None:
    assert [phrases.plural(s) for s in ("cross", "star", "box", "disc")] == [
        "crosses",
        "stars",
        "boxes",
        "discs",
    ]
    assert phrases.article("orange ring") == "an orange ring"
    assert phrases.article("huge ring") == "a huge ring"


def texts(n: int, split: str = "train") -> Iterator[str]:
    return corpus(np.random.default_rng(7), n, split)


def test_sentences_are_well_formed() -> None:
    for text in texts(6000):
        assert text == " ".join(text.split()), text
        lower = text.lower()
        assert not re.search(r"\ba (?:orange|aqua|image|illustration|object)", lower), text
        assert not re.search(
            rf"\ban (?!orange|aqua|image|illustration|object|identical)({COLOR}|{SIZE}|{SHAPE})", lower
        )
        assert not MANY_OF_ONE.search(lower), text
        assert not re.search(r"\banda\b|[;,][^ ]", lower), text
        assert not re.search(r"\{|\}|\||=|\(|\)| ,| \.| \?|\.\.|\?\.|, ,", text), text


def held_out_pairs_in(text: str) -> list[tuple[str, str]]:
    pairs = [(phrases.COLOR_OF_WORD[c], phrases.SHAPE_OF_WORD[s]) for c, s in PAIR.findall(text)]
    pairs += [(phrases.COLOR_OF_WORD[c], phrases.SHAPE_OF_WORD[s]) for s, c in PAIR_BEHIND.findall(text)]
    return [pair for pair in pairs if pair in HELD_OUT_PAIRS]


def held_out_relations_in(text: str) -> list[str]:
    found = []
    for match in STATED.finditer(text):
        relation = re.search(rf"\b(?:{RELATION})\b(?= (?:a|an|the|one|1|a single) )", match.group(0))
        assert relation is not None
        a, b = phrases.SHAPE_OF_WORD[match.group(1)], phrases.SHAPE_OF_WORD[match.group(2)]
        if is_held_out_relation(a, phrases.RELATION_OF_WORDS[relation.group(0)], b):
            found.append(match.group(0))
    return found


def test_the_scan_finds_what_is_held_out() -> None:
    assert held_out_pairs_in("a small red star and a violet box") == [("red", "star"), ("purple", "square")]
    assert held_out_pairs_in("make the star red") and held_out_pairs_in("a heart that is blue")
    assert held_out_relations_in("a red circle to the left of a star")
    assert held_out_relations_in("is the star right of the big circle?")
    assert not held_out_relations_in("a circle above a star")


def test_training_never_says_what_is_held_out() -> None:
    statements = 0
    for text in texts(12000):
        assert not held_out_pairs_in(text.lower()), text
        assert not held_out_relations_in(text.lower()), text
        statements += len(STATED.findall(text.lower()))
    assert statements > 300


def test_training_never_shows_a_held_out_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Scene] = []
    draw = Album.picture

    def remember(self: Album, scene: Scene, *style: object) -> object:
        shown.append(scene)
        return draw(self, scene, *style)  # type: ignore[arg-type]

    monkeypatch.setattr(Album, "picture", remember)
    rng = np.random.default_rng(1)
    for _ in range(500):
        sample_documents(rng, size=8)
    assert len(shown) > 1000
    assert not [o for scene in shown for o in scene.objects if (o.color, o.shape) in HELD_OUT_PAIRS]


@pytest.mark.parametrize("category", CATEGORIES)
def test_requests_ask_for_what_their_scene_shows(category: str) -> None:
    rng = np.random.default_rng(2)
    seen = Counter()
    for split in ("train", "heldout"):
        for _ in range(150):
            request = sample_request(rng, category, split)
            assert request.spec.satisfied_by(request.scene), request
            assert request.spec.held_out() == (split == "heldout")
            assert sum(g.count for g in request.spec.groups) == len(request.scene.objects) <= 6
            seen[request.text.lower().strip(".?")] += 1
    assert len(seen) > 200


def test_request_words_name_the_spec() -> None:
    """An independent reading of the words gives the objects of the spec."""
    rng = np.random.default_rng(3)
    checked = 0
    for _ in range(1500):
        request = sample_request(rng)
        lower = request.text.lower()
        if len(re.findall(rf"\b(?:{SHAPE})\b(?! (?:shape|sign))", lower)) > len(request.spec.groups):
            continue  # names an object twice, such as the circle that is above
        read = parse_caption(lower.replace("background:", "background"))
        asked: Counter[tuple[str | None, str | None, str]] = Counter()
        for group in request.spec.groups:
            if group.shape is not None:
                asked[group.size, group.color, group.shape] += group.count
        if None in {group.shape for group in request.spec.groups}:
            continue
        assert read.objects == asked, (request.text, read)
        assert read.background in (None, request.spec.background)
        checked += 1
    assert checked > 1000


def test_one_spec_has_hundreds_of_wordings() -> None:
    rng = np.random.default_rng(4)
    spec = SceneSpec(
        (Group(1, "small", "red", "circle"), Group(1, "large", "blue", "square")), ((0, "above", 1),), "white"
    )
    wordings = Counter(phrase(rng, spec) for _ in range(1000))
    assert len(wordings) > 600
    plain = "a small red circle above a large blue square on a white background"
    assert any(text.lower().rstrip(".") == plain for text in wordings)


def scene(*objects: tuple[str, str, str, float, float], background: str = "white") -> Scene:
    return Scene(background, tuple(Object(shape, color, size, x, y) for size, color, shape, x, y in objects))


def test_specs_are_strict() -> None:
    pair = scene(("small", "red", "circle", 0.2, 0.2), ("large", "blue", "square", 0.6, 0.7))
    circle, square = Group(color="red", shape="circle"), Group(shape="square")
    assert SceneSpec((circle, square)).satisfied_by(pair)
    assert SceneSpec((square, circle), ((1, "above", 0),)).satisfied_by(pair)
    assert not SceneSpec((square, circle), ((1, "below", 0),)).satisfied_by(pair)
    assert not SceneSpec((circle,)).satisfied_by(pair), "something else is in the picture"
    assert not SceneSpec((circle, Group(2, shape="square"))).satisfied_by(pair)
    assert not SceneSpec((Group(color="blue", shape="circle"), square)).satisfied_by(pair)
    assert not SceneSpec((circle, square), background="black").satisfied_by(pair)
    assert SceneSpec((Group(color="red", row="top", column="left"), square)).satisfied_by(pair)
    assert not SceneSpec((Group(color="red", row="top", column="right"), square)).satisfied_by(pair)
    # The general group must not take the only object that the special one could have.
    twins = scene(("small", "red", "star", 0.2, 0.2), ("small", "red", "star", 0.8, 0.8))
    assert SceneSpec((Group(shape="star"), Group(shape="star", row="top"))).satisfied_by(twins)


def test_captions_name_exactly_the_objects() -> None:
    rng = np.random.default_rng(5)
    for _ in range(400):
        shown = sample_varied_scene(rng)
        caption = sample_caption(rng, shown)
        read = parse_caption(caption.text)
        assert names_exactly(caption.text, shown), caption
        assert caption.style == "list" or read.background == shown.background, caption
        fewer = Scene(shown.background, shown.objects[1:])
        assert not names_exactly(caption.text, fewer)
    assert {sample_caption(rng, shown, style).style for style in STYLES} >= {"describe", "list"}


def test_caption_order_and_numbers() -> None:
    shown = scene(
        ("small", "red", "cross", 0.8, 0.25),
        ("large", "blue", "star", 0.25, 0.7),
        ("small", "red", "cross", 0.2, 0.15),
    )
    assert [o.x for o in reading_order(shown)] == [0.2, 0.8, 0.25]
    assert describe(shown) == "two small red crosses and a large blue star on a white background"
    assert list_objects(shown) == "small red cross, small red cross, large blue star"


def test_parser_reads_other_wordings() -> None:
    read = parse_caption(
        "There are 2 tiny grey discs, a big violet box and one plus sign against a plain black backdrop."
    )
    assert read.background == "black"
    assert read.objects == {
        ("small", "gray", "circle"): 2,
        ("large", "purple", "square"): 1,
        (None, None, "cross"): 1,
    }
    assert parse_caption("").objects == {}
    assert parse_caption("the background is pink").background == "pink"


def test_references_mean_one_object() -> None:
    """Every reference by attributes, read independently, fits just one object."""
    rng = np.random.default_rng(6)
    read = 0
    for _ in range(800):
        shown = sample_varied_scene(rng)
        obj = shown.objects[int(rng.integers(len(shown.objects)))]
        words = refer(rng, shown, obj, places=False)
        if words is None or words == "it":
            continue
        parsed = re.fullmatch(
            rf"the (?:({SIZE}),? )?(?:({COLOR})(?:[- ]colored)? )?({SHAPE}|one|shape|object|thing)", words
        )
        if parsed is None:
            continue
        size, color, shape = parsed.groups()
        names = {
            "size": phrases.SIZE_OF_WORD.get(size or ""),
            "color": phrases.COLOR_OF_WORD.get(color or ""),
        }
        names["shape"] = phrases.SHAPE_OF_WORD.get(shape)
        assert shown.find(**{k: v for k, v in names.items() if v}) == [obj], (words, shown)
        read += 1
    assert read > 400


def test_references_never_say_what_is_hidden() -> None:
    rng = np.random.default_rng(8)
    for _ in range(400):
        shown = sample_varied_scene(rng)
        obj = shown.objects[0]
        assert not re.search(rf"\b(?:{COLOR})\b", refer(rng, shown, obj, hide=("color",)) or "")
        words = refer(rng, shown, obj, hide=("shape",)) or ""
        assert not re.search(rf"\b(?:{SHAPE})\b", words), words


def test_request_for_names_all_objects_of_a_scene() -> None:
    rng = np.random.default_rng(9)
    for split in ("train", "heldout"):
        for _ in range(200):
            shown = sample_varied_scene(rng, split)
            request = request_for(rng, shown, split)
            assert request.spec.satisfied_by(shown)
            if split == "heldout":
                assert request.spec.held_out()


def test_unknown_names_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="category 'colour'"):
        sample_request(rng, "colour")
    with pytest.raises(ValueError, match="style 'long'"):
        sample_caption(rng, sample_varied_scene(rng), "long")
