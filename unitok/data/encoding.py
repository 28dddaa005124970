"""Documents to ids and targets, many at once.

Shape letter: S tokens of a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unitok.data.documents import OnError
from unitok.document import Document
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError

Encoded = tuple[NDArray[np.integer], NDArray[np.uint8]]
"""Ids ``[S]``, and targets ``[S]``: 1 where the model must write the token."""


def encode_documents(processor: Processor, documents: Sequence[Document]) -> list[Encoded]:
    """Ids and targets of documents; a picture or a sound that several of them hold is encoded once."""
    return [(ids.numpy(), processor.targets(ids).numpy()) for ids in processor.encode_batch(documents)]


def encode_lines(
    processor: Processor, lines: Sequence[tuple[str, Sequence[Document]]], on_error: OnError, skipped: list[str]
) -> Iterator[list[Encoded]]:
    """Ids and targets of each line's documents; line by line where not all can be encoded, so that the error names one.

    Args:
        processor: Encodes.
        lines: What names each in errors, and its documents.
        on_error: ``stop`` raises at the first line that cannot be encoded, ``skip`` leaves it out.
        skipped: Receives a message for each that is left out.
    """
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
