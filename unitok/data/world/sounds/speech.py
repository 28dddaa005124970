"""Words spoken by espeak-ng, a program of its own that is needed for training and evaluating only.

One process speaks one text: that costs tens of milliseconds, and the result depends on text and voice alone. (The
library keeps state from one text to the next.)

Shape letters: N samples.
"""

from __future__ import annotations

import math
import subprocess
from functools import lru_cache
from shutil import which

import numpy as np
from scipy.signal import resample_poly

from unitok.data.world.sounds.signals import SAMPLE_RATE, Samples, at_level, silence
from unitok.data.world.sounds.voices import Voice
from unitok_tokenizers.errors import InputError

PROGRAM = "espeak-ng"
LEVEL = 0.08
"""Root mean square of all speech."""

_SILENT = 0.01  # of the loudest stretch: about -40 dB
_STRETCHES = 200  # a second
_SECONDS = 60


def check_speech() -> None:
    """Raises `InputError` when espeak-ng is not installed."""
    if which(PROGRAM) is None:
        how = f"on a Mac brew install {PROGRAM}, elsewhere apt-get install {PROGRAM}"
        raise InputError(f"speech is made with {PROGRAM}, which is not installed: {how}")


@lru_cache(maxsize=256)
def speak(text: str, voice: Voice) -> Samples:
    """``text`` in ``voice``: float32 ``[N]`` at 16 kHz without silence around it; not to be written to.

    Raises:
        InputError: espeak-ng is not installed, does not know the voice, or finds nothing to say.
    """
    check_speech()
    command = [PROGRAM, "--stdin", "--stdout", "-b", "1", "-v", voice.name]
    command += ["-s", str(voice.speed), "-p", str(voice.pitch)]
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            start_new_session=True,  # Ctrl-C is for this process, which may have a step to end first
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{PROGRAM} does not answer ({error}); install it again") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise InputError(f"{PROGRAM} cannot speak as {voice.name!r}: {lines[-1]}")
    spoken, rate = _read_wave(done.stdout) if done.stdout else (silence(0), SAMPLE_RATE)
    loud = _without_silence(spoken, rate)
    if not len(loud):
        raise InputError(f"{PROGRAM} says nothing for the text {text!r}; give it words")
    common = math.gcd(SAMPLE_RATE, rate)
    samples = at_level(resample_poly(loud, SAMPLE_RATE // common, rate // common).astype(np.float32), LEVEL)
    samples.setflags(write=False)
    return samples


def _read_wave(data: bytes) -> tuple[Samples, int]:
    """Samples and rate of 16-bit mono WAV data. Its length fields are not set, since it comes through a pipe."""
    start = data.index(b"data") + 8
    samples = np.frombuffer(data[start : len(data) - (len(data) - start) % 2], "<i2")
    return (samples / 2**15).astype(np.float32), int.from_bytes(data[24:28], "little")


def _without_silence(samples: Samples, rate: int) -> Samples:
    """The part from the first to the last loud stretch; nothing when all is silent."""
    step = rate // _STRETCHES
    whole = len(samples) // step
    level = np.sqrt(np.mean(samples[: whole * step].reshape(whole, step) ** 2, axis=1))
    loud = np.flatnonzero(level > _SILENT * level.max(initial=0.0))
    return samples[loud[0] * step : (loud[-1] + 1) * step] if len(loud) else samples[:0]
