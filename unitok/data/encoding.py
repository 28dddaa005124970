"""Documents to ids and targets, many at once.

Shape letter: S tokens of a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unitok.data.documents import OnError
from unitok.document import Document
from unitok.parts import media_bytes
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError

Encoded = tuple[NDArray[np.integer], NDArray[np.uint8]]
"""Ids ``[S]``, and targets ``[S]``: 1 where the model must write the token."""


Line = tuple[str, Sequence[Document]]
"""What names a line in errors, and its documents."""

LINES_TOGETHER = 256  # lines whose pictures and sounds are encoded in one go
MEDIA_TOGETHER = 1 << 28  # bytes of these: photographs as they come from a camera are few at a time


def encode_documents(processor: Processor, documents: Sequence[Document]) -> list[Encoded]:
    """Ids and targets of documents; a picture or a sound that several of them hold is encoded once."""
    return [(ids.numpy(), processor.targets(ids).numpy()) for ids in processor.encode_batch(documents)]


def encode_lines(
    processor: Processor, lines: Iterable[Line], on_error: OnError, skipped: list[str]
) -> Iterator[list[Encoded]]:
    """Ids and targets of each line's documents.

    Lines are encoded many at once, and one by one where that fails, so that the error names one.

    Args:
        processor: Encodes.
        lines: Read as they are needed, so that few of their pictures and sounds are held.
        on_error: ``stop`` raises at the first line that cannot be encoded, ``skip`` leaves it out.
        skipped: Receives a message for each that is left out.
    """
    for together in _groups(lines):
        yield from _encode_together(processor, together, on_error, skipped)


def _groups(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines to be encoded in one go."""
    group: list[Line] = []
    held = 0
    for where, documents in lines:
        group.append((where, documents))
        parts = {id(part): part for document in documents for turn in document.turns for part in turn.parts}
        held += sum(map(media_bytes, parts.values()))
        if len(group) == LINES_TOGETHER or held >= MEDIA_TOGETHER:
            yield group
            group, held = [], 0
    if group:
        yield group


def _encode_together(
    processor: Processor, lines: Sequence[Line], on_error: OnError, skipped: list[str]
) -> Iterator[list[Encoded]]:
    try:
        encoded = iter(encode_documents(processor, [one for _, documents in lines for one in documents]))
        yield from [[next(encoded) for _ in documents] for _, documents in lines]
        return
    except InputError:
        pass
    for where, documents in lines:
        try:
            yield encode_documents(processor, documents)
        except InputError as error:
            message = f"{where}: {error}"
            if on_error == "stop":
                raise InputError(message) from error
            skipped.append(message)
