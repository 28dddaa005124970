"""Two tones: the colors of a patch and its pattern, apart."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from unitok_tokenizers.two_tone import FLAT, two_tones

PATCH = 6
color = st.tuples(*[st.floats(-1, 1, width=32)] * 3).map(torch.tensor)
# Fewer than half of the pixels: the pattern of what lies on a ground.
masks = st.sets(st.integers(0, PATCH**2 - 1), min_size=1, max_size=PATCH**2 // 3).map(
    lambda places: torch.zeros(PATCH**2).index_fill(0, torch.tensor(sorted(places)), 1).view(1, 1, PATCH, PATCH)
)


def drawn(mask: Tensor, ground: Tensor, tone: Tensor) -> Tensor:
    return ground.view(1, 3, 1, 1).lerp(tone.view(1, 3, 1, 1), mask)


def mixed(colors: Tensor, pattern: Tensor) -> Tensor:
    first, second = colors.repeat_interleave(PATCH, -1).repeat_interleave(PATCH, -2).chunk(2, 1)
    return first.lerp(second, F.pixel_shuffle(pattern, PATCH))


@settings(max_examples=200, deadline=None)
@given(mask=masks, ground=color, tone=color)
def test_two_colors_come_back_and_the_pattern_is_what_the_minority_covers(
    mask: Tensor, ground: Tensor, tone: Tensor
) -> None:
    picture = drawn(mask, ground, tone)
    colors, pattern = two_tones(picture, PATCH)
    if (ground - tone).norm() < 0.1:  # too alike to count fully
        assert (mixed(colors, pattern) - picture).abs().max() < 0.11
        return
    assert torch.allclose(mixed(colors, pattern), picture, atol=2e-3)
    assert torch.allclose(F.pixel_shuffle(pattern, PATCH), mask, atol=2e-3)


@settings(max_examples=50, deadline=None)
@given(mask=masks, first=st.tuples(color, color), second=st.tuples(color, color))
def test_a_pattern_is_the_same_in_any_colors(
    mask: Tensor, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
) -> None:
    patterns = [two_tones(drawn(mask, *pair), PATCH)[1] for pair in (first, second) if (pair[0] - pair[1]).norm() > 0.1]
    for pattern in patterns[1:]:
        assert torch.allclose(pattern, patterns[0], atol=2e-3)


def test_a_plain_patch_has_one_color_and_no_pattern() -> None:
    plain = torch.tensor([0.2, -0.4, 0.9]).view(1, 3, 1, 1).expand(1, 3, PATCH, PATCH)
    noise = FLAT / 8 * torch.randn(1, 3, PATCH, PATCH, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    for picture in (plain, plain + noise):
        colors, pattern = two_tones(picture, PATCH)
        assert not pattern.any()
        assert torch.equal(colors[:, :3], colors[:, 3:])
        assert torch.allclose(colors[0, :3, 0, 0], picture.mean((0, 2, 3)), atol=1e-6)


def test_a_patch_does_not_depend_on_its_neighbors() -> None:
    pictures = torch.rand(3, 3, 4 * PATCH, 5 * PATCH, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = two_tones(pictures, PATCH)
    alone = two_tones(pictures[1:2, :, PATCH : 2 * PATCH, 2 * PATCH : 3 * PATCH], PATCH)
    for whole, part in zip(together, alone, strict=True):
        assert torch.allclose(whole[1, :, 1, 2], part[0, :, 0, 0], atol=1e-5)
