"""Whether sounds have room in a decoder's context: known from their lengths, before a codec has to encode them."""

from __future__ import annotations

import math

from unitok.audio_syntax import AudioSyntax
from unitok.document import Document
from unitok.parts import Audio
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError


def check_room(processor: Processor, context: int | None, document: Document) -> None:
    """Refuses a document with a sound that is as long as the whole context.

    Args:
        processor: Knows the vocabulary.
        context: Tokens of a prompt and its answer together at most; None: any number.
        document: A conversation.

    Raises:
        InputError: A sound is too long.
    """
    if context is None or "audio" not in processor.vocabulary.specs:
        return
    sounds = [sound for turn in document.turns for sound in turn.sounds]
    syntax = AudioSyntax(processor.vocabulary)
    for number, sound in enumerate(sounds, 1):
        if syntax.length(_frames(processor, sound)) < context:
            continue
        most = (context - syntax.length(0)) / syntax.num_codebooks * processor.hop_length / processor.sample_rate
        name = "the sound" if len(sounds) == 1 else f"sound {number}"
        raise InputError(
            f"{name} is {_seconds(processor, sound):.1f} seconds long, and the model's context of {context} tokens has "
            f"room for less than {most:.1f} beside a prompt and an answer; cut it"
        )


def sounds_in(processor: Processor, document: Document) -> str:
    """How much of a prompt are sounds that no words stand for, for a message: empty where there are none."""
    sounds = [sound for turn in document.turns for sound in turn.sounds if not sound.words]
    if not sounds:
        return ""
    syntax = AudioSyntax(processor.vocabulary)
    tokens = sum(syntax.length(_frames(processor, sound)) for sound in sounds)
    seconds = sum(_seconds(processor, sound) for sound in sounds)
    return f"{seconds:.1f} seconds of sound are {tokens} of its tokens"


def _frames(processor: Processor, sound: Audio) -> int:
    if sound.codes is not None:
        return sound.codes.shape[1]
    return math.ceil(_seconds(processor, sound) * processor.sample_rate / processor.hop_length)


def _seconds(processor: Processor, sound: Audio) -> float:
    if sound.samples is None or sound.sample_rate is None:
        return _frames(processor, sound) * processor.hop_length / processor.sample_rate
    return sound.samples.shape[1] / sound.sample_rate
