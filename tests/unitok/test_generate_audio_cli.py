"""`python -m unitok.generate` with sounds, and the conversation in the terminal, on a checkpoint of random weights."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from unitok import outputs
from unitok.chat import Chat
from unitok.document import Audio, Document
from unitok.engine import Sampling, SamplingParams
from unitok.generate import main
from unitok.grammar import Modality
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.prompt import message_parts
from unitok.terminal import printable
from unitok_tokenizers.audio_io import load_audio
from unitok_tokenizers.errors import InputError

HOP, RATE = 800, 8000
PROMPT = "draw two green stars"
pytestmark = pytest.mark.usefixtures("known_step_codec")


@pytest.fixture()
def checkpoint(sound_model: UniTok, tmp_path: Path) -> Path:
    sound_model.save_pretrained(tmp_path / "random")
    return tmp_path / "random"


@pytest.fixture()
def cli(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    def call(*argv: str, model: Path = checkpoint) -> Run:
        code = main([*argv, "--model", str(model), "--output", str(tmp_path / "out")])
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err, tmp_path / "out")

    return call


class Run:
    def __init__(self, code: int, out: str, err: str, output: Path) -> None:
        self.code, self.out, self.err, self.output = code, out, err, output

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.output.iterdir()) if self.output.exists() else []

    def assert_refused(self, *words: str) -> None:
        assert self.code == 2 and self.out == "" and self.files == []
        assert self.err.startswith("error: ") and self.err.count("\n") == 1
        for word in words:
            assert word in self.err


@pytest.fixture()
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(6000) / 10), 16000)
    return path


# ---- sounds out


def test_a_sound_is_written_and_its_path_printed(cli) -> None:
    run = cli("--prompt", PROMPT, "--modality", "audio", "--seconds", "0.55")
    assert run.code == 0 and run.files == ["draw-two-green-stars-seed0.wav"]
    path = run.output / run.files[0]
    assert run.out == f"{path}\n" and "wrote 1 sound in " in run.err
    about = soundfile.info(path)
    assert (about.format, about.samplerate, about.channels) == ("WAV", RATE, 1)
    assert about.frames % HOP == 0 and 0 < about.frames <= 5 * HOP


def test_a_sound_is_the_models(cli, sound_model: UniTok) -> None:
    run = cli("--prompt", PROMPT, "--modality", "audio", "--seed", "4", "--max-tokens", "40")
    document = Document.user(PROMPT)
    (answer,) = sound_model.generate(document, "audio", Sampling(max_tokens=40), seed=4)
    samples = answer.turns[-1].sounds[0].samples
    assert samples is not None
    assert (load_audio(run.out.strip(), RATE) - samples).abs().max() < 1e-4


def test_nothing_is_overwritten(cli) -> None:
    first = cli("--prompt", PROMPT, "--modality", "audio", "--seconds", "1")
    path = first.output / first.files[0]
    path.write_bytes(b"mine")
    second = cli("--prompt", PROMPT, "--modality", "audio", "--seconds", "1")
    assert second.files == ["draw-two-green-stars-seed0-2.wav", "draw-two-green-stars-seed0.wav"]
    assert path.read_bytes() == b"mine"


def test_a_sound_may_be_flac(cli) -> None:
    asked = ["--prompt", PROMPT, "--modality", "audio", "--seconds", "0.5"]
    wav, flac = cli(*asked), cli(*asked, "--sound-format", "flac", "--json")
    (path,) = json.loads(flac.out)["answers"][0]["audio"]
    assert path.endswith("-seed0.flac") and soundfile.info(path).format == "FLAC"
    assert torch.equal(load_audio(path, RATE), load_audio(wav.out.strip(), RATE))


def test_several_sounds_have_no_contact_sheet(cli) -> None:
    run = cli("--prompt", "星", "--modality", "audio", "--num", "2", "--seconds", "0.3")
    assert run.files == ["sound-seed0_1.wav", "sound-seed0_2.wav"] and "wrote 2 sounds" in run.err


def test_outputs_of_pictures_and_sounds(tmp_path: Path) -> None:
    picture, sound = Image.new("RGB", (4, 4)), Audio(torch.tensor([[0.0, 0.5]]), RATE)
    paths, sheet = outputs.write_media(tmp_path, "a", [[picture, sound], [], [picture]])
    assert [[path.name for path in files] for files in paths] == [["a_1.png", "a_2.wav"], [], ["a_3.png"]]
    assert sheet == tmp_path / "a_sheet.png"


def test_json_names_the_sounds(cli, tone: Path) -> None:
    run = cli("--prompt", "say {audio}", "--audio", str(tone), "--modality", "audio", "--seconds", "0.4", "--num", "2",
              "--temperature", "0.5", "--guidance-scale", "2", "--json")  # fmt: skip
    assert run.code == 0 and run.err == ""
    result = json.loads(run.out)
    assert result["audio"] == [str(tone)] and result["images"] == []
    assert result["sampling"]["audio"]["temperature"] == result["sampling"]["audio"]["temperature_alone"] == 0.5
    assert [result["sampling"][f"{kind}guidance_scale"] for kind in ("", "edit_", "audio_")] == [2, 2, 2]
    for answer in result["answers"]:
        assert answer["images"] == [] and len(answer["audio"]) == 1
        assert answer["content"] == [{"type": "audio", "path": answer["audio"][0]}]
        assert Path(answer["audio"][0]).is_file() and answer["heard"] == []
    assert result["contact_sheet"] is None


def test_what_is_heard_is_said(cli, sound_model: UniTok, tone: Path, tmp_path: Path) -> None:
    sound_model.sampling = dataclasses.replace(sound_model.sampling, hear_first=True)
    sound_model.save_pretrained(tmp_path / "hearing")
    run = cli("--audio", str(tone), "--modality", "image", model=tmp_path / "hearing")
    assert run.code == 0 and len(run.files) == 1 and run.files[0].endswith("-seed0.png")
    (said,) = [line for line in run.err.splitlines() if line.startswith("heard: ")]
    shown = cli("--audio", str(tone), "--modality", "image", "--json", model=tmp_path / "hearing")
    result = json.loads(shown.out)
    assert result["prompt"] is None and result["sampling"]["hear_first"] is True
    assert [f"heard: {printable(words)}" for words in result["answers"][0]["heard"]] == [said]


# ---- sounds in


def test_places_of_pictures_and_sounds() -> None:
    a, b = Image.new("RGB", (1, 1)), Image.new("RGB", (2, 2))
    x, y = Audio(torch.zeros(1, 1), RATE), Audio(torch.ones(1, 1), RATE)
    assert message_parts("what?", [a], [x, y]) == [a, x, y, "what?"]
    assert message_parts("from {audio} to {image} and {audio}", [b], [x, y]) == ["from", x, "to", b, "and", y]
    assert message_parts("hear {audio}", [a, b], [x]) == [a, b, "hear", x]
    assert message_parts("{audio}{image}", [a], [x]) == [x, a]
    for text, sounds in (("{audio}", []), ("{audio} {audio}", [x]), ("{audio}", [x, y])):
        with pytest.raises(InputError, match=r"one sound for each \{audio\}"):
            message_parts(text, [], sounds)


def test_sounds_and_pictures_go_where_the_prompt_says(
    cli, tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    asked = []

    def remember(self: UniTok, document: Document, **_: object) -> list[Document]:
        asked.append(document)
        return [document.reply("yes")]

    monkeypatch.setattr(UniTok, "generate", remember)
    given = ["--audio", str(tone), "--image", str(tmp_path / "a.png"), "--audio", str(tone)]
    assert cli("--prompt", "{audio} beside {image}, then {audio}", *given).out == "yes\n"
    (turn,) = asked[0].turns
    assert [type(part).__name__ for part in turn.parts] == ["Audio", "Text", "Image", "Text", "Audio"]
    assert [sound.sample_rate for sound in turn.sounds] == [16000, 16000]


def test_a_sound_is_heard(cli, tone: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "other.flac", np.zeros((9000, 2)), 44100)

    def answer(path: Path) -> str:
        words = ["--modality", "text", "--max-tokens", "20"]
        run = cli("--prompt", "what is it?", "--audio", str(path), *words)
        assert run.code == 0
        return run.out

    assert answer(tone) != answer(tmp_path / "other.flac")


# ---- what is refused


def header(rate: int, frames: int = 8) -> bytes:
    """A WAV file that states a rate."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(frames), 8000, format="WAV", subtype="PCM_16")
    data = bytearray(buffer.getvalue())
    data[24:28] = rate.to_bytes(4, "little")
    return bytes(data)


def flac_of_silence(seconds: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(seconds * 8000, np.int16), 8000, format="FLAC")
    return buffer.getvalue()


def test_a_bad_sound_is_one_line(cli, tmp_path: Path, tone: Path) -> None:
    infinite = io.BytesIO()
    soundfile.write(infinite, np.array([0.0, np.inf]), 8000, format="WAV", subtype="FLOAT")
    bad = {
        "missing.wav": None,
        "empty.wav": b"",
        "words.wav": b"not a sound",
        "cut.wav": tone.read_bytes()[:30],
        "none.wav": header(8000, frames=0),
        "slow.wav": header(1),
        "fast.wav": header(655350),
        "infinite.wav": infinite.getvalue(),
        "hour.flac": flac_of_silence(3600),
    }
    for name, data in bad.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        cli("--prompt", "what is it?", "--audio", str(tmp_path / name)).assert_refused(name)
    cli("--prompt", "what is it?", "--audio", str(tmp_path)).assert_refused(tmp_path.name)


def test_a_sound_that_the_context_cannot_hold_is_refused_by_its_length(
    cli, tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Processor, "encode_sounds", lambda *_: pytest.fail("a sound was encoded"))
    soundfile.write(tmp_path / "long.flac", np.zeros(240 * 8000, np.int16), 8000)
    asked = ["--prompt", "what is it?", "--audio", str(tmp_path / "long.flac")]
    cli(*asked).assert_refused("the sound is 240.0 seconds long", "room for less than", "cut it")
    cli(*asked[:2], "--audio", str(tone), *asked[2:]).assert_refused("sound 2 is 240.0 seconds long")


def test_sounds_that_are_too_long_together_are_refused_with_their_lengths(cli, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000 * 8, np.int16), 8000)
    sounds = ["--audio", str(tmp_path / "a.wav")] * 2
    run = cli("--prompt", "what is it?", *sounds, "--modality", "text")
    run.assert_refused("16.0 seconds of sound are 324 of its tokens", "shorten the prompt")


def test_one_sample_and_eight_channels_are_heard(cli, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", np.zeros(1), 8000)
    soundfile.write(tmp_path / "eight.wav", np.zeros((100, 8)), 8000)
    for name in ("one.wav", "eight.wav"):
        words = ["--modality", "text", "--max-tokens", "5"]
        assert cli("--prompt", "what is it?", "--audio", str(tmp_path / name), *words).code == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--prompt", "x", "--seconds", "0"], ["--seconds", "above 0"]),
        (["--prompt", "x", "--seconds", "nan"], ["--seconds"]),
        (["--prompt", "x", "--seconds", "0.05", "--modality", "audio"], ["seconds", "at least 0.1"]),
        (["--prompt", "x", "--modality", "audio", "--max-tokens", "4"], ["a sound needs 5 tokens"]),
        (["--prompt", "x {audio}"], ["{audio}"]),
        (["--chat", "--image", "x.png"], ["/image"]),
        (["--prompt", "x", "--seconds", "2", "--modality", "image"], ["--seconds", "modality image makes none"]),
        (["--prompt", "x", "--sound-format", "mp3"], ["--sound-format", "flac"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_bad_option_is_one_line(argv: list[str], words: list[str], cli) -> None:
    cli(*argv).assert_refused(*words)


def test_a_model_without_sound_is_one_line(cli, tiny_model: UniTok, tone: Path, tmp_path: Path) -> None:
    tiny_model.save_pretrained(tmp_path / "silent")
    cli("--prompt", "x", "--modality", "audio", model=tmp_path / "silent").assert_refused("no audio codes")
    cli("--prompt", "x", "--audio", str(tone), model=tmp_path / "silent").assert_refused("no audio tokenizer")


# ---- the conversation


@pytest.fixture()
def talk(
    sound_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Chat, str, str]]:
    def call(
        *lines: str, modality: Modality = "audio", hear_first: bool = False, first: tuple[Audio, ...] = ()
    ) -> tuple[Chat, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        params = SamplingParams(20.0)
        hot = Sampling(params, params, params, max_tokens=40, hear_first=hear_first)
        chat = Chat(sound_model, hot, modality, tmp_path / "out", 0, seconds=None if modality == "text" else 0.9)
        chat.run(first)
        captured = capsys.readouterr()
        return chat, captured.out, captured.err

    return call


def test_sounds_of_a_conversation_become_files(talk) -> None:
    chat, out, _ = talk("say hello", "say hello")
    paths = [Path(line) for line in out.splitlines()]
    assert [path.name for path in paths] == ["say-hello.wav", "say-hello-2.wav"]
    sounds = [sound.samples for turn in chat.document.turns for sound in turn.sounds]
    for path, samples in zip(paths, sounds, strict=True):
        assert samples is not None and samples.shape[1] <= 9 * HOP
        assert (load_audio(path, RATE) - samples).abs().max() < 1e-4


def test_a_sound_waits_for_the_next_message(talk, tone: Path) -> None:
    chat, _, err = talk(f"/audio {tone}", "only {audio} {audio}", "hear {audio} now", "and now?", "/audio", "/audio x")
    assert err.count("error: ") == 3 and "/audio FILE" in err and "sound 'x'" in err
    first, _, second, _ = chat.document.turns
    assert [type(part).__name__ for part in first.parts] == ["Text", "Audio", "Text"] and second.sounds == ()


def test_what_is_heard_stands_on_a_line_of_its_own(talk, tone: Path) -> None:
    red = tone.with_name("red.png")
    Image.new("RGB", (16, 16), "red").save(red)
    lines = f"/image {red}", f"/audio {tone}", "{image} {audio}"
    _, out, err = talk(*lines, modality="text", hear_first=True)
    assert err.startswith("heard: ") and err.count("\n") == 1 and out.count("\n") == 1


def test_a_conversation_may_begin_with_a_sound(talk) -> None:
    chat, _, err = talk("and now?", first=(Audio(torch.ones(1, 4000), RATE),))
    assert "error" not in err and [len(turn.sounds) for turn in chat.document.turns] == [1, 1, 0, 1]


def test_a_saved_conversation_holds_its_sounds(talk, tone: Path, tmp_path: Path) -> None:
    chat, _, _ = talk(f"/audio {tone}", "again", f"/save {tmp_path / 'talk.json'}")
    read = Document.from_messages(json.loads((tmp_path / "talk.json").read_text(encoding="utf-8")))
    for mine, saved in zip(chat.document.turns, read.turns, strict=True):
        pairs = zip(mine.sounds, saved.sounds, strict=True)
        assert all(np.array_equal(one.samples, other.samples) for one, other in pairs)  # type: ignore[arg-type]
    assert read.turns[1].sounds
