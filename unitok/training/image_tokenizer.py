"""Trains the image tokenizer and its detokenizer together, as one VQ-VAE.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unitok.evaluation.metrics import psnr, ssim
from unitok.training.codec import AutoEncoder, CodecModule
from unitok.training.kept_tokenizer import kept_tokenizer
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok.training.perceptual import PerceptualLoss
from unitok.training.quantizers import Quantizer, VectorQuantizer
from unitok.training.step_pictures import save_step_picture
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer, ImageTokenizerConfig
from unitok_tokenizers.image_io import to_pil


class ImageTokenizerModule(CodecModule):
    """A VQ-VAE with reconstruction, perceptual and adversarial losses.

    Args:
        tokenizer: the encoder; its ``codebook`` is taken from the quantizer.
        detokenizer: the decoder; likewise.
        quantizer: how vectors become codes.
        optimizer: of the autoencoder and, with its own state, of the discriminator.
        schedule: of their learning rates.
        l1_weight, l2_weight: of the absolute and the squared error of pixels.
        edge_weight: of the absolute error of differences between neighboring pixels, which keeps small shapes apart.
        perceptual: distance in a feature net's space, where one is at hand.
        perceptual_weight: of that distance.
        tokenizer_from: a codec, base or checkpoint (its folder, or the name of a shipped one) whose image tokenizer
            stays as it is: only a detokenizer is trained, for codes that decoders use already. It takes the place of
            ``tokenizer`` and ``quantizer``. Without ``detokenizer`` its own one is trained on.
        options: as for :class:`CodecModule`; its discriminator judges pictures ``[B, 3, H, W]`` in [-1, 1].
    """

    modality = "image"

    def __init__(
        self,
        tokenizer: ImageTokenizerConfig | None = None,
        detokenizer: ImageDetokenizerConfig | None = None,
        quantizer: Quantizer | None = None,
        optimizer: OptimizerConfig = OptimizerConfig(lr=1e-3, weight_decay=1e-4),  # noqa: B008 - frozen
        schedule: ScheduleConfig = ScheduleConfig(),  # noqa: B008
        l1_weight: float = 1.0,
        l2_weight: float = 4.0,
        edge_weight: float = 0.0,
        perceptual: PerceptualLoss | None = None,
        perceptual_weight: float = 1.0,
        tokenizer_from: str | None = None,
        **options: Any,
    ) -> None:
        kept = None
        if tokenizer_from is not None:
            classes = ImageTokenizer, ImageDetokenizer
            kept = kept_tokenizer(tokenizer_from, self.modality, classes, detokenizer, (tokenizer, quantizer))
            tokenizer, quantizer, detokenizer = kept.tokenizer.config, kept.quantizer, kept.detokenizer.config
        quantizer = quantizer or VectorQuantizer()
        tokenizer = replace(tokenizer or ImageTokenizerConfig(), codebook=quantizer.config)
        detokenizer = replace(detokenizer or ImageDetokenizerConfig(), codebook=quantizer.config)
        if tokenizer.downsample != detokenizer.upsample:
            raise InputError(
                f"the encoder shrinks pictures {tokenizer.downsample} times and the decoder enlarges them "
                f"{detokenizer.upsample} times: patch * 2 ** (stages - 1) must be equal"
            )
        encoder = tokenizer.build() if kept is None else kept.tokenizer.encoder
        decoder = detokenizer.build() if kept is None else kept.detokenizer.decoder
        model = AutoEncoder(encoder, quantizer, decoder)
        super().__init__(model, optimizer, schedule, kept=kept.tokenizer if kept else None, **options)
        self.tokenizer_config, self.detokenizer_config = tokenizer, detokenizer
        self.l1_weight, self.l2_weight, self.edge_weight = l1_weight, l2_weight, edge_weight
        self.perceptual, self.perceptual_weight = perceptual, perceptual_weight

    def reconstruction_loss(self, output: Tensor, batch: Tensor) -> Tensor:
        l1, l2 = F.l1_loss(output, batch), F.mse_loss(output, batch)
        loss = self.l1_weight * l1 + self.l2_weight * l2
        if self.edge_weight:
            loss = loss + self.edge_weight * edge_loss(output, batch)
        if self.perceptual is not None:
            perceptual = self.perceptual(output, batch)
            loss = loss + self.perceptual_weight * perceptual
            self.log("train/perceptual", perceptual)
        self.log("train/l1", l1)
        self.log("train/psnr", -10 * torch.log10(l2.detach() / 4 + 1e-10), prog_bar=True)
        return loss

    @property
    def last_weight(self) -> Tensor:
        return self.model.decoder.to_pixels.weight

    def refuse_other_media(self, batch: Tensor) -> None:
        height, width = batch.shape[-2:]
        cell = self.tokenizer_config.downsample
        if height % cell or width % cell:
            raise InputError(
                f"pictures of {height} x {width} pixels do not come apart into cells of {cell}; "
                f"give data.size a multiple of {cell}"
            )

    def judge_reconstructions(self, output: Tensor, batch: Tensor, batch_idx: int) -> None:
        self.log(f"{self.stage}/psnr", psnr(batch, output).mean(), prog_bar=True)
        self.log(f"{self.stage}/ssim", ssim(batch, output).mean())
        if batch_idx == 0:
            self._save_pictures(batch[:8], output[:8])

    def _save_pictures(self, originals: Tensor, outputs: Tensor) -> None:
        """Originals above their reconstructions, enlarged for a person to look at."""
        rows = [torch.cat(list(images), dim=-1) for images in (originals, outputs)]
        sheet = to_pil(torch.cat(rows, dim=-2).float().cpu())
        sheet = sheet.resize((2 * sheet.width, 2 * sheet.height), resample=0)
        save_step_picture(self.trainer, self.steps_done, sheet)

    def new_tokenizer(self) -> ImageTokenizer:
        return ImageTokenizer(self.tokenizer_config)

    def new_detokenizer(self) -> ImageDetokenizer:
        return ImageDetokenizer(self.detokenizer_config)


def edge_loss(images: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of the differences between neighboring pixels; pictures ``[B, 3, H, W]``."""
    return sum((images.diff(dim=d) - targets.diff(dim=d)).abs().mean() for d in (-1, -2)) / 2  # pyright: ignore[reportReturnType]
