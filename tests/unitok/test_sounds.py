"""Sounds to train on: pieces of pools and of files."""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from unitok.data.folders import FileExcerpts
from unitok.data.sounds import FolderSounds, SoundPool, ToneSounds, piece, tone
from unitok.sounds import load_sound
from unitok_tokenizers.audio_io import save_audio
from unitok_tokenizers.errors import InputError


def ramp(samples: int, offset: float = 0.0) -> np.ndarray:
    """Samples that tell where they were."""
    return (offset + np.arange(samples) / 32767).astype(np.float32)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(InputError, match=r"pipe\.wav.* is not a file"):
        load_sound(tmp_path / "pipe.wav")


def test_damaged_files_print_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libsndfile is sent before a file's beginning, a traceback of its callbacks could not be caught."""
    printed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.5 * np.sin(np.arange(400) / 10), 16_000, format="AIFF")
    original = buffer.getvalue()
    for seed in range(50):
        chance, data = random.Random(seed), bytearray(original)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(200)] = chance.randrange(256)
        with contextlib.suppress(InputError):
            load_sound(bytes(data))
    assert not printed


def test_a_pool_covers_every_sound_in_pieces() -> None:
    pool = SoundPool([ramp(1000), ramp(50), ramp(240)], samples=100, random=False)
    assert len(pool) == 10 + 1 + 2
    pieces = [pool[i] for i in range(len(pool))]
    assert all(piece.shape == (1, 100) and piece.dtype == torch.float32 for piece in pieces)
    assert torch.allclose(torch.cat(pieces[:10], dim=-1)[0], torch.from_numpy(ramp(1000)), atol=1e-6)
    assert torch.allclose(pieces[10][0, :50], torch.from_numpy(ramp(50)), atol=1e-6) and not pieces[10][0, 50:].any()
    assert torch.allclose(pieces[12][0], torch.from_numpy(ramp(240)[100:200]), atol=1e-6)


def test_random_pieces_begin_anywhere_and_end_within_their_sound() -> None:
    torch.manual_seed(0)
    pool = SoundPool([ramp(103)], samples=100, random=True)
    starts = {round(float(pool[0][0, 0]) * 32767) for _ in range(60)}
    assert starts == {0, 1, 2, 3}


def test_pools_clip_and_hold_16_bits() -> None:
    piece = SoundPool([np.array([2.0, -2.0, 0.25], np.float32)], samples=3, random=False)[0]
    assert piece[0].tolist() == pytest.approx([1.0, -1.0, 0.25], abs=2e-5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "more").mkdir()
    for number, (name, rate) in enumerate([("a.wav", 16_000), ("b.FLAC", 8000), ("more/c.wav", 44_100)]):
        samples = tone(rng, rate, 0.5 + number)[None]
        save_audio(torch.from_numpy(samples), rate, tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a sound")
    return tmp_path


def test_a_folder_gives_random_pieces_at_one_rate(folder: Path) -> None:
    data = FolderSounds(str(folder), seconds=0.25, validation_seconds=1.0, batch_size=2, validation_share=0.3)
    data.setup("fit")
    assert len(data.train_files) == 2 and len(data.validation_files) == 1
    torch.manual_seed(0)
    batches = list(islice(data.train_dataloader(), 5))
    assert all(batch.shape == (2, 1, 4000) and float(batch.abs().max()) <= 1 for batch in batches)
    assert any(float(batch.abs().max()) > 0.05 for batch in batches)
    validation = [list(data.val_dataloader()) for _ in range(2)]
    assert validation[0][0].shape == (1, 1, 16_000) and torch.equal(validation[0][0], validation[1][0])
    again = FolderSounds(str(folder), validation_share=0.3)
    again.setup("fit")
    assert again.validation_files == data.validation_files


def test_a_folder_that_cannot_be_used(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        FolderSounds(str(tmp_path / "absent")).setup("fit")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds 0 sounds"):
        FolderSounds(str(tmp_path / "empty")).setup("fit")
    broken = folder / "broken.wav"
    broken.write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"broken\.wav"):
        list(FileExcerpts([broken], partial(piece, sample_rate=16_000, seconds=1.0), endless=False))


def test_a_run_that_goes_on_sees_other_pieces(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).uniform(-1, 1, 32_000), 16_000)
    torch.manual_seed(0)
    cut = partial(piece, sample_rate=16_000, seconds=0.5)
    first, again, later = (
        next(iter(FileExcerpts([tmp_path / "noise.wav"], cut, endless=True, done=done))) for done in (0, 0, 7)
    )
    assert torch.equal(first, again) and not torch.equal(first, later)


def test_a_pool_that_is_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(InputError, match=r"data\.batch_size is 8, but there are 4 to train on"):
        ToneSounds(sounds=4, batch_size=8).train_dataloader()


def test_tones_are_the_same_for_the_same_seed_and_others_for_validation() -> None:
    one, other = (ToneSounds(sounds=8, validation=8, seconds=0.25, seed=3) for _ in range(2))
    first, second = (next(iter(data.val_dataloader())) for data in (one, other))
    assert torch.equal(first, second) and first.shape == (8, 1, 4000)
    assert float(first.abs().max()) <= 1
    training = torch.stack([one._pool(1, 8, random=False)[i] for i in range(8)])
    assert not torch.equal(training, first)
