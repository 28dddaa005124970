"""Speech about pictures is written down first, and answered in the place of its words.

A chain of modalities, as SpeechGPT (Zhang et al. 2023) writes down what it hears before it speaks, but made of two
answers of the same decoder. One that hears well, and does well what is typed, need not have learned to do what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import pad

from unitok.document import Document, Turn
from unitok.engine import Engine, Sampling, SamplingParams
from unitok.grammar import Request
from unitok.parts import Audio, Part, Text
from unitok.processor import Processor

ORDER = "Write down what you hear."

PHASES = 4
"""Times that a sound is heard. What a codec's frames make of it depends on where it meets them, so it is heard again a
part of a frame later; mistakes seldom agree."""


class Row(NamedTuple):
    """An answer that is asked for.

    Attributes:
        number: Of its document, from 0.
        document: What is answered.
        prompt: int64 ``[S]``, what the decoder goes on from.
        seed: Of its random numbers.
        first: The token that it begins with, where that is known.
    """

    number: int
    document: Document
    prompt: Tensor
    seed: int
    first: int | None = None


def hear(
    processor: Processor, engine: Engine, rows: Sequence[Row], wanted: Request, sampling: Sampling, batch_size: int
) -> list[Row]:
    """The rows; in the prompts of those about pictures, words stand in the place of the last turn's sounds.

    About pictures are answers that begin with one; all answers to sounds that stand beside a picture, or alone in their
    turn behind one; and answers that begin with a sound to sounds behind a picture, beside which words may stand, such
    as that it is to be answered aloud. There the sounds are taken for speech. They get their
    :attr:`~unitok.parts.Audio.words` in the row's document, and keep them.

    Args:
        processor: Knows the vocabulary.
        engine: Answers.
        rows: Those of one document share the document and the prompt, in which words stand in the place of sounds that
            have them already (:func:`in_words`).
        wanted: What each answer may hold. Where that is anything, its first token tells whether it begins with a
            picture.
        sampling: How the answers will be drawn.
        batch_size: Answers that are written at once.

    Raises:
        InputError: A sound is too long for the decoder's context.
    """
    spoken = {place for place, row in enumerate(rows) if row.document.turns[-1].sounds}
    behind = {place for place in spoken if any(turn.images for turn in rows[place].document.turns[:-1])}
    chosen = {place for place in spoken if wanted.modality == "image" or _stands_by_picture(rows[place].document)}
    chosen |= behind if wanted.modality == "audio" else set()
    unknown = sorted(spoken - chosen)
    begun: dict[int, int] = {}
    if unknown and wanted.modality == "auto" and "image" in processor.vocabulary.specs:
        firsts = first_tokens(processor, engine, [rows[place] for place in unknown], wanted, sampling, batch_size)
        begun = dict(zip(unknown, firsts, strict=True))
        boi, boa = processor.vocabulary.boi, processor.vocabulary.boa
        chosen |= {place for place, first in begun.items() if first == boi or (first == boa and place in behind)}
    asked = (sound for place in sorted(chosen) for sound in rows[place].document.turns[-1].sounds)
    sounds = {id(sound): sound for sound in asked if not sound.words}
    written = transcribe(processor, engine, list(sounds.values()), sampling, batch_size)
    heard = {key: replace(sound, words=one.words) for (key, sound), one in zip(sounds.items(), written, strict=True)}
    # Of a document whose answers begin in different ways only some rows change; the others' form is encoded once.
    spoken_to = {rows[place].number: rows[place].document for place in sorted(chosen)}
    forms = {number: _with_words(document, heard) for number, document in spoken_to.items()}
    prompts = processor.encode_batch([in_words(form) for form in forms.values()], generation_prompt=True)
    found = dict(zip(forms, prompts, strict=True))
    return [
        row._replace(document=forms[row.number], prompt=found[row.number])
        if place in chosen
        else row._replace(first=begun.get(place))
        for place, row in enumerate(rows)
    ]


def heard_in(document: Document) -> list[str]:
    """What was written down of the sounds of an answered document's last question."""
    return [sound.words for turn in document.turns[-2:-1] for sound in turn.sounds if sound.words]


def _stands_by_picture(document: Document) -> bool:
    """Whether the sounds of the last turn stand beside a picture, or alone in their turn behind one."""
    *before, last = document.turns
    return bool(last.images) or (not last.text.strip() and any(turn.images for turn in before))


def first_tokens(
    processor: Processor, engine: Engine, rows: Sequence[Row], wanted: Request, sampling: Sampling, batch_size: int
) -> list[int]:
    """How the answer to each row begins; the arguments are those of :func:`hear`."""
    unknown = [row for row in rows if row.first is None]
    found = iter(
        engine.first_tokens(
            [row.prompt for row in unknown],
            [wanted] * len(unknown),
            sampling,
            [row.seed for row in unknown],
            processor.unconditional(),
            batch_size,
        )
    )
    return [next(found) if row.first is None else row.first for row in rows]


class Transcript(NamedTuple):
    """What was heard in a sound.

    Attributes:
        words: As the decoder writes them.
        likelihood: Log-likelihood of the words, the mean over all times that the sound was heard.
    """

    words: str
    likelihood: float


def transcribe(
    processor: Processor, engine: Engine, sounds: Sequence[Audio], sampling: Sampling, batch_size: int
) -> list[Transcript]:
    """The words of each sound, as the decoder hears them: what is likeliest over all of its :data:`PHASES`.

    Raises:
        InputError: A sound is too long for the decoder's context.
    """
    views = [_phases(processor, sound) for sound in sounds]
    flat = [Document.user(view, ORDER) for own in views for view in own]
    encoded = iter(processor.encode_batch(flat, generation_prompt=True))
    grouped = [[next(encoded) for _ in own] for own in views]
    # A part of a frame more may be too much: only the sound as it is must find room.
    grouped = [[first, *(one for one in others if _has_room(engine, one))] for first, *others in grouped]
    prompts = [prompt for own in grouped for prompt in own]
    # Speech has fewer words than codes: what goes on longer is lost in a loop.
    requests = [Request("text", len(prompt)) for prompt in prompts]
    plainly = replace(sampling, text=SamplingParams(temperature=0.0))
    answers = engine.generate(prompts, requests, plainly, [0] * len(prompts), batch_size=batch_size)
    heard = [_Heard([], {}) for _ in sounds]
    owners = [one for one, own in zip(heard, grouped, strict=True) for _ in own]
    for owner, prompt, answer in zip(owners, prompts, answers, strict=True):
        owner.prompts.append(prompt)
        owner.answers[tuple(answer.tolist())] = answer
    pairs = [(prompt, answer) for one in heard for answer in one.answers.values() for prompt in one.prompts]
    likelihoods = iter(engine.log_likelihoods([prompt for prompt, _ in pairs], [answer for _, answer in pairs]))
    transcripts = []
    for one in heard:
        scores = [sum(next(likelihoods) for _ in one.prompts) / len(one.prompts) for _ in one.answers]
        likelihood, answer = max(zip(scores, one.answers.values(), strict=True), key=lambda pair: pair[0])
        transcripts.append(Transcript(processor.parse_turn(answer).text.strip(), likelihood))
    return transcripts


def hearings(
    processor: Processor, engine: Engine, rows: Sequence[Row], requests: Sequence[Request], sampling: Sampling
) -> list[list[Tensor]]:
    """The prompts of answers to documents of words and one sound, one for each time that the sound is heard.

    Args:
        processor: Knows the vocabulary.
        engine: Knows the context.
        rows: What is answered. A document that several share is encoded once.
        requests: What each answer may hold.
        sampling: How they are drawn.

    Returns:
        int64 ``[S]`` each, first the row's own; it is the only one where there is another medium, or no room.
    """
    documents = {id(row.document): row.document for row in rows}
    later = {key: _heard_later(processor, document) for key, document in documents.items()}
    flat = [document for own in later.values() for document in own]
    encoded = iter(processor.encode_batch(flat, generation_prompt=True))
    prompts = {key: [next(encoded) for _ in own] for key, own in later.items()}
    return [
        [row.prompt, *(one for one in prompts[id(row.document)] if engine.has_room(request, one, sampling))]
        for row, request in zip(rows, requests, strict=True)
    ]


def _heard_later(processor: Processor, document: Document) -> list[Document]:
    """A document of words and one sound, with the sound begun parts of a frame later; none of others."""
    media = [part for turn in document.turns for part in turn.parts if not isinstance(part, Text)]
    if len(media) != 1 or not isinstance(media[0], Audio) or media[0].words:
        return []
    _, *others = _phases(processor, media[0])
    return [document.with_parts({id(media[0]): other}) for other in others]


def can_hear(processor: Processor, engine: Engine, sound: Audio) -> bool:
    """Whether a sound is short enough to be written down."""
    return _has_room(engine, processor.encode(Document.user(sound, ORDER), generation_prompt=True))


def _has_room(engine: Engine, prompt: Tensor) -> bool:
    """Whether a prompt leaves room for words."""
    return engine.has_room(Request("text", len(prompt)), prompt, Sampling())


class _Heard(NamedTuple):
    """The prompts of a sound's phases, and the different answers to them."""

    prompts: list[Tensor]
    answers: dict[tuple[int, ...], Tensor]


def _phases(processor: Processor, sound: Audio) -> list[Audio]:
    """The sound as it is and, where no codes stand for it, begun parts of a frame later."""
    spec = processor.vocabulary.spec("audio")
    if sound.codes is not None or sound.samples is None or not sound.sample_rate:
        return [sound]
    if not spec.hop_length or not spec.sample_rate:
        return [sound]
    frame = spec.hop_length * sound.sample_rate / spec.sample_rate
    shifts = [round(frame * phase / PHASES) for phase in range(1, PHASES)]
    return [sound, *(Audio(pad(sound.samples, (shift, 0)), sound.sample_rate) for shift in shifts)]


def _with_words(document: Document, heard: dict[int, Audio]) -> Document:
    """The document with the last turn's sounds as they were heard."""
    *before, last = document.turns
    return Document((*before, last.with_parts(heard)))


def in_words(document: Document) -> Document:
    """The document with words in the place of the sounds that have them."""
    return Document(tuple(Turn(_joined(turn.parts), turn.role) for turn in document.turns))


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Parts with words in the place of sounds, as if all of that had been typed: one text where texts meet at words."""
    result: list[Part] = []
    at_words = False
    for part in parts:
        words = part.words if isinstance(part, Audio) else None
        part = Text(words) if words else part
        previous = result[-1] if result else None
        if isinstance(part, Text) and isinstance(previous, Text) and (words or at_words):
            result[-1] = Text(f"{previous.text.rstrip()} {part.text.lstrip()}".strip())
        else:
            result.append(part)
        at_words = bool(words)
    return tuple(result)
