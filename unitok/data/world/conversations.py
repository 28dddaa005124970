"""Conversations: pictures asked for, changed and talked about, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unitok.data.world.album import Album
from unitok.data.world.captions import sample_caption
from unitok.data.world.edit import Edit
from unitok.data.world.edits import sample_edit
from unitok.data.world.questions import sample_questions
from unitok.data.world.render import CANONICAL, Style
from unitok.data.world.requests import Request, request_for, sample_request
from unitok.data.world.reworded.wording import PLAIN, Wording
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import chance, pick, pick_weighted
from unitok.document import Document, Image, Part, Text, Turn

MAX_PICTURES = 3
STEPS: dict[str, float] = {"edit": 0.48, "question": 0.4, "caption": 0.06, "request": 0.06}
"""What a user does next, and how often."""

_EDIT_OPENINGS = (
    *("now ", "now ", "then ", "ok, now ", "great, now "),
    *("next, ", "and now ", "good. now ", "thanks! now ", "and "),
)
_QUESTION_OPENINGS = ("and ", "ok, ", "so ", "now, ", "thanks. ")


class Conversation:
    """Builds a document turn by turn and knows the scene that was shown last."""

    def __init__(self, rng: np.random.Generator, album: Album, split: str = "train", wording: Wording = PLAIN) -> None:
        self.rng = rng
        self.album = album
        self.split = split
        self.wording = wording
        self.turns: list[Turn] = []
        self.pictures = 0
        self.scene: Scene | None = None
        self.focus: Object | None = None
        self._pending: list[Part] = []

    @property
    def answers(self) -> int:
        """How many assistant turns there are."""
        return sum(turn.role == "assistant" for turn in self.turns)

    @property
    def document(self) -> Document:
        return Document(tuple(self.turns))

    def show(self, scene: Scene, style: Style = CANONICAL) -> None:
        """The user gives a picture; it stands before the next words."""
        self._pending.append(self.album.picture(scene, style))
        self.pictures += 1
        self.scene, self.focus = scene, None

    def say(self, user: str, assistant: str | Image) -> None:
        """One user turn and the answer."""
        self._take_turns((Text(user),), Text(assistant) if isinstance(assistant, str) else assistant)

    def _take_turns(self, user: tuple[Part, ...], assistant: Part) -> None:
        parts = (*self._pending, *user)
        if self._pending and chance(self.rng, 0.2):
            parts = (*user, *self._pending)
        self._pending = []
        self.turns += [Turn(parts, "user"), Turn((assistant,), "assistant")]

    def draw(self, request: Request) -> None:
        self.say(self.wording.request(self.rng, request).text, self.album.picture(request.scene))
        self.pictures += 1
        self.scene = request.scene
        self.focus = request.scene.objects[0] if len(request.scene.objects) == 1 else None

    def change(self, edit: Edit) -> None:
        self.say(edit.text, self.album.picture(edit.target))
        self.pictures += 1
        self.scene, self.focus = edit.target, edit.focus

    # ------------------------------------------------------------------ what a user may do next

    def ask_edit(self) -> bool:
        """Whether an edit was found and done."""
        if self.scene is None or self.pictures >= MAX_PICTURES:
            return False
        edit = sample_edit(self.rng, self.scene, self.split, focus=self.focus)
        if edit is None:
            return False
        said = self.wording.edit(self.rng, edit, self.focus)
        imperative = said.text.lower() == said.order.lower()
        if self.turns and imperative and chance(self.rng, 0.5):
            said = replace(said, text=pick(self.rng, _EDIT_OPENINGS) + _uncapitalized(said.text))
        self.change(said)
        return True

    def ask_question(self) -> bool:
        if self.scene is None:
            return False
        questions = sample_questions(self.rng, self.scene, 1, split=self.split)
        if not questions:
            return False
        question = self.wording.question(self.rng, self.scene, questions[0], self.split)
        text = question.text
        if self.turns and chance(self.rng, 0.1):
            text = pick(self.rng, _QUESTION_OPENINGS) + _uncapitalized(text)
        self.say(text, question.answers[0])
        return True

    def ask_caption(self) -> bool:
        if self.scene is None or len(self.scene.objects) > 4:
            return False
        caption = self.wording.caption(self.rng, sample_caption(self.rng, self.scene))
        self.say(caption.demand, caption.text)
        return True

    def ask_request(self) -> bool:
        """A new picture of something else."""
        if self.pictures >= MAX_PICTURES:
            return False
        request = sample_request(self.rng, split=self.split)
        self.draw(request)
        return True

    def go_on(self, answers: int) -> None:
        """Take random steps until there are ``answers`` assistant turns."""
        steps = {
            "edit": self.ask_edit,
            "question": self.ask_question,
            "caption": self.ask_caption,
            "request": self.ask_request,
        }
        for _ in range(8 * answers):
            if self.answers >= answers:
                break
            steps[pick_weighted(self.rng, STEPS)]()


def _uncapitalized(text: str) -> str:
    return text if text.startswith(("I ", "I'")) else text[0].lower() + text[1:]


def sample_conversation(
    rng: np.random.Generator,
    album: Album,
    split: str = "train",
    scene: Scene | None = None,
    edits: Sequence[Edit] = (),
    style: Style | None = None,
    wording: Wording = PLAIN,
) -> Document:
    """A talk of two to four assistant turns with at most ``MAX_PICTURES`` pictures.

    It starts with a request for ``scene`` (or a new one), or with the user's own picture of it in
    ``style``. When ``edits`` of that scene are given, the first one is made use of.
    """
    talk = Conversation(rng, album, split, wording)
    answers = int(rng.choice([2, 3, 4], p=[0.25, 0.35, 0.4]))
    request = sample_request(rng, split=split) if scene is None else request_for(rng, scene, split)
    if chance(rng, 0.65):
        talk.draw(request)
    else:
        talk.show(request.scene, style or CANONICAL)
    if edits and chance(rng, 0.6):
        if chance(rng, 0.3):
            talk.ask_question()
        talk.change(wording.edit(rng, edits[0]))
    talk.go_on(answers)
    return talk.document
