"""The oracles of sound: they read what was played or said, and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unitok.data.world.captions import describe
from unitok.data.world.scene import sample_scene
from unitok.data.world.sounds.events import EVENTS, MOST_EVENTS, EventStyle, sound_events
from unitok.data.world.sounds.instruments import (
    INSTRUMENTS,
    PLAIN,
    TEMPOS,
    TIMBRES,
    Performance,
    play,
    play_together,
    tone,
)
from unitok.data.world.sounds.notes import CHORDS, HIGHEST, LOWEST, NOTES
from unitok.data.world.sounds.recording import noise_below, recorded
from unitok.data.world.sounds.signals import SAMPLE_RATE, Samples, silence
from unitok.data.world.sounds.speech import speak
from unitok.data.world.sounds.spoken import CAPTION_WORDS, speakable, spoken_words
from unitok.data.world.sounds.voices import ASSISTANT
from unitok.evaluation.cepstra import COEFFICIENTS, cepstra, with_deltas
from unitok.evaluation.event_oracle import read_events
from unitok.evaluation.melody_oracle import read_chord, read_melody
from unitok.evaluation.sound_levels import levels, runs
from unitok.evaluation.sound_setup import error_rate
from unitok.evaluation.speech_oracle import SpeechOracle, as_heard
from unitok.evaluation.word_net import WordNet

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")

melodies = st.lists(st.sampled_from(NOTES), min_size=1, max_size=6).map(tuple)
performances = st.builds(
    Performance,
    st.sampled_from(INSTRUMENTS),
    st.floats(TEMPOS["fast"], TEMPOS["slow"]),
    st.floats(-12, 12),
)
styles = st.builds(
    EventStyle, st.floats(0.76, 1.3), st.floats(0.76, 1.3), st.floats(0.12, 0.24), st.integers(0, 2**32 - 1)
)


# --------------------------------------------------------------------------- melodies


@settings(max_examples=60, deadline=None)
@given(melodies, performances, st.integers(0, 1000))
def test_melodies_are_read_as_they_were_played(melody: tuple[int, ...], how: Performance, seed: int) -> None:
    sound = play(melody, how)
    assert read_melody(sound) == melody
    assert read_melody(recorded(np.random.default_rng(seed), sound)) == melody


@settings(max_examples=30, deadline=None)
@given(melodies, st.data())
def test_a_wrong_note_is_read_as_it_is(melody: tuple[int, ...], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(melody) - 1))
    other = data.draw(st.sampled_from([note for note in NOTES if note != melody[place]]))
    wrong = (*melody[:place], other, *melody[place + 1 :])
    assert read_melody(play(wrong)) == wrong != melody
    fewer = melody[:place] + melody[place + 1 :]
    if fewer:
        assert read_melody(play(fewer)) == fewer != melody


def test_neighboring_notes_without_a_pause_are_told_apart() -> None:
    for a, b in ((60, 61), (72, 71), (82, 83), (60, 72)):
        joined = np.concatenate([tone([note], TIMBRES["organ"], 0.3)[: int(0.27 * SAMPLE_RATE)] for note in (a, b)])
        assert read_melody(joined) == (a, b)


def test_a_quarter_tone_decides() -> None:
    for cents, note in ((-40, 69), (40, 69), (60, 70), (-60, 68)):
        assert read_melody(play((69,), replace(PLAIN, cents=cents))) == (note,)


def test_what_is_no_melody_has_no_notes() -> None:
    rng = np.random.default_rng(0)
    assert read_melody(silence(1.0)) == ()
    assert read_melody(rng.standard_normal(SAMPLE_RATE).astype(np.float32) * 0.1) == ()
    assert read_melody(sound_events("knock", 1)) == ()
    assert read_melody(tone([LOWEST - 3], TIMBRES["organ"], 0.3)) == read_melody(silence(0)) == ()
    assert read_melody(tone([HIGHEST + 3], TIMBRES["whistle"], 0.3)) == ()


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_chords_are_read_as_they_were_played(instrument: str) -> None:
    rng = np.random.default_rng(1)
    for chord in CHORDS:
        sound = play_together(chord.notes, Performance(instrument, cents=float(rng.uniform(-12, 12))))
        assert read_chord(sound) == chord
        assert read_chord(recorded(rng, sound)) == chord
    assert read_chord(silence(0.5)) is None


# --------------------------------------------------------------------------- events


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(EVENTS)), st.integers(1, MOST_EVENTS), styles, st.integers(0, 1000))
def test_events_are_read_as_they_sounded(kind: str, count: int, style: EventStyle, seed: int) -> None:
    sound = sound_events(kind, count, style)
    assert read_events(sound) == (kind, count)
    assert read_events(recorded(np.random.default_rng(seed), sound)) == (kind, count)


def test_silence_holds_no_event() -> None:
    assert read_events(silence(1.0)) is None and read_events(silence(0)) is None
    assert read_events(np.concatenate([sound_events("beep", 2), silence(0.3), sound_events("knock", 1)])) is None


def test_events_of_the_model_are_read() -> None:
    for kind in EVENTS:
        for count in range(1, MOST_EVENTS + 1):
            assert read_events(sound_events(kind, count)) == (kind, count)


def test_levels_and_runs() -> None:
    sound = np.concatenate([silence(0.1), np.full(1600, 0.5, np.float32), silence(0.1)])
    level = levels(sound, width=1)
    assert len(level) == 60 and level.max() == 0 and level.min() == -40
    assert runs(level > -20) == [(20, 40)]
    mask = np.array([1, 1, 0, 1, 0, 0, 0, 1], bool)
    assert runs(mask) == [(0, 2), (3, 4), (7, 8)]
    assert runs(mask, shortest=2, bridge=1) == [(0, 4)]


# --------------------------------------------------------------------------- words


def test_cepstra_do_not_depend_on_the_level() -> None:
    sound = play((60, 67))
    frames = cepstra(sound)
    assert frames.shape == (len(sound) // 160 + 1, COEFFICIENTS) and frames.dtype == np.float32
    assert np.allclose(frames, cepstra(0.1 * sound), atol=1e-3)
    assert with_deltas(frames).shape == (len(frames), 2 * COEFFICIENTS)
    assert np.isfinite(cepstra(np.zeros(1600))).all()


def warped(template: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The template with some frames twice and some left out."""
    places = [i for i in range(len(template)) for _ in range(int(rng.choice([1, 1, 1, 2])))]
    kept = [p for n, p in enumerate(places) if n in (0, len(places) - 1) or rng.random() > 0.15 or p in places[n + 1 :]]
    return template[kept]


def test_connected_words_are_found() -> None:
    rng = np.random.default_rng(2)
    templates = [rng.normal(size=(length, 26)).astype(np.float32) * 2 for length in (4, 9, 15, 6, 1)]
    net = WordNet(templates)
    for _ in range(25):
        words = rng.integers(0, 4, size=int(rng.integers(1, 8))).tolist()
        pieces = [warped(templates[word], rng) for word in words]
        noisy = np.concatenate(pieces) + rng.normal(size=(sum(map(len, pieces)), 26)).astype(np.float32) * 0.3
        path, cost = net.best_path(noisy.astype(np.float32))
        assert [stretch.template for stretch in path] == words
        borders = np.cumsum([0, *map(len, pieces)])
        assert path[0].start == 0 and path[-1].end == borders[-1] and cost > 0
        assert all(a.end == b.start for a, b in pairwise(path))
        assert np.abs(np.array([stretch.end for stretch in path]) - borders[1:]).max() <= 2


def test_words_in_a_given_order_are_cut() -> None:
    rng = np.random.default_rng(3)
    templates = [rng.normal(size=(length, 26)).astype(np.float32) for length in (5, 8, 5)]
    path, _ = WordNet(templates).best_path(np.concatenate(templates), in_order=True)
    assert [tuple(stretch) for stretch in path] == [(0, 0, 5), (1, 5, 13), (2, 13, 18)]
    assert WordNet(templates).best_path(templates[0][:2], in_order=True)[0] == []  # too short for three words


@pytest.fixture(scope="module")
def oracle() -> SpeechOracle:
    return SpeechOracle(vocabulary=CAPTION_WORDS, sentences=120)


def captions(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    found: list[str] = []
    while len(found) < count:
        text = describe(sample_scene(rng, count=int(rng.integers(1, 4)), split="heldout"))
        found += [text] if speakable(text) else []
    return found


def wrong_words(heard: tuple[str, ...], text: str) -> int:
    """How many words are other ones, missing or too many."""
    wanted = as_heard(spoken_words(text))
    return round(error_rate([" ".join(heard)], [" ".join(wanted)]) * len(wanted) / 100)


@needs_espeak
def test_captions_in_the_models_voice_are_heard(oracle: SpeechOracle) -> None:
    texts = captions(12, seed=4)
    heard = [oracle.hear(speak(text, ASSISTANT)) for text in texts]
    total = sum(len(spoken_words(text)) for text in texts)
    assert sum(map(wrong_words, heard, texts)) <= 0.03 * total
    # Other words than those that were to be said are never heard as these.
    assert sum(wrong_words(one, other) > 0 for one, other in zip(heard, texts[1:], strict=False)) == len(texts) - 1


@needs_espeak
def test_noise_and_drift_are_borne(oracle: SpeechOracle) -> None:
    rng = np.random.default_rng(5)
    texts = captions(6, seed=6)
    total = sum(len(spoken_words(text)) for text in texts)

    def changed(text: str) -> Samples:
        speech = speak(text, replace(ASSISTANT, speed=190, pitch=56))
        return 0.3 * (speech + noise_below(rng, speech, 25))

    assert sum(wrong_words(oracle.hear(changed(text)), text) for text in texts) <= 0.15 * total


@needs_espeak
def test_one_wrong_word_is_heard(oracle: SpeechOracle) -> None:
    right, wrong = (speak(f"a small {color} circle on a white background", ASSISTANT) for color in ("red", "green"))
    assert oracle.hear(right)[2] == "red" and oracle.hear(wrong)[2] == "green"
    assert oracle.hear(wrong, CAPTION_WORDS - {"green"})[2] != "green"


@needs_espeak
def test_what_is_no_speech_has_no_right_words(oracle: SpeechOracle) -> None:
    assert oracle.hear(silence(0.01)) == oracle.hear(silence(0)) == ()
    assert oracle.hear(silence(1.0)) == ()
    text = captions(1, seed=7)[0]
    assert wrong_words(oracle.hear(play((60, 64, 67, 72))), text) > 0
