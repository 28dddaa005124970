"""The benchmarks run, refuse a busy machine, and say what they measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # behind everything else: the folder holds `tokenizers`, which is a library's name

from benchmarks import accelerator, decoding, jacobi, measure, serving, subjects, table  # noqa: E402
from benchmarks.measure import IdleProbe, Ratio, compare  # noqa: E402
from benchmarks.run import main  # noqa: E402
from benchmarks.setup import Setup  # noqa: E402
from unitok import precision  # noqa: E402
from unitok.evaluation.figures import Figure  # noqa: E402
from unitok_tokenizers.errors import InputError  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture()
def make_setup(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Setup]:
    """A decoder of one small layer under the name of the smaller one."""
    monkeypatch.setattr(subjects, "SHAPES", {"30M": (1, 64, 64)})
    monkeypatch.setattr(subjects, "GRID", (2, 3))
    monkeypatch.setattr(IdleProbe, "wait", lambda self: None)

    def make(*names: str, dtype: torch.dtype = torch.float32) -> Setup:
        return Setup(CPU, dtype, 1, IdleProbe(), names, compiles=False)

    return make


def test_a_busy_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "share_of_others", lambda: 0.4)
    with pytest.raises(InputError, match=r"busy: other programs take 40 %.*--allow-busy"):
        IdleProbe(patience=0).wait()
    lenient = IdleProbe(patience=0, strict=False)
    lenient.wait()
    assert lenient.was_busy


@pytest.mark.parametrize("strict", [True, False])
def test_the_probe_waits_until_the_machine_is_idle(monkeypatch: pytest.MonkeyPatch, strict: bool) -> None:
    shares = iter([0.9, 0.2, 0.01])
    monkeypatch.setattr(measure, "share_of_others", lambda: next(shares))
    monkeypatch.setattr(measure, "PAUSE", 0.0)
    monkeypatch.setattr(measure, "SLOWER", float("inf"))
    probe = IdleProbe(strict=strict)
    probe.wait()
    assert next(shares, None) is None and not probe.was_busy


def test_a_machine_that_grew_slower_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "share_of_others", lambda: None)
    monkeypatch.setattr(measure, "SLOWER", 0.0)
    with pytest.raises(InputError, match="as slow as before"):
        IdleProbe(patience=0).wait()


def test_the_share_of_others_is_a_share() -> None:
    share = measure.share_of_others()
    assert share is None or 0 <= share <= 1


def test_pairs_alternate() -> None:
    order: list[str] = []
    probe = IdleProbe(patience=0, strict=False)
    ratio = compare(lambda: order.append("slow"), lambda: order.append("fast"), 3, probe)
    assert order == ["slow", "fast", "slow", "fast", "fast", "slow", "slow", "fast"]
    assert ratio.pairs == 3 and ratio.low <= ratio.value <= ratio.high


def test_the_median_counts() -> None:
    assert Ratio.of([9.0, 2.0, 3.0]) == Ratio(3.0, 2.0, 9.0, 3)


def test_the_subjects_have_their_sizes() -> None:
    vocabulary = subjects.made_up_vocabulary()
    assert vocabulary.size == 9216
    for name, millions in (("30M", 30), ("90M", 90)):
        with torch.device("meta"):
            decoder = subjects.made_up_decoder(*subjects.SHAPES[name], vocabulary.size)
        size = sum(weight.numel() for weight in decoder.model.layers.parameters())  # type: ignore[union-attr]
        assert abs(size / 1e6 - millions) < 0.03 * millions


def test_decoding_is_measured(make_setup: Callable[..., Setup]) -> None:
    figures = list(decoding.measure(make_setup("30M")))
    names = [figure.name for figure in figures]
    assert len(names) == len(set(names)) == 7
    measured = [figure for figure in figures if figure.value is not None]
    assert len(measured) == 5 and all(figure.value and figure.value > 0 for figure in measured)
    assert figures[0].note == "greedy answers equal (float32)"


def test_many_users_are_measured(make_setup: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUESTS", 4)
    monkeypatch.setattr(serving, "SUSTAINED", 6)
    throughput, sustained, first_event = serving.measure(make_setup("30M"))
    for figure in (throughput, sustained):
        assert figure.value and figure.note.endswith("answers equal")
        assert 1 < float(figure.note.split()[0]) < 40
    assert first_event.value is None and "shipped" in first_event.note


def test_what_needs_the_shipped_model_says_so(make_setup: Callable[..., Setup]) -> None:
    assert [figure.value for figure in jacobi.measure(make_setup("30M"))] == [None]


def test_what_needs_an_accelerator_says_so(make_setup: Callable[..., Setup]) -> None:
    figures = list(accelerator.measure(make_setup("30M")))
    assert len(figures) == 4
    assert all(figure.value is None and "needs --device cuda" in figure.note for figure in figures)


def test_the_training_that_is_measured_there_learns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("ROWS", 2), ("ROW_LENGTH", 40), ("DOCUMENT_LENGTHS", (5, 20))):
        monkeypatch.setattr(accelerator, name, value)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1}
    decoder = {**accelerator.DECODER, **sizes, "num_key_value_heads": 1, "head_dim": 16}
    training = accelerator.PackedTraining(decoder, tmp_path, CPU, "sdpa", False)
    first = training.run(1)
    assert training.run(20) < first
    weights = 4 * 16 * 16 + 3 * 16 * 32 + 9216 * 16
    assert training.operations(3) == 3 * 6 * weights * 80


def test_the_large_decoder_has_its_size() -> None:
    names = "hidden_size", "intermediate_size", "num_hidden_layers"
    width, mlp, layers = (accelerator.DECODER[name] for name in names)
    assert abs(layers * (4 * width**2 + 3 * width * mlp) / 300e6 - 1) < 0.01  # type: ignore[operator]


def test_the_table_says_what_was_met(tmp_path: Path) -> None:
    figures = [
        Ratio(2.5, 2.0, 3.0, 5).figure("decoding", "batch 1", 2.0),
        Ratio(1.5, 1.4, 1.6, 5).figure("decoding", "guided", 1.3, lower=True),
        Figure("decoding", "int8", None, "x", 1.3, note="no compiler"),
    ]
    table.save(figures, {**table.machine(CPU), "busy": False}, tmp_path / "new")
    lines = (tmp_path / "new" / "benchmarks.md").read_text().splitlines()
    assert [line.count("|") for line in lines[2:]] == [9] * 5
    assert ">= 2 " in lines[4] and " met " in lines[4] and "2.00 to 3.00" in lines[4]
    assert "<= 1.3" in lines[5] and "MISSED" in lines[5]
    assert "not measured" in lines[6] and "no compiler" in lines[6]
    saved = json.loads((tmp_path / "new" / "benchmarks.json").read_text())
    assert [figure["met"] for figure in saved["figures"]] == [True, False, None] and saved["busy"] is False


@pytest.mark.parametrize("products", [True, False])
def test_decoders_are_measured_in_what_the_processor_is_fast_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, products: bool
) -> None:
    seen: list[Setup] = []

    def look(setup: Setup) -> list[Figure]:
        seen.append(setup)
        return [Figure("jacobi", "one", 1.0, "x", None)]

    monkeypatch.setattr(precision, "has_bfloat16", lambda _: products)
    monkeypatch.setattr(jacobi, "measure", look)
    assert main(["--sections", "jacobi", "--output", str(tmp_path)]) == 0
    assert main(["--sections", "jacobi", "--output", str(tmp_path), "--dtype", "float32"]) == 0
    assert [setup.dtype for setup in seen] == [torch.bfloat16 if products else torch.float32, torch.float32]
    saved = [json.loads((tmp_path / f"benchmarks{end}.json").read_text())["dtype"] for end in ("", "-2")]
    assert saved == ["bfloat16" if products else "float32", "float32"]  # the earlier table is kept


def test_a_device_that_is_not_here_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for device in ("gpu", "cuda:99"):
        assert main(["--device", device]) == 2
        assert f"--device {device}" in capsys.readouterr().err


def test_the_command_refuses_what_it_cannot_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "--pairs", "2"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "at least 5" in done.stderr
