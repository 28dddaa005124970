"""Components and checkpoints to the Hub and back; the Hub is a folder here, the calls are those of huggingface_hub."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub import ModelCard, hub_mixin

import unitok.model
from unitok.document import Document
from unitok.model import UniTok
from unitok.model_card import model_card
from unitok.processor import Processor
from unitok.training.finetuning import LoraConfig, quantization
from unitok_detokenizers.image import ImageDetokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer
from unitok_tokenizers.text import TextTokenizer


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where repositories lie, as `owner/name`."""

    class Api:
        def __init__(self, token: str | None = None) -> None:
            assert token == "secret"

        def create_repo(self, repo_id: str, private: bool | None, exist_ok: bool) -> Any:
            assert private and exist_ok
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(
            self, repo_id: str, folder_path: str | Path, delete_patterns: Sequence[str] | None = None, **_: Any
        ) -> str:
            for pattern in delete_patterns or ():
                for path in (tmp_path / repo_id).glob(pattern):
                    path.unlink()
            shutil.copytree(folder_path, tmp_path / repo_id, dirs_exist_ok=True)
            return f"https://hub/{repo_id}"

    monkeypatch.setattr(hub_mixin, "HfApi", Api)
    monkeypatch.setattr(unitok.model, "HfApi", Api)

    def fetch(name: str, allow_patterns: list[str]) -> str:
        chosen = tmp_path / f"fetched-{len(list(tmp_path.iterdir()))}"
        for path in filter(Path.is_file, (tmp_path / name).rglob("*")):
            if any(fnmatch(path.relative_to(tmp_path / name).as_posix(), pattern) for pattern in allow_patterns):
                (chosen / path.relative_to(tmp_path / name)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, chosen / path.relative_to(tmp_path / name))
        return str(chosen)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    return tmp_path


def test_each_codec_travels_alone(tiny_processor: Processor, hub: Path) -> None:
    tokenizer, detokenizer = tiny_processor.image_tokenizer, tiny_processor.image_detokenizer
    assert isinstance(tokenizer, ImageTokenizer) and isinstance(detokenizer, ImageDetokenizer)
    pixels = torch.rand(2, 3, 16, 16) * 2 - 1
    tokenizer.push_to_hub("me/eyes", private=True, token="secret")
    detokenizer.push_to_hub("me/hands", private=True, token="secret")
    codes = ImageTokenizer.from_pretrained("me/eyes").encode(pixels)
    assert torch.equal(codes, tokenizer.encode(pixels))
    assert torch.equal(ImageDetokenizer.from_pretrained("me/hands").decode(codes), detokenizer.decode(codes))
    card = ModelCard.load(hub / "me/eyes/README.md")
    assert card.data.to_dict()["library_name"] == "unitok"
    assert "ImageTokenizer.from_pretrained" in card.text and "codebook_size=16" in card.text


def test_a_text_tokenizer_travels_alone(tiny_processor: Processor, hub: Path) -> None:
    text = tiny_processor.text_tokenizer
    assert isinstance(text, TextTokenizer)
    text.push_to_hub("me/words", private=True, token="secret")
    (hub / "me/words/model.safetensors").touch()  # as beside the tokenizer of a language model
    again = TextTokenizer.from_pretrained("me/words")
    assert again.encode("two green stars") == text.encode("two green stars")
    (fetched,) = hub.glob("fetched-*")
    assert sorted(path.name for path in fetched.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
    assert (hub / "me/words/README.md").is_file()


def test_what_is_beside_it_is_left_alone(tiny_processor: Processor, tmp_path: Path) -> None:
    """A tokenizer is saved beside a language model, whose config.json is not the tokenizer's to remove."""
    (tmp_path / "config.json").write_text("{}")
    text: Any = tiny_processor.text_tokenizer
    text.save_pretrained(tmp_path)
    names = ["config.json", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_model_travels_with_its_card(tiny_model: UniTok, hub: Path, tmp_path: Path) -> None:
    (tmp_path / "evaluation.md").write_text("| figure | result |\n|---|---|\n| PSNR | 30 dB |\n")
    address = tiny_model.push_to_hub("me/tiny", True, "secret", tmp_path / "evaluation.md")
    assert address == "https://hub/me/tiny"
    again, document = UniTok.from_pretrained("me/tiny"), Document.user("draw two green stars")
    assert again.generate(document, "text", seed=1) == tiny_model.generate(document, "text", seed=1)
    (hub / "me/tiny/decoder/model-00001-of-00002.safetensors").write_bytes(b"of an older commit")
    (hub / "me/tiny/notes.txt").write_text("mine")
    tiny_model.push_to_hub("me/tiny", True, "secret")
    assert UniTok.from_pretrained("me/tiny").generate(document, "text", seed=1) == again.generate(
        document, "text", seed=1
    )
    assert (hub / "me/tiny/notes.txt").read_text() == "mine"
    tiny_model.push_to_hub("me/tiny", True, "secret", tmp_path / "evaluation.md")
    card = ModelCard.load(hub / "me/tiny/README.md")
    assert card.data.to_dict()["pipeline_tag"] == "any-to-any"
    vocabulary = tiny_model.processor.vocabulary
    for fact in (f"{vocabulary.size:,} ids", "2 layers x 32", "16 x 16 pixels", "| PSNR | 30 dB |", '"me/tiny"'):
        assert fact in card.text


def test_an_evaluation_that_is_not_there_is_named(tiny_model: UniTok, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.md"):
        model_card(tiny_model.processor, tiny_model.decoder, "x", tmp_path / "none.md")


def test_a_decoder_without_a_limit_has_a_card(tiny_model: UniTok) -> None:
    config = SimpleNamespace(model_type="bloom", num_hidden_layers=2, hidden_size=32)
    decoder: Any = SimpleNamespace(parameters=tiny_model.decoder.parameters, config=config)
    assert "context of" not in model_card(tiny_model.processor, decoder, "x").text
    assert "context of" in model_card(tiny_model.processor, tiny_model.decoder, "x").text


def test_quantized_bases_need_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quantization(LoraConfig()) is None and quantization(None) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="needs a GPU"):
        quantization(LoraConfig(bits=4))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("unitok.training.finetuning.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install bitsandbytes"):
        quantization(LoraConfig(bits=8))
    monkeypatch.setattr("unitok.training.finetuning.find_spec", lambda name: object())
    four, eight = quantization(LoraConfig(bits=4)), quantization(LoraConfig(bits=8))
    assert four is not None and four.load_in_4bit and eight is not None and eight.load_in_8bit
