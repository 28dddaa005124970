"""`python -m unitok.refit`: codes go where pictures need them, and all others stay."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch.nn import functional as F

from unitok.refit import main
from unitok.training.code_moves import Cells, cells_of, moved
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.codebook import Codebook, CodebookConfig
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer, ImageTokenizerConfig

TINY = Path(__file__).parents[2] / "unitok" / "checkpoints" / "tiny"


def cells(codebook: Codebook, points: list[torch.Tensor], errors: torch.Tensor) -> Cells:
    if codebook.metric == "cosine":
        points = [F.normalize(one, dim=-1) for one in points]
    return Cells(points, codebook.search(torch.cat(points, dim=-1)), errors)


def two_books(metric: str) -> Codebook:
    torch.manual_seed(0)
    codebook = Codebook(2, 6, 3, metric, None, "concatenate")  # pyright: ignore[reportArgumentType]
    codebook.vectors.normal_()
    if metric == "cosine":
        codebook.vectors.copy_(F.normalize(codebook.vectors, dim=-1))
    return codebook


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_codes_that_nothing_has_go_where_errors_are(metric: str) -> None:
    codebook = two_books(metric)
    near = [vectors[:4].repeat(50, 1) + 0.01 * torch.randn(200, 3) for vectors in codebook.vectors]
    far = [-vectors[:4].mean(0).repeat(20, 1) + 0.01 * torch.randn(20, 3) for vectors in codebook.vectors]
    points = [torch.cat(pair) for pair in zip(near, far, strict=True)]
    errors = torch.cat([torch.full((200,), 1e-4), torch.full((20,), 0.3)])
    seen = cells(codebook, points, errors)
    used = seen.used(6)
    new = moved(codebook, seen, None, [1, 1])
    for book in range(2):
        changed = (new[book] != codebook.vectors[book]).any(-1)
        assert changed.sum() == 1  # all others are bit for bit what they were
        (which,) = changed.nonzero().flatten().tolist()
        assert used[book, which] == used[book].min()
        place = new[book, which]
        middle = far[book].mean(0)
        torch.testing.assert_close(
            place, F.normalize(middle, dim=-1) if metric == "cosine" else middle, atol=0.05, rtol=0
        )
    assert torch.equal(moved(codebook, seen, None, [1, 1]), new)  # a seed gives the same codes
    assert torch.equal(moved(codebook, seen, None, [0, 1])[0], codebook.vectors[0])


def test_of_codes_that_pictures_use_alike_those_move_that_others_need_least() -> None:
    codebook = two_books("cosine")
    seen = cells(codebook, [vectors[:3].repeat(5, 1) for vectors in codebook.vectors], torch.rand(15))
    others = cells(codebook, [vectors[[3, 5]].repeat(5, 1) for vectors in codebook.vectors], torch.rand(10))
    new = moved(codebook, seen, others, [1, 1])
    assert all((new[book] != codebook.vectors[book]).any(-1).nonzero().flatten().tolist() == [4] for book in range(2))


def test_cells_have_the_errors_of_their_own_pixels() -> None:
    tokenizer = ImageTokenizer.from_pretrained(TINY / "image_tokenizer")
    detokenizer = ImageDetokenizer.from_pretrained(TINY / "image_detokenizer")
    pictures = torch.rand(3, 3, 80, 80, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = cells_of(tokenizer, detokenizer, pictures.split(2))
    codes = tokenizer.encode(pictures)
    assert torch.equal(found.codes, codes.permute(0, 2, 3, 1).reshape(-1, 2))
    errors = (detokenizer.decode(codes) - pictures).square().mean(1)[2, 10:20, 70:80]
    torch.testing.assert_close(found.errors[2 * 64 + 8 + 7], errors.mean())
    assert torch.equal(
        torch.stack([c.search(v) for c, v in one_book_each(tokenizer, found)]).squeeze(-1).T, found.codes
    )


def one_book_each(tokenizer: ImageTokenizer, found: Cells):
    for vectors, points in zip(tokenizer.codebook.vectors, found.vectors, strict=True):
        book = Codebook(1, len(vectors), vectors.shape[1], "cosine", None)
        book.vectors.copy_(vectors[None])
        yield book, points


@pytest.mark.parametrize("codebook", [{"metric": "fsq", "levels": [4, 4]}, {"num_codebooks": 2, "metric": "euclidean"}])
def test_codes_that_do_not_stand_alone_cannot_move(codebook: dict) -> None:
    book = CodebookConfig(size=16, channels=2, **codebook).build()
    with pytest.raises(InputError, match="cannot be moved"):
        moved(book, Cells([], torch.zeros(0, 1), torch.zeros(0)), None, [1])


def test_the_shipped_codec_serves_a_users_pictures_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "own" / "deep").mkdir(parents=True)
    colors = rng.integers(60, 200, (6, 3))  # six that no scene has, in stripes
    for number in range(40):
        stripes = np.repeat(colors[rng.integers(6, size=(1, 20))], 4, axis=1).repeat(80, axis=0)
        PillowImage.fromarray(stripes.astype(np.uint8)).save(tmp_path / "own" / "deep" / f"{number}.png")
    out = tmp_path / "out"
    arguments = ["--pictures", str(tmp_path / "own"), "--count", "256", "--textures", "0", "--move", "90", "90"]
    assert main([*arguments, "--output", str(out)]) == 0
    report = capsys.readouterr().out
    assert report.startswith(f"{out}: held-out pictures at ")
    before, after = (float(part.split(" dB")[0].split()[-1]) for part in report.split(" before and ")[:2])
    assert after > before + 0.5
    old, new = (ImageTokenizer.from_pretrained(folder / "image_tokenizer") for folder in (TINY, out))
    shown = ImageDetokenizer.from_pretrained(out / "image_detokenizer")
    changed = (old.codebook.vectors != new.codebook.vectors).any(-1).sum(1)
    assert ((changed > 60) & (changed <= 90)).all()
    torch.testing.assert_close(shown.codebook.vectors, new.codebook.vectors, atol=1e-3, rtol=0)  # in half precision
    assert all(torch.equal(a, b) for a, b in zip(old.encoder.parameters(), new.encoder.parameters(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--move", "5"], "give one number below 2048 for each"),
        (["--move", "5", "2048"], "give one number below 2048 for each"),
        (["--move", "5", "5", "--size", "85"], "cells of 10 pixels"),
        (["--move", "5", "5", "--pictures", "nowhere"], "nowhere is not a folder"),
        (["--move", "5", "5", "--codec", "nowhere"], "'nowhere' has no image_tokenizer/"),
        (["--move", "0", "0"], "not all of them 0"),
        (["--move", "129", "5", "--size", "80"], "fewer cells than that"),
        (["--move", "-1", "5"], "at least 0"),
        (["--move", "5", "5", "--count", "300000"], "more cells than can be drawn from; give 262144"),
        ([], "--move"),
    ],
)
def test_bad_input_is_one_clear_error_and_writes_nothing(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--count", "2", *arguments, "--textures", "1", "--output", str(tmp_path / "out")]) == 2
    errors = capsys.readouterr().err.splitlines()  # the first line: nothing was drawn before
    assert len(errors) == 1 and message in errors[0] and not any(tmp_path.iterdir())


def test_broken_pictures_are_named_before_anything_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for number in range(3):
        PillowImage.new("RGB", (90, 90)).save(own / f"{number}.png")
    for name in ("a.jpg", "b.jpg"):
        (own / name).write_bytes(b"no picture")
    arguments = ["--move", "5", "5", "--pictures", str(own), "--output", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "cannot be read, nor 1 others of 5" in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_an_output_that_cannot_be_written_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["--move", "5", "5", "--output", str(tmp_path / "file" / "out")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and "cannot be written" in errors[0]


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(TINY / "image_tokenizer", tmp_path / "codec" / "image_tokenizer")
    arguments = ["--move", "5", "5", "--codec", str(tmp_path / "codec"), "--output", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "has no image_detokenizer/" in capsys.readouterr().err
    other = ImageDetokenizerConfig(patch=10, widths=[8], blocks=[0], codebook=CodebookConfig(size=16, channels=4))
    ImageDetokenizer(other).save_pretrained(tmp_path / "codec" / "image_detokenizer")
    assert main(arguments) == 2
    assert "do not belong together" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_an_older_codec_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--move", "5", "5", "--output", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_detokenizer_of_the_codec_itself_is_trained_on(tmp_path: Path) -> None:
    from unitok.training.image_tokenizer import ImageTokenizerModule

    codebook = CodebookConfig(size=16, channels=4)
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(ImageTokenizerConfig(patch=4, widths=[8], blocks=[1], codebook=codebook))
    detokenizer = ImageDetokenizer(ImageDetokenizerConfig(patch=4, widths=[8], blocks=[1], codebook=codebook))
    tokenizer.save_pretrained(tmp_path / "image_tokenizer")
    detokenizer.save_pretrained(tmp_path / "image_detokenizer")
    module = ImageTokenizerModule(tokenizer_from=str(tmp_path))
    assert all(
        torch.equal(a, b)
        for a, b in zip(module.model.decoder.parameters(), detokenizer.decoder.parameters(), strict=True)
    )
    assert all(one.requires_grad for one in module.model.decoder.parameters())
