"""What trains a codec of any medium: encoder, quantizer and decoder together, with an optional discriminator.

Shape letters: B batch, n positions of the code grid, K codebooks, V codes, C channels of a code vector.
"""

from __future__ import annotations

import pickle
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from unitok.evaluation.metrics import perplexity, usage
from unitok.training.adversary import adaptive_weight, discriminator_loss
from unitok.training.exports import CODEC_PART, Kind, replaced
from unitok.training.guards import is_tried, is_validated_in_training, refuse_several_devices
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig, build_optimizer, build_schedule, total_steps
from unitok.training.quantizers import Quantizer
from unitok_tokenizers.errors import InputError

MAX_SKIPPED_IN_A_ROW = 10


class AutoEncoder(nn.Module):
    """Encoder, quantizer and decoder.

    Args:
        encoder: media ``[B, ...]`` to vectors ``[B, C, *grid]``; its ``ends`` are the weights of its last layer.
        quantizer: of vectors ``[B, n, C]``.
        decoder: vectors to media, with ``ends`` likewise.
    """

    def __init__(self, encoder: Any, quantizer: Quantizer, decoder: Any) -> None:
        super().__init__()
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder

    def forward(self, media: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Media to their reconstructions, codes ``[B, n, K]`` and the quantizer's loss."""
        if all(not weight.requires_grad for weight in self.encoder.parameters()):
            # An encoder that is kept must find the codes that its tokenizer finds, which bf16-mixed would round.
            with torch.no_grad(), torch.autocast(media.device.type, enabled=False):
                x = self.encoder(media)
        else:
            x = self.encoder(media)
        with torch.autocast(x.device.type, enabled=False):  # bf16 would pick other codes for some vectors
            quantized, codes, loss = self.quantizer(x.float().flatten(2).transpose(1, 2).contiguous())
        vectors = quantized.to(x.dtype).transpose(1, 2).unflatten(2, x.shape[2:])
        return self.decoder(vectors), codes, loss


class CodecModule(L.LightningModule):
    """A VQ-VAE with a reconstruction loss, the quantizer's and an adversarial one.

    Args:
        model: the networks.
        optimizer: of the autoencoder and, with its own state, of the discriminator.
        schedule: of their learning rates.
        clip: largest norm of the gradient.
        ema: decay of the moving average of the weights that is validated and exported.
        discriminator: judges whether media are real: a tensor of scores, high for real ones; None trains without.
        discriminator_start: first step at which the discriminator is heard. Its learning rate warms up from there.
        discriminator_weight: of the adversarial loss, on top of its adaptive weight.
        export: folder that receives the tokenizer's folder and the detokenizer's after each validation and at the end.
        export_dtype: of the exported weights: `float32`, or `float16` for half the size. They are read as float32.
        init_from: a Lightning checkpoint of this module with the same networks, and the same kept tokenizer, to start
            from its weights.
        kept: the tokenizer of the codec, where it stays as it is: it is exported with the weights and in the precision
            that it was read with.
    """

    modality: ClassVar[str]
    """The exported folders are ``{modality}_tokenizer`` and ``{modality}_detokenizer``."""

    def __init__(
        self,
        model: AutoEncoder,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        clip: float = 1.0,
        ema: float = 0.998,
        discriminator: nn.Module | None = None,
        discriminator_start: int = 5000,
        discriminator_weight: float = 0.5,
        export: str | None = None,
        export_dtype: Literal["float32", "float16"] = "float32",
        init_from: str | None = None,
        kept: Any = None,
    ) -> None:
        super().__init__()
        if not 0 <= ema < 1:
            raise InputError(f"model.ema must be at least 0 and below 1, not {ema}: at 1 the average never moves")
        if not clip > 0:
            raise InputError(f"model.clip must be above 0, not {clip}; a large number never clips")
        self.model = model
        self._kept = (kept,)  # its networks are the model's: not a second time a child of this module
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(ema), use_buffers=False)
        self.optimizer_config, self.schedule_config, self.clip = optimizer, schedule, clip
        self.discriminator = discriminator
        self.discriminator_start, self.discriminator_weight = discriminator_start, discriminator_weight
        self.export_folder, self.export_dtype = export, getattr(torch, export_dtype)
        self.automatic_optimization = False  # two optimizers that take turns
        if init_from:
            self._start_from(init_from)
        self.skipped_in_a_row: Counter[str] = Counter()  # of the autoencoder, and of the discriminator
        config = model.quantizer.config
        self.code_counts = torch.zeros(config.num_codebooks, config.size)

    # ---- what each medium has of its own

    @abstractmethod
    def reconstruction_loss(self, output: Tensor, batch: Tensor) -> Tensor:
        """How far a batch's reconstructions are from it; may log its parts."""

    @property
    @abstractmethod
    def last_weight(self) -> Tensor:
        """The weight of the decoder's last layer, where the pulls of the losses are compared."""

    @abstractmethod
    def refuse_other_media(self, batch: Tensor) -> None:
        """Raises `InputError` for what does not come apart into whole codes."""

    @abstractmethod
    def judge_reconstructions(self, output: Tensor, batch: Tensor, batch_idx: int) -> None:
        """Logs figures of a validation batch; may save pictures."""

    @abstractmethod
    def new_tokenizer(self) -> Any:
        """A tokenizer with new weights, to be filled."""

    @abstractmethod
    def new_detokenizer(self) -> Any:
        """A detokenizer with new weights, to be filled."""

    # ---- training

    def _start_from(self, path: str) -> None:
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        except (OSError, EOFError, LookupError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
            raise InputError(f"model.init_from: {path} is not a Lightning checkpoint: {error}") from None
        averaged = {
            name.removeprefix("average.module."): w for name, w in saved.items() if name.startswith("average.m")
        }
        self._refuse_other_tokenizer(averaged, f"model.init_from: {path}")
        try:
            self.model.load_state_dict(averaged)
        except RuntimeError as error:
            raise InputError(f"model.init_from: {path} has other networks: {error}") from None
        self.average.module.load_state_dict(averaged)

    def on_fit_start(self) -> None:
        refuse_several_devices(self.trainer)
        if str(self.trainer.precision).startswith("16"):  # its scaled gradients would be clipped as if they were not
            raise InputError("codecs are not trained in float16: give --trainer.precision bf16-mixed or 32-true")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        saved = {name.removeprefix("model."): w for name, w in checkpoint["state_dict"].items()}
        self._refuse_other_tokenizer(saved, "--ckpt_path: its training")

    def _refuse_other_tokenizer(self, weights: Mapping[str, Tensor], whose: str) -> None:
        """Weights of the model's networks must not take the place of the tokenizer that is kept."""
        if self._kept == (None,):
            return
        for name, own in self.model.state_dict().items():
            saved = weights.get(name)
            if name.startswith("decoder.") or saved is None or saved.shape != own.shape:
                continue  # what is missing or of another shape is told where it is loaded
            if not torch.equal(saved.to(own), own):
                raise InputError(
                    f"{whose} has another tokenizer than model.tokenizer_from; give the one of that training"
                )

    def configure_optimizers(self) -> Any:
        total = total_steps(self.schedule_config, self)
        ends = [*self.model.decoder.ends, *self.model.encoder.ends]
        optimizers = [build_optimizer(self.model, self.optimizer_config, ends)]
        schedules = [build_schedule(optimizers[0], self.schedule_config, total)]
        if self.discriminator is not None:
            optimizers.append(build_optimizer(self.discriminator, replace(self.optimizer_config, name="adamw")))
            heard = max(1, total - self.discriminator_start)  # it warms up when it joins, and ends with the rest
            schedules.append(build_schedule(optimizers[1], self.schedule_config, heard))
        return optimizers, schedules

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        optimizers, schedulers = self._list(self.optimizers()), self._list(self.lr_schedulers())
        self.refuse_other_media(batch)
        output, codes, quantizer_loss = self.model(batch)
        output = output.float()
        reconstruction = self.reconstruction_loss(output, batch)
        loss = reconstruction + quantizer_loss
        judge = self.discriminator if self.steps_done >= self.discriminator_start else None
        if judge is not None:
            adversarial = -judge(output).float().mean()
            weight = adaptive_weight(reconstruction, adversarial, self.last_weight)
            loss = loss + self.discriminator_weight * weight * adversarial
            self.log_dict({"train/adversarial": adversarial, "train/adversarial_weight": weight})
        self._step(optimizers[0].step, schedulers[0], loss, self.model)
        self.average.update_parameters(self.model)
        if judge is not None:
            loss_d = discriminator_loss(judge(batch).float(), judge(output.detach()).float())
            # The trainer counts every step of its wrapped optimizers, and would end after half of its batches.
            self._step(partial(self._uncounted_step, optimizers[1].optimizer), schedulers[1], loss_d, judge)
            self.log("train/discriminator", loss_d)
        used = len(codes[..., 0].unique())
        self.log_dict({"train/quantizer": quantizer_loss, "train/batch_codes": float(used)})

    @property
    def steps_done(self) -> int:
        """Updates of the autoencoder so far."""
        return int(self.average.n_averaged)

    @staticmethod
    def _list(value: Any) -> list[Any]:
        return list(value) if isinstance(value, (list, tuple)) else [value]

    def _uncounted_step(self, optimizer: Optimizer) -> None:
        self.trainer.strategy.optimizer_step(optimizer, lambda: None)

    def _step(self, update: Callable[[], Any], scheduler: Any, loss: Tensor, module: nn.Module) -> None:
        module.zero_grad()
        self.manual_backward(loss)
        norm = nn.utils.clip_grad_norm_(module.parameters(), self.clip)
        name = type(module).__name__
        if torch.isfinite(norm):
            update()
            self.skipped_in_a_row[name] = 0
        else:
            self.skipped_in_a_row[name] += 1
            self.log("train/skipped", 1.0, reduce_fx="sum")
            if self.skipped_in_a_row[name] == MAX_SKIPPED_IN_A_ROW:
                raise InputError(
                    f"{MAX_SKIPPED_IN_A_ROW} steps in a row had gradients that are not finite; lower the learning "
                    "rate, or look for broken files in the data"
                )
        scheduler.step()

    # ---- validation and export

    @property
    def stage(self) -> str:
        """What the names of figures begin with."""
        return "test" if self.trainer.testing else "val"

    def on_validation_epoch_start(self) -> None:
        self.code_counts.zero_()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.refuse_other_media(batch)
        output, codes, _ = self.average.module(batch)
        for k in range(codes.shape[-1]):
            counts = torch.bincount(codes[..., k].flatten(), minlength=self.code_counts.shape[1])
            self.code_counts[k] += counts.cpu()
        self.judge_reconstructions(output.float().clamp(-1, 1), batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        self._log_codes()
        if self.export_folder and is_validated_in_training(self.trainer):
            self.export(self.export_folder)

    def _log_codes(self) -> None:
        for k, counts in enumerate(self.code_counts):
            suffix = f"_{k}" if len(self.code_counts) > 1 else ""
            self.log(f"{self.stage}/codes_used{suffix}", usage(counts), prog_bar=k == 0)
            self.log(f"{self.stage}/perplexity{suffix}", perplexity(counts))

    def on_train_end(self) -> None:
        if self.export_folder and not is_tried(self.trainer):  # the last validation may lie well before the last step
            self.export(self.export_folder)

    def on_test_epoch_start(self) -> None:
        self.code_counts.zero_()

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        self._log_codes()

    def tokenizer(self) -> Any:
        """The averaged encoder and codebook as a tokenizer that stands alone; or the one that stays."""
        (kept,) = self._kept
        if kept is not None:
            return kept
        averaged: Any = self.average.module
        tokenizer = self.new_tokenizer()
        tokenizer.encoder.load_state_dict(averaged.encoder.state_dict())
        averaged.quantizer.fill(tokenizer.codebook)
        return tokenizer.eval()

    def detokenizer(self) -> Any:
        """The averaged decoder and codebook as a detokenizer that stands alone."""
        averaged: Any = self.average.module
        detokenizer = self.new_detokenizer()
        detokenizer.decoder.load_state_dict(averaged.decoder.state_dict())
        averaged.quantizer.fill(detokenizer.codebook)
        return detokenizer.eval()

    def exports(self, folder: str | Path) -> list[tuple[Path, Kind]]:
        """What stands in ``folder`` when the codec is exported: the tokenizer's folder and the detokenizer's."""
        return [(Path(folder) / f"{self.modality}_{name}", CODEC_PART) for name in ("tokenizer", "detokenizer")]

    def export(self, folder: str | Path) -> None:
        """Write the tokenizer's folder and the detokenizer's into ``folder``; both are whole before either is in place.

        Raises:
            InputError: One of them holds something else, or cannot be written.
        """
        with ExitStack() as stack:
            for place, part in zip(self.exports(folder), (self.tokenizer(), self.detokenizer()), strict=True):
                work = stack.enter_context(replaced(*place))
                # Rounded, a tokenizer that others use could give some media other codes.
                (part if part in self._kept else part.to(self.export_dtype)).save_pretrained(work)
