"""Sounds as parts of documents: from a file, as a file, and at a codec's rate.

Shape letters: N samples.
"""

from __future__ import annotations

import io
from pathlib import Path

import soundfile
from torch import Tensor

from unitok.parts import Audio
from unitok_tokenizers.audio_io import RATES, read_audio, resample
from unitok_tokenizers.errors import InputError


def load_sound(source: str | Path | bytes) -> Audio:
    """Reads a sound at the rate that its file has, its channels mixed to one.

    Args:
        source: A path, or the bytes of a file.

    Raises:
        InputError: As :func:`unitok_tokenizers.audio_io.read_audio`.
    """
    return Audio(*read_audio(source))


def to_wav(sound: Audio) -> bytes:
    """A file with 32 bits a sample, so that nothing is lost.

    Raises:
        InputError: The sound is codes alone.
    """
    if sound.samples is None or sound.sample_rate is None:
        raise InputError("audio of codes alone has no JSON form; decode it to a sound first")
    buffer = io.BytesIO()
    soundfile.write(buffer, sound.samples.T.numpy(), sound.sample_rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def samples_at(sound: Audio, sample_rate: int) -> Tensor:
    """float32 ``[1, N]`` in [-1, 1]: the mean of a sound's channels, at another rate.

    Raises:
        InputError: The sound is codes alone, or its rate cannot be converted.
    """
    if sound.samples is None or sound.sample_rate is None:
        raise InputError("audio of codes alone has no samples; decode it first")
    low, high = RATES
    if sound.sample_rate != sample_rate and not low <= sound.sample_rate <= high:
        raise InputError(f"a sound has a sample rate of {sound.sample_rate} Hz; it must be from {low} to {high}")
    return resample(sound.samples.mean(dim=0, keepdim=True), sound.sample_rate, sample_rate).clamp(-1, 1)
