"""Speculative Jacobi decoding: several draws a pass, from the same distribution.

Where a plan says what is drawn next (the codes of an image), a window of guesses goes through the decoder together, and
as many as stand the test are kept (Teng et al. 2024, "Accelerating Auto-regressive Text-to-Image Generation with
Training-free Speculative Jacobi Decoding"). A guess ``x`` was drawn from a distribution ``q``, that of the pass before;
now its true distribution ``p`` is known. It is kept with the probability ``min(1, p(x) / q(x))``, and else replaced by
a draw from ``max(0, p - q)`` (speculative sampling, Leviathan et al. 2023): what comes out is distributed as ``p``.
Behind the first that is not kept, the guesses are drawn anew.

Each place of an answer has its own random numbers: one for all its draws, so that a guess changes only as far as its
distribution does, one for the test, and one for the replacement. Neither ``q`` nor ``p`` of a place depends on them, as
both follow from what stands in front of it; so the place's draws are as good as independent ones.

Shape letters: c cells, n ids of a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from unitok.engine.blocks import Block, Blocks
from unitok.engine.live import Cell, Draft, Live
from unitok.engine.sampling import invert


class Odds(NamedTuple):
    """What the decoder says of a cell.

    Attributes:
        fresh: A token drawn from it.
        draft_share: The share of the cell's draft; 0 without one.
    """

    fresh: Draft
    draft_share: float


def odds(block: Block, shares: Tensor, cells: Sequence[Cell]) -> list[Odds]:
    """What ``shares`` ``[c, n]`` mean for cells that draw from the same block."""
    device = shares.device
    drafted = torch.tensor([0 if cell.draft is None else cell.draft.place for cell in cells], device=device)
    draft_shares = shares.gather(1, drafted[:, None])[:, 0].tolist()
    drafts = _drafts(block, shares, torch.tensor([cell.live.random.draw[cell.number] for cell in cells], device=device))
    return [
        Odds(fresh, 0.0 if cell.draft is None else share)
        for cell, fresh, share in zip(cells, drafts, draft_shares, strict=True)
    ]


def settle(cells: Sequence[Cell], odds: Sequence[Odds], blocks: Blocks) -> tuple[list[int], list[Draft]]:
    """What becomes of an answer's guesses.

    Args:
        cells: Of one answer, in order; the last has no draft.
        odds: Of each cell.
        blocks: Of the grammar.

    Returns:
        The tokens of the first draws, at least one, and what was drawn anew for the draws behind them.
    """
    tokens: list[int] = []
    random = cells[0].live.random
    for place, (cell, (fresh, share)) in enumerate(zip(cells, odds, strict=True)):
        draft = cell.draft
        if draft is None:
            return [*tokens, fresh.token_id], []
        if random.test[cell.number] * draft.share < share:
            tokens.append(draft.token_id)
            continue
        block = blocks.of_row[cell.draw.mask]
        assert block is not None
        replacement = _replace(block, fresh.shares, draft.shares, random.replacement[cell.number])
        return [*tokens, replacement], [one.fresh for one in odds[place + 1 :]]
    raise AssertionError("the last cell has no draft")


def extend(live: Live, drafts: list[Draft], window: int, blocks: Blocks) -> list[Draft]:
    """Guesses for the draws that come next, one fewer than ``window`` if there are as many.

    Args:
        live: The answer, whose :attr:`~unitok.engine.live.Live.place` is the draw of the first guess.
        drafts: The guesses that there are. Each further one is drawn from what was last known of its block, as codes
            that follow each other are often alike, or from all of it alike.
        window: Draws that are computed at once.
        blocks: Of the grammar.
    """
    ahead = live.plan.draws[live.place : live.place + window]
    # The draw behind the last guess is computed too, so that each guess needs another draw behind it.
    drafts = drafts[: len(ahead) - 1]
    number = len(live.answer.token_ids) + sum(1 + len(draw.after) for draw in ahead[: len(drafts)])
    places: dict[Block, list[tuple[int, int]]] = {}  # the guess, and its number in the answer
    for place in range(len(drafts), len(ahead) - 1):
        block = blocks.of_row[ahead[place].mask]
        assert block is not None
        places.setdefault(block, []).append((place, number))
        number += 1 + len(ahead[place].after)
    made: dict[int, Draft] = {}
    for block, these in places.items():
        shares = live.known.get(block)
        if shares is None:
            shares = torch.full(block.ids.shape, 1 / len(block.ids), device=block.ids.device)
        uniform = torch.tensor([live.random.draw[number] for _, number in these], device=block.ids.device)
        made |= zip((place for place, _ in these), _repeated(block, shares, uniform), strict=True)
    return [*drafts, *(made[place] for place in sorted(made))]


def _drafts(block: Block, shares: Tensor, uniform: Tensor) -> list[Draft]:
    """One draw from each of ``shares`` ``[c, n]``."""
    places, found = invert(shares, uniform[:, None], shares.argmax(dim=1))
    return _as_drafts(block, shares.unbind(), places[:, 0], found[:, 0])


def _repeated(block: Block, shares: Tensor, uniform: Tensor) -> list[Draft]:
    """Draws from ``shares`` ``[n]``, one with each number."""
    places, found = invert(shares[None], uniform[None], shares.argmax()[None])
    return _as_drafts(block, [shares] * len(uniform), places[0], found[0])


def _as_drafts(block: Block, shares: Iterable[Tensor], places: Tensor, found: Tensor) -> list[Draft]:
    token_ids = block.ids[places].tolist()
    return [
        Draft(token_id, place, share, distribution)
        for token_id, place, share, distribution in zip(token_ids, places.tolist(), found.tolist(), shares, strict=True)
    ]


def _replace(block: Block, shares: Tensor, guessed: Tensor, uniform: float) -> int:
    """A token from what ``shares`` have more of than the guess's distribution."""
    left = (shares - guessed).clamp_(min=0)
    # Where rounding leaves nothing, the two are equal.
    left = torch.where(left.sum() > 0, left, shares)
    return _repeated(block, left, torch.tensor([uniform], device=left.device))[0].token_id
