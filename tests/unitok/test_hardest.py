"""The documents of a cache that a decoder knows least."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from unitok import tokenize
from unitok.data import hardest
from unitok.data.hardest import document_losses
from unitok.data.token_cache import TokenCache, TokenCacheWriter, vocabulary_hash
from unitok.decoder_folder import load_decoder
from unitok.processor import Processor
from unitok.terminal import run

DOCUMENTS = 11


def write_cache(folder: Path, processor: Processor, documents: int = DOCUMENTS, key: str | None = None) -> TokenCache:
    vocabulary = processor.vocabulary
    rng = np.random.default_rng(0)
    with TokenCacheWriter(folder, vocabulary.size, key or vocabulary_hash(vocabulary)) as writer:
        for _ in range(documents):
            length = int(rng.integers(2, 40))
            writer.add(rng.integers(0, vocabulary.size, length), rng.integers(0, 2, length))
        writer.finish()
    return TokenCache(folder)


@pytest.fixture()
def cache(tiny_processor: Processor, tmp_path: Path) -> TokenCache:
    return write_cache(tmp_path / "cache", tiny_processor)


@pytest.fixture()
def decoder(tiny_decoder: PreTrainedModel, tmp_path: Path) -> Path:
    tiny_decoder.save_pretrained(tmp_path / "decoder")
    return tmp_path / "decoder"


def choose(cache: TokenCache, decoder: object, output: Path, share: str = "0.4") -> int:
    words = ["hardest", str(cache.folder), "--decoder", str(decoder), "--share", share, "--output", str(output)]
    return run(tokenize.command, words)


def test_losses_are_those_of_each_document_alone(
    cache: TokenCache, tiny_decoder: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardest, "ROW_TOKENS", 100)  # several documents in a batch, and several batches
    losses = document_losses(tiny_decoder, list(cache))
    for (ids, targets), loss in zip(cache, losses, strict=True):
        tokens = torch.from_numpy(ids.astype(np.int64))
        with torch.no_grad():
            logits = tiny_decoder(input_ids=tokens[None]).logits[0].log_softmax(-1)
        expected = -sum(float(logits[at - 1, tokens[at]]) for at in range(1, len(tokens)) if targets[at])
        assert loss == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_hardest_documents_are_kept_in_their_order(
    cache: TokenCache, decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = document_losses(load_decoder(decoder, torch.bfloat16), list(cache))
    expected = sorted(sorted(range(DOCUMENTS), key=lambda number: -losses[number])[:4])
    assert choose(cache, decoder, tmp_path / "hard") == 0
    said = capsys.readouterr().out
    chosen = TokenCache(tmp_path / "hard")
    assert f"4 of {DOCUMENTS} documents, {chosen.meta['tokens']} tokens" in said and f"{losses.mean():.2f}" in said
    assert chosen.meta["least_loss"] == pytest.approx(losses[expected].min())
    for number, (ids, targets) in zip(expected, chosen, strict=True):
        assert ids.tolist() == cache[number][0].tolist() and targets.tolist() == cache[number][1].tolist()
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "decoder", "hard"}  # nothing is left over


def test_a_run_that_was_stopped_goes_on(
    cache: TokenCache, decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(cache, decoder, tmp_path / "whole") == 0
    monkeypatch.setattr(hardest, "TOGETHER", 4)
    read: list[int] = []

    def losses_of(stop: bool) -> Callable[..., object]:
        def found(model: PreTrainedModel, documents: list) -> object:
            if stop and read:
                raise KeyboardInterrupt
            read.append(len(documents))
            return document_losses(model, documents)

        return found

    monkeypatch.setattr(hardest, "document_losses", losses_of(stop=True))
    assert choose(cache, decoder, tmp_path / "hard") == 130
    assert read == [4] and not (tmp_path / "hard").exists()
    monkeypatch.setattr(hardest, "document_losses", losses_of(stop=False))
    assert choose(cache, decoder, tmp_path / "hard") == 0
    assert read == [4, 4, 3]  # the first four were not read again
    for name in ("tokens.bin", "targets.bin"):
        assert (tmp_path / "hard" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_losses_of_another_decoder_are_not_taken(
    cache: TokenCache,
    decoder: Path,
    make_decoder: Callable[..., PreTrainedModel],
    tiny_processor: Processor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "other"
    make_decoder(tiny_processor.vocabulary.size + 5, seed=1).save_pretrained(other)
    assert choose(cache, other, tmp_path / "expected") == 0
    with monkeypatch.context() as patch:
        patch.setattr(hardest, "TokenCacheWriter", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert choose(cache, decoder, tmp_path / "hard") == 130  # all losses are there, the cache is not
    assert choose(cache, other, tmp_path / "hard") == 0
    assert (tmp_path / "hard/tokens.bin").read_bytes() == (tmp_path / "expected/tokens.bin").read_bytes()


def test_what_cannot_be_chosen_from_is_one_line(
    cache: TokenCache,
    decoder: Path,
    make_decoder: Callable[..., PreTrainedModel],
    tiny_processor: Processor,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = write_cache(tmp_path / "empty", tiny_processor, documents=0)
    small = tmp_path / "small"
    make_decoder(tiny_processor.vocabulary.size - 1).save_pretrained(small)
    (tmp_path / "nothing").mkdir()
    wrong = [
        ((cache, decoder, tmp_path / "x", "0"), "above 0"),
        ((cache, decoder, tmp_path / "x", "1.5"), "at most 1"),
        ((cache, decoder, tmp_path / "cache"), "exists already"),
        ((cache, tmp_path / "nothing", tmp_path / "x"), "neither a decoder's folder"),
        ((cache, "tiny", tmp_path / "x"), "another vocabulary"),
        ((cache, small, tmp_path / "x"), f"knows {tiny_processor.vocabulary.size - 1} ids"),
        ((empty, decoder, tmp_path / "x"), "no documents"),
    ]
    for arguments, message in wrong:
        assert choose(*arguments) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") and message in error
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.losses").exists()
