"""Speech about pictures is written down first, and answered in the place of its words.

A chain of modalities, as SpeechGPT (Zhang et al. 2023) writes down what it hears before it speaks, but made of two
answers of the same decoder. One that hears well, and does well what is typed, need not have learned to do what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from unitok.document import Document, Turn
from unitok.engine import Engine, Sampling, SamplingParams
from unitok.grammar import Request
from unitok.parts import Audio, Part, Text
from unitok.processor import Processor

ORDER = "Write down what you hear."


class Row(NamedTuple):
    """An answer that is asked for.

    Attributes:
        document: What is answered, as the caller gave it.
        prompt: int64 ``[S]``, what the decoder goes on from.
        request: What the answer may hold; it fits into the context.
        seed: Of its random numbers.
    """

    document: Document
    prompt: Tensor
    request: Request
    seed: int


def hear(processor: Processor, engine: Engine, rows: Sequence[Row], sampling: Sampling, batch_size: int) -> list[Row]:
    """The rows, of which those about pictures are asked in words for the sounds of their last turn.

    These are answers that begin with a picture; and those to sounds that stand beside a picture, or alone in their turn
    behind one. In their documents the sounds get their :attr:`~unitok.parts.Audio.words`.

    Args:
        processor: Knows the vocabulary.
        engine: Answers.
        rows: With any modality; where it is ``"auto"``, the answer's first token says whether it is a picture.
        sampling: How the answers will be drawn.
        batch_size: Answers that are written at once.
    """
    spoken = {place for place, row in enumerate(rows) if row.document.turns[-1].sounds}
    chosen = {
        place for place in spoken if rows[place].request.modality == "image" or _stands_by_picture(rows[place].document)
    }
    unknown = [place for place in sorted(spoken - chosen) if rows[place].request.modality == "auto"]
    if unknown and "image" in processor.vocabulary.specs:
        asked = [rows[place] for place in unknown]
        firsts = engine.first_tokens(
            [row.prompt for row in asked],
            [row.request for row in asked],
            sampling,
            [row.seed for row in asked],
            processor.unconditional(),
            batch_size,
        )
        chosen |= {place for place, first in zip(unknown, firsts, strict=True) if first == processor.vocabulary.boi}
    sounds = {id(sound): sound for place in sorted(chosen) for sound in rows[place].document.turns[-1].sounds}
    if not sounds:
        return list(rows)
    heard = dict(zip(sounds, _write_down(processor, engine, list(sounds.values()), sampling, batch_size), strict=True))
    documents = {place: _with_words(rows[place].document, heard) for place in sorted(chosen)}
    prompts = processor.encode_batch([_in_words(one) for one in documents.values()], generation_prompt=True)
    result = list(rows)
    for (place, document), prompt in zip(documents.items(), prompts, strict=True):
        result[place] = rows[place]._replace(document=document, prompt=prompt)
    return result


def heard_words(document: Document) -> list[str]:
    """What was written down of the sounds of an answered document's last question."""
    return [sound.words for turn in document.turns[-2:-1] for sound in turn.sounds if sound.words]


def _stands_by_picture(document: Document) -> bool:
    """Whether the sounds of the last turn stand beside a picture, or alone in their turn behind one."""
    *before, last = document.turns
    return bool(last.images) or (not last.text.strip() and any(turn.images for turn in before))


def _write_down(
    processor: Processor, engine: Engine, sounds: Sequence[Audio], sampling: Sampling, batch_size: int
) -> list[str]:
    """The words of each sound, as the decoder hears them."""
    prompts = processor.encode_batch([Document.user(sound, ORDER) for sound in sounds], generation_prompt=True)
    # No longer than the sound, so that a prompt with the words has room wherever one with the sound had.
    requests = [Request("text", len(prompt)) for prompt in prompts]
    plainly = replace(sampling, text=SamplingParams(temperature=0.0))
    answers: list[list[int]] = [[] for _ in sounds]
    for piece in engine.pieces(prompts, requests, plainly, [0] * len(sounds), batch_size=batch_size):
        answers[piece.number] += piece.token_ids
    return [processor.parse_turn(torch.tensor(answer)).text.strip() for answer in answers]


def _with_words(document: Document, heard: dict[int, str]) -> Document:
    """The document, whose last turn's sounds have their words."""
    *before, last = document.turns
    parts = (replace(part, words=heard[id(part)]) if isinstance(part, Audio) else part for part in last.parts)
    return Document((*before, Turn(tuple(parts), last.role)))


def _in_words(document: Document) -> Document:
    """The document with words in the place of its last turn's sounds; a sound without any stays."""
    *before, last = document.turns
    parts: list[Part] = []
    for part in last.parts:
        part = Text(part.words) if isinstance(part, Audio) and part.words else part
        previous = parts[-1] if parts else None
        if isinstance(part, Text) and isinstance(previous, Text):
            parts[-1] = Text(f"{previous.text.rstrip()} {part.text.lstrip()}")
        else:
            parts.append(part)
    return Document((*before, Turn(tuple(parts), last.role)))
