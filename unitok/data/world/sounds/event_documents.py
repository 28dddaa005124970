"""Events: what sound is it and how many, and making them."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import NUMBER_WORDS, number_word
from unitok.data.world.sounds.events import EventStyle, event_noun, events_text, sound_events
from unitok.data.world.sounds.recording import recorded
from unitok.data.world.sounds.signals import as_audio
from unitok.data.world.sounds.wording import typed
from unitok.data.world.templates import chance
from unitok.data.world.turns import answered, with_words
from unitok.document import Audio, Document, Text

WHAT_WORDINGS = (
    "(what|which) sound is (it|this|that)(, and how many( times|)| and how many( are there|))",
    "what (do you hear|is this|can be heard|is to be heard)( here| in the recording|)",
    "(what|which) sounds (are these|do you hear|are there)",
    "(what|which) sound is this and how often( does it come|)",
    "(name|describe) (the sound|the sounds|what you hear)",
    "what is it, and how many (times|of it|are there)",
)
COUNT_WORDINGS = (
    "how many {things} (are there|do you hear|are there in the recording|can you hear)",
    "how often do you hear a {thing}",
    "count the {things}",
    "(what is the |)number of {things}",
)
COUNT_ANY_WORDINGS = (
    "how many (sounds|sounds|times|events) (are there|do you hear|is it)",
    "how often (does it sound|do you hear it|does it come)",
    "count the sounds",
)
MAKING_WORDINGS = (
    "(make|make|play|give me|create|produce|please make) {n} {things}",
    "(i want|i'd like|let me hear|i need) {n} {things}",
    "(sound|sound effect|noise|make): {n} {things}",
    "(make|play) the sound of {n} {things}",
    "(can|could) you (make|play) {n} {things}",
    "{n} {things}(, please|)",
)
VERB_WORDINGS: dict[str, str] = {
    "beep": "(please |)beep {times}",
    "knock": "(please |)knock {times}( on the door| on wood|)",
}

_TIMES = ("once", "twice")


def event_question(rng: np.random.Generator, kind: str, count: int) -> tuple[str, str]:
    """A question about events and its answer: ``three beeps``, or the number alone."""
    if chance(rng, 0.55):
        return typed(rng, WHAT_WORDINGS), events_text(kind, count)
    if chance(rng, 0.3):
        return typed(rng, COUNT_ANY_WORDINGS), NUMBER_WORDS[count]
    return typed(rng, COUNT_WORDINGS, things=event_noun(kind, 2), thing=kind), NUMBER_WORDS[count]


def event_order(rng: np.random.Generator, kind: str, count: int) -> str:
    """What a user types to have events made."""
    if kind in VERB_WORDINGS and chance(rng, 0.25):
        times = _TIMES[count - 1] if count <= len(_TIMES) else f"{number_word(rng, count)} times"
        return typed(rng, VERB_WORDINGS[kind], times=times)
    number = "a" if count == 1 and chance(rng, 0.6) else number_word(rng, count)
    return typed(rng, MAKING_WORDINGS, n=number, things=event_noun(kind, count))


def events_by_user(rng: np.random.Generator, kind: str, count: int) -> Audio:
    """Events as users' microphones give them, no two alike."""
    return as_audio(recorded(rng, sound_events(kind, count, EventStyle.sample(rng))))


def asking(rng: np.random.Generator, kind: str, count: int) -> Document:
    question, answer = event_question(rng, kind, count)
    return answered(with_words(rng, events_by_user(rng, kind, count), question), Text(answer))


def making(rng: np.random.Generator, kind: str, count: int) -> Document:
    return answered((Text(event_order(rng, kind, count)),), as_audio(sound_events(kind, count)))
