"""What callers give, as the model takes it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from numbers import Integral
from typing import Any

from unitok.document import Document
from unitok.engine.sampling import Sampling
from unitok_tokenizers.errors import InputError


def as_documents(given: Any) -> list[Document]:
    """A document, or several, as a list. Raises `InputError` for anything else."""
    documents: list[Any] = [given]
    if not isinstance(given, Document | str | Mapping):
        with suppress(TypeError):  # of what is no sequence
            documents = list(given)
    for one in documents:
        if not isinstance(one, Document):
            raise InputError(f"give a Document, such as Document.user('hello'), not {one!r:.60}")
    return documents


def as_sampling(given: Any) -> Sampling:
    """Raises `InputError` unless it is one."""
    if not isinstance(given, Sampling):
        raise InputError(f"sampling must be a Sampling, not {given!r:.60}")
    return given


def whole(given: Any) -> Any:
    """An integer of any library as Python's own; anything else as it is."""
    return int(given) if isinstance(given, Integral) and not isinstance(given, bool) else given
