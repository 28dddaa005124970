"""Reads notes and chords from a sound without any learned part: onsets by energy, pitches by autocorrelation.

Shape letters: N samples, L lags.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.signal import find_peaks

from unitok.data.world.sounds.instruments import TIMBRES, tone
from unitok.data.world.sounds.notes import CHORDS, HIGHEST, LOWEST, NOTES, Chord, Melody, frequency
from unitok.data.world.sounds.signals import SAMPLE_RATE
from unitok.evaluation.sound_levels import STEPS_PER_SECOND, in_samples, levels, runs

SILENT_DB = -26.0
DIP_DB = 8.0
"""A note begins where the sound has been so much fainter before; or where the pitch moves on."""

LEVEL_STEPS = 7
"""Levels are taken over 35 ms, so that partials that beat against each other are no dips."""

SHORTEST_NOTE = 0.08
"""Seconds; what is shorter is no note."""

LEAST_PERIODIC = 0.5
"""The autocorrelation of a note, at its period, is at least so high."""

_OCTAVE_SHARE = 0.85
"""The shortest period whose autocorrelation comes so near to the highest is the pitch's."""

_WINDOW = 640  # 40 ms: ten periods of the lowest note
_SLACK = 1.5  # semitones beyond the lowest and the highest note that are still looked at

Sound = NDArray[np.floating]


def read_melody(samples: Sound) -> Melody:
    """The notes in a sound ``[N]`` at 16 kHz, in order; notes below C4 and above B5 are not known and left out."""
    notes: list[int] = []
    for start, end in _stretches(samples):
        notes += _notes_between(np.asarray(samples[in_samples(start) : in_samples(end)], np.float64))
    return tuple(note for note in notes if LOWEST <= note <= HIGHEST)


def _stretches(samples: Sound) -> list[tuple[int, int]]:
    """Steps from one onset to the next or to silence."""
    level = levels(samples, LEVEL_STEPS)
    dips, _ = find_peaks(-level, prominence=DIP_DB)
    sounding = level > SILENT_DB
    sounding[dips] = False
    return runs(sounding, shortest=round(0.75 * SHORTEST_NOTE * STEPS_PER_SECOND))


def _notes_between(samples: NDArray[np.float64]) -> list[int]:
    """Notes that follow each other without a pause: stretches of one pitch, at least ``SHORTEST_NOTE`` long."""
    hop = _WINDOW // 4
    windows = np.lib.stride_tricks.sliding_window_view(samples, min(_WINDOW, len(samples)))[::hop]
    pitches = np.array([_nearest_note(window[None]) or 0 for window in windows])
    least = round(SHORTEST_NOTE * SAMPLE_RATE / hop)
    changes = np.flatnonzero(np.diff(pitches)) + 1
    stable = [part for part in np.split(np.arange(len(pitches)), changes) if len(part) >= least and pitches[part[0]]]
    found = [int(pitches[part[0]]) for part in stable]
    if len(set(found)) > 1:
        return [note for i, note in enumerate(found) if i == 0 or note != found[i - 1]]
    note = _nearest_note(windows)
    return [] if note is None else [note]


def _nearest_note(windows: NDArray[np.float64]) -> int | None:
    """The note of windows ``[n, N]`` taken together; None when they have no pitch."""
    correlation = _autocorrelation(windows)
    low, high = (SAMPLE_RATE / frequency(note) for note in (HIGHEST + _SLACK, LOWEST - _SLACK))
    peaks, _ = find_peaks(correlation[: int(high) + 2])
    peaks = peaks[peaks >= int(low)]
    if not len(peaks) or correlation[peaks].max() < LEAST_PERIODIC:
        return None
    first = int(peaks[correlation[peaks] >= _OCTAVE_SHARE * correlation[peaks].max()][0])
    before, at, after = correlation[first - 1 : first + 2]
    period = first + 0.5 * (before - after) / (before - 2 * at + after)
    return round(69 + 12 * np.log2(SAMPLE_RATE / period / 440))


def _autocorrelation(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[L]``, summed over windows ``[n, N]``, 1 at lag 0 and as if windows had no end."""
    length = windows.shape[-1]
    tapered = (windows - windows.mean(-1, keepdims=True)) * np.hanning(length)
    power = np.abs(np.fft.rfft(tapered, 2 * length)) ** 2
    correlation = np.fft.irfft(power.sum(0))[:length]
    return correlation / max(correlation[0], 1e-12) / _taper(length)


@lru_cache(maxsize=64)
def _taper(length: int) -> NDArray[np.float64]:
    """The autocorrelation ``[L]`` of the window itself, 1 at lag 0."""
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(length), 2 * length)) ** 2)[:length]
    return np.maximum(taper / taper[0], 0.05)


# --------------------------------------------------------------------------- chords

_BINS_PER_OCTAVE = 24
_OCTAVES = 5


def read_chord(samples: Sound) -> Chord | None:
    """The chord whose three notes explain most of a sound ``[N]``; None when it is silent."""
    spectrum = _log_spectrum(samples)
    if not spectrum.any():
        return None
    weights, _ = nnls(_tone_spectra().T, spectrum)
    of_notes = dict(zip(NOTES, weights.reshape(len(TIMBRES), len(NOTES)).sum(0).tolist(), strict=True))
    return max(CHORDS, key=lambda chord: sum(of_notes[note] ** 0.5 for note in chord.notes))


@lru_cache(maxsize=1)
def _tone_spectra() -> NDArray[np.float64]:
    """``[timbres * notes, bins]``."""
    return np.stack([_log_spectrum(tone([note], timbre, 0.5)) for timbre in TIMBRES.values() for note in NOTES])


def _log_spectrum(samples: Sound) -> NDArray[np.float64]:
    """Magnitudes in bins of a quarter tone from a quarter tone below C4 on, of length 1; zeros for silence."""
    size = 2 ** max(14, int(np.ceil(np.log2(max(len(samples), 1)))))
    magnitudes = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)[1:]
    bins = np.round(_BINS_PER_OCTAVE * np.log2(hertz / frequency(LOWEST - 0.5))).astype(int)
    inside = (bins >= 0) & (bins < _BINS_PER_OCTAVE * _OCTAVES)
    spectrum = np.zeros(_BINS_PER_OCTAVE * _OCTAVES)
    np.maximum.at(spectrum, bins[inside], magnitudes[1:][inside])
    length = float(np.linalg.norm(spectrum))
    return spectrum / length if length > 1e-9 else np.zeros_like(spectrum)
