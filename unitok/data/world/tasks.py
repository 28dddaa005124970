"""Training documents of the world: all tasks, mixed by weight.

Documents come in small families that share their pictures: a picture is drawn (and later turned
into codes) once and then asked for, edited, questioned, described and talked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from unitok.data.world.album import Album
from unitok.data.world.captions import sample_caption
from unitok.data.world.conversations import sample_conversation
from unitok.data.world.edit import Edit
from unitok.data.world.edits import KIND_NAMES, sample_edit
from unitok.data.world.far_looks import sample_far_style
from unitok.data.world.questions import sample_questions
from unitok.data.world.render import CANONICAL, Style
from unitok.data.world.requests import Request, request_for, sample_request
from unitok.data.world.reworded.wording import PLAIN, Wording
from unitok.data.world.scene import Scene
from unitok.data.world.spec_sampling import CATEGORIES, sample_varied_scene
from unitok.data.world.templates import chance, draw_numbers, expand, pick
from unitok.data.world.turns import answered, with_words
from unitok.document import Document, Part, Text, Turn

TASK_WEIGHTS: dict[str, float] = {
    "request": 0.34,
    "edit": 0.24,
    "questions": 0.16,
    "caption": 0.08,
    "conversation": 0.18,
    "order": 0.0,
    **{f"edit_{kind}": 0.0 for kind in KIND_NAMES},
    **{f"request_{category}": 0.0 for category in CATEGORIES},
}
"""Shares of the documents, unless others are asked for. ``edit`` draws all kinds of edits,
``edit_move`` and so on one, where a scene allows it: of some kinds there are fewer than asked for.
``request_position`` and so on draw requests of one category, each for a picture of its own."""

WHICH_ORDER = (
    "(Which|which) (request|order) turns the first picture into the second(| one)?",
    "(w|W)hat was (asked for|ordered|requested), to get from the first picture to the second(| one)?",
)
"""How users ask for the order between two pictures."""

OTHER_LOOKS = 0.7
"""How often what a user gives is drawn in another look than the canonical one."""

DOCUMENTS_PER_FAMILY = 3.4
"""How many documents share one drawn scene and its edited form, on average."""


def sample_documents(
    rng: np.random.Generator,
    split: str = "train",
    size: int = 64,
    weights: Mapping[str, float] = TASK_WEIGHTS,
    wording: Wording = PLAIN,
    far_looks: float = 0.0,
) -> list[Document]:
    """One family of documents about one scene and edited forms of it.

    Documents that show the same picture hold the very same ``Image``. ``size`` is the pictures' height
    and width in pixels. In the split ``train`` no held-out pair is shown or named. ``weights`` are shares of
    the documents, by task; a family that draws nothing from words shows a scene that is worth asking about,
    with objects that are alike. ``wording`` is that of what users say, ``far_looks`` the share
    of the families in which they show pictures in looks further from the canonical one.
    """
    numbers = draw_numbers(rng, TASK_WEIGHTS, weights, DOCUMENTS_PER_FAMILY)
    album = Album(size)
    request = sample_request(rng, split=split) if numbers["request"] else None
    scene = request.scene if request is not None else sample_varied_scene(rng, split)
    if far_looks and chance(rng, far_looks):
        given_style = sample_far_style(rng)
    else:
        given_style = Style.sample(rng) if chance(rng, OTHER_LOOKS) else CANONICAL
    edit = sample_edit(rng, scene, split)
    documents = [] if request is None else [request_document(album, wording.request(rng, request))]
    for _ in range(numbers["request"] - 1):
        again = edit.target if edit is not None and chance(rng, 0.6) else scene
        documents.append(request_document(album, wording.request(rng, request_for(rng, again, split))))
    for category in CATEGORIES:
        for _ in range(numbers[f"request_{category}"]):
            documents.append(request_document(album, wording.request(rng, sample_request(rng, category, split))))
    edits = [] if edit is None else [edit]
    for number in range(numbers["edit"]):
        other = sample_edit(rng, scene, split) if number else edit
        if other is not None:
            edits += [other] if number else []
            documents.append(edit_document(rng, album, wording.edit(rng, other), given_style))
    for kind in KIND_NAMES:
        for _ in range(numbers[f"edit_{kind}"]):
            other = sample_edit(rng, scene, split, kind)
            if other is not None:
                documents.append(edit_document(rng, album, wording.edit(rng, other), given_style))
    for _ in range(numbers["order"] if edits else 0):
        documents.append(order_document(rng, album, pick(rng, edits), given_style))
    shown = [(scene, given_style)] * 2 + [(scene if edit is None else edit.target, CANONICAL)]
    for _ in range(numbers["questions"]):
        documents += question_document(rng, album, *pick(rng, shown), split, wording)
    for _ in range(numbers["caption"]):
        documents.append(caption_document(rng, album, *pick(rng, shown), wording))
    for _ in range(numbers["conversation"]):
        documents.append(sample_conversation(rng, album, split, scene, tuple(edits[:1]), given_style, wording))
    return documents


def question_document(
    rng: np.random.Generator,
    album: Album,
    scene: Scene,
    style: Style,
    split: str = "train",
    wording: Wording = PLAIN,
) -> list[Document]:
    """Four to eight questions about one picture, in one document; none when there are no clear ones."""
    questions = sample_questions(rng, scene, int(rng.integers(4, 9)), split=split)
    turns: list[Turn] = []
    for i, plain in enumerate(questions):
        question = wording.question(rng, scene, plain, split)
        parts: tuple[Part, ...] = (Text(question.text),)
        if i == 0:
            parts = with_words(rng, album.picture(scene, style), question.text)
        turns += [Turn(parts, "user"), Turn((Text(question.answers[0]),), "assistant")]
    return [Document(tuple(turns))] if turns else []


def request_document(album: Album, request: Request) -> Document:
    return answered((Text(request.text),), album.picture(request.scene))


def caption_document(
    rng: np.random.Generator, album: Album, scene: Scene, style: Style, wording: Wording = PLAIN
) -> Document:
    caption = wording.caption(rng, sample_caption(rng, scene))
    return answered(with_words(rng, album.picture(scene, style), caption.demand), Text(caption.text))


def edit_document(rng: np.random.Generator, album: Album, edit: Edit, style: Style) -> Document:
    return answered(with_words(rng, album.picture(edit.source, style), edit.text), album.picture(edit.target))


def order_document(rng: np.random.Generator, album: Album, edit: Edit, style: Style) -> Document:
    """A picture and its edited form, and the order that turns the one into the other: edits the other way round."""
    pictures = (album.picture(edit.source, style), album.picture(edit.target))
    question = Text(expand(rng, WHICH_ORDER))
    asked = (question, *pictures) if chance(rng, 0.25) else (*pictures, question)
    return answered(asked, Text(edit.text))


def corpus(rng: np.random.Generator, n: int, split: str = "train") -> Iterator[str]:
    """``n`` texts of users and assistants, as they occur in training documents."""
    left = n
    while left > 0:
        for document in sample_documents(rng, split, size=8):
            for turn in document.turns:
                for part in turn.parts:
                    if isinstance(part, Text) and left > 0:
                        left -= 1
                        yield part.text
