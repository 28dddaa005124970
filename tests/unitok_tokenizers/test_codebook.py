"""Code search: exact, whatever the metric."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F
from vector_quantize_pytorch import FSQ

from unitok_tokenizers import codebook as module
from unitok_tokenizers.codebook import Codebook


def filled(num_codebooks: int, size: int, channels: int, metric: str, levels: list[int] | None = None) -> Codebook:
    codebook = Codebook(num_codebooks, size, channels, metric, levels)  # pyright: ignore[reportArgumentType]
    generator = torch.Generator().manual_seed(0)
    codebook.vectors.copy_(torch.randn(num_codebooks, size, channels, generator=generator))
    if metric == "cosine":
        codebook.vectors.copy_(F.normalize(codebook.vectors, dim=-1))
    return codebook


@pytest.mark.parametrize("rows", [1, module.CHUNK - 1, module.CHUNK, 3 * module.CHUNK + 7])
@pytest.mark.parametrize("scores", [1, 30_000, 1 << 22])
def test_euclidean_search_finds_the_nearest_code(rows: int, scores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCORES", scores)
    codebook = filled(1, 300, 8, "euclidean")
    x = torch.randn(rows, 8, generator=torch.Generator().manual_seed(1))
    expected = torch.cdist(x.double(), codebook.vectors[0].double()).argmin(-1)
    assert torch.equal(codebook.search(x)[:, 0], expected)


@pytest.mark.parametrize(("metric", "books"), [("euclidean", 1), ("euclidean", 3), ("cosine", 1)])
def test_equal_vectors_are_searched_once(metric: str, books: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codebook = filled(books, 60, 8, metric)
    several = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    drawn = torch.tensor([0, 0, 0, 1, 2, 2, 0, 4, 4, 4, 4, 3])
    expected = torch.cat([codebook.search(several[number : number + 1]) for number in drawn.tolist()])
    searched, addmm = [], torch.addmm

    def counted(bias: torch.Tensor, part: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        searched.append(len(part))
        return addmm(bias, part, other)

    monkeypatch.setattr(torch, "addmm", counted)
    assert torch.equal(codebook.search(several[drawn]), expected)
    assert searched == [5] * books
    assert codebook.search(several[:0]).shape == (0, books)


def test_cosine_search_ignores_length() -> None:
    codebook = filled(1, 100, 8, "cosine")
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(1))
    expected = (F.normalize(x, dim=-1) @ codebook.vectors[0].T).argmax(-1)
    assert torch.equal(codebook.search(x)[:, 0], expected)
    assert torch.equal(codebook.search(17.0 * x), codebook.search(x))


def test_each_codebook_codes_what_the_ones_before_left_over() -> None:
    codebook = filled(3, 40, 4, "euclidean")
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
    codes = codebook.search(x)
    rest = x.clone()
    for k in range(3):
        assert torch.equal(codes[:, k], torch.cdist(rest, codebook.vectors[k]).argmin(-1))
        rest = rest - codebook.vectors[k][codes[:, k]]
    assert torch.allclose(codebook.lookup(codes), x - rest, atol=1e-5)


@pytest.mark.parametrize("levels", [[8, 5, 5, 5], [4, 4], [7, 3, 2 + 1]])
def test_fsq_codes_equal_the_library_s(levels: list[int]) -> None:
    library = FSQ(levels)
    codebook = Codebook(1, math.prod(levels), len(levels), "fsq", levels)
    codebook.vectors.copy_(library.get_buffer("implicit_codebook")[None])
    x = 2 * torch.randn(500, len(levels), generator=torch.Generator().manual_seed(1))
    quantized, codes = library(x[None])
    assert torch.equal(codebook.search(x)[:, 0], codes[0].long())
    assert torch.allclose(codebook.lookup(codebook.search(x)), quantized[0])


def test_a_code_s_own_vector_finds_that_code() -> None:
    codebook = filled(1, 64, 8, "cosine")
    assert codebook.search(codebook.vectors[0])[:, 0].tolist() == list(range(64))


def test_impossible_codebooks_are_refused() -> None:
    with pytest.raises(ValueError, match="product"):
        Codebook(1, 100, 2, "fsq", [8, 5])
    with pytest.raises(ValueError, match="residual"):
        Codebook(2, 100, 2, "cosine", None)


def test_codebooks_that_concatenate_search_and_give_back_their_own_part() -> None:
    codebook = Codebook(2, 40, 4, "cosine", None, "concatenate")
    codebook.vectors.copy_(F.normalize(torch.randn(2, 40, 4, generator=torch.Generator().manual_seed(0)), dim=-1))
    x = torch.randn(30, 8, generator=torch.Generator().manual_seed(1))
    codes = codebook.search(x)
    for k, part in enumerate(x.chunk(2, dim=-1)):
        assert torch.equal(codes[:, k], (part @ codebook.vectors[k].T).argmax(-1))
        assert torch.equal(codebook.lookup(codes)[:, 4 * k : 4 * k + 4], codebook.vectors[k][codes[:, k]])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_autocast_changes_no_code(metric: str) -> None:
    book = filled(1, 512, 8, metric)
    x = torch.randn(2000, 8, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        found = book.search(x)
    assert torch.equal(found, book.search(x))
