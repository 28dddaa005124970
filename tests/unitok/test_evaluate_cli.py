"""The evaluation: its tasks accept right answers alone, its report is complete, its errors are one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from unitok import codec_batches, evaluate
from unitok.data.world.render import render
from unitok.data.world.scene import Scene
from unitok.document import Audio, Document, Image, Text, Turn
from unitok.engine.sampling import Sampling
from unitok.evaluation import captions, codec, conversations, edits, pictures, questions, report, suite
from unitok.evaluation.cases import Case, Task, answer, draw_seed, judge
from unitok.evaluation.figures import Figure
from unitok.evaluation.findings import Findings
from unitok.evaluation.report import Report
from unitok.evaluation.setup import Setup
from unitok.model import UniTok


@pytest.fixture()
def setup(tiny_model: UniTok) -> Setup:
    return Setup(tiny_model, "random", samples=1)


@pytest.fixture(scope="module")
def checkpoint(tiny_processor, tiny_decoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights whose answers are short."""
    folder = tmp_path_factory.mktemp("models") / "random"
    UniTok(tiny_processor, tiny_decoder, Sampling(max_tokens=24)).save_pretrained(folder)
    return folder


def answered(wanted: Scene | str) -> Turn:
    """An assistant's turn that shows or says just what is wanted."""
    part = Text(wanted) if isinstance(wanted, str) else Image(PillowImage.fromarray(render(wanted, 64)))
    return Turn((part,), "assistant")


def emptied(scene: Scene) -> Turn:
    """A picture of the scene without its objects; of one object on an empty scene."""
    return answered(Scene(scene.background, ()))


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("section", [pictures, questions, captions, edits])
def test_tasks_accept_right_answers_and_no_others(section: ModuleType, split: str, setup: Setup) -> None:
    tasks: list[Task] = section.tasks(setup, split, 4)
    assert len(tasks) >= 4
    for task in tasks:
        assert task.document.turns[-1].text == task.asked
        assert judge(task, answered(task.wanted)).right, task
        if isinstance(task.wanted, str):
            assert not judge(task, answered("surely not")).right
            assert not judge(task, Turn((*answered(task.wanted).parts, Image(PillowImage.new("RGB", (9, 9)))))).right
        else:
            assert not judge(task, answered("here you are")).right
            assert not judge(task, Turn(answered(task.wanted).parts * 2, "assistant")).right
            sound = Audio(torch.zeros(1, 160), 16_000)
            assert not judge(task, Turn((*answered(task.wanted).parts, sound), "assistant")).right
            if task.wanted.objects:
                assert not judge(task, emptied(task.wanted)).right


def test_an_unknown_shape_is_never_right(setup: Setup) -> None:
    task = pictures.tasks(setup, "train", 1)[0]
    pixels = render(Scene("white", ()), 64).copy()
    pixels[20:24, 5:60] = (0, 0, 200)
    lenient = replace(task, accepts=lambda scene: True)
    assert not judge(lenient, Turn((Image(PillowImage.fromarray(pixels)),), "assistant")).right


def test_tasks_depend_on_the_seed_and_on_their_number_alone(setup: Setup) -> None:
    few, more = (edits.tasks(setup, "train", count) for count in (2, 4))
    assert [task.asked for task in few] == [task.asked for task in more[:2]]
    assert few[0].document == more[0].document
    other = edits.tasks(replace(setup, seed=1), "train", 2)
    assert [task.asked for task in other] != [task.asked for task in few]
    assert edits.tasks(setup, "heldout", 1)[0].asked != few[0].asked


def test_seeds_are_none_that_training_draws_with(setup: Setup) -> None:
    assert setup.rng("edits", 0).random() != np.random.default_rng(setup.seed).random()
    assert setup.draw_seed("edits", 0) != setup.draw_seed("edits", 1)


def test_existence_is_balanced(setup: Setup) -> None:
    tasks = [task for task in questions.tasks(setup, "train", 8) if "existence" in task.tags]
    assert sorted(str(task.wanted) for task in tasks) == ["no"] * 4 + ["yes"] * 4
    looks = {(task.wanted, task.tags[1]) for task in tasks}
    assert len(looks) == 4  # yes and no in both looks


def test_half_of_the_pictures_have_a_look_of_their_own(setup: Setup) -> None:
    looks = [task.tags[1] for task in captions.tasks(setup, "train", 6)]
    assert looks.count("canonical look") == looks.count("other looks") == 3


def test_large_pictures_go_through_the_codec_few_at_a_time(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    own, sizes = codec.Codec.of(setup), []
    pixels = torch.rand(5, 3, 14, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    whole = own.through(pixels)
    assert whole[0].shape == (5, 1, 4, 4) and whole[1].shape == pixels.shape
    for half, name in ((own.tokenizer, "encode"), (own.detokenizer, "decode")):
        run = getattr(half, name)
        monkeypatch.setattr(half, name, lambda media, run=run: sizes.append(len(media)) or run(media))
    monkeypatch.setattr(codec_batches, "VALUES_PER_BATCH", 2 * 16 * 16)
    few = own.through(pixels)
    assert torch.equal(few[0], whole[0]) and torch.allclose(few[1], whole[1], atol=1e-6)
    assert max(sizes) <= 2 and sum(sizes) == 10


def test_a_caption_must_name_everything_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    from unitok.data.world.captions import describe, list_objects, sample_caption
    from unitok.data.world.spec_sampling import sample_varied_scene

    for _ in range(60):
        scene, other = sample_varied_scene(rng), sample_varied_scene(rng)
        assert captions.names_exactly(sample_caption(rng, scene).text, scene)
        assert not captions.names_exactly(describe(other), scene)
        fewer = Scene(scene.background, scene.objects[1:])
        if fewer.objects:
            assert not captions.names_exactly(list_objects(fewer), scene)


def test_a_conversation_follows_what_the_model_drew(setup: Setup) -> None:
    case = None
    for index in range(12):
        task = conversations.first(setup, index)
        case = judge(task, answered(task.wanted))
        assert case.right
        edit = conversations.second(setup.rng("conversations, 2", index), case)
        if edit is None:
            continue
        assert edit.document.turns[:2] == case.document.turns
        edited = judge(edit, answered(edit.wanted))
        assert edited.right
        question = conversations.third(setup.rng("conversations, 3", index), edited)
        if question is not None:
            assert len(question.document.turns) == 5
            assert judge(question, answered(question.wanted)).right
            return
    pytest.fail("no conversation of three turns")


def test_what_is_asked_in_a_conversation_does_not_depend_on_the_others(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(wrong: set[int]) -> dict[tuple[str, int], tuple[str, int]]:
        """What is asked at each step of each conversation, and the seed of its answer, where some begin wrongly."""
        found: dict[tuple[str, int], tuple[str, int]] = {}

        def answer(setup: Setup, name: str, tasks: list[Task]) -> list[Case]:
            bad = wrong if name.endswith("1") else set()
            cases = []
            for place, task in enumerate(tasks):
                number = place if task.number is None else task.number
                found[name, number] = task.asked, draw_seed(setup, name, replace(task, number=number))
                turn = answered("no" if number in bad else task.wanted)
                cases.append(judge(replace(task, number=number), turn))
            return cases

        monkeypatch.setattr(conversations, "answer", answer)
        figures = conversations.measure(replace(setup, samples=8)).figures
        shares[len(wrong)] = {figure.name: (figure.value, figure.count) for figure in figures}
        return found

    shares: dict[int, dict[str, tuple[float | None, int | None]]] = {}

    everything, some = asked(set()), asked({0, 3})
    ended = {(name, number) for name, number in everything if number in (0, 3) and not name.endswith("1")}
    assert some == {key: value for key, value in everything.items() if key not in ended} and len(some) > 15
    begun, *_ = conversations.STEPS
    assert shares[0][begun] == (100.0, 8) and shares[2][begun] == (75.0, 8)
    finished = sum(name.endswith("3") for name, _ in some)
    assert shares[0]["right throughout"] == (100.0, sum(name.endswith("3") for name, _ in everything))
    assert shares[2]["right throughout"] == (100 * finished / (finished + 2), finished + 2)


def test_answers_are_drawn_by_the_number_of_their_task(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def generate(documents: list[Document], seed: list[int], **_: object) -> list[Document]:
        seeds.extend(seed)
        return [document.reply("no") for document in documents]

    monkeypatch.setattr(setup.model, "generate", generate)
    some = questions.tasks(setup, "train", 3)[:3]
    tasks = [replace(task, number=number) for number, task in zip((7, None, 2), some, strict=True)]
    cases = answer(replace(setup, batch_size=2), "some", tasks)
    assert [case.task.number for case in cases] == [7, 1, 2]
    (category,) = {task.tags[0] for task in tasks}
    assert seeds == [setup.draw_seed(f"some, {category}", number) for number in (7, 1, 2)]


def test_answers_do_not_depend_on_the_number_of_samples(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first questions of each category are the same ones, and drawn alike, when there are more of each."""

    def drawn(count: int) -> dict[str, int]:
        seeds: list[int] = []

        def generate(documents: list[Document], seed: list[int], **_: object) -> list[Document]:
            seeds.extend(seed)
            return [document.reply("no") for document in documents]

        monkeypatch.setattr(setup.model, "generate", generate)
        cases = answer(setup, "some", questions.tasks(setup, "train", count))
        return {repr((case.task.asked, case.task.tags)): one for case, one in zip(cases, seeds, strict=True)}

    few, many = drawn(1), drawn(3)
    assert (
        len(few) == len(questions.CATEGORIES) and few.items() <= many.items() and len(set(many.values())) == len(many)
    )


def test_two_reports_of_one_folder_do_not_meet(tmp_path: Path) -> None:
    one, other = (Report(tmp_path, {"seed": seed}) for seed in (0, 1))
    assert one.path(".json") != other.path(".json")
    for report_ in (other, one):
        report_.add("edits", Findings([Figure("edits", "overall", 1.0)]))
    assert [json.loads(each.path(".json").read_text())["seed"] for each in (one, other)] == [0, 1]


def test_the_command_knows_every_section() -> None:
    assert list(evaluate.SECTIONS) == list(suite.SECTIONS)


def test_a_run_writes_its_report(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model", str(checkpoint), "--samples", "1", "--output", str(tmp_path / "out"), "--only"]
    sections = "codec,photographs,pictures,heldout,questions,captions,edits,conversations"
    assert evaluate.main([*options, sections]) == 0
    printed = capsys.readouterr()
    assert "attribute binding" in printed.out
    assert "pictures: 100%" in printed.err
    found = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert found["samples"] == 1
    assert set(found["seconds"]) == set(sections.split(","))
    figures = {(figure["section"], figure["name"]): figure for figure in found["figures"]}
    assert figures["pictures", "counting"]["target"] == 92.0
    assert figures["edits", "overall"]["count"] == 2
    used = figures["codec", "codes used"]
    assert (used["unit"], used["count"], figures["codec", "PSNR"]["count"]) == ("%", 120, 5)
    assert used["note"].endswith("% by 5") and float(used["note"].split(" %")[0]) <= used["value"]
    assert found["failures"]["questions"][0]["wanted"]
    markdown = (tmp_path / "out/evaluation.md").read_text()
    assert "| codec" in markdown and ">= 29 dB" in markdown
    assert (tmp_path / "out/evaluation_edits_failures.png").exists()


def test_batches_change_nothing_and_reports_are_not_replaced(checkpoint: Path, tmp_path: Path) -> None:
    options = ["--model", str(checkpoint), "--samples", "3", "--output", str(tmp_path), "--only", "captions"]
    reports = []
    for number, size in (("", "1"), ("-2", "5")):
        assert evaluate.main([*options, "--batch-size", size]) == 0
        found = json.loads((tmp_path / f"evaluation{number}.json").read_text())
        reports.append((found["figures"], found["failures"]))
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "codec,poems"], "'poems'"),
        (["--only", ","], "known are codec"),
        (["--samples", "0"], "--samples"),
        (["--samples", "many"], "'many'"),
        (["--seed", "-1"], "--seed"),
        (["--batch-size", "0"], "--batch-size"),
        (["--model", "no/such/folder"], "no/such/folder"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_is_one_line(options: list[str], message: str, tmp_path: Path, capsys) -> None:
    assert evaluate.main(["--output", str(tmp_path / "out"), *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert message in printed.err
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file(checkpoint: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "out").write_text("mine")
    assert evaluate.main(["--output", str(tmp_path / "out"), "--model", str(checkpoint)]) == 2
    assert "is a file" in capsys.readouterr().err


def test_the_table() -> None:
    figures = [
        Figure("codec", "PSNR", 30.123, "dB", 29.0, count=10),
        Figure("speed", "warm", 2.0, "s", 1.5, lower_is_better=True, note="a|b"),
        Figure("photographs", "mean PSNR", None, "dB", 21.0, note="needs scikit-image"),
    ]
    lines = report.table(figures).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "30.12 dB" in lines[2] and ">= 29 dB" in lines[2] and " met " in lines[2]
    assert "<= 1.5 s" in lines[3] and "MISSED" in lines[3] and "a/b" in lines[3]
    assert "not measured" in lines[4]


def test_failures_say_what_came_instead(setup: Setup) -> None:
    task = questions.tasks(setup, "train", 1)[0]
    case = judge(task, Turn((Text("surely not"),), "assistant"))
    assert isinstance(case, Case)
    assert case.got == "surely not"
    assert case.wanted == task.wanted
    assert len(case.media) == 1


def test_a_name_that_another_run_takes_meanwhile_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find, seen = report._free_stem, []

    def find_late(folder: Path) -> str:
        seen.append(find(folder))
        if len(seen) == 1:
            (folder / f"{seen[0]}.json").write_text("theirs")
        return seen[-1]

    monkeypatch.setattr(report, "_free_stem", find_late)
    assert Report(tmp_path, {}).stem == "evaluation-2" and (tmp_path / "evaluation.json").read_text() == "theirs"
