"""Training documents with sounds: all tasks, mixed by weight, in families that share pictures and sounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unitok.data.world.album import Album
from unitok.data.world.captions import describe
from unitok.data.world.render import CANONICAL, Style
from unitok.data.world.scene import Scene
from unitok.data.world.sounds import continuations, event_documents, melody_documents
from unitok.data.world.sounds.conversations import sample_spoken_conversation
from unitok.data.world.sounds.events import sample_events
from unitok.data.world.sounds.notes import CHORDS, sample_melody
from unitok.data.world.sounds.scene_documents import spoken_caption, spoken_questions, spoken_request
from unitok.data.world.sounds.speech_documents import reading, transcription
from unitok.data.world.sounds.spoken import sample_order, sample_text, speakable, speakable_request
from unitok.data.world.sounds.tape import Tape, users_speech
from unitok.data.world.spec_sampling import sample_varied_scene
from unitok.data.world.templates import chance, draw_numbers, pick
from unitok.document import Audio, Document

SOUND_TASK_WEIGHTS: dict[str, float] = {
    "transcription": 0.16,
    "reading": 0.22,
    "spoken_request": 0.13,
    "spoken_caption": 0.13,
    "spoken_questions": 0.09,
    "playing": 0.09,
    "playing_chord": 0.02,
    "naming": 0.05,
    "naming_chord": 0.01,
    "events": 0.03,
    "continuation": 0.03,
    "conversation": 0.04,
    "dictated_edit": 0.0,
}
"""Shares of the documents with sounds, unless others are asked for."""

DOCUMENTS_PER_FAMILY = 6.0
"""How many documents share scenes, pictures and spoken texts, on average."""

SHARED_RATE = 0.35
"""How often a text is read aloud whose speech the family holds already."""

REQUESTED_RATE = 0.4
"""How often the user's picture shows what is asked for elsewhere in the family."""

HEARD_RATE = 0.25
"""How often the assistant's own voice is transcribed, and not a user's."""


def sample_sound_documents(
    rng: np.random.Generator,
    split: str = "train",
    size: int = 64,
    weights: Mapping[str, float] = SOUND_TASK_WEIGHTS,
) -> list[Document]:
    """One family of documents with sounds; now and then an empty one.

    Documents with the same picture or sound hold the very same part. ``size`` is the pictures' height and width in
    pixels. In the split ``train`` no held-out pair, melody or voice occurs; in ``heldout`` all voices and melodies are
    held out. ``weights`` are shares of the documents, by task.

    Raises:
        InputError: espeak-ng is not installed.
    """
    numbers = draw_numbers(rng, SOUND_TASK_WEIGHTS, weights, DOCUMENTS_PER_FAMILY)
    album, tape = Album(size), Tape()
    request = speakable_request(rng, split=split)
    style = Style.sample(rng) if chance(rng, 0.5) else CANONICAL
    heard: list[tuple[Audio, str]] = []  # what users say in this family
    read: list[str] = []  # what the assistant says
    documents: list[Document] = []
    for _ in range(numbers["spoken_request"]):
        speech = users_speech(rng, request.text, split)
        heard.append((speech, request.text))
        documents.append(spoken_request(rng, speech, album.picture(request.scene)))
        request = request if chance(rng, 0.3) else speakable_request(rng, split=split)
    for _ in range(numbers["spoken_caption"]):
        scene, caption = _captioned_scene(rng, _scene(rng, request.scene, split), split)
        read.append(caption)
        documents.append(spoken_caption(rng, album.picture(scene, style), tape.spoken(caption)))
    for _ in range(numbers["spoken_questions"]):
        found, said = spoken_questions(rng, tape, album, _scene(rng, request.scene, split), style, split)
        documents += found
        heard += said
    for _ in range(numbers["conversation"]):
        talk = sample_spoken_conversation(rng, album, tape, request.scene, style, split)
        documents += [] if talk is None else [talk]
    for _ in range(numbers["reading"]):
        text = pick(rng, read) if read and chance(rng, SHARED_RATE) else sample_text(rng, split)
        read.append(text)
        documents.append(reading(rng, tape, text))
    for _ in range(numbers["transcription"]):
        documents.append(_transcription(rng, tape, heard, read, split))
    for _ in range(numbers["dictated_edit"]):
        documents.append(_dictation(rng, sample_order(rng, split), split))
    return documents + _without_words(rng, tape, numbers, split)


def _transcription(
    rng: np.random.Generator, tape: Tape, heard: list[tuple[Audio, str]], read: list[str], split: str
) -> Document:
    """Of the assistant's voice, of something that a user says in the family, or of something else."""
    draw = rng.random()
    if read and draw < HEARD_RATE:
        text = pick(rng, read)
        return transcription(rng, tape.spoken(text), text)
    if heard and draw < HEARD_RATE + SHARED_RATE:
        return transcription(rng, *pick(rng, heard))
    return _dictation(rng, sample_text(rng, split), split)


def _dictation(rng: np.random.Generator, text: str, split: str) -> Document:
    """A text that a user says, to be written down."""
    return transcription(rng, users_speech(rng, text, split), text)


def _without_words(rng: np.random.Generator, tape: Tape, numbers: dict[str, int], split: str) -> list[Document]:
    """Melodies, chords, events and what goes on."""
    documents = []
    for _ in range(numbers["playing"]):
        documents.append(melody_documents.playing(rng, sample_melody(rng, split)))
    for _ in range(numbers["playing_chord"]):
        documents.append(melody_documents.playing_chord(rng, pick(rng, CHORDS)))
    for _ in range(numbers["naming"]):
        documents.append(melody_documents.naming(rng, sample_melody(rng, split)))
    for _ in range(numbers["naming_chord"]):
        documents.append(melody_documents.naming_chord(rng, pick(rng, CHORDS)))
    for _ in range(numbers["events"]):
        task = event_documents.asking if chance(rng, 0.5) else event_documents.making
        documents.append(task(rng, *sample_events(rng)))
    for _ in range(numbers["continuation"]):
        if chance(rng, 0.7):
            halves = continuations.sample_halves(rng, split)
            documents.append(continuations.melody_going_on(rng, halves))
        else:
            documents.append(continuations.counting_going_on(rng, tape, split))
    return documents


def _scene(rng: np.random.Generator, requested: Scene, split: str) -> Scene:
    """What a picture given by a user shows: scenes of requests that can be said aloud are simpler than others."""
    return requested if chance(rng, REQUESTED_RATE) else sample_varied_scene(rng, split)


def _captioned_scene(rng: np.random.Generator, scene: Scene, split: str) -> tuple[Scene, str]:
    """A scene, that one if it is simple enough, with a caption that can be said aloud."""
    while not speakable(describe(scene)):
        scene = sample_varied_scene(rng, split)
    return scene, describe(scene)
