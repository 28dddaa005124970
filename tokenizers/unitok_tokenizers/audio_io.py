"""Reading and writing sound, with one defined result for every kind of file.

Shape letters: C channels, N samples.
"""

from __future__ import annotations

import io
import math
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import soundfile
import torch
from torch import Tensor

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.media_files import open_media, write_file

MAX_SECONDS: Final = 300.0
"""Longer sounds are refused before they are read, unless the caller asks for more."""
MAX_FRAMES: Final = 16_000_000
"""Of a file, whatever its length in seconds: reading and resampling together stay below half a gigabyte."""
RATES: Final = (2_000, 384_000)
"""Lowest and highest sample rate of a file, in Hz."""
MAX_RATIO: Final = 2_000
"""Largest term of the fraction that two sample rates are reduced to when one is converted to the other."""

_BLOCK: Final = 1 << 20  # values read at once, of all channels
_LOUDEST: Final = 1e30
_UNKNOWN: Final = 2**63 - 1  # libsndfile's number of frames where a header has none, as that of a piped FLAC
_SUFFIXES: Final = {".wav": "WAV", ".flac": "FLAC"}


def load_audio(source: str | Path | bytes | IO[bytes], sample_rate: int, max_seconds: float = MAX_SECONDS) -> Tensor:
    """Reads a sound as one channel, the mean of all, at a given rate: float32 ``[1, N]`` in [-1, 1].

    Anything that libsndfile reads: WAV, FLAC, OGG, MP3 and more. Values beyond [-1, 1] are clipped. Of a file that was
    cut off, what is left is read where its format allows that (WAV, AIFF, MP3); elsewhere (FLAC, OGG) it is an error.

    Args:
        source: A path, the bytes of a file, or a binary file (left open).
        sample_rate: Samples a second of the result.
        max_seconds: Longest sound; checked before any sample is read, as is ``MAX_FRAMES``.

    Raises:
        InputError: The file is missing, empty, unreadable, broken, too long, without a sample, no sound, of a rate
            outside of ``RATES``, or it holds values that are not finite.
    """
    samples, own_rate = read_audio(source, max_seconds)
    return resample(samples, own_rate, sample_rate).clamp(-1, 1)


def read_audio(source: str | Path | bytes | IO[bytes], max_seconds: float = MAX_SECONDS) -> tuple[Tensor, int]:
    """Reads a sound as :func:`load_audio` does, but at the rate that its file has: float32 ``[1, N]``, and that rate.

    Raises:
        InputError: As there.
    """
    return _read_file(source, max_seconds, None)


def load_excerpt(
    source: str | Path | bytes | IO[bytes], sample_rate: int, seconds: float, where: float = 0.0
) -> Tensor:
    """Reads a piece of a sound, as :func:`load_audio` does, without reading the rest: ``[1, seconds * sample_rate]``.

    Args:
        source: As there. The sound may be of any length; a shorter one is filled up with silence.
        sample_rate: Samples a second of the result.
        seconds: Length of the piece.
        where: Where it begins, from 0, at the start, to 1, so that it ends with the sound.

    Raises:
        InputError: As there.
    """
    samples, own_rate = _read_file(source, seconds, where)
    piece = resample(samples, own_rate, sample_rate).clamp(-1, 1)[:, : round(seconds * sample_rate)]
    return torch.nn.functional.pad(piece, (0, round(seconds * sample_rate) - piece.shape[1]))


def resample(samples: Tensor, sample_rate: int, new_rate: int) -> Tensor:
    """Samples float ``[..., N]`` of one rate at another one, band-limited: ``[..., ceil(N * new_rate / sample_rate)]``.

    The filter of `torchaudio` grows with the product of both rates, reduced by their common divisor: gigabytes for
    44,101 to 16,000 Hz. So their ratio is replaced by the nearest fraction with terms of at most ``MAX_RATIO``. It is
    exact for the usual rates and wrong by at most one in 4,000 (less than half a cent) for any other.
    """
    low, high = sorted((sample_rate, new_rate))
    ratio = Fraction(low, high).limit_denominator(MAX_RATIO)
    if ratio == 1:
        return samples
    from torchaudio.functional import resample as convert  # only here: most sounds need none, and it is slow to import

    smaller, larger = ratio.as_integer_ratio()
    return convert(samples, *((smaller, larger) if sample_rate == low else (larger, smaller)))


def save_audio(samples: Tensor, sample_rate: int, path: str | Path, overwrite: bool = False) -> Path:
    """Writes a sound with 16 bits a sample; the file appears whole or not at all.

    Args:
        samples: Float ``[C, N]``; values outside of [-1, 1] are clipped.
        sample_rate: Samples a second.
        path: Where to; the suffix chooses WAV or FLAC.
        overwrite: Whether a file that is already there may be replaced.

    Returns:
        The path that was written.

    Raises:
        InputError: The file exists, its suffix is unknown, it cannot be written, or the samples are no sound.
    """
    path = Path(path)
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"sound {str(path)!r} must end with one of {', '.join(_SUFFIXES)}")
    samples = samples.detach().float().cpu()
    if samples.ndim != 2 or not samples.numel() or not bool(samples.isfinite().all()):
        raise InputError(f"sound {str(path)!r} must be finite samples [C, N], not {list(samples.shape)}")
    # 32768 is what a reader divides by, so that what was read is written as it was.
    values = (samples * 32768).round().clamp(-32768, 32767).to(torch.int16).T.contiguous().numpy()

    def write(file: Any) -> None:
        whole = io.BytesIO()  # libsndfile does not say why it could not write
        try:
            soundfile.write(whole, values, sample_rate, format=kind, subtype="PCM_16")
        except (RuntimeError, TypeError) as error:  # a rate or a number of channels that the format does not have
            raise ValueError(_reason(error)) from error
        file.write(whole.getbuffer())

    return write_file(path, "sound", write, overwrite)


def _read_file(source: str | Path | bytes | IO[bytes], seconds: float, where: float | None) -> tuple[Tensor, int]:
    """The whole of a sound of at most ``seconds``, or ``seconds`` of it from ``where``; and its rate."""
    with open_media(source, "sound") as (file, name):
        try:
            steady: Any = _Steady(file)
            with soundfile.SoundFile(steady) as sound:
                samples = torch.from_numpy(_read(sound, name, seconds, where))
                return samples.clamp(-1, 1)[None], sound.samplerate
        except InputError:
            raise
        except Exception as error:  # headers that contradict themselves raise nearly anything
            raise InputError(
                f"{name} is damaged, or no sound that can be read: {_reason(error)}; give WAV, FLAC, OGG or MP3"
            ) from error


class _Steady:
    """A file whose ``seek`` never raises: damaged headers point before its beginning, and where libsndfile's
    callbacks raise, Python prints a traceback that nobody can catch."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.read, self.tell = file, file.read, file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self.file.seek(offset, whence)
        except (OSError, ValueError):
            return self.file.tell()  # not where it should be, which libsndfile notices


def _read(sound: soundfile.SoundFile, name: str, seconds: float, where: float | None) -> np.ndarray:
    """The mean of the channels, float32 ``[N]`` at the file's own rate."""
    rate, frames = sound.samplerate, sound.frames
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"{name} has a sample rate of {rate} Hz; it must be from {RATES[0]} to {RATES[1]}; convert it")
    if frames == _UNKNOWN:
        raise InputError(f"{name} does not say how long it is; write it to a file anew")
    limit = min(math.ceil(seconds * rate), MAX_FRAMES)
    if where is not None:
        sound.seek(round(where * max(0, frames - limit)))
        frames = min(frames, limit)
    elif frames > limit:
        raise InputError(
            f"{name} is {frames / rate:.0f} seconds long, above the {limit / rate:g} that are read at most; cut it"
        )
    mono, done = np.empty(frames, np.float32), 0
    while done < frames:
        block = sound.read(min(max(1, _BLOCK // sound.channels), frames - done), dtype="float32", always_2d=True)
        if not len(block):  # a file that was cut off
            break
        if not np.isfinite(block).all():
            raise InputError(f"{name} holds values that are not finite (NaN or infinite); write it to a file anew")
        # Far beyond [-1, 1] a sum of channels would be no number.
        mono[done : done + len(block)] = block.clip(-_LOUDEST, _LOUDEST).mean(axis=1)
        done += len(block)
    if not done:
        raise InputError(f"{name} holds no samples; record it again")
    return mono[:done]


def _reason(error: Exception) -> str:
    """What libsndfile says, without the name that it gives to an open file."""
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).removeprefix("Error : ").split()).rstrip(".") or type(error).__name__
