"""The audio codec: what survives the way through the codes.

Shape letters: N samples, K codebooks, V codes of one codebook, T frames of codes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from unitok.data.world.sounds.event_documents import events_by_user
from unitok.data.world.sounds.events import events_text, sample_events
from unitok.data.world.sounds.instruments import play
from unitok.data.world.sounds.melody_documents import played_by_user
from unitok.data.world.sounds.notes import melody_text, sample_melody
from unitok.data.world.sounds.signals import SAMPLE_RATE, as_audio
from unitok.data.world.sounds.speech import speak
from unitok.data.world.sounds.spoken import plainly, sample_text
from unitok.data.world.sounds.tape import users_speech
from unitok.data.world.sounds.voices import ASSISTANT, Voice, sample_voice
from unitok.document import Audio
from unitok.evaluation.audio_metrics import has_stoi, mel_distance, si_sdr, stoi
from unitok.evaluation.codebooks import codebook_figures
from unitok.evaluation.figures import Figure, share
from unitok.evaluation.findings import Findings
from unitok.evaluation.melody_oracle import read_melody
from unitok.evaluation.setup import Setup
from unitok.evaluation.sound_setup import error_rate, hear, heard_words
from unitok.sounds import samples_at
from unitok.viz import spectrogram
from unitok_detokenizers.audio import AudioDetokenizer
from unitok_tokenizers import Detokenizer, Tokenizer

SECTION = "audio_codec"
STOI_TARGET, USAGE_TARGET = 0.88, 90.0


class AudioCodec(NamedTuple):
    """An audio tokenizer and its detokenizer, on one device."""

    tokenizer: Tokenizer
    detokenizer: Detokenizer
    device: torch.device

    @staticmethod
    def of(setup: Setup) -> AudioCodec:
        processor = setup.model.processor
        assert processor.audio_tokenizer is not None and processor.audio_detokenizer is not None
        return AudioCodec(processor.audio_tokenizer, processor.audio_detokenizer, setup.model.device)

    def through(self, sound: Audio) -> tuple[Tensor, Tensor, Tensor]:
        """Codes ``[K, T]``, the sound and its reconstruction ``[1, 1, N]`` at the codec's rate, on the CPU."""
        assert self.tokenizer.spec.sample_rate
        samples = samples_at(sound, self.tokenizer.spec.sample_rate)[None]
        codes = self.tokenizer.encode(samples.to(self.device))[0].cpu()
        return codes, samples, self.back(codes, samples.shape[-1])

    def back(self, codes: Tensor, length: int) -> Tensor:
        """The sound ``[1, 1, N]`` of codes ``[K, T]``, or of those of the first codebooks, cut to a length."""
        return self.detokenizer.decode(codes[None].to(self.device))[..., :length].clamp(-1, 1).cpu()


class Through(NamedTuple):
    """A sound that went through the codec: what it says or is, and what came of it."""

    name: str
    codes: Tensor
    sound: Tensor
    other: Tensor


def measure(setup: Setup) -> Findings:
    """How near speech comes, whether the oracles still hear the same words and notes, and how codes are used."""
    codec = AudioCodec.of(setup)
    rate = codec.tokenizer.spec.sample_rate
    assert rate is not None
    with tqdm(total=len(GROUPS) * setup.samples, desc=SECTION, unit="sound", file=sys.stderr) as bar:
        groups: dict[str, list[Through]] = {}
        for name, make in GROUPS.items():
            groups[name] = []
            for index in range(setup.samples):
                text, sound = make(setup.rng(f"{SECTION}, {name}", index))
                groups[name].append(Through(text, *codec.through(sound)))
                bar.update()
    heard = [one for group in groups.values() for one in group]
    codes = torch.cat([one.codes for one in heard], dim=1)  # [K, frames of all]
    counts = torch.stack([torch.bincount(one, minlength=codec.tokenizer.spec.codebook_size) for one in codes])
    voices, own, melodies = groups[VOICES], groups[OWN], groups[MELODIES]
    wanted = [heard_words(one.name) for one in own]
    got = [hear(_at_oracles_rate(one.other, rate)) for one in own]
    right = [melody_text(read_melody(_at_oracles_rate(one.other, rate))) == one.name for one in melodies]
    shown = {name: one for name, group in groups.items() for one in [_example(group)] if one is not None}
    return Findings(
        [
            _intelligibility(VOICES, voices, rate, STOI_TARGET),
            _intelligibility(OWN, own, rate),
            *_coarsely(codec, voices, rate),
            *_distances(voices, rate),
            Figure(SECTION, "words recognized, the model's voice", 100 - error_rate(got, wanted), "%", count=len(own)),
            share(SECTION, "the oracle reads the same notes", right),
            *codebook_figures(SECTION, counts, USAGE_TARGET, len(heard)),
        ],
        pictures=[(spectrogram(one.sound[0, 0], rate), spectrogram(one.other[0, 0], rate)) for one in shown.values()],
        headings=("what went in, and what came back",),
        labels=tuple(f"{name}: {one.name}" for name, one in shown.items()),
    )


def _example(group: list[Through]) -> Through | None:
    """The first sound of a group that has words or notes to be named by."""
    return next((one for one in group if one.name), None)


def _speech(rng: np.random.Generator, voice: Voice) -> tuple[str, Audio]:
    text = plainly(sample_text(rng, "heldout"))
    return text, as_audio(speak(text, voice))


def _melody(rng: np.random.Generator) -> tuple[str, Audio]:
    melody = sample_melody(rng, "heldout")
    return melody_text(melody), as_audio(play(melody))


def _other(rng: np.random.Generator) -> tuple[str, Audio]:
    """Events, and melodies and speech as users record them, without their names: here only their codes are counted."""
    draw = rng.random()
    if draw < 0.3:
        kind, count = sample_events(rng)
        return events_text(kind, count), events_by_user(rng, kind, count)
    return "", played_by_user(rng, sample_melody(rng)) if draw < 0.6 else users_speech(rng, sample_text(rng))


VOICES, OWN, MELODIES = "held-out voices", "the model's voice", "melodies"
GROUPS: dict[str, Callable[[np.random.Generator], tuple[str, Audio]]] = {
    VOICES: lambda rng: _speech(rng, sample_voice(rng, "heldout")),
    OWN: lambda rng: _speech(rng, ASSISTANT),
    MELODIES: _melody,
    "other sounds": _other,
}
"""Sounds that go through the codec, each with its words or notes."""


def _at_oracles_rate(sound: Tensor, rate: int) -> NDArray[np.float32]:
    return samples_at(Audio(sound[0], rate), SAMPLE_RATE)[0].numpy()


def _intelligibility(name: str, group: list[Through], rate: int, target: float | None = None) -> Figure:
    name = f"STOI, {name}"
    if not has_stoi():
        note = "needs pystoi: pip install unitok-multimodal[evaluate]"
        return Figure(SECTION, name, None, target=target, note=note)
    values = torch.cat([stoi(one.sound, one.other, rate) for one in group])
    known = values[~values.isnan()]  # a short word is no case for it
    mean = known.mean().item() if len(known) else None
    return Figure(SECTION, name, mean, target=target, count=len(known), note="" if len(known) else "too short")


def _coarsely(codec: AudioCodec, group: list[Through], rate: int) -> list[Figure]:
    """Intelligibility at the lower bit rates of one of our residual codecs: with the first codebooks alone."""
    if not isinstance(codec.detokenizer, AudioDetokenizer) or codec.detokenizer.config.codebook.combine != "sum":
        return []
    return [
        _intelligibility(
            f"{VOICES}, {kept} of {codec.tokenizer.spec.num_codebooks} codebooks",
            [one._replace(other=codec.back(one.codes[:kept], one.sound.shape[-1])) for one in group],
            rate,
        )
        for kept in range(1, codec.tokenizer.spec.num_codebooks)
    ]


def _distances(group: list[Through], rate: int) -> list[Figure]:
    mel = torch.cat([mel_distance(one.sound, one.other, rate) for one in group]).mean().item()
    signal = torch.cat([si_sdr(one.sound, one.other) for one in group]).mean().item()
    return [
        Figure(SECTION, f"mel distance, {VOICES}", mel, "dB", lower_is_better=True, count=len(group)),
        Figure(SECTION, f"SI-SDR, {VOICES}", signal, "dB", count=len(group)),
    ]
