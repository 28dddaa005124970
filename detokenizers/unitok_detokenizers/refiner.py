"""An optional second stage: a picture from the image detokenizer becomes one of twice the size, sharper.

A flow from noise to the picture (Lipman et al. 2022, Liu et al. 2022), given the detokenizer's picture: a U-Net of
`diffusers` sees the noisy picture beside the enlarged one and predicts the picture, as what is to be added to the
enlarged one. The velocity ``noise - picture`` follows from that (Li and He 2025); if it had to predict the velocity, a
small network would spend itself on repeating the noise.

What is in the picture stays, whatever the network says: of the four pixels that one becomes, the mean is that one, but
for a share of the contrast around it (a looser form of the consistency of Bahat and Michaeli 2020). Where nothing is,
nothing can come about; an edge may be mended.

Shape letters: B batch, H W pixels of the picture that is given.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.utils import logging
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image as PILImage
from torch import Tensor
from torch.nn import functional as F

from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import to_pil, to_tensor
from unitok_tokenizers.layers import pad_to_multiple

SCALE = 2
DETAIL = 0.1
"""About what is to be added to an enlarged picture; the network's outcome is in units of it."""

LEEWAY = 0.2
"""Share of the contrast around a pixel by which the mean of what it becomes may differ from it."""

CRISPNESS = 1.03
"""By which detail is enhanced: the network gives the mean of what may be there, which is softer than each of it."""

Generators = torch.Generator | list[torch.Generator]
StepEnd = Callable[["RefinerPipeline", int, Tensor, dict[str, Tensor]], dict[str, Tensor]]


def enlarge(pixels: Tensor) -> Tensor:
    """Pictures ``[B, 3, H, W]`` in [-1, 1] at twice the size, by bicubic interpolation."""
    return F.interpolate(pixels, scale_factor=SCALE, mode="bicubic", align_corners=False).clamp(-1, 1)


def predict(unet: UNet2DModel, noisy: Tensor, enlarged: Tensor, timestep: Tensor) -> Tensor:
    """The picture ``[B, 3, 2H, 2W]`` that the network sees in a noisy one.

    Args:
        unet: As of :class:`RefinerPipeline`.
        noisy: ``[B, 3, 2H, 2W]``.
        enlarged: ``[B, 3, 2H, 2W]``, the picture that is refined, as :func:`enlarge` gives it.
        timestep: From 0, no noise, to 1000, nothing else; one, or one for each picture.
    """
    network: Any = unet
    added = network(torch.cat([noisy, enlarged], dim=1).to(network.dtype), timestep).sample
    return enlarged + DETAIL * added.to(enlarged.dtype)


def keep(picture: Tensor, given: Tensor) -> Tensor:
    """A picture ``[B, 3, 2H, 2W]`` of which nothing but detail departs from the one given, ``[B, 3, H, W]``."""
    around = F.pad(given, (1, 1, 1, 1), mode="replicate")
    contrast = F.max_pool2d(around, 3, stride=1) + F.max_pool2d(-around, 3, stride=1)
    change = F.avg_pool2d(picture, SCALE) - given
    too_much = change - change.clamp(-LEEWAY * contrast, LEEWAY * contrast)
    return picture - F.interpolate(too_much, scale_factor=SCALE, mode="nearest")


class RefinerPipeline(DiffusionPipeline):
    """Pictures to pictures of twice their size, in the manner of a `diffusers` pipeline.

    Args:
        unet: From 6 channels (the noisy picture and the enlarged one) to 3 (what is added to the enlarged one, in
            units of :data:`DETAIL`).
        scheduler: Euler steps of flow matching; schedulers with flow sigmas, such as UniPC's and DPM-Solver's
            (``use_flow_sigmas=True, prediction_type="flow_prediction"``), can take its place.
    """

    def __init__(self, unet: UNet2DModel, scheduler: FlowMatchEulerDiscreteScheduler) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        image: PILImage.Image | Sequence[PILImage.Image] | Tensor,
        num_inference_steps: int = 4,
        generator: Generators | None = None,
        output_type: Literal["pil", "pt", "np"] = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepEnd | None = None,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Refine pictures.

        Args:
            image: RGB pictures of one size, or a tensor ``[B, 3, H, W]`` in [-1, 1].
            num_inference_steps: Steps of the flow, at least 1.
            generator: Where the noise comes from; a list has one for each picture, whose result then does not depend
                on the others.
            output_type: ``"pil"``: pictures; ``"pt"``: a tensor ``[B, 3, 2H, 2W]`` in [-1, 1]; ``"np"``: an array
                ``[B, 2H, 2W, 3]`` in [0, 1].
            return_dict: Whether an ``ImagePipelineOutput`` is returned instead of a tuple.
            callback_on_step_end: Called behind each step with the pipeline, the step, the timestep and
                ``{"latents": ...}``, and may return other ``latents``.

        Raises:
            InputError: An argument is out of range.
        """
        if num_inference_steps < 1:
            raise InputError(f"num_inference_steps must be at least 1, not {num_inference_steps}")
        if output_type not in ("pil", "pt", "np"):
            raise InputError(f"output_type must be pil, pt or np, not {output_type!r}")
        unet: Any = self.unet
        scheduler: Any = copy.deepcopy(self.scheduler)  # it counts steps: calls in several threads have each their own
        progress: Any = self.progress_bar
        given = self._pixels(image)
        height, width = (SCALE * side for side in given.shape[-2:])
        halvings = len(unet.config.block_out_channels) - 1
        given = pad_to_multiple(given, max(2**halvings // SCALE, 1))
        enlarged, steps = enlarge(given), self._timesteps(scheduler, num_inference_steps)
        latents: Any = randn_tensor(enlarged.shape, generator=generator, device=given.device, dtype=given.dtype)
        for step, timestep in enumerate(progress(steps)):
            picture = predict(unet, latents, enlarged, timestep)
            velocity = (latents - picture) / scheduler.sigmas[step]
            latents = scheduler.step(velocity, timestep, latents, return_dict=False)[0]
            if callback_on_step_end is not None:
                changed = callback_on_step_end(self, step, timestep, {"latents": latents})
                latents = changed.get("latents", latents)
        pixels = keep(enlarged.lerp(latents, CRISPNESS), given)[..., :height, :width].clamp(-1, 1).float()
        images: Any = pixels
        if output_type == "pil":
            images = [to_pil(one.cpu()) for one in pixels]
        elif output_type == "np":
            images = ((pixels + 1) / 2).permute(0, 2, 3, 1).cpu().numpy()
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def _pixels(self, image: PILImage.Image | Sequence[PILImage.Image] | Tensor) -> Tensor:
        if not isinstance(image, Tensor):
            pictures = [image] if isinstance(image, PILImage.Image) else list(image)
            if len({picture.size for picture in pictures}) != 1:
                raise InputError(
                    "pictures that are refined together must have one size, and there must be one at least"
                )
            image = torch.stack([to_tensor(picture.convert("RGB")) for picture in pictures])
        if image.ndim != 4 or image.shape[1] != 3:
            raise InputError(f"pictures must be [B, 3, H, W], not {list(image.shape)}")
        return image.to(self.device, torch.float32)

    def _timesteps(self, scheduler: Any, count: int) -> Tensor:
        if "sigmas" in inspect.signature(scheduler.set_timesteps).parameters:
            # Evenly from 1 to 1 / count: by itself the scheduler would spend its last step on next to nothing.
            scheduler.set_timesteps(sigmas=np.linspace(1.0, 1.0 / count, count), device=self.device)
        else:
            scheduler.set_timesteps(count, device=self.device)
        return scheduler.timesteps


def _check_index(index: Path) -> None:
    """A folder names the classes of its parts; some releases of diffusers would run code that lies beside them."""
    try:
        parts = {name: value for name, value in json.loads(index.read_text()).items() if not name.startswith("_")}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{index} cannot be read: {error}") from error
    foreign = [name for name, value in parts.items() if not isinstance(value, list) or value[:1] != ["diffusers"]]
    if foreign:
        raise InputError(f"{index} is no refiner's: its {foreign[0]} is not one of diffusers")


def load_refiner(folder: str | Path) -> RefinerPipeline:
    """Read a refiner's folder.

    Raises:
        InputError: It is no refiner's, or damaged.
    """
    index = Path(folder) / "model_index.json"
    if not index.is_file():
        raise InputError(f"{folder} is not a refiner's folder: it has no model_index.json")
    _check_index(index)
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # reading takes a moment
    try:
        pipeline: Any = RefinerPipeline.from_pretrained(str(folder), use_safetensors=True, local_files_only=True)
    except Exception as error:  # a damaged file raises nearly anything
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{folder} does not hold a refiner that can be read: {reason}") from error
    finally:
        if shown:
            logging.enable_progress_bar()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
