"""Events: beeps, sweeps, bursts of noise and knocks, several of a kind in a row.

Shape letters: N samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitok.data.world.phrases import NUMBER_WORDS, plural
from unitok.data.world.sounds.signals import FRAME_SECONDS, SAMPLE_RATE, Samples, at_level, faded, samples_of
from unitok.data.world.templates import pick

MOST_EVENTS = 6
LEVEL = 0.12

BEEP_HERTZ, SWEEP_HERTZ, KNOCK_HERTZ = 1000.0, (400.0, 1600.0), 180.0

_NOISE_SEED = 7
"""The model's bursts are all one burst: nobody can hear the difference, and a codec writes it with the same codes."""


@dataclass(frozen=True)
class EventStyle:
    """How events sound; the default is how the model makes them. ``pitch`` and ``length`` are factors, ``pause`` is in
    seconds, and ``noise`` the seed of what is random in them."""

    pitch: float = 1.0
    length: float = 1.0
    pause: float = 4 * FRAME_SECONDS
    noise: int = _NOISE_SEED

    @staticmethod
    def sample(rng: np.random.Generator) -> EventStyle:
        pitch, length = (float(np.exp2(rng.uniform(-0.4, 0.4))) for _ in range(2))
        return EventStyle(pitch, length, float(rng.uniform(0.12, 0.24)), int(rng.integers(2**32)))


CANONICAL_EVENTS = EventStyle()


def _time(seconds: float) -> Samples:
    return (np.arange(samples_of(seconds)) / SAMPLE_RATE).astype(np.float32)


def _beep(style: EventStyle) -> Samples:
    return np.sin(2 * np.pi * BEEP_HERTZ * style.pitch * _time(4 * FRAME_SECONDS * style.length))


def _sweep(style: EventStyle, first: float, last: float) -> Samples:
    """A tone whose pitch moves by the same interval in the same time."""
    time = _time(7 * FRAME_SECONDS * style.length)
    rate = np.log(last / first) / time[-1]
    return np.sin(2 * np.pi * style.pitch * first * np.expm1(rate * time) / rate)


def _rising(style: EventStyle) -> Samples:
    return _sweep(style, *SWEEP_HERTZ)


def _falling(style: EventStyle) -> Samples:
    return _sweep(style, *SWEEP_HERTZ[::-1])


def _burst(style: EventStyle) -> Samples:
    rng = np.random.default_rng(style.noise)
    return rng.uniform(-1, 1, samples_of(4 * FRAME_SECONDS * style.length)).astype(np.float32)


def _knock(style: EventStyle) -> Samples:
    """A low thud with a click at its start."""
    time = _time(2 * FRAME_SECONDS)
    rng = np.random.default_rng(style.noise)
    thud = np.sin(2 * np.pi * KNOCK_HERTZ * style.pitch * time) * np.exp(-45 * time)
    return thud + 0.5 * rng.uniform(-1, 1, len(time)).astype(np.float32) * np.exp(-400 * time)


EVENTS: dict[str, Callable[[EventStyle], Samples]] = {
    "beep": _beep,
    "rising sweep": _rising,
    "falling sweep": _falling,
    "burst of noise": _burst,
    "knock": _knock,
}


def event_noun(kind: str, count: int) -> str:
    """``beep``, ``bursts of noise``."""
    if count == 1:
        return kind
    head, of, rest = kind.partition(" of ")
    return plural(head) + of + rest


def events_text(kind: str, count: int) -> str:
    """``three beeps``: the assistant's words; digits where the world has no word for the number."""
    number = NUMBER_WORDS[count] if count < len(NUMBER_WORDS) else str(count)
    return f"{number} {event_noun(kind, count)}"


EVENTS_OF_TEXT = {events_text(kind, count): (kind, count) for kind in EVENTS for count in range(1, MOST_EVENTS + 1)}


def sound_events(kind: str, count: int, style: EventStyle = CANONICAL_EVENTS) -> Samples:
    """``count`` events of a kind with pauses between them, float32 ``[N]``."""
    one = faded(at_level(EVENTS[kind](style).astype(np.float32), LEVEL), fade_in=0.002 if kind == "knock" else 0.008)
    pause = np.zeros(samples_of(style.pause), np.float32)
    return np.concatenate([one, *[pause, one] * (count - 1)])


def sample_events(rng: np.random.Generator) -> tuple[str, int]:
    """A kind of event and how many of it."""
    return pick(rng, list(EVENTS)), int(rng.integers(1, MOST_EVENTS + 1))
