"""Conversations in words, pictures and speech."""

from __future__ import annotations

import numpy as np

from unitok.data.world.album import Album
from unitok.data.world.conversations import Conversation
from unitok.data.world.render import CANONICAL, Style
from unitok.data.world.requests import request_for
from unitok.data.world.scene import Scene
from unitok.data.world.sounds.scene_documents import question_parts
from unitok.data.world.sounds.spoken import speakable
from unitok.data.world.sounds.tape import Tape, seconds_of, users_speech
from unitok.data.world.templates import chance
from unitok.document import Audio, Document, Image, Part, Text

MOST_SECONDS = 6.0
"""Of sound in one conversation; what is said beyond that is typed."""

MOST_PICTURES = 2
ANSWERS = (2, 3)

_SPOKEN_RATE, _ALOUD_RATE = 0.6, 0.5
_TRIES = 20


class SpokenConversation(Conversation):
    """A conversation of which each turn may be spoken: the user's by chance, the assistant's when asked to."""

    def __init__(self, rng: np.random.Generator, album: Album, tape: Tape, split: str = "train") -> None:
        super().__init__(rng, album, split)
        self.tape = tape
        self.seconds = 0.0

    def say(self, user: str, assistant: str | Image) -> None:
        part: Part = Text(user)
        if speakable(user) and chance(self.rng, _SPOKEN_RATE):
            part = self._if_room(users_speech(self.rng, user, self.split), part)
        if isinstance(assistant, Image):
            self._take_turns((part,), assistant)
            return
        answer: Part = Text(assistant)
        if speakable(assistant) and chance(self.rng, _ALOUD_RATE):
            answer = self._if_room(self.tape.spoken(assistant), answer)
        self._take_turns(question_parts(self.rng, part, aloud=isinstance(answer, Audio)), answer)

    def _if_room(self, sound: Audio, otherwise: Part) -> Part:
        if self.seconds + seconds_of(sound) > MOST_SECONDS:
            return otherwise
        self.seconds += seconds_of(sound)
        return sound

    def ask_edit(self) -> bool:
        return self.pictures < MOST_PICTURES and super().ask_edit()

    def ask_request(self) -> bool:
        return self.pictures < MOST_PICTURES and super().ask_request()


def sample_spoken_conversation(
    rng: np.random.Generator,
    album: Album,
    tape: Tape,
    scene: Scene,
    style: Style = CANONICAL,
    split: str = "train",
) -> Document | None:
    """A talk of two or three assistant turns about ``scene``, asked for or given in ``style``, in which words, pictures
    and speech all occur; None when none was found."""
    for _ in range(_TRIES):
        talk = SpokenConversation(rng, album, tape, split)
        if chance(rng, 0.65):
            talk.draw(request_for(rng, scene, split))
        else:
            talk.show(scene, style)
        talk.go_on(int(rng.integers(ANSWERS[0], ANSWERS[1] + 1)))
        if _kinds(talk.document) == {Text, Image, Audio}:
            return talk.document
    return None


def _kinds(document: Document) -> set[type[Part]]:
    return {type(part) for turn in document.turns for part in turn.parts}
