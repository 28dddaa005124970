"""A typed message with `{image}` and `{audio}` where its pictures and sounds go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from unitok.parts import Audio

PLACE = "{image}"
AUDIO_PLACE = "{audio}"


def message_parts(
    text: str, images: Sequence[PILImage.Image], sounds: Sequence[Audio] = ()
) -> list[str | PILImage.Image | Audio]:
    """Puts each picture where the text says `{image}` and each sound where it says `{audio}`.

    Where the text says nowhere, all of a kind come first.

    Raises:
        InputError: the text has places, but not as many as there are pictures or sounds.
    """
    pieces = re.split(f"({re.escape(PLACE)}|{re.escape(AUDIO_PLACE)})", text)
    parts: list[str | PILImage.Image | Audio] = []
    waiting = {}
    for place, media, name in ((PLACE, images, "picture"), (AUDIO_PLACE, sounds, "sound")):
        places = pieces.count(place)
        if places not in (0, len(media)):
            raise InputError(
                f"the message says {place} {_times(places)}, and {name}s came with it {_times(len(media))}; "
                f"give one {name} for each {place}"
            )
        waiting[place] = iter(media if places else ())
        parts += () if places else media
    for piece in pieces:
        if piece in waiting:
            parts.append(next(waiting[piece]))
        # The space around a place belongs to the way it is typed: what stands there is a part of its own.
        elif piece.strip():
            parts.append(piece.strip())
    return parts


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
