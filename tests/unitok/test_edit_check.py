"""Edited pictures are chosen by the order that is read off them, too."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from torch import Tensor

from unitok import candidates
from unitok.contest import Contest
from unitok.data.world.tasks import sample_documents
from unitok.document import Document, Image, Text, Turn
from unitok.edit_check import QUESTION, order_of, order_question
from unitok.engine import Sampling, SamplingParams
from unitok.grammar import Request
from unitok.hearing import Row
from unitok.model import UniTok
from unitok_tokenizers.errors import InputError

PLAIN = Sampling(SamplingParams(0.0), SamplingParams(5.0, best_of=6), max_tokens=40)
CHECKED = dataclasses.replace(PLAIN, check_edits=True)


def picture(seed: int) -> PILImage.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return PILImage.fromarray(pixels)


def row_of(model: UniTok, document: Document) -> Row:
    return Row(0, document, model.processor.encode(document, generation_prompt=True), 3)


def drawn(model: UniTok, row: Row) -> list[Tensor]:
    """All candidates for a picture."""
    wanted = Request("image", 40, grid=(4, 4))
    planned = candidates.plan(model.processor, model.engine, [row], [wanted], wanted, PLAIN, 6)
    unconditional = model.processor.unconditional()
    return [
        model.engine.generate([one.prompt], [wanted], one.sampling, [one.seed], unconditional)[0] for one in planned
    ]


def by_hand(model: UniTok, source: PILImage.Image, words: str, row: Row, answers: list[Tensor]) -> list[float]:
    """How likely each candidate is behind its prompt, and the order between the pictures."""
    scores = []
    (codes,) = model.processor.encode_images([source])
    for answer in answers:
        edited = model.processor.parse_turn(answer).images[0]
        asked = Document.user(Image(codes=codes), edited, QUESTION)
        prompt = model.processor.encode(asked, generation_prompt=True)
        whole = model.processor.encode(Document((*asked.turns, Turn((Text(words),), "assistant"))))
        order = whole[len(prompt) : -1]  # with the turn's end, without the document's
        assert int(whole[-1]) == model.processor.vocabulary.eos
        scores.append(sum(model.engine.log_likelihoods([row.prompt, prompt], [answer, order])))
    return scores


def test_the_order_counts_among_candidates_for_an_edited_picture(tiny_model: UniTok) -> None:
    differ = 0
    for seed in range(6):
        source = picture(seed)
        document = Document.user(source, "make it blue")
        row = row_of(tiny_model, document)
        answers = drawn(tiny_model, row)
        scores = by_hand(tiny_model, source, "make it blue", row, answers)
        best = answers[max(range(len(scores)), key=lambda place: scores[place])]
        (checked,) = tiny_model.generate(document, "image", CHECKED, seed=3)
        assert checked.turns[-1].images[0].codes is not None
        assert torch.equal(checked.turns[-1].images[0].codes, codes_of(tiny_model, best))
        (plain,) = tiny_model.generate(document, "image", PLAIN, seed=3)
        differ += plain.turns[-1] != checked.turns[-1]
    assert differ > 0


def codes_of(model: UniTok, answer: Tensor) -> Tensor:
    codes = model.processor.parse_turn(answer).images[0].codes
    assert codes is not None
    return codes


def test_the_picture_may_be_one_of_the_conversation(tiny_model: UniTok) -> None:
    processor = tiny_model.processor
    first, second = picture(1), picture(2)
    codes = processor.encode_images([first, second])
    talk = [Turn((Text("draw"),), "user"), Turn((Image(image=first),), "assistant")]
    order = order_of(processor, row_of(tiny_model, Document((*talk, Turn((Text(" now blue "),), "user")))))
    assert order is not None and torch.equal(order.picture, codes[0]) and order.words == "now blue"
    newer = Turn((Text("and here"), Image(image=second)), "user")
    order = order_of(processor, row_of(tiny_model, Document((*talk, newer))))
    assert order is not None and torch.equal(order.picture, codes[1]) and order.words == "and here"


@pytest.mark.parametrize("parts", [("draw a circle",), (picture(0),), (picture(0), picture(1), "both in one")])
def test_other_requests_are_no_orders(tiny_model: UniTok, parts: tuple[PILImage.Image | str, ...]) -> None:
    document = Document.user(*parts)
    row = row_of(tiny_model, document)
    assert order_of(tiny_model.processor, row) is None
    given = [tiny_model.generate(document, "image", sampling, seed=3) for sampling in (PLAIN, CHECKED)]
    assert given[0] == given[1]


def test_where_there_is_no_room_the_order_does_not_count(tiny_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document.user(picture(0), "make it blue")
    row = row_of(tiny_model, document)
    contest = Contest(tiny_model.processor, tiny_model.engine, row, check_edits=True)
    for answer in drawn(tiny_model, row):
        contest.add(answer)
    names = [question.name for question in contest.questions()]
    assert names.count("own") == names.count("telling") == len(contest.rivals) > 1
    order = order_of(tiny_model.processor, row)
    assert order is not None
    prompt, answer = order_question(tiny_model.processor, order, order.picture)
    monkeypatch.setattr(tiny_model.engine, "context", len(prompt) + len(answer) - 1)
    assert {question.name for question in contest.questions()} == {"own"}


def test_the_world_teaches_it() -> None:
    rng = np.random.default_rng(0)
    documents = [one for _ in range(40) for one in sample_documents(rng, "train", 16, {"order": 1.0})]
    assert len(documents) > 60
    asked = []
    for document in documents:
        given, answer = document.turns
        assert len(given.images) == 2 and given.images[0] != given.images[1] and len(answer.text) > 5
        asked.append(given.text.strip())
    assert 3 < asked.count(QUESTION) < len(asked)


def test_the_setting_is_true_or_false() -> None:
    assert Sampling.from_dict(CHECKED.to_dict()) == CHECKED
    with pytest.raises(InputError, match="check_edits must be true or false"):
        Sampling(check_edits=1)  # type: ignore[arg-type]
