from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokenizers
from tokenizers import decoders, models, pre_tokenizers
from unitok_tokenizers import InputError
from unitok_tokenizers.text import TextTokenizer

CORPUS = ["a small red circle above a large blue square", "  how many stars?\n", "Zwölf Boxkämpfer, 42!"] * 3
SPECIAL = ["<|endoftext|>", "<boi>", "[PAD]", "</s>"]
TRICKY = [
    *SPECIAL,
    "<eot>",
    "<bos>",
    "<size_3>",
    "<assistant>",
    " ",
    "\n",
    "é",
    "e\u0301",
    "\u200d",
    "🙂",
    "<",
    "|>",
]

unicode_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
tricky_text = st.lists(st.sampled_from(TRICKY) | unicode_text, max_size=8).map("".join)


@pytest.fixture(scope="module")
def own() -> TextTokenizer:
    return TextTokenizer.train(CORPUS, 320)


@pytest.fixture(scope="module")
def foreign_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers tokenizer with special tokens of its own."""
    from transformers import PreTrainedTokenizerFast

    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL[:2],
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS, trainer)
    pretrained = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=SPECIAL[0], pad_token=SPECIAL[2], extra_special_tokens=SPECIAL[3:]
    )
    folder = tmp_path_factory.mktemp("foreign")
    pretrained.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def foreign(foreign_folder: Path) -> TextTokenizer:
    return TextTokenizer.from_pretrained(foreign_folder)


@settings(deadline=None)
@given(tricky_text)
def test_own_round_trip_is_exact(own: TextTokenizer, text: str) -> None:
    ids = own.encode(text)
    assert own.decode(ids) == text
    assert all(0 <= token_id < own.vocab_size for token_id in ids)


@settings(deadline=None)
@given(tricky_text)
def test_foreign_special_tokens_stay_text(foreign: TextTokenizer, text: str) -> None:
    ids = foreign.encode(text)
    assert foreign.special_ids.isdisjoint(ids)
    assert foreign.decode(ids) == text


def test_foreign_special_tokens_are_known(foreign: TextTokenizer) -> None:
    assert len(foreign.special_ids) == len(SPECIAL)
    assert sorted(foreign.decode([token_id]) for token_id in foreign.special_ids) == sorted(SPECIAL)
    assert foreign.special_ids <= foreign.unused_ids


@settings(deadline=None)
@given(st.lists(st.integers(0, 319), max_size=40))
def test_every_list_of_ids_decodes(own: TextTokenizer, ids: list[int]) -> None:
    own.decode([token_id % own.vocab_size for token_id in ids]).encode("utf-8")


def test_merges_are_learnt(own: TextTokenizer) -> None:
    assert 256 < own.vocab_size <= 320
    assert len(own.encode(CORPUS[0])) < len(CORPUS[0]) / 2
    assert not own.unused_ids


def test_training_is_reproducible(own: TextTokenizer) -> None:
    again = TextTokenizer.train(CORPUS, 320)
    assert again.encode(CORPUS[2]) == own.encode(CORPUS[2])


def test_training_needs_room_for_every_byte() -> None:
    with pytest.raises(InputError, match="at least 256"):
        TextTokenizer.train(CORPUS, 255)


def test_save_and_load(own: TextTokenizer, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    own.save_pretrained(tmp_path)
    text = "a red <eot> circle .  , isn't it\t?"
    assert TextTokenizer.from_pretrained(tmp_path).encode(text) == own.encode(text)
    auto = AutoTokenizer.from_pretrained(str(tmp_path))
    assert auto(text)["input_ids"] == own.encode(text)
    assert auto.decode(own.encode(text)) == text


def test_foreign_save_and_load(foreign: TextTokenizer, tmp_path: Path) -> None:
    foreign.save_pretrained(tmp_path)
    again = TextTokenizer.from_pretrained(tmp_path)
    assert again.special_ids == foreign.special_ids
    assert again.encode("x</s>y<|endoftext|>") == foreign.encode("x</s>y<|endoftext|>")


def test_a_pickled_copy_still_reads_special_tokens_as_text(foreign: TextTokenizer) -> None:
    copy = pickle.loads(pickle.dumps(foreign))
    assert copy.special_ids.isdisjoint(copy.encode("<|endoftext|>"))


def test_special_token_that_the_model_holds_as_a_piece() -> None:
    """Unigram models list "</s>" among their pieces, so that turning special tokens off is not enough."""
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("<", -5.0), ("/", -5.0), ("s", -5.0), (">", -5.0), ("a", -5.0)]
    backend = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=0))
    backend.decoder = decoders.Fuse()
    backend.add_special_tokens(["<unk>", "</s>"])
    text_tokenizer = TextTokenizer(backend)
    text = "a</s>" * 1500
    ids = text_tokenizer.encode(text)
    assert text_tokenizer.special_ids.isdisjoint(ids)
    assert text_tokenizer.decode(ids) == text
    with pytest.raises(InputError, match="'ß'"):
        text_tokenizer.encode("aß")


def test_numbers_without_a_token_are_unused() -> None:
    backend = tokenizers.Tokenizer(models.WordLevel({"a": 0, "b": 3}, unk_token="a"))
    text_tokenizer = TextTokenizer(backend)
    assert text_tokenizer.vocab_size == 4
    assert text_tokenizer.unused_ids == {1, 2}


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        TextTokenizer.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("config", ["{", "[]", '{"unitok_text_tokenizer": 1}'])
def test_damaged_folder(tmp_path: Path, config: str) -> None:
    (tmp_path / "tokenizer_config.json").write_text(config)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="text tokenizer") as caught:
        TextTokenizer.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)
