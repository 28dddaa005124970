"""EnCodec, Mimi and DAC as `transformers` builds them, tiny and random: codes and waveforms equal, also once saved."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    DacConfig,
    DacModel,
    EncodecConfig,
    EncodecModel,
    MimiConfig,
    MimiModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from unitok import assembly
from unitok.assemble import main
from unitok.document import Audio, Document
from unitok.model import UniTok
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.audio_stream import AudioStream
from unitok_detokenizers.frozen_audio import EncodecAudioDetokenizer, MimiAudioDetokenizer, load_frozen_codec
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.frozen_audio import EncodecAudioTokenizer
from unitok_tokenizers.spec import CodebookSpec

HOPS = {"encodec": 40, "mimi": 80, "dac": 40}


def encodec(**changes: Any) -> EncodecModel:
    values = {
        "hidden_size": 16,
        "num_filters": 4,
        "upsampling_ratios": [5, 4, 2],
        "codebook_size": 16,
        "codebook_dim": 16,
    }
    return EncodecModel(
        EncodecConfig(
            **{**values, "sampling_rate": 2000, "target_bandwidths": [0.2, 0.6], "num_lstm_layers": 1, **changes}
        )
    )


def mimi(**changes: Any) -> MimiModel:
    values = {
        "hidden_size": 16,
        "num_filters": 4,
        "upsampling_ratios": [5, 4, 2],
        "codebook_size": 16,
        "codebook_dim": 8,
    }
    transformer = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 32}
    quantizers = {"vector_quantization_hidden_dimension": 8, "num_quantizers": 3, "upsample_groups": 16}
    more = {"sampling_rate": 2000, "sliding_window": 20, "head_dim": 8, "layer_scale_initial_scale": 0.5}
    return MimiModel(MimiConfig(**{**values, **transformer, **quantizers, **more, **changes}))


def dac(**changes: Any) -> DacModel:
    values = {
        "encoder_hidden_size": 4,
        "downsampling_ratios": [2, 4, 5],
        "decoder_hidden_size": 32,
        "codebook_size": 16,
    }
    return DacModel(DacConfig(**{**values, "n_codebooks": 3, "codebook_dim": 4, "sampling_rate": 2000, **changes}))


@torch.no_grad()
def randomize(model: Any) -> Any:
    """Codebooks, which are zero in a new model, and a last layer that is heard."""
    for name, values in [*model.named_buffers(), *model.named_parameters()]:
        if name.endswith(("codebook.embed", "codebook.embed_sum", "codebook.weight")):
            values.normal_()
        elif name.endswith("conv2.weight") and isinstance(model, DacModel):
            values.normal_(std=0.2)
    if isinstance(model, EncodecModel):  # its encoder's vectors differ by little
        vectors = model.encoder(noise(640, 1))[0].T
        for number, layer in enumerate(model.quantizer.layers):
            embed: Any = layer.codebook.embed  # pyright: ignore[reportAttributeAccessIssue]
            embed.mul_(vectors.std(0)).add_(vectors.mean(0) if number == 0 else 0)
    return model.eval()


@pytest.fixture(scope="module", params=HOPS)
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return randomize({"encodec": encodec, "mimi": mimi, "dac": dac}[request.param]())


@pytest.fixture(scope="module")
def source(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(model.config.model_type)
    model.save_pretrained(folder)
    return folder


def expected_codes(model: Any, media: Tensor, count: int) -> Tensor:
    kind = model.config.model_type
    if kind == "encodec":
        return model.encode(media, bandwidth=0.6).audio_codes[0][:, :count]
    return model.encode(media, **{"num_quantizers" if kind == "mimi" else "n_quantizers": count}).audio_codes


def expected_samples(model: Any, codes: Tensor) -> Tensor:
    kind = model.config.model_type
    if kind == "encodec":
        return model.decode(codes[None], [None]).audio_values
    return model.decode(codes).audio_values if kind == "mimi" else model.decode(audio_codes=codes).audio_values[:, None]


def noise(samples: int, batch: int = 2) -> Tensor:
    return torch.rand(batch, 1, samples, generator=torch.Generator().manual_seed(samples)) * 2 - 1


@pytest.mark.parametrize("count", [1, 3])
def test_codes_and_waveforms_are_those_of_transformers(model: Any, source: Path, count: int, tmp_path: Path) -> None:
    pair = load_frozen_codec(source, count)
    hop = HOPS[model.config.model_type]
    for number, component in enumerate(pair):
        component.save_pretrained(tmp_path / str(number))
    saved: list[Any] = [
        type(component).from_pretrained(tmp_path / str(number)) for number, component in enumerate(pair)
    ]
    media = noise(12 * hop)
    with torch.no_grad():
        codes = expected_codes(model, media, count)
        sound = expected_samples(model, codes).clamp(-1, 1)
    assert len(codes.unique()) > 3 and float(sound.std()) > 1e-4
    for tokenizer, detokenizer in (pair, saved):
        spec = tokenizer.spec
        assert spec == detokenizer.spec
        assert (spec.codebook_size, spec.num_codebooks, spec.sample_rate, spec.hop_length) == (16, count, 2000, hop)
        assert torch.equal(tokenizer.encode(media), codes)
        found = detokenizer.decode(codes)
        assert found.shape == (2, 1, 12 * hop)
        assert torch.equal(found[..., : sound.shape[-1]], sound[..., : 12 * hop])
        assert not found[..., sound.shape[-1] :].any()


@pytest.mark.parametrize("samples", [1, 39, 81, 1000])
def test_any_length_becomes_frames_that_cover_it(model: Any, source: Path, samples: int) -> None:
    tokenizer, detokenizer = load_frozen_codec(source)
    frames = -(-samples // HOPS[model.config.model_type])
    codes = tokenizer.encode(noise(samples))
    assert codes.shape == (2, 3, frames) and codes.dtype == torch.int64
    assert detokenizer.decode(codes).shape == (2, 1, frames * HOPS[model.config.model_type])
    assert detokenizer.decode(codes[:, :1]).shape[-1] == frames * HOPS[model.config.model_type]
    assert detokenizer.decode(codes[..., :0]).shape == (2, 1, 0)


def test_each_half_is_alone_and_frozen(model: Any, source: Path) -> None:
    tokenizer, detokenizer = load_frozen_codec(source)
    assert not any(name.startswith("codec.decoder") for name in tokenizer.state_dict())
    assert not any(name.startswith("codec.encoder") for name in detokenizer.state_dict())
    for component in (tokenizer, detokenizer):
        assert not any(parameter.requires_grad for parameter in component.parameters())
        assert not any(module.training for module in component.train().modules())


@pytest.mark.parametrize("order", ["flattened", "delayed"])
def test_a_checkpoint_with_them_hears_and_sounds_as_they_do(
    model: Any, source: Path, order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "CORPUS_DOCUMENTS", 50)
    kind, base, whole = model.config.model_type, tmp_path / "base", tmp_path / "whole"
    codecs = ["--image-codec", "tiny", "--audio-codec", str(source), "--audio-codebooks", "2", "--audio-order", order]
    assert main(["base", *codecs, "--text-size", "300", "--output", str(base)]) == 0
    vocabulary = Vocabulary.load(base / "vocabulary.json")
    assert vocabulary.specs["audio"] == CodebookSpec("audio", 16, 2, sample_rate=2000, hop_length=HOPS[kind])
    torch.manual_seed(0)
    sizes: Any = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "max_position_embeddings": 256}
    heads: Any = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}
    Qwen3ForCausalLM(Qwen3Config(vocab_size=vocabulary.size, **sizes, **heads)).save_pretrained(tmp_path / "decoder")
    parts = ["--base", str(base), "--decoder", str(tmp_path / "decoder"), "--output", str(whole)]
    assert main(["checkpoint", *parts]) == 0

    unitok = UniTok.from_pretrained(whole)
    samples = noise(400, batch=1)
    answer = unitok.generate(Document.user(Audio(samples[0], 2000), "again"), modality="audio", seconds=0.4)[0]
    heard = unitok.processor.parse(unitok.processor.encode(answer)).turns[0].sounds[0].codes
    (sound,) = answer.turns[-1].sounds
    assert heard is not None and sound.codes is not None and sound.samples is not None
    with torch.no_grad():
        assert torch.equal(heard, expected_codes(model, samples, 2)[0])
        waveform = expected_samples(model, sound.codes[None])[0].clamp(-1, 1)
    assert sound.samples.shape[1] == HOPS[kind] * sound.codes.shape[1]
    torch.testing.assert_close(sound.samples[:, : waveform.shape[1]], waveform)


def test_streaming_gives_the_sound_of_the_whole(model: Any, source: Path) -> None:
    _, detokenizer = load_frozen_codec(source)
    codes = torch.randint(16, (1, 3, 30), generator=torch.Generator().manual_seed(0))
    whole, stream = detokenizer.decode(codes), AudioStream(detokenizer)
    pieces = [stream.push(chunk) for chunk in codes.split(7, dim=-1)]
    final = sum(piece.shape[-1] for piece in pieces)
    assert final == (whole.shape[-1] if isinstance(detokenizer, MimiAudioDetokenizer) else 0)
    assert torch.allclose(torch.cat([*pieces, stream.finish()], dim=-1), whole, atol=1e-5)


def test_mimi_sees_no_future() -> None:
    torch.manual_seed(0)
    causal = randomize(mimi())
    assert MimiAudioDetokenizer(copy.deepcopy(causal)).lookahead == 0
    assert MimiAudioDetokenizer(randomize(mimi(pad_mode="replicate"))).lookahead is None


# ---- what cannot be used


def test_what_has_no_place_here_is_one_clear_error(source: Path, model: Any, tmp_path: Path) -> None:
    kind = model.config.model_type
    with pytest.raises(InputError, match="1 to 3 codebooks, not 4"):
        load_frozen_codec(source, 4)
    if kind != "encodec":
        with pytest.raises(InputError, match=f"type '{kind}', not 'encodec'"):
            EncodecAudioTokenizer.from_transformers(source)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="'bert'; audio codecs are encodec, mimi, dac"):
        load_frozen_codec(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(model.config.to_dict()))
    with pytest.raises(InputError, match="cannot be read as"):
        load_frozen_codec(tmp_path)
    with pytest.raises(InputError, match="does not name the type"):
        load_frozen_codec(tmp_path / "absent")


@pytest.mark.parametrize(
    "changes", [{"audio_channels": 2}, {"normalize": True}, {"chunk_length_s": 1.0, "overlap": 0.01}]
)
def test_encodec_with_channels_or_chunks_is_refused(changes: dict[str, Any]) -> None:
    for kind in (EncodecAudioTokenizer, EncodecAudioDetokenizer):
        with pytest.raises(InputError, match="channels, chunks or a loudness"):
            kind(encodec(**changes))
