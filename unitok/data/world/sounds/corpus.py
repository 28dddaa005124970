"""What is typed beside sounds, without a sound: text to train a text tokenizer on, which needs no espeak-ng."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unitok.data.world.sounds.continuations import counting_order, melody_order
from unitok.data.world.sounds.event_documents import event_order, event_question
from unitok.data.world.sounds.events import sample_events
from unitok.data.world.sounds.melody_documents import chord_naming_order, chord_order, naming_order, play_order
from unitok.data.world.sounds.notes import CHORDS, melody_text, sample_melody
from unitok.data.world.sounds.scene_documents import aloud_order, caption_order, drawing_order
from unitok.data.world.sounds.speech_documents import reading_order, transcription_order
from unitok.data.world.sounds.spoken import plainly, sample_text
from unitok.data.world.templates import pick


def sound_corpus(rng: np.random.Generator, n: int, split: str = "train") -> Iterator[str]:
    """``n`` texts of users and assistants, as they occur beside sounds."""
    kinds = (
        lambda: [reading_order(rng, sample_text(rng, split))],
        lambda: [transcription_order(rng), plainly(sample_text(rng, split))],
        lambda: [pick(rng, (caption_order, drawing_order, aloud_order))(rng)],
        lambda: [play_order(rng, sample_melody(rng, split))[0]],
        lambda: [naming_order(rng), melody_text(sample_melody(rng, split))],
        lambda: [chord_order(rng, pick(rng, CHORDS))[0], chord_naming_order(rng), pick(rng, CHORDS).name],
        lambda: [*event_question(rng, *sample_events(rng)), event_order(rng, *sample_events(rng))],
        lambda: [pick(rng, (melody_order, counting_order))(rng)],
    )
    left = n
    while left > 0:
        for text in pick(rng, kinds)()[:left]:
            left -= 1
            yield text
