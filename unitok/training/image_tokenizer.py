"""Trains the image tokenizer and its detokenizer together, as one VQ-VAE.

Shape letters: B batch, H W pixels, h w code grid, n = h * w positions, K codebooks, V codes, C channels of a code.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

from unitok.training.discriminator import PatchDiscriminator, adaptive_weight, discriminator_loss
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig, build_optimizer, build_schedule
from unitok.training.perceptual import PerceptualLoss
from unitok.training.quantizers import Quantizer, VectorQuantizer
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer, ImageTokenizerConfig
from unitok_tokenizers.image_io import save_image, to_pil

MAX_SKIPPED_IN_A_ROW = 10


class AutoEncoder(nn.Module):
    """Encoder, quantizer and decoder."""

    def __init__(
        self, tokenizer: ImageTokenizerConfig, detokenizer: ImageDetokenizerConfig, quantizer: Quantizer
    ) -> None:
        super().__init__()
        if tokenizer.downsample != detokenizer.upsample:
            raise ValueError(
                f"the encoder shrinks pictures {tokenizer.downsample} times and the decoder enlarges them "
                f"{detokenizer.upsample} times: patch * 2 ** (stages - 1) must be equal"
            )
        self.encoder = tokenizer.build()
        self.quantizer = quantizer
        self.decoder = detokenizer.build()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures ``[B, 3, H, W]`` to their reconstructions, codes ``[B, n, K]`` and the quantizer's loss."""
        x = self.encoder(images)
        batch, channels, height, width = x.shape
        with torch.autocast(x.device.type, enabled=False):  # bf16 would pick other codes for some vectors
            flat = x.float().permute(0, 2, 3, 1).reshape(batch, height * width, channels)
            quantized, codes, loss = self.quantizer(flat)
        grid = quantized.to(x.dtype).view(batch, height, width, channels).permute(0, 3, 1, 2)
        return self.decoder(grid), codes, loss


class ImageTokenizerModule(L.LightningModule):
    """A VQ-VAE with reconstruction, perceptual and adversarial losses.

    Args:
        tokenizer: the encoder; its ``codebook`` is taken from the quantizer.
        detokenizer: the decoder; likewise.
        quantizer: how vectors become codes.
        optimizer: of the autoencoder and, with its own state, of the discriminator.
        schedule: of their learning rates.
        clip: largest norm of the gradient.
        ema: decay of the moving average of the weights that is validated and exported.
        l1_weight, l2_weight: of the absolute and the squared error of pixels.
        edge_weight: of the absolute error of differences between neighboring pixels, which keeps small shapes apart.
        perceptual: distance in a feature net's space, where one is at hand.
        perceptual_weight: of that distance.
        discriminator: judges whether patches are real; None trains without.
        discriminator_start: first step at which the discriminator is heard.
        discriminator_weight: of the adversarial loss, on top of its adaptive weight.
        init_from: a Lightning checkpoint of this module with the same networks, to start from its weights.
        export: folder that receives ``image_tokenizer/`` and ``image_detokenizer/``: after each validation, at the end.
    """

    def __init__(
        self,
        tokenizer: ImageTokenizerConfig | None = None,
        detokenizer: ImageDetokenizerConfig | None = None,
        quantizer: Quantizer | None = None,
        optimizer: OptimizerConfig = OptimizerConfig(lr=1e-3, weight_decay=1e-4),  # noqa: B008 - frozen
        schedule: ScheduleConfig = ScheduleConfig(),  # noqa: B008
        clip: float = 1.0,
        ema: float = 0.998,
        l1_weight: float = 1.0,
        l2_weight: float = 4.0,
        edge_weight: float = 0.0,
        perceptual: PerceptualLoss | None = None,
        perceptual_weight: float = 1.0,
        discriminator: PatchDiscriminator | None = None,
        discriminator_start: int = 5000,
        discriminator_weight: float = 0.5,
        export: str | None = None,
        init_from: str | None = None,
    ) -> None:
        super().__init__()
        quantizer = quantizer or VectorQuantizer()
        self.tokenizer_config = replace(tokenizer or ImageTokenizerConfig(), codebook=quantizer.config)
        self.detokenizer_config = replace(detokenizer or ImageDetokenizerConfig(), codebook=quantizer.config)
        self.model = AutoEncoder(self.tokenizer_config, self.detokenizer_config, quantizer)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(ema), use_buffers=False)
        self.optimizer_config, self.schedule_config, self.clip = optimizer, schedule, clip
        self.l1_weight, self.l2_weight, self.edge_weight = l1_weight, l2_weight, edge_weight
        self.perceptual, self.perceptual_weight = perceptual, perceptual_weight
        self.discriminator = discriminator
        self.discriminator_start, self.discriminator_weight = discriminator_start, discriminator_weight
        self.export_folder = export
        self.automatic_optimization = False  # two optimizers that take turns
        if init_from:
            self._start_from(init_from)
        self.skipped_in_a_row = 0
        self.code_counts = torch.zeros(quantizer.config.num_codebooks, quantizer.config.size)

    def _start_from(self, path: str) -> None:
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        except (OSError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
            raise InputError(f"model.init_from: {path} is not a Lightning checkpoint: {error}") from None
        averaged = {
            name.removeprefix("average.module."): w for name, w in saved.items() if name.startswith("average.m")
        }
        try:
            self.model.load_state_dict(averaged)
        except RuntimeError as error:
            raise InputError(f"model.init_from: {path} has other networks: {error}") from None
        self.average.module.load_state_dict(averaged)

    def configure_optimizers(self) -> Any:
        total = self.schedule_config.total_steps or self.trainer.max_steps
        if total < 1 and self.schedule_config.name != "constant":
            raise InputError("the learning rate's schedule needs trainer.max_steps (or model.schedule.total_steps)")
        ends = [*self.model.decoder.ends, *self.model.encoder.ends]
        optimizers = [build_optimizer(self.model, self.optimizer_config, ends)]
        if self.discriminator is not None:
            optimizers.append(build_optimizer(self.discriminator, replace(self.optimizer_config, name="adamw")))
        return optimizers, [build_schedule(o, self.schedule_config, total) for o in optimizers]

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        optimizers, schedulers = self._list(self.optimizers()), self._list(self.lr_schedulers())
        output, codes, quantizer_loss = self.model(batch)
        output = output.float()
        l1, l2 = F.l1_loss(output, batch), F.mse_loss(output, batch)
        reconstruction = self.l1_weight * l1 + self.l2_weight * l2
        if self.edge_weight:
            reconstruction = reconstruction + self.edge_weight * edge_loss(output, batch)
        if self.perceptual is not None:
            perceptual = self.perceptual(output, batch)
            reconstruction = reconstruction + self.perceptual_weight * perceptual
            self.log("train/perceptual", perceptual)
        loss = reconstruction + quantizer_loss
        judge = self.discriminator if self.steps_done >= self.discriminator_start else None
        if judge is not None:
            adversarial = -judge(output).float().mean()
            weight = adaptive_weight(reconstruction, adversarial, self.model.decoder.to_pixels.weight)
            loss = loss + self.discriminator_weight * weight * adversarial
            self.log_dict({"train/adversarial": adversarial, "train/adversarial_weight": weight})
        self._step(optimizers[0], schedulers[0], loss, self.model)
        self.average.update_parameters(self.model)
        for name, buffer in self.model.named_buffers():  # the codebook is an average already
            self.average.module.get_buffer(name).copy_(buffer)
        if judge is not None:
            loss_d = discriminator_loss(judge(batch).float(), judge(output.detach()).float())
            self._step(optimizers[1], schedulers[1], loss_d, judge)
            self.log("train/discriminator", loss_d)
        used = len(codes[..., 0].unique())
        psnr = -10 * torch.log10(l2.detach() / 4 + 1e-10)
        values = {"l1": l1, "quantizer": quantizer_loss, "batch_codes": float(used)}
        self.log_dict({f"train/{k}": v for k, v in values.items()})
        self.log("train/psnr", psnr, prog_bar=True)

    @property
    def steps_done(self) -> int:
        """Updates of the autoencoder so far."""
        return int(self.average.n_averaged)

    @staticmethod
    def _list(value: Any) -> list[Any]:
        return list(value) if isinstance(value, (list, tuple)) else [value]

    def _step(self, optimizer: Any, scheduler: Any, loss: Tensor, module: nn.Module) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        norm = nn.utils.clip_grad_norm_(module.parameters(), self.clip)
        if torch.isfinite(norm):
            optimizer.step()
            self.skipped_in_a_row = 0
        else:
            self.skipped_in_a_row += 1
            self.log("train/skipped", 1.0, reduce_fx="sum")
            if self.skipped_in_a_row == MAX_SKIPPED_IN_A_ROW:
                raise InputError(
                    f"{MAX_SKIPPED_IN_A_ROW} steps in a row had gradients that are not finite; lower the learning "
                    "rate, or look for broken pictures in the data"
                )
        scheduler.step()

    def on_validation_epoch_start(self) -> None:
        self.code_counts.zero_()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        output, codes, _ = self.average.module(batch)
        output = output.float().clamp(-1, 1)
        mse = (output - batch).square().mean((1, 2, 3)) / 4
        self.log("val/psnr", (-10 * torch.log10(mse + 1e-10)).mean(), prog_bar=True)
        similarity = ssim(output, batch, data_range=2.0)
        self.log("val/ssim", similarity if isinstance(similarity, Tensor) else similarity[0])
        for k in range(codes.shape[-1]):
            counts = torch.bincount(codes[..., k].flatten(), minlength=self.code_counts.shape[1])
            self.code_counts[k] += counts.cpu()
        if batch_idx == 0:
            self._save_pictures(batch[:8], output[:8])

    def on_validation_epoch_end(self) -> None:
        share = self.code_counts / self.code_counts.sum(1, keepdim=True).clamp(min=1)
        entropy = -(share * share.clamp(min=1e-12).log()).sum(1)
        for k in range(len(share)):
            suffix = f"_{k}" if len(share) > 1 else ""
            self.log(f"val/codes_used{suffix}", (self.code_counts[k] > 0).float().mean(), prog_bar=k == 0)
            self.log(f"val/perplexity{suffix}", entropy[k].exp())
        if self.export_folder and not self.trainer.sanity_checking:
            self.export(self.export_folder)

    def on_train_end(self) -> None:
        if self.export_folder:  # the last validation may lie well before the last step
            self.export(self.export_folder)

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validation_step(batch, batch_idx)

    def _save_pictures(self, originals: Tensor, outputs: Tensor) -> None:
        """Originals above their reconstructions, enlarged for a person to look at."""
        rows = [torch.cat(list(images), dim=-1) for images in (originals, outputs)]
        sheet = to_pil(torch.cat(rows, dim=-2).float().cpu())
        folder = Path(self.trainer.default_root_dir) / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        sheet = sheet.resize((2 * sheet.width, 2 * sheet.height), resample=0)
        save_image(sheet, folder / f"step-{self.steps_done:06d}.png", overwrite=True)

    def tokenizer(self) -> ImageTokenizer:
        """The averaged encoder and codebook as a tokenizer that stands alone."""
        averaged: Any = self.average.module
        tokenizer = ImageTokenizer(self.tokenizer_config)
        tokenizer.encoder.load_state_dict(averaged.encoder.state_dict())
        averaged.quantizer.fill(tokenizer.codebook)
        return tokenizer.eval()

    def detokenizer(self) -> ImageDetokenizer:
        """The averaged decoder and codebook as a detokenizer that stands alone."""
        averaged: Any = self.average.module
        detokenizer = ImageDetokenizer(self.detokenizer_config)
        detokenizer.decoder.load_state_dict(averaged.decoder.state_dict())
        averaged.quantizer.fill(detokenizer.codebook)
        return detokenizer.eval()

    def export(self, folder: str | Path) -> None:
        """Write ``image_tokenizer/`` and ``image_detokenizer/`` into ``folder``."""
        self.tokenizer().save_pretrained(Path(folder) / "image_tokenizer")
        self.detokenizer().save_pretrained(Path(folder) / "image_detokenizer")


def edge_loss(images: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of the differences between neighboring pixels; pictures ``[B, 3, H, W]``."""
    return sum((images.diff(dim=d) - targets.diff(dim=d)).abs().mean() for d in (-1, -2)) / 2  # pyright: ignore[reportReturnType]
