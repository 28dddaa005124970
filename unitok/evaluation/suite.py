"""The parts of an evaluation, in the order in which they are run."""

from __future__ import annotations

from unitok.evaluation import (
    audio_codec,
    captions,
    codec,
    conversations,
    edits,
    events,
    later_turns,
    listening,
    melodies,
    needs,
    other_pictures,
    pictures,
    questions,
    refining,
    speaking,
    speed,
    spoken,
    spoken_conversations,
)
from unitok.evaluation.needs import Means, Measure
from unitok.evaluation.other_words import measure as other_words

MEANS: dict[str, tuple[Measure, tuple[Means, ...]]] = {
    "codec": (codec.measure, (needs.pictures,)),
    "photographs": (codec.measure_photographs, (needs.pictures,)),
    "pictures": (pictures.measure, (needs.pictures,)),
    "heldout": (pictures.measure_held_out, (needs.pictures,)),
    "questions": (questions.measure, (needs.seeing,)),
    "captions": (captions.measure, (needs.seeing,)),
    "edits": (edits.measure, (needs.pictures,)),
    "other_words": (other_words.measure, (needs.pictures,)),
    "other_pictures": (other_pictures.measure, (needs.pictures,)),
    "conversations": (conversations.measure, (needs.pictures,)),
    "refiner": (refining.measure, (needs.pictures, needs.refiner)),
    "audio_codec": (audio_codec.measure, (needs.sounds, needs.speech)),
    "listening": (listening.measure, (needs.hearing, needs.speech)),
    "speaking": (speaking.measure, (needs.sounds, needs.speech)),
    "spoken": (spoken.measure, (needs.pictures, needs.sounds, needs.speech)),
    "spoken_conversations": (spoken_conversations.measure, (needs.pictures, needs.sounds, needs.speech)),
    "melodies": (melodies.measure, (needs.sounds,)),
    "events": (events.measure, (needs.sounds,)),
    "later_turns": (later_turns.measure, (needs.pictures, needs.sounds, needs.speech)),
    "speed": (speed.measure, (needs.pictures,)),
}
"""What measures each, and what that needs."""

SECTIONS: dict[str, Measure] = {name: needs.guarded(name, measure, means) for name, (measure, means) in MEANS.items()}
