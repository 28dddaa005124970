"""How a vocabulary writes images, sounds and turns: plain settings, saved with the vocabulary.

What follows from them is computed by :mod:`unitok.image_syntax`, :mod:`unitok.audio_syntax`, :mod:`unitok.turn_syntax`
and the grammar.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unitok.codebook_orders import ORDERS
from unitok_tokenizers.errors import InputError


@dataclass(frozen=True)
class SizedImages:
    """``<boi> <size h> <size w>``, the codes row by row, ``<eoi>``: any height and width.

    Attributes:
        numbered_rows: Each row begins with its number, as a size token that counts from 1. A decoder's positions are
            relative, so that without the numbers it has to count codes to know where in a picture it is.
    """

    numbered_rows: bool = False


@dataclass(frozen=True)
class FixedImages:
    """``<boi>``, the codes of one fixed grid, ``<eoi>``: Chameleon.

    Attributes:
        height: Rows of every image's code grid.
        width: Codes in a row.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        _check_grid(self.height, self.width)


@dataclass(frozen=True)
class MeasuredImages:
    """``<boi>``, the height, the width, rows that each end with a mark, ``<eoi>``: Lumina-mGPT.

    Attributes:
        sizes: ``sizes[n - 1]`` is the id that stands for ``n * unit`` rows, or codes in a row.
        unit: Grids are multiples of this.
        row_end: Id behind each row.
        height: Rows of an image whose grid nobody asked for.
        width: And its codes in a row.
    """

    sizes: tuple[int, ...]
    unit: int
    row_end: int
    height: int
    width: int

    def __post_init__(self) -> None:
        _check_grid(self.unit, self.unit)
        _check_grid(self.height, self.width)


@dataclass(frozen=True)
class SpelledImages:
    """``<boi>``, the grid as text (``90*68``), a mark, rows that each end with a mark, a mark, ``<eoi>``: Emu3.

    Attributes:
        digits: Text ids of the digits 0 to 9.
        times: Text id of ``*``.
        begin: Id between the grid and the first row.
        row_end: Id behind each row.
        end: Id behind the last row.
        height: Rows of an image whose grid nobody asked for.
        width: And its codes in a row.
    """

    digits: tuple[int, ...]
    times: int
    begin: int
    row_end: int
    end: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if len({*self.digits, self.times}) != 11:
            raise InputError("the ten digits and * need eleven different ids")
        _check_grid(self.height, self.width)


@dataclass(frozen=True)
class FramedAudio:
    """``<boa>``, the codes of one frame or more, ``<eoa>``.

    Attributes:
        order: How the codebooks follow each other, a name in :data:`~unitok.codebook_orders.ORDERS`.
    """

    order: str = "flattened"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise InputError(f"unknown order of codebooks {self.order!r}; known are {', '.join(ORDERS)}")


@dataclass(frozen=True)
class RoleTurns:
    """``<user>`` or ``<assistant>``, the parts, ``<eot>``."""


@dataclass(frozen=True)
class SeparatedTurns:
    """The user's parts, ``<eot>``, the assistant's parts, ``<eot>``, and so on: Chameleon.

    An answer may end with ``<eos>`` too.
    """


@dataclass(frozen=True)
class SpokenTurns:
    """Words say whose turn it is: Emu3. They are text like any other, so a user may write them too.

    Attributes:
        system: Text in front of the first turn.
        user: Text in front of what the user says.
        assistant: Text in front of what the assistant says.
        end: Text behind each text that somebody says.
    """

    system: str = ""
    user: str = ""
    assistant: str = ""
    end: str = ""


ImageSettings = SizedImages | FixedImages | MeasuredImages | SpelledImages
AudioSettings = FramedAudio
TurnSettings = RoleTurns | SeparatedTurns | SpokenTurns
_NAMES: dict[str, type[Any]] = {
    "sized": SizedImages,
    "fixed": FixedImages,
    "measured": MeasuredImages,
    "spelled": SpelledImages,
    "framed": FramedAudio,
    "roles": RoleTurns,
    "separated": SeparatedTurns,
    "spoken": SpokenTurns,
}


def to_json(settings: ImageSettings | AudioSettings | TurnSettings) -> dict[str, Any]:
    """The settings as plain values, with their name."""
    (name,) = (name for name, kind in _NAMES.items() if isinstance(settings, kind))
    return {"name": name, **asdict(settings)}


def from_json(values: Any, kinds: Any) -> Any:
    """The inverse of :func:`to_json`; ``kinds`` is the union that the result must belong to.

    Raises:
        InputError: Another name or other fields.
    """
    if not isinstance(values, dict) or values.get("name") not in list(_NAMES):
        raise InputError(f"unknown syntax {values!r}; upgrade unitok")
    kind = _NAMES[values["name"]]
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key != "name"}
    if not issubclass(kind, kinds) or set(fields) != set(kind.__annotations__):
        raise InputError(f"the syntax {values['name']!r} has missing or unknown fields")
    if not all(_is_like(kind, key, value) for key, value in fields.items()):
        raise InputError(f"the syntax {values['name']!r} has a field of the wrong kind")
    return kind(**fields)


def _check_grid(height: int, width: int) -> None:
    if min(height, width) < 1:
        raise InputError(f"a code grid of {height}x{width} is below 1x1")


def _is_like(kind: type[Any], key: str, value: Any) -> bool:
    wanted = kind.__annotations__[key]
    if wanted == "tuple[int, ...]":
        return isinstance(value, tuple) and all(_is_id(one) for one in value)
    return {"bool": isinstance(value, bool), "int": _is_id(value), "str": isinstance(value, str)}[wanted]


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
