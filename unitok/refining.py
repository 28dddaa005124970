"""The last step of an answer: its pictures through the refiner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from unitok.document import Document, Image, Part

if TYPE_CHECKING:
    from unitok_detokenizers.refiner import RefinerPipeline

TOGETHER = 16  # pictures that are refined at once


def refine_answers(
    documents: Sequence[Document], seeds: Sequence[int], refiner: RefinerPipeline, steps: int
) -> list[Document]:
    """The documents with the pictures of their last turns refined; the codes stay as they are.

    Args:
        documents: Whose last turn is an answer.
        seeds: One for each; a picture depends on its own alone.
        refiner: As it was loaded.
        steps: Of the flow.
    """
    found = [
        (part, seed + number)
        for document, seed in zip(documents, seeds, strict=True)
        for number, part in enumerate(document.turns[-1].images)
        if part.image is not None
    ]
    refined: dict[int, Part] = {}
    for size in {part.image.size for part, _ in found if part.image is not None}:
        alike = [(part, seed) for part, seed in found if part.image is not None and part.image.size == size]
        for start in range(0, len(alike), TOGETHER):
            batch = alike[start : start + TOGETHER]
            pictures = [part.image for part, _ in batch if part.image is not None]
            generators = [torch.Generator().manual_seed(seed) for _, seed in batch]
            images = refiner(pictures, steps, generators, return_dict=False)[0]
            refined |= {id(part): Image(image, part.codes) for (part, _), image in zip(batch, images, strict=True)}
    return [document.with_parts(refined) for document in documents]
