"""Every shipped YAML of a codec is read and built, as `python -m unitok.train` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from jsonargparse import ArgumentParser

from unitok.training.audio_tokenizer import AudioTokenizerModule
from unitok.training.codec import CodecModule

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(path for kind in ("image_tokenizer", "audio_tokenizer") for path in (CONFIGS / kind).glob("*.yaml"))


def build(path: Path) -> Any:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(L.LightningModule, "model", required=True)
    parser.add_subclass_arguments(L.LightningDataModule, "data", required=True)
    parser.add_argument("--seed_everything", type=int)
    parser.add_argument("--trainer", type=dict)
    return parser.instantiate_classes(parser.parse_path(str(path)))


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_a_codec_is_built(path: Path) -> None:
    built = build(path)
    model, data = built.model, built.data
    assert isinstance(model, CodecModule) and isinstance(data, L.LightningDataModule)
    assert model.export_folder == f"runs/{path.parent.name}/{path.stem}/export"
    assert (model.discriminator is None) == path.stem.startswith("tiny")
    if isinstance(model, AudioTokenizerModule):
        spec, settings = model.new_tokenizer().spec, vars(data)
        assert data.sample_rate == spec.sample_rate  # type: ignore[attr-defined]
        assert spec.hop_length is not None and settings["seconds"] * spec.sample_rate % spec.hop_length == 0


def test_the_audio_codec_of_tiny_has_the_size_and_the_rate_that_it_may_have() -> None:
    model = build(CONFIGS / "audio_tokenizer" / "tiny.yaml").model
    spec = model.new_tokenizer().spec
    assert spec.sample_rate / spec.hop_length * spec.num_codebooks <= 75
    assert 3e6 < sum(p.numel() for p in model.model.parameters()) < 6e6
    assert model.new_detokenizer().lookahead * spec.hop_length / spec.sample_rate <= 0.1
    with torch.no_grad():
        assert model.eval().model(torch.zeros(1, 1, spec.sample_rate))[0].shape == (1, 1, spec.sample_rate)
