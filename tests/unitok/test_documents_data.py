"""A user's own documents and the world's: reading, tokenizing, the data modules over them."""

from __future__ import annotations

import json
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image as PILImage

from unitok import tokenize
from unitok.bases import codec_folder, find_folder, load_processor
from unitok.checkpoint import Checkpoint, save
from unitok.data import encoding, tokenizing
from unitok.data.datamodules import DocumentsDataModule
from unitok.data.documents import line_blocks, read_documents
from unitok.data.encoding import encode_documents
from unitok.data.token_cache import TokenCache
from unitok.data.tokenizing import JsonlSource, WorldSource, check_tokenizers, write_cache
from unitok.document import Audio, Document, Image, Text
from unitok.engine import Sampling
from unitok.processor import Processor
from unitok.shipped import find_checkpoint
from unitok.terminal import run
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer


def write_manifest(folder: Path, image_size: int) -> None:
    manifest = {"format_version": 1, "components": {}, "weights": {}, "sampling": {}, "image_size": image_size}
    (folder / "unitok.json").write_text(json.dumps(manifest))


def picture(seed: int) -> PILImage.Image:
    return PILImage.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def test_an_unreadable_line_stops_the_run_and_is_named(jsonl: Path) -> None:
    with pytest.raises(InputError, match=r"data.jsonl:3: .*missing.png"):
        list(read_documents(jsonl))


def test_unreadable_lines_are_skipped_and_named(jsonl: Path) -> None:
    skipped: list[str] = []
    documents = list(read_documents(jsonl, "skip", skipped))
    assert [document.turns[1].text for _, document in documents] == [f"done {n}" for n in (0, 1, 3, 4, 6, 7, 9)]
    assert [where.rsplit(":")[-1] for where, _ in documents] == ["1", "2", "4", "5", "7", "8", "10"]
    assert len(skipped) == 2 and "data.jsonl:3" in skipped[0] and "data.jsonl:6: not JSON" in skipped[1]


@pytest.mark.parametrize("lines", [1, 3, 100])
def test_blocks_hold_every_line_once(jsonl: Path, lines: int) -> None:
    skipped: list[str] = []
    blocks = line_blocks(jsonl, lines)
    documents = [d for block in blocks for d in read_documents(jsonl, "skip", skipped, block, lines)]
    assert len(documents) == 7
    assert [message.split(": ")[0].rsplit(":")[-1] for message in skipped] == ["3", "6"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[]", "empty"),
        ('{"text": "x"}', "messages"),
        ("3", "list"),
        ('[{"role": "robot", "content": "x"}]', "robot"),
        ("[" * 100_000, "not JSON"),
        ('[{"role": "user", "content": "x", "role": "assistant"}]', "'role' is given twice"),
    ],
)
def test_a_line_of_another_form_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "x.jsonl").write_text(line)
    with pytest.raises(InputError, match=f"x.jsonl:1: .*{message}"):
        list(read_documents(tmp_path / "x.jsonl"))


def test_a_picture_is_encoded_once_and_ids_are_the_processors(
    tiny_processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, other = Image(picture(1)), Image(picture(2))
    documents = [
        Document.user("one").reply(shared),
        Document.user(shared, "two").reply("yes"),
        Document.user(shared, other, "three").reply(shared),
    ]
    alone = [tiny_processor.encode(document) for document in documents]
    seen: list[int] = []
    encode = tiny_processor.encode_images

    def count(images: Any) -> Any:
        seen.append(len(images))
        return encode(images)

    monkeypatch.setattr(tiny_processor, "encode_images", count)
    together = encode_documents(tiny_processor, documents)
    assert sum(seen) == 2
    for ids, (encoded, marks) in zip(alone, together, strict=True):
        assert encoded.tolist() == ids.tolist()
        assert marks.tolist() == tiny_processor.targets(ids).tolist()


def test_a_sound_is_encoded_once_and_ids_are_the_processors(
    make_sound_processor: Callable[..., Processor], step_codec: Any
) -> None:
    processor = make_sound_processor("delayed", step_codec)
    shared, other = Audio(torch.rand(1, 2000) - 0.5, 8000), Audio(torch.rand(1, 3000) - 0.5, 16000)
    documents = [
        Document.user("one").reply(shared),
        Document.user(shared, "two", picture(1)).reply("yes"),
        Document.user(shared, other, "three").reply(shared),
    ]
    alone = [processor.encode(document) for document in documents]
    step_codec.batches.clear()
    together = encode_documents(processor, documents)
    assert sum(step_codec.batches) == 2
    for ids, (encoded, marks) in zip(alone, together, strict=True):
        assert encoded.tolist() == ids.tolist()
        assert marks.tolist() == processor.targets(ids).tolist()


@pytest.mark.usefixtures("known_step_codec")
def test_a_file_with_sounds_becomes_a_cache(
    make_sound_processor: Callable[..., Processor], base: Path, tmp_path: Path
) -> None:
    processor = make_sound_processor("delayed")
    save(Checkpoint(processor, None, Sampling()), tmp_path / "base")
    soundfile.write(tmp_path / "a.wav", np.linspace(-0.5, 0.5, 5000), 16000)
    content = [{"type": "audio", "path": "a.wav"}, {"type": "text", "text": "again"}]
    line = json.dumps([{"role": "user", "content": content}, {"role": "assistant", "content": content[:1]}])
    (tmp_path / "data.jsonl").write_text(line + "\n" + line.replace("a.wav", "b.wav") + "\n")
    source = JsonlSource(str(tmp_path / "data.jsonl"), on_error="skip")
    cache = write_cache(source, tmp_path / "base", tmp_path / "cache", workers=0)
    assert len(cache) == 1 and cache.meta["skipped"] == 1
    parsed = processor.parse(torch.tensor(cache[0][0].astype(np.int64)))
    heard, said = (turn.sounds[0].codes for turn in parsed.turns)
    assert heard is not None and said is not None and heard.shape == (2, 4) and torch.equal(heard, said)
    with pytest.raises(InputError, match="no audio tokenizer"):
        write_cache(source, base, tmp_path / "other", workers=0)


def stopped_at_the_second_shard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The second shard that is begun is interrupted. Returns the numbers of those that were begun."""
    original, begun = tokenizing._write_shard, []

    def write(*args: Any) -> None:
        begun.append(args[2])
        if len(begun) == 2:
            raise KeyboardInterrupt
        original(*args)

    monkeypatch.setattr(tokenizing, "_write_shard", write)
    return begun


def test_a_world_cache_depends_on_the_seed_alone_and_goes_on_after_a_stop(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = WorldSource(50, seed=4, per_shard=20, image_size=16)
    whole = write_cache(source, base, tmp_path / "whole", workers=0)
    assert len(whole) == 50 and whole.meta["source"]["seed"] == 4

    calls = stopped_at_the_second_shard(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        write_cache(source, base, tmp_path / "parts", workers=0)
    assert not (tmp_path / "parts").exists()
    parts = write_cache(source, base, tmp_path / "parts", workers=0)
    assert calls == [0, 1, 1, 2]  # the first shard was kept
    assert (parts.tokens == whole.tokens).all() and (parts.targets == whole.targets).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "whole"]
    different = WorldSource(50, seed=5, per_shard=20, image_size=16)
    other = write_cache(different, base, tmp_path / "other", workers=0)
    assert len(other.tokens) != len(whole.tokens) or (other.tokens != whole.tokens).any()


def test_few_of_many_shards_are_open_at_a_time(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds two files open, of which a process may have a thousand."""
    held, most = weakref.WeakSet[TokenCache](), 0

    class Counted(TokenCache):
        def __init__(self, *args: Any) -> None:
            nonlocal most
            super().__init__(*args)
            held.add(self)
            most = max(most, len(held))

        __hash__ = object.__hash__

    monkeypatch.setattr(tokenizing, "TokenCache", Counted)
    source = WorldSource(12, seed=4, per_shard=2, image_size=16)
    assert len(write_cache(source, base, tmp_path / "cache", workers=0)) == 12
    assert 0 < most <= 3


def test_runs_that_tokenize_the_same_file_share_its_cache(
    base: Path, jsonl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original, begun = tokenizing._write_shard, threading.Event()

    def write(*args: Any) -> None:
        begun.set()
        time.sleep(0.2)  # the other run comes meanwhile
        original(*args)

    monkeypatch.setattr(tokenizing, "_write_shard", write)
    caches = str(tmp_path / "caches")
    one, two = (DocumentsDataModule(str(base), str(jsonl), cache=caches, on_error="skip") for _ in range(2))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.prepare_data)
        assert begun.wait(30)
        begun.clear()
        two.prepare_data()
        first.result()
    assert not begun.is_set() and "waiting for another process" in caplog.text
    assert len(TokenCache(one.train_folders[0])) == 7
    assert [path.name for path in (tmp_path / "caches").iterdir()] == [Path(one.train_folders[0]).name]


def test_what_lies_beside_a_cache_stays(base: Path, jsonl: Path, tmp_path: Path) -> None:
    for name in ("cache.partial", ".cache.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note").write_text("mine")
    write_cache(JsonlSource(str(jsonl), "skip"), base, tmp_path / "cache", workers=0)
    assert all((tmp_path / name / "note").read_text() == "mine" for name in ("cache.partial", ".cache.partial"))


def test_large_pictures_are_encoded_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MEDIA_TOGETHER", 4 * 16 * 16 * 2)
    monkeypatch.setattr(encoding, "LINES_TOGETHER", 4)
    plain = [(f"{number}", [Document.user("hi")]) for number in range(5)]
    assert [len(group) for group in encoding._groups(plain)] == [4, 1]
    shown = [(f"{number}", [Document.user(picture(number), "what is it?")]) for number in range(5)]
    assert [len(group) for group in encoding._groups(shown)] == [2, 2, 1]
    heard = [("", [Document.user(Audio(torch.zeros(1, 1024), 16_000))])] * 3  # as many bytes as four pictures
    assert [len(group) for group in encoding._groups(heard)] == [1, 1, 1]
    both = [(where, documents * 2) for where, documents in shown]  # a picture that two documents show is one
    assert [len(group) for group in encoding._groups(both)] == [2, 2, 1]


def test_the_checkpoint_that_ships_comes_before_a_folder_of_its_name(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base, tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    shipped = find_checkpoint("tiny")
    assert find_folder("tiny") == codec_folder("tiny", "image_tokenizer") == shipped
    assert find_folder("./tiny") == Path("tiny")


def test_worker_processes_write_the_same_cache(base: Path, jsonl: Path, tmp_path: Path) -> None:
    source = JsonlSource(str(jsonl), "skip", per_shard=4)
    alone = write_cache(source, base, tmp_path / "alone", workers=0)
    helped = write_cache(source, base, tmp_path / "helped", workers=1)
    assert alone.tokens.tolist() == helped.tokens.tolist() and len(alone) == 7
    assert helped.meta["skipped"] == 2


def test_the_command_line(
    base: Path,
    jsonl: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    common = ["--checkpoint", str(base), "--workers", "0", "--output", str(tmp_path / "cache")]
    assert run(tokenize.command, ["documents", str(jsonl), *common]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and "data.jsonl:3" in error
    assert not (tmp_path / "cache").exists()
    assert run(tokenize.command, ["documents", str(jsonl), "--on-error", "skip", *common]) == 0
    assert "7 documents" in (out := capsys.readouterr().out) and "2 left out" in out
    assert "data.jsonl:6" in caplog.text
    assert run(tokenize.command, ["world", "--documents", "5", *common]) == 2
    assert "exists already" in capsys.readouterr().err
    assert run(tokenize.command, ["world", "--documents", "0", *common]) == 2
    assert run(tokenize.command, ["world", "--documents", "5", "--output", "x", "--checkpoint", str(tmp_path)]) == 2
    assert "vocabulary.json" in capsys.readouterr().err.splitlines()[-1]


def test_shares_of_tasks_on_the_command_line(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["world", "--documents", "12", "--checkpoint", str(base), "--workers", "0", "--image-size", "16"]
    edits = tmp_path / "edits"
    assert run(tokenize.command, [*common, "--output", str(edits), "--tasks", "edit=2"]) == 0
    processor_16 = load_processor(base)
    documents = [processor_16.decode(torch.from_numpy(ids.astype(np.int64))) for ids, _ in TokenCache(edits)]
    assert len(documents) == 12
    for document in documents:
        given, answer = document.turns
        assert any(isinstance(part, Image) for part in given.parts) and isinstance(answer.parts[0], Image)
    shares = ["--sounds", "1", "--sound-tasks", "playing_chord=1", "naming=0"]
    sounds = ["world", "--documents", "4", "--checkpoint", "tiny", "--workers", "0", *shares]
    chords = tmp_path / "chords"
    assert run(tokenize.command, [*sounds, "--output", str(chords)]) == 0
    processor, cache = load_processor("tiny"), TokenCache(chords)
    assert cache.meta["source"]["sound_tasks"] == {"playing_chord": 1.0} and len(cache) == 4
    for ids, _ in cache:
        given, answer = processor.decode(torch.from_numpy(ids.astype(np.int64))).turns
        assert isinstance(given.parts[0], Text) and isinstance(answer.parts[0], Audio)
    both = tmp_path / "both"
    assert run(tokenize.command, [*common, "--output", str(both), "--tasks", "request=1", "--unrelated", "1"]) == 0
    talks = [processor_16.decode(torch.from_numpy(ids.astype(np.int64))) for ids, _ in TokenCache(both)]
    assert len(talks) == 12 and {len(talk.turns) for talk in talks} == {4, 6}
    other = [tmp_path / "plain_words", tmp_path / "other_words"]
    request = [*common, "--tasks", "request=1", "--output"]
    assert run(tokenize.command, [*request, str(other[0])]) == 0
    assert run(tokenize.command, [*request, str(other[1]), "--reworded", "1", "--far-looks", "0.5"]) == 0
    assert (
        TokenCache(other[1]).meta["source"]["reworded"] == 1 and TokenCache(other[1]).meta["source"]["far_looks"] == 0.5
    )
    plain, reworded = (
        {processor_16.decode(torch.from_numpy(ids.astype(np.int64))).turns[0] for ids, _ in TokenCache(one)}
        for one in other
    )
    assert len(reworded) > 8 and len(plain & reworded) <= 2


def test_wrong_shares_of_tasks_are_one_line(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["world", "--documents", "12", "--checkpoint", str(base), "--output", str(tmp_path / "other")]
    wrong = {
        "--tasks edits=1": "no task 'edits'",
        "--tasks edit_paint=1": "no task 'edit_paint'",
        "--tasks edit=x": "edit=0.5",
        "--tasks edit=-1": "from 0 to",
        "--tasks edit=nan": "from 0 to",
        "--tasks edit=1e308 caption=1e308": "from 0 to",
        "--tasks edit": "edit=0.5",
        "--tasks edit=0": "all shares are 0",
        "--tasks edit=1 edit=2": "twice",
        "--tasks edit=1 --sounds 1": "all documents have sounds",
        "--reworded 0.5 --sounds 1": "all documents have sounds",
        "--far-looks 0.5 --sounds 1": "all documents have sounds",
        "--sound-tasks naming=1": "--sounds 0.2",
        "--sound-tasks singing=1 --sounds 0.5": "no task 'singing'",
    }
    for words, message in wrong.items():
        assert run(tokenize.command, [*common, *words.split()]) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "other").exists()


def test_pictures_need_a_size_where_the_checkpoint_has_none(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("vocabulary.json", "text_tokenizer", "image_tokenizer"):
        (folder / name).symlink_to(base / name)
    assert load_processor(folder).image_size is None
    common = ["world", "--documents", "3", "--checkpoint", str(folder), "--workers", "0"]
    assert run(tokenize.command, [*common, "--output", str(tmp_path / "a")]) == 2
    assert "--image-size" in capsys.readouterr().err
    assert run(tokenize.command, [*common, "--output", str(tmp_path / "b"), "--image-size", "16"]) == 0


def test_other_codes_and_other_sizes_are_not_taken_for_the_same(
    base: Path, jsonl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The vocabulary is the same where a codec was trained on, or pictures have another size."""
    shutil.copytree(base, tmp_path / "base")

    def folder() -> str:
        return DocumentsDataModule(str(tmp_path / "base"), str(jsonl), None, str(tmp_path / "caches")).train_folders[0]

    found = [folder()]
    write_manifest(tmp_path / "base", 32)
    found.append(folder())
    assert folder() == found[-1]
    tokenizer = ImageTokenizer.from_pretrained(tmp_path / "base" / "image_tokenizer")
    with torch.no_grad():
        tokenizer.codebook.vectors.neg_()

    source, begun = WorldSource(40, seed=4, per_shard=20, image_size=32), stopped_at_the_second_shard(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        write_cache(source, tmp_path / "base", tmp_path / "world", workers=0)
    tokenizer.save_pretrained(tmp_path / "base" / "image_tokenizer")
    assert folder() not in found
    write_cache(source, tmp_path / "base", tmp_path / "world", workers=0)
    assert "world.shards: 1 parts of an earlier run of something else are removed" in caplog.text
    check_tokenizers([TokenCache(tmp_path / "world")], tmp_path / "base")
    with pytest.raises(InputError, match=r"world was made with another image_tokenizer/model\.safetensors than"):
        check_tokenizers([TokenCache(tmp_path / "world")], base)
    assert begun == [0, 1, 0, 1]  # what the other codec had made was not kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"unitok\.json is not JSON; copy"),
        ("[]", r'unitok\.json is not a unitok checkpoint: "format_version" is missing'),
        ('{"format_version": 2}', r"unitok\.json has format version 2, newer than 1.*upgrade unitok"),
    ],
)
def test_a_damaged_or_newer_manifest_is_named(base: Path, jsonl: Path, tmp_path: Path, text: str, message: str) -> None:
    shutil.copytree(base, tmp_path / "base")
    (tmp_path / "base" / "unitok.json").write_text(text)
    with pytest.raises(InputError, match=message):
        DocumentsDataModule(str(tmp_path / "base"), str(jsonl))
    with pytest.raises(InputError, match=message):
        load_processor(tmp_path / "base")


def test_what_cannot_be_encoded_is_skipped_and_named(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16_000)
    sound = [{"role": "user", "content": [{"type": "audio", "path": "a.wav"}]}]
    lines = [[{"role": "user", "content": "one"}], sound, [{"role": "user", "content": "three"}]]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert len(write_cache(JsonlSource(str(path), "skip"), base, tmp_path / "cache", 0)) == 2
    assert "mixed.jsonl:2: this model cannot hear sounds" in caplog.text
    with pytest.raises(InputError, match=r"mixed\.jsonl:2: this model cannot hear sounds"):
        write_cache(JsonlSource(str(path)), base, tmp_path / "other", 0)


def test_nothing_to_tokenize_is_an_error(base: Path, tmp_path: Path) -> None:
    path = tmp_path / "blank.jsonl"
    for text, message in (("\n \n", "no document to tokenize$"), ("{\n", r"blank\.jsonl:1: not JSON")):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            write_cache(JsonlSource(str(path), "skip"), base, tmp_path / "cache", 0)
        assert [one.name for one in tmp_path.iterdir()] == ["blank.jsonl"]
