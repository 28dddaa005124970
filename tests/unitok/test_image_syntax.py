"""The ways in which images are written: writing, reading, generating, streaming."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedModel

from unitok.document import Document, Image
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.grammar import Grammar, Request
from unitok.image_syntax import image_syntax
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.spans import parse_turn
from unitok.stream import ImageFinished, ImageRow
from unitok.syntax import (
    FixedImages,
    ImageSettings,
    MeasuredImages,
    RoleTurns,
    SeparatedTurns,
    SizedImages,
    SpelledImages,
    SpokenTurns,
    TurnSettings,
    to_json,
)
from unitok.vocabulary import CONTROL_TOKENS, Codebooks, Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

GRID = 5


KINDS: dict[str, ImageSettings] = {
    "sized": SizedImages(),
    "numbered": SizedImages(numbered_rows=True),
    "fixed": FixedImages(3, 2),
    "measured": MeasuredImages((43, 44), unit=2, row_end=41, height=2, width=4),
    "spelled": SpelledImages(tuple(range(3, 13)), times=14, begin=40, row_end=41, end=42, height=2, width=4),
}
TURNS: dict[str, TurnSettings] = {
    "roles": RoleTurns(),
    "separated": SeparatedTurns(),
    "spoken": SpokenTurns("Hello. ", "USER: ", "ASSISTANT: ", " "),
}


def vocabulary(count: int, kind: str = "numbered", turns: str = "roles") -> Vocabulary:
    """20 ids of text, the control tokens up to 30, marks, sizes, codes."""
    control = {name: 20 + number for number, name in enumerate(CONTROL_TOKENS)}
    sizes = range(50, 50 + GRID) if kind in ("sized", "numbered") else ()
    spec = CodebookSpec("image", 7, count, downsample=4)
    codes = Codebooks(spec, tuple(range(60 + 7 * k, 67 + 7 * k) for k in range(count)))
    return Vocabulary.from_blocks(range(20), control, sizes, [codes], None, KINDS[kind], TURNS[turns])


def grid_of(kind: str, height: int, width: int) -> tuple[int, int]:
    if kind == "measured":
        return 2 + 2 * (height > 3), 2 + 2 * (width > 3)
    return (3, 2) if kind == "fixed" else (height, width)


kinds = st.sampled_from(sorted(KINDS))


@given(st.integers(1, GRID), st.integers(1, GRID), st.integers(1, 3), kinds, st.integers(0, 99))
def test_what_is_written_is_read(height: int, width: int, count: int, kind: str, seed: int) -> None:
    height, width = grid_of(kind, height, width)
    syntax = image_syntax(vocabulary(count, kind))
    codes = torch.randint(7, (count, height, width), generator=torch.Generator().manual_seed(seed))
    ids = syntax.write(codes)
    assert len(ids) == syntax.length(height, width)
    behind = torch.tensor([1, 2, 3])
    read, length = syntax.read(torch.cat([ids, behind]))
    assert length == len(ids) and torch.equal(read, codes)
    head = len(syntax.head(height, width))
    rows = ids[head : len(ids) - len(syntax.tail)]
    last = rows.view(height, -1)[-1]
    assert len(last) == syntax.row_length(width)
    assert torch.equal(syntax.read_rows(last, width, first=height), codes[:, -1:])
    assert syntax.read_head(ids[: head - 1].tolist()) is None and syntax.read_head(ids[:head].tolist()) == (
        height,
        width,
    )
    for cut in range(len(ids)):
        with pytest.raises(InputError, match="cut off"):
            syntax.read(ids[:cut])


@given(kinds, st.integers(0, 200), st.integers(0, 80))
def test_what_is_no_image_is_refused_or_another_image(kind: str, place: int, token_id: int) -> None:
    """One id of an image is changed: it is no image any more, or one that is written in just that way."""
    v = vocabulary(1, kind)
    syntax = image_syntax(v)
    ids = syntax.write(torch.zeros(1, *grid_of(kind, 3, 2), dtype=torch.int64))
    ids[place % len(ids)] = token_id % v.size
    try:
        codes, length = syntax.read(ids)
    except InputError:
        return
    assert torch.equal(syntax.write(codes), ids[:length])


@pytest.mark.parametrize("grid", ["0*3", "03*3", "3", "3*3*3", "*3", "3*", "600*1", "*"])
def test_grids_that_are_misspelled_are_refused(grid: str) -> None:
    v = vocabulary(1, "spelled")
    spelled = [14 if letter == "*" else 3 + int(letter) for letter in grid]
    with pytest.raises(InputError, match="states the grid"):
        image_syntax(v).read_head([v.boi, *spelled, 40])


def test_a_row_that_begins_with_another_number_is_refused() -> None:
    v = vocabulary(1)
    ids = image_syntax(v).write(torch.zeros(1, 2, 3, dtype=torch.int64))
    ids[7] = v.size_id(3)
    with pytest.raises(InputError, match="row 2"):
        image_syntax(v).read(ids)


def test_other_grids_than_the_fixed_one_are_refused() -> None:
    with pytest.raises(InputError, match="code grid of 3x2, not 2x2"):
        image_syntax(vocabulary(1, "fixed")).write(torch.zeros(1, 2, 2, dtype=torch.int64))
    for grid in ((3, 2), (2, 6), (0, 2)):
        with pytest.raises(InputError, match="multiples of 2 up to 4"):
            image_syntax(vocabulary(1, "measured")).head(*grid)


def test_the_manifest_keeps_it() -> None:
    seen = []
    for kind in KINDS:
        for turns in TURNS:
            v = vocabulary(2, kind, turns)
            again = Vocabulary.from_dict(json.loads(json.dumps(v.to_dict())))
            assert again == v and (again.images, again.turns) == (KINDS[kind], TURNS[turns])
            assert again not in seen
            seen.append(again)
    assert not {"images", "turns"} & set(vocabulary(2, "sized").to_dict())  # as manifests were before


SPELLED = to_json(KINDS["spelled"])


def test_the_manifest_of_before_is_read() -> None:
    """`numbered_rows` stood by itself until there were other ways."""
    manifest = {**vocabulary(1, "sized").to_dict(), "numbered_rows": True}
    assert Vocabulary.from_dict(manifest) == vocabulary(1, "numbered")


@pytest.mark.parametrize(
    "images",
    [
        {"name": "drawn"},
        {"name": "roles"},
        {"name": "sized", "numbered_rows": 1},
        {"name": "fixed", "height": 3},
        {"name": "fixed", "height": -3, "width": 2},
        {"name": "fixed", "height": 0, "width": 2},
        {"name": "measured", "sizes": [43], "unit": 0, "row_end": 41, "height": 2, "width": 2},
        {"name": "measured", "sizes": [41], "unit": 2, "row_end": 41, "height": 2, "width": 2},
        SPELLED | {"times": 10**9},
        SPELLED | {"times": 3},
        SPELLED | {"times": 40},
        SPELLED | {"digits": [3, 4]},
        {"name": "sized", "other": True},
        {"name": ["sized"]},
        "sized",
        None,
    ],
)
def test_a_syntax_that_is_unknown_is_refused(images: object) -> None:
    with pytest.raises(InputError):
        Vocabulary.from_dict({**vocabulary(1).to_dict(), "images": images})


@pytest.mark.parametrize("turns", sorted(TURNS))
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("count", [1, 2])
def test_everything_that_the_grammar_allows_is_read(count: int, kind: str, turns: str) -> None:
    """Random walks through the grammar, with any room and bounds."""
    v, generator = vocabulary(count, kind, turns), torch.Generator().manual_seed(count)
    smallest = grid_of(kind, 1, 1)
    length = image_syntax(v).length(*smallest)
    grammar = Grammar(v)
    for round_ in range(6):
        least = (length if kind not in ("spelled", "measured") else image_syntax(v).length(2, 4)) + 1
        requests = [
            Request(
                ("image", "auto", "text")[row % 3],
                max_tokens=least + (row * 7 + round_) % 40,
                max_grid_tokens=None if row % 4 else count * (8 + row % 9),
                grid=smallest if row % 5 == 0 else None,
            )
            for row in range(16)
        ]
        state = grammar.start(requests)
        tokens = []
        while not bool(grammar.done(state).all()):
            chances = torch.rand(16, v.size, generator=generator) * grammar.allowed(state)
            chances[:, v.boi] *= 3
            tokens.append(chances.argmax(1))
            state = grammar.advance(state, tokens[-1])
        for ids, request in zip(torch.stack(tokens, 1), requests, strict=True):
            spans = parse_turn(v, ids)
            assert int((ids != v.pad).sum()) <= request.max_tokens
            images = [span.codes for span in spans if span.codes is not None]
            if request.modality == "image":
                assert len(images) == 1
            for codes in images:
                assert request.max_grid_tokens is None or codes.numel() <= request.max_grid_tokens
                assert request.grid is None or tuple(codes.shape[1:]) == request.grid


@pytest.fixture
def model(tiny_processor: Processor, make_decoder: Callable[..., PreTrainedModel]) -> UniTok:
    codec, text = tiny_processor.image_tokenizer, tiny_processor.text_tokenizer
    assert codec is not None
    v = Vocabulary(text.vocab_size, [codec.spec], max_grid=8, images=SizedImages(numbered_rows=True))
    return UniTok(Processor(text, v, codec, tiny_processor.image_detokenizer, image_size=16), make_decoder(v.size))


def test_a_model_draws_and_streams_them(model: UniTok) -> None:
    asked = Document.user("draw two green stars")
    sampling = Sampling(SamplingParams(), SamplingParams(), guidance_scale=2.0, max_tokens=60)
    (answer,) = model.generate(asked, "image", sampling, seed=3)
    (image,) = answer.turns[-1].images
    assert image.codes is not None and image.image is not None and image.image.size == (16, 16)
    events = list(model.stream(asked, "image", sampling, seed=3))
    rows = [event.codes for event in events if isinstance(event, ImageRow)]
    assert torch.equal(torch.stack(rows, dim=1), image.codes)
    assert [torch.equal(e.image.codes, image.codes) for e in events if isinstance(e, ImageFinished)] == [True]  # type: ignore[arg-type]
    ids = model.processor.encode(answer)
    assert model.processor.parse(ids).turns[-1].images[0].codes.tolist() == image.codes.tolist()  # type: ignore[union-attr]
    assert int(model.processor.targets(ids).sum()) == len(model.processor.image_span(image.codes)) + 1
    assert len(model.processor.image_span(torch.zeros(1, 4, 4, dtype=torch.int64))) == 4 * 5 + 4


def test_documents_hold_images_of_any_grid(model: UniTok) -> None:
    codes = torch.randint(16, (1, 3, 7), generator=torch.Generator().manual_seed(0))
    ids = model.processor.encode(Document.user(Image(codes=codes), "what is it?"))
    found = model.processor.parse(ids).turns[0].images[0].codes
    assert found is not None and torch.equal(found, codes)
