from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from unitok.engine import sampling as engine_sampling
from unitok.engine.sampling import Sampling, SamplingParams, guide, uniforms
from unitok.vocabulary import AUDIO, CONTROL, IMAGE, TEXT
from unitok_tokenizers.errors import InputError


def draw(logits: Tensor, uniform: Tensor, allowed: Tensor | None = None, **params) -> Tensor:
    """One draw for each random number, all from the logits [V]."""
    batch = logits.expand(len(uniform), -1).clone()
    mask = torch.ones_like(batch, dtype=torch.bool) if allowed is None else allowed.expand(len(uniform), -1)
    token_ids, usable = engine_sampling.draw(batch, mask, SamplingParams(**params), uniform)
    assert usable.all()
    return token_ids


def shares(token_ids: Tensor, size: int) -> Tensor:
    return torch.bincount(token_ids, minlength=size) / len(token_ids)


EVENLY = (torch.arange(20_000) + 0.5) / 20_000
LOGITS = torch.tensor([1.0, 3.0, -2.0, 2.0, 0.0, 2.5])


def test_draws_follow_the_models_distribution() -> None:
    torch.testing.assert_close(shares(draw(LOGITS, EVENLY), 6), LOGITS.softmax(0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("temperature", [0.3, 2.0, 10.0])
def test_temperature_divides_the_logits(temperature: float) -> None:
    found = shares(draw(LOGITS, EVENLY, temperature=temperature), 6)
    torch.testing.assert_close(found, (LOGITS / temperature).softmax(0), atol=1e-3, rtol=0)


def test_temperature_zero_takes_the_most_likely_allowed_token() -> None:
    allowed = torch.tensor([True, False, True, False, True, True])
    assert draw(LOGITS, EVENLY[::100], allowed, temperature=0).unique().tolist() == [5]


@pytest.mark.parametrize("temperature", [1e-30, 1e-5, 1e-3])
def test_tiny_temperatures_are_greedy_and_never_overflow(temperature: float) -> None:
    assert draw(LOGITS * 1e30, EVENLY[::100], temperature=temperature).unique().tolist() == [1]


def test_top_k_and_top_p_cut_the_tail() -> None:
    probabilities = LOGITS.softmax(0)
    kept = torch.tensor([False, True, False, True, False, True])
    expected = probabilities.where(kept, 0.0) / probabilities[kept].sum()
    torch.testing.assert_close(shares(draw(LOGITS, EVENLY, top_k=3), 6), expected, atol=1e-3, rtol=0)
    # The first two hold 0.77 of it: a third is needed for 0.8.
    assert probabilities.sort(descending=True).values.cumsum(0)[1] < 0.8 < probabilities[kept].sum()
    torch.testing.assert_close(shares(draw(LOGITS, EVENLY, top_p=0.8), 6), expected, atol=1e-3, rtol=0)


def test_top_p_counts_what_top_k_left() -> None:
    # Of the three that top-k leaves, the first holds 0.51 of the weight: 0.5 needs no other.
    assert draw(LOGITS, EVENLY, top_k=3, top_p=0.5).unique().tolist() == [1]
    assert draw(LOGITS, EVENLY, top_k=0, top_p=0.5).unique().tolist() == [1, 5]


def test_top_k_above_the_vocabulary_and_tiny_top_p() -> None:
    assert len(draw(LOGITS, EVENLY, top_k=1000).unique()) == 6
    assert draw(LOGITS, EVENLY, top_p=1e-9).unique().tolist() == [1]


def test_each_modality_has_its_own_settings() -> None:
    image, audio = SamplingParams(temperature=5.0, top_k=4), SamplingParams(temperature=5.0, top_k=2)
    sampling = Sampling(text=SamplingParams(temperature=0), image=image, audio=audio)
    assert [sampling.params(modality) for modality in (CONTROL, TEXT, IMAGE, AUDIO)] == [
        sampling.text,
        sampling.text,
        image,
        audio,
    ]
    assert draw(LOGITS, EVENLY, **dataclasses.asdict(image)).unique().tolist() == [0, 1, 3, 5]
    assert draw(LOGITS, EVENLY, **dataclasses.asdict(audio)).unique().tolist() == [1, 5]


@pytest.mark.parametrize("params", [{}, {"temperature": 100.0}, {"top_k": 5}, {"top_p": 0.999}, {"temperature": 1e-4}])
def test_a_masked_token_is_never_drawn(params: dict) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(500, 300, generator=generator) * 100
    logits[::7] = 0.0
    logits[1::7] -= math.inf  # the model may rule tokens out itself
    allowed = torch.rand(500, 300, generator=generator) < 0.02
    allowed[:, 299] = False  # the last one, where a rounded-up random number would end
    allowed[torch.arange(500), torch.randint(299, (500,), generator=generator)] = True
    logits[1::7, 10], allowed[1::7, 10] = 0.0, True
    uniform = torch.rand(500, generator=generator)
    uniform[::3], uniform[1::3] = 0.0, 1 - 2**-24
    token_ids, usable = engine_sampling.draw(logits, allowed, SamplingParams(**params), uniform)
    assert usable.all()
    assert allowed.gather(1, token_ids[:, None]).all()
    assert (token_ids[1::7] == 10).all()


@pytest.mark.parametrize("params", [{}, {"temperature": 0}, {"top_k": 9, "top_p": 0.9}])
def test_a_rows_draw_does_not_depend_on_its_batch(params: dict) -> None:
    generator = torch.Generator().manual_seed(1)
    logits, uniform = torch.randn(64, 1000, generator=generator), torch.rand(64, generator=generator)
    allowed = torch.rand(64, 1000, generator=generator) < 0.5
    settings = SamplingParams(**params)
    together, _ = engine_sampling.draw(logits.clone(), allowed, settings, uniform)
    alone = [
        engine_sampling.draw(logits[i : i + 1].clone(), allowed[i : i + 1], settings, uniform[i : i + 1])[0]
        for i in range(64)
    ]
    assert together.tolist() == torch.cat(alone).tolist()


def test_logits_that_are_not_numbers_are_reported() -> None:
    logits = torch.zeros(4, 5)
    logits[1, 2], logits[2, 3], logits[3, :] = math.nan, math.inf, -math.inf
    _, usable = engine_sampling.draw(logits, torch.ones(4, 5).bool(), SamplingParams(), torch.rand(4))
    assert usable.tolist() == [True, False, False, False]


def test_a_rows_random_numbers_depend_on_its_seed_alone() -> None:
    numbers = uniforms([3, 4, 3], 50)
    assert numbers.shape == (3, 50) and (numbers >= 0).all() and (numbers < 1).all()
    assert torch.equal(numbers[0], numbers[2]) and not torch.equal(numbers[0], numbers[1])
    torch.testing.assert_close(uniforms([4], 20)[0], numbers[1, :20], atol=0, rtol=0)


def test_neighboring_seeds_are_unrelated() -> None:
    numbers = uniforms(range(2000), 3)
    assert (numbers.mean(dim=0) - 0.5).abs().max() < 0.03
    assert torch.corrcoef(torch.stack([numbers[:-1, 0], numbers[1:, 0]]))[0, 1].abs() < 0.08


def test_guidance_leads_away_from_what_is_likely_anyway() -> None:
    cond, uncond = torch.randn(3, 7), torch.randn(3, 7)
    torch.testing.assert_close(guide(cond, uncond, 3.0), uncond + 3.0 * (cond - uncond))
    assert torch.equal(guide(cond, uncond, 1.0), cond)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", "hot"),
        ("temperature_alone", -0.1),
        ("top_k", -1),
        ("top_k", 2.5),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("guidance_scale", -1.0),
        ("audio_guidance_scale", 101.0),
        ("edit_guidance_scale", -0.5),
        ("edit_guidance_scale", math.nan),
        ("both_orders", 1),
        ("max_tokens", 0),
        ("window", 0),
    ],
)
def test_values_out_of_range_are_named(name: str, value: object) -> None:
    kind = SamplingParams if name in [field.name for field in dataclasses.fields(SamplingParams)] else Sampling
    with pytest.raises(InputError, match=name):
        kind(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True])
def test_seeds_out_of_range_are_named(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        uniforms([seed], 1)


def test_settings_survive_json() -> None:
    sampling = Sampling(SamplingParams(0.7, 5, 0.9), SamplingParams(1.1), guidance_scale=3.0, max_tokens=99, window=4)
    for one in (sampling, dataclasses.replace(sampling, edit=SamplingParams(0.5, temperature_alone=0.1))):
        assert Sampling.from_dict(one.to_dict()) == one
    assert Sampling.from_dict({"guidance_scale": 2}) == Sampling(guidance_scale=2)


@pytest.mark.parametrize(
    "values", [{"heat": 1}, {"text": {"heat": 1}}, {"text": 3}, {"image": {"top_p": 7}}, [1], {"edit": 1}]
)
def test_unusable_settings_are_named(values: dict) -> None:
    with pytest.raises(InputError, match=r"heat|sampling|top_p"):
        Sampling.from_dict(values)
