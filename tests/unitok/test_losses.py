"""What a decoder, or the mean of several, loses on caches of documents."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from unitok import decoder_folder, losses
from unitok.bases import find_folder
from unitok.data.document_losses import decoder_at, document_losses
from unitok.data.token_cache import TokenCache
from unitok.decoder_folder import load_mean
from unitok.terminal import run


@pytest.fixture()
def decoders(tiny_decoder: PreTrainedModel, tmp_path: Path) -> tuple[Path, Path]:
    """Two that differ in all weights."""
    tiny_decoder.save_pretrained(tmp_path / "one")
    torch.manual_seed(1)
    other = type(tiny_decoder)(tiny_decoder.config)
    with torch.no_grad():  # as random weights are, all ids are about equally likely
        for weight in other.parameters():
            weight.mul_(3)
    other.save_pretrained(tmp_path / "other")
    return tmp_path / "one", tmp_path / "other"


def test_a_mean_is_of_what_is_stored_and_each_folder_is_read_once(
    decoders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = decoders
    read: list[str] = []
    real = decoder_folder.load_decoder

    def load(folder: str, *rest: Any) -> PreTrainedModel:
        read.append(str(folder))
        return real(folder, *rest)

    monkeypatch.setattr(decoder_folder, "load_decoder", load)
    mean = load_mean([one, other, one], dtype=torch.bfloat16).state_dict()
    assert read == [str(one), str(other)]
    stored = [real(folder).state_dict() for folder in (one, other)]
    for name, weight in mean.items():
        expected = (2 * stored[0][name].float() + stored[1][name].float()) / 3
        assert torch.equal(weight, expected.bfloat16())  # rounded once


def test_losses_are_those_of_the_mean_cache_by_cache(
    write_cache: Callable[..., TokenCache],
    decoders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(losses, "TOGETHER", 4)
    caches = [write_cache(tmp_path / f"cache_{seed}", 11 - seed, seed) for seed in (0, 1)]
    one, other = decoders
    mean = load_mean([one, one, other], dtype=torch.float32)
    alone = load_mean([one], dtype=torch.float32)
    for cache, result in zip(
        caches, losses.losses([one, one, other], [cache.folder for cache in caches], every=2), strict=True
    ):
        documents = [cache[number] for number in range(0, len(cache), 2)]
        expected = float(document_losses(mean, documents).sum())
        assert result.nats == pytest.approx(expected, rel=1e-2)  # computed in bfloat16 where that is fast
        assert abs(result.nats - float(document_losses(alone, documents).sum())) > 3 * abs(result.nats - expected)
        assert result.documents == len(documents)
        assert result.tokens == sum(int(targets[1:].sum()) for _, targets in documents)
    words = ["--decoder", str(one), str(one), str(other), "--every", "2", "--caches", str(caches[0].folder)]
    assert run(losses.command, words) == 0
    first = losses.losses([one, one, other], [caches[0].folder], every=2)[0]
    said = capsys.readouterr().out
    assert f"{first.nats / 6:.3f} nats a document" in said and "(6 documents)" in said
    assert f"{first.nats / math.log(2) / first.tokens:.4f} bits a token" in said


def test_what_ships_comes_before_a_folder_of_its_name(
    decoders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoders[0].rename(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    assert decoder_at("tiny")[0] == find_folder("tiny") / "decoder" != Path("tiny")
    assert decoder_at("./tiny")[0] == Path("tiny")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("empty", "has no documents"),
        ("vocabulary", "made with another vocabulary"),
        ("cache", "is not a token cache"),
        ("decoder", "neither a decoder's folder"),
    ],
)
def test_bad_input_is_one_line(
    write_cache: Callable[..., TokenCache],
    decoders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: str,
    reason: str,
) -> None:
    cache, decoder = tmp_path / "cache", decoders[0]
    write_cache(cache, 0 if change == "empty" else 3)
    if change == "vocabulary":  # tiny's is not theirs
        decoder = Path("tiny")
    if change in ("cache", "decoder"):
        cache, decoder = (tmp_path / "none", decoder) if change == "cache" else (cache, tmp_path / "none")
    assert run(losses.command, ["--decoder", str(decoder), "--caches", str(cache)]) == 2
    said = capsys.readouterr()
    assert reason in said.err and said.err.count("\n") == 1 and not said.out
