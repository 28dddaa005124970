"""Pictures that are drawn again for words about them, and candidates that are written only where they are needed."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from PIL import Image as PILImage
from torch import Tensor
from transformers import PreTrainedModel

from unitok import candidates, contest
from unitok.contest import Contest, only_picture, weigh_all
from unitok.document import Audio, Document
from unitok.engine import Engine, Sampling, SamplingParams
from unitok.grammar import Request
from unitok.hearing import Row
from unitok.model import UniTok
from unitok.redrawing import ORDER, QUESTION, TEMPERATURE, redraw
from unitok_tokenizers.errors import InputError

HOT = Sampling(
    SamplingParams(50.0, best_of=4), SamplingParams(5.0), SamplingParams(5.0, best_of=5), 2.0, 2.0, max_tokens=60
)
SEEDS = (0, 1, 10, 15, 24, 66)
"""Of pictures; the words about the last four do not tell them."""

REDRAWING = dataclasses.replace(HOT, redraw=True)


def picture(seed: int) -> PILImage.Image:
    generator = torch.Generator().manual_seed(seed)
    return PILImage.fromarray(torch.randint(0, 256, (16, 16, 3), generator=generator, dtype=torch.uint8).numpy(), "RGB")


def drawn_again(model: UniTok, image: PILImage.Image) -> Tensor:
    """The codes of a picture drawn again, asked for with :meth:`UniTok.generate`."""
    plainly = Sampling(SamplingParams(0.0), SamplingParams(TEMPERATURE))
    length = len(model.processor.encode(Document.user(image, QUESTION), generation_prompt=True))
    asked = dataclasses.replace(plainly, max_tokens=length)
    (answer,) = model.generate(Document.user(image, QUESTION), "text", asked)
    order = ORDER.format(answer.turns[-1].text.strip(" .").lower())
    (drawn,) = model.generate(Document.user(image, order), "image", plainly)
    (codes,) = (one.codes for one in drawn.turns[-1].images)
    assert codes is not None
    return codes


def test_a_picture_is_drawn_again_as_it_is_ordered(tiny_model: UniTok) -> None:
    pictures = [picture(seed) for seed in range(5)]
    codes = tiny_model.processor.encode_images(pictures)
    spans = redraw(tiny_model.processor, tiny_model.engine, codes, 2)
    for image, span in zip(pictures, spans, strict=True):
        assert span is not None and torch.equal(span, tiny_model.processor.image_span(drawn_again(tiny_model, image)))


def test_codes_are_drawn_again_on_their_own_grid(sound_model: UniTok) -> None:
    codes = torch.zeros(1, 2, 3, dtype=torch.int64)
    (span,) = redraw(sound_model.processor, sound_model.engine, [codes], 1)
    assert span is not None and len(span) == len(sound_model.processor.image_span(codes))
    end = torch.tensor([sound_model.processor.vocabulary.eot])
    (drawn,) = sound_model.processor.parse_turn(torch.cat([span, end])).images
    assert drawn.codes is not None and drawn.codes.shape == codes.shape
    assert redraw(sound_model.processor, sound_model.engine, [], 1) == []


def test_what_has_no_room_is_not_drawn_again(tiny_model: UniTok, make_decoder: object) -> None:
    decoder: PreTrainedModel = make_decoder(tiny_model.processor.vocabulary.size, max_position_embeddings=40)  # type: ignore[operator]
    engine = Engine(decoder, tiny_model.processor.vocabulary, tiny_model.grammar)
    assert redraw(tiny_model.processor, engine, tiny_model.processor.encode_images([picture(0)]), 1) == [None]


def rows_of(model: UniTok, document: Document, seed: int = 3) -> list[Row]:
    return [Row(0, document, model.processor.encode(document, generation_prompt=True), seed)]


def log_likelihood(model: UniTok, prompt: Tensor, answer: Tensor) -> float:
    return model.engine.log_likelihoods([prompt], [answer])[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_words_are_weighed_against_the_picture_drawn_again(tiny_model: UniTok, seed: int) -> None:
    """The candidates, written and weighed one by one."""
    processor, document = tiny_model.processor, Document.user(picture(seed), "describe")
    (row,) = rows_of(tiny_model, document)
    wanted = Request("text", 60)
    span = only_picture(processor, row.prompt)
    again = processor.image_span(drawn_again(tiny_model, picture(seed)))
    assert span is not None and len(span) == len(again)
    start = row.prompt.tolist().index(processor.vocabulary.boi)
    about_again = torch.cat([row.prompt[:start], again, row.prompt[start + len(span) :]])

    def write(prompt: Tensor, number: int) -> Tensor:
        drawn = (row.seed + number * candidates.SEED_STEP) % 2**63
        return tiny_model.engine.generate([prompt], [wanted], HOT, [drawn], processor.unconditional())[0]

    def told(words: str, shown: Tensor) -> float:
        prompt = processor.encode(Document.user(words), generation_prompt=True)
        nothing = processor.unconditional()
        return log_likelihood(tiny_model, prompt, shown) - log_likelihood(tiny_model, nothing, shown) if words else 0.0

    def scores(answers: list[Tensor], shown: Tensor) -> list[float]:
        tells = [told(processor.parse_turn(answer).text.strip(), shown) for answer in answers]
        if 2 * sum(one > 0 for one in tells) < len(tells):
            return []
        own = [log_likelihood(tiny_model, row.prompt, answer) for answer in answers]
        return [one + tell if tell > 0 else -torch.inf for one, tell in zip(own, tells, strict=True)]

    answers = [write(row.prompt, number) for number in range(4)]
    found = scores(answers, span)
    if not found:
        answers += [write(about_again, number) for number in range(4, 8)]
        found = scores(answers, again) or [
            log_likelihood(tiny_model, row.prompt, answer) + log_likelihood(tiny_model, about_again, answer)
            for answer in answers
        ]
    best = answers[max(range(len(found)), key=lambda place: found[place]) if found else 0]
    (given,) = tiny_model.generate(document, "text", REDRAWING, seed=3)
    assert given.turns[-1] == processor.parse_turn(best)


def test_pictures_that_are_told_are_not_drawn_again(tiny_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(candidates, "redraw", lambda *given: asked.append(len(given[2])) or [None] * len(given[2]))
    documents = [Document.user(picture(seed), "describe") for seed in SEEDS]
    undecided = 0
    for document in documents:
        (row,) = rows_of(tiny_model, document)
        one = Contest(tiny_model.processor, tiny_model.engine, row)
        wanted = Request("text", 60)
        for each in candidates.plan(tiny_model.processor, tiny_model.engine, [row], [wanted], wanted, HOT, 4):
            nothing = tiny_model.processor.unconditional()
            one.add(tiny_model.engine.generate([each.prompt], [wanted], HOT, [each.seed], nothing)[0])
        weigh_all(tiny_model.engine, [one])
        undecided += one.undecided
    once = tiny_model.generate(documents, "text", HOT, seed=[3] * len(SEEDS))
    assert not asked
    assert tiny_model.generate(documents, "text", REDRAWING, seed=[3] * len(SEEDS)) == once
    assert asked == [undecided] and undecided > 0


def test_what_is_no_words_is_not_drawn_again(tiny_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "redraw", None)
    several = dataclasses.replace(REDRAWING, image=SamplingParams(5.0, best_of=3))
    tiny_model.generate(Document.user(picture(0), "make it blue"), "image", several)


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        (["a red circle"] * 5, 3),
        (["a red circle", "a red square", "a red circle", "x", "x"], 3),
        (["a red square"] * 5, 3),
        (["a red square", "a red circle", "a red square", "x", "x"], 5),
        (["a red square", "a red ring", "a red circle", "x", "x"], 5),
        (["a red", "a red", "a blue circle", "a red circle", "x"], 5),
        (["four"] * 5, 5),
    ],
)
def test_sounds_that_agree_are_enough(
    sound_model: UniTok, monkeypatch: pytest.MonkeyPatch, heard: list[str], written: int
) -> None:
    """The best is one that says what was to be said."""
    words: dict[tuple[int, ...], str] = {}

    def transcribe(processor: object, engine: object, sounds: list[Audio], *rest: object) -> list[SimpleNamespace]:
        keys = [tuple(sound.codes.flatten().tolist()) for sound in sounds if sound.codes is not None]
        for key in keys:
            words.setdefault(key, heard[len(words)])
        return [SimpleNamespace(words=words[key], likelihood=-1.0) for key in keys]

    monkeypatch.setattr(contest, "transcribe", transcribe)
    seen: list[tuple[int, int]] = []
    (answer,) = sound_model.generate(
        Document.user("Say: a red circle"), "audio", HOT, seed=3, progress=lambda *counts: seen.append(counts)
    )
    codes = answer.turns[-1].sounds[0].codes
    assert codes is not None and len(words) == written
    best = words[tuple(codes.flatten().tolist())]
    assert best == ("a red circle" if "a red circle" in heard else heard[0])
    assert seen[-1][0] == seen[-1][1]


def test_the_setting_is_true_or_false() -> None:
    assert Sampling.from_dict(REDRAWING.to_dict()) == REDRAWING
    with pytest.raises(InputError, match="redraw must be true or false"):
        Sampling(redraw="yes")  # type: ignore[arg-type]
