"""Speech to text and text to speech."""

from __future__ import annotations

import numpy as np

from unitok.data.world.sounds.spoken import plainly
from unitok.data.world.sounds.tape import Tape
from unitok.data.world.sounds.wording import typed
from unitok.data.world.templates import pick
from unitok.data.world.turns import answered, with_words
from unitok.document import Audio, Document, Text

_THIS = "(this|this|the speech|the recording|the sound|what is said|what you hear|it)"
TRANSCRIPTION_WORDINGS = (
    f"(transcribe|transcribe|please transcribe|write down|type out|write out) {_THIS}( in words||)",
    f"(can|could) you (transcribe|write down) {_THIS}(, please|)",
    "(what is|what's|what was) (said|said here|being said|spoken)( in the recording||)",
    "what (does|did) (the (speaker|voice|person)|this voice|the recording) say",
    "(which|what) (words|words|sentence) (do|did) you hear",
    "(which|what) words (are|were) (said|spoken)( here|)",
    f"(turn|convert|put) {_THIS} (into|to) (text|words|writing)",
    "speech to text(:|)",
    "(write|give me) (a transcript|the transcript|the words|the text)( of this| of the recording|)",
    "(what do i say|what did i say|what am i saying)",
    "(take dictation|this is a dictation)",
    "(transcript|transcription)(:|)",
)

READING_WORDINGS = (
    "(say|say|say|read|speak|read aloud|read out|read out loud|say aloud|pronounce): {x}",
    "(please |)(say|say|read|speak|read aloud|say aloud|pronounce) {x}",
    "(please |)(say|read|speak) (this|the following|this sentence|these words|this text)( aloud| out loud|): {x}",
    '(say|read|read aloud|speak|pronounce) "{x}"',
    '(how does "{x}" sound|what does "{x}" sound like)',
    '(can|could) you (say|read|speak) "{x}"( for me| aloud| out loud|)',
    "(text to speech|speech|aloud|voice|in speech): {x}",
    "(i want to hear|let me hear|i'd like to hear) {x}",
    '(let me hear|i want to hear) "{x}"',
    "(turn|convert|put) (this|the following|this text) (into|to) (speech|sound|a voice): {x}",
    "{x} - (say it|say this|read it aloud|say it aloud|as speech)",
)


def transcription_order(rng: np.random.Generator) -> str:
    """What a user types beside speech that is to be written down."""
    return typed(rng, TRANSCRIPTION_WORDINGS)


def transcription(rng: np.random.Generator, speech: Audio, text: str) -> Document:
    """Speech in, the words of ``text`` out."""
    return answered(with_words(rng, speech, transcription_order(rng)), Text(plainly(text)))


def reading_order(rng: np.random.Generator, text: str) -> str:
    """What a user types to have ``text`` read aloud; the text comes as it is or as its plain words."""
    return typed(rng, READING_WORDINGS, x=pick(rng, (text, plainly(text))))


def reading(rng: np.random.Generator, tape: Tape, text: str) -> Document:
    """``text`` in, the assistant's voice out."""
    return answered((Text(reading_order(rng, text)),), tape.spoken(text))
