"""A patch discriminator for codecs, after pix2pix (Isola et al. 2017) and VQGAN (Esser et al. 2021).

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

from torch import Tensor, nn

from unitok_tokenizers.errors import InputError

GROUPS = 8
"""Of the group norms."""


class PatchDiscriminator(nn.Module):
    """Pictures ``[B, 3, H, W]`` to one score for each overlapping patch, ``[B, 1, h, w]``: high for real ones.

    Args:
        width: channels of the first layer, doubled by each of the ``layers`` halvings up to eight times; a multiple of
            four.
        layers: number of halvings of the resolution.

    Raises:
        InputError: The width is no such number, or there are no layers.
    """

    def __init__(self, width: int = 32, layers: int = 3) -> None:
        super().__init__()
        if width < 1 or 2 * width % GROUPS or layers < 1:
            raise InputError(
                f"a discriminator's width must be a multiple of {GROUPS // 2} and its layers at least 1, "
                f"not {width} and {layers}"
            )
        stages: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        channels = width
        for i in range(1, layers):
            wider = width * min(2**i, 8)
            stages += [nn.Conv2d(channels, wider, 4, 2, 1), nn.GroupNorm(GROUPS, wider), nn.LeakyReLU(0.2)]
            channels = wider
        self.stages = nn.Sequential(*stages, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        return self.stages(images)
