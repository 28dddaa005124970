"""The audio tokenizer and its detokenizer: shapes, what depends on what, streaming, saving."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from unitok_detokenizers.audio import AudioDetokenizer, AudioDetokenizerConfig
from unitok_detokenizers.audio_stream import AudioStream
from unitok_detokenizers.inverse_stft import InverseStft
from unitok_tokenizers.audio import AudioTokenizer, AudioTokenizerConfig
from unitok_tokenizers.codebook import CodebookConfig
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.log_mel import LogMel, magnitudes

# (samples a frame, codebooks, frames of the future): 50 x 1 and 25 x 3 at 16 kHz, and one with spectra as rare as codes
SHAPES = {"50 x 1": (320, 1, 2), "25 x 3": (640, 3, 1), "100 x 2": (160, 2, 0)}


def shake(module: nn.Module) -> None:
    """Random weights throughout, so that blocks that start as the identity do something."""
    torch.manual_seed(0)
    for name, parameter in module.named_parameters():
        nn.init.normal_(parameter, std=0.05 if "project" in name else 0.2)


def codebook(count: int) -> CodebookConfig:
    return CodebookConfig(size=32, num_codebooks=count, channels=4, metric="euclidean")


def make(name: str) -> tuple[AudioTokenizer, AudioDetokenizer]:
    hop, count, future = SHAPES[name]
    small = {"hop_length": hop, "width": 8, "blocks": [1, 2], "expansion": 2, "codebook": codebook(count)}
    tokenizer = AudioTokenizer(AudioTokenizerConfig(mels=20, **small)).eval()
    detokenizer = AudioDetokenizer(AudioDetokenizerConfig(past=3, future=future, **small)).eval()
    shake(tokenizer)
    shake(detokenizer)
    tokenizer.codebook.vectors.normal_()
    detokenizer.codebook.load_state_dict(tokenizer.codebook.state_dict())
    return tokenizer, detokenizer


@pytest.fixture(params=SHAPES)
def pair(request: pytest.FixtureRequest) -> tuple[AudioTokenizer, AudioDetokenizer]:
    return make(request.param)


def noise(samples: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 1, samples, generator=torch.Generator().manual_seed(samples)) * 2 - 1


# ---- shapes


@pytest.mark.parametrize("samples", [1, 159, 320, 641, 16_000])
def test_any_length_becomes_frames_that_cover_it(pair: tuple[AudioTokenizer, AudioDetokenizer], samples: int) -> None:
    tokenizer, detokenizer = pair
    hop = tokenizer.spec.hop_length
    assert hop is not None and tokenizer.spec == detokenizer.spec
    codes = tokenizer.encode(noise(samples, 2))
    frames = -(-samples // hop)
    assert codes.shape == (2, tokenizer.spec.num_codebooks, frames) and codes.dtype == torch.int64
    assert 0 <= int(codes.min()) <= int(codes.max()) < 32
    sound = detokenizer.decode(codes)
    assert sound.shape == (2, 1, frames * hop) and sound.dtype == torch.float32
    assert -1 <= float(sound.min()) <= float(sound.max()) <= 1 and float(sound.std()) > 1e-4


def test_the_last_frame_is_filled_up_with_silence() -> None:
    tokenizer, _ = make("50 x 1")
    sound = noise(1000)
    filled = torch.cat([sound, torch.zeros(1, 1, 280)], dim=-1)
    assert torch.equal(tokenizer.encode(sound), tokenizer.encode(filled))


def test_codes_of_a_batch_are_those_of_its_sounds_alone(pair: tuple[AudioTokenizer, AudioDetokenizer]) -> None:
    tokenizer, detokenizer = pair
    sounds = noise(6400, 4)
    codes = tokenizer.encode(sounds)
    assert torch.equal(codes, torch.cat([tokenizer.encode(one[None]) for one in sounds]))
    alone = torch.cat([detokenizer.decode(one[None]) for one in codes])
    assert torch.allclose(detokenizer.decode(codes), alone, atol=1e-5)


def test_autocast_changes_no_code(pair: tuple[AudioTokenizer, AudioDetokenizer]) -> None:
    sounds = torch.rand(8, 1, 8000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        codes = pair[0].encode(sounds)
    assert torch.equal(codes, pair[0].encode(sounds))


def test_wrong_shapes_are_refused(pair: tuple[AudioTokenizer, AudioDetokenizer]) -> None:
    tokenizer, detokenizer = pair
    for shape in ((1, 2, 320), (1, 320), (1, 1, 0)):
        with pytest.raises(ValueError, match=r"\[B, 1, N\]"):
            tokenizer.encode(torch.zeros(shape))
    for shape in ((1, 4, 5), (1, 0, 5), (3, 5)):
        with pytest.raises(ValueError, match=r"codes must be"):
            detokenizer.decode(torch.zeros(shape, dtype=torch.int64))


def test_no_frames_are_no_samples(pair: tuple[AudioTokenizer, AudioDetokenizer]) -> None:
    _, detokenizer = pair
    assert detokenizer.decode(torch.zeros(2, 1, 0, dtype=torch.int64)).shape == (2, 1, 0)


# ---- what depends on what


def test_a_code_depends_on_its_context_only(pair: tuple[AudioTokenizer, AudioDetokenizer]) -> None:
    tokenizer, _ = pair
    hop, context = tokenizer.config.hop_length, tokenizer.config.context
    frame, sound = 20, noise(41 * hop).requires_grad_()
    tokenizer.encoder(sound)[..., frame].sum().backward()
    assert sound.grad is not None
    seen = sound.grad[0, 0].nonzero()
    # a window's first weight is zero
    assert (int(seen.min()), int(seen.max())) == (frame * hop - context + 1, (frame + 1) * hop + context - 1)


def test_samples_depend_on_history_and_lookahead_only(pair: tuple[AudioTokenizer, AudioDetokenizer]) -> None:
    _, detokenizer = pair
    hop, frame = detokenizer.config.hop_length, 30
    vectors = torch.randn(1, 4, 41, generator=torch.Generator().manual_seed(0)).requires_grad_()
    detokenizer.decoder(vectors)[..., frame * hop : (frame + 1) * hop].abs().sum().backward()
    assert vectors.grad is not None
    seen = vectors.grad.abs().sum((0, 1)).nonzero()
    assert (int(seen.min()), int(seen.max())) == (frame - detokenizer.history, frame + detokenizer.lookahead)


def test_fewer_codebooks_are_the_first_ones() -> None:
    _, detokenizer = make("25 x 3")
    codes = torch.randint(32, (1, 3, 9), generator=torch.Generator().manual_seed(0))
    silent = detokenizer.codebook.vectors.clone()
    some = {k: detokenizer.decode(codes[:, :k]) for k in (1, 2, 3)}
    for k in (1, 2):
        detokenizer.codebook.vectors.copy_(silent)
        detokenizer.codebook.vectors[k:] = 0
        assert torch.allclose(detokenizer.decode(codes), some[k], atol=1e-6)
        assert not torch.allclose(some[k], some[3], atol=1e-4)


# ---- streaming


@pytest.mark.parametrize("name", SHAPES)
def test_the_sound_of_a_prefix_is_final_but_for_the_lookahead(name: str) -> None:
    _, detokenizer = make(name)
    hop, lookahead = detokenizer.config.hop_length, detokenizer.lookahead
    codes = torch.randint(32, (1, SHAPES[name][1], 30), generator=torch.Generator().manual_seed(1))
    whole = detokenizer.decode(codes)
    for frames in range(1, 30):
        final = max(0, frames - lookahead) * hop
        prefix = detokenizer.decode(codes[..., :frames])
        assert torch.allclose(prefix[..., :final], whole[..., :final], atol=1e-5)
        beyond = slice(final, final + hop)
        assert not torch.allclose(prefix[..., beyond], whole[..., beyond], atol=1e-5)  # it is no larger than need be


@pytest.mark.parametrize("name", SHAPES)
def test_a_frame_depends_on_its_history_only(name: str) -> None:
    _, detokenizer = make(name)
    hop, history = detokenizer.config.hop_length, detokenizer.history
    codes = torch.randint(32, (1, SHAPES[name][1], 60), generator=torch.Generator().manual_seed(2))
    whole = detokenizer.decode(codes)[..., 50 * hop :]
    assert torch.allclose(detokenizer.decode(codes[..., 50 - history :])[..., history * hop :], whole, atol=1e-5)


@given(data=st.data(), name=st.sampled_from(list(SHAPES)))
@settings(max_examples=15, deadline=None)
def test_streaming_gives_the_sound_of_the_whole(data: st.DataObject, name: str) -> None:
    _, detokenizer = make(name)
    chunks = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=8))
    codes = torch.randint(32, (2, SHAPES[name][1], sum(chunks)), generator=torch.Generator().manual_seed(3))
    stream, pieces, arrived = AudioStream(detokenizer), [], 0
    for chunk in codes.split(chunks, dim=-1):
        pieces.append(stream.push(chunk))
        arrived += chunk.shape[-1]
        sent = sum(piece.shape[-1] for piece in pieces)
        assert sent == max(0, arrived - detokenizer.lookahead) * detokenizer.config.hop_length
    pieces.append(stream.finish())
    assert torch.allclose(torch.cat(pieces, dim=-1), detokenizer.decode(codes), atol=1e-5)


def test_a_stream_decodes_a_bounded_window(monkeypatch: pytest.MonkeyPatch) -> None:
    _, detokenizer = make("50 x 1")
    decode, lengths = detokenizer.decode, []

    def counted(codes: Tensor) -> Tensor:
        lengths.append(codes.shape[-1])
        return decode(codes)

    monkeypatch.setattr(detokenizer, "decode", counted)
    stream = AudioStream(detokenizer)
    for _ in range(100):
        stream.push(torch.zeros(1, 1, 2, dtype=torch.int64))
    assert max(lengths) == detokenizer.history + detokenizer.lookahead + 2
    assert AudioStream(detokenizer).finish().shape == (1, 1, 0)


def test_the_stated_latencies() -> None:
    assert AudioDetokenizerConfig(hop_length=320, future=2).lookahead == 3  # 60 ms
    assert AudioDetokenizerConfig(hop_length=640, future=1).lookahead == 2  # 80 ms


# ---- spectra


@pytest.mark.parametrize(("n_fft", "hop"), [(640, 160), (320, 160), (1024, 256), (640, 213)])
def test_the_inverse_stft_inverts_an_stft(n_fft: int, hop: int) -> None:
    sound = noise(20 * hop)
    head = InverseStft(1, n_fft, hop)
    padded = nn.functional.pad(sound[:, 0], (head.before, n_fft - hop - head.before))
    spectra = torch.stft(padded, n_fft, hop, window=head.window, center=False, return_complex=True).transpose(1, 2)
    assert spectra.shape[1] == 20
    windows = torch.fft.irfft(spectra, n_fft) * head.window
    found = head._overlap(windows) / head._overlap(head.window.square().expand(1, 20, -1))
    assert torch.allclose(found, sound, atol=1e-4)


def test_a_tone_is_loudest_in_its_band_and_silence_is_the_floor() -> None:
    mel = LogMel(16_000, 640, 160, 80)
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(16_000) / 16_000)[None]
    bands = mel(tone)
    assert bands.shape == (1, 80, 100)
    loudest = int(bands.mean(-1).argmax())
    assert float(mel.filters[40, loudest]) > 0  # bin 40 of 25 Hz each
    assert torch.allclose(mel(torch.zeros(1, 320)), torch.full((1, 80, 2), -3.0))
    loudness = magnitudes(torch.randn(1, 64_000, generator=torch.Generator().manual_seed(0)), mel.window, 160)
    assert float(loudness.square().mean()) == pytest.approx(1.0, rel=0.05)


# ---- saving


def test_saving_keeps_codes_and_sounds(pair: tuple[AudioTokenizer, AudioDetokenizer], tmp_path: Path) -> None:
    tokenizer, detokenizer = pair
    tokenizer.save_pretrained(tmp_path / "t")
    detokenizer.save_pretrained(tmp_path / "d")
    again, sounds_again = (
        AudioTokenizer.from_pretrained(tmp_path / "t"),
        AudioDetokenizer.from_pretrained(tmp_path / "d"),
    )
    assert again.spec == tokenizer.spec == sounds_again.spec and again.config == tokenizer.config
    codes = tokenizer.encode(noise(5000))
    assert torch.equal(again.encode(noise(5000)), codes)
    assert torch.equal(sounds_again.decode(codes), detokenizer.decode(codes))


def test_a_damaged_folder_is_one_error_that_names_the_file(tmp_path: Path) -> None:
    tokenizer, _ = make("50 x 1")
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for changes, message in (
        ({"width": 12}, r"model\.safetensors does not fit"),
        ({"surprise": 1}, r"config\.json does not describe"),
        ({"hop_length": 330}, r"config\.json does not describe.*multiple of the spectra's hop 160"),
        ({"mels": "many"}, r"config\.json does not describe"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(InputError, match=message):
            AudioTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "options", [{"hop_length": 330}, {"hop_length": 0}, {"n_fft": 200}, {"n_fft": 641}, {"blocks": [1]}]
)
def test_rates_that_do_not_fit_are_refused(options: dict) -> None:
    for kind in (AudioTokenizerConfig, AudioDetokenizerConfig):
        with pytest.raises(InputError, match="must be"):
            kind(**options)
