"""Training of the image tokenizer: quantizers, losses, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import ResNetConfig, ResNetModel

from unitok.data.pictures import FolderPictures, WorldPictures
from unitok.training.adversary import adaptive_weight, discriminator_loss
from unitok.training.discriminator import PatchDiscriminator
from unitok.training.image_tokenizer import ImageTokenizerModule
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok.training.perceptual import PerceptualLoss
from unitok.training.quantizers import (
    DROPPED,
    FiniteScalarQuantizer,
    ProductQuantizer,
    Quantizer,
    ResidualQuantizer,
    SimVectorQuantizer,
    VectorQuantizer,
    badly_served,
)
from unitok.training.refiner import RefinerConfig
from unitok.training.refiner_data import RefinerPairs
from unitok.training.run_folders import check_run_folders
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer, ImageTokenizerConfig

QUANTIZERS = {
    "vq": lambda: VectorQuantizer(size=16, channels=4),
    "vq euclidean": lambda: VectorQuantizer(size=16, channels=4, cosine=False, rotation_trick=False),
    "pq": lambda: ProductQuantizer(num_codebooks=2, size=16, channels=4),
    "rvq": lambda: ResidualQuantizer(num_codebooks=2, size=16, channels=4),
    "fsq": lambda: FiniteScalarQuantizer([4, 4]),
    "simvq": lambda: SimVectorQuantizer(size=16, channels=4),
}


def pictures(count: int) -> Tensor:
    """Two-colored pictures, which a few codes can tell apart."""
    generator = torch.Generator().manual_seed(0)
    colors = torch.rand(count, 3, 1, 2, generator=generator) * 2 - 1
    return colors.repeat_interleave(8, dim=3).expand(count, 3, 16, 16).contiguous()


def module(quantizer: Quantizer, **options: object) -> ImageTokenizerModule:
    torch.manual_seed(0)
    return ImageTokenizerModule(
        ImageTokenizerConfig(patch=4, widths=[16, 16], blocks=[0, 0]),
        ImageDetokenizerConfig(widths=[16, 16], blocks=[1, 0], patch=4),
        quantizer,
        optimizer=OptimizerConfig(lr=5e-3, weight_decay=0.0),
        schedule=ScheduleConfig(name="constant", warmup_steps=1),
        ema=0.9,
        **options,  # pyright: ignore[reportArgumentType]
    )


def fit(model: ImageTokenizerModule, folder: Path, steps: int) -> L.Trainer:
    batches = 16
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=max(1, steps // batches),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=max(1, steps // batches),
        default_root_dir=folder,
    )
    data = DataLoader(pictures(128), batch_size=8, shuffle=True)  # pyright: ignore[reportArgumentType]
    trainer.fit(model, data, DataLoader(pictures(32), batch_size=16))  # pyright: ignore[reportArgumentType]
    return trainer


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_quantizer_exports_codes_that_equal_its_own(name: str) -> None:
    torch.manual_seed(0)
    quantizer = QUANTIZERS[name]()
    x = torch.randn(4, 32, quantizer.config.width)
    quantizer.train()
    for _ in range(3):
        quantizer(x)
    quantizer.eval()
    with torch.no_grad():
        quantized, codes, loss = quantizer(x)
    codebook = quantizer.config.build()
    quantizer.fill(codebook)
    found = codebook.search(x.flatten(0, 1))
    assert torch.equal(found.view(codes.shape), codes)
    assert torch.allclose(codebook.lookup(found).view(x.shape), quantized, atol=1e-5)
    assert loss.ndim == 0 and bool(torch.isfinite(loss))


def test_codes_that_died_go_to_vectors_that_no_code_serves() -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(size=16, channels=4, dead_below=0.5).train()
    for _ in range(3):
        quantizer(torch.nn.functional.normalize(torch.randn(1, 64, 4), dim=-1))
    codebook = quantizer.inner._codebook
    served = quantizer.vectors()[0, :1]
    new = torch.nn.functional.normalize(-served + 0.01, dim=-1)  # the one vector in a hundred that is badly served
    vectors = torch.cat([served.expand(99, -1), new])[None]
    assert torch.equal(badly_served(codebook, vectors, 1)[0], new)
    assert len(badly_served(codebook, vectors, 200)[0]) == 200  # more dead codes than vectors


def test_codebooks_that_a_step_leaves_out_are_marked_and_not_decoded() -> None:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(num_codebooks=3, size=16, channels=4, quantize_dropout=True).train()
    x, kept = torch.randn(2, 64, 4), []
    for _ in range(20):
        before = quantizer.vectors().clone()
        quantized, codes, loss = quantizer(x)
        dropped = (codes == DROPPED).all(1).all(0)
        assert torch.equal(dropped, (codes == DROPPED).any(1).any(0))  # whole codebooks, the last ones
        kept.append(int((~dropped).sum()))
        first = before[0][codes[..., 0]]
        assert kept[-1] > 1 or len(kept) == 1 or torch.allclose(quantized, first, atol=1e-5)
        assert bool(torch.isfinite(loss))
    assert set(kept) == {1, 2, 3}
    assert not bool((quantizer.eval()(x)[1] == DROPPED).any())


def test_the_codes_of_all_residual_codebooks_come_to_be_used() -> None:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(num_codebooks=2, size=32, channels=4, decay=0.9, dead_below=0.5).train()
    silence = torch.zeros(1, 900, 4)  # most of the vectors are the same
    for _ in range(60):
        quantizer(torch.cat([silence, torch.randn(1, 100, 4)], dim=1))
    codes = quantizer.eval()(torch.randn(1, 1000, 4))[1]
    assert all(len(codes[..., k].unique()) > 24 for k in range(2))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_gradients_reach_the_encoder_through_every_quantizer(name: str) -> None:
    model = module(QUANTIZERS[name]()).model.train()
    output, _, loss = model(pictures(4))
    (output.square().mean() + loss).backward()
    gradient = model.encoder.project.weight.grad
    assert gradient is not None and float(gradient.norm()) > 0


def test_a_try_leaves_no_pictures(tmp_path: Path) -> None:
    model = module(VectorQuantizer(size=16, channels=4), export=str(tmp_path / "export"))
    trainer = L.Trainer(
        accelerator="cpu", fast_dev_run=True, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path,
    )  # fmt: skip
    data = DataLoader(pictures(8), batch_size=8)  # pyright: ignore[reportArgumentType]
    trainer.fit(model, data, data)
    assert "val/psnr" in trainer.callback_metrics
    assert not list(tmp_path.rglob("*"))


def test_training_learns_and_what_is_exported_reconstructs_alike(tmp_path: Path) -> None:
    model = module(VectorQuantizer(size=16, channels=4), export=str(tmp_path / "export"))
    trainer = fit(model, tmp_path, 64)
    psnr = float(trainer.callback_metrics["val/psnr"])
    assert psnr > 12
    assert 0 < float(trainer.callback_metrics["val/codes_used"]) <= 1
    assert 1 <= float(trainer.callback_metrics["val/perplexity"]) <= 16
    assert list((tmp_path / "pictures").glob("*.png"))
    tokenizer = ImageTokenizer.from_pretrained(tmp_path / "export" / "image_tokenizer")
    detokenizer = ImageDetokenizer.from_pretrained(tmp_path / "export" / "image_detokenizer")
    batch = pictures(8)
    with torch.no_grad():
        model.average.eval()
        expected, codes, _ = model.average.module(batch)
    found = tokenizer.encode(batch)
    assert torch.equal(found.flatten(2).transpose(1, 2), codes)
    assert torch.allclose(detokenizer.decode(found), expected.clamp(-1, 1), atol=1e-5)


def test_a_codec_is_exported_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "export"
    module(VectorQuantizer(size=16, channels=4)).export(folder)
    (folder / "image_tokenizer" / "README.md").write_text("a note")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    other = module(VectorQuantizer(size=32, channels=4))
    with monkeypatch.context() as patch:
        patch.setattr(ImageDetokenizer, "save_pretrained", full)
        with pytest.raises(InputError, match="image_detokenizer cannot be written: No space left"):
            other.export(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    other.export(folder)
    for name in ("image_tokenizer", "image_detokenizer"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    (tmp_path / "mine" / "image_detokenizer" / "thesis.txt").write_text("mine")
    taken = module(VectorQuantizer(size=16, channels=4), export=str(tmp_path / "mine"))
    trainer = quiet_trainer(tmp_path, max_steps=1)
    with pytest.raises(InputError, match="image_detokenizer holds something else than an exported tokenizer or"):
        check_run_folders(trainer, taken, goes_on=False)  # and not at the end of the run
    parts = (ImageTokenizer, "image_tokenizer"), (ImageDetokenizer, "image_detokenizer")
    assert all(part.from_pretrained(folder / name).spec.codebook_size == 32 for part, name in parts)
    assert (folder / "image_tokenizer" / "README.md").read_text() == "a note"
    assert sorted(path.name for path in folder.iterdir()) == ["image_detokenizer", "image_tokenizer"]


def two_tone_module(**options: object) -> ImageTokenizerModule:
    torch.manual_seed(0)
    return ImageTokenizerModule(
        ImageTokenizerConfig(patch=8, widths=[16], blocks=[1], kind="two_tone"),
        ImageDetokenizerConfig(widths=[16, 16], blocks=[1, 0], patch=4, kind="two_tone"),
        ProductQuantizer(num_codebooks=2, size=16, channels=4),
        optimizer=OptimizerConfig(lr=5e-3, weight_decay=0.0),
        schedule=ScheduleConfig(name="constant", warmup_steps=1),
        ema=0.9,
        **options,  # pyright: ignore[reportArgumentType]
    )


def test_a_codec_of_two_tones_is_trained_and_exported_at_the_end(tmp_path: Path) -> None:
    model = two_tone_module(export=str(tmp_path / "export"))
    trainer = fit(model, tmp_path, 64)
    assert float(trainer.callback_metrics["val/psnr"]) > 12
    assert float(trainer.callback_metrics["val/codes_used_1"]) == 1 / 16  # the patches are plain
    tokenizer = ImageTokenizer.from_pretrained(tmp_path / "export" / "image_tokenizer")
    detokenizer = ImageDetokenizer.from_pretrained(tmp_path / "export" / "image_detokenizer")
    assert tokenizer.spec.num_codebooks == 2 and tokenizer.spec == detokenizer.spec
    with torch.no_grad():
        model.average.eval()
        expected, codes, _ = model.average.module(pictures(8))
    found = tokenizer.encode(pictures(8))
    assert torch.equal(found.flatten(2).transpose(1, 2), codes)
    assert torch.allclose(detokenizer.decode(found), expected.clamp(-1, 1), atol=1e-5)


def test_two_tones_mix_any_pattern_with_any_colors() -> None:
    decoder = two_tone_module().model.decoder  # what the convolutions add is zero before training
    colors, patterns = torch.randn(2, 1, 4, 3, 3), torch.randn(2, 1, 4, 3, 3)
    with torch.no_grad():
        drawn = [[decoder(torch.cat([c, p], dim=1)) for p in patterns] for c in colors]
        ends = [decoder.colors(c).chunk(2, dim=1) for c in colors]
    shares = []
    for (first, second), row in zip(ends, drawn, strict=True):
        first, second = (one.repeat_interleave(8, -1).repeat_interleave(8, -2) for one in (first, second))
        shares.append([((one - first) * (second - first)).sum(1) / (second - first).square().sum(1) for one in row])
    for p in range(2):
        assert torch.allclose(shares[0][p], shares[1][p], atol=1e-4)  # one pattern in two pairs of colors
    assert not torch.allclose(shares[0][0], shares[0][1], atol=1e-2)


def test_two_tones_need_two_codebooks_side_by_side() -> None:
    with pytest.raises(InputError, match="two codebooks that concatenate"):
        ImageTokenizer(ImageTokenizerConfig(kind="two_tone"))


def module_of(**options: float) -> ImageTokenizerModule:
    """Of networks as they come."""
    return ImageTokenizerModule(quantizer=FiniteScalarQuantizer([4, 4]), **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImageTokenizerConfig(widths=[8, 8], blocks=[1]).build(), "a tokenizer of 2 widths has 1 blocks"),
        (lambda: ImageDetokenizerConfig(widths=[8], blocks=[1, 1]).build(), "a detokenizer of 1 widths has 2 blocks"),
        (lambda: RefinerConfig([30, 60]).build(), r"model\.unet\.groups, 8"),
        (lambda: RefinerConfig([32, 64], groups=0).build(), "groups must be at least 1"),
        (lambda: PatchDiscriminator(6), "multiple of 4 .* not 6 and 3"),
        (lambda: PatchDiscriminator(8, 0), "not 8 and 0"),
        (lambda: WorldPictures(least_objects=7), r"data\.least_objects must be from 1 to 6"),
        (lambda: FolderPictures("anywhere", size=0), r"data\.size must be at least 1"),
        (lambda: RefinerPairs("tiny", scenes=-1), r"data\.scenes, data\.textures, .* at least 0"),
        (lambda: module_of(ema=1.0), r"model\.ema must be at least 0 and below 1"),
        (lambda: module_of(clip=0.0), r"model\.clip must be above 0"),
    ],
)
def test_sizes_that_do_not_go_together_are_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def quiet_trainer(folder: Path, **options: int) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **options,  # pyright: ignore[reportArgumentType]
    )


def test_steps_that_are_not_finite_change_nothing_and_end_the_run(tmp_path: Path) -> None:
    model = module(FiniteScalarQuantizer([4, 4]))
    trainer = quiet_trainer(tmp_path, max_epochs=1)
    before = {name: value.clone() for name, value in model.model.named_parameters()}
    data = DataLoader(torch.full((128, 3, 16, 16), float("nan")), batch_size=8)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="steps in a row"):
        trainer.fit(model, data)
    assert all(torch.equal(value, before[name]) for name, value in model.model.named_parameters())


def test_a_discriminator_that_learns_does_not_hide_an_autoencoder_that_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = module(FiniteScalarQuantizer([4, 4]), discriminator=PatchDiscriminator(8, 2), discriminator_start=0)
    nothing = torch.tensor(float("nan"))
    monkeypatch.setattr(model, "reconstruction_loss", lambda output, batch: output.mean() * nothing)
    trainer = quiet_trainer(tmp_path, max_steps=500)
    data = DataLoader(pictures(128), batch_size=8)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="steps in a row"):
        trainer.fit(model, data)
    assert model.skipped_in_a_row["PatchDiscriminator"] == 0


def test_several_devices_are_refused() -> None:
    model = module(FiniteScalarQuantizer([4, 4]))
    model.trainer = SimpleNamespace(world_size=2)  # type: ignore[assignment]
    with pytest.raises(InputError, match=r"the trainer has 2; give --trainer\.devices 1"):
        model.on_fit_start()


def first_weight(model: ImageTokenizerModule) -> Tensor:
    assert model.discriminator is not None
    return next(model.discriminator.parameters()).detach()


def test_the_discriminator_is_heard_from_its_start_on(tmp_path: Path) -> None:
    model = module(FiniteScalarQuantizer([4, 4]), discriminator=PatchDiscriminator(8, 2), discriminator_start=4)
    first = first_weight(model).clone()
    trainer = fit(model, tmp_path, 32)
    assert not torch.equal(first_weight(model), first)
    assert "train/discriminator" in trainer.callback_metrics

    late = module(FiniteScalarQuantizer([4, 4]), discriminator=PatchDiscriminator(8, 2), discriminator_start=10**6)
    first = first_weight(late).clone()
    fit(late, tmp_path, 32)
    assert torch.equal(first_weight(late), first)


def test_discriminator_loss_is_lowest_where_it_tells_apart() -> None:
    apart, mixed = discriminator_loss(torch.ones(4), -torch.ones(4)), discriminator_loss(-torch.ones(4), torch.ones(4))
    assert float(apart) == 0 and float(mixed) == 2


def test_adaptive_weight_balances_the_pulls() -> None:
    weight = torch.ones(3, requires_grad=True)
    found = adaptive_weight((6 * weight).sum(), (2 * weight).sum(), weight)
    assert float(found) == pytest.approx(3, rel=1e-3)


def test_perceptual_loss_is_zero_for_equal_pictures_only(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ResNetModel(config).save_pretrained(tmp_path)
    loss = PerceptualLoss(str(tmp_path))
    one, other = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    assert float(loss(one, one)) == 0
    assert float(loss(one, other)) > 1e-4
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_encoder_and_decoder_must_shrink_and_enlarge_alike() -> None:
    with pytest.raises(InputError, match="enlarges them 4 times"):
        ImageTokenizerModule(
            ImageTokenizerConfig(patch=4, widths=[8, 8], blocks=[0, 0]),
            ImageDetokenizerConfig(widths=[8], blocks=[0], patch=4),
            FiniteScalarQuantizer([4, 4]),
        )


def test_a_detokenizer_is_trained_for_a_tokenizer_that_stays(tmp_path: Path) -> None:
    first = module(ProductQuantizer(num_codebooks=2, size=16, channels=4))
    fit(first, tmp_path, 32)
    first.export(tmp_path / "codec")
    torch.manual_seed(1)
    second = ImageTokenizerModule(
        detokenizer=ImageDetokenizerConfig(widths=[24, 16], blocks=[1, 1], patch=4),
        tokenizer_from=str(tmp_path / "codec"),
        optimizer=OptimizerConfig(name="muon", lr=5e-3),
        schedule=ScheduleConfig(name="constant", warmup_steps=1),
        ema=0.9,
        export_dtype="float16",
    )
    before = second.model.decoder.to_pixels.weight.clone()
    trainer = fit(second, tmp_path, 64)
    assert trainer.global_step > 0 and not torch.equal(second.model.decoder.to_pixels.weight, before)
    second.export(tmp_path / "new")
    folder = tmp_path / "new"
    assert (folder / "image_tokenizer" / "model.safetensors").read_bytes() == (
        tmp_path / "codec" / "image_tokenizer" / "model.safetensors"
    ).read_bytes()
    tokenizer = ImageTokenizer.from_pretrained(folder / "image_tokenizer")
    codes = tokenizer.encode(pictures(32))
    decoded = [
        ImageDetokenizer.from_pretrained(tmp_path / name / "image_detokenizer").decode(codes)
        for name in ("codec", "new")
    ]
    errors = [(one - pictures(32)).square().mean().item() for one in decoded]
    assert errors[1] < errors[0]


def test_a_tokenizer_that_stays_leaves_no_room_for_another(tmp_path: Path) -> None:
    first = module(VectorQuantizer(size=16, channels=4))
    first.export(tmp_path)
    with pytest.raises(InputError, match="tokenizer_from"):
        ImageTokenizerModule(quantizer=VectorQuantizer(), tokenizer_from=str(tmp_path))
    with pytest.raises(InputError, match="has no image_tokenizer/"):
        ImageTokenizerModule(tokenizer_from=str(tmp_path / "nothing"))


def test_validating_and_testing_leave_the_export_alone(tmp_path: Path) -> None:
    export = tmp_path / "export"
    fit(module(FiniteScalarQuantizer([4, 4]), export=str(export)), tmp_path, 16)
    weights = {path: path.read_bytes() for path in export.rglob("*.safetensors")}
    assert len(weights) == 2
    other, held_out = module(FiniteScalarQuantizer([4, 4]), export=str(export)), DataLoader(pictures(32), batch_size=16)  # pyright: ignore[reportArgumentType]
    found = quiet_trainer(tmp_path).validate(other, held_out) + quiet_trainer(tmp_path).test(other, held_out)
    assert all(path.read_bytes() == kept for path, kept in weights.items())
    assert {name.removeprefix("val/") for name in found[0]} == {name.removeprefix("test/") for name in found[1]}
    assert {"test/psnr", "test/ssim", "test/codes_used", "test/perplexity"} <= set(found[1])


def test_pictures_of_parts_of_codes_are_refused(tmp_path: Path) -> None:
    data = DataLoader(torch.zeros(8, 3, 16, 18), batch_size=8)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="16 x 18 pixels do not come apart into cells of 8;"):
        quiet_trainer(tmp_path, max_epochs=1).fit(module(FiniteScalarQuantizer([4, 4])), data)
