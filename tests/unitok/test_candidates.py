"""Several candidates of an answer: which is given, and that nothing else depends on them."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage
from torch import Tensor
from transformers import PreTrainedModel

from unitok import candidates, contest
from unitok.candidates import VARIED, _varied, reordered
from unitok.contest import Contest, hear_all, weigh_all
from unitok.document import Audio, Document, Image, Text, Turn
from unitok.engine import Sampling, SamplingParams, likelihood
from unitok.engine.likelihood import log_likelihoods
from unitok.grammar import Request
from unitok.hearing import PHASES, Row, hearings
from unitok.model import UniTok
from unitok.stream import TurnFinished
from unitok_tokenizers.errors import InputError

HOT = Sampling(SamplingParams(5.0), SamplingParams(5.0), SamplingParams(5.0), 2.0, 2.0, max_tokens=60)


def best_of(count: int) -> Sampling:
    params = SamplingParams(5.0, best_of=count)
    return dataclasses.replace(HOT, text=params, image=params, audio=params)


THREE = best_of(3)
PICTURE = PILImage.new("RGB", (16, 16), "red")
SOUND = Audio(torch.linspace(-1, 1, 8000)[None], 8000)
DOCUMENTS = [Document.user("draw"), Document.user(PICTURE, "describe"), Document.user("say: a b"), Document.user(SOUND)]


# ---- likelihoods


@pytest.mark.parametrize(("tokens", "logits"), [(8192, 2**26), (30, 2**26), (8192, 9000)])
def test_likelihoods_are_those_of_each_alone(
    tiny_decoder: PreTrainedModel, monkeypatch: pytest.MonkeyPatch, tokens: int, logits: int
) -> None:
    monkeypatch.setattr(likelihood, "PROMPT_TOKENS", tokens)
    monkeypatch.setattr(likelihood, "LOGITS", logits)
    generator = torch.Generator().manual_seed(0)
    pairs = [
        [torch.randint(0, 300, (n,), generator=generator) for n in lengths]
        for lengths in ((3, 5), (1, 1), (20, 2), (2, 20), (7, 7), (1, 30))
    ]
    found = log_likelihoods(tiny_decoder, *zip(*pairs, strict=True))
    for (prompt, answer), value in zip(pairs, found, strict=True):
        with torch.no_grad():
            logits_alone = tiny_decoder(torch.cat([prompt, answer])[None]).logits[0].log_softmax(-1)
        alone = logits_alone[len(prompt) - 1 : -1].gather(1, answer[:, None]).sum()
        assert value == pytest.approx(float(alone), abs=1e-3)
    assert log_likelihoods(tiny_decoder, [], []) == []


# ---- which candidates there are


def rows_of(model: UniTok, documents: list[Document], seed: int = 3) -> list[Row]:
    prompts = model.processor.encode_batch(documents, generation_prompt=True)
    return [Row(n, one, prompt, seed) for n, (one, prompt) in enumerate(zip(documents, prompts, strict=True))]


def planned(model: UniTok, documents: list[Document], modality: str, sampling: Sampling) -> list[candidates.Candidate]:
    rows, wanted = rows_of(model, documents), model._request(modality, sampling, None, None)  # type: ignore[arg-type]
    return candidates.plan(model.processor, model.engine, rows, [wanted] * len(rows), wanted, sampling, 64)


def test_only_what_can_be_checked_has_several_candidates(sound_model: UniTok) -> None:
    counts = {
        modality: [
            sum(candidate.place == place for candidate in planned(sound_model, DOCUMENTS, modality, THREE))
            for place in range(len(DOCUMENTS))
        ]
        for modality in ("text", "image", "audio")
    }
    assert counts == {"text": [1, 3, 1, 3], "image": [3, 3, 3, 3], "audio": [3, 3, 3, 3]}
    pictures = dataclasses.replace(HOT, image=THREE.image)
    assert len(planned(sound_model, DOCUMENTS, "audio", pictures)) == len(DOCUMENTS)


def test_pictures_about_pictures_have_candidates_of_their_own(sound_model: UniTok) -> None:
    edit = SamplingParams(0.0, best_of=2, temperature_alone=0.3)
    sampling = dataclasses.replace(THREE, edit=edit)
    drawn = planned(sound_model, DOCUMENTS[:2], "image", sampling)
    assert [one.place for one in drawn] == [0, 0, 0, 1, 1]
    varied = dataclasses.replace(edit, temperature=candidates.VARIED)
    assert [one.sampling.behind_picture().image for one in drawn[3:]] == [edit, varied]
    single = dataclasses.replace(THREE, edit=SamplingParams(5.0, temperature_alone=0.3))
    (alone,) = planned(sound_model, DOCUMENTS[1:2], "image", single)
    assert alone.sampling.behind_picture().image.temperature == 0.3 and alone.sampling.image == THREE.image


def test_candidates_that_would_be_equal_are_varied(sound_model: UniTok) -> None:
    greedy = Sampling(SamplingParams(0.0, best_of=2), SamplingParams(0.7), SamplingParams(0.0))
    first, second = planned(sound_model, DOCUMENTS[1:2], "text", greedy)
    assert (first.place, first.seed, first.sampling) == (0, 3, greedy) and second.seed != 3
    varied = [SamplingParams(candidates.VARIED, best_of=count) for count in (2, 1)]
    assert second.sampling == Sampling(varied[0], SamplingParams(0.7), varied[1])


def test_what_has_one_candidate_has_a_temperature_of_its_own(sound_model: UniTok) -> None:
    single = SamplingParams(5.0, temperature_alone=0.1)
    several = dataclasses.replace(single, best_of=2)
    sampling = Sampling(single, several, single, max_tokens=60)
    cool = SamplingParams(0.1, temperature_alone=0.1)
    alone = Sampling(cool, dataclasses.replace(cool, best_of=2), cool, max_tokens=60)
    for modality, wanted in (("image", [sampling] * 2), ("audio", [alone]), ("text", [alone])):
        assert [one.sampling for one in planned(sound_model, DOCUMENTS[:1], modality, sampling)] == wanted
    # A sound that is heard several times, and a picture that is described, have others beside them.
    words = Sampling(several, single, single, max_tokens=60)
    assert [one.sampling for one in planned(sound_model, DOCUMENTS[1:2], "text", words)] == [words] * 2
    assert [one.sampling for one in planned(sound_model, DOCUMENTS[3:], "text", words)] == [words] * 2
    # A stream always has one.
    plain = Sampling(SamplingParams(0.1), SamplingParams(0.1), SamplingParams(0.1), max_tokens=60)
    *_, end = sound_model.stream(DOCUMENTS[0], "image", sampling, seed=4)
    (given,) = sound_model.generate(DOCUMENTS[0], "image", plain, seed=4)
    assert isinstance(end, TurnFinished) and end.document == given


# ---- which one is given


def all_candidates(model: UniTok, document: Document, modality: str, sampling: Sampling) -> list[Tensor]:
    """The candidates of :func:`planned`, each written alone."""
    (row,) = rows_of(model, [document])
    wanted = model._request(modality, sampling, None, None)  # type: ignore[arg-type]
    return [
        model.engine.generate(
            [row.prompt], [wanted], candidate.sampling, [candidate.seed], model.processor.unconditional()
        )[0]
        for candidate in planned(model, [document], modality, sampling)
    ]


def log_likelihood(model: UniTok, prompt: Tensor, answer: Tensor) -> float:
    return model.engine.log_likelihoods([prompt], [answer])[0]


def test_the_likeliest_picture_is_given(tiny_model: UniTok) -> None:
    document, sampling = Document.user("draw two stars"), best_of(8)
    prompt = tiny_model.processor.encode(document, generation_prompt=True)
    answers = all_candidates(tiny_model, document, "image", sampling)
    best = max(answers, key=lambda answer: log_likelihood(tiny_model, prompt, answer))
    assert best.tolist() != answers[0].tolist()
    (given,) = tiny_model.generate(document, "image", sampling, seed=3)
    assert torch.equal(given.turns[-1].images[0].codes, tiny_model.processor.parse_turn(best).images[0].codes)  # type: ignore[arg-type]


def test_pictures_that_edit_can_be_weighed_behind_both_orders(tiny_model: UniTok) -> None:
    differ, processor = 0, tiny_model.processor
    for parts in (
        [PICTURE, "make it blue"],
        ["remove a star", PICTURE],
        [PICTURE, "add three"],
        ["swap them", PICTURE],
    ):
        document, sampling = Document.user(*parts), best_of(8)
        prompts = [processor.encode(Document.user(*own), generation_prompt=True) for own in (parts, parts[::-1])]
        answers = all_candidates(tiny_model, document, "image", sampling)
        ranks = [[log_likelihood(tiny_model, prompt, answer) for answer in answers] for prompt in prompts]
        together = [sum(pair) for pair in zip(*ranks, strict=True)]
        best = [max(range(len(answers)), key=lambda place: scores[place]) for scores in (ranks[0], together)]
        differ += best[0] != best[1]
        for both, place in zip((False, True), best, strict=True):
            settings = dataclasses.replace(sampling, both_orders=both)
            (given,) = tiny_model.generate(document, "image", settings, seed=3)
            wanted = processor.parse_turn(answers[place])
            assert torch.equal(given.turns[-1].images[0].codes, wanted.images[0].codes)  # type: ignore[arg-type]
    assert differ  # else this says nothing


def test_both_orders_are_those_of_one_picture_and_words(sound_model: UniTok) -> None:
    picture = Image(image=PICTURE)
    first = Turn((Text("a star"),), "user"), Turn((picture,), "assistant")
    asked = Turn((picture, Text("make it blue")), "user")
    assert reordered(Document((*first, asked))) == Document((*first, Turn(asked.parts[::-1], "user")))
    words = Text("make it blue")
    for parts in ((words,), (picture,), (picture, picture), (words, picture, words), (SOUND, picture)):
        assert reordered(Document((*first, Turn(parts, "user")))) is None
    # Other answers stay as they are.
    both = dataclasses.replace(THREE, both_orders=True)
    others = (DOCUMENTS[1], "text"), (DOCUMENTS[0], "image"), (DOCUMENTS[2], "audio")
    for document, modality in others:
        given = [sound_model.generate(document, modality, one, seed=3)[0].turns[-1] for one in (both, THREE)]  # type: ignore[arg-type]
        assert given[0] == given[1]


def telling(model: UniTok, span: Tensor, words: str) -> float:
    """By how much words make a picture likelier."""
    prompt = model.processor.encode(Document.user(words), generation_prompt=True) if words else None
    nothing = model.processor.unconditional()
    return log_likelihood(model, nothing if prompt is None else prompt, span) - log_likelihood(model, nothing, span)


@pytest.mark.parametrize("seed", range(4))
def test_words_tell_the_picture_or_are_the_first(tiny_model: UniTok, seed: int) -> None:
    colors = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (16, 16, 3), generator=colors, dtype=torch.uint8)
    document = Document.user(PILImage.fromarray(pixels.numpy()), "describe")
    sampling = best_of(6)
    processor = tiny_model.processor
    prompt = processor.encode(document, generation_prompt=True)
    (codes,) = processor.encode_images([document.turns[0].images[0].image])  # type: ignore[list-item]
    span = processor.image_span(codes)
    answers = all_candidates(tiny_model, document, "text", sampling)
    words = [processor.parse_turn(answer).text.strip() for answer in answers]
    told = [telling(tiny_model, span, one) for one in words]
    scores = [
        log_likelihood(tiny_model, prompt, answer) + one if one > 0 else -torch.inf
        for answer, one in zip(answers, told, strict=True)
    ]
    decided = 2 * sum(one > 0 for one in told) >= len(told)
    wanted = max(range(len(words)), key=lambda place: scores[place]) if decided else 0
    (given,) = tiny_model.generate(document, "text", sampling, seed=3)
    assert given.turns[-1] == processor.parse_turn(answers[wanted])


def chosen(model: UniTok, row: Row, answers: list[Tensor]) -> Tensor:
    """The best of answers that are written."""
    one = Contest(model.processor, model.engine, row)
    for answer in answers:
        one.add(answer)
    hear_all(model.processor, model.engine, [one], HOT, 4)
    weigh_all(model.engine, [one])
    return one.best()


class Ear:
    """Hears in each sound the words that its first code stands for."""

    def __init__(self, words: dict[int, tuple[str, float]]) -> None:
        self._words = words

    def __call__(self, processor: object, engine: object, sounds: list[Audio], *rest: object) -> list[SimpleNamespace]:
        heard = [self._words[int(sound.codes[0, 0])] for sound in sounds]  # type: ignore[index]
        return [SimpleNamespace(words=words, likelihood=likelihood) for words, likelihood in heard]


def a_sound(model: UniTok, number: int) -> Tensor:
    """An answer of one frame that begins with this code."""
    span = model.processor.audio_span(torch.tensor([[number], [0]]))
    return torch.cat([span, torch.tensor([model.processor.vocabulary.eot])])


def best_of_sounds(model: UniTok, monkeypatch: pytest.MonkeyPatch, asked: str, heard: list[tuple[str, float]]) -> int:
    """Which of as many sounds is given, when this is heard in them."""
    monkeypatch.setattr(contest, "transcribe", Ear(dict(enumerate(heard))))
    sounds = [a_sound(model, number) for number in range(len(heard))]
    best = chosen(model, rows_of(model, [Document.user(asked)])[0], sounds)
    return next(number for number, sound in enumerate(sounds) if torch.equal(sound, best))


@pytest.mark.parametrize(
    ("asked", "heard", "best"),
    [
        ("Say: a red circle", [("a red square", -1.0), ("a red circle", -9.0), ("a circle", -1.0)], 1),
        ("Read this aloud, please: one, two - three.", [("one two", -1.0), ("one two three", -2.0)], 1),
        ("Say: a red circle", [("a red circle", -9.0), ("a red circle", -2.0), ("red circle", -1.0)], 1),
        ("what is three and two", [("six", -1.0), ("five", -3.0), ("five", -2.0)], 2),
        ("Play C4, E4 and G4.", [("C4 E4 F4", -1.0), ("c4 e4 and g4", -9.0)], 1),
        ("I'd like to hear C5, E4 on a whistle", [("C5 F4", -1.0), ("C5 F4", -1.0), ("C5 E4", -9.0)], 2),
        ("Say: “two red stars”", [("a red star", -1.0), ("two red stars", -9.0)], 1),
        ("Say: put the heart higher", [("put the heart", -1.0), ("put the big heart higher", -9.0)], 1),
        ("what color is the large circle?", [("red", -3.0), ("the large circle is green", -1.0), ("red", -2.0)], 2),
        ("how many", [("five stars", -3.0), ("", -0.1), ("four stars", -1.0)], 0),
    ],
)  # fmt: skip
def test_a_sound_says_what_is_wanted(
    sound_model: UniTok, monkeypatch: pytest.MonkeyPatch, asked: str, heard: list[tuple[str, float]], best: int
) -> None:
    assert best_of_sounds(sound_model, monkeypatch, asked, heard) == best


def test_equal_sounds_are_as_many_votes(sound_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = {0: ("five", -1.0), 1: ("six", -3.0), 2: ("six", -2.0)}
    monkeypatch.setattr(contest, "transcribe", Ear(heard))
    (row,) = rows_of(sound_model, [Document.user("what is three and two")])
    for drawn, best in (((0, 1, 2), 2), ((0, 1, 0, 2, 0), 0), ((0, 0, 1), 0)):
        assert torch.equal(
            chosen(sound_model, row, [a_sound(sound_model, one) for one in drawn]), a_sound(sound_model, best)
        )


def test_a_sound_is_heard_a_part_of_a_frame_later(sound_model: UniTok) -> None:
    samples = torch.rand(1, 5000, generator=torch.Generator().manual_seed(0)) - 0.5
    sound, request = Audio(samples, 8000), Request("text", 60)
    (row,) = rows_of(sound_model, [Document.user("first", sound, "what is this?")])
    (found,) = hearings(sound_model.processor, sound_model.engine, [row], [request], THREE)
    spec = sound_model.processor.vocabulary.spec("audio")
    assert spec.hop_length and spec.sample_rate and len(found) == PHASES and found[0] is row.prompt
    frame = spec.hop_length * 8000 / spec.sample_rate
    for phase, prompt in enumerate(found[1:], 1):
        later = Audio(torch.cat([torch.zeros(1, round(frame * phase / PHASES)), samples], dim=1), 8000)
        document = Document.user("first", later, "what is this?")
        assert torch.equal(prompt, sound_model.processor.encode(document, generation_prompt=True))
    codes = sound_model.processor.encode_sounds([sound])[0]
    others = [Document.user(Audio(codes=codes)), Document.user(sound, PICTURE), Document.user(sound, sound)]
    others += [Document.user("a"), Document.user(Audio(samples, 8000, words="a red circle"))]
    rows = rows_of(sound_model, others)
    alone = hearings(sound_model.processor, sound_model.engine, rows, [request] * len(rows), THREE)
    assert alone == [[one.prompt] for one in rows]


def test_a_document_is_heard_once_for_all_its_answers(sound_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    encode_sounds = type(sound_model.processor).encode_sounds
    monkeypatch.setattr(
        type(sound_model.processor),
        "encode_sounds",
        lambda self, sounds: seen.append(len(sounds)) or encode_sounds(self, sounds),
    )
    documents = [Document.user(SOUND, "what is this?"), Document.user("and", Audio(SOUND.samples, 8000))]
    several = sound_model.generate(documents, "text", best_of(4), seed=3, num=3)
    assert sum(seen) == len(documents) * PHASES
    monkeypatch.undo()
    (first,) = sound_model.generate(documents[0], "text", best_of(4), seed=3)
    assert several[0] == first


@pytest.mark.parametrize(("seed", "count", "first"), [(0, 4, True), (3, 4, False), (3, 8, False), (5, 3, False)])
def test_words_about_a_sound_are_the_likeliest_over_all_hearings(
    sound_model: UniTok, seed: int, count: int, first: bool
) -> None:
    document, sampling = Document.user(SOUND, "what is this?"), best_of(count)
    (row,) = rows_of(sound_model, [document], seed)
    wanted = Request("text", 60)
    (heard,) = hearings(sound_model.processor, sound_model.engine, [row], [wanted], sampling)
    prompts = heard[:count]
    assert len(prompts) == min(count, PHASES)
    nothing = sound_model.processor.unconditional()
    answers = [
        sound_model.engine.generate([prompt], [wanted], sampling, [candidates._seed(row, number)], nothing)[0]
        for number, prompt in enumerate(prompts)
    ]
    best = max(answers, key=lambda one: sum(log_likelihood(sound_model, prompt, one) for prompt in prompts))
    assert torch.equal(best, answers[0]) == first
    (answered,) = sound_model.generate(document, "text", sampling, seed=seed)
    assert answered.turns[-1] == sound_model.processor.parse_turn(best)
    (alone,) = sound_model.generate(document, "text", HOT, seed=seed)
    assert alone.turns[-1] == sound_model.processor.parse_turn(answers[0])


def test_a_sound_that_cannot_be_heard_is_left_out(sound_model: UniTok) -> None:
    """It fills the context, so that nothing can be asked about it; what is asked for is given all the same."""
    processor, end = sound_model.processor, torch.tensor([sound_model.processor.vocabulary.eot])
    long, short, other = (
        torch.cat([processor.audio_span(torch.full((2, frames), code)), end])
        for frames, code in ((120, 1), (2, 2), (3, 3))
    )
    (row,) = rows_of(sound_model, [Document.user("x")])

    def best(*answers: Tensor) -> Tensor:
        return chosen(sound_model, row, list(answers))

    assert torch.equal(best(long, short), short) and torch.equal(best(short, long), short)
    assert torch.equal(best(long, long + 0), long)
    assert any(torch.equal(best(long, short, other), one) for one in (short, other))


def test_pictures_of_another_shape_are_left_out(tiny_model: UniTok) -> None:
    """The smaller one is likelier, as it has fewer codes."""
    processor, end = tiny_model.processor, torch.tensor([tiny_model.processor.vocabulary.eot])
    large, small = (
        torch.cat([processor.image_span(torch.zeros(1, *size, dtype=torch.int64)), end]) for size in ((4, 4), (1, 1))
    )
    (row,) = rows_of(tiny_model, [Document.user("x")])
    assert torch.equal(chosen(tiny_model, row, [large, small]), large)


def test_words_about_several_pictures_have_one_candidate(sound_model: UniTok) -> None:
    two = [Document.user(PICTURE, PICTURE, "describe"), Document.user(PICTURE).reply("red").ask(PICTURE)]
    assert len(planned(sound_model, two, "text", THREE)) == 2
    assert len(planned(sound_model, [Document.user(PICTURE).reply("red").ask("more")], "text", THREE)) == 3


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("seed", [-1, 2**63, 1.5])
def test_a_seed_that_is_none_is_refused(tiny_model: UniTok, seed: int, count: int) -> None:
    with pytest.raises(InputError, match="seed"):
        tiny_model.generate([Document.user("draw")], "image", best_of(count), seed=[seed])


def test_candidates_of_another_kind_are_left_out(sound_model: UniTok) -> None:
    processor = sound_model.processor
    end = torch.tensor([processor.vocabulary.eot])
    words = torch.cat([processor.encode(Document.user("red"))[2:3], end])
    sound = torch.cat([processor.audio_span(torch.tensor([[1], [2]])), end])
    (row,) = rows_of(sound_model, [Document.user("say: red")])
    assert torch.equal(chosen(sound_model, row, [words, sound, sound]), words)


WORDS = st.lists(st.sampled_from(["a", "red", "blue", "circle", "say", "two"]), max_size=8)


@given(WORDS, st.lists(WORDS, max_size=4))
def test_a_passage_is_of_the_request(asked: list[str], heard: list[list[str]]) -> None:
    passage = contest.passage(asked, heard)
    places = range(len(asked) - len(passage) + 1)
    assert any(asked[place : place + len(passage)] == passage for place in places)
    if asked and 2 * heard.count(asked) >= len(heard) > 0:
        assert passage == asked


# ---- what does not depend on it


@pytest.mark.parametrize("modality", ["auto", "text", "image", "audio"])
def test_an_answer_is_what_it_is_alone(sound_model: UniTok, modality: str) -> None:
    together = sound_model.generate(DOCUMENTS, modality, THREE, seed=[7, 8, 9, 10], batch_size=2)  # type: ignore[arg-type]
    for document, seed, one in zip(DOCUMENTS, (7, 8, 9, 10), together, strict=True):
        assert sound_model.generate(document, modality, THREE, seed=seed)[0] == one  # type: ignore[arg-type]


def test_several_answers_have_candidates_of_their_own(tiny_model: UniTok) -> None:
    several = tiny_model.generate(Document.user("draw"), "image", THREE, num=3, seed=5)
    singly = [tiny_model.generate(Document.user("draw"), "image", THREE, seed=seed)[0] for seed in (5, 6, 7)]
    assert several == singly and len({one.turns[-1].images[0].codes.numpy().tobytes() for one in several}) == 3  # type: ignore[union-attr]


def test_a_stream_writes_one(tiny_model: UniTok) -> None:
    document = Document.user("draw")
    *_, last = tiny_model.stream(document, "image", THREE, seed=5)
    assert isinstance(last, TurnFinished)
    assert last.document == tiny_model.generate(document, "image", HOT, seed=5)[0]


def test_the_progress_counts_all_candidates(tiny_model: UniTok) -> None:
    seen: list[tuple[int, int]] = []
    tiny_model.generate(Document.user("draw"), "image", THREE, progress=lambda *counts: seen.append(counts))
    (answer,) = tiny_model.generate(Document.user("draw"), "image", HOT)
    length = len(tiny_model.processor.encode(answer)) - len(tiny_model.processor.encode(Document.user("draw")))
    assert seen[-1][0] == seen[-1][1] > 2 * length


@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_the_setting_is_a_number(value: object) -> None:
    assert Sampling.from_dict(THREE.to_dict()) == THREE
    with pytest.raises(InputError, match="best_of"):
        SamplingParams(best_of=value)  # type: ignore[arg-type]


def test_mixed_answers_are_not_compared(sound_model: UniTok) -> None:
    processor = sound_model.processor
    (row,) = rows_of(sound_model, [Document.user("draw and tell")])
    asked, eot = Document.user("draw and tell"), processor.vocabulary.eot
    answers = []
    for words, code in (("red", 1), ("blue", 2), ("a star", 3)):
        whole = processor.encode(asked.reply(Text(words), Image(codes=torch.full((1, 4, 4), code))))
        answer = whole[len(row.prompt) :]
        answers.append(answer[: answer.tolist().index(eot) + 1])
    for order in (answers, answers[::-1]):
        assert torch.equal(chosen(sound_model, row, order), order[0])


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        (SamplingParams(0.0, top_k=5), SamplingParams(VARIED, top_k=5)),
        (SamplingParams(0.0, top_k=1), SamplingParams(VARIED, top_k=0)),
        (SamplingParams(0.7, top_k=1, top_p=0.9), SamplingParams(VARIED, top_k=0, top_p=0.9)),
        (SamplingParams(0.7, top_k=5), SamplingParams(0.7, top_k=5)),
    ],
)
def test_further_candidates_are_drawn_within_what_was_asked_for(given: SamplingParams, drawn: SamplingParams) -> None:
    assert _varied(Sampling(text=given)).text == drawn
