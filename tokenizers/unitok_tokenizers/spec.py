"""What the other stages need to know of a codec: its codebooks and its rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from unitok_tokenizers.errors import InputError


@dataclass(frozen=True)
class CodebookSpec:
    """The codes of one tokenizer: int64 ``[B, K, *grid]`` with values in ``[0, codebook_size)``.

    Two codecs fit together when their specs are equal.

    Attributes:
        modality: What is encoded, ``"image"`` or ``"audio"``.
        codebook_size: Number of codes in each codebook.
        num_codebooks: K, the codes per grid cell.
        downsample: Images: pixels per grid cell along each axis.
        sample_rate: Audio: samples per second.
        hop_length: Audio: samples per frame.

    Raises:
        InputError: A field is missing, of the wrong type or out of range.
    """

    modality: str
    codebook_size: int
    num_codebooks: int = 1
    downsample: int | None = None
    sample_rate: int | None = None
    hop_length: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.modality, str) or not self.modality:
            raise InputError(f"codebook spec: modality must be a name, not {self.modality!r}")
        for name in ("codebook_size", "num_codebooks"):
            self._check_positive(name)
        for name in ("downsample", "sample_rate", "hop_length"):
            if getattr(self, name) is not None:
                self._check_positive(name)

    def _check_positive(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"codebook spec of {self.modality!r}: {name} must be a positive integer, not {value!r}")

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set, ready for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CodebookSpec:
        """The inverse of :meth:`to_dict`; unknown and missing fields raise :class:`InputError`."""
        if not isinstance(values, Mapping):
            raise InputError(f"codebook spec: expected an object, not {type(values).__name__}")
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"codebook spec: unknown field {unknown[0]!r}")
        for name in ("modality", "codebook_size"):
            if name not in values:
                raise InputError(f"codebook spec: field {name!r} is missing")
        return cls(**values)
