"""The parts of an evaluation, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable

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
    other_pictures,
    pictures,
    questions,
    refining,
    speaking,
    speed,
    spoken,
    spoken_conversations,
)
from unitok.evaluation.findings import Findings
from unitok.evaluation.other_words import measure as other_words
from unitok.evaluation.setup import Setup

SECTIONS: dict[str, Callable[[Setup], Findings]] = {
    "codec": codec.measure,
    "photographs": codec.measure_photographs,
    "pictures": pictures.measure,
    "heldout": pictures.measure_held_out,
    "questions": questions.measure,
    "captions": captions.measure,
    "edits": edits.measure,
    "other_words": other_words.measure,
    "other_pictures": other_pictures.measure,
    "conversations": conversations.measure,
    "refiner": refining.measure,
    "audio_codec": audio_codec.measure,
    "listening": listening.measure,
    "speaking": speaking.measure,
    "spoken": spoken.measure,
    "spoken_conversations": spoken_conversations.measure,
    "melodies": melodies.measure,
    "events": events.measure,
    "later_turns": later_turns.measure,
    "speed": speed.measure,
}
