"""Sounds of the world on their way to training: for the audio codec, as token caches, as files to listen to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from unitok import tokenize
from unitok.data import world_sounds
from unitok.data.datamodules import WorldDataModule
from unitok.data.documents import read_documents
from unitok.data.tokenizing import WorldSource, write_cache
from unitok.data.world import mixture
from unitok.data.world.__main__ import main
from unitok.data.world.mixture import sounds_due_anywhere
from unitok.data.world.sounds import tape
from unitok.data.world.sounds.signals import FRAME_SECONDS, SAMPLE_RATE, Samples, as_audio, samples_of
from unitok.data.world.sounds.spoken import spoken_words
from unitok.data.world.sounds.voices import ASSISTANT, Voice
from unitok.data.world_batches import WorldBatches
from unitok.data.world_sounds import WorldSounds, draw_events, draw_melody, draw_speech, joined, make_sounds
from unitok.document import Document
from unitok.model import UniTok
from unitok.terminal import run
from unitok_tokenizers.audio_io import load_audio
from unitok_tokenizers.errors import InputError

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.fixture()
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Voice]]:
    """Speech is a tone of a likely length; what was said and who said it."""
    lines: list[tuple[str, Voice]] = []

    def pretend(text: str, voice: Voice) -> Samples:
        lines.append((text, voice))
        time = np.arange(len(spoken_words(text)) * SAMPLE_RATE // 4, dtype=np.float32) / SAMPLE_RATE
        return (0.1 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)

    for module in (tape, world_sounds):
        monkeypatch.setattr(module, "speak", pretend)
    monkeypatch.setattr(world_sounds, "check_speech", lambda: None)
    return lines


# --------------------------------------------------------------------------- for the codec


def small(**changes: float) -> WorldSounds:
    settings = {"seconds": 0.4, "validation_seconds": 0.8, "speech": 12, "melodies": 6, "events": 4, "batch_size": 4}
    return WorldSounds(**{**settings, "validation": 5, **changes})  # type: ignore[arg-type]


def test_batches_are_pieces_of_one_length(said: list) -> None:
    data = small()
    data.setup("fit")
    batches = list(data.train_dataloader())
    assert len(batches) > 5
    for batch in batches:
        assert batch.shape == (4, 1, 6400) and batch.dtype == torch.float32 and batch.abs().max() <= 1
    assert torch.cat(batches).abs().amax(-1).gt(0.01).float().mean() > 0.9  # hardly any piece is silent
    validation = torch.cat(list(data.val_dataloader()))
    assert validation.shape[1:] == (1, 12_800)
    assert torch.equal(validation, torch.cat(list(data.test_dataloader())))


def test_validation_is_in_held_out_voices(said: list[tuple[str, Voice]]) -> None:
    data = small(speech=60)
    data.setup("validate")
    assert data.train_pool is None and len(said) == 5 and all(voice.held_out for _, voice in said)
    said.clear()
    data.setup("fit")
    assert len(said) == 60 and not any(voice.held_out for _, voice in said)
    assert 5 < sum(voice == ASSISTANT for _, voice in said) < 40


def test_any_of_the_worlds_texts_is_spoken(said: list[tuple[str, Voice]]) -> None:
    for number in range(60):
        draw_speech(np.random.default_rng([3, number]), "train")()
    texts = {text for text, _ in said}
    assert texts & {"yes", "no", "red", "circle", "star", "two", "three", "four"}  # answers, of which no order is one
    assert any(text.startswith(("how", "what", "which", "is", "do", "does")) for text in texts)


def test_sounds_are_a_function_of_the_seed(said: list) -> None:
    counts = {draw_speech: 4, draw_melody: 4, draw_events: 4}

    def make(seed: int) -> list[Samples]:
        rng = np.random.default_rng(seed)
        return list(joined(rng, make_sounds(rng, counts, "train", "test"), 4000, noise_rate=0.5))

    first, again, other = make(1), make(1), make(2)
    assert len(first) == len(again) and all(map(np.array_equal, first, again))
    assert sum(map(len, first)) != sum(map(len, other))


def test_tracks_hold_every_sound() -> None:
    sounds: list[NDArray[np.float32]] = [np.full(100 * n, 0.01 * n, np.float32) for n in range(1, 9)]
    tracks = list(joined(np.random.default_rng(0), sounds, samples=600))
    assert all(len(track) >= 600 for track in tracks[:-1])
    assert sum(np.count_nonzero(track) for track in tracks) == sum(map(len, sounds))
    assert max(np.abs(track).max() for track in tracks) <= 1


def test_the_codecs_data_needs_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InputError, match="apt-get install espeak-ng"):
        small().setup("fit")


@needs_espeak
def test_real_speech_for_the_codec() -> None:
    data = small(speech=2, melodies=1, events=1, validation=1)
    data.setup("fit")
    assert torch.cat(list(data.val_dataloader())).std() > 0.01


def test_parts_end_with_their_last_frame() -> None:
    for length in (1, 639, 640, 641):
        samples = as_audio(np.full(length, 0.5, np.float32)).samples
        assert samples is not None and samples.shape == (1, -(-length // 640) * 640)
        assert samples.count_nonzero() == length
    assert samples_of(FRAME_SECONDS) == 640


# --------------------------------------------------------------------------- token caches


@pytest.fixture()
def checkpoint(sound_model: UniTok, known_step_codec: None, tmp_path: Path) -> Path:
    """A folder with tokenizers, of which one hears."""
    folder = tmp_path / "base"
    folder.mkdir()
    p = sound_model.processor
    p.vocabulary.save(folder / "vocabulary.json")
    p.text_tokenizer.save_pretrained(folder / "text_tokenizer")  # type: ignore[attr-defined]
    p.image_tokenizer.save_pretrained(folder / "image_tokenizer")  # type: ignore[union-attr]
    p.audio_tokenizer.write(folder / "audio_tokenizer")  # type: ignore[union-attr]
    components = {"audio_tokenizer": {"class": "StepCodec"}}
    (folder / "unitok.json").write_text(
        json.dumps({"format_version": 1, "components": components, "weights": {}, "sampling": {}, "image_size": 16})
    )
    return folder


def test_a_cache_holds_documents_with_sounds(checkpoint: Path, tmp_path: Path, sound_model: UniTok, said: list) -> None:
    source = WorldSource(40, seed=1, per_shard=30, image_size=16, sounds=0.5)
    cache = write_cache(source, checkpoint, tmp_path / "cache", workers=0)
    vocabulary = sound_model.processor.vocabulary
    sounding = [bool((cache[i][0] == vocabulary.boa).any()) for i in range(len(cache))]
    assert len(cache) == 40 and 14 <= sum(sounding) <= 26
    assert cache.meta["source"]["sounds"] == 0.5
    again = write_cache(source, checkpoint, tmp_path / "again", workers=0)
    assert (cache.tokens == again.tokens).all() and (cache.targets == again.targets).all()
    silent = write_cache(WorldSource(40, seed=1, image_size=16), checkpoint, tmp_path / "silent", workers=0)
    assert not (silent.tokens == vocabulary.boa).any()


def test_the_share_is_an_option_of_the_command(
    checkpoint: Path, tmp_path: Path, said: list, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["world", "--documents", "6", "--checkpoint", str(checkpoint), "--workers", "0"]
    assert run(tokenize.command, [*common, "--sounds", "1", "--output", str(tmp_path / "cache")]) == 0
    assert said
    for wrong in ("1.5", "-1", "some"):
        assert run(tokenize.command, [*common, "--sounds", wrong, "--output", str(tmp_path / "other")]) == 2
        assert "--sounds" in capsys.readouterr().err


def test_batches_drawn_on_the_fly_hold_sounds(checkpoint: Path, sound_model: UniTok, said: list) -> None:
    batches = WorldBatches(checkpoint, (3, 0), "train", 300, 2, 0.0, sounds=1.0)
    vocabulary = sound_model.processor.vocabulary
    assert (batches[0].input_ids == vocabulary.boa).sum() > 2
    assert torch.equal(batches[0].input_ids, batches[0].input_ids)
    with pytest.raises(InputError, match=r"data\.sounds"):
        WorldDataModule(str(checkpoint), sounds=1.5)
    with pytest.raises(InputError, match=r"data\.val_batches"):
        WorldDataModule(str(checkpoint), val_batches=-1)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.7, 1.0])
def test_beginnings_of_streams_have_as_many_sounds_as_all_of_them(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is drawn on the fly is the beginning of a stream of its own."""

    def family(text: str) -> Callable[..., list[Document]]:
        return lambda rng, *_: [Document.user(text)] * int(rng.integers(4, 9))

    monkeypatch.setattr(mixture, "sample_sound_documents", family("sound"))
    monkeypatch.setattr(mixture, "sample_documents", family("picture"))

    def beginning(number: int, documents: int) -> list[str]:
        due = sounds_due_anywhere(np.random.default_rng([number, 2]), share)
        stream = mixture.world_documents([number, 0], "train", 64, share, sounds_due=due)
        return [document.turns[0].text for document in islice(stream, documents)]

    for documents in (8, 32):
        found = [text == "sound" for number in range(600) for text in beginning(number, documents)]
        assert sum(found) / len(found) == pytest.approx(share, abs=0.035 if 0 < share < 1 else 0)


# --------------------------------------------------------------------------- to listen to


def test_sounds_are_written_beside_pictures(tmp_path: Path, said: list, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "samples"
    assert main(["--output", str(folder), "--samples", "14", "--seed", "2", "--sounds", "0.7"]) == 0
    documents = [document for _, document in read_documents(folder / "documents.jsonl")]
    assert len(documents) == 14
    sounds = [part for d in documents for turn in d.turns for part in turn.sounds]
    files = sorted(folder.glob("*.wav"))
    assert files and len({tuple(s.samples.flatten().tolist()) for s in sounds if s.samples is not None}) <= len(files)
    assert f"{len(files)} sounds" in capsys.readouterr().out
    for file in files:
        samples = load_audio(file, SAMPLE_RATE)
        assert samples.shape[0] == 1 and samples.shape[1] % 640 == 0
    assert list(folder.glob("0*.png"))


@pytest.mark.parametrize("options", [["--sounds", "2"], ["--sounds", "x"]])
def test_wrong_shares_are_refused(options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path / "out"), *options]) == 2
    assert "--sounds" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_without_espeak_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["--output", str(tmp_path / "out"), "--sounds", "0.5"]) == 2
    assert "apt-get install espeak-ng" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert main(["--output", str(tmp_path / "out"), "--samples", "2"]) == 0
