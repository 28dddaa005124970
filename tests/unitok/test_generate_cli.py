"""`python -m unitok.generate`, on a checkpoint of random weights."""

from __future__ import annotations

import copy
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from unitok import outputs, precision
from unitok.document import Document
from unitok.document import Image as DocumentImage
from unitok.generate import load, main
from unitok.generate_options import parse
from unitok.model import UniTok
from unitok.outputs import slug, write_media
from unitok.prompt import message_parts
from unitok.viz import contact_sheet
from unitok_tokenizers.errors import InputError

PROMPT = "draw two green stars"


@pytest.fixture(scope="module")
def checkpoint(tiny_processor, tiny_decoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "random"
    UniTok(tiny_processor, tiny_decoder).save_pretrained(folder)
    return folder


@pytest.fixture()
def cli(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs the command in this process, with the random checkpoint and a fresh output folder."""

    def call(*argv: str, **named: str) -> Run:
        options = {"--model": str(checkpoint), "--output": str(tmp_path / "out")}
        options |= {f"--{name}": value for name, value in named.items()}
        code = main([*argv, *(word for pair in options.items() for word in pair)])
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
        """One line on stderr that holds the words, exit code 2, and nothing else anywhere."""
        assert self.code == 2
        assert self.out == ""
        assert self.err.startswith("error: ") and self.err.endswith("\n") and self.err.count("\n") == 1
        for word in words:
            assert word in self.err
        assert not self.output.exists()


# ---- pictures


def test_a_picture_is_written_and_its_path_printed(cli) -> None:
    run = cli("--prompt", PROMPT, "--modality", "image")
    assert run.code == 0
    assert run.files == ["draw-two-green-stars-seed0.png"]
    path = run.output / run.files[0]
    assert run.out == f"{path}\n"
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (16, 16))
    assert "wrote 1 picture in " in run.err and "model loaded in " in run.err
    assert "tokens" in run.err, "the progress bar is shown"


def test_nothing_is_overwritten(cli) -> None:
    first = cli("--prompt", PROMPT, "--modality", "image")
    path = first.output / first.files[0]
    path.write_bytes(b"mine")
    second = cli("--prompt", PROMPT, "--modality", "image")
    assert second.files == ["draw-two-green-stars-seed0-2.png", "draw-two-green-stars-seed0.png"]
    assert path.read_bytes() == b"mine"


def test_a_conversation_may_begin_with_a_picture_and_a_question_said_aloud() -> None:
    options = parse(["--chat", "--image", "a.png", "--audio", "question.wav"])
    assert [*options.images, *options.sounds] == ["a.png", "question.wav"]
    with pytest.raises(InputError, match="--image needs a --prompt"):
        parse(["--chat", "--image", "a.png"])


def test_numbers_beyond_64_bits_and_names_beyond_255_letters_end_in_no_traceback(cli) -> None:
    cli("--prompt", PROMPT, output="x" * 300 + ".png").assert_refused("x" * 300)
    run = cli("--prompt", PROMPT, "--modality", "image", "--max-tokens", str(10**30))
    assert run.code == 0 and len(run.files) == 1


def test_several_answers_make_a_contact_sheet_and_each_equals_its_seed_alone(cli) -> None:
    several = cli("--prompt", PROMPT, "--modality", "image", "--num", "3", "--seed", "5")
    stem = "draw-two-green-stars-seed5"
    names = [f"{stem}_1.png", f"{stem}_2.png", f"{stem}_3.png"]
    assert several.files == [*names, f"{stem}_sheet.png"]
    pictures = [Image.open(several.output / name) for name in names]
    alone = cli("--prompt", PROMPT, "--modality", "image", "--seed", "7")
    again = Image.open(alone.out.strip())
    assert again.tobytes() == pictures[2].tobytes()
    assert pictures[0].tobytes() != pictures[1].tobytes()
    with Image.open(several.output / f"{stem}_sheet.png") as sheet:
        assert sheet.tobytes() == contact_sheet(pictures).tobytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A small RED circle!", "a-small-red-circle"),
        ("../../etc/passwd", "etc-passwd"),
        ("Äpfel & Öl", "apfel-ol"),
        ("星", "picture"),
        ("", "picture"),
        ("word " * 40, "-".join(["word"] * 12)),
        ("x" * 300, "x" * 60),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


# ---- words and JSON


def test_words_go_to_stdout_and_make_no_folder(cli) -> None:
    run = cli("--prompt", "how many stars are there?", "--modality", "text", "--max-tokens", "12")
    assert run.code == 0
    assert run.out.strip()
    assert "answered in " in run.err
    assert not run.output.exists()


def test_json_is_one_object_with_everything(cli, tmp_path: Path) -> None:
    picture = tmp_path / "given.png"
    Image.new("RGB", (20, 10), "red").save(picture)
    arguments = (
        "--prompt",
        "make {image} blue",
        "--image",
        str(picture),
        "--modality",
        "image",
        "--num",
        "2",
    )
    run = cli(*arguments, "--seed", "3", "--temperature", "0.5", "--guidance-scale", "2", "--best-of", "3", "--json")
    assert run.code == 0
    assert run.err == ""
    result = json.loads(run.out)
    assert result["prompt"] == "make {image} blue"
    assert result["images"] == [str(picture)]
    assert (result["seed"], result["num"], result["modality"]) == (3, 2, "image")
    assert result["sampling"]["guidance_scale"] == 2
    assert result["sampling"]["text"]["temperature"] == result["sampling"]["image"]["temperature"] == 0.5
    assert {result["sampling"][kind]["best_of"] for kind in ("text", "image", "audio")} == {3}
    assert [answer["seed"] for answer in result["answers"]] == [3, 4]
    for answer in result["answers"]:
        assert answer["content"] == [{"type": "image", "path": answer["images"][0]}]
        assert Path(answer["images"][0]).is_file()
    assert Path(result["contact_sheet"]).is_file()
    assert result["grid"] is result["seconds"] is result["refine"] is result["adapter"] is result["weights"] is None
    assert (result["device"], result["dtype"], result["compile"]) == ("cpu", None, False)
    assert result["timing"]["load_seconds"] > 0 and result["timing"]["generate_seconds"] > 0


@pytest.fixture()
def blind(tiny_processor, tiny_decoder, tmp_path: Path) -> str:
    """A checkpoint that cannot decode its pictures."""
    processor = copy.copy(tiny_processor)
    processor.image_detokenizer = None
    UniTok(processor, tiny_decoder).save_pretrained(tmp_path / "blind")
    return str(tmp_path / "blind")


def test_pictures_that_nobody_can_see_are_refused_before_they_are_drawn(
    cli, blind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UniTok, "generate", lambda *_, **__: pytest.fail("it was drawn"))
    cli("--prompt", PROMPT, "--modality", "image", model=blind).assert_refused("image_detokenizer", "cannot be seen")
    cli("--chat", "--modality", "image", model=blind).assert_refused("image_detokenizer", "cannot be seen")


def test_words_beside_a_picture_that_nobody_can_see_are_not_lost(
    cli, blind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = DocumentImage(codes=torch.zeros(1, 2, 2, dtype=torch.int64))
    monkeypatch.setattr(UniTok, "generate", lambda *_, **__: [Document.user("x").reply("a star", image)])
    run = cli("--prompt", PROMPT, model=blind)
    assert run.code == 2 and run.out == "a star\n" and not run.files
    assert "no image_detokenizer" in run.err and run.err.count("error: ") == 1
    run = cli("--prompt", PROMPT, "--json", model=blind)
    assert run.code == 2
    assert json.loads(run.out)["answers"][0]["content"] == [
        {"type": "text", "text": "a star"},
        {"type": "image", "path": None},
    ]


def test_at_temperature_0_nothing_is_drawn_at_random(cli) -> None:
    """Further candidates would be; they are there when they are asked for."""

    def sampling(*more: str) -> dict:
        run = cli("--prompt", PROMPT, "--modality", "text", "--temperature", "0", "--json", *more)
        return json.loads(run.out)["sampling"]["text"]

    assert (sampling()["temperature"], sampling()["best_of"]) == (0, 1)
    assert sampling("--best-of", "3")["best_of"] == 3


def test_the_same_seed_gives_the_same_words(cli) -> None:
    def answer(seed: int) -> str:
        run = cli("--prompt", PROMPT, "--modality", "text", "--max-tokens", "30", "--json", seed=str(seed))
        return json.loads(run.out)["answers"][0]["text"]

    assert answer(1) == answer(1) != answer(2)


def test_control_characters_of_an_answer_do_not_reach_the_terminal(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UniTok, "generate", lambda self, document, **_: [document.reply("red\x1b[2J\nblue\tgreen\r")])
    assert cli("--prompt", PROMPT).out == "red\ufffd[2J\nblue\tgreen\n"


# ---- where pictures go in a prompt


def test_image_places() -> None:
    a, b = Image.new("RGB", (1, 1)), Image.new("RGB", (2, 2))
    assert message_parts("what is it?", [a, b]) == [a, b, "what is it?"]
    assert message_parts("put {image} on {image} now", [a, b]) == ["put", a, "on", b, "now"]
    assert message_parts("{image}", [a]) == [a]
    assert message_parts("{{image}} {images} {x}", [a]) == ["{", a, "} {images} {x}"]


@pytest.mark.parametrize(("text", "count"), [("{image}", 0), ("{image} and {image}", 1), ("one {image}", 2)], ids=str)
def test_image_places_must_match_the_pictures(text: str, count: int) -> None:
    with pytest.raises(InputError, match=r"one picture for each \{image\}"):
        message_parts(text, [Image.new("RGB", (1, 1))] * count)


# ---- what is refused


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], ["--prompt"]),
        (["--prompt", " \n"], ["--prompt", "empty"]),
        (["--prompt", "x", "--nope"], ["--nope"]),
        (["--prompt", "x", "--mod", "text"], ["--mod"]),
        (["--prompt", "x", "--modality", "video"], ["--modality", "video", "auto"]),
        (["--prompt", "x", "--num", "0"], ["--num", "at least 1"]),
        (["--prompt", "x", "--num", "100000"], ["--num", "at most"]),
        (["--prompt", "x", "--seed", "-1"], ["--seed", "at least 0"]),
        (["--prompt", "x", "--seed", "one"], ["--seed", "whole number"]),
        (["--prompt", "x", "--temperature", "-0.1"], ["--temperature", "at least 0"]),
        (["--prompt", "x", "--temperature", "nan"], ["--temperature"]),
        (["--prompt", "x", "--temperature", "inf"], ["--temperature"]),
        (["--prompt", "x", "--top-k", "-1"], ["--top-k", "at least 0"]),
        (["--prompt", "x", "--top-p", "0"], ["--top-p", "above 0"]),
        (["--prompt", "x", "--top-p", "1.01"], ["--top-p", "at most 1"]),
        (["--prompt", "x", "--guidance-scale", "-1"], ["--guidance-scale", "at least 0"]),
        (["--prompt", "x", "--best-of", "0"], ["--best-of", "at least 1"]),
        (["--prompt", "x", "--best-of", "100000"], ["--best-of", "at most"]),
        (["--prompt", "x", "--max-tokens", "0"], ["--max-tokens", "at least 1"]),
        (["--prompt", "x", "--refine", "--modality", "text"], ["--refine", "text"]),
        (["--prompt", "x", "--guidance-scale", "2", "--modality", "text"], ["--guidance-scale", "text"]),
        (["--prompt", "x", "--sound-format", "flac", "--modality", "image"], ["--sound-format", "image"]),
        (["--prompt", "x", "--refine-steps", "2"], ["--refine-steps", "--refine"]),
        (["--prompt", "x", "--max-tokens", "5", "--modality", "image"], ["5"]),
        (["--prompt", "x", "--model", "no/such/folder"], ["no/such/folder"]),
        (["--prompt", "x", "--device", "abacus"], ["abacus", "give cpu"]),
        (["--prompt", "x", "--device", "cuda:77"], ["cuda:77", "give cpu"]),
        (["--prompt", "x", "--grid", "8"], ["--grid", "12x16"]),
        (["--prompt", "x", "--grid", "99x99"], ["99x99"]),
        (["--prompt", "x", "--grid", "8x8", "--modality", "text"], ["--grid", "text"]),
        (["--chat", "--grid", "8x8"], ["--grid", "--chat"]),
        (["--prompt", "x {image}"], ["{image}"]),
        (["--prompt", "two green stars " * 60], ["context", "shorten the prompt"]),
        (["--prompt", "x\udce9"], ["surrogate"]),
        (["--chat", "--json"], ["--json", "--chat"]),
        (["--chat", "--num", "2"], ["--num", "--chat"]),
        (["--chat", "--best-of", "2"], ["--best-of", "--chat"]),
        (["--chat", "--image", "x.png"], ["/image"]),
        (["--chat", "--modality", "image", "--max-tokens", "5"], ["5"]),
        (["--chat", "--modality", "audio"], ["no audio"]),
    ],
    ids=lambda value: " ".join(value)[:40].encode("ascii", "replace").decode() if isinstance(value, list) else None,
)
def test_a_bad_option_is_one_line(argv: list[str], words: list[str], cli) -> None:
    named = {"model": argv[argv.index("--model") + 1]} if "--model" in argv else {}
    cli(*argv, **named).assert_refused(*words)


def huge_png() -> bytes:
    """A small file that says it is 50,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


def test_a_bad_picture_is_one_line(cli, tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.radial_gradient("L").save(whole)
    bad = {
        "missing.png": None,
        "empty.png": b"",
        "cut.png": whole.read_bytes()[:2000],
        "words.png": b"not a picture",
        "bomb.png": huge_png(),
    }
    for name, data in bad.items():
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        cli("--prompt", "what is it?", "--image", str(path)).assert_refused(name)
    cli("--prompt", "what is it?", "--image", str(tmp_path)).assert_refused(tmp_path.name)


def test_a_broken_checkpoint_is_one_line(cli, checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    weights = next(checkpoint.rglob("decoder/*.safetensors")).relative_to(checkpoint)
    for damaged in (weights, Path("unitok.json"), Path("vocabulary.json"), Path("decoder/config.json")):
        for damage in ("removed", "cut"):
            folder = tmp_path / f"{damaged.name}-{damage}"
            shutil.copytree(checkpoint, folder)
            if damage == "removed":
                (folder / damaged).unlink()
            else:
                data = (folder / damaged).read_bytes()
                (folder / damaged).write_bytes(data[: len(data) // 2])
            cli("--prompt", "x", model=str(folder)).assert_refused(str(folder))


def test_an_output_that_is_a_file_is_refused_before_the_model_is_loaded(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UniTok, "from_pretrained", lambda *_: pytest.fail("the model was loaded"))
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        run = cli("--prompt", PROMPT, output=str(output))
        run.assert_refused("--output", "name a folder")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_name_that_no_file_can_have_is_one_line(cli) -> None:
    cli("--prompt", PROMPT, model="m" * 300).assert_refused("m" * 300, "too long")


def test_the_decoder_runs_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(UniTok, "from_pretrained", lambda name, **options: asked.update(options))
    load(parse(["--prompt", "hi"]))
    cpu = torch.device("cpu")
    assert asked == {"device": cpu, "dtype": None, "adapter": None, "compile": False, "weights": None}
    load(parse(["--prompt", "hi", "--dtype", "bfloat16", "--weights", "int8", "--compile"]))
    assert asked == {"device": cpu, "dtype": torch.bfloat16, "adapter": None, "compile": True, "weights": "int8"}
    with pytest.raises(InputError, match="--dtype"):
        parse(["--prompt", "hi", "--dtype", "int4"])


@pytest.mark.parametrize("fast", [False, True])
def test_numbers_that_the_processor_is_slow_with_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fast: bool
) -> None:
    monkeypatch.setattr(UniTok, "from_pretrained", lambda *_, **__: None)
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: fast)
    load(parse(["--prompt", "hi"]))
    assert capsys.readouterr().err == ""
    load(parse(["--prompt", "hi", "--dtype", "bfloat16"]))
    assert ("no products of bfloat16" in capsys.readouterr().err) is not fast


def test_a_picture_has_the_grid_that_is_asked_for(cli) -> None:
    run = cli("--prompt", PROMPT, "--modality", "image", "--grid", "3x5")
    assert run.code == 0
    with Image.open(run.output / run.files[0]) as picture:
        height, width = picture.height, picture.width
    assert height * 5 == width * 3


def test_a_name_that_is_taken_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find, rival = outputs.free_stem, Image.new("RGB", (2, 2), "red")

    def find_late(folder: Path, stem: str, endings: Sequence[str]) -> str:
        """As if another run wrote a file just behind the look for a free name, the first two times."""
        free = find(folder, stem, endings)
        if not (folder / "star-2.png").exists():
            rival.save(folder / f"{free}.png")
        return free

    monkeypatch.setattr(outputs, "free_stem", find_late)
    (paths,), sheet = write_media(tmp_path, "star", [[Image.new("RGB", (2, 2), "blue")]])
    assert sheet is None and [path.name for path in paths] == ["star-3.png"]
    assert [Image.open(tmp_path / name).getpixel((0, 0)) for name in ("star.png", "star-2.png")] == [(255, 0, 0)] * 2


def test_a_full_disk_leaves_no_half_written_file(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Image.Image, file, *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    run = cli("--prompt", PROMPT, "--modality", "image")
    assert run.code == 2
    assert run.files == []
    assert run.out == ""
    assert run.err.splitlines()[-1].startswith("error: ") and "No space left" in run.err


def test_a_folder_that_cannot_be_made_is_one_line(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    run = cli("--prompt", PROMPT, "--modality", "image")
    assert run.code == 2
    assert "--output" in run.err.splitlines()[-1]


# ---- leaving early


def test_ctrl_c_ends_without_a_traceback(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(UniTok, "generate", interrupted)
    run = cli("--prompt", PROMPT)
    assert run.code == 130
    assert "Traceback" not in run.err
    assert not run.output.exists()


def test_a_closed_stdout_ends_without_a_traceback() -> None:
    script = "import sys; from unitok.terminal import run; sys.exit(run(lambda _: print('lost'), []))"
    closed = f"import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, '-c', {script!r}])"
    process = subprocess.run([sys.executable, "-c", closed], stderr=subprocess.PIPE)
    assert (process.returncode, process.stderr) == (0, b"")


def test_a_closed_pipe_ends_without_a_traceback() -> None:
    script = """if True:
        import sys
        from unitok.terminal import run
        sys.exit(run(lambda _: [print(number) for number in range(99999)], []))
    """
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


def test_outputs_of_several_pictures_an_answer(tmp_path: Path) -> None:
    picture = Image.new("RGB", (4, 4))
    paths, sheet = outputs.write_media(tmp_path / "new", "a", [[picture, picture], [], [picture]])
    assert [[path.name for path in files] for files in paths] == [["a_1.png", "a_2.png"], [], ["a_3.png"]]
    assert sheet == tmp_path / "new" / "a_sheet.png"
    assert outputs.write_media(tmp_path / "none", "a", [[], []]) == ([[], []], None)
    assert not (tmp_path / "none").exists()
