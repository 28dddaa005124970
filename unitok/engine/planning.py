"""What the grammar says of the tokens to come, as far as it is known before they are drawn.

Inside an image nearly everything is: which codebook comes next, where a row begins, where the image ends. A plan
holds it as plain numbers, so that a step of the engine costs no work of the grammar, and tokens that are forced go
through the decoder together with the next one that is drawn.

Shape letters: B rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch

from unitok.engine.blocks import Blocks
from unitok.grammar import Grammar, GrammarState, Request

REMEMBERED = 1024
"""Plans that are kept; the same images are drawn again and again."""

LONGEST = 512
"""Draws of one plan at most, so that the first token of a large image need not wait for its last."""

State = tuple[int, ...]
"""A row's grammar state."""

ROOM = GrammarState._fields.index("room")


class Draw(NamedTuple):
    """A place whose token is drawn.

    Attributes:
        mask: The row of the grammar's mask table.
        modality: Whose settings the draw takes.
        codes: The modality of the code that is drawn, or TEXT for anything else.
        after: The tokens that are forced behind it.
    """

    mask: int
    modality: int
    codes: int
    after: tuple[int, ...] = ()


class Plan(NamedTuple):
    """What comes, up to a draw on which the rest depends (or may) or up to the turn's end.

    Attributes:
        head: Tokens that are forced in front of the first draw.
        draws: The draws, in order.
        state: The state in front of the last draw, on which the rest depends; None when the turn ends behind it.
    """

    head: tuple[int, ...]
    draws: tuple[Draw, ...]
    state: State | None


class Planner:
    """Makes plans, and remembers them.

    Args:
        grammar: The rules; on a CPU, where its many small steps are cheapest.
        blocks: Of the grammar's mask table.
    """

    def __init__(self, grammar: Grammar, blocks: Blocks) -> None:
        self._grammar = grammar
        self._blocks = blocks
        self.media_starts = grammar.media_starts
        self._known: dict[tuple[State, int | None], Plan] = {}

    def first(self, requests: Sequence[Request]) -> list[Plan]:
        """The plan of each answer before its first token.

        Raises:
            InputError: A request that cannot be met.
        """
        states = torch.stack(list(self._grammar.start(requests)), dim=1).tolist()
        return self._plans([(tuple(state), None) for state in states])

    def following(self, drawn: Sequence[tuple[State, int]]) -> list[Plan]:
        """The plan behind each drawn token, given with the state in front of it."""
        return self._plans(drawn)

    def _plans(self, drawn: Sequence[tuple[State, int | None]]) -> list[Plan]:
        """Room that makes no difference is left out, so that plans serve prompts of all lengths."""
        spare = [self._grammar.spare_room(state, token_id) for state, token_id in drawn]
        drawn = [(_with_room(state, -room), token_id) for (state, token_id), room in zip(drawn, spare, strict=True)]
        plans = self._remembered(drawn)
        return [
            plan if plan.state is None or not room else plan._replace(state=_with_room(plan.state, room))
            for plan, room in zip(plans, spare, strict=True)
        ]

    def _remembered(self, drawn: Sequence[tuple[State, int | None]]) -> list[Plan]:
        keys = [(state, None if token_id is None else self._blocks.kinds[token_id]) for state, token_id in drawn]
        known = self._known  # another thread may begin a new one meanwhile
        plans = {key: known[key] for key in keys if key in known}
        new = {key: one for key, one in zip(keys, drawn, strict=True) if key not in plans}
        if new:
            plans.update(zip(new, self._make(list(new.values())), strict=True))
            if len(known) + len(new) > REMEMBERED:
                self._known = plans
            else:
                known.update(plans)
        return [plans[key] for key in keys]

    def _make(self, drawn: list[tuple[State, int | None]]) -> list[Plan]:
        grammar, blocks = self._grammar, self._blocks
        state = GrammarState(*torch.tensor([one for one, _ in drawn]).T)
        token_ids = [token_id for _, token_id in drawn if token_id is not None]
        if token_ids:  # of all or of none: answers begin together
            state = grammar.advance(state, torch.tensor(token_ids))
        sketches = [_Sketch() for _ in drawn]
        live = list(range(len(drawn)))
        while live:
            masks, done = grammar.mask_row(state).tolist(), grammar.done(state).tolist()
            modalities = grammar.modality(state).tolist()
            codes = grammar.codes_of(state).tolist()
            states = torch.stack(list(state), dim=1).tolist()
            on = []  # places in the batch that the plan goes on for
            for place, row in enumerate(live):
                mask, sketch = masks[place], sketches[row]
                if done[place]:
                    continue
                if blocks.forced[mask]:
                    sketch.force(blocks.first_id[mask])
                else:
                    sketch.draw(Draw(mask, modalities[place], codes[place]))
                    if not blocks.free[mask] or sketch.is_long:
                        sketch.state = tuple(states[place])
                        continue
                on.append(place)
            if on:
                # Any id will do, since what follows is the same for all that are allowed.
                any_ids = torch.tensor([blocks.first_id[masks[place]] for place in on])
                state = grammar.advance(state.rows(torch.tensor(on)), any_ids)
            live = [live[place] for place in on]
        return [sketch.plan() for sketch in sketches]


def _with_room(state: State, more: int) -> State:
    """The state with so many tokens of room more."""
    return state if not more else (*state[:ROOM], state[ROOM] + more, *state[ROOM + 1 :])


class _Sketch:
    """A plan that is being made."""

    def __init__(self) -> None:
        self._head: list[int] = []
        self._draws: list[tuple[Draw, list[int]]] = []
        self.state: State | None = None

    @property
    def is_long(self) -> bool:
        return len(self._draws) >= LONGEST

    def force(self, token_id: int) -> None:
        (self._draws[-1][1] if self._draws else self._head).append(token_id)

    def draw(self, draw: Draw) -> None:
        self._draws.append((draw, []))

    def plan(self) -> Plan:
        draws = tuple(_shared(Draw(draw.mask, draw.modality, draw.codes, tuple(after))) for draw, after in self._draws)
        return Plan(tuple(self._head), draws, self.state)


@cache
def _shared(draw: Draw) -> Draw:
    """One object for all equal draws, of which there are few."""
    return draw
