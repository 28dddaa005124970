"""The conversation in the terminal, with its input piped in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from unitok.audio_stream import AudioFinished
from unitok.chat import Chat
from unitok.document import Audio, Document
from unitok.engine import Sampling
from unitok.model import Modality, UniTok
from unitok.stream import Event, SpeechHeard, TextDelta
from unitok_tokenizers.errors import InputError


@pytest.fixture()
def talk(
    tiny_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Chat, str, str]]:
    """Types lines into a new conversation; returns it with what went to stdout and stderr."""

    def call(*lines: str, modality: Modality = "text", seed: int = 0, max_tokens: int = 24) -> tuple[Chat, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        chat = Chat(tiny_model, Sampling(max_tokens=max_tokens), modality, tmp_path / "out", seed)
        chat.run()
        captured = capsys.readouterr()
        return chat, captured.out, captured.err

    return call


def test_a_conversation_grows_and_its_answers_are_those_of_generate(talk, tiny_model: UniTok) -> None:
    chat, out, _ = talk("draw a star", "", "  and now?  ", seed=7)
    expected = Document.user("draw a star")
    sampling = Sampling(max_tokens=24)
    (expected,) = tiny_model.generate(expected, "text", sampling, seed=7)
    (expected,) = tiny_model.generate(expected.ask("and now?"), "text", sampling, seed=8)
    assert chat.document == expected
    assert out.endswith("\n")


def test_a_picture_is_tokenized_once(talk, tiny_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    encode, seen = tiny_model.processor.encode_images, []
    monkeypatch.setattr(tiny_model.processor, "encode_images", lambda images: seen.extend(images) or encode(images))
    chat, *_ = talk(f"/image {tmp_path}/red.png", "what is this?", "really?", "and now?")
    assert len(chat.document.turns) == 6 and len(seen) == 1
    monkeypatch.undo()
    asked = Document.user(Image.open(tmp_path / "red.png"), "what is this?")
    (expected,) = tiny_model.generate(asked, "text", Sampling(max_tokens=24), seed=0)
    assert chat.document.turns[1] == expected.turns[1]


def test_pictures_become_files_and_their_paths_are_printed(talk) -> None:
    chat, out, _ = talk("draw a star", "draw a star", modality="image")
    paths = [Path(line) for line in out.splitlines()]
    assert [path.name for path in paths] == ["draw-a-star.png", "draw-a-star-2.png"]
    saved = [Image.open(path) for path in paths]
    drawn = [image.image for turn in chat.document.turns for image in turn.images]
    assert [picture.tobytes() for picture in saved] == [picture.tobytes() for picture in drawn if picture]


def test_an_error_is_one_line_and_leaves_the_conversation_as_it_was(talk) -> None:
    alone, *_ = talk("one")
    chat, _, err = talk("one", "two green stars " * 60, "/image none.png", "/nope", "look at {image}", "/save")
    assert chat.document == alone.document
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == len(err.splitlines()) == 5
    for line, word in zip(errors, ["/reset", "none.png", "/help", "{image}", "/save FILE"], strict=True):
        assert word in line


def test_ctrl_c_during_an_answer_returns_to_the_prompt(talk, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = UniTok.stream

    def interrupted(self: UniTok, document: Document, *rest, **named) -> Iterator[Event]:
        if document.turns[-1].text == "stop":
            yield TextDelta("half an ans")
            raise KeyboardInterrupt
        yield from stream(self, document, *rest, **named)

    monkeypatch.setattr(UniTok, "stream", interrupted)
    chat, out, err = talk("one", "stop", "two")
    assert [turn.text for turn in chat.document.turns if turn.role == "user"] == ["one", "two"]
    assert "half an ans\n" in out
    assert "interrupted" in err and "Traceback" not in err


def test_pictures_wait_for_the_message_that_can_take_them(talk, tmp_path: Path) -> None:
    red, blue = tmp_path / "red one.png", tmp_path / "blue.png"
    Image.new("RGB", (16, 16), "red").save(red)
    Image.new("RGB", (16, 16), "blue").save(blue)
    chat, _, err = talk(f"/image {red}", f"/image {blue}", "only {image}", "from {image} to {image}", "and now?")
    assert err.count("error: ") == 1
    first, _, second, _ = chat.document.turns
    assert [type(part).__name__ for part in first.parts] == ["Text", "Image", "Text", "Image"]
    assert [image.image.getpixel((0, 0)) for image in first.images if image.image] == [
        (255, 0, 0),
        (0, 0, 255),
    ]
    assert second.images == ()


def test_what_cannot_be_used_does_not_stand_in_the_way_of_the_next_message(talk, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", np.zeros(1600), 16_000)  # to a model without an audio tokenizer
    chat, _, err = talk(f"/audio {tmp_path}/sound.wav", "what is this?", "and now?")
    assert err.count("error: ") == 1 and "cannot hear" in err
    assert [turn.text for turn in chat.document.turns if turn.role == "user"] == ["and now?"]


def test_names_that_begin_like_a_home_folder_are_names(talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, _, err = talk("one", "/image ~nobody.png", "/save ~draft.json")
    assert err.count("error: ") == 1 and "~nobody.png" in err
    assert (tmp_path / "~draft.json").is_file()


def test_the_prompt_is_not_among_the_answers(
    tiny_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.StringIO("one\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", stdin)
    Chat(tiny_model, Sampling(max_tokens=24), "text", tmp_path, 0).run()
    captured = capsys.readouterr()
    assert captured.err.count("> ") == 2 and not captured.out.startswith(">")


def test_a_sound_is_named_after_what_was_heard(
    tiny_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sounding(self: UniTok, document: Document, *rest, **named) -> Iterator[Event]:
        if not document.turns[-1].text:
            yield SpeechHeard("say hello")
        yield AudioFinished(Audio(torch.zeros(1, 1600), 16_000))

    monkeypatch.setattr(UniTok, "stream", sounding)
    monkeypatch.setattr("sys.stdin", io.StringIO("?\nmake a noise\n"))
    chat = Chat(tiny_model, Sampling(max_tokens=24), "audio", tmp_path / "out", 0)
    chat.run([Audio(torch.zeros(1, 1600), 16_000)])
    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert names == ["say-hello.wav", "sound.wav", "make-a-noise.wav"]


def test_save_writes_messages_and_nothing_over_another_file(talk, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    chat, _, err = talk("draw a star", f"/save {path}", f"/save {path}", modality="image")
    assert err.count("error: ") == 1 and "already exists" in err
    read = Document.from_messages(json.loads(path.read_text(encoding="utf-8")))
    assert [turn.role for turn in read.turns] == ["user", "assistant"]
    assert read.turns[1].images[0].image == chat.document.turns[1].images[0].image
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["talk.json"]


def test_a_conversation_that_was_saved_goes_on(talk, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    chat, *_ = talk("draw a star", f"/save {path}", modality="image")
    again, _, err = talk("something else", f"/load {path}", "and now?", modality="image")
    assert "2 turns" in err and [turn.role for turn in again.document.turns] == ["user", "assistant"] * 2
    for one, other in zip(again.document.turns[:2], chat.document.turns, strict=True):
        assert one.text == other.text and [i.image for i in one.images] == [i.image for i in other.images]


def test_a_conversation_may_be_the_messages_of_an_object(talk, tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    for name, value in (("bare", messages), ("object", {"messages": messages})):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
        chat, *_ = talk(f"/load {tmp_path}/{name}.json")
        assert chat.document.to_messages() == Document.from_messages(messages, tmp_path).to_messages()


def test_what_is_no_conversation_is_not_loaded(talk, tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('[{"role": "user"')
    (tmp_path / "asked.json").write_text('[{"role": "user", "content": "hi"}]')
    (tmp_path / "role.json").write_text('[{"role": "boss", "content": "hi"}]')
    alone, *_ = talk("one")
    files = [f"/load {tmp_path}/{name}.json" for name in ("none", "half", "asked", "role")]
    chat, _, err = talk("one", *files, "/load")
    assert chat.document == alone.document
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    expected = ["cannot be read", "no conversation", "end with an answer", "boss", "FILE"]
    assert all(word in line for line, word in zip(errors, expected, strict=True)), errors


@pytest.mark.parametrize("name", ["none/talk.json", "file/talk.json", "x" * 300 + "/talk.json"])
def test_save_where_nothing_can_be_written_is_one_line(talk, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    chat, _, err = talk("one", f"/save {tmp_path}/{name}", "two")
    assert err.count("error: ") == 1 and "cannot be written" in err
    assert [turn.text for turn in chat.document.turns if turn.role == "user"] == ["one", "two"]


def test_without_an_input_there_is_no_conversation(tiny_model: UniTok, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input, which is closed"):
        Chat(tiny_model, Sampling(), "text", Path("out"), 0).run()


def test_the_last_seed_is_followed_by_the_first(talk) -> None:
    chat, _, err = talk("one", "two", seed=2**63 - 1)
    assert err == "" and len(chat.document.turns) == 4


def test_the_end_of_the_room_for_pictures_is_said_once(talk, tiny_model: UniTok) -> None:
    grown = ["a"] * 40
    _, _, errors = talk("hi", modality="auto")
    assert "no room left for a picture" not in errors
    _, _, errors = talk("hi", modality="auto", max_tokens=8)  # which never were enough for one
    assert "no room left for a picture" not in errors
    _, _, errors = talk(*grown, modality="auto")
    assert errors.count("no room left for a picture; /reset begins") == 1
    _, _, errors = talk(*grown, "/reset", *grown, modality="auto")
    assert errors.count("no room left for a picture; /reset begins") == 2


def test_reset_quit_and_help(talk) -> None:
    chat, _, err = talk("one", "/reset", "two", "/help", "/quit", "three")
    assert [turn.text for turn in chat.document.turns if turn.role == "user"] == ["two"]
    assert "/save FILE.json" in err


def test_a_first_message_is_answered_before_the_input(
    tiny_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    chat = Chat(tiny_model, Sampling(max_tokens=24), "text", tmp_path, 0)
    chat.run(["hello"])
    assert [turn.role for turn in chat.document.turns] == ["user", "assistant"]
