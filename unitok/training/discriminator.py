"""A patch discriminator for codecs, after pix2pix (Isola et al. 2017) and VQGAN (Esser et al. 2021).

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

from torch import Tensor, nn


class PatchDiscriminator(nn.Module):
    """Pictures ``[B, 3, H, W]`` to one score for each overlapping patch, ``[B, 1, h, w]``: high for real ones.

    Args:
        width: channels of the first layer, doubled by each of the ``layers`` halvings up to eight times.
        layers: number of halvings of the resolution.
    """

    def __init__(self, width: int = 32, layers: int = 3) -> None:
        super().__init__()
        stages: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        channels = width
        for i in range(1, layers):
            wider = width * min(2**i, 8)
            stages += [nn.Conv2d(channels, wider, 4, 2, 1), nn.GroupNorm(8, wider), nn.LeakyReLU(0.2)]
            channels = wider
        self.stages = nn.Sequential(*stages, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        return self.stages(images)
