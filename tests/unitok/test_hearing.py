"""Speech about pictures is written down before it is answered: what is answered then, and what stays as it was."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
from PIL import Image as PILImage

from unitok.document import Audio, Document, Image, Text
from unitok.engine import Sampling, SamplingParams
from unitok.grammar import Request
from unitok.hearing import ORDER, PHASES, heard_in, in_words, transcribe
from unitok.model import UniTok
from unitok.stream import SpeechHeard, TurnFinished
from unitok_tokenizers.errors import InputError

HOT = Sampling(SamplingParams(50.0), SamplingParams(5.0), SamplingParams(5.0), 2.0, 2.0, max_tokens=60)
HEARING = dataclasses.replace(HOT, hear_first=True)
SOUND = Audio(torch.linspace(-1, 1, 8000)[None], 8000)
OTHER = Audio(torch.linspace(0, 1, 4000).sin()[None], 8000)


def words_of(model: UniTok, sound: Audio) -> str:
    """What the model writes down."""
    return transcribe(model.processor, model.engine, [sound], HOT, 64)[0].words


def prompt_of(model: UniTok, sound: Audio) -> torch.Tensor:
    return model.processor.encode(Document.user(sound, ORDER), generation_prompt=True)


def heard_once(model: UniTok, sound: Audio) -> str:
    """What the model writes down, asked for that alone."""
    plainly = dataclasses.replace(HOT, text=SamplingParams(0.0), max_tokens=len(prompt_of(model, sound)))
    return model.generate(Document.user(sound, ORDER), "text", plainly)[0].turns[-1].text.strip()


def test_the_words_are_likeliest_over_all_phases(sound_model: UniTok) -> None:
    """A frame of the codec is 800 samples, as many as the sound's rate has in a tenth of a second."""
    generator, engine = torch.Generator().manual_seed(0), sound_model.engine
    sounds = [Audio(torch.rand(1, 8000, generator=generator) * 2 - 1, 8000) for _ in range(12)]
    transcripts = transcribe(sound_model.processor, engine, sounds, HOT, 5)
    changed = 0
    for sound, (words, likelihood) in zip(sounds, transcripts, strict=True):
        assert sound.samples is not None
        pads = (torch.zeros(1, 800 * phase // PHASES) for phase in range(PHASES))
        prompts = [prompt_of(sound_model, Audio(torch.cat([pad, sound.samples], dim=1), 8000)) for pad in pads]
        plainly = dataclasses.replace(HOT, text=SamplingParams(0.0))
        requests = [Request("text", len(prompt)) for prompt in prompts]
        answers = engine.generate(prompts, requests, plainly, [0] * PHASES)
        means = [sum(engine.log_likelihoods(prompts, [answer] * PHASES)) / PHASES for answer in answers]
        best = max(range(PHASES), key=lambda phase: means[phase])
        assert words == sound_model.processor.parse_turn(answers[best]).text.strip()
        assert likelihood == pytest.approx(means[best], abs=1e-3)
        changed += words != heard_once(sound_model, sound)
    assert changed


def test_codes_alone_are_heard_once(sound_model: UniTok) -> None:
    (codes,) = sound_model.processor.encode_sounds([SOUND])
    alone, both = Audio(codes=codes), Audio(SOUND.samples, SOUND.sample_rate, codes)
    once = heard_once(sound_model, SOUND)
    assert words_of(sound_model, alone) == words_of(sound_model, both) == heard_once(sound_model, alone) == once


def test_a_sound_that_just_fits_is_heard(sound_model: UniTok) -> None:
    """Begun later it has a frame more, for which there is no room."""
    context = sound_model.engine.context
    assert context is not None
    frames = (context - len(prompt_of(sound_model, Audio(codes=torch.zeros(2, 1, dtype=torch.int64))))) // 2
    sound = Audio(torch.zeros(1, 800 * frames), 8000)
    assert context - len(prompt_of(sound_model, sound)) in (2, 3)
    assert words_of(sound_model, sound) == heard_once(sound_model, sound)


def test_a_picture_is_drawn_from_the_words(sound_model: UniTok) -> None:
    words = words_of(sound_model, SOUND)
    assert words
    (spoken,) = sound_model.generate(Document.user("draw", SOUND), "image", HEARING, seed=3)
    (typed,) = sound_model.generate(Document.user(f"draw {words}"), "image", HOT, seed=3)
    assert spoken.turns[-1] == typed.turns[-1]
    assert heard_in(spoken) == [words]
    assert spoken.turns[0].parts[0] == Text("draw")
    sound = spoken.turns[0].sounds[0]
    assert sound == SOUND and sound.words == words and SOUND.words is None


def test_pictures_and_earlier_turns_stay(sound_model: UniTok) -> None:
    picture = PILImage.new("RGB", (16, 16), "red")
    before = Document.user(OTHER).reply("yes")
    (spoken,) = sound_model.generate(before.ask(picture, SOUND), "image", HEARING)
    (typed,) = sound_model.generate(before.ask(picture, words_of(sound_model, SOUND)), "image", HOT)
    assert spoken.turns[-1] == typed.turns[-1]
    assert spoken.turns[0].sounds[0].words is None


@pytest.mark.parametrize("modality", ["text", "audio"])
def test_a_question_about_a_picture_is_answered_in_words(sound_model: UniTok, modality: str) -> None:
    picture, words = PILImage.new("RGB", (16, 16), "red"), words_of(sound_model, SOUND)
    beside = Document.user(picture, SOUND, "aloud"), Document.user(picture, f"{words} aloud")
    behind = Document.user(picture).reply("red").ask(SOUND), Document.user(picture).reply("red").ask(words)
    for spoken, typed in (beside, behind):
        answers = [sound_model.generate(spoken, modality, HEARING), sound_model.generate(typed, modality, HOT)]  # type: ignore[arg-type]
        assert answers[0][0].turns[-1] == answers[1][0].turns[-1]
        assert heard_in(answers[0][0]) == [words]
    typed_too = Document.user(picture).reply("red").ask(SOUND, "answer aloud, or write it down")
    assert heard_in(sound_model.generate(typed_too, modality, HEARING)[0]) == [words] * (modality == "audio")  # type: ignore[arg-type]


@pytest.mark.parametrize("modality", ["text", "audio"])
def test_without_a_picture_nothing_is_written_down(sound_model: UniTok, modality: str) -> None:
    document = Document.user(SOUND)
    assert sound_model.generate(document, modality, HEARING) == sound_model.generate(document, modality, HOT)  # type: ignore[arg-type]


@torch.no_grad()
def drawing_half_of_the_time(model: UniTok, document: Document) -> UniTok:
    """A copy to which ``<boi>`` is about as likely as all else, at the temperature of `HOT`, to begin the answer."""
    decoder, vocabulary = copy.deepcopy(model.decoder), model.processor.vocabulary  # other tests share the decoder
    prompt = model.processor.encode(document, generation_prompt=True)
    hidden = decoder.model(input_ids=prompt[None]).last_hidden_state[0, -1]  # type: ignore[operator]
    wanted = HOT.text.temperature * math.log(vocabulary.size)
    decoder.get_output_embeddings().weight[vocabulary.boi] = hidden * wanted / hidden.dot(hidden)  # type: ignore[index]
    return UniTok(model.processor, decoder)


def test_the_model_decides_what_is_drawn(sound_model: UniTok) -> None:
    """Answers that begin with a picture, and those alone, are asked in words."""
    document = Document.user(SOUND)
    model = drawing_half_of_the_time(sound_model, document)
    plain = model.generate(document, "auto", HOT, num=24)
    heard = model.generate(document, "auto", HEARING, num=24)
    begun = [isinstance(one.turns[-1].parts[0], Image) for one in plain]
    assert any(begun) and not all(begun)
    assert [bool(heard_in(one)) for one in heard] == begun
    assert all(one == other for one, other, drawn in zip(plain, heard, begun, strict=True) if not drawn)


def test_how_an_answer_begins_is_asked_once(sound_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    several = SamplingParams(5.0, best_of=2)
    asked: list[int] = []
    first_tokens = sound_model.engine.first_tokens

    def counted(prompts: list[torch.Tensor], *rest: Any) -> list[int]:
        asked.append(len(prompts))
        return first_tokens(prompts, *rest)

    monkeypatch.setattr(sound_model.engine, "first_tokens", counted)
    settings = dataclasses.replace(HEARING, text=dataclasses.replace(several, temperature=0.0), image=several)
    documents = [Document.user(SOUND, "and so on"), Document.user("words alone")]
    answers = sound_model.generate(documents, "auto", settings)
    assert not any(turn.images for one in answers for turn in one.turns[-1:])
    assert asked == [1, 1]  # whether it is to be heard, and how words are answered


def test_the_model_decides_on_the_prompt_that_it_answers(sound_model: UniTok) -> None:
    """What was heard in an earlier turn stands there in words."""
    words = words_of(sound_model, SOUND)
    (drawn,) = sound_model.generate(Document.user(SOUND), "image", HEARING)
    typed = Document((Document.user(words).turns[0], drawn.turns[-1])).ask(OTHER, "now")
    model = drawing_half_of_the_time(sound_model, typed)
    spoken = [one.turns[-1] for one in model.generate(drawn.ask(OTHER, "now"), "auto", HEARING, num=24)]
    expected = [one.turns[-1] for one in model.generate(typed, "auto", HEARING, num=24)]
    begun = [isinstance(turn.parts[0], Image) for turn in expected]
    assert any(begun) and not all(begun) and spoken == expected


def test_words_are_joined_as_if_they_were_typed(sound_model: UniTok) -> None:
    words, other = words_of(sound_model, SOUND), words_of(sound_model, OTHER)
    picture = PILImage.new("RGB", (16, 16), "red")
    cases = [
        (("", SOUND, "\n"), (words,)),
        (("say: ", SOUND, " aloud"), (f"say: {words} aloud",)),
        (("foo", "bar", SOUND, OTHER), ("foo", f"bar {words} {other}")),
        ((SOUND, picture, "x"), (words, picture, "x")),
    ]
    for spoken, typed in cases:
        answers = sound_model.generate([Document.user(*spoken)], "image", HEARING)
        assert answers[0].turns[-1] == sound_model.generate([Document.user(*typed)], "image", HOT)[0].turns[-1], typed


def test_the_words_have_their_own_room(sound_model: UniTok) -> None:
    """What the context leaves to an answer follows from the prompt that it gets; guesses hang on it."""
    hot = dataclasses.replace(HOT, max_tokens=sound_model.engine.context or 0, window=4)
    words = words_of(sound_model, SOUND)
    (spoken,) = sound_model.generate(Document.user(SOUND), "image", dataclasses.replace(hot, hear_first=True), seed=3)
    (typed,) = sound_model.generate(Document.user(words), "image", hot, seed=3)
    assert hot.max_tokens and spoken.turns[-1] == typed.turns[-1]


def test_what_was_heard_stays_words(sound_model: UniTok) -> None:
    words, other = words_of(sound_model, SOUND), words_of(sound_model, OTHER)
    (drawn,) = sound_model.generate(Document.user(SOUND), "image", HEARING)
    (again,) = sound_model.generate(drawn.ask(OTHER), "text", HEARING)
    typed = Document((Document.user(words).turns[0], drawn.turns[-1])).ask(other)
    assert again.turns[-1] == sound_model.generate(typed, "text", HOT)[0].turns[-1]
    assert heard_in(again) == [other]


def test_sounds_that_have_words_are_not_encoded_again(sound_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    context = sound_model.engine.context
    assert context is not None
    long = Audio(torch.zeros(1, 800 * context), 8000, words="a red disc")  # which no context has room for as codes
    document = Document.user(long).reply("fine").ask("draw it")

    def encode(samples: torch.Tensor) -> torch.Tensor:
        raise AssertionError("a sound with words was encoded")

    monkeypatch.setattr(sound_model.processor.audio_tokenizer, "encode", encode)
    answers = [sound_model.generate(one, "image", HEARING)[0].turns[-1] for one in (document, in_words(document))]
    assert answers[0] == answers[1]


def test_a_row_is_what_it_is_alone_and_in_a_stream(sound_model: UniTok) -> None:
    documents = [Document.user(SOUND), Document.user("words"), Document.user(OTHER, "loud"), Document.user(OTHER)]
    model = drawing_half_of_the_time(sound_model, documents[0])
    together = model.generate(documents, "auto", HEARING, seed=[7, 8, 9, 10], batch_size=2)
    for document, seed, one in zip(documents, (7, 8, 9, 10), together, strict=True):
        assert model.generate(document, "auto", HEARING, seed=seed)[0] == one
        *_, last = model.stream(document, "auto", HEARING, seed=seed)
        assert isinstance(last, TurnFinished) and last.document == one


def test_a_stream_begins_with_what_was_heard(sound_model: UniTok) -> None:
    first, *others = sound_model.stream(Document.user(SOUND), "image", HEARING)
    assert first == SpeechHeard(words_of(sound_model, SOUND))
    assert not any(isinstance(event, SpeechHeard) for event in others)


def test_the_setting_is_true_or_false() -> None:
    assert Sampling.from_dict(HEARING.to_dict()) == HEARING
    with pytest.raises(InputError, match="hear_first"):
        Sampling(hear_first=1)  # type: ignore[arg-type]
