"""Whose words the texts of documents are in: the templates', or others for a share of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unitok.data.world.captions import Caption
from unitok.data.world.edit import Edit
from unitok.data.world.question import Question
from unitok.data.world.requests import Request
from unitok.data.world.reworded.captions import reworded_demand
from unitok.data.world.reworded.edits import reworded_edit
from unitok.data.world.reworded.questions import further_question, reworded_question
from unitok.data.world.reworded.requests import reworded_request
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import chance

FURTHER_RATE = 0.3
"""How many of the questions in other words ask for what the templates never ask."""


@dataclass(frozen=True)
class Wording:
    """Puts ``share`` of what users say in other words. Nothing is drawn when it is 0, so that a seed's documents do not
    depend on this."""

    share: float = 0.0

    def request(self, rng: np.random.Generator, request: Request) -> Request:
        return replace(request, text=reworded_request(rng, request.spec)) if self._other(rng) else request

    def edit(self, rng: np.random.Generator, edit: Edit, focus: Object | None = None) -> Edit:
        return reworded_edit(rng, edit, focus) if self._other(rng) else edit

    def question(self, rng: np.random.Generator, scene: Scene, question: Question, split: str) -> Question:
        if not self._other(rng):
            return question
        further = further_question(rng, scene, split) if chance(rng, FURTHER_RATE) else None
        return further or reworded_question(rng, scene, question, split)

    def caption(self, rng: np.random.Generator, caption: Caption) -> Caption:
        return replace(caption, demand=reworded_demand(rng, caption.style)) if self._other(rng) else caption

    def _other(self, rng: np.random.Generator) -> bool:
        return self.share > 0 and chance(rng, self.share)


PLAIN = Wording()
"""The templates' own words."""
