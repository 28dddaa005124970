"""A typed message with `{image}` where its pictures go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    from PIL import Image as PILImage

PLACE = "{image}"


def message_parts(text: str, images: Sequence[PILImage.Image]) -> list[str | PILImage.Image]:
    """Puts each picture where the text says `{image}`, or all of them first where it says it nowhere.

    Raises:
        InputError: the text has places, but not as many as there are pictures.
    """
    pieces = text.split(PLACE)
    places = len(pieces) - 1
    if places == 0:
        return [*images, text.strip()]
    if places != len(images):
        raise InputError(
            f"the message says {PLACE} {_times(places)}, and pictures came with it {_times(len(images))}; "
            f"give one picture for each {PLACE}"
        )
    parts: list[str | PILImage.Image] = []
    for index, piece in enumerate(pieces):
        # The space around a place belongs to the way it is typed: a picture is a part of its own.
        if piece.strip():
            parts.append(piece.strip())
        if index < places:
            parts.append(images[index])
    return parts


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
