"""Training of the decoder as a LightningModule.

Shapes: B batch, S row length, D model width, V vocabulary, G groups.
"""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, cast

import lightning as L
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    set_model_state_dict,
)
from torch.optim import Optimizer
from transformers import PreTrainedModel

from unitok.data.packing import IGNORED, TARGET, PackedBatch
from unitok.decoder_folder import load_for_vocabulary, merge_adapter
from unitok.training.backbone import (
    build_decoder,
    decoder_config,
    decoder_layers,
    embedding_parameters,
    export_decoder,
    load_vocabulary,
    materialize,
    pretrained_decoder,
    shard_decoder,
    tokenizers_of,
    with_head,
)
from unitok.training.carrying_over import base_of, carried_over, checkpoint_at, common
from unitok.training.code_embeddings import start_from_codes
from unitok.training.exports import replaced
from unitok.training.finetuning import FreezeConfig, LoraConfig, add_lora, freeze, quantization
from unitok.training.loss import LossConfig, LossOutput, chunked_cross_entropy
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig, build_optimizer, build_schedule, total_steps
from unitok.training.packing_check import check_packing
from unitok.training.position_gaps import PositionGapConfig, context_of, mask_of, with_gaps
from unitok.vocabulary import AUDIO, CONTROL, IMAGE, TEXT, Vocabulary
from unitok_tokenizers.errors import InputError

# What tokens are counted under: the modalities of what the model must write, and everything it only reads.
GROUPS = ("text", "control", "image", "audio", "context")
CONTEXT_GROUP = GROUPS.index("context")


class DecoderModule(L.LightningModule):
    """A stock `transformers` causal LM, trained on packed rows of tokens of every modality.

    Args:
        vocabulary: A vocabulary.json, or a folder (such as a checkpoint) that holds one.
        decoder: `model_type` (default qwen3) and the settings of that architecture.
        loss: Weights of modalities and context, z-loss.
        optimizer: AdamW, or Muon with AdamW.
        schedule: Learning rate over steps.
        init_from: Start from the weights of this decoder folder; `decoder` is then not used. A language model
            whose tokenizer the vocabulary has gets rows for everything that is not text. Or a checkpoint, whose
            vocabulary may be another: what both know keeps its rows (`vocabulary` is then a base's folder).
        freeze: What stays as it is of `init_from`.
        lora: Train adapters of `init_from` instead of its weights; they are what is exported.
        codes_from: Folder of an image tokenizer, or of a base with all its tokenizers: the embeddings of codes start
            from their code vectors, but for codes that the checkpoint of `init_from` knows.
        attn_implementation: As in transformers; sdpa always works, eager is faster on CPUs with short rows,
            flex_attention on accelerators. Its flash attention keeps documents apart in batches of one row only.
        compile: Compile each layer with torch.compile.
        gradient_checkpointing: Recompute each layer in the backward pass, for less memory.
        position_gaps: Train on some documents with a gap in their positions, so that what is asked is done far behind
            what it is about as well.
    """

    def __init__(
        self,
        vocabulary: str,
        decoder: dict[str, Any] | None = None,
        loss: LossConfig = LossConfig(),  # noqa: B008 - frozen
        optimizer: OptimizerConfig = OptimizerConfig(),  # noqa: B008
        schedule: ScheduleConfig = ScheduleConfig(),  # noqa: B008
        init_from: str | None = None,
        freeze: FreezeConfig | None = None,
        lora: LoraConfig | None = None,
        codes_from: str | None = None,
        attn_implementation: Literal["sdpa", "eager", "flex_attention"] = "sdpa",
        compile: bool = False,
        gradient_checkpointing: bool = False,
        position_gaps: PositionGapConfig | None = None,
    ) -> None:
        super().__init__()
        if decoder and init_from:
            raise InputError("give either model.decoder or model.init_from, not both")
        grown = checkpoint_at(init_from) if init_from else None
        if codes_from and init_from and not grown:
            raise InputError(
                "model.codes_from is for codes that are new: leave it out, or give a checkpoint as model.init_from"
            )
        if lora and grown:
            raise InputError(f"model.lora needs the decoder alone: give {grown / 'decoder'} as model.init_from")
        if (freeze or lora) and not init_from:
            raise InputError(
                "model.freeze and model.lora are for a decoder that is trained already: give model.init_from"
            )
        if freeze and freeze.known_rows and not grown:
            raise InputError("model.freeze.known_rows: model.init_from is no checkpoint; give one, or leave it out")
        if freeze and lora:
            raise InputError("model.lora trains nothing but its adapters and rows; leave out model.freeze")
        self.vocabulary: Vocabulary = load_vocabulary(vocabulary)
        self.tokenizers_folder = tokenizers_of(vocabulary)
        self.decoder_config = decoder_config(decoder or {}, self.vocabulary)
        self.loss_config, self.optimizer_config, self.schedule_config = loss, optimizer, schedule
        self.position_gaps = position_gaps
        self.init_from, self.attn_implementation = init_from, attn_implementation
        self.codes_from = codes_from
        self._grown = (grown, base_of(vocabulary)) if grown else None
        self.freeze_config, self.lora_config = freeze, lora
        self._adapted: list[Any] = []  # the peft model around the decoder; in a list, as it is no child of this module
        self.compile_layers, self.gradient_checkpointing = compile, gradient_checkpointing
        self.decoder: PreTrainedModel = cast(PreTrainedModel, None)  # built in configure_model
        groups, weights = _id_tables(self.vocabulary, loss)
        self.id_group: Tensor
        self.id_weight: Tensor
        self.register_buffer("id_group", groups, persistent=False)
        self.register_buffer("id_weight", weights, persistent=False)
        self._train_sums = _Sums()
        self._eval_sums = _Sums()
        self._flushed_step = 0

    def configure_model(self) -> None:
        """Build the decoder: here, or sharded where the strategy has a device mesh."""
        if self.decoder is not None:
            return
        mesh = self.device_mesh
        if mesh is None:
            self.decoder = self._build()
            if self.decoder.device.type != "meta":
                check_packing(self.decoder)
        else:
            if mesh["tensor_parallel"].size() > 1:
                raise InputError(
                    "ModelParallelStrategy: layers are not split, so that these devices would all do the same; "
                    "set its tensor_parallel_size to 1 and data_parallel_size to the number of devices"
                )
            strategy = cast(ModelParallelStrategy, self.trainer.strategy)
            self.decoder = self._build_sharded(mesh["data_parallel"], strategy.root_device)
        if self.freeze_config:
            with torch.device("cpu"):  # the trainer makes all that is new on its accelerator
                known = common(*self._grown).new if self._grown and self.freeze_config.known_rows else None
            freeze(self.decoder, self.freeze_config, self.vocabulary, known)
        if self.lora_config:
            self._adapted = [add_lora(self.decoder, self.lora_config, self.vocabulary)]
        if self.gradient_checkpointing:
            self.decoder.gradient_checkpointing_enable({"use_reentrant": False})
        if self.compile_layers:
            # Each row length is compiled once with gradients and once without.
            torch._dynamo.config.recompile_limit = 64
            for layer in decoder_layers(self.decoder):
                layer.compile(dynamic=False)  # in place: names in the state dict stay as they are

    @property
    def context(self) -> int | None:
        """Positions that the decoder knows; None where it sets no limit, or is not built yet."""
        return None if self.decoder is None else getattr(self.decoder.config, "max_position_embeddings", None)

    def _build(self) -> PreTrainedModel:
        if self._grown:
            with torch.device("cpu"):  # likewise; the trainer moves it
                return carried_over(*self._grown, self.attn_implementation, self.codes_from)
        if self.init_from:
            bits = quantization(self.lora_config)
            with nullcontext() if bits else torch.device("cpu"):
                return pretrained_decoder(self.init_from, self.vocabulary, self.attn_implementation, bits)
        model = build_decoder(self.decoder_config, self.attn_implementation)
        if self.codes_from:
            start_from_codes(model, self.vocabulary, self.codes_from)
        return model

    def _build_sharded(self, mesh: Any, device: torch.device) -> PreTrainedModel:
        if self.freeze_config or self.lora_config:
            raise InputError("model.freeze and model.lora do not work on sharded weights; use the strategy ddp")
        source = self._build() if self.init_from or self.codes_from else None
        config = self.decoder_config if source is None else source.config
        with torch.device("meta"):
            model = build_decoder(config, self.attn_implementation)
        compute_dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        shard_decoder(model, mesh, compute_dtype)
        materialize(model, device)
        if source is not None:
            set_model_state_dict(model, source.state_dict(), options=StateDictOptions(full_state_dict=True))
        return model

    def forward(self, input_ids: Tensor, position_ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Ids and positions [B, S] -> hidden states [B, S, D].

        Without a mask, a position that does not follow its left neighbor's starts a document, which sees nothing to its
        left.
        """
        backbone = self.decoder.get_decoder()
        return backbone(
            input_ids=input_ids, position_ids=position_ids, attention_mask=mask, use_cache=False
        ).last_hidden_state

    def _gapped(self, batch: PackedBatch, config: PositionGapConfig) -> tuple[Tensor, Tensor | None]:
        """Positions with gaps, the same ones in a run that goes on, and a mask that knows documents without them."""
        done = self.trainer.fit_loop.epoch_loop.batch_progress.total.processed  # pyright: ignore[reportAttributeAccessIssue]
        generator = torch.Generator().manual_seed(done * self.trainer.world_size + self.global_rank)
        context = context_of(self.decoder.config)
        positions = with_gaps(batch.input_ids, batch.position_ids, self.vocabulary, config, context, generator)
        return positions, mask_of(self.decoder, batch.position_ids)

    def loss(self, batch: PackedBatch) -> LossOutput:
        """The loss of a batch, and sums per entry of `GROUPS`."""
        positions, mask = batch.position_ids, None
        if self.position_gaps and self.training:
            positions, mask = self._gapped(batch, self.position_gaps)
        context = batch.roles != TARGET
        weights = self.id_weight[batch.labels] * (batch.roles != IGNORED)
        compute = partial(
            chunked_cross_entropy,
            targets=batch.labels,
            weights=torch.where(context, weights * self.loss_config.context, weights),
            groups=self.id_group[batch.labels].masked_fill(context, CONTEXT_GROUP),
            num_groups=len(GROUPS),
            z_loss=self.loss_config.z_loss,
            chunk=self.loss_config.positions(self.vocabulary.size),
        )
        return with_head(self.decoder, self(batch.input_ids, positions, mask), compute)

    def training_step(self, batch: PackedBatch, batch_idx: int) -> Tensor:
        output = self.loss(batch)
        self.log("train/loss", output.loss.detach(), prog_bar=True)
        self._train_sums.add(output, batch.input_ids.numel())
        return output.loss

    def on_fit_start(self) -> None:
        if self.attn_implementation == "flex_attention" and self.device.type == "cpu":
            raise InputError("model.attn_implementation flex_attention has no gradients on a CPU; give sdpa or eager")

    def on_train_start(self) -> None:
        self._flushed_step = self.global_step
        self._train_sums.reset()

    def on_train_batch_end(self, *_: Any) -> None:
        step = self.global_step
        every: int = self.trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
        if not every or step % every or step == self._flushed_step:
            return
        self._flushed_step = step
        seconds, tokens = self._train_sums.seconds, self._train_sums.tokens
        self.log("train/tokens_per_second", tokens * self.trainer.world_size / max(seconds, 1e-9), prog_bar=True)
        self._log_bits("train", self._train_sums)
        self._train_sums.reset()

    def validation_step(self, batch: PackedBatch, batch_idx: int) -> None:
        self._evaluate("val", batch)

    def test_step(self, batch: PackedBatch, batch_idx: int) -> None:
        self._evaluate("test", batch)

    def _evaluate(self, stage: str, batch: PackedBatch) -> None:
        output = self.loss(batch)
        self._eval_sums.add(output, batch.input_ids.numel())
        tokens = int(output.count.sum())  # none, where a device has no row of the last batch
        self.log(f"{stage}/loss", output.loss, prog_bar=True, sync_dist=True, batch_size=tokens, on_epoch=True)

    def on_validation_epoch_start(self) -> None:
        self._eval_sums.reset()

    def on_validation_epoch_end(self) -> None:
        self._train_sums.leave_out(self._eval_sums.seconds)
        self._log_bits("val", self._eval_sums)

    def on_test_epoch_start(self) -> None:
        self._eval_sums.reset()

    def on_test_epoch_end(self) -> None:
        self._log_bits("test", self._eval_sums)

    def _log_bits(self, stage: str, sums: _Sums) -> None:
        if sums.table is None:
            return
        table = cast(Tensor, self.trainer.strategy.reduce(sums.table, reduce_op="sum"))
        for name, nats, count in zip(GROUPS, *table.tolist(), strict=True):
            if count:
                # Of all devices already; without sync_dist each would be warned about.
                self.log(f"{stage}/loss_{name}", nats / count, sync_dist=True)
                bits = nats / count / math.log(2)
                self.log(f"{stage}/bits_{name}", bits, prog_bar=name in ("text", "image"), sync_dist=True)

    def configure_optimizers(self) -> Any:
        schedule = self.schedule_config
        total = total_steps(schedule, self)
        decay = not (self.freeze_config and self.freeze_config.holds_rows)
        ends = embedding_parameters(self.decoder)
        optimizer: Optimizer = build_optimizer(self.decoder, self.optimizer_config, ends, decay)
        scheduler = build_schedule(optimizer, schedule, total)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _save_adapter(self, folder: str | Path, dtype: torch.dtype | None = None) -> None:
        # The rows that are trained are saved with the adapters; the rest of the embedding is the base's.
        self._adapted[0].save_pretrained(folder, save_embedding_layers=False)
        if dtype is not None:
            file = Path(folder) / "adapter_model.safetensors"
            save_file({name: value.to(dtype) for name, value in load_file(file).items()}, file, {"format": "pt"})

    def export(self, folder: str | Path, dtype: torch.dtype | None = None, max_shard_size: str = "15MB") -> None:
        """Save the decoder as a `transformers` folder with safetensors, or its adapters alone as `peft` does.

        Call it on every rank.
        """
        sharded = self.device_mesh is not None
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        weights = get_model_state_dict(self.decoder, options=options) if sharded else None
        if self._trainer is not None and not self.trainer.is_global_zero:
            return
        if self._adapted and self.lora_config is not None and self.lora_config.merge:
            assert self.init_from is not None
            with TemporaryDirectory() as adapter:
                self._save_adapter(adapter)
                merged = merge_adapter(load_for_vocabulary(self.init_from, self.vocabulary), adapter)
            export_decoder(merged, folder, self.vocabulary, dtype=dtype, max_shard_size=max_shard_size)
        elif self._adapted:
            with replaced(folder) as work:
                self._save_adapter(work, dtype)
        else:
            export_decoder(
                self.decoder,
                folder,
                self.vocabulary,
                state_dict=cast("dict[str, Tensor] | None", weights),
                dtype=dtype,
                max_shard_size=max_shard_size,
            )


class _Sums:
    """Running sums on the device, so that only a log line waits for it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.table: Tensor | None = None  # [2, G]: nats, tokens
        self.tokens = 0  # of the rows, padding included
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def leave_out(self, seconds: float) -> None:
        """Not to count time that something else took."""
        self._start += seconds

    def add(self, output: LossOutput, tokens: int) -> None:
        table = torch.stack([output.nll, output.count])
        self.table = table if self.table is None else self.table + table
        self.tokens += tokens


def _id_tables(vocabulary: Vocabulary, loss: LossConfig) -> tuple[Tensor, Tensor]:
    """Per token id, its index in `GROUPS` int64 [V] and its loss weight fp32 [V]."""
    kinds = vocabulary.modality_of(torch.arange(vocabulary.size)).long()
    groups = torch.full((vocabulary.size,), GROUPS.index("control"))
    for kind, name in ((TEXT, "text"), (CONTROL, "control"), (IMAGE, "image"), (AUDIO, "audio")):
        groups[kinds == kind] = GROUPS.index(name)
    weights = torch.tensor([loss.text, loss.control, loss.image, loss.audio])[groups]
    weights[vocabulary.uncond] = 0.0  # says that the condition was dropped: nothing to predict
    return groups, weights
