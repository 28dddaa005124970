"""Data modules: what reaches training, from which place on, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from unitok.data.datamodules import DocumentsDataModule, WorldDataModule
from unitok.data.packing import TARGET, PackedBatch
from unitok.data.sampling_plan import Position
from unitok.data.token_cache import TokenCache
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError


def attach(data: Any, processor: Processor) -> Any:
    """As if a trainer with a decoder's module ran it."""
    data.trainer = SimpleNamespace(
        lightning_module=SimpleNamespace(vocabulary=processor.vocabulary),
        distributed_sampler_kwargs=None,
        max_epochs=-1,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
        fit_loop=SimpleNamespace(
            epoch_loop=SimpleNamespace(batch_progress=SimpleNamespace(total=SimpleNamespace(processed=0)))
        ),
    )
    return data


def test_batches_of_another_size_begin_their_pass_anew(
    base: Path, jsonl: Path, tmp_path: Path, tiny_processor: Processor, caplog: pytest.LogCaptureFixture
) -> None:
    def data(**options: Any) -> Any:
        caches = str(tmp_path / "caches")
        return attach(
            DocumentsDataModule(str(base), str(jsonl), cache=caches, on_error="skip", **options), tiny_processor
        )

    first = data(row_length=200, batch_rows=1)
    first.prepare_data()
    first.train_dataloader()
    first.trainer.fit_loop.epoch_loop.batch_progress.total.processed = 1
    state = first.state_dict()
    assert state["batch"] == 1
    same, other = data(row_length=200, batch_rows=1), data(row_length=100, batch_rows=1)
    for one, start in ((same, Position(0, 1)), (other, Position(0, 0))):
        one.load_state_dict(state)
        assert one.train_dataloader().sampler.start == start
    assert caplog.text.count("begins anew") == 1
    earlier = data(row_length=200, batch_rows=1)
    earlier.load_state_dict({"epoch": 0, "batch": 1})  # of a run from before this was written down
    assert earlier.train_dataloader().sampler.start == Position(0, 1)


def test_passes_of_other_batches_do_not_go_on(
    base: Path, jsonl: Path, tmp_path: Path, tiny_processor: Processor, caplog: pytest.LogCaptureFixture
) -> None:
    """The trainer counts a run's batches, of whichever size, from its beginning: it would end too early."""

    def data(**options: Any) -> Any:
        given = {"cache": str(tmp_path / "caches"), "on_error": "skip", "row_length": 200, "batch_rows": 1, **options}
        one: Any = attach(DocumentsDataModule(str(base), str(jsonl), **given), tiny_processor)
        one.trainer.accumulate_grad_batches = one.trainer.max_steps = 1
        return one

    first = data(epochs=3)
    first.prepare_data()
    first.train_dataloader()
    first.trainer.fit_loop.epoch_loop.batch_progress.total.processed = 1
    state = first.state_dict()
    same = data(epochs=3)
    same.load_state_dict(state)
    assert same.train_dataloader().sampler.start == Position(0, 1)
    for options in ({"batch_rows": 2}, {"seed": 1}, {"condition_dropout": 0.5}, {"row_length": 100}):
        other = data(epochs=3, **options)
        other.load_state_dict(state)
        with pytest.raises(InputError, match=f"{next(iter(options)).removesuffix('_length')}.* now"):
            other.train_dataloader()
    endless = data(seed=1)
    endless.load_state_dict(state)
    assert endless.train_dataloader().sampler.start == Position() and "'seed': 0" in caplog.text
    for wrong in ({"epochs": 0}, {"tokenize_workers": -1}):
        with pytest.raises(InputError, match=f"data.{next(iter(wrong))} must be at least"):
            data(**wrong)


def test_a_users_documents_are_tokenized_once(
    base: Path,
    jsonl: Path,
    tmp_path: Path,
    tiny_processor: Processor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def data() -> DocumentsDataModule:
        return DocumentsDataModule(
            str(base),
            str(jsonl),
            str(jsonl),
            str(tmp_path / "caches"),
            "skip",
            row_length=200,
            batch_rows=1,
        )

    first = attach(data(), tiny_processor)
    random = torch.get_rng_state()
    first.prepare_data()
    assert torch.equal(torch.get_rng_state(), random)  # a run that finds its caches begins alike
    assert len(TokenCache(first.train_folders[0])) == 7
    batches = list(first.val_dataloader())
    assert (
        sum(
            int((batch.position_ids == 0).sum() - (batch.input_ids == tiny_processor.vocabulary.pad).sum())
            for batch in batches
        )
        == 7
    )
    caplog.clear()
    with monkeypatch.context() as patch:
        patch.setattr("unitok.data.datamodules.write_cache", lambda *_: pytest.fail("tokenized again"))
        data().prepare_data()
    assert caplog.text.count(f"2 lines of {jsonl} were left out; remove {first.train_folders[0]}") == 2
    jsonl.write_text(jsonl.read_text() + '[{"role": "user", "content": "more"}]\n')
    changed = data()
    changed.prepare_data()
    assert len(TokenCache(changed.train_folders[0])) == 8


def test_a_missing_file_is_named_at_once(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        DocumentsDataModule(str(base), str(tmp_path / "nowhere.jsonl"))


def test_world_batches_are_full_and_a_function_of_their_number(base: Path, tiny_processor: Processor) -> None:
    def data(start: int) -> WorldDataModule:
        data = attach(WorldDataModule(str(base), row_length=600, batch_rows=2, val_batches=2), tiny_processor)
        data.load_state_dict(Position(0, start)._asdict())
        return data

    def take(data: WorldDataModule, count: int) -> list[PackedBatch]:
        return [batch for batch, _ in zip(data.train_dataloader(), range(count), strict=False)]

    whole, late = take(data(0), 3), take(data(2), 1)
    assert all(torch.equal(a, b) for a, b in zip(whole[2], late[0], strict=True))
    assert not torch.equal(whole[0].input_ids, whole[1].input_ids)
    pad = tiny_processor.vocabulary.pad
    assert sum(float((batch.input_ids != pad).float().mean()) for batch in whole) / 3 > 0.75
    assert all((batch.roles == TARGET).any() for batch in whole)
    validation = list(data(0).val_dataloader())
    assert len(validation) == 2
    assert not (validation[0].input_ids == tiny_processor.vocabulary.uncond).any()


def test_scenes_of_other_devices_go_on_behind_all_that_were_drawn(base: Path, tiny_processor: Processor) -> None:
    for before, start in (({}, 3), ({"devices": 1}, 3), ({"devices": 4}, 12)):
        data = attach(WorldDataModule(str(base), row_length=600, batch_rows=1), tiny_processor)
        data.load_state_dict({"epoch": 0, "batch": 3, **before})
        assert data.train_dataloader().sampler.start == Position(0, start)
        assert data.state_dict() == {"epoch": 0, "batch": start, "devices": 1}


def test_rows_that_hold_no_document_are_an_error_and_no_endless_loop(base: Path, tiny_processor: Processor) -> None:
    data = attach(WorldDataModule(str(base), row_length=8, batch_rows=2), tiny_processor)
    with pytest.raises(InputError, match="none of 256 documents fits into a row of 8 tokens; raise"):
        next(iter(data.train_dataloader()))


def test_scenes_are_tokenized_by_the_models_own_tokenizers(
    base: Path, tiny_processor: Processor, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "other")
    weights = tmp_path / "other/image_tokenizer/model.safetensors"
    save_file({name: value + 1 for name, value in load_file(weights).items()}, weights)
    data = attach(WorldDataModule(str(base), row_length=600, batch_rows=1), tiny_processor)
    data.trainer.lightning_module.tokenizers_folder = base
    assert next(iter(data.train_dataloader()))
    data.trainer.lightning_module.tokenizers_folder = tmp_path / "other"
    with pytest.raises(InputError, match=r"image_tokenizer/model\.safetensors of .* is another than that of .*other"):
        data.train_dataloader()


def test_a_document_reaches_training_as_the_processor_wrote_it(
    base: Path, tiny_processor: Processor, make_decoder: Callable[..., Any], tmp_path: Path
) -> None:
    """From a JSONL line to a packed row and back to the document."""
    path = tmp_path / "one.jsonl"
    path.write_text('[{"role": "user", "content": "how many stars"}, {"role": "assistant", "content": "two"}]\n')
    data = attach(
        DocumentsDataModule(str(base), str(path), str(path), str(tmp_path / "c"), row_length=64),
        tiny_processor,
    )
    data.prepare_data()
    (batch,) = data.val_dataloader()
    document = tiny_processor.decode(batch.input_ids[0])
    assert [(turn.role, turn.text) for turn in document.turns] == [
        ("user", "how many stars"),
        ("assistant", "two"),
    ]
