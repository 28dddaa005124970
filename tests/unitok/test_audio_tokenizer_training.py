"""Training of the audio tokenizer: losses, discriminator, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from PIL import Image
from torch import Tensor

from unitok.data.sounds import FolderSounds, ToneSounds
from unitok.data.world_sounds import WorldSounds
from unitok.training.audio_losses import MelLoss, SpectralLoss
from unitok.training.audio_tokenizer import AudioTokenizerModule
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok.training.quantizers import ResidualQuantizer
from unitok.training.spectrogram_discriminator import SpectrogramDiscriminator
from unitok_detokenizers.audio import AudioDetokenizer, AudioDetokenizerConfig
from unitok_tokenizers.audio import AudioTokenizer, AudioTokenizerConfig
from unitok_tokenizers.errors import InputError


def noise(batch: int = 2, samples: int = 8000, seed: int = 0) -> Tensor:
    return torch.rand(batch, 1, samples, generator=torch.Generator().manual_seed(seed)) - 0.5


# ---- losses


@pytest.mark.parametrize("loss", [SpectralLoss(), MelLoss(16_000)])
def test_losses_are_zero_for_equal_sounds_only(loss: Any) -> None:
    sound, silence = noise(), torch.zeros(2, 1, 8000)
    assert float(loss(sound, sound)) == 0 == float(loss(silence, silence))
    quieter, half = float(loss(0.9 * sound, sound)), float(loss(0.5 * sound, sound))
    assert 0.01 < quieter < half < float(loss(silence, sound))
    assert float(loss(noise(seed=1), sound)) > 0.05


@pytest.mark.parametrize("loss", [SpectralLoss(), MelLoss(16_000)])
@pytest.mark.parametrize("level", [0.0, 1e-4, 1.0])
def test_gradients_of_losses_are_finite_for_silence_too(loss: Any, level: float) -> None:
    found = (level * noise()).requires_grad_()
    for target in (torch.zeros(2, 1, 8000), noise(seed=1)):
        loss(found, target).backward()
        assert found.grad is not None and bool(found.grad.isfinite().all())


def test_a_quiet_output_is_drawn_to_a_loud_target() -> None:
    found = (1e-5 * noise()).requires_grad_()
    SpectralLoss()(found, noise()).backward()
    assert found.grad is not None and float(found.grad.norm()) > 1e-3


# ---- discriminator


def test_the_discriminator_scores_every_resolution() -> None:
    torch.manual_seed(0)
    sounds = noise().requires_grad_()
    both, one = SpectrogramDiscriminator((512, 256), 4), SpectrogramDiscriminator((512,), 4)
    scores = both(sounds)
    assert scores.ndim == 2 and scores.shape[1] > one(sounds).shape[1] > 100
    scores.mean().backward()
    assert sounds.grad is not None and float(sounds.grad.norm()) > 0


# ---- training


def module(**options: Any) -> AudioTokenizerModule:
    torch.manual_seed(0)
    options.setdefault("schedule", ScheduleConfig(name="constant", warmup_steps=5))
    return AudioTokenizerModule(
        AudioTokenizerConfig(hop_length=320, width=32, blocks=[1, 0], mels=40),
        AudioDetokenizerConfig(hop_length=320, width=32, blocks=[0, 1]),
        ResidualQuantizer(2, size=32, channels=8, decay=0.9, dead_below=1.0, quantize_dropout=True),
        optimizer=OptimizerConfig(name="muon", lr=3e-3, muon_lr=1e-2, weight_decay=0.0),
        windows=(512, 128),
        ema=0.9,
        **options,
    )


def quiet_trainer(folder: Path, **options: Any) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        **options,
    )


def fit(model: AudioTokenizerModule, folder: Path, steps: int, ckpt_path: str | None = None) -> L.Trainer:
    trainer = quiet_trainer(folder, max_epochs=1, limit_train_batches=steps)
    trainer.fit(model, ToneSounds(sounds=4 * steps, validation=8, seconds=0.5, batch_size=4), ckpt_path=ckpt_path)
    return trainer


def test_training_learns_and_what_is_exported_reconstructs_alike(tmp_path: Path) -> None:
    untrained = module()
    batch = next(iter(ToneSounds(sounds=4, validation=8, seconds=0.5).val_dataloader()))
    with torch.no_grad():
        before = float(untrained.mel(untrained.average.module.eval()(batch)[0], batch))

    model = module(export=str(tmp_path / "export"))
    figures = fit(model, tmp_path, 60).callback_metrics
    with torch.no_grad():
        expected, codes, _ = model.average.module.eval()(batch)
        assert float(model.mel(expected, batch)) < 0.6 * before
    assert {"val/mel_distance", "val/si_sdr", "val/codes_used_0", "val/perplexity_1"} <= figures.keys()
    assert float(figures["val/codes_used_0"]) > 0.25
    picture = Image.open(next((tmp_path / "pictures").glob("*.png")))
    assert picture.width > picture.height > 2 * 160

    tokenizer = AudioTokenizer.from_pretrained(tmp_path / "export" / "audio_tokenizer")
    detokenizer = AudioDetokenizer.from_pretrained(tmp_path / "export" / "audio_detokenizer")
    assert tokenizer.spec == detokenizer.spec
    found = tokenizer.encode(batch)
    assert torch.equal(found.transpose(1, 2), codes)
    assert torch.allclose(detokenizer.decode(found), expected.clamp(-1, 1), atol=1e-5)
    assert detokenizer.decode(found[:, :1]).shape == expected.shape


def test_the_discriminator_is_heard_from_its_start_on(tmp_path: Path) -> None:
    model = module(discriminator=SpectrogramDiscriminator((256,), 4), discriminator_start=3)
    assert model.discriminator is not None
    first = next(model.discriminator.parameters()).detach().clone()
    figures = fit(model, tmp_path, 6).callback_metrics
    assert {"train/discriminator", "train/adversarial_weight"} <= figures.keys()
    assert not torch.equal(next(model.discriminator.parameters()).detach(), first)


def test_a_discriminator_takes_no_steps_from_the_trainer(tmp_path: Path) -> None:
    schedule = ScheduleConfig(name="cosine", warmup_steps=2, final_ratio=0.1)
    model = module(discriminator=SpectrogramDiscriminator((256,), 4), discriminator_start=4, schedule=schedule)
    trainer = quiet_trainer(tmp_path, max_steps=8, val_check_interval=4, check_val_every_n_epoch=None)
    trainer.fit(model, ToneSounds(sounds=32, validation=8, seconds=1.0, batch_size=4))
    assert 0 < float(trainer.callback_metrics["val/stoi"]) < 1  # of sounds that are long enough for it
    assert trainer.global_step == model.steps_done == 8
    assert sorted(path.stem for path in (tmp_path / "pictures").iterdir()) == ["step-000004", "step-000008"]
    codec, judge = trainer.optimizers
    for optimizer, peak in ((codec, 1e-2), (judge, 3e-3)):  # both end with the training
        assert max(group["lr"] for group in optimizer.param_groups) == pytest.approx(0.1 * peak)
    judged = trainer.optimizers[1].state_dict()["state"][0]["step"]
    assert int(judged) == 4


def test_tokenizer_and_detokenizer_must_have_one_rate() -> None:
    with pytest.raises(InputError, match="one rate and one hop_length"):
        AudioTokenizerModule(AudioTokenizerConfig(hop_length=320), AudioDetokenizerConfig(hop_length=640))


def going_on(codec: Path, **options: Any) -> AudioTokenizerModule:
    return AudioTokenizerModule(
        tokenizer_from=str(codec),
        optimizer=OptimizerConfig(name="muon", lr=3e-3, muon_lr=1e-2, weight_decay=0.0),
        schedule=ScheduleConfig(name="constant", warmup_steps=5),
        windows=(512, 128),
        ema=0.9,
        export_dtype="float16",
        **options,
    )


def test_a_detokenizer_goes_on_for_a_tokenizer_that_stays(tmp_path: Path) -> None:
    first = module(export_dtype="float16")
    fit(first, tmp_path, 20)
    first.export(tmp_path / "codec")
    second = going_on(tmp_path / "codec")
    sounds = next(iter(ToneSounds(sounds=4, validation=8, seconds=0.5).val_dataloader()))
    codes = AudioTokenizer.from_pretrained(tmp_path / "codec" / "audio_tokenizer").encode(sounds)
    with torch.no_grad():
        begun = second.average.module.eval()(sounds)[0].clamp(-1, 1)
    decoded = AudioDetokenizer.from_pretrained(tmp_path / "codec" / "audio_detokenizer").decode(codes)
    torch.testing.assert_close(begun, decoded)
    fit(second, tmp_path, 40)
    second.export(tmp_path / "new")
    old, new = (tmp_path / name / "audio_tokenizer" / "model.safetensors" for name in ("codec", "new"))
    assert old.read_bytes() == new.read_bytes()
    later = AudioDetokenizer.from_pretrained(tmp_path / "new" / "audio_detokenizer")
    for books in (1, 2):
        one = AudioDetokenizer.from_pretrained(tmp_path / "codec" / "audio_detokenizer").decode(codes[:, :books])
        assert float(first.mel(later.decode(codes[:, :books]), sounds)) < 0.95 * float(first.mel(one, sounds))


def test_a_kept_encoder_finds_the_codes_of_its_tokenizer_in_lower_precision(tmp_path: Path) -> None:
    first = module()
    fit(first, tmp_path, 1)
    first.export(tmp_path)
    sounds = next(iter(ToneSounds(sounds=4, validation=64, seconds=0.5, batch_size=64).val_dataloader()))
    codes = AudioTokenizer.from_pretrained(tmp_path / "audio_tokenizer").encode(sounds)
    model = going_on(tmp_path).model.eval()
    with torch.autocast("cpu", torch.bfloat16):
        output, found, _ = model(sounds)
    assert torch.equal(found.transpose(1, 2), codes) and output.requires_grad


def test_a_start_with_another_tokenizer_is_refused(tmp_path: Path) -> None:
    for steps, name in enumerate(("one", "other")):
        first = module()
        fit(first, tmp_path / name, steps + 1)
        first.export(tmp_path / name)
        fit(going_on(tmp_path / name), tmp_path / name / "run", 2).save_checkpoint(tmp_path / f"{name}.ckpt")
    own, others = str(tmp_path / "one.ckpt"), str(tmp_path / "other.ckpt")
    going_on(tmp_path / "one", init_from=own)
    with pytest.raises(InputError, match=r"other\.ckpt has another tokenizer than model"):
        going_on(tmp_path / "one", init_from=others)
    with pytest.raises(InputError, match="--ckpt_path: its training has another tokenizer"):
        fit(going_on(tmp_path / "one"), tmp_path / "again", 4, ckpt_path=others)


def test_in_training_later_codebooks_are_left_out_now_and_then(tmp_path: Path) -> None:
    module().export(tmp_path)
    quantizer = going_on(tmp_path).model.quantizer
    torch.manual_seed(0)
    quantizer.codebook.vectors.normal_()  # type: ignore[union-attr, operator]
    x = torch.randn(1, 5, 8)
    codes = quantizer.eval()(x)[1]
    alone, both = (quantizer.codebook.lookup(codes[0, :, :books])[None] for books in (1, 2))  # type: ignore[operator]
    outputs = [quantizer.train()(x)[0] for _ in range(60)]
    left_out = sum(torch.equal(output, alone) for output in outputs)
    assert sum(torch.equal(output, both) for output in outputs) == 60 - left_out and 3 <= left_out <= 20
    assert all(torch.equal(quantizer.eval()(x)[0], both) for _ in range(20))


def test_a_tokenizer_that_stays_leaves_no_room_for_another(tmp_path: Path) -> None:
    module().export(tmp_path)
    with pytest.raises(InputError, match="tokenizer_from"):
        AudioTokenizerModule(quantizer=ResidualQuantizer(2), tokenizer_from=str(tmp_path))
    with pytest.raises(InputError, match="has no audio_tokenizer/"):
        AudioTokenizerModule(tokenizer_from=str(tmp_path / "nothing"))
    (tmp_path / "audio_detokenizer").rename(tmp_path / "gone")
    with pytest.raises(InputError, match="has no audio_detokenizer/ to go on with"):
        AudioTokenizerModule(tokenizer_from=str(tmp_path))


def test_half_precision_halves_the_files_and_is_read_as_float32(tmp_path: Path) -> None:
    sizes = {}
    for dtype in ("float32", "float16"):
        module(export_dtype=dtype).export(tmp_path / dtype)
        sizes[dtype] = sum(path.stat().st_size for path in (tmp_path / dtype).rglob("*.safetensors"))
    assert sizes["float16"] < 0.6 * sizes["float32"]
    half, full = (AudioTokenizer.from_pretrained(tmp_path / dtype / "audio_tokenizer") for dtype in reversed(sizes))
    assert {value.dtype for value in half.state_dict().values() if value.is_floating_point()} == {torch.float32}
    for one, other in zip(half.parameters(), full.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    half.save_pretrained(tmp_path / "again")
    again, first = (tmp_path / name / "model.safetensors" for name in ("again", "float16/audio_tokenizer"))
    assert again.read_bytes() == first.read_bytes()


def test_sounds_of_another_rate_and_of_parts_of_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"16000 samples a second and the data 24000; give --data\.sample_rate 16000"):
        quiet_trainer(tmp_path, max_steps=1).fit(module(), ToneSounds(24_000, sounds=8, validation=8, seconds=0.5))
    with pytest.raises(InputError, match=r"1600\d samples do not come apart into frames of 320; .* of 0\.02"):
        quiet_trainer(tmp_path, max_steps=1).fit(module(), ToneSounds(sounds=8, validation=8, seconds=1.0001))


def test_half_precision_with_scaled_gradients_is_refused(tmp_path: Path) -> None:
    data = ToneSounds(sounds=8, validation=8, seconds=0.5)
    with pytest.raises(InputError, match=r"--trainer\.precision bf16-mixed"):
        quiet_trainer(tmp_path, max_steps=1, precision="16-true").fit(module(), data)


def test_pieces_without_samples_are_refused() -> None:
    for make in (ToneSounds, WorldSounds, lambda **options: FolderSounds("x", **options)):
        with pytest.raises(InputError, match=r"data\.seconds and data\.validation_seconds must be above 0"):
            make(seconds=0.0)
