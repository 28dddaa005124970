"""Sounds of the world to train an audio codec on: speech, melodies, events, and mixtures of them with noise.

Shape letters: B batch, N samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import lightning as L
import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from unitok.checks import usable_cores
from unitok.data.pools import training_batches
from unitok.data.sounds import SoundPool, check_seconds
from unitok.data.world.sounds.events import EventStyle, sample_events, sound_events
from unitok.data.world.sounds.instruments import PLAIN, Performance, play, play_together
from unitok.data.world.sounds.notes import CHORDS, sample_melody
from unitok.data.world.sounds.recording import noise_below, recorded
from unitok.data.world.sounds.signals import SAMPLE_RATE, Samples, samples_of, silence
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
TEXTS = 16
"""Of the world's documents, of which one is spoken: those of one scene come in order, requests first."""

PLAIN_RATE = 0.4
"""Melodies as the model plays them."""

GAINS_DB = (-12.0, 3.0)
NOISE_DB = (10.0, 35.0)
LONGEST_PAUSE = 0.15  # seconds between two sounds

Draw = Callable[[np.random.Generator, str], Callable[[], Samples]]


def draw_speech(rng: np.random.Generator, split: str) -> Callable[[], Samples]:
    """A sentence: of what is spoken in documents, or any of the world's texts, for more of the language's sounds."""
    text = sample_text(rng, split) if chance(rng, 0.6) else plainly(pick(rng, list(corpus(rng, TEXTS, split))))
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


def make_sounds(rng: np.random.Generator, counts: Mapping[Draw, int], split: str, label: str) -> list[Samples]:
    """So many sounds of each kind, ``[N]`` in [-1, 1].

    Raises:
        InputError: espeak-ng is not installed.
    """
    check_speech()
    makers = [draw(rng, split) for draw, count in counts.items() for _ in range(count)]
    with ThreadPoolExecutor(usable_cores()) as pool:  # speech comes from processes of its own
        made = pool.map(lambda make: make(), makers)
        return list(tqdm(made, total=len(makers), desc=label, unit="sound", mininterval=1.0))


def joined(
    rng: np.random.Generator, sounds: Sequence[Samples], samples: int, noise_rate: float = 0.0
) -> Iterator[Samples]:
    """All sounds in any order, each at a level of its own, in tracks of at least ``samples`` and with pauses between
    them, so that no piece of a track is mostly silence; the last track may be shorter."""
    track: list[Samples] = []
    order = rng.permutation(len(sounds)).tolist()
    for number, index in enumerate(order, 1):
        sound = sounds[index]
        if chance(rng, noise_rate):
            sound = sound + noise_below(rng, sound, float(rng.uniform(*NOISE_DB)))
        gain = 10 ** (float(rng.uniform(*GAINS_DB)) / 20)
        loudest = max(float(np.abs(sound).max()), 1e-6)
        track += [sound * np.float32(min(gain, 1 / loudest)), silence(float(rng.uniform(0, LONGEST_PAUSE)))]
        if sum(map(len, track)) >= samples or number == len(order):
            yield np.concatenate(track)
            track = []


class WorldSounds(L.LightningDataModule):
    """Speech, melodies and events of the world, in pieces of one length; validation is speech in held-out voices.

    Batches are float ``[B, 1, N]`` in [-1, 1] at 16 kHz. Speech is made with espeak-ng.

    Args:
        seconds: length of a piece to train on; a whole number of the codec's frames.
        validation_seconds: length of a piece to validate on.
        speech: spoken sentences to train on.
        melodies: melodies and chords to train on.
        events: rows of events to train on.
        noise_rate: share of them all that lie in noise.
        validation: spoken sentences to validate on.
        batch_size: pieces a step.
        seed: of everything drawn here; validation draws from another stream.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        seconds: float = 1.0,
        validation_seconds: float = 2.0,
        speech: int = 6_000,
        melodies: int = 1_500,
        events: int = 500,
        noise_rate: float = 0.1,
        validation: int = 128,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_seconds(seconds, validation_seconds)
        self.seconds, self.validation_seconds, self.batch_size = seconds, validation_seconds, batch_size
        self.counts = {draw_speech: speech, draw_melody: melodies, draw_events: events}
        self.noise_rate, self.validation, self.seed = noise_rate, validation, seed
        self.train_pool: SoundPool | None = None
        self.validation_pool: SoundPool | None = None

    def setup(self, stage: str) -> None:
        if stage == "fit" and self.train_pool is None:
            rng = self._rng(1)
            sounds = make_sounds(rng, self.counts, "train", "making sounds")
            tracks = list(joined(rng, sounds, samples_of(self.seconds), self.noise_rate))
            self.train_pool = SoundPool(tracks, samples_of(self.seconds), random=True)
        if self.validation_pool is None:
            sounds = make_sounds(self._rng(2), {draw_speech: self.validation}, "heldout", "making held-out speech")
            self.validation_pool = SoundPool(sounds, samples_of(self.validation_seconds), random=False)

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])

    def train_dataloader(self) -> DataLoader[Tensor]:
        assert self.train_pool is not None
        return training_batches(self.train_pool, self.batch_size, self.trainer)

    def val_dataloader(self) -> DataLoader[Tensor]:
        assert self.validation_pool is not None
        return DataLoader(self.validation_pool, self.batch_size)

    def test_dataloader(self) -> DataLoader[Tensor]:
        return self.val_dataloader()
