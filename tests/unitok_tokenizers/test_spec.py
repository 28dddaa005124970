from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch

from unitok_tokenizers import CodebookSpec, Detokenizer, InputError, Tokenizer

IMAGE = CodebookSpec("image", 1024, 2, downsample=8)
AUDIO = CodebookSpec("audio", 512, 4, sample_rate=16000, hop_length=320)


@pytest.mark.parametrize("spec", [IMAGE, AUDIO, CodebookSpec("image", 16)])
def test_dict_round_trip(spec: CodebookSpec) -> None:
    assert CodebookSpec.from_dict(spec.to_dict()) == spec


def test_to_dict_holds_only_what_is_set() -> None:
    assert IMAGE.to_dict() == {
        "modality": "image",
        "codebook_size": 1024,
        "num_codebooks": 2,
        "downsample": 8,
    }


def test_frozen_and_hashable() -> None:
    with pytest.raises(FrozenInstanceError):
        IMAGE.codebook_size = 2  # type: ignore[misc]
    assert len({IMAGE, CodebookSpec("image", 1024, 2, downsample=8), AUDIO}) == 2


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"codebook_size": 8}, "modality"),
        ({"modality": "image"}, "codebook_size"),
        ({"modality": "", "codebook_size": 8}, "modality"),
        ({"modality": 3, "codebook_size": 8}, "modality"),
        ({"modality": "image", "codebook_size": 0}, "codebook_size"),
        ({"modality": "image", "codebook_size": "8"}, "codebook_size"),
        ({"modality": "image", "codebook_size": 8, "num_codebooks": True}, "num_codebooks"),
        ({"modality": "image", "codebook_size": 8, "downsample": -1}, "downsample"),
        ({"modality": "image", "codebook_size": 8, "downsampel": 8}, "downsampel"),
        (["image"], "object"),
    ],
)
def test_bad_values_are_named(values: Any, named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        CodebookSpec.from_dict(values)
    assert "\n" not in str(caught.value)


def test_protocols_are_met_by_duck_type() -> None:
    class Codec:
        spec = IMAGE

        def encode(self, media: torch.Tensor) -> torch.Tensor:
            return media

        def decode(self, codes: torch.Tensor) -> torch.Tensor:
            return codes

    assert isinstance(Codec(), Tokenizer)
    assert isinstance(Codec(), Detokenizer)
    assert not isinstance(object(), Tokenizer)
