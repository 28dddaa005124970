"""Batches of documents about scenes, drawn and tokenized on the fly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from unitok.bases import load_processor
from unitok.data.condition_dropout import ControlIds, drop_condition, find_media_replies
from unitok.data.encoding import Encoded, encode_documents
from unitok.data.packing import PackedBatch, build_batch, pack
from unitok.data.world.mixture import sounds_due_anywhere, world_documents
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError

LOOKED_AT = 256
"""Documents none of which fits into a row before it is taken for too short."""


class WorldBatches(Dataset[PackedBatch]):
    """Batch n of documents about scenes, a function of the seeds and n. Tokenizers are loaded at first use.

    Args:
        checkpoint: folder with the tokenizers.
        seeds: of everything that is drawn.
        split: of the scenes.
        row_length: tokens of a row.
        batch_rows: rows of a batch.
        condition_dropout: probability.
        sounds: share of the documents that come with sounds.
    """

    def __init__(
        self,
        checkpoint: Path,
        seeds: tuple[int, ...],
        split: str,
        row_length: int,
        batch_rows: int,
        condition_dropout: float,
        sounds: float = 0.0,
    ) -> None:
        self.checkpoint, self.seeds, self.split, self.sounds = checkpoint, seeds, split, sounds
        self.row_length, self.batch_rows, self.condition_dropout = row_length, batch_rows, condition_dropout
        self._processor: Processor | None = None

    def __len__(self) -> int:  # a sampler wants one; the samplers here count on their own
        return 1

    def __getitem__(self, number: int) -> PackedBatch:
        if self._processor is None:
            self._processor = load_processor(self.checkpoint)
        vocabulary = self._processor.vocabulary
        control = ControlIds.of(vocabulary)
        rng = np.random.default_rng([*self.seeds, number, 1])
        size = self._processor.image_size or 64
        due = sounds_due_anywhere(np.random.default_rng([*self.seeds, number, 2]), self.sounds)
        documents = world_documents([*self.seeds, number, 0], self.split, size, self.sounds, sounds_due=due)
        fitting: list[Encoded] = []
        drawn = 0
        while sum(len(ids) for ids, _ in fitting) < self.batch_rows * self.row_length:
            together = [next(documents) for _ in range(2 * self.batch_rows)]
            with torch.inference_mode():
                encoded = encode_documents(self._processor, together)
            encoded = [self._drop(one, control, rng) for one in encoded]
            fitting += [one for one in encoded if len(one[0]) <= self.row_length]
            drawn += len(together)
            if not fitting and drawn >= LOOKED_AT:
                raise InputError(
                    f"none of {drawn} documents fits into a row of {self.row_length} tokens; raise data.row_length"
                )
        rows = pack([len(ids) for ids, _ in fitting], self.row_length)
        # The emptiest rows are left out: their documents are lost, there are more where they came from.
        rows = sorted(rows, key=lambda row: -sum(len(fitting[one][0]) for one in row))[: self.batch_rows]
        return build_batch([[fitting[one] for one in row] for row in rows], self.row_length, vocabulary.pad)

    def _drop(self, document: Encoded, control: ControlIds, rng: np.random.Generator) -> Encoded:
        if rng.random() >= self.condition_dropout:
            return document
        ids, targets = document
        replies = find_media_replies(ids, np.array([0, len(ids)]), control)
        if not len(replies.start):
            return document
        one = int(rng.integers(len(replies.start)))
        return drop_condition(ids, targets, int(replies.start[one]), int(replies.end[one]), control)
