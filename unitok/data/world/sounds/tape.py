"""Spoken parts of documents: the assistant's voice, each text once, and users' recordings."""

from __future__ import annotations

import numpy as np

from unitok.data.world.sounds.recording import recorded
from unitok.data.world.sounds.signals import as_audio
from unitok.data.world.sounds.speech import speak
from unitok.data.world.sounds.spoken import plainly
from unitok.data.world.sounds.voices import ASSISTANT, sample_voice
from unitok.document import Audio


class Tape:
    """Speaks texts as the assistant; asking again for the same words gives the same part, as an album does."""

    def __init__(self) -> None:
        self._parts: dict[str, Audio] = {}

    def spoken(self, text: str) -> Audio:
        words = plainly(text)
        if words not in self._parts:
            self._parts[words] = as_audio(speak(words, ASSISTANT))
        return self._parts[words]


def users_speech(rng: np.random.Generator, text: str, split: str = "train") -> Audio:
    """``text``, with its marks, in a user's voice and as a microphone gives it; ``split`` is that of the voice."""
    return as_audio(recorded(rng, speak(text, sample_voice(rng, split))))


def seconds_of(sound: Audio) -> float:
    """How long a sound with samples lasts."""
    assert sound.samples is not None and sound.sample_rate
    return sound.samples.shape[-1] / sound.sample_rate
