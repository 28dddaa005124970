from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unitok.vocabulary import AUDIO, CONTROL, CONTROL_TOKENS, IMAGE, TEXT, UNUSED, Codebooks, Vocabulary
from unitok_tokenizers import CodebookSpec, InputError

IMAGE_SPEC = CodebookSpec("image", 16, 2, downsample=8)
AUDIO_SPEC = CodebookSpec("audio", 8, 4, sample_rate=16000, hop_length=320)


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(300, [IMAGE_SPEC, AUDIO_SPEC], max_grid=6)


def interleaved() -> Vocabulary:
    """Blocks that list their ids one by one, in no order, with ids between them that nothing uses."""
    order = torch.randperm(99, generator=torch.Generator().manual_seed(0)).tolist()
    take = iter(order)
    return Vocabulary.from_blocks(
        text=[next(take) for _ in range(20)],
        control={name: next(take) for name in CONTROL_TOKENS},
        sizes=[next(take) for _ in range(4)],
        codebooks=[Codebooks(IMAGE_SPEC, tuple([next(take) for _ in range(16)] for _ in range(2)))],
        size=100,
    )


# ---- layout


def test_layout(vocabulary: Vocabulary) -> None:
    assert vocabulary.text_ids.tolist() == list(range(300))
    assert (vocabulary.bos, vocabulary.uncond) == (300, 310)
    assert vocabulary.size_ids.tolist() == list(range(311, 317))
    assert vocabulary.block_ids("image", 0).tolist() == list(range(317, 333))
    assert vocabulary.block_ids("image", 1).tolist() == list(range(333, 349))
    assert vocabulary.block_ids("audio", 3).tolist() == list(range(349 + 24, 349 + 32))
    assert vocabulary.size == 349 + 32


@pytest.mark.parametrize("name", CONTROL_TOKENS)
def test_control_tokens_are_attributes(vocabulary: Vocabulary, name: str) -> None:
    assert getattr(vocabulary, name.strip("<>")) == vocabulary.control[name]


@pytest.mark.parametrize("make", [lambda: Vocabulary(300, [IMAGE_SPEC, AUDIO_SPEC], max_grid=6), interleaved])
def test_every_id_has_one_meaning(make: Any) -> None:
    vocabulary = make()
    claimed = [
        *vocabulary.text_ids.tolist(),
        *vocabulary.control.values(),
        *vocabulary.size_ids.tolist(),
        *(token for m, spec in vocabulary.specs.items() for k in range(spec.num_codebooks)
          for token in vocabulary.block_ids(m, k).tolist()),
    ]  # fmt: skip
    assert len(claimed) == len(set(claimed))
    kinds = vocabulary.modality_of(torch.arange(vocabulary.size))
    assert kinds.dtype == torch.int8
    assert {token for token in range(vocabulary.size) if kinds[token] != UNUSED} == set(claimed)


def test_modality_of(vocabulary: Vocabulary) -> None:
    ids = torch.tensor([[0, 299, vocabulary.eot], [vocabulary.size_id(1), 317, vocabulary.size - 1]])
    assert vocabulary.modality_of(ids).tolist() == [[TEXT, TEXT, CONTROL], [CONTROL, IMAGE, AUDIO]]
    assert int(interleaved().modality_of(torch.tensor(99))) == UNUSED


@pytest.mark.parametrize("token_id", [-1, 381])
def test_ids_outside_the_vocabulary(vocabulary: Vocabulary, token_id: int) -> None:
    with pytest.raises(InputError, match="0 to 380"):
        vocabulary.modality_of(torch.tensor([token_id]))


def test_sizes(vocabulary: Vocabulary) -> None:
    for n in range(1, 7):
        assert vocabulary.size_of(vocabulary.size_id(n)) == n
    for n in (0, 7, -1):
        with pytest.raises(InputError, match="1 to 6"):
            vocabulary.size_id(n)
    for token_id in (0, vocabulary.bos, 317, -1, vocabulary.size):
        with pytest.raises(InputError, match="not a size token"):
            vocabulary.size_of(token_id)


def test_sizes_of_listed_ids() -> None:
    vocabulary = interleaved()
    assert [vocabulary.size_of(vocabulary.size_id(n)) for n in (1, 2, 3, 4)] == [1, 2, 3, 4]
    others = set(range(100)) - set(vocabulary.size_ids.tolist())
    for token_id in others:
        with pytest.raises(InputError):
            vocabulary.size_of(token_id)


def test_tables_cannot_be_changed_from_outside(vocabulary: Vocabulary) -> None:
    vocabulary.text_ids.zero_()
    vocabulary.block_ids("image").zero_()
    assert vocabulary.text_ids[5] == 5
    assert vocabulary.block_ids("image")[5] == 322


# ---- codes


def test_codes_lie_row_major_with_the_codebooks_innermost(vocabulary: Vocabulary) -> None:
    codes = torch.arange(12).view(1, 2, 2, 3)
    ids = vocabulary.codes_to_ids("image", codes)
    first, second = 317, 333
    wanted = [first, second + 6, first + 1, second + 7, first + 2, second + 8]
    assert ids[0, :6].tolist() == wanted
    assert ids.shape == (1, 12)
    assert ids.dtype == torch.int64


@pytest.mark.parametrize("make", [lambda: Vocabulary(300, [IMAGE_SPEC, AUDIO_SPEC], max_grid=6), interleaved])
@settings(deadline=None, max_examples=30)
@given(batch=st.integers(0, 3), h=st.integers(1, 5), w=st.integers(1, 5), seed=st.integers(0, 9))
def test_image_round_trip(make: Any, batch: int, h: int, w: int, seed: int) -> None:
    vocabulary = make()
    codes = torch.randint(16, (batch, 2, h, w), generator=torch.Generator().manual_seed(seed))
    ids = vocabulary.codes_to_ids("image", codes)
    assert torch.equal(vocabulary.ids_to_codes("image", ids, (h, w)), codes)
    assert bool((vocabulary.modality_of(ids) == IMAGE).all())


def test_audio_round_trip(vocabulary: Vocabulary) -> None:
    codes = torch.randint(8, (2, 4, 7))
    ids = vocabulary.codes_to_ids("audio", codes)
    assert ids.shape == (2, 28)
    assert torch.equal(vocabulary.ids_to_codes("audio", ids, (7,)), codes)


@pytest.mark.parametrize(
    "codes",
    [
        torch.full((1, 2, 2, 2), 16),
        torch.full((1, 2, 2, 2), -1),
        torch.zeros(1, 1, 2, 2, dtype=torch.int64),
        torch.zeros(2, 2, dtype=torch.int64),
        torch.zeros(1, 2, 2, 2),
    ],
)
def test_bad_codes(vocabulary: Vocabulary, codes: torch.Tensor) -> None:
    with pytest.raises(InputError, match="image codes must"):
        vocabulary.codes_to_ids("image", codes)


def test_ids_of_the_wrong_block(vocabulary: Vocabulary) -> None:
    ids = vocabulary.codes_to_ids("image", torch.zeros(1, 2, 1, 2, dtype=torch.int64))
    for place, wrong in [(0, 0), (1, vocabulary.eoi), (2, 349), (1, 317), (2, 333)]:
        changed = ids.clone()
        changed[0, place] = wrong
        with pytest.raises(InputError, match=f"token id {wrong} at place {place} is no code of image"):
            vocabulary.ids_to_codes("image", changed, (1, 2))
    with pytest.raises(InputError, match=r"needs ids \[B, 8\]"):
        vocabulary.ids_to_codes("image", ids, (2, 2))


def test_missing_modality() -> None:
    vocabulary = Vocabulary(300, [IMAGE_SPEC])
    with pytest.raises(InputError, match="no audio codes; it has image"):
        vocabulary.codes_to_ids("audio", torch.zeros(1, 4, 2, dtype=torch.int64))
    with pytest.raises(InputError, match="only text"):
        Vocabulary(300, []).block_ids("image")


def test_text_ids() -> None:
    vocabulary = interleaved()
    text = torch.tensor([3, 0, 19])
    ids = vocabulary.text_to_ids(text)
    assert torch.equal(vocabulary.ids_to_text(ids), text)
    with pytest.raises(InputError, match="0 to 19"):
        vocabulary.text_to_ids(torch.tensor([20]))
    with pytest.raises(InputError, match="outside the text block"):
        vocabulary.ids_to_text(torch.tensor([vocabulary.bos]))


# ---- bad layouts


def test_bad_arguments() -> None:
    for arguments in [(0, []), (10, [], 0), (True, []), (10, [IMAGE_SPEC, IMAGE_SPEC])]:
        with pytest.raises(InputError, match="vocabulary"):
            Vocabulary(*arguments)
    with pytest.raises(InputError, match="smell"):
        Vocabulary(10, [CodebookSpec("smell", 8)])


# ---- the manifest


@pytest.mark.parametrize("make", [lambda: Vocabulary(300, [IMAGE_SPEC, AUDIO_SPEC], max_grid=6), interleaved])
def test_save_and_load(make: Any, tmp_path: Path) -> None:
    vocabulary = make()
    path = tmp_path / "vocabulary.json"
    vocabulary.save(path)
    loaded = Vocabulary.load(path)
    assert loaded == vocabulary
    assert loaded.size == vocabulary.size
    assert torch.equal(loaded.block_ids("image", 1), vocabulary.block_ids("image", 1))
    assert loaded != Vocabulary(300, [IMAGE_SPEC])


def test_the_manifest_of_a_new_vocabulary_is_short(vocabulary: Vocabulary) -> None:
    assert len(json.dumps(vocabulary.to_dict())) < 1500


BLOCK = {"start": 0, "count": 5}
EDITS: list[tuple[str, Any, str]] = [
    ("format", "else", "format"),
    ("version", 2, "newer than 1"),
    ("version", "1", "version"),
    ("version", None, "version"),
    ("size", "9", "size"),
    ("size", 10**12, "size"),
    ("size", 380, "outside 0 to 379"),
    ("text", None, "text"),
    ("text", {"start": 0}, "text"),
    ("text", {"start": 0, "count": 0}, "count"),
    ("text", {"start": -2, "count": 3}, "start"),
    ("text", {"start": -1, "count": 3}, "no id"),
    ("text", {"ids": [1, 1]}, "used twice"),
    ("text", {"ids": []}, "text"),
    ("text", {"ids": [0.5]}, "an id"),
    ("text", {"start": 0, "count": 301}, "used twice"),
    ("control", {"<bos>": 1}, "<eos>"),
    ("control", {**{name: n for n, name in enumerate(CONTROL_TOKENS)}, "<bop>": 50}, "<bop>"),
    ("control", {name: 305 for name in CONTROL_TOKENS}, "used twice"),
    ("control", {name: str(n) for n, name in enumerate(CONTROL_TOKENS)}, "<bos>"),
    ("sizes", [], "sizes"),
    ("codebooks", {}, "codebooks"),
    ("codebooks", [3], "codebooks"),
    ("codebooks", [{"spec": {"modality": "image"}, "blocks": []}], "codebook_size"),
    (
        "codebooks",
        [{"spec": {"modality": "image", "codebook_size": 4}, "blocks": [BLOCK]}],
        "sizes of its spec",
    ),
]


@pytest.mark.parametrize(("key", "value", "named"), EDITS)
def test_malformed_manifests(vocabulary: Vocabulary, tmp_path: Path, key: str, value: Any, named: str) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps(vocabulary.to_dict() | {key: value}))
    with pytest.raises(InputError, match=named) as caught:
        Vocabulary.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_files_that_are_no_manifest(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"vocabulary\.json"):
        Vocabulary.load(path)


def test_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        Vocabulary.load(tmp_path / "absent.json")
    with pytest.raises(InputError, match="cannot be read"):
        Vocabulary.load(tmp_path)
