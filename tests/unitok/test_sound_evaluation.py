"""The evaluation of sounds: its tasks accept right answers alone, and models without sounds are left in peace."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from unitok import evaluate
from unitok.data.world.phrases import NUMBER_WORDS
from unitok.data.world.render import render
from unitok.data.world.scene import Scene
from unitok.data.world.sounds import tape
from unitok.data.world.sounds.events import EVENTS_OF_TEXT, sound_events
from unitok.data.world.sounds.instruments import play, play_together
from unitok.data.world.sounds.notes import CHORDS, NOTE_OF_NAME, is_held_out
from unitok.data.world.sounds.signals import SAMPLE_RATE, Samples, as_audio, silence
from unitok.data.world.sounds.spoken import spoken_words
from unitok.data.world.sounds.voices import ASSISTANT, Voice
from unitok.document import Audio, Document, Image, Text, Turn
from unitok.engine.sampling import Sampling
from unitok.evaluation import (
    audio_codec,
    events,
    later_turns,
    listening,
    melodies,
    needs,
    pictures,
    sound_setup,
    speaking,
    spoken,
    spoken_conversations,
    suite,
)
from unitok.evaluation.cases import Case, Task, judge
from unitok.evaluation.figures import Figure
from unitok.evaluation.findings import Findings
from unitok.evaluation.report import Report
from unitok.evaluation.setup import Setup
from unitok.evaluation.sound_setup import case_error_rate, error_rate, heard_words
from unitok.evaluation.speech_oracle import SpeechOracle
from unitok.model import UniTok
from unitok_tokenizers.audio_io import load_audio, resample

WORDS = frozenset(("a", "red", "circle", "two", "stars"))
PICTURE = Image(codes=torch.zeros(1, 1, 1, dtype=torch.int64))


@pytest.fixture()
def setup(tiny_model: UniTok) -> Setup:
    return Setup(tiny_model, "random", samples=1)


@pytest.fixture()
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Voice]]:
    """Users' speech is silence; what was said and who said it."""
    lines: list[tuple[str, Voice]] = []

    def pretend(text: str, voice: Voice) -> Samples:
        lines.append((text, voice))
        return silence(0.5)

    monkeypatch.setattr(tape, "speak", pretend)
    return lines


def sounding(sound: Samples) -> Turn:
    return Turn((as_audio(sound),), "assistant")


def saying(words: str) -> Turn:
    return Turn((Text(words),), "assistant")


def takes(task: Task, words: str) -> bool:
    """Whether an answer with these words is right: heard ones, where a sound is wanted."""
    if task.hear is None:
        return judge(task, saying(words)).right
    case = judge(replace(task, hear=lambda _: words), sounding(silence(0.1)))
    assert case.got == case.heard == words
    return case.right


def speech_tasks(setup: Setup) -> list[Task]:
    return [
        *listening.tasks(setup, "held-out sentences and voices", 4),
        *listening.tasks(setup, "known voices", 3),
        *listening.tasks(setup, "orders to change a picture, held-out voices", 3),
        *speaking.tasks(setup, "heldout", 4),
        *speaking.counting_tasks(setup, 3),
        *spoken.caption_tasks(setup, "train", 3),
        *spoken.caption_tasks(setup, "heldout", 2),
        *spoken.question_tasks(setup, 4, aloud=False),
        *spoken.question_tasks(setup, 4, aloud=True),
    ]


def test_tasks_of_speech_accept_the_right_words_and_no_others(setup: Setup, said: list) -> None:
    for task in speech_tasks(setup):
        assert isinstance(task.wanted, str)
        assert takes(task, task.wanted) and takes(task, task.wanted.capitalize() + ".")
        assert not takes(task, "surely not") and not takes(task, "")
        assert not takes(task, f"{task.wanted} stars")
        if task.hear is None:
            assert not judge(task, sounding(silence(0.1))).right
            assert not judge(task, Turn((Text(task.wanted), PICTURE), "assistant")).right
        else:
            always = replace(task, hear=lambda _, words=task.wanted: words)
            assert judge(always, sounding(silence(0.1))).right
            assert not judge(always, saying(task.wanted)).right
            assert judge(always, saying(task.wanted)).got == ""
            assert not judge(always, Turn((as_audio(silence(0.1)),) * 2, "assistant")).right
            assert not judge(always, Turn((as_audio(silence(0.1)), PICTURE), "assistant")).right


def test_users_of_tasks_speak_in_held_out_voices(setup: Setup, said: list[tuple[str, Voice]]) -> None:
    for tasks in (
        lambda: listening.tasks(setup, "held-out voices", 5),
        lambda: speaking.counting_tasks(setup, 3),
        lambda: spoken.request_tasks(setup, "train", 1, spoken=True),
        lambda: spoken.question_tasks(setup, 3, aloud=True),
    ):
        said.clear()
        found = tasks()
        assert len(said) == len(found) and all(voice.held_out for _, voice in said)
    said.clear()
    listening.tasks(setup, "known voices", 5)
    assert not any(voice.held_out for _, voice in said) and ASSISTANT not in [voice for _, voice in said]


def test_requests_are_the_same_spoken_and_written(setup: Setup, said: list[tuple[str, Voice]]) -> None:
    by_ear = spoken.request_tasks(setup, "heldout", 2, spoken=True)
    by_eye = spoken.request_tasks(setup, "heldout", 2, spoken=False)
    assert [task.asked for task in by_ear] == [task.asked for task in by_eye] == [text for text, _ in said]
    for ear, eye in zip(by_ear, by_eye, strict=True):
        assert isinstance(eye.wanted, Scene) and ear.wanted == eye.wanted
        assert eye.document.turns[0].text == eye.asked and ear.document.turns[0].text == ""
        assert ear.accepts(eye.wanted) and not ear.accepts(Scene("white", ()))
    assert len({task.asked for task in by_eye}) == len(by_eye)


def test_a_spoken_conversation_follows_what_the_model_drew(setup: Setup, said: list[tuple[str, Voice]]) -> None:
    whole = 0
    for index in range(8):
        asked = spoken_conversations.first(setup, index)
        drew = judge(asked, drawn(asked))
        edit = spoken_conversations.second(setup.rng("2", index), drew)
        assert drew.right and edit is not None and edit.document.turns[:2] == drew.document.turns
        written = spoken_conversations.typed(edit)
        assert written.document == drew.document.ask(edit.asked) and written.wanted == edit.wanted
        edited = judge(edit, drawn(edit))
        question = spoken_conversations.third(setup.rng("3", index), edited)
        assert edited.right
        if question is not None:
            assert question.document.turns[:4] == edited.document.turns
            assert takes(question, str(question.wanted)) and not takes(question, "surely not")
            assert not judge(question, saying(str(question.wanted))).right  # it was to be said aloud
            tasks = (asked, edit, question)
            assert [len(task.document.turns[-1].sounds) for task in tasks] == [1, 1, 1]
            assert [text for text, _ in said][-3:] == [task.asked for task in tasks]
            whole += 1
    assert whole >= 4 and all(voice.held_out for _, voice in said)


def test_tasks_in_later_turns_are_those_of_first_turns(setup: Setup, said: list[tuple[str, Voice]]) -> None:
    for name, (make, before) in later_turns.KINDS.items():
        for number, task in enumerate(make(setup, 3)):
            later = later_turns.moved(task, before(setup.rng(name, number), setup))
            *earlier, asked, answer, question = later.document.turns
            assert (*earlier, question) == task.document.turns and later.accepts is task.accepts
            assert [turn.role for turn in later.document.turns[-3:]] == ["user", "assistant", "user"] and asked.text
            assert bool(answer.images) == name.endswith("picture") and bool(answer.sounds) == name.endswith("melody")
            assert len(earlier) == 2 * name.startswith("edit")


def drawn(task: Task) -> Turn:
    """The right picture."""
    assert isinstance(task.wanted, Scene)
    return Turn((Image(PillowImage.fromarray(render(task.wanted, 64))),), "assistant")


def rendered(task: Task) -> Turn:
    """The right answer, made by the world."""
    assert isinstance(task.wanted, str)
    if task.hear is None:
        return saying(task.wanted)
    chords = {chord.name: chord for chord in CHORDS}
    if task.wanted in EVENTS_OF_TEXT:
        return sounding(sound_events(*EVENTS_OF_TEXT[task.wanted]))
    if task.wanted in chords:
        return sounding(play_together(chords[task.wanted].notes))
    return sounding(play(tuple(NOTE_OF_NAME[name] for name in task.wanted.split())))


MAKERS: dict[str, Callable[[np.random.Generator], Task]] = {
    **{name: make for name, (make, _) in melodies.ROWS.items()},
    **events.ROWS,
}


@pytest.mark.parametrize("name", MAKERS)
def test_tasks_of_notes_and_events_accept_right_answers_and_no_others(name: str) -> None:
    rng = np.random.default_rng(0)
    tasks = [MAKERS[name](rng) for _ in range(6)]
    for task in tasks:
        case = judge(task, rendered(task))
        assert case.right and case.got == task.wanted, (task, case.got)
        assert not judge(task, saying("surely not")).right
        for other in tasks:
            if other.wanted != task.wanted:
                assert not judge(task, rendered(other)).right
        if task.hear is not None:
            assert not judge(task, sounding(silence(0.5))).right
            assert not judge(task, saying(str(task.wanted))).right


def test_melodies_of_targets_are_held_out() -> None:
    rng = np.random.default_rng(1)
    for make in (melodies.playing_task, melodies.naming_task):
        for _ in range(10):
            assert is_held_out(tuple(NOTE_OF_NAME[name] for name in str(make(rng).wanted).split()))


def test_tasks_depend_on_the_seed_and_on_their_number_alone(setup: Setup, said: list) -> None:
    few, more = (speaking.tasks(setup, "train", count) for count in (2, 4))
    assert [task.asked for task in few] == [task.asked for task in more[:2]]
    assert [task.asked for task in speaking.tasks(replace(setup, seed=1), "train", 2)] != [t.asked for t in few]


def test_words_are_compared_as_they_sound() -> None:
    assert heard_words("2 grey stars, to the left!") == "two gray stars two the left"
    assert error_rate(["two gray stars"], ["two gray stars"]) == 0
    assert error_rate(["two stars", "a b c d"], ["two gray stars", "a b x"]) == pytest.approx(100 * 3 / 6)
    task = Task(Document.user("what is said"), "what is said", (), "two stars", lambda said: True)
    assert case_error_rate([Case(task, saying("2 stars."), None, True)]) == 0
    assert case_error_rate([Case(task, saying(""), None, False)]) == 100


def test_sounds_of_other_rates_and_channels_are_heard() -> None:
    both = torch.from_numpy(play((69, 72))).expand(2, -1)
    task = replace(melodies.playing_task(np.random.default_rng(0)), wanted="A4 C5", accepts=lambda got: got == "A4 C5")
    for rate in (8_000, 24_000, 44_100):
        assert judge(task, Turn((Audio(resample(both, SAMPLE_RATE, rate), rate),), "assistant")).right


@pytest.mark.parametrize("count", [4, 25])
def test_requests_behind_a_melody_are_of_all_categories(setup: Setup, count: int) -> None:
    numbers = Counter(task.tags[0] for task in later_turns.requests(setup, count))
    assert sum(numbers.values()) == count and len(numbers) == min(count, len(pictures.TARGETS))
    assert max(numbers.values()) - min(numbers.values()) <= 1


SOUND_SECTIONS = (
    "audio_codec", "listening", "speaking", "spoken", "spoken_conversations", "melodies", "events", "later_turns",
)  # fmt: skip


@pytest.mark.parametrize("section", SOUND_SECTIONS)
def test_models_without_sounds_have_no_such_figures(section: str, setup: Setup) -> None:
    assert suite.SECTIONS[section](setup) == Findings(
        [Figure(section, "everything", None, note="the model has no sounds")]
    )


def model_with(**halves: object) -> Any:
    """A model with pictures and sounds, but for what is said to be None."""
    parts = dict.fromkeys(("image_tokenizer", "image_detokenizer", "audio_tokenizer", "audio_detokenizer"), object())
    vocabulary = SimpleNamespace(specs={"image": None, "audio": None})
    return SimpleNamespace(has_refiner=False, processor=SimpleNamespace(vocabulary=vocabulary, **{**parts, **halves}))


def test_what_a_model_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "check_speech", lambda: None)

    def reasons(**halves: object) -> dict[str, str]:
        found = {}
        for name, (_, means) in suite.MEANS.items():
            findings = needs.guarded(name, lambda _: Findings([]), means)(Setup(model_with(**halves), "model", 1))
            found |= {figure.section: figure.note for figure in findings.figures if figure.value is None}
        return found

    assert reasons() == {"refiner": "the model has no refiner"}
    unseen = reasons(image_detokenizer=None)
    assert unseen["codec"] == unseen["edits"] == unseen["spoken"] == "the model has no image detokenizer"
    assert not unseen.keys() & {"questions", "captions", "listening"}  # for which it need not draw
    assert "listening" not in reasons(audio_detokenizer=None)
    unheard = reasons(audio_tokenizer=None, audio_detokenizer=None)
    assert unheard["melodies"] == "the model has no audio tokenizer and no audio detokenizer" and "edits" not in unheard


def test_without_espeak_what_is_said_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    setup = Setup(model_with(), "model", samples=1)
    (figure,) = suite.SECTIONS["listening"](setup).figures
    assert figure.value is None and "apt-get install espeak-ng" in figure.note
    without = {name for name, (_, means) in suite.MEANS.items() if needs.speech in means}
    assert without == set(SOUND_SECTIONS) - {"melodies", "events"}
    calls: list[Setup] = []
    needs.guarded("events", lambda setup: calls.append(setup) or Findings([]), (needs.sounds,))(setup)
    assert calls == [setup]


def test_spoken_captions_name_what_is_there(setup: Setup, said: list) -> None:
    for task in spoken.caption_tasks(setup, "heldout", 4):
        words = spoken_words(str(task.wanted))
        assert takes(task, " ".join(words))
        for place, word in enumerate(words):
            if word in NUMBER_WORDS:
                assert not takes(task, " ".join((*words[:place], "six", "large", *words[place + 1 :])))


@pytest.mark.usefixtures("known_step_codec")
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_run_measures_a_model_with_sounds(
    sound_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sound_setup, "assistant_oracle", cache(lambda: SpeechOracle(vocabulary=WORDS, sentences=5)))
    folder = tmp_path / "model"
    UniTok(sound_model.processor, sound_model.decoder, Sampling(max_tokens=40)).save_pretrained(folder)
    sections = "audio_codec,listening,speaking,spoken,melodies,events"
    options = ["--model", str(folder), "--samples", "2", "--output", str(tmp_path / "out"), "--only", sections]
    assert evaluate.main(options) == 0
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert (tmp_path / "out/evaluation_audio_codec.png").is_file()
    assert set(found["seconds"]) == set(sections.split(","))
    figures = {(figure["section"], figure["name"]): figure for figure in found["figures"]}
    targets = {key: figure["target"] for key, figure in figures.items() if figure["target"] is not None}
    assert targets == {
        ("audio_codec", "STOI, held-out voices"): 0.88,
        ("audio_codec", "codes used of codebook 1"): 90.0,
        ("audio_codec", "codes used of codebook 2"): 90.0,
        ("listening", "word error rate, held-out sentences and voices"): 5.0,
        ("speaking", "words recognized, held-out sentences"): 92.0,
        ("spoken", "lost by speaking"): 4.0,
        ("spoken", "captions read aloud"): 80.0,
        ("melodies", "melody from names, all notes right"): 95.0,
        ("melodies", "names from a melody, all right"): 97.0,
    }
    assert all(figure["value"] is not None for key, figure in figures.items() if key[0] != "audio_codec"), printed
    assert figures["audio_codec", f"mel distance, {audio_codec.VOICES}"]["value"] > 0
    assert figures["audio_codec", "the oracle reads the same notes"]["value"] == 0  # ten levels a second are no notes
    assert found["failures"]["melodies"]


def test_reports_hold_sounds_to_listen_to(tmp_path: Path) -> None:
    task = melodies.playing_task(np.random.default_rng(2))
    cases = [judge(task, rendered(task)), judge(task, sounding(play((60,)))), judge(task, saying("no"))]
    Report(tmp_path / "out", {}).add("melodies", Findings([], cases))
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [
        "evaluation.json",
        "evaluation.md",
        "evaluation_melodies.txt",
        "evaluation_melodies_01.wav",
        "evaluation_melodies_02.wav",
        "evaluation_melodies_examples.png",
        "evaluation_melodies_failures.png",
    ]
    lines = (tmp_path / "out/evaluation_melodies.txt").read_text().splitlines()
    assert lines[1].endswith("heard: C4") and f"wanted: {task.wanted}" in lines[0]
    assert load_audio(tmp_path / "out/evaluation_melodies_02.wav", SAMPLE_RATE).shape[1] > 0
