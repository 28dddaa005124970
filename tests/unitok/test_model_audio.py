"""Models that hear and make sounds: answers, streams, checkpoints."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from transformers import PreTrainedModel

from unitok.audio_stream import AudioChunk, AudioFinished, AudioStarted
from unitok.codebook_orders import ORDERS
from unitok.document import Audio, Document, Image, Text
from unitok.engine import Sampling, SamplingParams
from unitok.model import UniTok
from unitok.model_card import model_card
from unitok.processor import Processor
from unitok.stream import Event, ImageFinished, ImageRow, ImageStarted, TextDelta, TurnFinished
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.audio import AudioDetokenizer, AudioDetokenizerConfig
from unitok_tokenizers.audio import AudioTokenizer, AudioTokenizerConfig
from unitok_tokenizers.codebook import CodebookConfig
from unitok_tokenizers.errors import InputError

HOP, RATE = 800, 8000
ASK = Document.user("draw two green stars")
HOT = Sampling(SamplingParams(50.0), SamplingParams(50.0), SamplingParams(50.0), 2.0, 2.0, max_tokens=60)


@pytest.fixture(params=sorted(ORDERS))
def model(
    request: pytest.FixtureRequest, make_sound_processor: Callable[..., Processor], sound_decoder: PreTrainedModel
) -> UniTok:
    return UniTok(make_sound_processor(request.param), sound_decoder)


def test_modalities(model: UniTok) -> None:
    kinds = {}
    for modality in ("text", "image", "audio", "auto"):
        turns = [d.turns[-1] for d in model.generate(ASK, modality, HOT, num=24)]
        kinds[modality] = {type(part) for turn in turns for part in turn.parts}
    assert kinds == {"text": {Text}, "image": {Image}, "audio": {Audio}, "auto": {Text, Image, Audio}}


def test_an_answer_of_sound_has_codes_and_samples(model: UniTok) -> None:
    (sound,) = model.generate(ASK, "audio", HOT)[0].turns[-1].parts
    assert isinstance(sound, Audio) and sound.codes is not None and sound.samples is not None
    assert sound.sample_rate == RATE and sound.samples.shape == (1, HOP * sound.codes.shape[1])
    assert torch.equal(sound.samples, model.processor.decode_sounds([sound.codes])[0])


def test_seconds_are_a_limit(model: UniTok) -> None:
    def lengths(seconds: float | None) -> list[int]:
        answers = model.generate(ASK, "audio", HOT, num=24, seconds=seconds)
        return [sound.codes.shape[1] for d in answers for sound in d.turns[-1].sounds if sound.codes is not None]

    free = lengths(None)
    assert len(free) == 24 and min(free) == 1 and 6 < max(free) <= 28, "28 is what max_tokens leaves"
    for seconds, most in ((0.1, 1), (0.35, 3), (0.8, 8), (1000.0, 28)):
        assert lengths(seconds) == [min(length, most) for length in free]
    assert lengths(np.float32(0.35)) == lengths(0.35)  # type: ignore[arg-type]
    for bad in (0.0, 0.05, float("nan"), "2"):
        with pytest.raises(InputError, match="seconds must be at least"):
            model.generate(ASK, "audio", HOT, seconds=bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a sound needs 5 tokens"):
        model.generate(ASK, "audio", dataclasses.replace(HOT, max_tokens=4))


def test_progress_rises_to_its_total(model: UniTok) -> None:
    reports: list[tuple[int, int]] = []
    model.generate(ASK, "audio", HOT, seconds=0.5, progress=lambda done, total: reports.append((done, total)))
    assert reports[0][1] == 5 * 2 + 3 and reports[-1][0] == reports[-1][1] <= 13


def test_sounds_pictures_and_words_are_heard_in_any_order(model: UniTok) -> None:
    picture, sound = PILImage.new("RGB", (16, 16), "red"), Audio(torch.zeros(1, 3 * HOP), RATE)
    document = Document.user(sound, "and", picture, "then", sound, picture).reply(sound, "x").ask("again")
    (answer,) = model.generate(document, "auto", HOT)
    assert answer.turns[:-1] == document.turns
    other = Audio(torch.ones(1, 3 * HOP), RATE)
    (changed,) = model.generate(Document.user(other, "and").reply("x").ask("again"), "auto", HOT)
    (same,) = model.generate(Document.user(sound, "and").reply("x").ask("again"), "auto", HOT)
    assert changed.turns[-1] != same.turns[-1], "what was heard matters"


def test_a_model_without_audio_codes_says_so(tiny_model: UniTok) -> None:
    with pytest.raises(InputError, match="no audio codes"):
        tiny_model.generate(ASK, "audio")
    with pytest.raises(InputError, match="no audio tokenizer"):
        tiny_model.generate(Document.user(Audio(torch.zeros(1, 9), RATE)))
    with pytest.raises(InputError, match="no audio codes"):
        tiny_model.generate(ASK, seconds=3)


# ---- stream


def replay(events: list[Event]) -> list[Any]:
    """The parts that the events tell of: text, or codes."""
    parts: list[Any] = []
    rows: list[torch.Tensor] = []
    for before, event in zip([None, *events], events, strict=False):
        if isinstance(event, TextDelta):
            parts = [*parts[:-1], parts[-1] + event.text] if isinstance(before, TextDelta) else [*parts, event.text]
        elif isinstance(event, (ImageStarted, AudioStarted)):
            rows = []
        elif isinstance(event, ImageRow):
            rows.append(event.codes[:, None])
        elif isinstance(event, AudioChunk):
            rows.append(event.codes)
        elif isinstance(event, (ImageFinished, AudioFinished)):
            parts.append(torch.cat(rows, dim=1).tolist())
    return parts


def test_a_stream_tells_what_generate_returns(model: UniTok) -> None:
    answers = model.generate(ASK, "auto", HOT, num=24)
    with_sounds = [seed for seed, document in enumerate(answers) if document.turns[-1].sounds]
    kinds = set()
    for seed in [*with_sounds[:4], 0, 1]:
        events = list(model.stream(ASK, "auto", HOT, seed=seed))
        assert isinstance(events[-1], TurnFinished) and events[-1].document == answers[seed]
        whole = answers[seed].turns[-1].parts
        expected = [part.text if isinstance(part, Text) else part.codes.tolist() for part in whole]  # type: ignore[union-attr]
        assert replay(events) == [part for part in expected if part]
        finished = [event.audio for event in events if isinstance(event, AudioFinished)]
        assert tuple(finished) == answers[seed].turns[-1].sounds
        told = events[-1].document.turns[-1].sounds
        assert all(one is other for one, other in zip(finished, told, strict=True))  # decoded once
        kinds |= {type(event) for event in events}
    assert {TextDelta, AudioStarted, AudioChunk, AudioFinished, TurnFinished} <= kinds


def chunks_of(model: UniTok, seed: int) -> tuple[list[AudioChunk], Audio]:
    events = list(model.stream(ASK, "audio", HOT, seed=seed, seconds=2.0))
    (finished,) = [event.audio for event in events if isinstance(event, AudioFinished)]
    return [event for event in events if isinstance(event, AudioChunk)], finished


def test_chunks_come_early_and_join_to_the_whole_sound(model: UniTok) -> None:
    """A chunk has the five frames of half a second; its samples wait for the frame behind them."""
    several = 0
    for seed in range(12):
        chunks, finished = chunks_of(model, seed)
        assert finished.samples is not None and finished.codes is not None
        samples = [chunk.samples for chunk in chunks if chunk.samples is not None]
        assert torch.equal(torch.cat(samples, dim=1), finished.samples)
        assert torch.equal(torch.cat([chunk.codes for chunk in chunks], dim=1), finished.codes)
        assert [chunk.codes.shape[1] for chunk in chunks[:-1]] == [5] * (finished.codes.shape[1] // 5)
        several += len(chunks) > 1
        assert all(one.shape[1] == (4 if place == 0 else 5) * HOP for place, one in enumerate(samples[:-1]))
    assert several


def test_a_convolutional_codec_is_played_while_codes_arrive(
    tiny_processor: Processor, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    """The chunks are what decoding everything at once gives."""
    torch.manual_seed(0)
    codebook = CodebookConfig(size=8, channels=4, num_codebooks=2, metric="euclidean")
    small: Any = {"hop_length": 1600, "width": 8, "blocks": [1, 1], "codebook": codebook}
    tokenizer = AudioTokenizer(AudioTokenizerConfig(mels=8, **small)).eval()
    detokenizer = AudioDetokenizer(AudioDetokenizerConfig(past=1, future=1, **small)).eval()
    detokenizer.codebook.vectors.copy_(tokenizer.codebook.vectors.normal_())
    text = tiny_processor.text_tokenizer
    vocabulary = Vocabulary(text.vocab_size, [tokenizer.spec])
    processor = Processor(text, vocabulary, audio_tokenizer=tokenizer, audio_detokenizer=detokenizer)
    model = UniTok(processor, make_decoder(vocabulary.size))
    samples = (torch.rand(1, 7000) - 0.5) / 2
    (codes,) = processor.encode_sounds([Audio(samples, 16000)])
    assert torch.equal(codes, tokenizer.encode(samples[None])[0])
    several = 0
    for seed in range(6):
        chunks, finished = chunks_of(model, seed)
        assert finished.samples is not None and finished.codes is not None
        joined = torch.cat([chunk.samples for chunk in chunks if chunk.samples is not None], dim=1)
        torch.testing.assert_close(joined, finished.samples, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(finished.samples[None], detokenizer.decode(finished.codes[None]).clamp(-1, 1))
        several += len(chunks) > 1
    assert several


def test_a_codec_that_looks_at_everything_sounds_at_the_end(model: UniTok) -> None:
    codec: Any = model.processor.audio_detokenizer
    codec.lookahead = codec.history = None
    long = max(range(12), key=lambda seed: len(chunks_of(model, seed)[0]))
    chunks, finished = chunks_of(model, long)
    assert len(chunks) > 1 and finished.samples is not None and chunks[-1].samples is not None
    assert all(chunk.samples is not None and chunk.samples.shape == (1, 0) for chunk in chunks[:-1])
    assert torch.equal(chunks[-1].samples, finished.samples)


def test_without_a_detokenizer_there_are_codes_alone(model: UniTok) -> None:
    model.processor.audio_detokenizer = None
    chunks, finished = chunks_of(model, 1)
    assert finished.samples is None and all(chunk.samples is None for chunk in chunks)
    assert finished.codes is not None
    assert torch.equal(torch.cat([chunk.codes for chunk in chunks], dim=1), finished.codes)


# ---- checkpoints


@pytest.mark.usefixtures("known_step_codec")
def test_a_model_comes_back_from_its_folder(model: UniTok, tmp_path: Path) -> None:
    model.sampling = HOT
    model.save_pretrained(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "unitok.json").read_text())
    assert {"audio_tokenizer", "audio_detokenizer"} <= set(manifest["components"])
    loaded = UniTok.from_pretrained(tmp_path / "model")
    assert loaded.sampling == HOT and loaded.processor.vocabulary == model.processor.vocabulary
    document = Document.user(Audio(torch.rand(1, 5000) - 0.5, RATE), "now higher")
    assert loaded.generate(document, num=3) == model.generate(document, num=3)


def test_settings_from_before_there_was_sound_are_read() -> None:
    old = {"text": {"temperature": 0.5}, "image": {}, "guidance_scale": 1.5, "max_tokens": 9}
    sampling = Sampling.from_dict(old)
    assert sampling.audio == SamplingParams() and sampling.audio_guidance_scale == 1
    assert Sampling.from_dict(HOT.to_dict()) == HOT
    with pytest.raises(InputError, match="audio_guidance_scale"):
        Sampling(audio_guidance_scale=-1)
    with pytest.raises(InputError, match=r"sampling\.audio"):
        Sampling.from_dict({"audio": {"heat": 1}})


def test_the_model_card_says_what_it_hears(sound_model: UniTok, tiny_model: UniTok) -> None:
    card = str(model_card(sound_model.processor, sound_model.decoder, "owner/model"))
    assert "reads text, images and sounds and writes text, images and sounds" in card
    assert "2 x 16, for frames of 800 samples at 8000 Hz" in card and "| audio tokenizer | StepCodec |" in card
    card = str(model_card(tiny_model.processor, tiny_model.decoder, "owner/model"))
    assert "reads text and images and writes text and images" in card and "audio" not in card
