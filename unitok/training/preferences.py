"""Training on pairs of answers: direct preference optimization (Rafailov et al. 2023), as Emu3 has it for pictures.

Of two answers to one prompt the decoder is to find the chosen one likelier than a reference does, the decoder that
training began with:

    loss = -log sigmoid(beta * ((log p(chosen) - log p(rejected)) - the reference's))

What both answers have in common cancels out, so that what is learned is in the few tokens that make the difference. The
reference's part is a number for each pair, which the cache of pairs holds: it takes neither memory nor time.

Without the reference (CPO, Xu et al. 2024) the gradient goes to those pairs whose rejected answer the decoder finds the
likelier one, and hardly to those that it gets right but for the luck of a draw.

Shapes: P pairs, L row length.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, NotRequired, TypedDict

from torch import Tensor
from torch.nn.functional import logsigmoid

from unitok.data.document_losses import decoder_at
from unitok.data.packing import TARGET, PackedBatch
from unitok.data.preference_batches import PreferenceBatch, PreferencesDataModule
from unitok.data.preferences import Preferences, weights_hash
from unitok.training.backbone import with_head
from unitok.training.decoder import DecoderModule
from unitok.training.loss import log_likelihoods
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreferenceConfig:
    """What pairs count.

    Args:
        beta: How soon a pair is learned: where the decoder prefers the chosen answer by a few times 1 / beta nats more
            than it began with, little is left of its gradient.
        reference: Whether margins count from the reference's, or from zero.
        chosen: Weight of the loss of the documents with the chosen answers, a sum over the tokens that the assistant
            writes in them; it keeps them likely where the contrast alone would make both answers unlikely.
        documents: Weight of the loss of documents (`data.train`) beside that of pairs.
    """

    beta: float = 0.1
    reference: bool = True
    chosen: float = 0.0
    documents: float = 1.0

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise InputError(f"preference.beta must be above 0, got {self.beta}")
        for name in ("chosen", "documents"):
            if getattr(self, name) < 0:
                raise InputError(f"preference.{name} must be at least 0, got {getattr(self, name)}")


class Batch(TypedDict):
    """What a training step gets."""

    pairs: PreferenceBatch
    documents: NotRequired[PackedBatch]


class PreferenceModule(DecoderModule):
    """A decoder that learns which of two answers is the better one.

    Args:
        preference: What pairs count.
        **kwargs: As for :class:`DecoderModule`.
    """

    def __init__(self, preference: PreferenceConfig = PreferenceConfig(), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.init_from:
            raise InputError("preferences are learned by a decoder that is trained already: give model.init_from")
        self.preference = preference

    def likelihoods(self, rows: PackedBatch) -> tuple[Tensor, Tensor]:
        """The log-likelihoods of the chosen and of the rejected answers: ``[2 P, L]`` -> ``[P]`` each."""
        chunk = self.loss_config.positions(self.vocabulary.size)
        compute = partial(log_likelihoods, targets=rows.labels, wanted=rows.roles == TARGET, chunk=chunk)
        found = with_head(self.decoder, self(rows.input_ids, rows.position_ids), compute)
        return found[0::2], found[1::2]

    def pair_loss(self, pairs: PreferenceBatch) -> tuple[Tensor, Tensor]:
        """The loss of pairs, and how much likelier the chosen answers are, in nats ``[P]``."""
        chosen, rejected = self.likelihoods(pairs.rows)
        margins, settings = chosen - rejected, self.preference
        gained = margins - pairs.margins if settings.reference else margins
        loss = -logsigmoid(settings.beta * gained).mean() - settings.chosen * chosen.mean()
        return loss, margins.detach()

    def on_fit_start(self) -> None:
        super().on_fit_start()
        data = getattr(self.trainer, "datamodule", None)
        if not self.preference.reference or not isinstance(data, PreferencesDataModule) or not self.init_from:
            return
        start = weights_hash(decoder_at(self.init_from)[0])
        for folder in (*data.pair_folders, *data.val_pair_folders):
            if Preferences(folder).cache.meta.get("source", {}).get("reference") not in (None, start):
                log.warning(
                    "the margins of %s are those of other weights than model.init_from; where these are to be the "
                    "reference, make the pairs anew with them",
                    folder,
                )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # type: ignore[override]
        loss, margins = self.pair_loss(batch["pairs"])
        self._train_sums.tokens += batch["pairs"].rows.input_ids.numel()
        self.log("train/pairs", loss.detach(), prog_bar=True)
        self.log("train/preferred", (margins > 0).float().mean(), prog_bar=True)
        if "documents" in batch:
            loss = loss + self.preference.documents * super().training_step(batch["documents"], batch_idx)
        return loss

    def _evaluate(self, stage: str, batch: Any) -> None:
        loss, margins = self.pair_loss(batch)
        options: dict[str, Any] = {"prog_bar": True, "sync_dist": True, "batch_size": len(margins), "on_epoch": True}
        self.log(f"{stage}/pairs", loss, **options)
        self.log(f"{stage}/preferred", (margins > 0).float().mean(), **options)
        self.log(f"{stage}/gained", (margins - batch.margins).mean(), **options)
