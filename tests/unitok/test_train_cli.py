"""`python -m unitok.train`: fit, resume, Ctrl-C, validate, and mistakes in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
import yaml
from torch._inductor.exc import InductorError
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModelForCausalLM

from unitok import precision, train
from unitok.data.token_cache import TokenCacheWriter, vocabulary_hash
from unitok.terminal import run
from unitok.training.decoder import DecoderModule
from unitok.training.guards import StepGuard
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

ROOT = Path(__file__).parents[2]


@pytest.fixture()
def config(tmp_path: Path) -> dict[str, Any]:
    vocabulary = Vocabulary(16, [CodebookSpec("image", 4, downsample=8)], max_grid=2)
    vocabulary.save(tmp_path / "vocabulary.json")
    rng = np.random.default_rng(0)
    with TokenCacheWriter(tmp_path / "cache", vocabulary.size, vocabulary_hash(vocabulary)) as writer:
        for _ in range(60):
            ids = rng.integers(0, 16, rng.integers(3, 12))
            writer.add(ids, np.ones(len(ids)))
        writer.finish()
    run_folder = str(tmp_path / "run")
    return {
        "seed_everything": 1,
        "model": {
            "class_path": "unitok.training.decoder.DecoderModule",
            "init_args": {
                "vocabulary": str(tmp_path),
                "decoder": {
                    "hidden_size": 16,
                    "intermediate_size": 16,
                    "num_hidden_layers": 1,
                    "num_attention_heads": 1,
                    "num_key_value_heads": 1,
                    "head_dim": 16,
                },
                "schedule": {"warmup_steps": 1, "total_steps": 4},
            },
        },
        "data": {
            "class_path": "unitok.data.datamodules.TokenCacheDataModule",
            "init_args": {
                "train": [str(tmp_path / "cache")],
                "val": [str(tmp_path / "cache")],
                "row_length": 32,
                "batch_rows": 4,
            },
        },
        "trainer": {
            "max_steps": 4,
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "limit_val_batches": 1,
            "num_sanity_val_steps": 0,
            "default_root_dir": run_folder,
            "callbacks": [
                {"class_path": "unitok.training.guards.StepGuard"},
                {
                    "class_path": "unitok.training.callbacks.ExportDecoder",
                    "init_args": {"folder": f"{run_folder}/decoder"},
                },
                {
                    "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                    "init_args": {
                        "dirpath": run_folder,
                        "every_n_train_steps": 100,
                        "save_top_k": 0,
                        "save_last": True,
                        "save_on_exception": True,
                        "enable_version_counter": False,
                    },
                },
            ],
        },
    }


def arguments(config: dict[str, Any], folder: Path, *more: str, verb: str = "fit") -> list[str]:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return [verb, "--config", str(path), *more]


def test_fit_then_validate_and_the_export_loads(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(train.command, arguments(config, tmp_path)) == 0
    decoder = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "decoder")
    assert decoder.config.vocab_size == Vocabulary.load(tmp_path / "vocabulary.json").size
    assert run(train.command, arguments(config, tmp_path, verb="validate")) == 0
    assert "val/bits_text" in capsys.readouterr().out


def test_ctrl_c_keeps_the_state_and_the_run_goes_on_from_it(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(train.command, arguments(config, tmp_path)) == 0
    whole = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["state_dict"]
    (tmp_path / "run" / "last.ckpt").unlink()

    def press(callback: StepGuard, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == 2:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(StepGuard, "on_train_batch_start", press)
        assert run(train.command, arguments(config, tmp_path)) == 130
    signal.signal(signal.SIGINT, before)  # Lightning ignores further ones
    last = tmp_path / "run" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 2

    assert run(train.command, arguments(config, tmp_path, "--ckpt_path", str(last))) == 0
    resumed = torch.load(last, weights_only=True)
    assert resumed["global_step"] == 4
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed["state_dict"][name]), name


@pytest.mark.parametrize("during", ["on_train_batch_start", "on_validation_batch_start"])
def test_ctrl_c_among_accumulated_batches_waits_for_the_step(
    config: dict[str, Any],
    during: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config["trainer"] |= {"accumulate_grad_batches": 3, "val_check_interval": 4}
    averaging = {"class_path": "unitok.training.ema.ExponentialMovingAverage", "init_args": {"decay": 0.5}}
    config["trainer"]["callbacks"].insert(0, averaging)
    assert run(train.command, arguments(config, tmp_path)) == 0
    last = tmp_path / "run" / "last.ckpt"
    whole = torch.load(last, weights_only=True)
    last.unlink()

    def press(callback: StepGuard, trainer: L.Trainer, *_: Any) -> None:
        done = trainer.fit_loop.epoch_loop.batch_progress.total.processed  # pyright: ignore[reportAttributeAccessIssue]
        if done == 4:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(StepGuard, during, press)
        assert run(train.command, arguments(config, tmp_path)) == 130
    signal.signal(signal.SIGINT, before)
    assert "stopping when this step is complete" in capsys.readouterr().err
    assert torch.load(last, weights_only=True)["global_step"] == 2

    assert run(train.command, arguments(config, tmp_path, "--ckpt_path", str(last))) == 0
    resumed = torch.load(last, weights_only=True)
    for name, tensor in whole["state_dict"].items():
        assert torch.equal(tensor, resumed["state_dict"][name]), name
    averaged, again = (averaged_of(one["callbacks"]) for one in (whole, resumed))
    assert averaged and averaged.keys() == again.keys()
    assert all(torch.equal(averaged[name], again[name]) for name in averaged)


def averaged_of(callbacks: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors in the state of the averaging callback."""
    (state,) = (value for name, value in callbacks.items() if "ExponentialMovingAverage" in name)
    found: dict[str, torch.Tensor] = {}

    def look(name: str, value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found[name] = value
        for key, inner in value.items() if isinstance(value, dict) else ():
            look(f"{name}.{key}", inner)

    look("", state)
    return found


def test_a_try_of_one_batch_runs_and_leaves_nothing(
    config: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(train.command, arguments(config, tmp_path)) == 0
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name.endswith(".safetensors") and "decoder" in path.parts for path in files)
    caplog.clear()
    assert run(train.command, arguments(config, tmp_path, "--trainer.fast_dev_run", "true")) == 0
    left = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    assert left and all(files[path] == content for path, content in left.items())
    assert "will be replaced" not in caplog.text


@pytest.mark.parametrize(
    ("options", "verb", "message"),
    [
        (["--data.seed", "-1"], "fit", "--data.seed must be at least 0"),
        (["--trainer.overfit_batches", "2"], "fit", "--trainer.overfit_batches does not go with packed documents"),
        (["--trainer.max_epochs", "3"], "fit", "trainer.max_epochs 3: this data has no end of its own"),
        (["--trainer.limit_train_batches", "3"], "fit", "trainer.limit_train_batches 3: this data has no end"),
        (["--data.val", "[]"], "validate", "data.val is empty: there is nothing to validate"),
        (["--data.val", "[]"], "test", "data.val is empty: there is nothing to validate"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    config: dict[str, Any],
    options: list[str],
    verb: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(train.command, arguments(config, tmp_path, *options, verb=verb)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error


def test_documents_beyond_the_decoders_positions_are_refused(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config["model"]["init_args"]["decoder"]["max_position_embeddings"] = 8
    assert run(train.command, arguments(config, tmp_path)) == 2
    assert "a document has 11 tokens, but the decoder knows 8 positions" in capsys.readouterr().err


def test_fewer_passes_than_the_schedule_has_steps_for_are_told(
    config: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config["trainer"] |= {"max_steps": 50, "max_epochs": 1}
    assert run(train.command, arguments(config, tmp_path, "--data.epochs", "1")) == 0
    assert "data.epochs ends the run at about step" in caplog.text


@pytest.mark.parametrize(
    ("asked", "fast", "taken"),
    [
        ("bf16-mixed", True, "bf16-mixed"),
        ("bf16-mixed", False, "32-true"),
        ("16-mixed", False, "32-true"),
        ("32-true", False, "32-true"),
    ],
)
def test_a_processor_without_products_of_bfloat16_trains_in_float32(
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    asked: str,
    fast: bool,
    taken: str,
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: fast)
    monkeypatch.setattr(StepGuard, "on_train_start", lambda _, trainer, __: seen.append(trainer.precision))
    config["trainer"]["precision"] = asked
    assert run(train.command, arguments(config, tmp_path)) == 0
    assert seen == [taken]
    assert ("no products of bfloat16" in caplog.text) == (asked != taken)


def test_an_accelerator_keeps_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: False)
    assert train.fast_precision("bf16-mixed", "gpu") == "bf16-mixed"
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert train.fast_precision("bf16-mixed", "auto") == "bf16-mixed"
    assert train.fast_precision("bf16-mixed", "cpu") == "32-true"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["trainer"].update(max_stepz=3), "max_stepz"),
        (lambda c: c["model"]["init_args"].update(compyle=True), "compyle"),
        (lambda c: c["model"]["init_args"]["decoder"].update(hiden_size=3), "hiden_size"),
        (lambda c: c["model"]["init_args"]["schedule"].update(name="linear"), "linear"),
        (lambda c: c["model"].update(class_path="unitok.training.decoder.Nothing"), "Nothing"),
        (lambda c: c["model"]["init_args"].update(vocabulary="nowhere"), "nowhere"),
        (lambda c: c["model"]["init_args"].update(position_gaps={"share": 2}), "position_gaps.share"),
        (lambda c: c["model"]["init_args"].update(position_gaps={"longest": 0}), "position_gaps.longest"),
        (lambda c: c["data"]["init_args"].update(train=["nowhere"]), "nowhere"),
        (lambda c: c["data"]["init_args"].update(condition_dropout=3), "condition_dropout"),
        (lambda c: c["data"]["init_args"].update(row_length=4, skip_long=False), "longer than a row"),
        (lambda c: c["data"]["init_args"].update(num_workers=-1), "num_workers"),
        (lambda c: c["model"]["init_args"].update(optimizer={"lr": -1}), "optimizer.lr"),
        (lambda c: c["model"]["init_args"].update(optimizer={"betas": [2, 3]}), "optimizer.betas"),
        (lambda c: c["model"]["init_args"]["schedule"].update(final_ratio=2), "schedule.final_ratio"),
        (lambda c: c["trainer"].update(accumulate_grad_batches=0), "accumulate_grad_batches"),
        (lambda c: c["trainer"].update(val_check_interval=0), "val_check_interval"),
        (lambda c: c.update(seed_everything=-1), "seed"),
    ],
)
def test_a_mistake_in_a_config_is_one_line(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, message: str
) -> None:
    change(config)
    assert run(train.command, arguments(config, tmp_path)) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and message in errors[0]


def test_a_missing_compiler_is_one_line(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compile_it(*_: object) -> None:
        raise InductorError(RuntimeError("No working C++ compiler found"), None)

    monkeypatch.setattr(DecoderModule, "training_step", compile_it)
    assert run(train.command, arguments(config, tmp_path)) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: layers cannot be compiled here") and "--model.compile false" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="the accelerator is here")
def test_a_missing_accelerator_is_one_line(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(train.command, arguments(config, tmp_path, "--trainer.accelerator", "cuda")) == 2
    assert "CUDAAccelerator" in capsys.readouterr().err.splitlines()[-1]


def test_a_missing_config_or_checkpoint_is_one_line(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(train.command, ["fit", "--config", "nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().err.splitlines()[-1]
    assert run(train.command, arguments(config, tmp_path, "--ckpt_path", "nowhere.ckpt")) == 2
    assert "nowhere.ckpt" in capsys.readouterr().err.splitlines()[-1]
    (tmp_path / "broken.ckpt").write_bytes(b"no checkpoint")
    assert run(train.command, arguments(config, tmp_path, "--ckpt_path", str(tmp_path / "broken.ckpt"))) == 2
    assert "broken.ckpt" in capsys.readouterr().err.splitlines()[-1]


def test_help_from_the_repositorys_root() -> None:
    """There, a folder is called like a library that transformers imports."""
    done = subprocess.run(
        [sys.executable, "-m", "unitok.train", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "fit --config configs/decoder/smoke.yaml" in done.stdout
    assert "validate" in done.stdout


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said last, in one line with nothing else that is an error."""
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("error: ") or "Traceback" in line] == lines[-1:]
    return lines[-1]


def test_a_checkpoint_of_something_else_is_one_line(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(train.command, arguments(config, tmp_path)) == 0
    last = str(tmp_path / "run" / "last.ckpt")
    capsys.readouterr()
    for options, message in (
        (["--model.optimizer.name", "muon"], "its optimizer is another"),
        (["--model.decoder.hidden_size", "32"], "is of another model than the config's"),
    ):
        assert run(train.command, arguments(config, tmp_path, "--ckpt_path", last, *options)) == 2
        assert message in last_line(capsys)
    with zipfile.ZipFile(tmp_path / "papers.zip", "w") as file:
        file.writestr("paper.txt", "no weights")
    (tmp_path / "papers").mkdir()
    for name in ("papers.zip", "papers"):
        assert run(train.command, arguments(config, tmp_path, "--ckpt_path", str(tmp_path / name))) == 2
        assert f"{name} is not a checkpoint" in last_line(capsys)


def test_a_run_that_begins_anew_is_told_what_it_replaces(
    config: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last = tmp_path / "run" / "last.ckpt"
    assert run(train.command, arguments(config, tmp_path)) == 0
    assert "will be replaced" not in caplog.text
    assert run(train.command, arguments(config, tmp_path, "--ckpt_path", str(last))) == 0
    assert "will be replaced" not in caplog.text
    assert run(train.command, arguments(config, tmp_path)) == 0
    assert f"{last} of an earlier run will be replaced" in caplog.text


def test_folders_that_take_no_files_are_named_before_the_first_step(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DecoderModule, "training_step", lambda *_: pytest.fail("it was trained"))
    (tmp_path / "file").write_text("mine")
    callbacks = config["trainer"]["callbacks"]
    for place, key in ((config["trainer"], "default_root_dir"), (callbacks[1]["init_args"], "folder")):
        before, place[key] = place[key], str(tmp_path / "file" / "run")
        assert run(train.command, arguments(config, tmp_path)) == 2
        assert "is a file; name a folder" in last_line(capsys)
        place[key] = before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_that_is_terminated_says_so(config: dict[str, Any], tmp_path: Path) -> None:
    def end(callback: StepGuard, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(StepGuard, "on_train_batch_start", end)
        run(train.command, arguments(config, tmp_path))
    signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"] in (2, 3)


def test_an_error_of_a_process_that_loads_data_is_one_line() -> None:
    with pytest.raises(InputError) as caught:
        next(iter(DataLoader(_Broken(), num_workers=1)))
    assert "Traceback" in str(caught.value)
    assert train._of_worker(str(caught.value)) == "broken.png is damaged"


class _Broken(Dataset[int]):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        raise InputError("broken.png is damaged")
