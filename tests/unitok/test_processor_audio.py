"""Sounds in documents: to token ids and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage
from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.codebook_orders import ORDERS
from unitok.document import Audio, Document, Image, Text, Turn
from unitok.processor import Processor
from unitok.vocabulary import Vocabulary
from unitok_tokenizers import CodebookSpec, InputError

HOP, RATE = 800, 8000


def codes(frames: int, seed: int = 0) -> Tensor:
    return torch.randint(16, (2, frames), generator=torch.Generator().manual_seed(seed))


def steps(*levels: int) -> Audio:
    """A sound of constant frames, whose codes are the levels' upper and lower half."""
    return Audio((torch.tensor([levels]) / 127.5 - 1).repeat_interleave(HOP, dim=1), RATE)


def codes_of(*levels: int) -> Tensor:
    return torch.tensor([[level // 16 for level in levels], [level % 16 for level in levels]])


@pytest.fixture(params=sorted(ORDERS))
def processor(request: pytest.FixtureRequest, make_sound_processor: Callable[..., Processor]) -> Processor:
    return make_sound_processor(request.param)


def test_layout(processor: Processor) -> None:
    v = processor.vocabulary
    sound = AudioSyntax(v).write(codes(3)).tolist()
    letter = processor.text_tokenizer.encode("a")
    ids = processor.encode(Document.user("a", Audio(codes=codes(3))).reply(Audio(codes=codes(3))))
    assert ids.tolist() == [v.bos, v.user, *letter, *sound, v.eot, v.assistant, *sound, v.eot, v.eos]
    wanted = [0] * (len(letter) + len(sound) + 4) + [1] * (len(sound) + 1) + [0]
    assert processor.targets(ids).tolist() == wanted


any_part = (
    st.builds(Text, st.sampled_from(["<boa>", "<eoa>", "a", " b"]))
    | st.builds(lambda h, w: Image(codes=torch.full((1, h, w), h)), st.integers(1, 3), st.integers(1, 3))
    | st.builds(lambda frames, seed: Audio(codes=codes(frames, seed)), st.integers(1, 6), st.integers(0, 9))
)
any_turn = st.builds(Turn, st.lists(any_part, max_size=5).map(tuple), st.sampled_from(["user", "assistant"]))


@settings(deadline=None, max_examples=60)
@given(st.lists(any_turn, max_size=3), st.sampled_from(sorted(ORDERS)))
def test_documents_of_all_modalities_round_trip(
    make_sound_processor: Callable[..., Processor], turns: list[Turn], order: str
) -> None:
    processor = make_sound_processor(order)
    parsed = processor.parse(processor.encode(Document(tuple(turns))))
    for found, turn in zip(parsed.turns, turns, strict=True):
        assert found.text == turn.text and found.images == turn.images and found.sounds == turn.sounds
        kinds = [type(part) for part in found.parts if not isinstance(part, Text)]
        assert kinds == [type(part) for part in turn.parts if not isinstance(part, Text)]


def test_samples_become_codes_and_samples_again(processor: Processor) -> None:
    sound = steps(7, 200, 31)
    decoded = processor.decode(processor.encode(Document.user("hear", sound, "now", steps(90))))
    first, second = decoded.turns[0].sounds
    assert first.codes is not None and torch.equal(first.codes, codes_of(7, 200, 31))
    assert first.samples is not None and first.samples.shape == (1, 3 * HOP) and first.sample_rate == RATE
    torch.testing.assert_close(first.samples[:, ::HOP], torch.tensor([[7, 200, 31]]) / 127.5 - 1)
    assert second.codes is not None and torch.equal(second.codes, codes_of(90))
    assert [type(part) for part in decoded.turns[0].parts] == [Text, Audio, Text, Audio]


@pytest.mark.parametrize("rate", [4000, 16000, 44100])
def test_other_rates_and_channels_are_converted(make_sound_processor: Callable[..., Processor], rate: int) -> None:
    processor = make_sound_processor()
    half = torch.full((rate,), 0.5)  # a second
    (found,) = processor.encode_sounds([Audio(torch.stack([half, 0 * half]), rate)])
    levels = 16 * found[0] + found[1]
    assert found.shape == (2, 10)
    assert (levels[2:8] - 159).abs().max() <= 1, "both channels' mean is 0.25"


def test_the_last_frame_may_be_short(processor: Processor) -> None:
    for samples, frames in [(1, 1), (HOP, 1), (HOP + 1, 2)]:
        (found,) = processor.encode_sounds([Audio(torch.zeros(1, samples), RATE)])
        assert found.shape == (2, frames)


def test_each_sound_is_encoded_once_and_those_of_one_length_together(
    make_sound_processor: Callable[..., Processor], step_codec: Any
) -> None:
    processor = make_sound_processor("flattened", step_codec)
    shared, other, longer = steps(1, 2), steps(3, 4), steps(5, 6, 7)
    documents = [
        Document.user(shared, PILImage.new("RGB", (16, 16)), longer).reply(shared),
        Document.user("x", other, shared),
    ]
    ids = processor.encode_batch(documents)
    assert sorted(step_codec.batches) == [1, 2]
    assert [one.tolist() for one in ids] == [processor.encode(document).tolist() for document in documents]


def test_codes_stand_for_the_samples(make_sound_processor: Callable[..., Processor], step_codec: Any) -> None:
    processor = make_sound_processor("flattened", step_codec)
    samples = steps(1, 2).samples
    document = Document.user(Audio(samples, RATE, codes_of(3, 4)))
    found = processor.parse(processor.encode(document)).turns[0].sounds[0].codes
    assert found is not None and torch.equal(found, codes_of(3, 4)) and step_codec.batches == []
    assert processor.with_media([document])[0].turns[0].sounds[0].samples is document.turns[0].sounds[0].samples


def test_sounds_and_pictures_of_many_documents_are_decoded_together(
    make_sound_processor: Callable[..., Processor], step_codec: Any
) -> None:
    processor = make_sound_processor("flattened", step_codec)
    picture = Image(codes=torch.zeros(1, 4, 4, dtype=torch.int64))
    documents = [Document.user(Audio(codes=codes(2, n)), "x", picture, Audio(codes=codes(3, n))) for n in range(3)]
    decoded = processor.with_media(documents)
    assert sorted(step_codec.batches) == [3, 3]
    for document in decoded:
        (turn,) = document.turns
        assert [sound.samples.shape[1] for sound in turn.sounds if sound.samples is not None] == [2 * HOP, 3 * HOP]
        assert turn.images[0].image is not None


# ---- what does not fit together


def test_mismatched_parts(make_sound_processor: Callable[..., Processor], step_codec: Any) -> None:
    processor = make_sound_processor()
    text, vocabulary = processor.text_tokenizer, processor.vocabulary
    step_codec.spec = dataclasses.replace(step_codec.spec, hop_length=400)
    with pytest.raises(InputError, match=r"audio tokenizer has .*hop_length=400.*do not belong together"):
        Processor(text, vocabulary, audio_tokenizer=step_codec)
    with pytest.raises(InputError, match="audio detokenizer has"):
        Processor(text, vocabulary, audio_detokenizer=step_codec)
    bare = CodebookSpec("audio", 16, 2)
    step_codec.spec = bare
    unclear = Processor(text, Vocabulary(280, [bare]), audio_tokenizer=step_codec)  # says neither rate nor hop
    with pytest.raises(InputError, match="sample_rate"):
        unclear.encode(Document.user(steps(1)))
    with pytest.raises(InputError, match="hop_length"):
        unclear.frames_in(1)


def test_what_cannot_be_encoded(processor: Processor, tiny_processor: Processor) -> None:
    deaf = Processor(processor.text_tokenizer, processor.vocabulary)
    with pytest.raises(InputError, match="no audio tokenizer"):
        deaf.encode(Document.user(steps(1)))
    with pytest.raises(InputError, match="no audio detokenizer"):
        deaf.decode_sounds([codes(1)])
    document = Document.user(Audio(codes=codes(2)))
    assert deaf.decode(deaf.encode(document)) == document
    with pytest.raises(InputError, match="no audio tokenizer"):
        tiny_processor.encode(Document.user(steps(1)))
    with pytest.raises(InputError, match="no audio codes"):
        tiny_processor.encode(document)
    for bad in (torch.zeros(1, 2).long(), torch.full((2, 2), 16)):
        with pytest.raises(InputError, match="audio codes"):
            processor.encode(Document.user(Audio(codes=bad)))
    for rate in (1, 1999, 655350):
        with pytest.raises(InputError, match=f"sample rate of {rate} Hz"):
            processor.encode(Document.user(Audio(torch.zeros(1, 9), rate)))


def test_malformed_sounds(processor: Processor) -> None:
    v = processor.vocabulary
    a, b = (int(v.block_ids("audio", k)[0]) for k in (0, 1))
    for ids in ([v.boa], [v.boa, v.eoa], [v.boa, a, v.eoa], [v.boa, a, b], [a], [v.boa, b, a, v.eoa], [v.boa, 65]):
        with pytest.raises(InputError, match="malformed"):
            processor.parse(torch.tensor([v.bos, *ids]))


def test_frames_in_a_length_of_time(processor: Processor) -> None:
    assert [processor.frames_in(seconds) for seconds in (0.1, 0.15, 0.3, 0.7, 12)] == [1, 1, 3, 7, 120]
    for bad in (0.09, 0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"at least 0\.1"):
            processor.frames_in(bad)
