"""`python -m unitok.assemble`: from trained parts to a checkpoint that answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from unitok import assembly
from unitok.assemble import main
from unitok.document import Document
from unitok.engine.sampling import Sampling
from unitok.model import UniTok
from unitok.syntax import SizedImages
from unitok.training.backbone import embedding_parameters
from unitok.training.code_embeddings import start_from_codes
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import CodebookConfig, ImageTokenizer, ImageTokenizerConfig

CODEBOOK = CodebookConfig(size=16, channels=4)


@pytest.fixture
def image_codec(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(ImageTokenizerConfig(patch=8, widths=[8], blocks=[1], codebook=CODEBOOK))
    tokenizer.codebook.vectors.normal_()
    detokenizer = ImageDetokenizer(ImageDetokenizerConfig(patch=8, widths=[8], blocks=[1], codebook=CODEBOOK))
    detokenizer.codebook.load_state_dict(tokenizer.codebook.state_dict())
    tokenizer.save_pretrained(tmp_path / "codec" / "image_tokenizer")
    detokenizer.save_pretrained(tmp_path / "codec" / "image_detokenizer")
    return tmp_path / "codec"


@pytest.fixture(autouse=True)
def _small_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "CORPUS_DOCUMENTS", 50)


def test_parts_become_a_base_and_then_a_checkpoint_that_answers(
    image_codec: Path, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    base, whole = tmp_path / "base", tmp_path / "whole"
    options = ["--text-size", "300", "--image-size", "16", "--numbered-rows"]
    assert main(["base", "--image-codec", str(image_codec), "--output", str(base), *options]) == 0
    with pytest.raises(InputError, match="decoder is missing"):
        UniTok.from_pretrained(base)
    vocabulary = Vocabulary.load(base / "vocabulary.json")
    assert vocabulary.images == SizedImages(numbered_rows=True)
    make_decoder(vocabulary.size).save_pretrained(tmp_path / "decoder")
    arguments = ["--base", str(base), "--decoder", str(tmp_path / "decoder"), "--output", str(whole)]
    assert main(["checkpoint", *arguments, "--temperature", "0.5", "--guidance-scale", "2"]) == 0
    model = UniTok.from_pretrained(whole)
    assert model.sampling.image.temperature == 0.5 and model.sampling.guidance_scale == 2
    answer = model.generate(Document.user("a red star"), modality="image")[0]
    picture = answer.turns[-1].images[0].image
    assert picture is not None and picture.size == (16, 16)


def test_a_base_that_is_there_is_not_replaced(
    image_codec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base").mkdir()
    assert main(["base", "--image-codec", str(image_codec), "--output", str(tmp_path / "base")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["base", "--image-codec", str(tmp_path / "no"), "--output", str(tmp_path / "base")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "config.json is missing" in error
    assert not (tmp_path / "base").exists()


def test_a_decoder_of_another_vocabulary_is_refused(
    image_codec: Path, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    assembly.make_base(image_codec, tmp_path / "base", text_size=300, image_size=16)
    make_decoder(100).save_pretrained(tmp_path / "decoder")
    with pytest.raises(InputError, match="vocabulary"):
        assembly.make_checkpoint(tmp_path / "base", tmp_path / "decoder", tmp_path / "whole", Sampling())
    assert not (tmp_path / "whole").exists()


def test_codes_that_look_alike_start_with_embeddings_that_are_alike(
    image_codec: Path, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    tokenizer = ImageTokenizer.from_pretrained(image_codec / "image_tokenizer")
    vocabulary = Vocabulary(256, [tokenizer.spec])
    decoder = make_decoder(vocabulary.size, hidden_size=256)
    (table, *_) = embedding_parameters(decoder)
    text_before, std_before = table[:256].detach().clone(), float(table[vocabulary.block_ids("image")].detach().std())
    torch.manual_seed(0)
    start_from_codes(decoder, vocabulary, image_codec / "image_tokenizer")
    rows = table[vocabulary.block_ids("image")]
    vectors = tokenizer.codebook.vectors[0]
    expected = torch.corrcoef(vectors - vectors.mean(0))
    upper = torch.triu_indices(16, 16, offset=1)
    agreement = torch.corrcoef(torch.stack([torch.corrcoef(rows)[*upper], expected[*upper]]))[0, 1]
    assert float(agreement) > 0.7
    assert torch.equal(table[:256], text_before)
    assert float(rows.std()) == pytest.approx(std_before, rel=0.3)
