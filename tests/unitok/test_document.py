from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

import unitok
from unitok.document import Audio, Document, Image, Text, Turn
from unitok_tokenizers import InputError
from unitok_tokenizers.image_io import load_image

RED = PILImage.new("RGB", (5, 3), (255, 0, 0))
RAMP = Audio(torch.linspace(-1, 1, 300)[None], 8000)


def data_uri(image: PILImage.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    RED.save(tmp_path / "sub" / "red: 1.png")
    assert RAMP.samples is not None
    soundfile.write(tmp_path / "sub" / "ramp: 1.wav", RAMP.samples.T.numpy(), 8000, subtype="FLOAT")
    return tmp_path


# ---- parts, turns, documents


def test_building_a_conversation() -> None:
    document = Document.user("draw ", RED).reply(Image(codes=torch.zeros(1, 2, 2, dtype=torch.int64))).ask("why?")
    assert [turn.role for turn in document.turns] == ["user", "assistant", "user"]
    assert document.turns[0].parts[0] == Text("draw ")
    assert document.turns[0].images[0].size == (3, 5)
    assert document.turns[2].text == "why?"


def test_appending_leaves_the_original_alone() -> None:
    document = Document.user("a")
    document.reply("b")
    assert len(document.turns) == 1


def test_everything_is_frozen() -> None:
    for thing, name in [
        (Text("a"), "text"),
        (Image(RED), "image"),
        (Turn(()), "role"),
        (Document(), "turns"),
    ]:
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, None)


def test_image_copies_what_it_is_given() -> None:
    picture, codes = RED.copy(), torch.zeros(1, 2, 2, dtype=torch.int64)
    image = Image(picture, codes)
    picture.paste((0, 0, 255), (0, 0, 5, 3))
    codes += 1
    assert image == Image(RED, torch.zeros(1, 2, 2, dtype=torch.int64))


def test_image_equality() -> None:
    codes = torch.zeros(1, 2, 2, dtype=torch.int64)
    images = [
        Image(RED),
        Image(RED, codes),
        Image(codes=codes),
        Image(codes=codes + 1),
        Image(codes=codes, size=(9, 9)),
    ]
    for n, one in enumerate(images):
        for m, other in enumerate(images):
            assert (one == other) == (n == m)
    assert Image(RED) == Image(RED.copy())
    assert hash(Image(RED)) == hash(Image(RED.copy()))
    assert Image(RED) != "red"


def test_image_converts_other_modes_and_drops_metadata() -> None:
    clear = PILImage.new("RGBA", (2, 2), (0, 0, 0, 0))
    clear.info["dpi"] = (300, 300)
    image = Image(clear).image
    assert image is not None
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.info == {}
    assert clear.info == {"dpi": (300, 300)}


def test_a_picture_that_breaks_off_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    PILImage.fromarray(noise).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:3000])
    with pytest.raises(InputError, match="an image's picture cannot be read"):
        Document.user(PILImage.open(tmp_path / "cut.png"))


def test_a_picture_is_upright_however_it_comes(tmp_path: Path) -> None:
    lying = PILImage.new("RGB", (4, 2))
    lying.putpixel((0, 0), (255, 0, 0))
    exif = PILImage.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    lying.save(tmp_path / "lying.png", exif=exif)
    with PILImage.open(tmp_path / "lying.png") as opened:
        given = Image(opened)
    assert given == Image(load_image(tmp_path / "lying.png"))
    assert given.size == (4, 2) and given.image is not None and given.image.getpixel((1, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    "codes", [torch.zeros(2, 2).long(), torch.zeros(1, 2, 2), torch.zeros(1, 0, 2).long(), [[[1]]], np.ones((1, 2, 2))]
)
def test_bad_image_codes(codes: Any) -> None:
    with pytest.raises(InputError, match=r"\[K, h, w\]"):
        Image(codes=codes)


def test_empty_parts_are_refused() -> None:
    with pytest.raises(InputError, match="picture or codes"):
        Image()
    with pytest.raises(InputError, match="samples or codes"):
        Audio()
    with pytest.raises(InputError, match="PIL image"):
        Image("red.png")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no pixels"):
        Image(PILImage.new("RGB", (0, 4)))
    with pytest.raises(InputError, match="torch tensor"):
        Audio([[0.0]], 16000)  # type: ignore[arg-type]


def test_audio() -> None:
    samples = torch.zeros(1, 100)
    assert Audio(samples, 16000) == Audio(samples.clone(), 16000)
    assert Audio(samples, 16000) != Audio(samples, 8000)
    assert Audio(codes=torch.ones(4, 7).long()) == Audio(codes=torch.ones(4, 7).long())
    assert Audio(samples.double(), 16000).samples.dtype == torch.float32  # type: ignore[union-attr]
    for bad in (
        lambda: Audio(samples),
        lambda: Audio(samples, 0),
        lambda: Audio(samples, 16000.0),  # type: ignore[arg-type]
        lambda: Audio(samples[:, :0], 16000),
        lambda: Audio(samples.long(), 16000),
        lambda: Audio(samples / 0, 16000),
        lambda: Audio(samples + torch.inf, 16000),
        lambda: Audio(samples[0], 16000),
        lambda: Audio(codes=samples.long()[0]),
    ):
        with pytest.raises(InputError):
            bad()


@pytest.mark.parametrize("text", ["\ud800", "ab\udfff c"])
def test_lone_surrogates_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="lone surrogate"):
        Text(text)


def test_unknown_parts_and_roles() -> None:
    with pytest.raises(InputError, match="int"):
        Document.user(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="int"):
        Text(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="system"):
        Turn((), "system")  # type: ignore[arg-type]


# ---- messages


def test_from_messages(folder: Path) -> None:
    messages = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "what is "}, {"type": "image", "path": "sub/red: 1.png"}],
        },
        {"role": "assistant", "content": "red"},
        {"content": "plain"},
    ]
    document = Document.from_messages(messages, base=folder)
    assert document == Document(
        (
            Turn((Text("what is "), Image(RED)), "user"),
            Turn((Text("red"),), "assistant"),
            Turn((Text("plain"),)),
        )
    )


def test_every_way_to_give_a_picture(folder: Path) -> None:
    path = folder / "sub" / "red: 1.png"
    parts: list[dict[str, Any]] = [
        {"type": "image", "path": str(path)},
        {"type": "image", "url": str(path)},
        {"type": "image", "url": path.as_uri()},
        {"type": "image", "image": RED},
        {"type": "image_url", "image_url": {"url": "sub/red: 1.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": data_uri(RED)}},
        {
            "type": "image_url",
            "image_url": {"url": data_uri(RED).replace("+", "%2B").replace("data:", "DATA:")},
        },
    ]
    for part in parts:
        document = Document.from_messages([{"role": "user", "content": [part]}], base=folder)
        assert document == Document.user(RED)


def test_every_way_to_give_a_sound(folder: Path) -> None:
    path = folder / "sub" / "ramp: 1.wav"
    data = base64.b64encode(path.read_bytes()).decode()
    parts: list[dict[str, Any]] = [
        {"type": "audio", "path": "sub/ramp: 1.wav"},
        {"type": "audio", "url": str(path)},
        {"type": "audio", "url": path.as_uri()},
        {"type": "audio", "audio": str(path)},
        {"type": "audio", "audio": f"data:audio/wav;base64,{data}"},
        {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
    ]
    for part in parts:
        document = Document.from_messages([{"role": "user", "content": [part]}], base=folder)
        assert document.turns[0].sounds == (RAMP,)


def test_channels_are_mixed_and_the_rate_is_kept(tmp_path: Path) -> None:
    left, right = torch.full((50,), 0.5), torch.full((50,), -0.25)
    soundfile.write(tmp_path / "two.flac", torch.stack([left, right], dim=1).numpy(), 44100)
    content = [{"type": "audio", "path": "two.flac"}]
    (sound,) = Document.from_messages([{"content": content}], base=tmp_path).turns[0].sounds
    assert sound == Audio(torch.full((1, 50), 0.125), 44100)


def test_data_uri_without_base64() -> None:
    buffer = io.BytesIO()
    RED.save(buffer, "PNG")
    url = "data:image/png," + "".join(f"%{byte:02x}" for byte in buffer.getvalue())
    part = {"type": "image_url", "image_url": {"url": url}}
    assert Document.from_messages([{"role": "user", "content": [part]}]) == Document.user(RED)


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": "ok"}, {"role": "user", "content": list(parts)}]


BAD: list[tuple[Any, str]] = [
    ("hello", "list of objects, not str"),
    ({"role": "user"}, "list of objects, not dict"),
    (["hello"], "message 1: expected an object"),
    (
        [{"role": "system", "content": "x"}],
        'message 1: "role" is \'system\'; accepted are "user", "assistant" and none',
    ),
    ([{"role": "user"}], 'message 1: "content"'),
    ([{"role": "user", "content": None}], 'message 1: "content"'),
    ([{"role": "user", "content": {"type": "text"}}], 'message 1: "content"'),
    ([{"rol": "user", "content": "x"}], "message 1: unknown key 'rol'"),
    (user("x"), "message 2, part 1: expected an object"),
    (user({"text": "x"}), 'message 2, part 1: "type" is None'),
    (user({"type": "video", "path": "x"}), "message 2, part 1: \"type\" is 'video'"),
    (user({"type": "text"}), 'message 2, part 1: "text" must be a string'),
    (user({"type": "text", "text": 3}), 'message 2, part 1: "text" must be a string'),
    (user({"type": "text", "text": "\ud800"}), "message 2, part 1: text holds a lone surrogate"),
    (user({"type": "text", "text": "x", "txt": "y"}), "message 2, part 1: unknown key 'txt'"),
    (user({"type": "text", "text": "x"}, {"type": "image"}), "message 2, part 2: an image needs one of"),
    (user({"type": "image", "path": "a", "url": "b"}), "message 2, part 1: an image needs one of"),
    (user({"type": "image", "path": 3}), 'message 2, part 1: "path" must be a string'),
    (user({"type": "audio"}), "message 2, part 1: audio needs one of"),
    (user({"type": "audio", "path": "a", "audio": "b"}), "message 2, part 1: audio needs one of"),
    (user({"type": "audio", "audio": [0.5]}), 'message 2, part 1: "audio" must be a string'),
    (user({"type": "audio", "path": "a", "rate": 3}), "message 2, part 1: unknown key 'rate'"),
    (user({"type": "audio", "path": "absent.wav"}), "message 2, part 1: sound '.*absent.wav' cannot be opened"),
    (user({"type": "audio", "url": "https://example.com/a.wav"}), "message 2, part 1: .*not fetched from https"),
    (user({"type": "audio", "url": "data:audio/wav;base64,AAAA"}), "message 2, part 1: sound is .*no sound"),
    (user({"type": "input_audio", "input_audio": "x"}), 'message 2, part 1: "input_audio" must be an object'),
    (user({"type": "input_audio", "input_audio": {"data": "AAAA"}}), 'message 2, part 1: "format" must be a string'),
    (
        user({"type": "input_audio", "input_audio": {"data": "@@", "format": "wav"}}),
        "message 2, part 1: .*not valid base64",
    ),
    (
        user({"type": "image", "path": "absent.png"}),
        "message 2, part 1: picture '.*absent.png' cannot be opened",
    ),
    (user({"type": "image_url", "image_url": "x"}), 'message 2, part 1: "image_url" must be an object'),
    (user({"type": "image_url", "image_url": {}}), 'message 2, part 1: "url" must be a string'),
    (
        user({"type": "image", "url": "https://example.com/a.png"}),
        "message 2, part 1: .*not fetched from https",
    ),
    (user({"type": "image", "url": "ftp://example.com/a.png"}), "message 2, part 1: .*not fetched from ftp"),
    (user({"type": "image", "url": "http://[::1/x.png"}), "message 2, part 1: Invalid IPv6 URL"),
    (user({"type": "image", "url": "data:,\ud800"}), "message 2, part 1: .*surrogates not allowed"),
    (
        user({"type": "input_audio", "input_audio": {"data": "\ud800", "format": "wav"}}),
        "message 2, part 1: .*surrogates not allowed",
    ),
    (user({"type": "image", "url": "data:image/png;base64"}), "message 2, part 1: .*no comma"),
    (user({"type": "image", "url": "data:image/png;base64,@@"}), "message 2, part 1: .*not valid base64"),
    (
        user({"type": "image", "url": "data:image/png;base64,AAAA"}),
        "message 2, part 1: picture is not a picture",
    ),
    (user({"type": "image", "url": "data:image/png;base64,"}), "message 2, part 1: picture is empty"),
]


@pytest.mark.parametrize(("messages", "error"), BAD)
def test_bad_messages_name_the_place(messages: Any, error: str) -> None:
    with pytest.raises(InputError, match=error) as caught:
        Document.from_messages(messages)
    assert "\n" not in str(caught.value)


parts = st.lists(
    st.builds(Text, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    | st.builds(lambda color: Image(PILImage.new("RGB", (2, 1), color)), st.tuples(*[st.integers(0, 255)] * 3))
    | st.builds(
        lambda samples, rate, words: Audio(torch.tensor([samples]), rate, words=words),
        st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=5),
        st.sampled_from([8000, 16000, 44100]),
        st.none() | st.just("a red circle"),
    ),
    max_size=3,
)
documents = st.builds(
    Document,
    st.lists(st.builds(Turn, parts.map(tuple), st.sampled_from(["user", "assistant", None])), max_size=3),
)


@settings(deadline=None, max_examples=50)
@given(documents)
def test_messages_round_trip_through_json(document: Document) -> None:
    messages = json.loads(json.dumps(document.to_messages()))
    read = Document.from_messages(messages)
    assert read == document
    heard = [[sound.words for turn in one.turns for sound in turn.sounds] for one in (read, document)]
    assert heard[0] == heard[1]  # of which equality knows nothing


def test_to_messages_with_a_saver(tmp_path: Path) -> None:
    def saver(image: Image) -> Path:
        assert image.image is not None
        image.image.save(tmp_path / "saved.png")
        return Path("saved.png")

    def audio_saver(audio: Audio) -> str:
        assert audio.samples is not None and audio.sample_rate is not None
        soundfile.write(tmp_path / "saved.wav", audio.samples.T.numpy(), audio.sample_rate, subtype="FLOAT")
        return "saved.wav"

    messages = Document.user("x", RED, RAMP).to_messages(saver, audio_saver)
    content = [{"type": "text", "text": "x"}, {"type": "image", "path": "saved.png"}]
    assert messages == [{"role": "user", "content": [*content, {"type": "audio", "path": "saved.wav"}]}]
    assert Document.from_messages(messages, base=tmp_path) == Document.user("x", RED, RAMP)


def test_parts_without_a_json_form() -> None:
    codes = torch.zeros(1, 1, 1, dtype=torch.int64)
    with pytest.raises(InputError, match="codes alone"):
        Document.user(Image(codes=codes)).to_messages()
    with pytest.raises(InputError, match="audio of codes alone"):
        Document.user(Audio(codes=codes[0])).to_messages()


# ---- the package


def test_package_exports_are_lazy() -> None:
    code = """
import sys, unitok
assert "torch" not in sys.modules
unitok.Document
assert "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_package_exports() -> None:
    assert unitok.Document is Document
    assert set(unitok.__all__) <= set(dir(unitok))
    with pytest.raises(AttributeError, match="Documnt"):
        unitok.Documnt  # noqa: B018
