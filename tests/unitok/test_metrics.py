"""The evaluation's numbers: metrics, intervals, and when words are the same."""

from __future__ import annotations

import math

import pytest
import torch

from unitok.evaluation import markdown
from unitok.evaluation.figures import Figure, share, wilson
from unitok.evaluation.metrics import MAX_PSNR, perplexity, psnr, ssim, usage
from unitok.evaluation.words import is_one_of, normalized


def test_psnr_of_a_known_error() -> None:
    black = torch.full((2, 3, 16, 16), -1.0)
    other = black.clone()
    other[1] += 0.2  # a tenth of the range
    assert psnr(black, other).tolist() == pytest.approx([MAX_PSNR, 20.0], abs=1e-4)


def test_ssim_is_one_for_equal_pictures_and_less_for_others() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    others = torch.stack([pictures[0], pictures[1].roll(5, -1)])
    same, different = ssim(pictures, others).tolist()
    assert same == pytest.approx(1.0, abs=1e-5)
    assert different < 0.5


def test_ssim_agrees_with_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    torch.manual_seed(1)
    picture = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 72, 72) * 2 - 1, 5, 1)
    other = (picture + 0.1 * torch.randn_like(picture)).clamp(-1, 1)
    expected = metrics.structural_similarity(
        picture[0].permute(1, 2, 0).numpy(),
        other[0].permute(1, 2, 0).numpy(),
        channel_axis=-1,
        data_range=2.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(picture, other).item() == pytest.approx(expected, abs=0.01)


def test_metrics_refuse_pictures_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="two"):
        psnr(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))


def test_usage_and_perplexity() -> None:
    assert usage(torch.tensor([3, 0, 1, 0])) == 0.5
    assert perplexity(torch.tensor([5, 5, 5, 5])) == pytest.approx(4.0)
    assert perplexity(torch.tensor([9, 0, 0, 0])) == pytest.approx(1.0)
    assert perplexity(torch.tensor([1, 1, 0, 0])) == pytest.approx(2.0)


def test_wilson_interval() -> None:
    # Known values: Brown, Cai and DasGupta, "Interval estimation for a binomial proportion".
    low, high = wilson(20, 20)
    assert (low, high) == (pytest.approx(0.8389, abs=1e-3), 1.0)
    low, high = wilson(50, 100)
    assert (low, high) == (pytest.approx(0.4038, abs=1e-3), pytest.approx(0.5962, abs=1e-3))
    assert wilson(0, 5)[0] == 0.0
    with pytest.raises(ValueError, match="no share"):
        wilson(3, 2)


def test_wilson_interval_covers_what_it_says() -> None:
    p, n, covered = 0.93, 60, 0.0
    for right in range(n + 1):
        low, high = wilson(right, n)
        covered += math.comb(n, right) * p**right * (1 - p) ** (n - right) * (low <= p <= high)
    assert 0.92 < covered < 0.98


def test_share() -> None:
    figure = share("edits", "overall", [True, True, False, True], target=75.0)
    assert (figure.value, figure.count, figure.met) == (75.0, 4, True)
    assert figure.interval is not None and figure.interval[0] < 75 < figure.interval[1]
    nothing = share("edits", "overall", [], target=75.0)
    assert nothing.value is None and nothing.met is None and nothing.note


def test_a_target_may_be_the_most() -> None:
    assert Figure("speed", "warm", 1.4, "s", 1.5, lower_is_better=True).met
    assert Figure("speed", "warm", 1.6, "s", 1.5, lower_is_better=True).met is False


def test_a_target_may_have_two_bounds() -> None:
    met = [Figure("refiner", "sharpness", value, target=0.9, most=1.1).met for value in (0.8, 0.9, 1.0, 1.1, 1.6)]
    assert met == [False, True, True, True, False]
    assert markdown.target(Figure("refiner", "sharpness", 1.0, target=0.9, most=1.1)) == "0.9 to 1.1"


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("Yes.", "yes"),
        ("3", "three"),
        ("none", "zero"),
        ("A  red circle!", "red circle"),
        ("grey", "gray"),
        ("top-left", "top left"),
        ("at the top left", "top left"),
        ("in the center", "centre"),
    ],
)
def test_answers_that_are_the_same(said: str, right: str) -> None:
    assert is_one_of(said, ["something else", right])
    assert is_one_of(right, [said])


@pytest.mark.parametrize(
    ("said", "right"),
    [("yes", "no"), ("", "no"), ("yes and no", "yes"), ("three", "two"), ("left", "top left"), ("13", "3")],
)
def test_answers_that_differ(said: str, right: str) -> None:
    assert not is_one_of(said, [right])


def test_a_lone_preposition_is_kept() -> None:
    assert normalized("on") == "on"
