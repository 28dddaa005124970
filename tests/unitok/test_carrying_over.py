"""A decoder goes on with another vocabulary: what both know stays as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from unitok import checkpoint
from unitok.bases import load_processor
from unitok.document import Document
from unitok.engine.sampling import Sampling
from unitok.processor import Processor
from unitok.training.backbone import embedding_parameters
from unitok.training.carrying_over import common
from unitok.training.decoder import DecoderModule
from unitok.training.finetuning import FreezeConfig, LoraConfig
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import CodebookConfig, ImageTokenizer, ImageTokenizerConfig
from unitok_tokenizers.text import TextTokenizer


def save(processor: Processor, folder: Path, decoder: PreTrainedModel | None = None) -> Path:
    checkpoint.save(checkpoint.Checkpoint(processor, decoder, Sampling()), folder)
    return folder


@pytest.fixture(params=[True, False], ids=["tied", "apart"])
def trained(
    request: pytest.FixtureRequest,
    tiny_processor: Processor,
    make_decoder: Callable[..., PreTrainedModel],
    tmp_path: Path,
) -> Path:
    """A checkpoint of text and pictures, with more rows than the vocabulary has ids."""
    decoder = make_decoder(tiny_processor.vocabulary.size + 3, tie_word_embeddings=request.param)
    return save(tiny_processor, tmp_path / "trained", decoder)


@pytest.fixture()
def grown(make_sound_processor: Callable[..., Processor], known_step_codec: None, tmp_path: Path) -> Path:
    """A base with sound, whose text tokenizer has learned other words."""
    processor = make_sound_processor()
    text = TextTokenizer.train(["a red star above a gong that is struck again and again"] * 9, 290)
    specs = list(processor.vocabulary.specs.values())
    vocabulary = Vocabulary(text.vocab_size, specs, max_grid=8)
    parts = {name: getattr(processor, name) for name in ("image_tokenizer", "image_detokenizer")}
    sounds = {name: getattr(processor, name) for name in ("audio_tokenizer", "audio_detokenizer")}
    return save(Processor(text, vocabulary, image_size=16, **parts, **sounds), tmp_path / "grown")


def module(base: Path, **options: Any) -> DecoderModule:
    torch.manual_seed(0)
    module = DecoderModule(str(base), **options)
    module.configure_model()
    return module


def test_what_both_know_is_computed_as_before(trained: Path, grown: Path) -> None:
    before = AutoModelForCausalLM.from_pretrained(trained / "decoder").eval()
    after = module(grown, init_from=str(trained)).decoder.eval()
    vocabulary = Vocabulary.load(grown / "vocabulary.json")
    assert all(len(table) == vocabulary.size for table in embedding_parameters(after))
    shared = common(trained, grown)
    assert shared.modalities == {"image"}
    picture = Vocabulary.load(trained / "vocabulary.json").specs["image"].codebook_size
    assert len(shared.old) >= 256 + 11 + 8 + picture  # bytes, control tokens, sizes and codes at least
    assert len(shared.new.unique()) == len(shared.new) == len(shared.old.unique())
    rng = torch.Generator().manual_seed(0)
    places = torch.randint(len(shared.old), (2, 40), generator=rng)
    with torch.inference_mode():
        old = before(shared.old[places]).logits[..., shared.old]
        new = after(shared.new[places]).logits[..., shared.new]
    torch.testing.assert_close(new, old)


def test_a_trainer_may_make_what_is_new_on_another_device(trained: Path, grown: Path) -> None:
    alone = module(grown, init_from=str(trained)).decoder
    other = DecoderModule(str(grown), init_from=str(trained))
    with torch.device("meta"):  # as a trainer with an accelerator does
        other.configure_model()
    for one, two in zip(alone.parameters(), other.decoder.parameters(), strict=True):
        assert two.device.type == "cpu" and torch.equal(one, two)
    frozen = DecoderModule(str(grown), init_from=str(trained), freeze=FreezeConfig(known_rows=True))
    with torch.device("meta"):
        frozen.configure_model()
    assert all(torch.equal(*pair) for pair in zip(alone.parameters(), frozen.decoder.parameters(), strict=True))


def test_the_same_words_and_codes_mean_the_same(trained: Path, grown: Path, tiny_processor: Processor) -> None:
    shared = common(trained, grown)
    new_of = dict(zip(shared.old.tolist(), shared.new.tolist(), strict=True))
    other = load_processor(grown)
    ids = tiny_processor.encode(Document.user("x"), generation_prompt=True)  # one letter is one token for both
    assert [new_of[one] for one in ids.tolist()] == other.encode(Document.user("x"), generation_prompt=True).tolist()
    old, new = tiny_processor.vocabulary, other.vocabulary
    assert new_of[int(old.block_ids("image")[5])] == int(new.block_ids("image")[5])
    assert new_of[old.size_id(3)] == new.size_id(3) and new_of[old.boi] == new.boi


def test_codes_of_another_tokenizer_are_new(trained: Path, tiny_processor: Processor, tmp_path: Path) -> None:
    assert isinstance(tiny_processor.image_tokenizer, ImageTokenizer)
    torch.manual_seed(5)
    spec = tiny_processor.image_tokenizer.spec
    codebook = CodebookConfig(size=spec.codebook_size, channels=4)
    other = ImageTokenizer(ImageTokenizerConfig(patch=4, widths=[8], blocks=[1], codebook=codebook))
    other.codebook.vectors.normal_()
    assert other.spec == spec  # alike, but with other weights
    processor = Processor(
        tiny_processor.text_tokenizer, tiny_processor.vocabulary, other, tiny_processor.image_detokenizer, image_size=16
    )
    base = save(processor, tmp_path / "other")
    assert common(trained, base).modalities == frozenset()
    plain, rows = (
        embedding_parameters(module(base, init_from=str(trained), codes_from=start).decoder)[0].detach()
        for start in (None, str(base))
    )
    codes = processor.vocabulary.block_ids("image")
    text = processor.vocabulary.text_ids
    assert torch.equal(rows[text], plain[text]) and not torch.isclose(rows[codes], plain[codes]).all(1).any()
    # Codes whose vectors are alike have rows that are alike.
    vectors = torch.nn.functional.normalize(other.codebook.vectors[0] - other.codebook.vectors[0].mean(0), dim=-1)
    cosines = torch.nn.functional.normalize(rows[codes], dim=-1)
    alike = torch.corrcoef(torch.stack([(vectors @ vectors.T).flatten(), (cosines @ cosines.T).flatten()]))
    assert float(alike[0, 1]) > 0.6


def moved_base(processor: Processor, folder: Path) -> Path:
    """A base whose image tokenizer differs from the processor's in codes 2 and 9, which are now near 5 and 7."""
    tokenizer = copy.deepcopy(processor.image_tokenizer)
    assert isinstance(tokenizer, ImageTokenizer)
    vectors = torch.nn.functional.normalize(tokenizer.codebook.vectors, dim=-1)
    for code, near in ((2, 5), (9, 7)):
        tokenizer.codebook.vectors[0, code] = vectors[0, near] + 0.001
    text, vocabulary, shown = processor.text_tokenizer, processor.vocabulary, processor.image_detokenizer
    return save(Processor(text, vocabulary, tokenizer, shown, image_size=16), folder)


@pytest.fixture()
def unit_codes(tiny_processor: Processor) -> Processor:
    """The tiny processor with code vectors of length one, as training leaves them."""
    processor = copy.deepcopy(tiny_processor)
    for part in (processor.image_tokenizer, processor.image_detokenizer):
        part.codebook.vectors.copy_(torch.nn.functional.normalize(part.codebook.vectors, dim=-1))  # type: ignore[union-attr]
    return processor


def test_a_code_that_moved_follows_the_one_that_was_there(
    unit_codes: Processor, make_decoder: Callable[..., PreTrainedModel], tmp_path: Path
) -> None:
    source = save(unit_codes, tmp_path / "source", make_decoder(unit_codes.vocabulary.size))
    base = moved_base(unit_codes, tmp_path / "moved")
    codes = unit_codes.vocabulary.block_ids("image")
    shared = common(source, base)
    assert shared.modalities == {"image"}
    assert shared.predecessors.tolist() == codes[[5, 7]].tolist() and shared.moved.tolist() == codes[[2, 9]].tolist()
    assert not set(shared.moved.tolist()) & set(shared.new.tolist())
    before = embedding_parameters(AutoModelForCausalLM.from_pretrained(source / "decoder"))
    after = embedding_parameters(module(base, init_from=str(source)).decoder)
    others = torch.ones(len(before[0]), dtype=torch.bool).index_fill(0, shared.moved, False)
    for old, new in zip(before, after, strict=True):
        assert torch.equal(new[others], old[others])
        assert torch.equal(new[codes[[2, 9]]], old[codes[[5, 7]]])


def test_rows_that_are_known_stay(
    unit_codes: Processor, make_decoder: Callable[..., PreTrainedModel], tmp_path: Path
) -> None:
    source = save(unit_codes, tmp_path / "source", make_decoder(unit_codes.vocabulary.size))
    base = moved_base(unit_codes, tmp_path / "moved")
    kept = FreezeConfig(known_rows=True, layers=["all"])
    decoder = module(base, init_from=str(source), freeze=kept).decoder
    ids = torch.arange(unit_codes.vocabulary.size)[None]
    decoder(ids, labels=ids).loss.backward()
    moved = common(source, base).moved.tolist()
    for table in embedding_parameters(decoder):
        assert table.grad is not None
        assert table.grad.abs().sum(1).nonzero().flatten().tolist() == sorted(moved)
    with pytest.raises(InputError, match="is no checkpoint"):
        DecoderModule(str(base), init_from=str(source / "decoder"), freeze=kept)
    with pytest.raises(InputError, match="nothing is left to train"):
        module(source, init_from=str(source), freeze=kept)


def test_what_does_not_fit_is_one_clear_error(trained: Path, grown: Path, tmp_path: Path) -> None:
    alone = tmp_path / "vocabulary.json"
    alone.write_text((grown / "vocabulary.json").read_text())
    with pytest.raises(InputError, match="is no base"):
        DecoderModule(str(alone), init_from=str(trained))
    with pytest.raises(InputError, match="decoder is missing"):
        module(grown, init_from=str(grown))
    with pytest.raises(InputError, match="trained/decoder"):
        DecoderModule(str(grown), init_from=str(trained), lora=LoraConfig())
    with pytest.raises(InputError, match="codes that are new"):
        DecoderModule(str(grown), init_from=str(trained / "decoder"), codes_from=str(grown))
