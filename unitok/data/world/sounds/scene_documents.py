"""Pictures and speech: spoken requests, captions read aloud, spoken questions answered in words and in speech."""

from __future__ import annotations

import numpy as np

from unitok.data.world.album import Album
from unitok.data.world.questions import sample_questions
from unitok.data.world.render import Style
from unitok.data.world.scene import Scene
from unitok.data.world.sounds.spoken import speakable
from unitok.data.world.sounds.tape import Tape, users_speech
from unitok.data.world.sounds.wording import typed
from unitok.data.world.templates import chance
from unitok.data.world.turns import answered, with_words
from unitok.document import Audio, Document, Image, Part, Text, Turn

DRAWING_WORDINGS = (
    "(draw|paint|make|show|show me|create) (this|this|it|what you hear|what i say|what i said|what is said)",
    "(please |)(draw|make|create) (a|the) (picture|image) (of this|of what you hear|of what i say|that i ask for)",
    "(listen and draw|draw what is asked for|do what i say|a picture, please|picture|as a picture)",
)

_PICTURE = "(the|this) (picture|picture|image|scene)"
CAPTION_WORDINGS = (
    f"(describe|describe|please describe) {_PICTURE} (aloud|aloud|out loud|in speech|with your voice)",
    f"(say|say|tell me aloud|say aloud) what (is|you see|is shown|can be seen) (in {_PICTURE}|here)",
    "(say|tell me aloud) what you see",
    "(speak|say) (the|a) (caption|description)( of the picture| of this picture|)",
    "(read|give) (me |)(a|the) (caption|description) (aloud|out loud)",
    "(spoken|audio) (caption|description)(:|)",
    "(caption|describe) (it|this|the picture)(, spoken| aloud| in your voice)",
    f"what (is|do you see) in {_PICTURE}? (say it|answer aloud|tell me aloud)",
    f"let me hear what is in {_PICTURE}",
)

ALOUD_WORDINGS = (
    "(please |)(answer|answer|reply) (aloud|aloud|out loud|in speech|with your voice|by voice)",
    "(say|speak|say aloud) (it|the answer|your answer)",
    "(tell|tell me) aloud",
    "(let me hear|i want to hear) (it|the answer)",
    "(spoken|aloud|as speech)(, please|)",
)

MOST_QUESTIONS = 3
"""Spoken questions about one picture in one document."""


def spoken_request(rng: np.random.Generator, request: Audio, picture: Image) -> Document:
    """A request in a user's voice, mostly without a typed word, and its picture."""
    asked: tuple[Part, ...] = (request,)
    if chance(rng, 0.3):
        asked = with_words(rng, request, drawing_order(rng))
    return answered(asked, picture)


def drawing_order(rng: np.random.Generator) -> str:
    return typed(rng, DRAWING_WORDINGS)


def caption_order(rng: np.random.Generator) -> str:
    """What a user types to hear a picture described."""
    return typed(rng, CAPTION_WORDINGS)


def spoken_caption(rng: np.random.Generator, picture: Image, caption: Audio) -> Document:
    return answered(with_words(rng, picture, caption_order(rng)), caption)


def aloud_order(rng: np.random.Generator) -> str:
    """What a user types to hear an answer instead of reading it."""
    return typed(rng, ALOUD_WORDINGS)


def question_parts(rng: np.random.Generator, question: Part, aloud: bool) -> tuple[Part, ...]:
    """A question, spoken or typed; with ``aloud`` the user asks for speech too."""
    if not aloud:
        return (question,)
    order = aloud_order(rng)
    if not isinstance(question, Text):
        return (question, Text(order))
    mark = "" if question.text.endswith(("?", ".", ":")) else "?"
    return (Text(f"{question.text}{mark} {order}"),)


def spoken_questions(
    rng: np.random.Generator, tape: Tape, album: Album, scene: Scene, style: Style, split: str = "train"
) -> tuple[list[Document], list[tuple[Audio, str]]]:
    """A document of one to three questions about a picture, and the questions that are spoken in it.

    Most are spoken, and nearly half are answered aloud; a typed one always is. There is no document when there is no
    clear question of the vocabulary.
    """
    turns: list[Turn] = []
    said: list[tuple[Audio, str]] = []
    number = int(rng.integers(1, MOST_QUESTIONS + 1))
    for question in sample_questions(rng, scene, 2 * MOST_QUESTIONS, split=split):
        answer = question.answers[0]
        if len(turns) == 2 * number or not (speakable(question.text) and speakable(answer)):
            continue
        typed = chance(rng, 0.2)
        aloud = typed or chance(rng, 0.35)
        part: Part = Text(question.text) if typed else users_speech(rng, question.text, split)
        if isinstance(part, Audio):
            said.append((part, question.text))
        parts = question_parts(rng, part, aloud)
        if not turns:
            parts = (album.picture(scene, style), *parts)
        turns += [Turn(parts, "user"), Turn((tape.spoken(answer) if aloud else Text(answer),), "assistant")]
    return ([Document(tuple(turns))] if turns else []), said
