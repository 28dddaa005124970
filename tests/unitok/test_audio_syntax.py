"""How sounds are written and read, in every order of codebooks."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.codebook_orders import ORDERS
from unitok.syntax import FramedAudio
from unitok.vocabulary import CONTROL_TOKENS, Codebooks, Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

orders = st.sampled_from(sorted(ORDERS))


def vocabulary(count: int, order: str = "flattened") -> Vocabulary:
    """20 ids of text, the control tokens up to 30, a size, codes in blocks that are listed backwards."""
    spec = CodebookSpec("audio", 7, count, sample_rate=8000, hop_length=80)
    control = {name: 20 + number for number, name in enumerate(CONTROL_TOKENS)}
    codes = Codebooks(spec, tuple(tuple(range(46 + 7 * k, 39 + 7 * k, -1)) for k in range(count)))
    return Vocabulary.from_blocks(range(20), control, [31], [codes], audio=FramedAudio(order))


def codes(count: int, frames: int, seed: int = 0) -> Tensor:
    return torch.randint(7, (count, frames), generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 4), st.integers(1, 9), orders, st.integers(0, 99))
def test_what_is_written_is_read(count: int, frames: int, order: str, seed: int) -> None:
    v, wanted = vocabulary(count, order), codes(count, frames, seed)
    syntax = AudioSyntax(v)
    ids = syntax.write(wanted)
    assert (int(ids[0]), int(ids[-1])) == (v.boa, v.eoa) and len(ids) == syntax.length(frames)
    if order == "flattened":
        assert torch.equal(ids[1:-1], v.codes_to_ids("audio", wanted[None])[0])
    read, length = syntax.read(torch.cat([ids, torch.tensor([1, 2, 3])]))
    assert length == len(ids) and torch.equal(read, wanted)
    for cut in range(1, len(ids)):
        with pytest.raises(InputError, match="cut off"):
            syntax.read(ids[:cut])
        whole = syntax.whole_frames(ids[1:cut])
        assert torch.equal(whole, wanted[:, : whole.shape[1]])
    assert torch.equal(syntax.whole_frames(ids[1:-1]), wanted)


@given(st.integers(1, 3), orders, st.integers(0, 200), st.integers(0, 80))
def test_what_is_no_sound_is_refused_or_another_sound(count: int, order: str, place: int, token_id: int) -> None:
    """One id of a sound is changed: it is no sound any more, or one that is written in just that way."""
    v = vocabulary(count, order)
    syntax = AudioSyntax(v)
    ids = syntax.write(codes(count, 4))
    ids[place % len(ids)] = token_id % v.size
    try:
        read, length = syntax.read(ids)
    except InputError:
        return
    assert torch.equal(syntax.write(read), ids[:length])


def test_sounds_without_frames_and_of_part_of_a_frame_are_refused() -> None:
    v = vocabulary(2)
    first, second = (int(v.block_ids("audio", k)[0]) for k in (0, 1))
    for ids, named in [
        ([], "does not begin"),
        ([v.eoa], "does not begin"),
        ([v.boa, v.eoa], "no frames"),
        ([v.boa, first, v.eoa], "not whole"),
        ([v.boa, second, first, v.eoa], "code 0 of 2 is of codebook 1, not of codebook 0"),
        ([v.boa, first, v.boa], f"token id {v.boa} is in a sound"),
        ([v.boa, first, 3, second, v.eoa], "token id 3 is in a sound"),
    ]:
        with pytest.raises(InputError, match=named):
            AudioSyntax(v).read(torch.tensor(ids, dtype=torch.int64))


def test_codes_that_do_not_fit_are_refused() -> None:
    syntax = AudioSyntax(vocabulary(2))
    for bad, named in [
        (torch.zeros(1, 3, dtype=torch.int64), r"\[2, T\], not \[1, 3\]"),
        (torch.zeros(2, dtype=torch.int64), r"\[2, T\]"),
        (torch.full((2, 3), 7), "0 to 6"),
        (torch.full((2, 3), -1), "0 to 6"),
    ]:
        with pytest.raises(InputError, match=f"audio codes must .*{named}"):
            syntax.write(bad)
    with pytest.raises(InputError, match="no audio codes"):
        AudioSyntax(Vocabulary(9, []))


def test_the_manifest_keeps_the_order() -> None:
    for order in ORDERS:
        v = vocabulary(2, order)
        again = Vocabulary.from_dict(json.loads(json.dumps(v.to_dict())))
        assert again == v and again.audio == FramedAudio(order)
    assert "audio" not in vocabulary(2).to_dict()  # as manifests were before
    assert vocabulary(2, "delayed") != vocabulary(2)


@pytest.mark.parametrize(
    "audio",
    [{"name": "framed"}, {"name": "framed", "order": "reversed"}, {"name": "framed", "order": 1}, {"name": "sized"}, 3],
)
def test_a_way_of_writing_that_is_unknown_is_refused(audio: object) -> None:
    with pytest.raises(InputError):
        Vocabulary.from_dict({**vocabulary(1).to_dict(), "audio": audio})
