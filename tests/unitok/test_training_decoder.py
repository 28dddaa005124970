"""The decoder's LightningModule: losses, exact resuming, guards, EMA, export, options."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.strategies import ModelParallelStrategy
from transformers import AutoModelForCausalLM

from unitok import precision
from unitok.data.datamodules import TokenCacheDataModule
from unitok.data.packing import IGNORED, TARGET, PackedBatch, build_batch
from unitok.data.token_cache import TokenCacheWriter, vocabulary_hash
from unitok.training.callbacks import ExportDecoder, StepProgressBar
from unitok.training.decoder import GROUPS, DecoderModule
from unitok.training.ema import ExponentialMovingAverage
from unitok.training.guards import DivergenceError, StepGuard
from unitok.training.loss import LossConfig, full_cross_entropy
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig, orthogonalize, schedule_factor
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

DECODER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary and a token cache of 120 documents: a request, then a picture of 2 x 2 codes or words."""
    folder = tmp_path_factory.mktemp("training")
    vocabulary = Vocabulary(20, [CodebookSpec("image", 16, downsample=8)], max_grid=4)
    vocabulary.save(folder / "vocabulary.json")
    v, rng = vocabulary, np.random.default_rng(0)
    codes = v.block_ids("image").numpy()
    with TokenCacheWriter(folder / "cache", v.size, vocabulary_hash(v)) as writer:
        for number in range(120):
            words = rng.integers(0, 20, rng.integers(2, 8)).tolist()
            two = v.size_id(2)
            picture = [v.boi, two, two, *rng.choice(codes, 4).tolist(), v.eoi]
            reply = picture if number % 2 else words
            ids = [v.bos, v.user, *words, v.eot, v.assistant, *reply, v.eot, v.eos]
            marks = [0] * (4 + len(words)) + [1] * (len(reply) + 1) + [0]
            writer.add(ids, marks)
        writer.finish()
    return folder


@pytest.fixture()
def make(folder: Path) -> Callable[..., DecoderModule]:
    def make(**options: Any) -> DecoderModule:
        torch.manual_seed(0)
        options = {
            "decoder": DECODER,
            "optimizer": OptimizerConfig(lr=1e-2),
            "schedule": ScheduleConfig(warmup_steps=2, total_steps=8),
            **options,
        }
        module = DecoderModule(str(folder / "vocabulary.json"), **options)
        module.configure_model()
        return module

    return make


@pytest.fixture()
def data(folder: Path) -> Callable[..., TokenCacheDataModule]:
    def data(**options: Any) -> TokenCacheDataModule:
        cache = [str(folder / "cache")]
        return TokenCacheDataModule(cache, cache, **{"row_length": 48, "batch_rows": 4, "seed": 3, **options})

    return data


def trainer(tmp_path: Path, *callbacks: Callback, **options: Any) -> L.Trainer:
    defaults: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": any(isinstance(c, ModelCheckpoint) for c in callbacks),
        "limit_val_batches": 0,
        "default_root_dir": tmp_path,
    }
    return L.Trainer(callbacks=list(callbacks), **{**defaults, **options})


def weights(module: L.LightningModule) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_codes_of_sounds_are_weighed_and_counted_apart(tmp_path: Path) -> None:
    v = Vocabulary(20, [CodebookSpec("image", 16, downsample=8), CodebookSpec("audio", 4, 2)], max_grid=4)
    v.save(tmp_path / "vocabulary.json")
    weights_of = LossConfig(text=0.5, image=2.0, control=0.25, audio=3.0)
    module = DecoderModule(str(tmp_path / "vocabulary.json"), decoder=DECODER, loss=weights_of)
    audio = torch.cat([v.block_ids("audio", k) for k in (0, 1)])
    assert (module.id_group == GROUPS.index("audio")).nonzero()[:, 0].tolist() == sorted(audio.tolist())
    assert (module.id_weight[audio] == 3).all() and (module.id_weight == 3).sum() == 8
    assert module.id_group[v.boa] == module.id_group[v.eoa] == GROUPS.index("control")


def test_rows_of_nothing_lose_nothing(make: Callable[..., DecoderModule]) -> None:
    """Which devices get for validation whose rows do not go up."""
    module = make()
    output = module.loss(build_batch([[]], 48, module.vocabulary.pad))
    assert float(output.loss) == 0 and int(output.count.sum()) == 0 and float(output.nll.abs().sum()) == 0


def test_the_loss_weighs_modalities_and_context(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    module = make(loss=LossConfig(text=0.5, image=2.0, control=0.25, context=0.1, z_loss=1e-3, chunk=7))
    batch = _first_batch(module, data(), tmp_path)
    output = module.loss(batch)
    vocabulary = module.vocabulary
    kinds = vocabulary.modality_of(batch.labels)
    expected = torch.tensor([0.5, 0.25, 2.0])[kinds.long()]
    expected = expected * torch.where(batch.roles == TARGET, 1.0, 0.1) * (batch.roles != IGNORED)
    expected[batch.labels == vocabulary.uncond] = 0
    logits = module.decoder(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
    torch.testing.assert_close(output.loss, full_cross_entropy(logits, batch.labels, expected, z_loss=1e-3))
    nll = -logits.log_softmax(-1).gather(-1, batch.labels[..., None])[..., 0]
    images = (kinds == 2) & (batch.roles == TARGET)
    assert output.count[GROUPS.index("image")] == images.sum() > 0
    torch.testing.assert_close(output.nll[GROUPS.index("image")], nll[images].sum())


def _first_batch(module: DecoderModule, data: TokenCacheDataModule, tmp_path: Path) -> PackedBatch:
    caught: list[PackedBatch] = []

    class Catch(Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: PackedBatch, batch_idx: int) -> None:
            caught.append(batch)

    trainer(tmp_path, Catch(), max_steps=1).fit(module, data)
    return caught[0]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_training_in_two_parts_equals_training_at_once(
    make: Callable[..., DecoderModule],
    data: Callable[..., TokenCacheDataModule],
    tmp_path: Path,
    optimizer: Any,
    accumulate: int,
) -> None:
    options = {"optimizer": OptimizerConfig(name=optimizer, lr=1e-2)}
    common: dict[str, Any] = {"accumulate_grad_batches": accumulate, "gradient_clip_val": 1.0}
    seen: list[list[int]] = [[], []]

    class Record(Callback):
        def __init__(self, into: list[int]) -> None:
            self.into = into

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: PackedBatch, batch_idx: int) -> None:
            self.into.append(hash(tuple(batch.input_ids.flatten().tolist())))

    whole = make(**options)
    trainer(tmp_path, Record(seen[0]), StepGuard(), max_steps=10, **common).fit(whole, data(batch_rows=8))

    first = make(**options)
    keep = ModelCheckpoint(tmp_path, save_last=True, every_n_train_steps=4)
    trainer(tmp_path, Record(seen[1]), StepGuard(), keep, max_steps=4, **common).fit(first, data(batch_rows=8))
    second = make(**options)
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(1.0)  # what it starts from must not matter
    trainer(tmp_path, Record(seen[1]), StepGuard(), max_steps=10, **common).fit(
        second, data(batch_rows=8), ckpt_path=tmp_path / "last.ckpt", weights_only=True
    )
    # A pass has fewer batches than eight, after which the second part begins where `accumulate` is 2.
    assert seen[0] == seen[1] and len(seen[0]) == 10 * accumulate
    torch.testing.assert_close(weights(whole), weights(second), atol=0, rtol=0)


def test_workers_do_not_change_the_batches(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    module = make()
    alone = _first_batch(module, data(), tmp_path)
    helped = _first_batch(module, data(num_workers=1), tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


class BreakGradients(Callback):
    """Makes the gradients of some optimizer steps unusable."""

    def __init__(self, steps: set[int], factor: float = math.nan) -> None:
        self.steps, self.factor, self.calls = steps, factor, 0
        self.weights: list[torch.Tensor] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: L.LightningModule, optimizer: Any) -> None:
        self.weights.append(weights(pl_module))
        if self.calls in self.steps:
            for parameter in pl_module.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(self.factor)
        self.calls += 1


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_bad_step_is_skipped(
    make: Callable[..., DecoderModule],
    data: Callable[..., TokenCacheDataModule],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    optimizer: Any,
) -> None:
    module = make(optimizer=OptimizerConfig(name=optimizer))
    broken, guard = BreakGradients({2}), StepGuard(patience=2)
    trainer(tmp_path, broken, guard, max_steps=5, gradient_clip_val=1.0).fit(module, data())
    steps = broken.weights
    assert guard.skipped == 1 and "step 2 skipped" in caplog.text
    assert torch.equal(steps[2], steps[3])
    assert not torch.equal(steps[1], steps[2]) and not torch.equal(steps[3], steps[4])
    assert weights(module).isfinite().all()


def test_several_bad_steps_in_a_row_end_the_run(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    with pytest.raises(DivergenceError, match="3 steps in a row"):
        trainer(tmp_path, BreakGradients({1, 2, 3}), StepGuard(patience=3), max_steps=9).fit(make(), data())


def test_a_spike_is_skipped(
    make: Callable[..., DecoderModule],
    data: Callable[..., TokenCacheDataModule],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("unitok.training.guards.SPIKE_WARMUP", 3)
    guard = StepGuard(spike_factor=50.0)
    trainer(tmp_path, BreakGradients({4}, 1e4), guard, max_steps=6).fit(make(), data())
    assert guard.skipped == 1 and guard.accepted == 5


def test_ema_weights_are_validated_exported_and_resumed(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    module, ema = make(), ExponentialMovingAverage(decay=0.5, warmup=False)
    history: list[torch.Tensor] = []
    validated: list[torch.Tensor] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            history.append(weights(pl_module))

        def on_validation_batch_start(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            validated.append(weights(pl_module))

    start = weights(module)
    export = ExportDecoder(str(tmp_path / "decoder"))
    keep = ModelCheckpoint(tmp_path, save_last=True, every_n_train_steps=3)
    trainer(
        tmp_path,
        ema,
        Watch(),
        export,
        keep,
        max_steps=3,
        limit_val_batches=1,
        val_check_interval=3,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
    ).fit(module, data())
    average = start
    for one in history:
        average = average.lerp(one, 0.5)
    torch.testing.assert_close(validated[0], average)
    torch.testing.assert_close(weights(module), history[-1])  # swapped back
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "decoder")
    torch.testing.assert_close(torch.cat([p.detach().flatten() for p in exported.parameters()]), average)
    other, again = make(), ExponentialMovingAverage(decay=0.5, warmup=False)
    resumed = trainer(tmp_path, again, max_steps=3)
    resumed.fit(other, data(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    with again.averaged(other):
        torch.testing.assert_close(weights(other), average)


def test_ema_of_accumulated_steps_counts_each_once_in_a_run_that_goes_on(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    whole, first, second = (ExponentialMovingAverage(decay=0.5, warmup=False) for _ in range(3))
    keep = ModelCheckpoint(tmp_path, save_last=True, save_top_k=0, every_n_train_steps=2)
    trainer(tmp_path, whole, max_steps=4, accumulate_grad_batches=3).fit(make(), data())
    trainer(tmp_path, first, keep, max_steps=2, accumulate_grad_batches=3).fit(make(), data())
    resumed = trainer(tmp_path, second, max_steps=4, accumulate_grad_batches=3)
    resumed.fit(make(), data(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert (whole.updates, first.updates, second.updates) == (4, 2, 4)
    for name, average in whole.state_dict()["averages"].items():
        torch.testing.assert_close(second.state_dict()["averages"][name], average)


def test_passes_over_the_documents_end_the_run_and_are_whole_in_one_that_goes_on(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    class Seen(Callback):
        def __init__(self) -> None:
            self.rows: list[list[int]] = []

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int) -> None:
            self.rows += batch.input_ids.tolist()

    whole, first, second = Seen(), Seen(), Seen()
    keep = ModelCheckpoint(tmp_path, save_last=True, save_top_k=0, every_n_train_steps=3)
    trainer(tmp_path, whole, max_steps=99).fit(make(), data(epochs=2))
    assert len(whole.rows) % 4 == 0 and 7 < len(whole.rows) // 4 < 99
    trainer(tmp_path, first, keep, max_steps=6).fit(make(), data(epochs=2))
    resumed = trainer(tmp_path, second, max_steps=99)
    resumed.fit(make(), data(epochs=2), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert first.rows + second.rows == whole.rows
    assert len(first.rows) == 6 * 4


def test_the_bar_of_a_resumed_run_goes_on_where_it_was(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    last = ModelCheckpoint(tmp_path, save_last=True, save_top_k=0, every_n_train_steps=2)
    first, second = StepProgressBar(), StepProgressBar()
    options = {"enable_progress_bar": True, "accumulate_grad_batches": 2}
    trainer(tmp_path, last, first, max_steps=2, **options).fit(make(), data())
    assert (first.train_progress_bar.initial, first.train_progress_bar.total) == (0, 4)
    resumed = trainer(tmp_path, second, max_steps=3, **options)
    resumed.fit(make(), data(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    bar = second.train_progress_bar
    assert (bar.initial, bar.n, bar.total) == (4, 6, 6)


def test_the_export_loads_in_transformers_and_gives_the_same_logits(
    make: Callable[..., DecoderModule], tmp_path: Path
) -> None:
    module = make(decoder={**DECODER, "tie_word_embeddings": True}).eval()
    for _ in range(2):  # the second replaces the first
        module.export(tmp_path / "decoder")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "decoder").eval()
    ids = torch.arange(12)[None]
    torch.testing.assert_close(loaded(ids).logits, module.decoder(ids).logits)
    assert loaded.config.use_cache is True
    assert loaded.generation_config.eos_token_id == [module.vocabulary.eot, module.vocabulary.eos]
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob("*.old"))
    module.export(tmp_path / "half", dtype=torch.bfloat16)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "half").dtype == torch.bfloat16
    # And it is a start for another run.
    again = make(decoder=None, init_from=str(tmp_path / "decoder"))
    torch.testing.assert_close(weights(again), weights(module))


def test_gradient_checkpointing_changes_no_gradient(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    batch = _first_batch(make(), data(), tmp_path)
    gradients = []
    for enabled in (False, True):
        module = make(gradient_checkpointing=enabled)
        module.loss(batch).loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]))
    torch.testing.assert_close(*gradients)


def test_compiling_keeps_the_names(make: Callable[..., DecoderModule]) -> None:
    assert make(compile=True).state_dict().keys() == make().state_dict().keys()


@pytest.mark.parametrize("fast", [True, False])  # steps in bf16 and in float32
def test_muon_equals_torchs_and_leaves_embeddings_to_adamw(
    make: Callable[..., DecoderModule], monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: fast)
    assert orthogonalize(torch.eye(3)[None]).dtype == (torch.bfloat16 if fast else torch.float32)
    module = make(optimizer=OptimizerConfig(name="muon", lr=1e-2, muon_lr=2e-2))
    optimizer = module.configure_optimizers()["optimizer"]
    hidden = [p for name, p in module.decoder.named_parameters() if p.ndim == 2 and ".layers." in name]
    assert {id(p) for p in optimizer.param_groups[0]["params"]} == {id(p) for p in hidden}
    decayed = [group["weight_decay"] for group in optimizer.param_groups]
    assert decayed == [0.1, 0.1, 0.0]
    copies = [torch.nn.Parameter(p.detach().clone()) for p in hidden]
    reference = torch.optim.Muon(copies, lr=2e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"]  # the schedule has begun its warm-up
    for _ in range(3):
        for ours, theirs in zip(hidden, copies, strict=True):
            ours.grad = torch.randn_like(ours)
            theirs.grad = ours.grad.clone()
        optimizer.step()
        reference.step()
    for ours, theirs in zip(hidden, copies, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=2e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decoder": {"hiden_size": 3}}, "hiden_size"),
        ({"decoder": {"model_type": "qwen99"}}, "qwen99"),
        ({"decoder": DECODER, "init_from": "somewhere"}, "not both"),
        ({"decoder": None, "init_from": "nowhere"}, "nowhere"),
        ({"decoder": {"model_type": "gemma2"}}, "final_logit_softcapping"),
    ],
)
def test_a_mistake_is_named(make: Callable[..., DecoderModule], options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**options)


def test_schedules() -> None:
    wsd = ScheduleConfig("wsd", warmup_steps=4, decay_fraction=0.25, final_ratio=0.1)
    factors = [schedule_factor(step, wsd, 40) for step in range(41)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[30] == 1.0 and factors[35] == pytest.approx(0.55) and factors[40] == pytest.approx(0.1)
    cosine = ScheduleConfig("cosine", warmup_steps=0, final_ratio=0.0)
    assert [schedule_factor(step, cosine, 10) for step in (0, 5, 10, 99)] == pytest.approx([1, 0.5, 0, 0])
    assert schedule_factor(1000, ScheduleConfig("constant"), -1) == 1.0


def test_sharded_training_equals_plain_training(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    """FSDP2 over a mesh of one process."""
    plain = make()
    plain.export(tmp_path / "start")
    runs = [("auto", plain), (ModelParallelStrategy(1, 1), unbuilt(plain, tmp_path / "start"))]
    try:
        for number, (strategy, module) in enumerate(runs):
            export = ExportDecoder(str(tmp_path / f"{number}"))
            options = {"strategy": strategy, "max_steps": 3, "gradient_clip_val": 1.0}
            trainer(tmp_path, StepGuard(), export, **options).fit(module, data())
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    states = [AutoModelForCausalLM.from_pretrained(tmp_path / f"{number}").state_dict() for number in range(2)]
    for name, weight in states[0].items():
        torch.testing.assert_close(states[1][name], weight, atol=1e-4, rtol=1e-3)


def test_devices_that_would_all_do_the_same_are_refused(make: Callable[..., DecoderModule]) -> None:
    module = make()
    module.decoder = None  # type: ignore[assignment]
    mesh = {"data_parallel": SimpleNamespace(size=lambda: 1), "tensor_parallel": SimpleNamespace(size=lambda: 8)}
    module._device_mesh = mesh  # type: ignore[assignment]
    with pytest.raises(InputError, match="set its tensor_parallel_size to 1"):
        module.configure_model()


def unbuilt(like: DecoderModule, start: Path) -> DecoderModule:
    """A module with the options of another one that builds its decoder when it is trained."""
    folder = start.with_name("vocabulary.json")
    like.vocabulary.save(folder)
    return DecoderModule(
        str(folder),
        optimizer=like.optimizer_config,
        schedule=like.schedule_config,
        init_from=str(start),
    )


def test_attention_without_gradients_is_an_error(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="flex_attention has no gradients on a CPU"):
        trainer(tmp_path, max_steps=1).fit(make(attn_implementation="flex_attention"), data())


def test_a_schedule_without_an_end_is_an_error(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="max_steps"):
        trainer(tmp_path, max_epochs=1).fit(make(schedule=ScheduleConfig()), data())


def test_a_run_that_goes_on_has_the_settings_of_its_config(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    class Rates(Callback):
        def __init__(self) -> None:
            self.found: list[list[tuple[float, float]]] = []

        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            groups = trainer.optimizers[0].param_groups
            self.found.append([(group["lr"], group["weight_decay"]) for group in groups])

    def run(
        lr: float, decay: float, steps: int, *callbacks: Callback, **options: Any
    ) -> list[list[tuple[float, float]]]:
        rates = Rates()
        optimizer = OptimizerConfig("muon", lr=lr, weight_decay=decay)
        trainer(tmp_path, rates, *callbacks, max_steps=steps).fit(make(optimizer=optimizer), data(), **options)
        return rates.found

    whole, lower = run(1e-2, 0.1, 5), run(1e-5, 0.3, 5)
    keep = ModelCheckpoint(tmp_path, save_last=True, save_top_k=0, every_n_train_steps=3)
    assert run(1e-2, 0.1, 3, keep) == whole[:3]
    assert run(1e-2, 0.1, 5, ckpt_path=tmp_path / "last.ckpt", weights_only=True) == whole[3:]
    resumed = run(1e-5, 0.3, 5, ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert resumed == lower[3:] and resumed != whole[3:]


def test_an_export_replaces_an_export_and_nothing_else(make: Callable[..., DecoderModule], tmp_path: Path) -> None:
    export, backup = tmp_path / "export", tmp_path / "export.old"
    make().export(export)
    (export / "NOTES.txt").write_text("mine")
    (export / "model-00007-of-00009.safetensors").write_text("of an older export")
    backup.mkdir()
    (backup / "model.safetensors").write_text("mine")
    make().export(export)
    assert (export / "NOTES.txt").read_text() == "mine" and (backup / "model.safetensors").read_text() == "mine"
    assert [path.name for path in export.glob("*.safetensors")] == ["model.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "export.old"]
    assert (export / "model.safetensors").stat().st_mode == (export / "config.json").stat().st_mode
    (backup / "config.json").write_text('{"of": "a codec"}')
    for other in (backup, export / "NOTES.txt"):
        with pytest.raises(InputError, match="something else than an exported decoder"):
            make().export(other)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    make().export(tmp_path / "empty")


def test_an_export_that_fails_leaves_the_older_one(
    make: Callable[..., DecoderModule], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, rename = tmp_path / "export", Path.rename
    make().export(export)
    before = (export / "model.safetensors").read_bytes()

    full = OSError(28, "No space left on device")
    for failure, expected in ((full, InputError), (KeyboardInterrupt(), KeyboardInterrupt)):

        def refuse_new(self: Path, target: Path, failure: BaseException = failure) -> Path:
            if self.name.endswith(".new"):
                raise failure
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", refuse_new)
        with pytest.raises(expected):
            make(decoder={**DECODER, "num_hidden_layers": 1}).export(export)
        assert [path.name for path in tmp_path.iterdir()] == ["export"]
        assert (export / "model.safetensors").read_bytes() == before


def test_what_the_log_says_of_speed_is_of_the_steps_since_the_last_line(
    make: Callable[..., DecoderModule], data: Callable[..., TokenCacheDataModule], tmp_path: Path
) -> None:
    """Of preferences alone there are no sums of modalities to be logged with it."""
    tokens: list[int] = []

    class Counted(Callback):
        def on_train_batch_start(self, trainer: Any, module: DecoderModule, *_: Any) -> None:
            module._train_sums.table = None
            tokens.append(module._train_sums.tokens)

    trainer(tmp_path, Counted(), max_steps=4, log_every_n_steps=2).fit(make(), data())
    assert tokens[2] == tokens[0] == 0 and tokens[1] == tokens[3] > 0
