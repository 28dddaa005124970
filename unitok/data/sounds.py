"""Sounds to train an audio codec on: any list of them, a user's folder, or synthetic tones.

Shape letters: N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from unitok.data.folders import FolderExcerpts
from unitok.data.pools import training_batches
from unitok_tokenizers.audio_io import load_excerpt
from unitok_tokenizers.errors import InputError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


class SoundPool(Dataset[Tensor]):
    """Pieces of sounds, which are held with 16 bits a sample: each item is float ``[1, samples]`` in [-1, 1].

    A sound has as many items as it has pieces, so that each second is as likely as any other.

    Args:
        sounds: floats ``[N]`` in [-1, 1], of any lengths.
        samples: of a piece. What is shorter is filled up with silence.
        random: true: an item is any piece of its sound, drawn anew each time; false: always the same one.
    """

    def __init__(self, sounds: Sequence[np.ndarray], samples: int, random: bool) -> None:
        self.sounds = [np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16) for sound in sounds]
        self.samples, self.random = samples, random
        pieces = [max(1, round(len(sound) / samples)) for sound in self.sounds]
        self.items = [(number, piece) for number, count in enumerate(pieces) for piece in range(count)]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Tensor:
        number, piece = self.items[index]
        sound = torch.from_numpy(self.sounds[number])
        room = max(0, len(sound) - self.samples)
        start = int(torch.randint(room + 1, ())) if self.random else min(piece * self.samples, room)
        part = sound[start : start + self.samples].float() / 32767
        return F.pad(part, (0, self.samples - len(part)))[None]


def check_seconds(*lengths: float) -> None:
    """Raises `InputError` where a piece would have no samples."""
    if not min(lengths) > 0:
        raise InputError(f"data.seconds and data.validation_seconds must be above 0, got {min(lengths)}")


class FolderSounds(FolderExcerpts):
    """Random pieces of a user's own sounds, found in a folder and its subfolders, whatever their rates and lengths.

    Args:
        folder: where the sounds are (WAV, FLAC, OGG or MP3).
        sample_rate: samples a second, the codec's; files of other rates are converted.
        seconds: length of a piece to train on; a whole number of the codec's frames.
        validation_seconds: length of the piece from the middle of each held-out file.
        batch_size: pieces a step.
        validation_share: share of the files, at least one, that is held out.
        num_workers: processes that read files.
        seed: of the split.
    """

    def __init__(
        self,
        folder: str,
        sample_rate: int = 16_000,
        seconds: float = 1.0,
        validation_seconds: float = 2.0,
        batch_size: int = 16,
        validation_share: float = 0.05,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        check_seconds(seconds, validation_seconds)
        cut = partial(piece, sample_rate=sample_rate)
        cuts = partial(cut, seconds=seconds), partial(cut, seconds=validation_seconds)
        super().__init__(folder, "sounds", SUFFIXES, cuts, batch_size, validation_share, num_workers, seed)
        self.sample_rate, self.seconds, self.validation_seconds = sample_rate, seconds, validation_seconds


def piece(path: Path, where: np.ndarray, sample_rate: int, seconds: float) -> Tensor:
    """A piece of a sound, float ``[1, N]`` in [-1, 1], that begins as far into it as ``where[0]`` in [0, 1] says."""
    return load_excerpt(path, sample_rate, seconds, float(where[0]))


class ToneSounds(L.LightningDataModule):
    """Tones with overtones that start and end at random, some gliding: enough to see whether a codec learns.

    Args:
        sample_rate: samples a second.
        sounds: in the pool that training draws from.
        validation: held-out ones.
        seconds: length of each, and of the pieces.
        batch_size: pieces a step.
        seed: of everything drawn here; validation draws from another stream.
    """

    def __init__(
        self,
        sample_rate: int = 16_000,
        sounds: int = 512,
        validation: int = 16,
        seconds: float = 1.0,
        batch_size: int = 8,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_seconds(seconds)
        self.sample_rate, self.sounds, self.validation = sample_rate, sounds, validation
        self.seconds, self.batch_size, self.seed = seconds, batch_size, seed

    def _pool(self, stream: int, count: int, random: bool) -> SoundPool:
        rng = np.random.default_rng([self.seed, stream])
        tones = [tone(rng, self.sample_rate, self.seconds) for _ in range(count)]
        return SoundPool(tones, round(self.seconds * self.sample_rate), random)

    def train_dataloader(self) -> DataLoader[Tensor]:
        return training_batches(self._pool(1, self.sounds, random=True), self.batch_size, self.trainer)

    def val_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader(self._pool(2, self.validation, random=False), self.batch_size)

    def test_dataloader(self) -> DataLoader[Tensor]:
        return self.val_dataloader()


def tone(rng: np.random.Generator, sample_rate: int, seconds: float) -> np.ndarray:
    """One random tone of 150 to 1,200 Hz with up to six overtones, float32 ``[N]`` in [-1, 1]."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    begin, end = sorted(rng.uniform(0, seconds, 2))
    pitch = 150 * 8 ** rng.random() * (1 + rng.choice([0.0, 0.3]) * time / seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    sound = sum(rng.uniform(0.1, 1) / k * np.sin(k * phase) for k in range(1, int(rng.integers(2, 8))))
    envelope = np.clip(np.minimum(time - begin, end - time) / 0.01, 0, 1)
    return (0.2 * rng.uniform(0.5, 1) * envelope * sound).astype(np.float32)
