"""The checkpoint `tiny` that ships: whole, small, and as good as its model card says.

The bounds lie below the figures of the model card by about what chance takes from samples as few as these.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from unitok import checkpoint
from unitok.contest import Contest, hear_all, weigh_all
from unitok.data.world.captions import describe
from unitok.data.world.edits import sample_edit
from unitok.data.world.questions import sample_questions
from unitok.data.world.render import Style, render
from unitok.data.world.requests import Request, sample_request
from unitok.data.world.scene import COLORS, sample_scene
from unitok.data.world.sounds.instruments import play
from unitok.data.world.sounds.notes import sample_melody
from unitok.data.world.sounds.signals import SAMPLE_RATE, as_audio
from unitok.data.world.sounds.spoken import speakable
from unitok.data.world.sounds.tape import users_speech
from unitok.document import Audio, Document, Image
from unitok.engine import SamplingParams
from unitok.evaluation import later_turns, oracle, speaking, spoken
from unitok.evaluation.captions import names_exactly
from unitok.evaluation.cases import Task, judge
from unitok.evaluation.events import making_task
from unitok.evaluation.melodies import naming_task, playing_task
from unitok.evaluation.melody_oracle import read_melody
from unitok.evaluation.metrics import psnr, sharpness
from unitok.evaluation.setup import Setup
from unitok.evaluation.sound_setup import case_error_rate, error_rate, heard_words, sentence
from unitok.evaluation.words import is_one_of
from unitok.grammar import Modality
from unitok.hearing import Row
from unitok.model import UniTok
from unitok.sounds import samples_at
from unitok_detokenizers.refiner import enlarge
from unitok_tokenizers.image_io import to_pil, to_tensor

FOLDER = Path(str(resources.files("unitok"))) / "checkpoints" / "tiny"
MEGABYTE = 10**6
PSNR, SAME_SCENE, DRAWN, NEVER_SHOWN, ANSWERED, DESCRIBED, EDITED = 39.0, 0.96, 0.94, 0.88, 0.90, 0.75, 0.65
REFINED, SHARP = 2.5, (0.85, 1.1)
NOTES_KEPT, MADE, MISHEARD, SAID = 0.8, 0.80, 8.0, 0.75
PLAYED, NAMED, UNREAD, CAPTIONED, ANSWERED_ALOUD, LATER = 0.8, 0.85, 15.0, 0.6, 0.6, 0.7

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.fixture(scope="module")
def tiny() -> UniTok:
    return UniTok.from_pretrained("tiny")


def test_it_is_whole_and_small() -> None:
    checkpoint.verify(FOLDER)
    weights = [path.stat().st_size for path in FOLDER.rglob("*.safetensors")]
    assert sum(weights) <= 60 * MEGABYTE
    assert max(weights) <= 15 * MEGABYTE


def through_codec(tiny: UniTok, pictures: torch.Tensor) -> torch.Tensor:
    """What the codes of pictures ``[B, 3, H, W]`` give back."""
    tokenizer, detokenizer = tiny.processor.image_tokenizer, tiny.processor.image_detokenizer
    assert tokenizer is not None and detokenizer is not None
    return detokenizer.decode(tokenizer.encode(pictures))


def test_its_codec_keeps_scenes(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_003)
    scenes = [sample_scene(rng) for _ in range(60)]
    pictures = torch.stack([to_tensor(render(scene, 80)) for scene in scenes])
    decoded = through_codec(tiny, pictures)
    assert float(psnr(pictures, decoded).mean()) > PSNR
    read = [oracle.same_scene(scene, oracle.read(to_pil(one))) for scene, one in zip(scenes, decoded, strict=True)]
    assert np.mean(read) > SAME_SCENE


def drawn(answer: Document) -> PILImage.Image:
    """The picture of an answer that is one picture."""
    picture = answer.turns[-1].images[0].image
    assert picture is not None
    return picture


def share_drawn(tiny: UniTok, requests: list[Request]) -> float:
    """How many of the requests it draws right."""
    answers = tiny.generate([Document.user(request.text) for request in requests], modality="image")
    pictures = [drawn(answer) for answer in answers]
    assert {picture.size for picture in pictures} == {(80, 80)}
    right = [r.spec.satisfied_by(oracle.read(picture)) for r, picture in zip(requests, pictures, strict=True)]
    return float(np.mean(right))


def test_it_draws_what_is_asked_for(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_033)
    categories = ("single_object", "two_objects", "colors", "attribute_binding")
    requests = [sample_request(rng, category) for category in categories for _ in range(8)]
    assert share_drawn(tiny, requests) > DRAWN


def test_it_draws_what_was_never_shown_together(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_034)
    categories = ("single_object", "two_objects")
    requests = [sample_request(rng, category, split="heldout") for category in categories for _ in range(12)]
    assert share_drawn(tiny, requests) > NEVER_SHOWN


def test_it_answers_questions_about_pictures(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_037)
    scenes = [sample_scene(rng) for _ in range(40)]
    questions = [sample_questions(rng, scene, 1)[0] for scene in scenes]
    asked = [
        Document.user(to_pil(to_tensor(render(scene, 80))), question.text)
        for scene, question in zip(scenes, questions, strict=True)
    ]
    answers = tiny.generate(asked, modality="text")
    right = [is_one_of(a.turns[-1].text, q.answers) for a, q in zip(answers, questions, strict=True)]
    assert np.mean(right) > ANSWERED


def test_it_changes_pictures_as_told(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_039)
    edits = [edit for edit in (sample_edit(rng, sample_scene(rng)) for _ in range(24)) if edit is not None]
    asked = [Document.user(to_pil(to_tensor(render(edit.source, 80))), edit.text) for edit in edits]
    answers = tiny.generate(asked, modality="image")
    right = [e.accepts(oracle.read(drawn(answer))) for e, answer in zip(edits, answers, strict=True)]
    assert np.mean(right) > EDITED


def as_candidates(tiny: UniTok, asked: Document, parts: list[str | Image | Audio]) -> tuple[Row, list[torch.Tensor]]:
    """A question, and answers of one part each."""
    processor, eot = tiny.processor, tiny.processor.vocabulary.eot
    prompt = processor.encode(asked, generation_prompt=True)
    answers = [processor.encode(asked.reply(part))[len(prompt) :] for part in parts]
    return Row(0, asked, prompt, 0), [answer[: answer.tolist().index(eot) + 1] for answer in answers]


def best_of(tiny: UniTok, rows: list[tuple[Row, list[torch.Tensor]]]) -> list[torch.Tensor]:
    contests = []
    for row, answers in rows:
        contests.append(Contest(tiny.processor, tiny.engine, row))
        for answer in answers:
            contests[-1].add(answer)
    hear_all(tiny.processor, tiny.engine, contests, tiny.sampling, 64)
    weigh_all(tiny.engine, contests)
    return [contest.best() for contest in contests]


def test_it_knows_which_caption_is_right(tiny: UniTok) -> None:
    """The wrong one, which has another color, comes first: as an answer that was begun like that."""
    rng = np.random.default_rng(1_000_111)
    scenes = [sample_scene(rng, count=3) for _ in range(24)]
    rows = []
    for scene in scenes:
        one, *others = scene.objects
        color = next(color for color in COLORS if color not in {scene.background, *(o.color for o in scene.objects)})
        wrong = replace(scene, objects=(replace(one, color=color), *others))
        asked = Document.user(to_pil(to_tensor(render(scene, 80))), "describe the picture")
        rows.append(as_candidates(tiny, asked, [describe(wrong), describe(scene)]))
    best = best_of(tiny, rows)
    assert np.mean([torch.equal(one, answers[1]) for one, (_, answers) in zip(best, rows, strict=True)]) > 0.9


def test_it_knows_which_picture_and_which_sound_is_right(tiny: UniTok) -> None:
    """Those of other requests are the other candidates."""
    once = replace(tiny.sampling, image=replace(tiny.sampling.image, best_of=1), audio=SamplingParams(0.0))
    for kind, texts in {
        "image": ("a large red circle", "two small green stars on black", "a blue heart left of a pink ring"),
        "audio": ("say: a large red circle", "say: two small green stars on black"),
    }.items():
        asked = [Document.user(text) for text in texts]
        parts = [answer.turns[-1].parts[0] for answer in tiny.generate(asked, kind, once)]  # type: ignore[arg-type]
        rows = [as_candidates(tiny, one, parts) for one in asked]  # type: ignore[arg-type]
        best = best_of(tiny, rows)
        assert all(torch.equal(one, rows[n][1][n]) for n, one in enumerate(best)), kind


def test_it_describes_pictures_in_other_looks(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_113)
    scenes = [sample_scene(rng) for _ in range(16)]
    asked = [
        Document.user(to_pil(to_tensor(render(scene, 80, Style.sample(rng)))), "describe the picture")
        for scene in scenes
    ]
    answers = tiny.generate(asked, modality="text")
    right = [names_exactly(one.turns[-1].text, scene) for one, scene in zip(answers, scenes, strict=True)]
    assert np.mean(right) > DESCRIBED


def test_its_refiner_sharpens_and_changes_nothing(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_081)
    scenes = [sample_scene(rng) for _ in range(32)]
    small, truth = (torch.stack([to_tensor(render(scene, size)) for scene in scenes]) for size in (80, 160))
    decoded = through_codec(tiny, small)
    seeds = [torch.Generator().manual_seed(seed) for seed in range(len(scenes))]
    refined: torch.Tensor = tiny.refiner(decoded, 4, seeds, "pt", return_dict=False)[0]
    assert float((psnr(truth, refined) - psnr(truth, enlarge(decoded))).mean()) > REFINED
    assert SHARP[0] < float(sharpness(refined, truth).mean()) < SHARP[1]
    before, after = ([oracle.read(to_pil(one)) for one in pictures] for pictures in (decoded, refined))
    assert sum(not oracle.same_scene(*both) for both in zip(before, after, strict=True)) <= 3


def test_its_audio_codec_keeps_melodies(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_091)
    tokenizer, detokenizer = tiny.processor.audio_tokenizer, tiny.processor.audio_detokenizer
    assert tokenizer is not None and detokenizer is not None
    kept = []
    for melody in [sample_melody(rng, "heldout") for _ in range(20)]:
        samples = samples_at(as_audio(play(melody)), SAMPLE_RATE)[None]
        kept.append(read_melody(detokenizer.decode(tokenizer.encode(samples))[0, 0].numpy()) == melody)
    assert np.mean(kept) > NOTES_KEPT


def share_right(tiny: UniTok, tasks: list[Task], modality: Modality) -> float:
    answers = tiny.generate([task.document for task in tasks], modality=modality)
    return float(np.mean([judge(task, one.turns[-1]).right for task, one in zip(tasks, answers, strict=True)]))


def test_it_makes_as_many_sounds_as_it_is_told(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_097)
    assert share_right(tiny, [making_task(rng) for _ in range(20)], "audio") > MADE


def test_it_plays_melodies_and_names_them(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_121)
    assert share_right(tiny, [playing_task(rng) for _ in range(20)], "audio") > PLAYED
    assert share_right(tiny, [naming_task(rng) for _ in range(20)], "text") > NAMED


def test_it_plays_melodies_and_names_them_behind_a_picture(tiny: UniTok) -> None:
    setup = Setup(tiny, "tiny", samples=12, seed=1_000_131)
    tasks = later_turns.melodies_to_play(setup, 12) + later_turns.melodies_to_name(setup, 12)
    before = [later_turns.behind_picture(setup.rng("before", number), setup) for number in range(len(tasks))]
    behind = [later_turns.moved(task, turns) for task, turns in zip(tasks, before, strict=True)]
    assert share_right(tiny, behind, "auto") > LATER


@needs_espeak
def test_it_reads_aloud(tiny: UniTok) -> None:
    tasks = speaking.tasks(Setup(tiny, "tiny", samples=16, seed=1_000_123), "heldout", 16)
    answers = tiny.generate([task.document for task in tasks], modality="audio")
    cases = [judge(task, answer.turns[-1]) for task, answer in zip(tasks, answers, strict=True)]
    assert case_error_rate(cases) < UNREAD


@needs_espeak
def test_it_describes_pictures_and_answers_questions_aloud(tiny: UniTok) -> None:
    setup = Setup(tiny, "tiny", samples=12, seed=1_000_127)
    assert share_right(tiny, spoken.caption_tasks(setup, "train", 12), "audio") > CAPTIONED
    assert share_right(tiny, spoken.question_tasks(setup, 12, aloud=True), "audio") > ANSWERED_ALOUD


@needs_espeak
def test_it_writes_down_what_is_said(tiny: UniTok) -> None:
    texts = [sentence(np.random.default_rng([1_000_099, n]), "heldout") for n in range(24)]
    said = [users_speech(np.random.default_rng([1_000_100, n]), text, "heldout") for n, text in enumerate(texts)]
    written = tiny.generate([Document.user(one, "write down what is said") for one in said], modality="text")
    read = [heard_words(answer.turns[-1].text) for answer in written]
    assert error_rate(read, [heard_words(text) for text in texts]) < MISHEARD


@needs_espeak
def test_it_draws_what_is_said(tiny: UniTok) -> None:
    rng = np.random.default_rng(1_000_101)
    requests = [one for one in (sample_request(rng, "two_objects") for _ in range(60)) if speakable(one.text)][:16]
    said = [users_speech(np.random.default_rng([1_000_102, n]), one.text, "heldout") for n, one in enumerate(requests)]
    answers = tiny.generate([Document.user(one) for one in said])
    right = [r.spec.satisfied_by(oracle.read(drawn(one))) for r, one in zip(requests, answers, strict=True)]
    assert np.mean(right) > SAID
