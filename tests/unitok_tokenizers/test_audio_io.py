from __future__ import annotations

import io
import math
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unitok_tokenizers import InputError, audio_io
from unitok_tokenizers.audio_io import load_audio, load_excerpt, resample, save_audio

RATE = 16_000


def tone(seconds: float = 0.5, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encoded(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def error_of(source: str | Path | bytes, **options: float) -> str:
    with pytest.raises(InputError) as caught:
        load_audio(source, RATE, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pitch(samples: Tensor, rate: int) -> float:
    """The loudest frequency, in Hz."""
    spectrum = torch.fft.rfft(samples[0] * torch.hann_window(samples.shape[1]), n=2**20).abs()
    return float(spectrum.argmax()) * rate / 2**20


# ---- formats, rates, channels


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF", "AU", "CAF", "W64"])
def test_lossless_formats_are_read_exactly(kind: str) -> None:
    samples = load_audio(encoded(tone(), kind=kind, subtype="PCM_16"), RATE)
    assert samples.dtype == torch.float32 and samples.shape == (1, 8000)
    assert torch.allclose(samples[0], torch.from_numpy(tone()), atol=2**-15)


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)])
def test_lossy_formats_are_read(kind: str, subtype: str | None) -> None:
    samples = load_audio(encoded(tone(), kind=kind, subtype=subtype), RATE)
    assert samples.shape == (1, 8000)
    assert pitch(samples, RATE) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 24_000, 44_100, 44_101, 47_999, 96_000])
@pytest.mark.parametrize("new_rate", [16_000, 24_000])
def test_any_rate_keeps_pitch_and_length(rate: int, new_rate: int) -> None:
    samples = load_audio(encoded(tone(1.0, rate), rate), new_rate)
    assert samples.shape[1] == pytest.approx(new_rate, rel=1 / 4000, abs=1)
    assert pitch(samples, new_rate) == pytest.approx(440, abs=0.5)
    assert float(samples[0, 2000:-2000].abs().max()) == pytest.approx(0.5, abs=0.01)


@given(st.integers(2_000, 384_000), st.integers(8_000, 48_000))
@settings(max_examples=20, deadline=None)
def test_the_filter_for_any_two_rates_stays_small(rate: int, new_rate: int) -> None:
    samples = resample(torch.zeros(500), rate, new_rate)
    assert len(samples) == pytest.approx(math.ceil(500 * new_rate / rate), rel=1 / 2000, abs=1)


def test_channels_are_mixed() -> None:
    channels = np.stack([tone() * k / 4 for k in range(8)], axis=1)
    for kind in ("WAV", "FLAC"):
        samples = load_audio(encoded(channels, kind=kind), RATE)
        assert torch.allclose(samples[0], torch.from_numpy(tone()) * 3.5 / 4, atol=2**-14)


def test_reading_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(np.stack([tone(), -tone() / 2], axis=1))
    whole = load_audio(data, RATE)
    monkeypatch.setattr(audio_io, "_BLOCK", 999)
    assert torch.equal(load_audio(data, RATE), whole)


def test_values_beyond_one_are_clipped() -> None:
    samples = load_audio(encoded(np.array([0.0, 2.5, -3.0, 0.5]), subtype="FLOAT"), RATE)
    assert samples.tolist() == [[0.0, 1.0, -1.0, 0.5]]


# ---- sources


def test_sources(tmp_path: Path) -> None:
    path = tmp_path / "ein Ton\nmit 'Namen' é.wav"
    path.write_bytes(encoded(tone()))
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert load_audio(source, RATE).shape == (1, 8000)
    with path.open("rb") as file:
        load_audio(file, RATE)
        assert not file.closed


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert "absent.wav" in error_of(tmp_path / "absent.wav")
    assert "not a file" in error_of(tmp_path)
    assert "empty" in error_of(tmp_path / "empty.wav")
    assert "cannot be opened" in error_of("nul\0.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "not a file" in error_of(tmp_path / "pipe.wav")


# ---- bad sounds


@pytest.mark.parametrize("data", [b"RIFF? no, just words.", b"\0" * 1000, b"RIFF", bytes(range(256)) * 20])
def test_not_a_sound(data: bytes) -> None:
    assert "no sound that can be read" in error_of(data)


def test_headerless_samples_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(b"\1\2" * 100)
    assert "x.raw' is damaged, or no sound" in error_of(tmp_path / "x.raw")


def test_cut_off_files_give_what_is_left_or_an_error() -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    for kind in ("WAV", "AIFF", "MP3"):
        data = encoded(noise, kind=kind)
        assert 5000 < load_audio(data[: len(data) // 2], RATE).shape[1] < 9000
    for kind, cut in (("FLAC", 2), ("FLAC", 500), ("OGG", 4), ("WAV", 1000)):
        data = encoded(noise, kind=kind)
        error_of(data[: len(data) // cut])


def test_no_sample_is_an_error_and_one_is_a_sound() -> None:
    assert "holds no samples" in error_of(encoded(np.zeros(0)))
    assert load_audio(encoded(np.array([0.5])), RATE).tolist() == [[0.5]]
    assert load_audio(encoded(np.array([0.5]), 44_100), RATE).shape == (1, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_values_that_are_not_finite(value: float) -> None:
    assert "not finite" in error_of(encoded(np.array([0.0, value]), subtype="DOUBLE"))


@pytest.mark.filterwarnings("error")
def test_channels_that_cannot_be_added() -> None:
    assert "not finite" in error_of(encoded(np.array([[math.inf, -math.inf], [0.0, 0.0]]), subtype="FLOAT"))
    assert load_audio(encoded(np.full((5, 8), 3e38), subtype="FLOAT"), RATE).tolist() == [[1.0] * 5]


@pytest.mark.parametrize(
    ("kind", "rate"), [("WAV", 1), ("FLAC", 1), ("WAV", 1999), ("WAV", 384_001), ("WAV", 655_350), ("FLAC", 655_350)]
)
def test_rates_out_of_range(kind: str, rate: int) -> None:
    message = error_of(encoded(np.zeros(50), rate, kind))
    assert f"{rate} Hz" in message and "from 2000 to 384000" in message


def test_an_hour_of_silence_is_refused_from_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(np.zeros(3600 * RATE, np.int16), kind="FLAC")
    assert len(data) < 200_000
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *args, **options: pytest.fail("samples were read"))
    assert "3600 seconds long, above the 300 that are read" in error_of(data)


def test_limits() -> None:
    data = encoded(tone(0.5))
    assert load_audio(data, RATE, max_seconds=0.5).shape == (1, 8000)
    assert "above the 0.4 that are read" in error_of(data, max_seconds=0.4)


def piped(data: bytes, frames: int = 0) -> bytes:
    """A FLAC whose header names another number of frames; 0 means unknown."""
    place = 8 + 13  # the last 36 bits of 18 bytes, behind the magic number and the block's head
    number = (frames & 0xFFFFFFFF).to_bytes(4, "big")
    return data[:place] + bytes([data[place] & 0xF0]) + number + data[place + 5 :]


def test_a_header_that_is_wrong_about_the_length() -> None:
    data = encoded(tone(), kind="FLAC")
    assert "does not say how long it is" in error_of(piped(data))
    assert "no sound" in error_of(piped(data, 20_000))
    assert load_audio(piped(data, 500), RATE).shape == (1, 500)


def test_mutated_files_load_or_raise_one_error() -> None:
    chance = random.Random(0)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2))
    for kind in ("WAV", "FLAC", "OGG", "AIFF"):
        original = encoded(noise, kind=kind)
        for _ in range(60):
            data = bytearray(original)
            for _ in range(chance.randint(1, 6)):
                data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
            try:
                samples = load_audio(bytes(data), RATE)
            except InputError as error:
                assert "\n" not in str(error)
            else:
                assert samples.shape[1] > 0 and float(samples.abs().max()) <= 1


def test_memory_stays_below_the_stated_cap() -> None:
    script = f"""if True:
        import io, resource
        import numpy as np, soundfile, torch, torchaudio
        from unitok_tokenizers.audio_io import MAX_FRAMES, load_audio
        torch.set_num_threads(1)
        buffer = io.BytesIO()
        with soundfile.SoundFile(buffer, "w", 65_535, 8, format="FLAC") as file:
            for _ in range(MAX_FRAMES // 100_000):
                file.write(np.zeros((100_000, 8), np.int16))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert load_audio(buffer.getvalue(), {RATE}).shape[1] > 3_900_000
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 512


# ---- excerpts


def test_excerpts_are_pieces_of_the_whole() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 8000).astype(np.float32)
    data = encoded(samples, subtype="FLOAT")
    for where, start in ((0.0, 0), (0.5, 3000), (1.0, 6000)):
        assert np.array_equal(load_excerpt(data, RATE, 0.125, where)[0].numpy(), samples[start : start + 2000])
    longer = load_excerpt(data, RATE, 1.0, 0.5)
    assert np.array_equal(longer[0, :8000].numpy(), samples) and not longer[0, 8000:].any()
    assert load_excerpt(encoded(tone(2.0, 44_100), 44_100), RATE, 0.37, 0.3).shape == (1, 5920)


# ---- saving


@pytest.mark.parametrize("name", ["a.wav", "b.FLAC"])
def test_what_is_read_is_written_as_it_was(name: str, tmp_path: Path) -> None:
    samples = torch.arange(-32768, 32768).view(2, -1) / 32768
    path = save_audio(samples, RATE, tmp_path / name)
    values, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE and np.array_equal(values.T, (samples * 32768).short().numpy())
    again = save_audio(load_audio(path, RATE), RATE, tmp_path / "again.wav")
    assert torch.allclose(load_audio(again, RATE), samples.mean(0, keepdim=True), atol=2**-15)
    assert soundfile.info(path).subtype == "PCM_16"


def test_saving_clips(tmp_path: Path) -> None:
    path = save_audio(torch.tensor([[2.0, -2.0, 0.0]]), RATE, tmp_path / "a.wav")
    assert load_audio(path, RATE).tolist() == [[32767 / 32768, -1.0, 0.0]]


@pytest.mark.parametrize("name", ["full.wav", "full.flac"])
def test_a_full_disk_is_named_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(InputError, match=f"{name}.*cannot be written.*File too large"):
            save_audio(torch.rand(1, RATE) - 0.5, RATE, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_save_never_overwrites_silently(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("precious")
    with pytest.raises(InputError, match="already exists"):
        save_audio(torch.zeros(1, 5), RATE, path)
    assert path.read_text() == "precious"
    save_audio(torch.zeros(1, 5), RATE, path, overwrite=True)
    assert load_audio(path, RATE).shape == (1, 5)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("samples", "rate", "name", "message"),
    [
        (torch.zeros(1, 5), RATE, "a.mp3", "must end with"),
        (torch.zeros(5), RATE, "a.wav", r"\[C, N\]"),
        (torch.zeros(1, 0), RATE, "a.wav", r"\[C, N\]"),
        (torch.tensor([[math.nan]]), RATE, "a.wav", "finite"),
        (torch.zeros(1, 5), 0, "a.wav", "cannot be written"),
        (torch.zeros(9, 5), RATE, "a.flac", "cannot be written"),
        (torch.zeros(1, 5), RATE, "absent/a.wav", "cannot be written"),
    ],
)
def test_what_cannot_be_saved(samples: Tensor, rate: int, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        save_audio(samples, rate, tmp_path / name)
    assert not list(tmp_path.iterdir())
