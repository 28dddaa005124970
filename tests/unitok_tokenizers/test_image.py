"""The image tokenizer and its detokenizer: shapes, sizes, saving."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers import module_io
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import CodebookConfig, ImageTokenizer, ImageTokenizerConfig
from unitok_tokenizers.layers import pad_to_multiple

CODEBOOK = CodebookConfig(size=32, num_codebooks=2, channels=4, metric="euclidean")


@pytest.fixture
def tokenizer() -> ImageTokenizer:
    torch.manual_seed(0)
    model = ImageTokenizer(ImageTokenizerConfig(patch=4, widths=[8, 8], blocks=[1, 1], kernel=3, codebook=CODEBOOK))
    model.codebook.vectors.normal_()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture
def detokenizer(tokenizer: ImageTokenizer) -> ImageDetokenizer:
    model = ImageDetokenizer(ImageDetokenizerConfig(widths=[8, 8], blocks=[1, 1], patch=4, codebook=CODEBOOK))
    model.codebook.load_state_dict(tokenizer.codebook.state_dict())
    return model.eval()


@pytest.mark.parametrize(
    ("height", "width", "grid"), [(64, 64, (8, 8)), (8, 40, (1, 5)), (33, 50, (5, 7)), (1, 1, (1, 1))]
)
def test_any_size_becomes_a_grid_that_covers_it(
    tokenizer: ImageTokenizer, detokenizer: ImageDetokenizer, height: int, width: int, grid: tuple[int, int]
) -> None:
    codes = tokenizer.encode(torch.rand(2, 3, height, width) * 2 - 1)
    assert codes.shape == (2, 2, *grid)
    assert codes.dtype == torch.int64
    assert 0 <= int(codes.min()) <= int(codes.max()) < 32
    pictures = detokenizer.decode(codes)
    assert pictures.shape == (2, 3, 8 * grid[0], 8 * grid[1])
    assert -1 <= float(pictures.min()) <= float(pictures.max()) <= 1


def test_padding_repeats_the_border() -> None:
    picture = torch.arange(6.0).view(1, 1, 2, 3)
    padded = pad_to_multiple(picture, 4)
    assert padded.shape == (1, 1, 4, 4)
    assert torch.equal(padded[..., 2:, :3], picture[..., 1:, :].expand(1, 1, 2, 3))
    assert torch.equal(padded[..., :2, 3], picture[..., 2])


def test_codes_of_a_batch_are_those_of_its_pictures_alone(tokenizer: ImageTokenizer) -> None:
    pictures = torch.rand(5, 3, 32, 48) * 2 - 1
    together = tokenizer.encode(pictures)
    assert torch.equal(together, torch.cat([tokenizer.encode(one[None]) for one in pictures]))


def test_autocast_changes_no_code(tokenizer: ImageTokenizer) -> None:
    pictures = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        codes = tokenizer.encode(pictures)
    assert torch.equal(codes, tokenizer.encode(pictures))


def test_a_code_depends_on_its_surroundings_only(tokenizer: ImageTokenizer) -> None:
    picture = torch.rand(1, 3, 128, 128) * 2 - 1
    changed = picture.clone()
    changed[..., :16, :16] = 1.0
    codes, other = tokenizer.encode(picture), tokenizer.encode(changed)
    assert not torch.equal(codes[..., :2, :2], other[..., :2, :2])
    assert torch.equal(codes[..., 10:, 10:], other[..., 10:, 10:])


def test_with_kernel_1_equal_patches_have_equal_codes() -> None:
    torch.manual_seed(0)
    model = ImageTokenizer(ImageTokenizerConfig(patch=8, widths=[16], blocks=[1], kernel=1, codebook=CODEBOOK)).eval()
    model.codebook.vectors.normal_()
    patches = torch.rand(2, 3, 8, 8) * 2 - 1
    rows = [torch.cat([patches[i] for i in row], dim=-1) for row in ((0, 1, 0), (1, 1, 0))]
    codes = model.encode(torch.cat(rows, dim=-2)[None])[0, 0]
    assert codes[0, 0] == codes[0, 2] == codes[1, 2]
    assert codes[0, 1] == codes[1, 0] == codes[1, 1]


def test_saving_keeps_codes_and_pictures(
    tokenizer: ImageTokenizer, detokenizer: ImageDetokenizer, tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path / "t")
    detokenizer.save_pretrained(tmp_path / "d")
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == ["config.json", "model.safetensors"]
    again, pictures_again = (
        ImageTokenizer.from_pretrained(tmp_path / "t"),
        ImageDetokenizer.from_pretrained(tmp_path / "d"),
    )
    assert again.spec == tokenizer.spec == pictures_again.spec
    picture = torch.rand(1, 3, 24, 24) * 2 - 1
    codes = tokenizer.encode(picture)
    assert torch.equal(again.encode(picture), codes)
    assert torch.equal(pictures_again.decode(codes), detokenizer.decode(codes))


def test_weights_stay_until_new_ones_are_whole(
    tokenizer: ImageTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def half(_: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module_io, "save_file", half)
        with pytest.raises(KeyboardInterrupt):
            tokenizer.save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    ImageTokenizer.from_pretrained(tmp_path)


def test_a_damaged_folder_is_one_error_that_names_the_file(tokenizer: ImageTokenizer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json is missing"):
        ImageTokenizer.from_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "widths": [8, 16]}))
    with pytest.raises(InputError, match=r"model\.safetensors does not fit"):
        ImageTokenizer.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "surprise": 1}))
    with pytest.raises(InputError, match=r"config\.json does not describe"):
        ImageTokenizer.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model\.safetensors does not fit"):
        ImageTokenizer.from_pretrained(tmp_path)


def test_wrong_shapes_are_refused(tokenizer: ImageTokenizer, detokenizer: ImageDetokenizer) -> None:
    with pytest.raises(ValueError, match=r"\[B, 3, H, W\]"):
        tokenizer.encode(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match=r"\[B, 2, h, w\]"):
        detokenizer.decode(torch.zeros(1, 1, 2, 2, dtype=torch.int64))
