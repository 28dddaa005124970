"""Trains the refiner: pairs of a picture at double size and what the image codec makes of it.

Shape letters: B batch, H W pixels of the large picture.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn

from unitok.evaluation.metrics import psnr, sharpness
from unitok.training.ema import averaged_weights
from unitok.training.exports import REFINER, Kind, replaced
from unitok.training.guards import is_tried, is_validated_in_training, refuse_several_devices
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig, build_optimizer, build_schedule, total_steps
from unitok.training.step_pictures import save_step_picture
from unitok_detokenizers.refiner import RefinerPipeline, enlarge, load_refiner, predict
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import to_pil

LEAST_TIME = 0.3
"""Up to this time of the flow errors weigh alike; a velocity's would weigh ever more."""

SHIFT = 0.15
"""Of the flow's steps towards its end: four are at 1, 0.31, 0.13 and 0.05. Where the network predicts the picture, the
middle of the flow, in which details are made up, costs more than it gives."""


@dataclass(frozen=True)
class RefinerConfig:
    """The U-Net.

    Args:
        widths: Channels of each resolution; a multiple of `groups`. The picture is halved between two of them.
        layers: Residual blocks of each.
        groups: Of the group norms.
    """

    widths: list[int] = field(default_factory=lambda: [32, 64, 96])
    layers: int = 2
    groups: int = 8

    def build(self) -> UNet2DModel:
        """Without attention, so that it takes pictures of any size, at a cost in proportion to it.

        It begins as one that adds nothing.
        """
        count = len(self.widths)
        if min(self.groups, self.layers, count, *self.widths) < 1:
            raise InputError("model.unet: widths, layers and groups must be at least 1")
        if any(width % self.groups for width in self.widths):
            raise InputError(f"model.unet.widths {self.widths} must be multiples of model.unet.groups, {self.groups}")
        unet = UNet2DModel(
            in_channels=6,
            out_channels=3,
            block_out_channels=tuple(self.widths),
            down_block_types=("DownBlock2D",) * count,
            up_block_types=("UpBlock2D",) * count,
            layers_per_block=self.layers,
            norm_num_groups=self.groups,
            add_attention=False,
        )
        for parameter in unet.conv_out.parameters():
            nn.init.zeros_(parameter)
        return unet


class RefinerModule(L.LightningModule):
    """Flow matching from noise to the large picture, given the small one enlarged.

    Args:
        unet: The network.
        optimizer: Of its weights.
        schedule: Of the learning rate.
        noisy_share: How often the flow's time is drawn from its first half, where the picture is still to be decided,
            beyond a uniform draw.
        steps: Steps of the flow in validation.
        export: Folder that receives the refiner after each validation and at the end.
        export_dtype: Of the exported weights: `float32`, or `float16` for half the size. They are read as float32.
        init_from: Folder of an exported refiner of the same network, to start from its weights.
    """

    def __init__(
        self,
        unet: RefinerConfig = RefinerConfig(),
        optimizer: OptimizerConfig = OptimizerConfig(lr=1e-3, weight_decay=1e-3),  # noqa: B008
        schedule: ScheduleConfig = ScheduleConfig(),  # noqa: B008
        noisy_share: float = 0.5,
        steps: int = 4,
        export: str | None = None,
        export_dtype: Literal["float32", "float16"] = "float32",
        init_from: str | None = None,
    ) -> None:
        super().__init__()
        self.unet = unet.build()
        if init_from is not None:
            _start_from(self.unet, init_from)
        self.optimizer_config, self.schedule_config = optimizer, schedule
        self.noisy_share, self.steps, self.export_folder = noisy_share, steps, export
        self.export_dtype = getattr(torch, export_dtype)

    def configure_optimizers(self) -> Any:
        optimizer = build_optimizer(self.unet, self.optimizer_config, [*self.unet.conv_out.parameters()])
        schedule = build_schedule(optimizer, self.schedule_config, total_steps(self.schedule_config, self))
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        large, small = batch
        multiple = 2 ** (len(self.unet.config["block_out_channels"]) - 1)
        if large.shape[-1] % multiple:
            raise InputError(
                f"data.crop: pictures of twice its side, {large.shape[-1]} pixels, are not multiples of {multiple}, as "
                "this network's levels need; give another"
            )
        time = torch.rand(len(large), device=large.device)  # 1: noise, 0: the picture
        time = torch.where(torch.rand_like(time) < self.noisy_share, (1 + time) / 2, time)
        noise, at = torch.randn_like(large), time.view(-1, 1, 1, 1)
        picture = predict(self.unet, large.lerp(noise, at), enlarge(small), 1000 * time)
        # The error of the velocity, but for the bound.
        loss = ((picture - large) / at.clamp(min=LEAST_TIME)).square().mean()
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        large, small = batch
        stage = "test" if self.trainer.testing else "val"
        pipeline: Any = self.pipeline()
        refined = pipeline(small, self.steps, _generators(large), "pt", return_dict=False)[0]
        bicubic = enlarge(small)
        self.log(f"{stage}/psnr", psnr(large, refined).mean(), prog_bar=True)
        self.log(f"{stage}/gain", (psnr(large, refined) - psnr(large, bicubic)).mean(), prog_bar=True)
        self.log(f"{stage}/sharpness", sharpness(refined, large).mean(), prog_bar=True)
        self.log(f"{stage}/sharpness_bicubic", sharpness(bicubic, large).mean())
        if batch_idx == 0:
            rows = [torch.cat(list(images[:6]), dim=-1) for images in (bicubic, refined, large)]
            save_step_picture(self.trainer, self.global_step, to_pil(torch.cat(rows, dim=-2).float().cpu()))

    def on_fit_start(self) -> None:
        refuse_several_devices(self.trainer)

    def on_validation_epoch_end(self) -> None:
        if is_validated_in_training(self.trainer):
            self.export()

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.validation_step(batch, batch_idx)

    def on_train_end(self) -> None:
        if is_tried(self.trainer):
            return
        with averaged_weights(self.trainer, self):
            self.export()  # the last validation may lie well before the last step

    def exports(self, folder: str | Path) -> list[tuple[Path, Kind]]:
        """What stands in ``folder`` when the refiner is exported: the folder itself."""
        return [(Path(folder), REFINER)]

    def export(self) -> None:
        """Writes the refiner as it is now, where a folder is named."""
        if self.export_folder:
            unet = copy.deepcopy(self.unet).to(self.export_dtype)
            with replaced(self.export_folder, REFINER) as work:
                _pipeline(unet).save_pretrained(work)

    def pipeline(self) -> RefinerPipeline:
        """The refiner as it is now."""
        return _pipeline(self.unet)


def _pipeline(unet: UNet2DModel) -> RefinerPipeline:
    pipeline = RefinerPipeline(unet, FlowMatchEulerDiscreteScheduler(shift=SHIFT))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _start_from(unet: UNet2DModel, folder: str) -> None:
    trained: Any = load_refiner(folder).unet
    try:
        unet.load_state_dict(trained.state_dict())
    except RuntimeError:
        raise InputError(f"model.init_from: {folder} has another network; give model.unet its widths") from None


def _generators(pictures: Tensor) -> list[torch.Generator]:
    """One for each picture, the same each time."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in range(len(pictures))]
