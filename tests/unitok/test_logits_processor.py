"""The grammar inside ``generate`` of ``transformers``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from unitok.document import Document
from unitok.engine.logits_processor import GrammarLogitsProcessor
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.grammar import Request
from unitok.model import UniTok
from unitok_tokenizers.errors import InputError

GREEDY = Sampling(SamplingParams(temperature=0), SamplingParams(temperature=0), max_tokens=40)


@pytest.fixture
def decoder(tiny_model: UniTok, tmp_path: Path):
    """The checkpoint's ``decoder/`` as plain ``transformers`` reads it."""
    tiny_model.save_pretrained(tmp_path / "model")
    return AutoModelForCausalLM.from_pretrained(tmp_path / "model" / "decoder").eval()


def prompt(model: UniTok, text: str) -> torch.Tensor:
    return model.processor.encode(Document.user(text), generation_prompt=True)[None]


def test_the_decoder_has_the_same_logits_in_transformers(tiny_model: UniTok, decoder) -> None:
    ids = prompt(tiny_model, "draw two green stars")
    with torch.no_grad():
        torch.testing.assert_close(decoder(ids).logits, tiny_model.decoder(ids).logits)


@pytest.mark.parametrize("modality", ["text", "image", "auto"])
def test_greedy_answers_equal_the_engines(tiny_model: UniTok, decoder, modality) -> None:
    document = Document.user("draw two green stars")
    ids = prompt(tiny_model, "draw two green stars")
    request = Request(modality, max_tokens=40, grid=tiny_model.processor.grid)
    processor = GrammarLogitsProcessor(tiny_model.grammar, [request])
    pad = tiny_model.processor.vocabulary.pad
    end = tiny_model.processor.vocabulary.eot
    output = decoder.generate(
        ids, logits_processor=[processor], max_new_tokens=40, do_sample=False, pad_token_id=pad, eos_token_id=end
    )
    answer = tiny_model.processor.parse_turn(output[0, ids.shape[1] :])
    expected = tiny_model.generate(document, modality, GREEDY)[0].turns[-1]
    assert answer.text == expected.text
    assert [str(one.codes) for one in answer.images] == [str(one.codes) for one in expected.images]


def test_sampled_answers_of_rows_with_different_requests_parse_and_decode(tiny_model: UniTok, decoder) -> None:
    torch.manual_seed(0)
    ids = prompt(tiny_model, "draw two green stars").expand(12, -1)
    grid = tiny_model.processor.grid
    requests = [Request(("text", "image", "auto")[row % 3], max_tokens=30 + row, grid=grid) for row in range(12)]
    vocabulary = tiny_model.processor.vocabulary
    output = decoder.generate(
        ids,
        logits_processor=[GrammarLogitsProcessor(tiny_model.grammar, requests)],
        max_new_tokens=42,
        do_sample=True,
        temperature=5.0,
        top_k=0,
        pad_token_id=vocabulary.pad,
        eos_token_id=vocabulary.eot,
    )
    for row, request in zip(output[:, ids.shape[1] :], requests, strict=True):
        turn = tiny_model.processor.decode_turn(row)
        assert int((row != vocabulary.pad).sum()) <= request.max_tokens
        if request.modality == "image":
            assert [image.image.size for image in turn.images if image.image] == [(16, 16)]
        if request.modality == "text":
            assert not turn.images


def test_what_it_cannot_serve_is_named(tiny_model: UniTok) -> None:
    scores = torch.zeros(1, tiny_model.processor.vocabulary.size)
    with pytest.raises(InputError, match="2 requests, but 1 row"):
        GrammarLogitsProcessor(tiny_model.grammar, [Request(), Request()])(torch.ones(1, 3).long(), scores)
    used = GrammarLogitsProcessor(tiny_model.grammar, [Request()])
    used(torch.ones(1, 3).long(), scores)
    with pytest.raises(InputError, match="one processor a call"):
        used(torch.ones(1, 3).long(), scores)
