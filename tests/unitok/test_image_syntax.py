"""Images whose rows begin with their numbers: writing, reading, generating, streaming."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedModel

from unitok.document import Document, Image
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.grammar import Grammar, Request
from unitok.image_syntax import ImageSyntax
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.spans import parse_turn
from unitok.stream import ImageFinished, ImageRow
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

GRID = 5


def vocabulary(count: int, numbered_rows: bool = True) -> Vocabulary:
    return Vocabulary(20, [CodebookSpec("image", 7, count, downsample=4)], GRID, numbered_rows)


@given(st.integers(1, GRID), st.integers(1, GRID), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_what_is_written_is_read(height: int, width: int, count: int, numbered: bool, seed: int) -> None:
    syntax = ImageSyntax(vocabulary(count, numbered))
    codes = torch.randint(7, (count, height, width), generator=torch.Generator().manual_seed(seed))
    ids = syntax.write(codes)
    assert len(ids) == syntax.length(height, width) == height * (width * count + numbered)
    assert torch.equal(syntax.read(ids, height, width), codes)
    last = ids.view(height, -1)[-1]
    assert torch.equal(syntax.read(last, 1, width, first=height), codes[:, -1:])


def test_a_row_that_begins_with_another_number_is_refused() -> None:
    v = vocabulary(1)
    ids = ImageSyntax(v).write(torch.zeros(1, 2, 3, dtype=torch.int64))
    ids[4] = v.size_id(3)
    with pytest.raises(InputError, match="row 2"):
        ImageSyntax(v).read(ids, 2, 3)


def test_the_manifest_keeps_it() -> None:
    for numbered in (False, True):
        again = Vocabulary.from_dict(vocabulary(2, numbered).to_dict())
        assert again.numbered_rows == numbered and again == vocabulary(2, numbered)
    assert vocabulary(2) != vocabulary(2, False)
    assert "numbered_rows" not in vocabulary(2, False).to_dict()  # as manifests were before


@pytest.mark.parametrize("count", [1, 2])
def test_everything_that_the_grammar_allows_is_read(count: int) -> None:
    """Random walks through the grammar, with any room and bounds."""
    v, generator = vocabulary(count), torch.Generator().manual_seed(count)
    grammar = Grammar(v)
    for round_ in range(12):
        least = count + 6 + 1
        requests = [
            Request(
                ("image", "auto", "text")[row % 3],
                max_tokens=least + (row * 7 + round_) % 40,
                max_grid_tokens=None if row % 4 else count * (1 + row % 9),
                grid=(1, 1) if row % 5 == 0 else None,
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
    v = Vocabulary(text.vocab_size, [codec.spec], max_grid=8, numbered_rows=True)
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
