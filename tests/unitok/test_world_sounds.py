"""The world's sounds: what is spoken, played and sounded, and the documents that hold it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitok.data.world.mixture import world_documents
from unitok.data.world.phrases import NUMBER_WORDS
from unitok.data.world.scene import COLORS, HELD_OUT_PAIRS, SHAPES
from unitok.data.world.sounds import continuations, event_documents, melody_documents, scene_documents, speech_documents
from unitok.data.world.sounds import tape as tape_module
from unitok.data.world.sounds.corpus import sound_corpus
from unitok.data.world.sounds.events import EVENTS, MOST_EVENTS, EventStyle, events_text, sound_events
from unitok.data.world.sounds.instruments import INSTRUMENTS, TEMPOS, TIMBRES, Performance, play, play_together, tone
from unitok.data.world.sounds.notes import (
    CHORDS,
    HIGHEST,
    LOWEST,
    NOTE_OF_NAME,
    NOTES,
    frequency,
    is_held_out,
    melody_text,
    sample_melody,
)
from unitok.data.world.sounds.recording import recorded
from unitok.data.world.sounds.signals import FRAME_SECONDS, SAMPLE_RATE, Samples
from unitok.data.world.sounds.speech import LEVEL, speak
from unitok.data.world.sounds.spoken import (
    MOST_WORDS,
    VOCABULARY,
    names_held_out_pair,
    plainly,
    sample_text,
    speakable,
    spoken_words,
)
from unitok.data.world.sounds.tape import Tape, seconds_of
from unitok.data.world.sounds.tasks import SOUND_TASK_WEIGHTS, sample_sound_documents
from unitok.data.world.sounds.voices import (
    ACCENTS,
    ASSISTANT,
    HELD_OUT_VOICES,
    PITCHES,
    SPEEDS,
    Voice,
    sample_voice,
)
from unitok.data.world.sounds.voices import (
    TIMBRES as VOICE_TIMBRES,
)
from unitok.document import Audio, Document, Image, Text
from unitok_tokenizers.errors import InputError

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")

PAIR = re.compile(rf"\b({'|'.join(COLORS)}) ({'|'.join(SHAPES)})")


def held_out_pairs_in(text: str) -> list[tuple[str, str]]:
    return [pair for pair in PAIR.findall(" ".join(spoken_words(text))) if pair in HELD_OUT_PAIRS]


@pytest.fixture()
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Voice]]:
    """Speech is silence of a likely length, so that documents are made at once; what was said and who said it."""
    lines: list[tuple[str, Voice]] = []

    def pretend(text: str, voice: Voice) -> Samples:
        lines.append((text, voice))
        return np.zeros(len(spoken_words(text)) * SAMPLE_RATE // 4, np.float32)

    monkeypatch.setattr(tape_module, "speak", pretend)
    return lines


# --------------------------------------------------------------------------- speech


@needs_espeak
def test_speech_is_one_level_without_silence_around_it() -> None:
    for voice in (ASSISTANT, Voice("en-gb", "f3", 180, 60)):
        sound = speak("draw two green stars", voice)
        assert sound.dtype == np.float32 and sound.ndim == 1
        assert 0.7 < len(sound) / SAMPLE_RATE < 1.6
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(LEVEL, rel=0.01) and np.abs(sound).max() <= 0.95
        for edge in (sound[:160], sound[-160:]):
            assert np.abs(edge).max() > 0.005 * np.abs(sound).max()


@needs_espeak
def test_speech_depends_on_text_and_voice_alone() -> None:
    voice = Voice("en-gb-scotland", "m7", 190, 45)
    once = speak("how many stars are there", voice).copy()
    speak("something else", ASSISTANT)
    speak.cache_clear()
    assert np.array_equal(once, speak("how many stars are there", voice))
    others = [speak("how many stars are there", v) for v in (ASSISTANT, Voice("en-gb-scotland", "m7", 220, 45))]
    assert all(len(other) != len(once) or not np.array_equal(other, once) for other in others)
    assert len(others[1]) < len(once)  # faster


@needs_espeak
def test_every_voice_speaks() -> None:
    lengths = {len(speak("yes", Voice(accent, timbre, 200, 50))) for accent, timbre in product(ACCENTS, VOICE_TIMBRES)}
    assert len(lengths) > 10


@needs_espeak
@pytest.mark.parametrize("text", ["...", "", " "])
def test_nothing_to_say(text: str) -> None:
    with pytest.raises(InputError, match="says nothing"):
        speak(text, ASSISTANT)


@needs_espeak
def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(InputError, match="xx-none"):
        speak("yes", Voice("xx-none", "", 200, 50))


def test_without_espeak_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    speak.cache_clear()
    with pytest.raises(InputError, match=r"apt-get install espeak-ng$"):
        speak("yes", ASSISTANT)
    with pytest.raises(InputError, match="apt-get install espeak-ng"):
        sample_sound_documents(np.random.default_rng(0), size=8)
    assert len(list(sound_corpus(np.random.default_rng(0), 50))) == 50  # text alone needs none


def test_voices_of_the_splits_are_others() -> None:
    rng = np.random.default_rng(0)
    voices = {split: [sample_voice(rng, split) for _ in range(400)] for split in ("train", "heldout")}
    pairs = {split: {(v.accent, v.timbre) for v in drawn} for split, drawn in voices.items()}
    assert pairs["heldout"] == HELD_OUT_VOICES
    assert pairs["train"] == set(product(ACCENTS, VOICE_TIMBRES)) - HELD_OUT_VOICES
    assert not ASSISTANT.held_out
    # Every accent and every timbre is heard in training, in other company.
    assert {accent for accent, _ in pairs["train"]} == set(ACCENTS)
    assert {timbre for _, timbre in pairs["train"]} == set(VOICE_TIMBRES)
    for drawn in voices.values():
        assert all(SPEEDS[0] <= v.speed <= SPEEDS[1] and PITCHES[0] <= v.pitch <= PITCHES[1] for v in drawn)


def test_spoken_words() -> None:
    assert spoken_words("Draw 2 grey stars, please!") == ("draw", "two", "gray", "stars", "please")
    assert spoken_words("I'd like a heart-shape") == ("i'd", "like", "a", "heart", "shape")
    assert speakable("What colour is the ring?") and not speakable("a rhombus") and not speakable("...")
    assert not speakable("a small " * MOST_WORDS)


def test_texts_to_say_are_short_known_and_varied() -> None:
    rng = np.random.default_rng(1)
    texts = {split: [sample_text(rng, split) for _ in range(400)] for split in ("train", "heldout")}
    for drawn in texts.values():
        assert all(0 < len(spoken_words(text)) <= MOST_WORDS for text in drawn)
        assert all(VOCABULARY.issuperset(spoken_words(text)) for text in drawn)
        assert len(set(drawn)) > 300
    assert not [text for text in texts["train"] if held_out_pairs_in(text)]
    assert sum(bool(held_out_pairs_in(text)) for text in texts["heldout"]) > 120
    for drawn in texts.values():
        assert all(names_held_out_pair(text) == bool(held_out_pairs_in(text)) for text in drawn)
    assert set(NUMBER_WORDS) <= VOCABULARY


# --------------------------------------------------------------------------- notes and events


def test_notes_have_names_and_pitches() -> None:
    assert len(NOTES) == 24 and NOTE_OF_NAME["C4"] == LOWEST == 60 and NOTE_OF_NAME["B5"] == HIGHEST
    assert frequency(NOTE_OF_NAME["A4"]) == 440.0 and frequency(NOTE_OF_NAME["A5"]) == pytest.approx(880)
    assert melody_text((60, 61, 83)) == "C4 C#4 B5"
    assert len({chord.name for chord in CHORDS}) == 24
    assert all(LOWEST <= note <= HIGHEST for chord in CHORDS for note in chord.notes)


@given(st.lists(st.sampled_from(NOTES), min_size=2, max_size=6).map(tuple))
def test_an_eighth_of_all_melodies_is_held_out(melody: tuple[int, ...]) -> None:
    # Raising the first note runs through all remainders: exactly one of eight is held out.
    neighbors = [(LOWEST + step, *melody[1:]) for step in range(8)]
    assert sum(map(is_held_out, neighbors)) == 1
    assert not is_held_out(melody[:1])


def test_melodies_of_the_splits_are_others() -> None:
    rng = np.random.default_rng(2)
    for split in ("train", "heldout"):
        drawn = [sample_melody(rng, split) for _ in range(300)]
        assert {is_held_out(melody) for melody in drawn} == {split == "heldout"}
        assert {len(melody) for melody in drawn} == {2, 3, 4, 5, 6}
        assert all(LOWEST <= note <= HIGHEST for melody in drawn for note in melody)


def edges_are_soft(sound: Samples) -> bool:
    return max(abs(sound[0]), abs(sound[-1])) < 0.01 * np.abs(sound).max() + 1e-6


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_tones_are_band_limited_and_soft(instrument: str) -> None:
    for note in (LOWEST, 72, HIGHEST):
        sound = tone([note], TIMBRES[instrument], 0.3)
        assert sound.dtype == np.float32 and len(sound) == 4800 and np.abs(sound).max() < 0.9
        assert edges_are_soft(sound)
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        assert power[np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE) > 7200].sum() < 1e-4 * power.sum()


def test_melodies_take_whole_frames() -> None:
    for seconds in TEMPOS.values():
        frames = seconds / FRAME_SECONDS
        assert frames == pytest.approx(round(frames))
        assert len(play((60, 64, 67), Performance(seconds=seconds))) == round(3 * seconds * SAMPLE_RATE)
    assert len(play_together((60, 64, 67))) == round(2 * TEMPOS["medium"] * SAMPLE_RATE)


@pytest.mark.parametrize("kind", EVENTS)
def test_events_are_soft_and_as_many(kind: str) -> None:
    one = sound_events(kind, 1)
    for count in range(1, MOST_EVENTS + 1):
        sound = sound_events(kind, count)
        assert edges_are_soft(sound) and np.abs(sound).max() <= 0.95
        pause = (len(sound) - count * len(one)) / SAMPLE_RATE
        assert pause == pytest.approx((count - 1) * EventStyle().pause, abs=1e-3)
    assert np.array_equal(one, sound_events(kind, 1))
    rng = np.random.default_rng(3)
    assert not np.array_equal(sound_events(kind, 1, EventStyle.sample(rng))[:500], one[:500])


def test_recordings_keep_the_sound() -> None:
    rng = np.random.default_rng(4)
    sound = play((60, 64))
    for _ in range(50):
        taped = recorded(rng, sound)
        assert taped.dtype == np.float32 and np.abs(taped).max() <= 0.951
        assert 0 <= len(taped) - len(sound) <= 0.36 * SAMPLE_RATE
        match = np.correlate(taped, sound, "valid").max()
        assert match > 0.99 * np.linalg.norm(sound) * np.linalg.norm(taped) * 0.98


# --------------------------------------------------------------------------- documents


def parts_of(documents: list[Document]) -> Iterator[tuple[str | None, Text | Image | Audio]]:
    for document in documents:
        for turn in document.turns:
            for part in turn.parts:
                yield turn.role, part


def length(document: Document) -> float:
    """About how many tokens: one a word or mark, 120 a picture, 75 a second of sound."""
    parts = [part for _, part in parts_of([document])]
    words = sum(len(re.findall(r"\w+|[^\w\s]", part.text)) for part in parts if isinstance(part, Text))
    sounds = sum(75 * seconds_of(part) + 2 for part in parts if isinstance(part, Audio))
    return words + sounds + 120 * sum(isinstance(part, Image) for part in parts) + 2 * len(document.turns) + 2


def families(count: int, seed: int, split: str = "train") -> list[Document]:
    rng = np.random.default_rng(seed)
    return [document for _ in range(count) for document in sample_sound_documents(rng, split, size=8)]


def test_documents_are_questions_with_one_answer_and_fit(said: list) -> None:
    documents = families(60, seed=5)
    for document in documents:
        assert [turn.role for turn in document.turns] == ["user", "assistant"] * (len(document.turns) // 2)
        assert all(len(turn.parts) == 1 for turn in document.turns[1::2])
        assert any(isinstance(part, Audio) for _, part in parts_of([document]))
    lengths = sorted(map(length, documents))
    assert lengths[-1] < 1000 and lengths[len(lengths) // 2] < 350
    for _, part in parts_of(documents):
        if isinstance(part, Audio):
            assert part.samples is not None and part.samples.shape[0] == 1 and part.sample_rate == SAMPLE_RATE
            assert part.samples.dtype.is_floating_point and part.samples.abs().max() <= 1
            assert 0.04 <= seconds_of(part) < 6


def test_the_model_speaks_in_one_voice_and_users_in_those_of_the_split(said: list[tuple[str, Voice]]) -> None:
    for split in ("train", "heldout"):
        said.clear()
        families(25, 6, split)
        users = [(text, voice) for text, voice in said if voice != ASSISTANT]
        assert len(users) > 40 and len(said) > len(users) + 20
        assert {voice.held_out for _, voice in users} == {split == "heldout"}
        named = sum(bool(held_out_pairs_in(text)) for text, _ in said)
        assert named == 0 if split == "train" else named > 20


def test_training_shows_types_and_plays_nothing_held_out(said: list) -> None:
    texts = [part.text for _, part in parts_of(families(60, seed=7)) if isinstance(part, Text)]
    assert len(texts) > 300 and not [text for text in texts if held_out_pairs_in(text)]
    names = re.compile(r"\b[A-G]#?[45](?:(?: |, |-)[A-G]#?[45])+\b")
    melodies = [re.findall(r"[A-G]#?[45]", found) for text in texts for found in names.findall(text)]
    assert len(melodies) > 15
    assert not [m for m in melodies if is_held_out(tuple(NOTE_OF_NAME[name] for name in m))]


def test_families_share_pictures_and_sounds(said: list) -> None:
    rng = np.random.default_rng(8)
    shared: Counter[type] = Counter()
    for _ in range(180):
        parts = [part for _, part in parts_of(sample_sound_documents(rng, size=8)) if not isinstance(part, Text)]
        different = {id(part): part for part in parts}.values()
        for kind in (Image, Audio):
            shared[kind] += sum(isinstance(p, kind) for p in parts) - sum(isinstance(p, kind) for p in different)
    assert shared[Image] > 15 and shared[Audio] > 15


def test_tasks_have_their_shares(said: list) -> None:
    kinds: Counter[str] = Counter()
    documents = families(120, seed=9)
    for document in documents:
        first, answer = document.turns[0], document.turns[1]
        if len(document.turns) > 2:
            continue
        given = {type(part) for part in first.parts}
        if Audio in given and Image not in given and isinstance(answer.parts[0], Image):
            kinds["spoken_request"] += 1
        if given == {Image, Text} and isinstance(answer.parts[0], Audio):
            kinds["spoken_caption"] += 1
        if given == {Text} and isinstance(answer.parts[0], Audio):
            kinds["from text"] += 1
    expected = {name: SOUND_TASK_WEIGHTS[name] for name in ("spoken_request", "spoken_caption")}
    # Events are made as often as they are asked about.
    from_text = ("reading", "playing", "playing_chord")
    expected["from text"] = sum(SOUND_TASK_WEIGHTS[name] for name in from_text) + 0.5 * 0.03
    for name, share in expected.items():
        assert abs(kinds[name] / len(documents) - share) < 0.035, (name, kinds[name] / len(documents))


def test_shares_of_tasks_are_as_asked_for() -> None:
    rng = np.random.default_rng(2)
    shares = {"conversation": 0.4, "naming_chord": 0.6}
    documents = [one for _ in range(10) for one in sample_sound_documents(rng, "train", 16, shares)]
    chords = sum(len(one.turns) == 2 and isinstance(one.turns[1].parts[0], Text) for one in documents)
    assert 45 <= len(documents) <= 60 and abs(chords / len(documents) - 0.6) < 0.1


def test_edits_are_dictated_where_they_are_asked_for(said: list[tuple[str, Voice]]) -> None:
    assert not SOUND_TASK_WEIGHTS["dictated_edit"]
    rng = np.random.default_rng(3)
    documents = [one for _ in range(20) for one in sample_sound_documents(rng, "train", 16, {"dictated_edit": 1.0})]
    answers = [document.turns[1].text for document in documents]
    assert len(documents) == len(said) == 120 and answers == [plainly(text) for text, _ in said]
    assert not any(held_out_pairs_in(text) for text in answers)
    verbs = Counter(word for text in answers for word in text.split())
    assert verbs["remove"] + verbs["move"] + verbs["make"] + verbs["add"] + verbs["change"] + verbs["turn"] > 60


def test_conversations_mix_words_pictures_and_speech(said: list) -> None:
    long = [d for d in families(110, seed=10) if len(d.turns) > 2 and not isinstance(d.turns[0].parts[0], Image)]
    mixed = [d for d in long if {type(part) for _, part in parts_of([d])} == {Text, Image, Audio}]
    assert len(mixed) > 12
    for document in mixed:
        assert sum(seconds_of(part) for _, part in parts_of([document]) if isinstance(part, Audio)) <= 6.0
        for turn, answer in zip(document.turns[::2], document.turns[1::2], strict=True):
            # Words alone are never answered with speech, unless speech was asked for.
            if isinstance(answer.parts[0], Audio):
                assert any(isinstance(part, Text) for part in turn.parts)


def test_a_seed_gives_the_same_documents(said: list) -> None:
    first, second = (families(3, seed=11) for _ in range(2))
    assert [[turn.parts for turn in d.turns] for d in first] == [[turn.parts for turn in d.turns] for d in second]


@pytest.mark.parametrize("sounds", [0.0, 0.3, 1.0])
def test_the_mix_is_a_setting(sounds: float, said: list) -> None:
    stream = world_documents([12], "train", 8, sounds)
    documents = [next(stream) for _ in range(400)]
    heard = sum(any(isinstance(part, Audio) for _, part in parts_of([d])) for d in documents)
    assert abs(heard / len(documents) - sounds) < 0.05


def test_what_goes_on_goes_on_by_its_rule(said: list[tuple[str, Voice]]) -> None:
    rng = np.random.default_rng(13)
    for split in ("train", "heldout"):
        for _ in range(100):
            halves = continuations.sample_halves(rng, split)
            whole = halves.given + halves.rest
            steps = np.diff(whole)
            assert len(set(steps.tolist())) == 1 or (whole[::2] == whole[:1] * 3 and whole[1::2] == whole[1:2] * 3)
            assert is_held_out(whole) == (split == "heldout")
            assert split == "heldout" or not (is_held_out(halves.given) or is_held_out(halves.rest))
    for _ in range(60):
        given, rest = continuations.sample_counting(rng)
        numbers = [NUMBER_WORDS.index(word) for word in f"{given} {rest}".split()]
        assert set(np.diff(numbers).tolist()) in ({1}, {-1}) and numbers[-1] in (0, 6)
        assert len(given.split()) >= 2 and rest
    continuations.counting_going_on(rng, Tape())
    assert said[-1][1] == ASSISTANT and said[-2][1] != ASSISTANT


WORDINGS: dict[str, Callable[[np.random.Generator], str]] = {
    "transcribe": speech_documents.transcription_order,
    "read": lambda rng: speech_documents.reading_order(rng, "two red circles"),
    "draw": scene_documents.drawing_order,
    "caption": scene_documents.caption_order,
    "aloud": scene_documents.aloud_order,
    "play": lambda rng: melody_documents.play_order(rng, (60, 64))[0],
    "name": melody_documents.naming_order,
    "chord": lambda rng: melody_documents.chord_order(rng, CHORDS[0])[0],
    "chord name": melody_documents.chord_naming_order,
    "ask": lambda rng: event_documents.event_question(rng, "beep", 3)[0],
    "make": lambda rng: event_documents.event_order(rng, "knock", 2),
    "go on": continuations.melody_order,
    "count on": continuations.counting_order,
}


@pytest.mark.parametrize("name", WORDINGS)
def test_there_are_many_wordings(name: str) -> None:
    rng = np.random.default_rng(14)
    texts = {WORDINGS[name](rng) for _ in range(500)}
    assert len({text.lower().rstrip(".?:") for text in texts}) > 12
    assert not [text for text in texts if re.search(r"  |\{|[.?:][.?:]| [.,?]|^\s|\s$", text)]


def test_orders_say_how_it_is_played() -> None:
    rng = np.random.default_rng(15)
    seen = Counter()
    for _ in range(300):
        order, performance = melody_documents.play_order(rng, (60, 64))
        named = [name for name in INSTRUMENTS if name in order.lower()]
        assert named == ([] if performance.instrument == "organ" and not named else [performance.instrument])
        seen[performance.instrument, performance.seconds] += 1
        assert ("slow" in order.lower()) == (performance.seconds == TEMPOS["slow"])
    assert len(seen) > 8


def test_event_questions_are_answered_with_kind_and_number() -> None:
    rng = np.random.default_rng(16)
    answers = {event_documents.event_question(rng, "burst of noise", 2)[1] for _ in range(50)}
    assert answers == {"two bursts of noise", "two"}
    assert events_text("knock", 1) == "one knock" and events_text("knock", 99) == "99 knocks"


@needs_espeak
def test_real_documents_hold_speech() -> None:
    for document in families(1, seed=17):
        for _, part in parts_of([document]):
            if isinstance(part, Audio):
                assert part.samples is not None and part.samples.std() > 0.005
