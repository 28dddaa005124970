"""Tasks that have nothing to do with each other, as turns of one conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from unitok.data.world.sounds.tape import seconds_of
from unitok.data.world.templates import chance
from unitok.document import Document

POOL = 128
"""Documents among which others are sought: many more than the six or so that share pictures and sounds."""

MOST = 4.5
"""Pictures in one conversation, where two seconds of sound count as one picture."""

THIRD_RATE = 0.25
"""How often a third task is joined to two."""

_TRIES = 20


def with_unrelated_turns(rng: np.random.Generator, documents: Iterable[Document], share: float) -> Iterator[Document]:
    """The documents in another order, so that ``share`` of those that come out hold two or three of them.

    Args:
        rng: Of all that is drawn.
        documents: Without end, or many.
        share: Of conversations in which another task follows or interrupts, in [0, 1].
    """
    pool: list[Document] = []
    for document in documents:
        pool.append(document)
        if len(pool) < POOL:
            continue
        talk = pool.pop(int(rng.integers(len(pool))))
        if chance(rng, share):
            for _ in range(1 + chance(rng, THIRD_RATE)):
                talk = _joined_to_another(rng, talk, pool)
        yield talk


def joined(rng: np.random.Generator, host: Document, guest: Document) -> Document:
    """The turns of both: the guest's between two turns of the host, or in front of them or behind.

    Only a guest without pictures comes in between, and does so where it can: what is said next to the host is about the
    last picture, and whether that is still known behind something else has to be learned.
    """
    places = [0, len(host.turns)]
    if len(host.turns) > 2 and not any(turn.images for turn in guest.turns):
        places = list(range(2, len(host.turns), 2))
    place = int(rng.choice(places))
    return Document((*host.turns[:place], *guest.turns, *host.turns[place:]))


def size(document: Document) -> float:
    """Of its pictures and sounds, in pictures."""
    pictures = sum(len(turn.images) for turn in document.turns)
    return pictures + sum(seconds_of(sound) for turn in document.turns for sound in turn.sounds) / 2


def _joined_to_another(rng: np.random.Generator, host: Document, pool: list[Document]) -> Document:
    """The host with a document of the pool that finds room, which is taken out; the host alone where none was found."""
    room = MOST - size(host)
    for _ in range(_TRIES):
        place = int(rng.integers(len(pool)))
        if size(pool[place]) <= room:
            return joined(rng, host, pool.pop(place))
    return host
