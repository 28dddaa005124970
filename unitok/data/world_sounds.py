"""Sounds of the world to train an audio codec on: speech, melodies, events, and mixtures of them with noise.

Shape letters: B batch, N samples of a crop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from unitok.data.world.sounds.events import EventStyle, sample_events, sound_events
from unitok.data.world.sounds.instruments import PLAIN, Performance, play, play_together
from unitok.data.world.sounds.notes import CHORDS, sample_melody
from unitok.data.world.sounds.recording import recorded
from unitok.data.world.sounds.signals import SAMPLE_RATE, Samples
from unitok.data.world.sounds.speech import check_speech, speak
from unitok.data.world.sounds.spoken import plainly, sample_text
from unitok.data.world.sounds.voices import ASSISTANT, Voice, sample_voice
from unitok.data.world.tasks import corpus
from unitok.data.world.templates import chance, pick

ASSISTANT_RATE = 0.3
"""Sentences in the one voice that the model speaks in; the others are users'."""

RECORDED_RATE = 0.4
"""Sounds as a microphone gives them, and not as they were made."""

CHORD_RATE = 0.15
PLAIN_RATE = 0.4
"""Melodies as the model plays them."""

GAINS_DB = (-12.0, 3.0)
NOISE_DB = (10.0, 35.0)
LONGEST_PAUSE = 0.15  # seconds between two sounds of one crop

Draw = Callable[[np.random.Generator, str], Callable[[], Samples]]


def draw_speech(rng: np.random.Generator, split: str) -> Callable[[], Samples]:
    """A sentence: of what is spoken in documents, or any of the world's texts, for more of the language's sounds."""
    text = sample_text(rng, split) if chance(rng, 0.6) else plainly(next(corpus(rng, 1, split)))
    own = split == "train" and chance(rng, ASSISTANT_RATE)
    voice: Voice = ASSISTANT if own else sample_voice(rng, split)
    return _as_heard(rng, lambda: speak(text, voice))


def draw_melody(rng: np.random.Generator, split: str) -> Callable[[], Samples]:
    performance = PLAIN if chance(rng, PLAIN_RATE) else Performance.sample(rng)
    if chance(rng, CHORD_RATE):
        chord = pick(rng, CHORDS)
        return _as_heard(rng, lambda: play_together(chord.notes, performance))
    melody = sample_melody(rng, split)
    return _as_heard(rng, lambda: play(melody, performance))


def draw_events(rng: np.random.Generator, split: str) -> Callable[[], Samples]:
    kind, count = sample_events(rng)
    style = EventStyle() if chance(rng, PLAIN_RATE) else EventStyle.sample(rng)
    return _as_heard(rng, lambda: sound_events(kind, count, style))


def _as_heard(rng: np.random.Generator, make: Callable[[], Samples]) -> Callable[[], Samples]:
    seed = int(rng.integers(2**63)) if chance(rng, RECORDED_RATE) else None
    return make if seed is None else lambda: recorded(np.random.default_rng(seed), make())


def make_sounds(draws: Iterable[tuple[Draw, int]], seed: int, split: str, label: str) -> list[NDArray[np.int16]]:
    """So many sounds of each kind, ``[N]`` of 16 bits; the same for the same seed.

    Raises:
        InputError: espeak-ng is not installed.
    """
    check_speech()
    rng = np.random.default_rng(seed)
    makers = [draw(rng, split) for draw, count in draws for _ in range(count)]

    def make(maker: Callable[[], Samples]) -> NDArray[np.int16]:
        return (maker() * 32767).round().astype(np.int16)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # speech comes from processes of its own
        return list(tqdm(pool.map(make, makers), total=len(makers), desc=label, unit="sound", mininterval=1.0))


class SoundPool(Dataset[Tensor]):
    """Crops float ``[1, N]`` in [-1, 1]; crop ``i`` begins inside sound ``i`` and goes on with others.

    With ``augment`` the place, what follows, the level and the noise are drawn at random; otherwise crop ``i`` is the
    beginning of sound ``i`` and what follows it in the pool.
    """

    def __init__(self, sounds: Sequence[NDArray[np.int16]], samples: int, augment: bool, noise_rate: float = 0.0) -> None:
        self.sounds, self.samples, self.augment, self.noise_rate = sounds, samples, augment, noise_rate

    def __len__(self) -> int:
        return len(self.sounds)

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**62, ()))) if self.augment else None
        pieces = [self.sounds[index]]
        if rng is not None:
            pieces = [pieces[0][int(rng.integers(max(1, len(pieces[0]) - self.samples // 2))) :]]
        while sum(map(len, pieces)) < self.samples:
            index = (index + 1) % len(self) if rng is None else int(rng.integers(len(self)))
            pause = LONGEST_PAUSE * (0.5 if rng is None else float(rng.random()))
            pieces += [np.zeros(round(pause * SAMPLE_RATE), np.int16), self.sounds[index]]
        crop = torch.from_numpy(np.concatenate(pieces)[: self.samples] / np.float32(32767))
        return (crop if rng is None else self._varied(crop, rng))[None]

    def _varied(self, crop: Tensor, rng: np.random.Generator) -> Tensor:
        """At another level, and sometimes with noise."""
        if rng.random() < self.noise_rate:
            below = 10 ** (-rng.uniform(*NOISE_DB) / 20)
            crop = crop + torch.from_numpy(rng.standard_normal(len(crop)).astype(np.float32)) * crop.std() * below
        crop = crop * 10 ** (rng.uniform(*GAINS_DB) / 20)
        return crop / crop.abs().max().clamp(min=1)


class WorldSounds(L.LightningDataModule):
    """Speech, melodies and events of the world, in crops of one length; validation is speech in held-out voices.

    Batches are float ``[B, 1, N]`` in [-1, 1] at 16 kHz. Speech is made with espeak-ng.

    Args:
        samples: samples of a crop, N.
        speech: spoken sentences in the pool that training draws from.
        melodies: melodies and chords in the pool.
        events: rows of events in the pool.
        noise_rate: share of the crops that noise is added to.
        validation: spoken sentences of the validation.
        batch_size: crops a step.
        seed: of everything drawn here; validation draws from another stream.
    """

    def __init__(
        self,
        samples: int = 16_000,
        speech: int = 6_000,
        melodies: int = 1_500,
        events: int = 500,
        noise_rate: float = 0.1,
        validation: int = 128,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.samples, self.speech, self.melodies, self.events = samples, speech, melodies, events
        self.noise_rate, self.validation, self.batch_size, self.seed = noise_rate, validation, batch_size, seed
        self.train_sounds: list[NDArray[np.int16]] | None = None
        self.validation_sounds: list[NDArray[np.int16]] | None = None

    def setup(self, stage: str) -> None:
        if stage == "fit" and self.train_sounds is None:
            kinds = ((draw_speech, self.speech), (draw_melody, self.melodies), (draw_events, self.events))
            self.train_sounds = make_sounds(kinds, self._stream(1), "train", "making sounds")
        if self.validation_sounds is None:
            kinds = ((draw_speech, self.validation),)
            self.validation_sounds = make_sounds(kinds, self._stream(2), "heldout", "making held-out speech")

    def _stream(self, number: int) -> int:
        return int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])

    def train_dataloader(self) -> DataLoader[Tensor]:
        assert self.train_sounds is not None
        pool = SoundPool(self.train_sounds, self.samples, augment=True, noise_rate=self.noise_rate)
        return DataLoader(pool, self.batch_size, shuffle=True, drop_last=True)

    def val_dataloader(self) -> DataLoader[Tensor]:
        assert self.validation_sounds is not None
        return DataLoader(SoundPool(self.validation_sounds, self.samples, augment=False), self.batch_size)

    def test_dataloader(self) -> DataLoader[Tensor]:
        return self.val_dataloader()
