"""The documents of a cache that a decoder knows least."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CohereConfig, CohereForCausalLM, PreTrainedModel

from unitok import precision, tokenize
from unitok.data import document_losses as reading
from unitok.data import hardest
from unitok.data.document_losses import decoder_at, document_losses
from unitok.data.token_cache import TokenCache
from unitok.decoder_folder import load_decoder
from unitok.precision import fast_dtype
from unitok.processor import Processor
from unitok.terminal import run
from unitok_tokenizers.errors import InputError

DOCUMENTS = 11


@pytest.fixture()
def cache(write_cache: Callable[..., TokenCache], tmp_path: Path) -> TokenCache:
    return write_cache(tmp_path / "cache", DOCUMENTS)


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
    monkeypatch.setattr(reading, "ROW_TOKENS", 100)  # several documents in a batch, and several batches
    monkeypatch.setattr(reading, "LOGITS", 7 * tiny_decoder.config.vocab_size)  # and several pieces of one
    sizes: list[int] = []
    backbone = tiny_decoder.get_decoder()
    hook = backbone.register_forward_pre_hook(
        lambda _module, _args, kwargs: sizes.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    losses = document_losses(tiny_decoder, list(cache))
    hook.remove()
    assert 2 <= len(sizes) < DOCUMENTS and max(sizes) <= 100
    for (ids, targets), loss in zip(cache, losses, strict=True):
        tokens = torch.from_numpy(ids.astype(np.int64))
        with torch.no_grad():
            logits = tiny_decoder(input_ids=tokens[None]).logits[0].log_softmax(-1)
        expected = -sum(float(logits[at - 1, tokens[at]]) for at in range(1, len(tokens)) if targets[at])
        assert loss == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_hardest_documents_are_kept_in_their_order(
    cache: TokenCache, decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = document_losses(load_decoder(decoder, fast_dtype("cpu")), list(cache))
    expected = sorted(sorted(range(DOCUMENTS), key=lambda number: -losses[number])[:4])
    assert choose(cache, decoder, tmp_path / "hard") == 0
    said = capsys.readouterr().out
    chosen = TokenCache(tmp_path / "hard")
    assert f"4 of {DOCUMENTS} documents, {chosen.meta['tokens']} tokens" in said and f"{losses.mean():.2f}" in said
    assert chosen.meta["least_loss"] == pytest.approx(losses[expected].min())
    for number, (ids, targets) in zip(expected, chosen, strict=True):
        assert ids.tolist() == cache[number][0].tolist() and targets.tolist() == cache[number][1].tolist()
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "decoder", "hard"}  # nothing is left over


@pytest.mark.parametrize("products", [True, False])
def test_the_decoder_computes_in_what_the_processor_is_fast_with(
    cache: TokenCache, decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, products: bool
) -> None:
    read: list[torch.dtype] = []

    def losses(model: PreTrainedModel, documents: list[Any]) -> np.ndarray:
        read.append(model.dtype)
        return document_losses(model, documents)

    monkeypatch.setattr(precision, "has_bfloat16", lambda _: products)
    monkeypatch.setattr(hardest, "document_losses", losses)
    assert choose(cache, decoder, tmp_path / "hard") == 0
    assert read == [torch.bfloat16 if products else torch.float32]


def test_at_least_one_document_is_kept(cache: TokenCache, decoder: Path, tmp_path: Path) -> None:
    assert choose(cache, decoder, tmp_path / "hard", "0.01") == 0
    assert len(TokenCache(tmp_path / "hard")) == 1


@pytest.fixture()
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Documents that were read, four at a time; the first run is stopped behind the first four, which is a 0."""
    sizes: list[int] = []

    def found(model: PreTrainedModel, documents: list) -> object:
        if len(sizes) == 1:
            sizes.append(0)
            raise KeyboardInterrupt
        sizes.append(len(documents))
        return document_losses(model, documents)

    monkeypatch.setattr(hardest, "TOGETHER", 4)
    monkeypatch.setattr(hardest, "document_losses", found)
    return sizes


def test_a_run_that_was_stopped_goes_on(cache: TokenCache, decoder: Path, tmp_path: Path, read: list[int]) -> None:
    assert choose(cache, decoder, tmp_path / "hard") == 130
    assert not (tmp_path / "hard").exists()
    assert choose(cache, decoder, tmp_path / "hard") == 0
    assert read == [4, 0, 4, 3]  # the first four were not read again
    assert choose(cache, decoder, tmp_path / "whole") == 0
    for name in ("tokens.bin", "targets.bin"):
        assert (tmp_path / "hard" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("change", ["decoder", "cache", "together", "damage"])
def test_losses_of_something_else_are_not_taken(
    cache: TokenCache,
    decoder: Path,
    write_cache: Callable[..., TokenCache],
    tmp_path: Path,
    read: list[int],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    assert choose(cache, decoder, tmp_path / "hard") == 130
    if change == "decoder":
        (decoder / "model.safetensors").touch()  # as when it is saved again; of the same size
    elif change == "cache":
        shutil.rmtree(cache.folder)
        write_cache(cache.folder, DOCUMENTS)
    elif change == "together":
        monkeypatch.setattr(hardest, "TOGETHER", 3)
    else:
        (tmp_path / "hard.losses" / "000000000.npy").write_bytes(b"")
    assert choose(cache, decoder, tmp_path / "hard") == 0
    assert read == [4, 0, *([3, 3, 3, 2] if change == "together" else [4, 4, 3])]


def test_what_cannot_be_chosen_from_is_one_line(
    cache: TokenCache,
    write_cache: Callable[..., TokenCache],
    decoder: Path,
    make_decoder: Callable[..., PreTrainedModel],
    tiny_processor: Processor,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = write_cache(tmp_path / "empty", 0)
    small = tmp_path / "small"
    make_decoder(tiny_processor.vocabulary.size - 1).save_pretrained(small)
    (tmp_path / "nothing").mkdir()
    short = tmp_path / "short"
    make_decoder(tiny_processor.vocabulary.size, max_position_embeddings=8).save_pretrained(short)
    mad = tmp_path / "mad"
    broken = make_decoder(tiny_processor.vocabulary.size)
    table: Any = broken.get_input_embeddings()
    torch.nn.init.constant_(table.weight, float("nan"))
    broken.save_pretrained(mad)
    scaled = tmp_path / "scaled"
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    CohereForCausalLM(CohereConfig(vocab_size=tiny_processor.vocabulary.size, **sizes)).save_pretrained(scaled)
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.losses").mkdir()
    (tmp_path / "taken.losses/mine.txt").write_text("")
    wrong = [
        ((cache, decoder, tmp_path / "x", "0"), "above 0"),
        ((cache, decoder, tmp_path / "x", "1.5"), "at most 1"),
        ((cache, decoder, tmp_path / "cache"), "exists already"),
        ((cache, tmp_path / "nothing", tmp_path / "x"), "neither a decoder's folder"),
        ((cache, "tiny", tmp_path / "x"), "another vocabulary"),
        ((cache, small, tmp_path / "x"), f"knows {tiny_processor.vocabulary.size - 1} ids"),
        ((empty, decoder, tmp_path / "x"), "no documents"),
        ((cache, short, tmp_path / "x"), "at most 8 tokens"),
        ((cache, mad, tmp_path / "x"), f"{DOCUMENTS} of {DOCUMENTS} documents are no numbers"),
        ((cache, scaled, tmp_path / "x"), "logit_scale"),
        ((cache, decoder, tmp_path / "file/x"), "cannot be written"),
        ((cache, decoder, tmp_path / "taken"), "is in the way"),
    ]
    for arguments, message in wrong:
        assert choose(*arguments) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") and message in error
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.losses").exists()
    assert (tmp_path / "taken.losses/mine.txt").is_file()
    with pytest.raises(ValueError, match="share"):
        hardest.write_hardest(cache.folder, decoder, 0.0, tmp_path / "x")


def test_a_base_has_no_decoder_to_ask(tmp_path: Path, tiny_processor: Processor) -> None:
    tiny_processor.vocabulary.save(tmp_path / "vocabulary.json")
    with pytest.raises(InputError, match="has no decoder; give a checkpoint that has one"):
        decoder_at(tmp_path)
