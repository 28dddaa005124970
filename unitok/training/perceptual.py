"""Perceptual loss over the features of a convolutional ``transformers`` model (Johnson et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModel

from unitok_tokenizers.errors import InputError


class PerceptualLoss(nn.Module):
    """Distance of two pictures' feature maps, each position's features scaled to length one.

    Args:
        path: folder or hub name of a model whose hidden states are feature maps, such as a ResNet or ConvNeXt; it is
            kept frozen.
        mean, std: of the pictures that the backbone was trained on, for channels in [0, 1].
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        path: str,
        mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
        std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    ) -> None:
        super().__init__()
        self.backbone = AutoModel.from_pretrained(path, use_safetensors=True).eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Scalar distance between pictures ``[B, 3, H, W]`` in [-1, 1]."""
        pairs = zip(self._features(images), self._features(targets), strict=True)
        return torch.stack([(a - b).square().sum(1).mean() for a, b in pairs]).mean()

    def _features(self, images: Tensor) -> list[Tensor]:
        maps = self.backbone((images / 2 + 0.5 - self.mean) / self.std, output_hidden_states=True).hidden_states
        if maps is None or any(m.ndim != 4 for m in maps):
            raise InputError(
                f"perceptual.path: {type(self.backbone).__name__} has no feature maps; use a convolutional model"
            )
        return [F.normalize(m, dim=1) for m in maps]
