"""`python -m unitok.assemble`: from trained parts to a checkpoint that answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from unitok import assembly
from unitok.assemble import main
from unitok.bases import find_folder
from unitok.components import COMPONENTS
from unitok.document import Document
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.model import UniTok
from unitok.syntax import FramedAudio, SizedImages
from unitok.training.backbone import embedding_parameters
from unitok.training.code_embeddings import _rows, start_from_codes
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.codebook import Codebook
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
    assert model.sampling.edit is None
    answer = model.generate(Document.user("a red star"), modality="image")[0]
    picture = answer.turns[-1].images[0].image
    assert picture is not None and picture.size == (16, 16)


def test_a_checkpoint_as_a_base_passes_its_settings_and_its_refiner_on(tmp_path: Path) -> None:
    tiny = find_folder("tiny")
    arguments = ["--base", "tiny", "--decoder", str(tiny / "decoder"), "--output"]
    assert main(["checkpoint", *arguments, str(tmp_path / "same")]) == 0
    before = UniTok.from_pretrained(tiny).sampling
    assert UniTok.from_pretrained(tmp_path / "same").sampling == before
    changes = ["--guidance-scale", "3", "--audio-top-k", "9", "--text-best-of", "2", "--no-hear-first"]
    changes += ["--edit-guidance-scale", "0.5", "--edit-best-of", "5", "--no-both-orders"]
    assert main(["checkpoint", *arguments, str(tmp_path / "other"), *changes]) == 0
    other = UniTok.from_pretrained(tmp_path / "other")
    assert other.sampling == replace(
        before,
        guidance_scale=3,
        audio=replace(before.audio, top_k=9),
        text=replace(before.text, best_of=2),
        hear_first=False,
        edit=replace(before.edit, best_of=5),  # type: ignore[type-var]
        edit_guidance_scale=0.5,
        both_orders=False,
    )
    names = {path.relative_to(tiny / "refiner"): path.read_bytes() for path in tiny.glob("refiner/**/*.safetensors")}
    assert names and all((tmp_path / "other" / "refiner" / name).read_bytes() == names[name] for name in names)


def test_words_on_a_base_alone_are_the_likeliest(
    image_codec: Path, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    vocabulary = assembly.make_base(image_codec, tmp_path / "base", text_size=300, image_size=16)
    make_decoder(vocabulary.size).save_pretrained(tmp_path / "decoder")
    parts = ["--base", str(tmp_path / "base"), "--decoder", str(tmp_path / "decoder")]
    assert main(["checkpoint", *parts, "--output", str(tmp_path / "whole")]) == 0
    model = UniTok.from_pretrained(tmp_path / "whole")
    assert model.sampling == Sampling(text=SamplingParams(temperature=0.0))
    assert not (tmp_path / "whole" / "refiner").exists()


@pytest.mark.usefixtures("known_step_codec")
def test_a_base_with_sound_becomes_a_checkpoint_that_sounds(
    image_codec: Path, step_codec: Any, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    for name in ("audio_tokenizer", "audio_detokenizer"):
        (tmp_path / "sound").mkdir(exist_ok=True)
        step_codec.write(tmp_path / "sound" / name)
    base, whole = tmp_path / "base", tmp_path / "whole"
    options = ["--text-size", "300", "--image-size", "16", "--audio-codec", str(tmp_path / "sound")]
    codec = ["--image-codec", str(image_codec), "--audio-order", "delayed"]
    assert main(["base", *codec, *options, "--output", str(base)]) == 0
    vocabulary = Vocabulary.load(base / "vocabulary.json")
    assert vocabulary.audio == FramedAudio("delayed") and vocabulary.specs["audio"] == step_codec.spec
    make_decoder(vocabulary.size).save_pretrained(tmp_path / "decoder")
    arguments = ["--base", str(base), "--decoder", str(tmp_path / "decoder"), "--output", str(whole)]
    drawing = ["--audio-temperature", "0.5", "--audio-top-k", "9", "--audio-top-p", "0.9"]
    drawing += ["--audio-temperature-alone", "0.25"]
    assert main(["checkpoint", *arguments, *drawing, "--audio-guidance-scale", "2"]) == 0
    model = UniTok.from_pretrained(whole)
    assert model.sampling.audio == SamplingParams(0.5, 9, 0.9, temperature_alone=0.25)
    assert (model.sampling.guidance_scale, model.sampling.audio_guidance_scale) == (1, 2)
    answer = model.generate(Document.user("a red star"), modality="audio", seconds=0.5)[0]
    assert answer.turns[-1].sounds[0].samples is not None
    picture = model.generate(Document.user("a red star"), modality="image")[0].turns[-1].images[0].image
    assert picture is not None and picture.size == (16, 16)


def test_codecs_of_what_ships_are_named_by_its_name(tmp_path: Path) -> None:
    codecs = ["--image-codec", "tiny", "--audio-codec", "tiny", "--text-size", "300"]
    assert main(["base", *codecs, "--output", str(tmp_path / "base")]) == 0
    specs = Vocabulary.load(tmp_path / "base" / "vocabulary.json").specs
    assert specs == Vocabulary.load(find_folder("tiny") / "vocabulary.json").specs


@pytest.mark.parametrize("channels", [4, 6])
def test_halves_of_two_codecs_are_refused(
    channels: int,
    image_codec: Path,
    tmp_path: Path,
    make_decoder: Callable[..., PreTrainedModel],
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = ["base", "--text-size", "300", "--image-codec", str(image_codec), "--output"]
    assert main([*base, str(tmp_path / "base")]) == 0
    make_decoder(Vocabulary.load(tmp_path / "base" / "vocabulary.json").size).save_pretrained(tmp_path / "decoder")
    codebook = CodebookConfig(size=16, channels=channels)
    other = ImageDetokenizer(ImageDetokenizerConfig(patch=8, widths=[8], blocks=[1], codebook=codebook))
    other.codebook.vectors.normal_()
    other.save_pretrained(image_codec / "image_detokenizer")
    checkpoint = ["checkpoint", "--base", str(tmp_path / "base"), "--decoder", str(tmp_path / "decoder")]
    for command in (
        [*base, str(tmp_path / "other")],
        [*checkpoint, "--image-codec", str(image_codec), "--output", str(tmp_path / "other")],
    ):
        assert main(command) == 2
        assert "image_tokenizer/ and image_detokenizer/ do not belong together" in capsys.readouterr().err
        assert not (tmp_path / "other").exists()


def test_a_detokenizer_of_another_size_is_refused(
    image_codec: Path, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel], capsys: pytest.CaptureFixture[str]
) -> None:
    vocabulary = assembly.make_base(image_codec, tmp_path / "base", text_size=300, image_size=16)
    make_decoder(vocabulary.size).save_pretrained(tmp_path / "decoder")
    larger = ImageDetokenizer(ImageDetokenizerConfig(patch=16, widths=[8], blocks=[1], codebook=CODEBOOK))
    larger.codebook.load_state_dict(ImageTokenizer.read(image_codec / "image_tokenizer").codebook.state_dict())
    larger.save_pretrained(tmp_path / "larger" / "image_detokenizer")
    parts = ["--base", str(tmp_path / "base"), "--decoder", str(tmp_path / "decoder")]
    parts += ["--image-codec", str(tmp_path / "larger"), "--output", str(tmp_path / "whole")]
    assert main(["checkpoint", *parts]) == 2
    assert "they do not belong together" in capsys.readouterr().err and not (tmp_path / "whole").exists()


def test_a_base_gives_its_audio_codec_of_another_class(
    image_codec: Path, step_codec: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: Any = COMPONENTS
    (tmp_path / "sound").mkdir()
    for name in ("audio_tokenizer", "audio_detokenizer"):
        monkeypatch.setitem(table, name, {**COMPONENTS[name], "StepCodec": type(step_codec).read})
        step_codec.write(tmp_path / "sound" / name)
    classes = {name: {"class": "StepCodec"} for name in ("audio_tokenizer", "audio_detokenizer")}
    manifest = {"format_version": 1, "components": classes, "weights": {}, "sampling": {}, "image_size": None}
    (tmp_path / "sound" / "unitok.json").write_text(json.dumps(manifest))
    made = assembly.make_base(image_codec, tmp_path / "base", audio_codec=tmp_path / "sound", image_size=16)
    assert made.specs["audio"] == step_codec.spec
    again = assembly.make_base(tmp_path / "base", tmp_path / "again", audio_codec=tmp_path / "base", image_size=16)
    assert again.specs == made.specs


def test_a_base_that_is_there_is_not_replaced(
    image_codec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base").mkdir()
    assert main(["base", "--image-codec", str(image_codec), "--output", str(tmp_path / "base")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["base", "--image-codec", str(tmp_path / "no"), "--output", str(tmp_path / "base")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "has no image_tokenizer/" in error
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--audio-codec", "nowhere"], "nowhere"),
        (["--audio-codec", "half"], "config.json is missing"),
        (["--audio-codec", "half", "--audio-codebooks", "2"], "leave their number out"),
        (["--audio-order", "delayed"], "without an audio codec"),
    ],
)
def test_an_audio_codec_that_does_not_fit_is_named(
    options: list[str],
    named: str,
    image_codec: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "half" / "audio_tokenizer").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert main(["base", "--image-codec", str(image_codec), "--text-size", "300", *options, "--output", "base"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and named in error
    assert not (tmp_path / "base").exists()


def test_a_decoder_of_another_vocabulary_is_refused(
    image_codec: Path, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    assembly.make_base(image_codec, tmp_path / "base", text_size=300, image_size=16)
    make_decoder(100).save_pretrained(tmp_path / "decoder")
    with pytest.raises(InputError, match="vocabulary"):
        assembly.make_checkpoint(tmp_path / "base", tmp_path / "decoder", tmp_path / "whole", Sampling())
    assert not (tmp_path / "whole").exists()


def test_of_several_decoders_the_mean_is_taken(
    image_codec: Path, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel], capsys: pytest.CaptureFixture[str]
) -> None:
    vocabulary = assembly.make_base(image_codec, tmp_path / "base", text_size=300, image_size=16)
    decoders = [make_decoder(vocabulary.size, seed=seed).bfloat16() for seed in range(3)]
    folders = [str(tmp_path / str(number)) for number in range(3)]
    for decoder, folder in zip(decoders, folders, strict=True):
        decoder.save_pretrained(folder)
    arguments = ["checkpoint", "--base", str(tmp_path / "base"), "--output", str(tmp_path / "whole"), "--decoder"]
    weights = [decoder.state_dict() for decoder in decoders]
    for chosen in ([0, 1, 2], [0, 0, 2, 0]):  # one that is named again counts again
        assert main([*arguments, *(folders[number] for number in chosen)]) == 0
        found = UniTok.from_pretrained(tmp_path / "whole", dtype=torch.bfloat16).decoder.state_dict()
        assert found.keys() == weights[0].keys()
        for name, weight in found.items():
            mean = torch.stack([weights[number][name].float() for number in chosen]).mean(0)
            torch.testing.assert_close(weight, mean.bfloat16(), msg=name)
    make_decoder(vocabulary.size, hidden_size=64).save_pretrained(tmp_path / "wider")
    capsys.readouterr()
    assert main([*arguments, folders[0], str(tmp_path / "wider")]) == 2
    error = capsys.readouterr().err
    assert "wider cannot be averaged with" in error and "hidden_size" in error and error.count("\n") == 1
    make_decoder(vocabulary.size, num_attention_heads=2).save_pretrained(tmp_path / "wider")
    assert main([*arguments, folders[0], str(tmp_path / "wider")]) == 2
    assert "num_attention_heads in config.json is 2 and 4" in capsys.readouterr().err


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


@pytest.mark.usefixtures("known_step_codec")
def test_codes_of_all_tokenizers_of_a_base_start_from_their_vectors(
    image_codec: Path, step_codec: Any, tmp_path: Path, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    for name in ("audio_tokenizer", "audio_detokenizer"):
        (tmp_path / "sound").mkdir(exist_ok=True)
        step_codec.write(tmp_path / "sound" / name)
    assembly.make_base(image_codec, tmp_path / "base", text_size=300, image_size=16, audio_codec=tmp_path / "sound")
    vocabulary = Vocabulary.load(tmp_path / "base" / "vocabulary.json")
    decoder = make_decoder(vocabulary.size, hidden_size=64)
    with pytest.raises(InputError, match="StepCodec has no code vectors"):
        start_from_codes(decoder, vocabulary, tmp_path / "base")
    vectors = torch.randn(2, 16, 4, generator=torch.Generator().manual_seed(0))
    codebook = Codebook(2, 16, 4, "euclidean", None)
    codebook.vectors.copy_(vectors)
    read: Any = COMPONENTS["audio_tokenizer"]["StepCodec"]

    def read_with_vectors(folder: Path) -> Any:
        codec = read(folder)
        codec.codebook = codebook
        return codec

    table: Any = COMPONENTS["audio_tokenizer"]
    table["StepCodec"] = read_with_vectors
    start_from_codes(decoder, vocabulary, tmp_path / "base")
    (embedding, *_) = embedding_parameters(decoder)
    images = ImageTokenizer.from_pretrained(image_codec / "image_tokenizer").codebook.vectors
    for modality, number, wanted in (("audio", 0, vectors[0]), ("audio", 1, vectors[1]), ("image", 0, images[0])):
        rows = embedding[vocabulary.block_ids(modality, number)].detach()
        upper = torch.triu_indices(16, 16, offset=1)
        pairs = torch.stack([torch.corrcoef(rows)[*upper], torch.corrcoef(wanted - wanted.mean(0))[*upper]])
        assert float(torch.corrcoef(pairs)[0, 1]) > 0.6


def test_rows_of_codes_stay_where_their_vectors_are() -> None:
    """Lightning builds a model with the accelerator as the default device, and the code vectors lie in memory."""
    with torch.device("meta"):
        rows = _rows(torch.ones(4, 2, device="cpu"), 8, 0.02)
    assert rows.device.type == "cpu"
