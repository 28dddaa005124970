"""How the next token is drawn from the logits.

Shape letters: B rows, V logits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from unitok.checks import check_integer, check_number
from unitok.vocabulary import AUDIO, IMAGE
from unitok_tokenizers.errors import InputError

GREEDY_BELOW = 1e-5
"""Below this temperature a draw is the most likely token: fp32 could not hold what the division gives."""

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class SamplingParams:
    """How the tokens of one modality are drawn.

    Args:
        temperature: 0 takes the most likely token, 1 the model's own distribution, more is more varied.
        top_k: Only this many of the most likely tokens are drawn from; 0 means all of them.
        top_p: Only the most likely tokens that together hold this share are drawn from, in (0, 1].
        best_of: Candidates at most for an answer that begins with the modality, of which the one that the model reads
            best itself is given (:mod:`unitok.candidates`); of words, with ``redraw``, as many again.
            Words about one sound have four at most, one for each time it is heard. Words that are about neither one
            picture nor one sound have one, as have answers that come piece by piece.
        temperature_alone: The temperature of answers that have one candidate; None: as of others. Several may be more
            varied, as the best of them is given.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    best_of: int = 1
    temperature_alone: float | None = None

    def __post_init__(self) -> None:
        check_number(self.temperature, "temperature", low=0.0, high=100.0)
        if self.temperature_alone is not None:
            check_number(self.temperature_alone, "temperature_alone", low=0.0, high=100.0)
        check_number(self.top_p, "top_p", low=0.0, high=1.0)
        if self.top_p == 0:
            raise InputError("top_p is 0, which leaves no token: give more than 0, or a temperature of 0")
        check_integer(self.top_k, "top_k", low=0)
        check_integer(self.best_of, "best_of", low=1)

    def alone(self) -> SamplingParams:
        """The settings of answers that have one candidate."""
        return self if self.temperature_alone is None else replace(self, temperature=self.temperature_alone)


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn: the settings of each modality and the bounds of the whole.

    Args:
        text: Text, and the choice of what comes next where text may stand.
        image: Image codes.
        audio: Audio codes, and where a sound ends.
        guidance_scale: Image codes are drawn from ``uncond + scale * (cond - uncond)``; 1 turns guidance off
            and saves its second row in the batch.
        audio_guidance_scale: The same for audio codes.
        max_tokens: Tokens of one answer at most; the decoder's context may leave room for fewer.
        window: Codes that go through the decoder at once, guessed and tested (:mod:`unitok.engine.jacobi`). Another
            window gives other answers of the same distribution; 1: one code after the other.
        hear_first: Sounds beside a picture, alone in a turn behind one, or answered with one are taken for speech,
            written down, and answered in the place of their words (:mod:`unitok.hearing`).
        redraw: A picture that fewer than half of several candidates tell, as in another look than the decoder's own, is
            drawn again for them (:mod:`unitok.redrawing`).
        edit: Image codes behind a prompt that shows a picture; None: as of others.
        edit_guidance_scale: Of these; None: as of others.
        both_orders: Candidates for a picture that was asked for by a picture and words are weighed behind both of their
            orders (:func:`unitok.candidates.reordered`).
    """

    text: SamplingParams = field(default_factory=SamplingParams)
    image: SamplingParams = field(default_factory=SamplingParams)
    audio: SamplingParams = field(default_factory=SamplingParams)
    guidance_scale: float = 1.0
    audio_guidance_scale: float = 1.0
    max_tokens: int = 1024
    window: int = 1
    hear_first: bool = False
    redraw: bool = False
    edit: SamplingParams | None = None
    edit_guidance_scale: float | None = None
    both_orders: bool = False

    def __post_init__(self) -> None:
        for name in ("text", "image", "audio", "edit"):
            given = getattr(self, name)
            if not isinstance(given, SamplingParams) and (name != "edit" or given is not None):
                raise InputError(f"sampling.{name} must be SamplingParams, not {given!r}")
        check_number(self.guidance_scale, "guidance_scale", low=0.0, high=100.0)
        if self.edit_guidance_scale is not None:
            check_number(self.edit_guidance_scale, "edit_guidance_scale", low=0.0, high=100.0)
        check_number(self.audio_guidance_scale, "audio_guidance_scale", low=0.0, high=100.0)
        check_integer(self.max_tokens, "max_tokens", low=1)
        check_integer(self.window, "window", low=1)
        for name in ("hear_first", "redraw", "both_orders"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} must be true or false, not {getattr(self, name)!r}")

    def params(self, modality: int) -> SamplingParams:
        """Of the tokens of a modality."""
        return {IMAGE: self.image, AUDIO: self.audio}.get(modality, self.text)

    def scale(self, modality: int) -> float:
        """Of the guidance at codes of a modality; 1 for what is never guided."""
        return {IMAGE: self.guidance_scale, AUDIO: self.audio_guidance_scale}.get(modality, 1.0)

    def behind_picture(self) -> Sampling:
        """The settings of answers to a prompt that shows a picture."""
        scale = self.guidance_scale if self.edit_guidance_scale is None else self.edit_guidance_scale
        return replace(self, image=self.edit or self.image, guidance_scale=scale)

    def each(self, change: Callable[[SamplingParams], SamplingParams]) -> Sampling:
        """The settings with those of every modality changed."""
        edit = None if self.edit is None else change(self.edit)
        return replace(self, text=change(self.text), image=change(self.image), audio=change(self.audio), edit=edit)

    def alone(self) -> Sampling:
        """The settings of answers that have one candidate."""
        return self.each(SamplingParams.alone)

    def of_one(self) -> Sampling:
        """The settings with one candidate for each answer, and nothing drawn again."""
        return replace(self.each(lambda params: replace(params, best_of=1)), redraw=False)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Sampling:
        """The inverse of :meth:`to_dict`; an unknown name or a value out of range raises InputError."""
        values = _check_names(values, cls, "sampling")
        for name in ("text", "image", "audio", "edit"):
            if values.get(name) is not None:
                values[name] = SamplingParams(**_check_names(values[name], SamplingParams, f"sampling.{name}"))
        return cls(**values)


def draw(logits: Tensor, allowed: Tensor | None, params: SamplingParams, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """The next token of each row.

    A row's token depends on that row's arguments alone.

    Args:
        logits: float ``[B, V]``; overwritten.
        allowed: bool ``[B, V]``, at least one token a row; None when all are.
        params: How tokens are drawn.
        uniform: float ``[B]`` in [0, 1), the row's random number.

    Returns:
        The place of each token among the logits, int64 ``[B]``, and whether the row's logits could be used at
        all, bool ``[B]``: not when an allowed one is NaN or plus infinity, or all of them are minus infinity.
    """
    weights, likeliest, usable = _weigh(logits, allowed, params)
    return (likeliest if weights is None else invert(weights, uniform[:, None], likeliest)[0][:, 0]), usable


def shares(logits: Tensor, allowed: Tensor | None, params: SamplingParams) -> tuple[Tensor, Tensor]:
    """The distribution ``[B, V]`` that :func:`draw` draws from, each row's sum 1, and whether it could be made."""
    weights, likeliest, usable = _weigh(logits, allowed, params)
    if weights is None:
        return torch.zeros_like(logits, dtype=torch.float32).scatter_(1, likeliest[:, None], 1.0), usable
    return weights.div_(weights.sum(dim=-1, keepdim=True)), usable


def _weigh(logits: Tensor, allowed: Tensor | None, params: SamplingParams) -> tuple[Tensor | None, Tensor, Tensor]:
    """What each token weighs (None when draws are greedy), the likeliest one, and whether the row is usable."""
    logits = logits.float()
    if allowed is not None:
        logits = logits.masked_fill_(~allowed, -math.inf)
    best, likeliest = logits.max(dim=-1)
    usable = best.isfinite()
    if params.temperature < GREEDY_BELOW:
        return None, likeliest, usable
    # The largest becomes 0 before the division: no temperature, however low, can then overflow.
    weights = logits.sub_(best[:, None]).div_(params.temperature).exp_()
    return _truncate(weights, params), likeliest, usable


def _truncate(weights: Tensor, params: SamplingParams) -> Tensor:
    """Zeroes what top-k, and then top-p, cut off; tokens as likely as the last one kept stay."""
    if not params.top_k and params.top_p == 1:
        return weights
    ranked = weights.sort(dim=-1, descending=True).values
    if params.top_k:
        smallest = ranked[:, min(params.top_k, weights.shape[1]) - 1, None]
        weights = weights.where(weights >= smallest, 0.0)
        ranked = ranked.where(ranked >= smallest, 0.0)
    if params.top_p < 1:
        cumulative = ranked.cumsum(dim=-1)
        # A token stays when those before it do not yet hold the share; the first always does.
        count = (cumulative - ranked < params.top_p * cumulative[:, -1:]).sum(dim=-1, keepdim=True)
        weights = weights.where(weights >= ranked.gather(1, (count - 1).clamp_(min=0)), 0.0)
    return weights


def invert(weights: Tensor, uniform: Tensor, likeliest: Tensor) -> tuple[Tensor, Tensor]:
    """Draws ``m`` times from each row of weights ``[B, V]``.

    Args:
        weights: At least 0, not all 0 in a row.
        uniform: float ``[B, m]`` in [0, 1); one number always finds the same token in the same weights.
        likeliest: int64 ``[B]``, a place of each row that has weight.

    Returns:
        The places, int64 ``[B, m]``, and their weights, ``[B, m]``.
    """
    cumulative = weights.cumsum(dim=-1)
    total = cumulative[:, -1:]
    # Strictly below the total, so that the place found holds some weight.
    target = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    places = torch.searchsorted(cumulative, target, right=True).clamp_(max=weights.shape[1] - 1)
    found = weights.gather(1, places)
    # A parallel cumulative sum need not rise steadily in its last bits: a place without weight might be hit.
    places = torch.where(found > 0, places, likeliest[:, None])
    return places, weights.gather(1, places)


def uniforms(seeds: Sequence[int], count: int) -> Tensor:
    """The random numbers of each row, a stream of its own: float32 ``[len(seeds), count]`` in [0, 1).

    A row's numbers depend on its seed alone. They are drawn on the host, so that every device sees the same.
    """
    rows = []
    for seed in seeds:
        check_seed(seed)
        rows.append(torch.rand(count, generator=torch.Generator().manual_seed(seed)))
    return torch.stack(rows)


def check_seed(seed: int) -> None:
    """Raises InputError for what is no seed: an integer from 0 to :data:`MAX_SEED`."""
    check_integer(seed, "seed", low=0, high=MAX_SEED)


def guide(cond: Tensor, uncond: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: ``[B, V]``.

    Args:
        cond: float ``[B, V]``, logits given the prompt.
        uncond: float ``[B, V]``, logits without it.
        scale: 1 gives ``cond`` exactly.
    """
    return torch.lerp(uncond, cond, scale)


def _check_names(values: Any, cls: type, name: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise InputError(f"{name} must be an object of settings, not {values!r}")
    known = [entry.name for entry in fields(cls)]
    for key in values:
        if key not in known:
            raise InputError(f"{name}: unknown setting {key!r}; known are {', '.join(known)}")
    return dict(values)
