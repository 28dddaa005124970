"""All documents of the world, with and without sounds, without end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from unitok.data.world.reworded.wording import Wording
from unitok.data.world.sounds.tasks import SOUND_TASK_WEIGHTS, sample_sound_documents
from unitok.data.world.tasks import TASK_WEIGHTS, sample_documents
from unitok.data.world.unrelated import with_unrelated_turns
from unitok.document import Document

FAMILY = 6
"""Documents of one scene, or of one sound, about."""


def world_documents(
    seed: Sequence[int],
    split: str,
    image_size: int,
    sounds: float = 0.0,
    tasks: Mapping[str, float] = TASK_WEIGHTS,
    sound_tasks: Mapping[str, float] = SOUND_TASK_WEIGHTS,
    unrelated: float = 0.0,
    reworded: float = 0.0,
    far_looks: float = 0.0,
    sounds_due: float = 0.0,
) -> Iterator[Document]:
    """Documents about scenes without end, a function of the seed.

    Args:
        seed: of everything that is drawn.
        split: ``train``, or ``heldout`` with what training never shows, says or plays.
        image_size: height and width of the pictures, in pixels.
        sounds: share of the documents that come with sounds, in [0, 1]; these need espeak-ng.
        tasks: shares of the documents without sounds, by task; their sum is 1.
        sound_tasks: shares of the documents with sounds, by task; their sum is 1.
        unrelated: share of the documents that are made of two or three, so that tasks follow one another which have
            nothing to do with each other, in [0, 1].
        reworded: share of what users write in documents without sounds that is put in other words than those of the
            templates, in [0, 1].
        far_looks: share of the families without sounds in which users show pictures in looks further from the
            canonical one than ``Style.sample`` goes, in [0, 1].
        sounds_due: documents with sounds that are behind at the beginning; see :func:`sounds_due_anywhere`.
    """
    rng = np.random.default_rng(seed)
    documents = _families(rng, split, image_size, sounds, tasks, sound_tasks, Wording(reworded), far_looks, sounds_due)
    return with_unrelated_turns(rng, documents, unrelated) if unrelated else documents


def sounds_due_anywhere(rng: np.random.Generator, sounds: float) -> float:
    """What may be due anywhere in a stream with this share of sounds: for streams of which only the beginning is read,
    which would all begin with sounds."""
    behind = float(rng.uniform(-FAMILY * (1 - sounds), FAMILY * sounds))
    return behind - sounds  # as a family is begun by what is due behind its first document


def _families(
    rng: np.random.Generator,
    split: str,
    image_size: int,
    sounds: float,
    tasks: Mapping[str, float],
    sound_tasks: Mapping[str, float],
    wording: Wording,
    far_looks: float,
    sounds_due: float,
) -> Iterator[Document]:
    """Documents of one family after the other."""
    total = sounding = 0
    while True:
        with_sounds = sounding < sounds * (total + 1) + sounds_due
        if with_sounds:
            family = sample_sound_documents(rng, split, image_size, sound_tasks)
        else:
            family = sample_documents(rng, split, image_size, tasks, wording, far_looks)
        total += len(family)
        sounding += len(family) * with_sounds
        yield from family
