"""Melodies and chords: names in, sound out, and the other way round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unitok.data.world.phrases import article
from unitok.data.world.sounds.instruments import INSTRUMENTS, PLAIN, TEMPOS, Performance, play, play_together
from unitok.data.world.sounds.notes import Chord, Melody, note_name
from unitok.data.world.sounds.recording import recorded
from unitok.data.world.sounds.signals import as_audio
from unitok.data.world.sounds.wording import typed
from unitok.data.world.templates import chance, pick
from unitok.data.world.turns import answered, with_words
from unitok.document import Audio, Document, Text

PLAYING_WORDINGS = (
    "(play|play|play|please play|sing|make) {x}{how}",
    "(play|please play|sing) (the notes|the melody|the tune|this melody|these notes)(:||) {x}{how}",
    "(can|could) you play {x}{how}",
    "(melody|notes|tune|play|music): {x}{how}",
    "(let me hear|i want to hear|i'd like to hear) {x}{how}",
    "(how does {x} sound|what does {x} sound like){how}",
    "(make|create) a (melody|tune) (of|from|with the notes) {x}{how}",
)
CHORD_WORDINGS = (
    "(play|please play|make) {a} chord{how}",
    "(play|please play) the chord (of |){x}{how}",
    "(play|sing) {x}(, all notes at once|, as a chord){how}",
    "(can you play|let me hear|i want to hear) {a} chord{how}",
    "(how does {a} chord sound|what does {a} chord sound like){how}",
    "chord: {x}{how}",
)
TEMPO_WORDS: dict[str, tuple[str, ...]] = {
    "slow": ("slowly", "slowly", "at a slow tempo", "in a slow tempo"),
    "medium": ("at a medium tempo", "not too fast"),
    "fast": ("fast", "quickly", "at a fast tempo", "in a fast tempo"),
}

NAMING_WORDINGS = (
    "(which|what) (notes|notes) (are these|do you hear|are played|are these|does this melody have|is this made of)",
    "(name|list|write down|write|give me|tell me) (the notes|the notes|all notes|the notes of this melody)",
    "(what|which) (melody|tune) is (this|it|played)",
    "(transcribe|write down) (the melody|this melody|the tune|the music)",
    "(notes|names of the notes|sheet music)(:|)",
    "what (is|are) (played|the notes)( here|)",
)
CHORD_NAMING_WORDINGS = (
    "(which|what) chord (is this|is it|do you hear|is played)",
    "(name|tell me) (the|this) chord",
    "(chord|name of the chord)(:|)",
    "what is (this|the) chord( called|)",
)


def play_order(rng: np.random.Generator, melody: Melody) -> tuple[str, Performance]:
    """What a user types to hear a melody, and how it is to be played."""
    how, performance = _manner(rng)
    joint = pick(rng, (" ", " ", " ", ", ", "-"))
    names = joint.join(map(note_name, melody))
    return typed(rng, PLAYING_WORDINGS, x=names.lower() if chance(rng, 0.05) else names, how=how), performance


def chord_order(rng: np.random.Generator, chord: Chord) -> tuple[str, Performance]:
    """The same of a chord, in which a tempo means nothing."""
    instrument = pick(rng, INSTRUMENTS) if chance(rng, 0.3) else None
    how = f" on {article(instrument)}" if instrument else ""
    name = chord.name
    named = ("an " if name[0] in "AEF" else "a ") + name
    text = typed(rng, CHORD_WORDINGS, x=name, a=named, how=how)
    return text, replace(PLAIN, instrument=instrument or PLAIN.instrument)


def _manner(rng: np.random.Generator) -> tuple[str, Performance]:
    """`` slowly on a harp`` and what it means; mostly nothing is said."""
    how, performance = "", PLAIN
    if chance(rng, 0.25):
        tempo = pick(rng, list(TEMPOS))
        how, performance = f" {pick(rng, TEMPO_WORDS[tempo])}", replace(performance, seconds=TEMPOS[tempo])
    if chance(rng, 0.3):
        instrument = pick(rng, INSTRUMENTS)
        on = pick(rng, ("on", "on", "with")) + " " + (article(instrument) if chance(rng, 0.7) else f"the {instrument}")
        how, performance = f"{how} {on}", replace(performance, instrument=instrument)
    return how, performance


def naming_order(rng: np.random.Generator) -> str:
    """What a user types beside a melody whose notes are to be named."""
    return typed(rng, NAMING_WORDINGS)


def chord_naming_order(rng: np.random.Generator) -> str:
    return typed(rng, CHORD_NAMING_WORDINGS)


def playing(rng: np.random.Generator, melody: Melody) -> Document:
    order, performance = play_order(rng, melody)
    return answered((Text(order),), as_audio(play(melody, performance)))


def playing_chord(rng: np.random.Generator, chord: Chord) -> Document:
    order, performance = chord_order(rng, chord)
    return answered((Text(order),), as_audio(play_together(chord.notes, performance)))


def played_by_user(rng: np.random.Generator, melody: Melody) -> Audio:
    """A melody as a user gives it: any instrument and tempo, and a microphone."""
    return as_audio(recorded(rng, play(melody, Performance.sample(rng))))


def chord_by_user(rng: np.random.Generator, chord: Chord) -> Audio:
    return as_audio(recorded(rng, play_together(chord.notes, Performance.sample(rng))))


def naming(rng: np.random.Generator, melody: Melody) -> Document:
    names = " ".join(map(note_name, melody))
    return answered(with_words(rng, played_by_user(rng, melody), naming_order(rng)), Text(names))


def naming_chord(rng: np.random.Generator, chord: Chord) -> Document:
    return answered(with_words(rng, chord_by_user(rng, chord), chord_naming_order(rng)), Text(chord.name))
