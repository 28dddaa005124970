"""Training on pairs of answers: where they come from, their loss, and that what is preferred becomes the likelier."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from PIL import Image as PillowImage
from torch import nn
from torch.nn import functional as F

from unitok import messages, precision, tokenize
from unitok.data import preference_files
from unitok.data.hardest import write_hardest
from unitok.data.preference_batches import PreferenceBatch, PreferenceBatches, PreferencesDataModule
from unitok.data.preferences import Preferences, scored
from unitok.data.sampling_plan import CountingSampler, Position
from unitok.data.token_cache import TokenCache, TokenCacheWriter, vocabulary_hash
from unitok.engine import Sampling
from unitok.evaluation import mistakes
from unitok.evaluation.cases import Case
from unitok.evaluation.edits import tasks
from unitok.evaluation.setup import Setup
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.terminal import run
from unitok.training.callbacks import StepProgressBar
from unitok.training.loss import LossConfig, log_likelihoods
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok.training.preferences import PreferenceConfig, PreferenceModule
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer

WORDS = ("circle", "square", "star")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_processor: Processor, tiny_decoder: Any) -> Path:
    folder = tmp_path_factory.mktemp("preferences") / "model"
    UniTok(tiny_processor, tiny_decoder, Sampling(max_tokens=40)).save_pretrained(folder)
    return folder


def line(question: str, chosen: str, rejected: str, **more: Any) -> str:
    def said(words: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": words}]

    prompt = [{"role": "user", "content": question}]
    return json.dumps({"prompt": prompt, "chosen": said(chosen), "rejected": said(rejected), **more})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """Twelve pairs: the first word of a question is to be said, not its last."""
    folder = tmp_path_factory.mktemp("pairs")
    asked = [(a, b, size) for a in WORDS for b in WORDS if a != b for size in ("small", "large")]
    lines = [line(f"{a} {size} {b}", a, b) for a, b, size in asked]
    (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    assert tokenize_pairs(folder / "pairs.jsonl", checkpoint, folder / "cache") == 0
    return folder / "cache"


def tokenize_pairs(file: Path, checkpoint: Path, output: Path, *more: str) -> int:
    return run(tokenize.command, ["pairs", str(file), "--model", str(checkpoint), "--output", str(output), *more])


def module(checkpoint: Path, **options: Any) -> PreferenceModule:
    made = PreferenceModule(
        vocabulary=str(checkpoint),
        init_from=str(checkpoint / "decoder"),
        **{
            "optimizer": OptimizerConfig(lr=3e-3),
            "schedule": ScheduleConfig(name="constant", warmup_steps=0),
            **options,
        },
    )
    made.configure_model()
    return made


def batch(cache: Path, pairs: int = 12, seed: int | None = None) -> PreferenceBatch:
    return PreferenceBatches([Preferences(cache)], 48, pairs, 0, seed)[0]


def trainer(tmp_path: Path, *callbacks: Callback, **options: Any) -> L.Trainer:
    defaults: dict[str, Any] = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_model_summary": False}
    defaults |= {"enable_progress_bar": any(isinstance(one, StepProgressBar) for one in callbacks)}
    defaults |= {"enable_checkpointing": any(isinstance(one, ModelCheckpoint) for one in callbacks)}
    return L.Trainer(callbacks=list(callbacks), default_root_dir=tmp_path, **{**defaults, **options})


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_likelihoods_equal_their_plain_definition(chunk: int) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(4, 7, 8, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 20, (4, 7), generator=generator)
    wanted = torch.rand(4, 7, generator=generator) < 0.5
    wanted[2] = False  # a row without any counts 0
    head = nn.Linear(8, 20).double()
    ours, plain = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    found = log_likelihoods(ours, targets, wanted, head, chunk)
    chances = head(plain).log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    expected = torch.where(wanted, chances, 0.0).sum(1)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    scale = torch.arange(1.0, 5.0)
    (found * scale).sum().backward()
    (expected * scale).sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad, atol=1e-5, rtol=1e-5)


def test_a_cache_holds_both_answers_and_the_margin_of_its_decoder(
    cache: Path, checkpoint: Path, tiny_processor: Processor
) -> None:
    pairs = Preferences(cache, vocabulary_hash(tiny_processor.vocabulary))
    assert len(pairs) == 12
    model = UniTok.from_pretrained(checkpoint)
    for (chosen, targets), (rejected, other_targets), margin in pairs:
        turns = [tiny_processor.decode(torch.from_numpy(ids.astype(np.int64))).turns for ids in (chosen, rejected)]
        first, _, last = turns[0][0].text.split()
        assert turns[0][0] == turns[1][0] and (turns[0][1].text, turns[1][1].text) == (first, last)
        prompt = int(np.flatnonzero(targets)[0])
        assert (chosen[:prompt] == rejected[:prompt]).all() and np.flatnonzero(other_targets)[0] == prompt
        answers = [
            torch.from_numpy(ids[marks > 0].astype(np.int64))
            for ids, marks in ((chosen, targets), (rejected, other_targets))
        ]
        start = torch.from_numpy(chosen[:prompt].astype(np.int64))
        own = model.engine.log_likelihoods([start, start], answers)
        assert margin == pytest.approx(own[0] - own[1], abs=0.3)  # the reference may be read in bfloat16


@pytest.mark.parametrize("products", [True, False])
def test_the_reference_computes_in_what_the_processor_is_fast_with(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, products: bool
) -> None:
    read: list[torch.dtype] = []

    def score(decoder: Any, pairs: Any) -> Any:
        read.append(decoder.dtype)
        return scored(decoder, pairs)

    monkeypatch.setattr(precision, "has_bfloat16", lambda _: products)
    monkeypatch.setattr(preference_files, "scored", score)
    (tmp_path / "pairs.jsonl").write_text(line("circle or star", "circle", "star") + "\n")
    assert tokenize_pairs(tmp_path / "pairs.jsonl", checkpoint, tmp_path / "cache") == 0
    assert read == [torch.bfloat16 if products else torch.float32]


@pytest.mark.parametrize("reference", [True, False])
def test_the_loss_equals_its_plain_definition(cache: Path, checkpoint: Path, reference: bool) -> None:
    settings = PreferenceConfig(beta=0.3, reference=reference, chosen=0.2)
    made = module(checkpoint, preference=settings, loss=LossConfig(chunk=7))
    pairs = batch(cache)
    rows = pairs.rows
    logits = made.decoder(input_ids=rows.input_ids, position_ids=rows.position_ids, use_cache=False).logits
    chances = logits.log_softmax(-1).gather(-1, rows.labels[..., None])[..., 0]
    sums = torch.where(rows.roles == 2, chances, 0.0).sum(1)
    margins = sums[0::2] - sums[1::2]
    gained = margins - pairs.margins if reference else margins
    expected = F.softplus(-0.3 * gained).mean() - 0.2 * sums[0::2].mean()
    loss, found = made.pair_loss(pairs)
    torch.testing.assert_close(loss, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found, margins.detach(), atol=1e-4, rtol=1e-4)
    assert float(gained.detach().abs().max()) < 0.3 or not reference  # training starts where the reference is


def test_answers_with_nothing_between_them_leave_no_gradient(cache: Path, checkpoint: Path) -> None:
    """What two answers have in common cancels out."""
    made = module(checkpoint)
    pairs = batch(cache)
    same = pairs.rows._replace(**{
        name: getattr(pairs.rows, name)[0::2].repeat_interleave(2, 0) for name in pairs.rows._fields
    })  # fmt: skip
    made.pair_loss(PreferenceBatch(same, pairs.margins))[0].backward()
    assert max(float(p.grad.abs().max()) for p in made.decoder.parameters() if p.grad is not None) < 1e-6


@pytest.mark.parametrize("reference", [True, False])
def test_training_makes_the_chosen_answers_the_likelier(
    cache: Path, checkpoint: Path, tmp_path: Path, reference: bool
) -> None:
    made = module(checkpoint, preference=PreferenceConfig(beta=1.0, reference=reference, chosen=0.1))
    data = PreferencesDataModule([str(cache)], val_pairs=[str(cache)], pair_length=48, batch_pairs=6)
    run_ = trainer(tmp_path, max_steps=40)
    run_.fit(made, data)
    found = run_.validate(made, data, verbose=False)[0]
    assert found["val/preferred"] == 1.0 and found["val/gained"] > 2.0


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory, tiny_processor: Processor) -> Path:
    """Forty documents, all the same."""
    v = tiny_processor.vocabulary
    folder = tmp_path_factory.mktemp("documents") / "cache"
    with TokenCacheWriter(folder, v.size, vocabulary_hash(v)) as writer:
        for _ in range(40):
            writer.add([v.bos, v.user, 5, v.eot, v.assistant, 7, v.eot], [0, 0, 0, 0, 0, 1, 1])
        writer.finish()
    return folder


def test_documents_are_learned_beside_pairs(cache: Path, checkpoint: Path, documents: Path, tmp_path: Path) -> None:
    losses: list[float] = []

    class Record(Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            losses.append(float(trainer.callback_metrics["train/loss"]))

    made = module(checkpoint, preference=PreferenceConfig(beta=1.0, reference=False, documents=5.0))
    data = PreferencesDataModule(
        [str(cache)], [str(documents)], pair_length=48, batch_pairs=6, row_length=32, batch_rows=2
    )
    trainer(tmp_path, Record(), max_steps=30).fit(made, data)
    assert len(losses) == 30 and losses[-1] < 0.2 * losses[0]
    assert (made.pair_loss(batch(cache))[1] > 0).float().mean() > 0.8


@pytest.mark.parametrize("with_documents", [True, False])
def test_training_in_two_parts_equals_training_at_once(
    cache: Path, checkpoint: Path, documents: Path, tmp_path: Path, with_documents: bool
) -> None:
    def data() -> PreferencesDataModule:
        train = [str(documents)] if with_documents else None
        return PreferencesDataModule([str(cache)], train, pair_length=48, batch_pairs=5, row_length=48, batch_rows=2)

    whole, first, second = (module(checkpoint) for _ in range(3))
    trainer(tmp_path, max_steps=7).fit(whole, data())
    keep = ModelCheckpoint(tmp_path, save_last=True, every_n_train_steps=3)
    trainer(tmp_path, keep, max_steps=3).fit(first, data())
    trainer(tmp_path, max_steps=7).fit(second, data(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    for ours, expected in zip(second.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, atol=0, rtol=0)


def test_pairs_go_on_where_they_were_in_batches_of_another_size(
    cache: Path, checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def run(steps: int, goes_on: Path | None = None, **options: Any) -> Position:
        data = PreferencesDataModule([str(cache)], pair_length=48, **options)
        keep = ModelCheckpoint(tmp_path, filename=str(steps), every_n_train_steps=steps, enable_version_counter=False)
        trainer(tmp_path, keep, max_steps=steps).fit(module(checkpoint), data, ckpt_path=goes_on, weights_only=True)
        assert data._pair_stream is not None
        return data._pair_stream.start

    assert run(2, batch_pairs=6) == Position()
    assert run(3, tmp_path / "2.ckpt", batch_pairs=5) == Position(0, 3)  # 12 pairs were seen, so the first three
    assert run(4, tmp_path / "3.ckpt", batch_pairs=5) == Position(0, 4) and not caplog.text.count("begin anew")
    assert run(5, tmp_path / "4.ckpt", batch_pairs=5, seed=1) == Position() and caplog.text.count("begin anew") == 1


def test_each_pass_has_all_pairs_once_in_an_order_of_its_own(cache: Path) -> None:
    batches = PreferenceBatches([Preferences(cache), Preferences(cache)], 48, 6, 0, seed=1)
    assert len(batches) == 4
    passes = [
        sorted(map(tuple, torch.cat([batches[p * 4 + n].rows.input_ids for n in range(4)]).tolist())) for p in (0, 1)
    ]
    orders = [torch.cat([batches[p * 4 + n].rows.input_ids for n in range(4)]).tolist() for p in (0, 1)]
    assert passes[0] == passes[1] and orders[0] != orders[1]
    assert len(set(passes[0])) == 12 + 12  # chosen and rejected, of two equal caches
    torch.testing.assert_close(batches[3].rows, batches[3].rows)
    plain = PreferenceBatches([Preferences(cache)], 48, 5, 0, seed=None)
    assert len(plain) == 3 and [len(plain[n].margins) for n in range(3)] == [5, 5, 2]
    assert torch.cat([plain[n].margins for n in range(3)]).tolist() == pytest.approx(Preferences(cache).margins)


def test_pairs_that_are_too_long_are_left_out(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    lengths = Preferences(cache).lengths
    longest = int(lengths.max())
    batches = PreferenceBatches([Preferences(cache)], longest - 1, 4, 0, None)
    left_out = int((lengths == longest).sum())
    assert len(batches.pairs) == 12 - left_out and f"{left_out} pairs are longer" in caplog.text
    with pytest.raises(InputError, match=r"no pair of answers fits a row of 2 tokens; raise data\.pair_length"):
        PreferenceBatches([Preferences(cache)], 2, 4, 0, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "pairs.jsonl:2: not JSON"),
        ('{"messages": []}', 'pairs.jsonl:2: expected an object with "prompt", "chosen" and "rejected"'),
        (line("a", "b", "c", score=1), 'pairs.jsonl:2: expected an object with "prompt", "chosen" and "rejected"'),
        ('{"prompt": "a", "chosen": [], "rejected": []}', 'pairs.jsonl:2: "prompt" must be a list'),
        (line("a", "b", "b"), 'pairs.jsonl:2: "chosen" and "rejected" are the same'),
        (
            json.dumps({name: [{"role": "user", "content": "a"}] for name in ("prompt", "chosen", "rejected")}),
            'pairs.jsonl:2: "chosen" must hold what the assistant says',
        ),
        (
            json.dumps({
                "prompt": [{"role": "user", "content": [{"type": "image", "path": "none.png"}]}],
                "chosen": [{"role": "assistant", "content": "a"}],
                "rejected": [{"role": "assistant", "content": "b"}],
            }),
            "none.png",
        ),
        (
            json.dumps({
                "prompt": [{"role": "user", "content": [{"type": "image", "path": "thin.png"}]}],
                "chosen": [{"role": "assistant", "content": "a"}],
                "rejected": [{"role": "assistant", "content": "b"}],
            }),
            "pairs.jsonl:2: the picture is",
        ),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named_or_left_out(
    text: str, message: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pairs.jsonl"
    PillowImage.new("RGB", (25_000, 1)).save(tmp_path / "thin.png")
    file.write_text("\n".join([line("a", "b", "c"), text, line("d", "e", "f")]))
    assert tokenize_pairs(file, checkpoint, tmp_path / "cache") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error and not (tmp_path / "cache").exists()
    assert tokenize_pairs(file, checkpoint, tmp_path / "cache", "--on-error", "skip") == 0
    assert "2 pairs" in (said := capsys.readouterr().out) and "1 left out" in said
    assert len(Preferences(tmp_path / "cache")) == 2


def test_what_a_decoder_cannot_judge_is_said(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tiny_processor: Processor,
    make_decoder: Any,
) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(line("a" * 300, "b", "c") + "\n" + line("a", "b", "c"))
    assert tokenize_pairs(file, checkpoint, tmp_path / "short") == 0
    assert len(Preferences(tmp_path / "short")) == 1 and "1 pairs longer than the 256 tokens" in caplog.text
    broken = make_decoder(tiny_processor.vocabulary.size)
    with torch.no_grad():
        broken.get_input_embeddings().weight.fill_(float("nan"))
    UniTok(tiny_processor, broken).save_pretrained(tmp_path / "broken")
    file.write_text(line("a", "b", "c"))
    assert tokenize_pairs(file, tmp_path / "broken", tmp_path / "cache") == 2
    assert "the decoder's losses are no numbers" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_pictures_may_be_what_is_preferred(checkpoint: Path, tmp_path: Path, tiny_processor: Processor) -> None:
    PillowImage.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    PillowImage.effect_noise((16, 16), 200).save(tmp_path / "noise.png")
    answers = {
        key: [{"role": "assistant", "content": [{"type": "image", "path": f"{name}.png"}]}]
        for key, name in (("chosen", "red"), ("rejected", "noise"))
    }
    prompt = [{"role": "user", "content": "a red picture"}]
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"prompt": prompt, **answers}))
    assert tokenize_pairs(tmp_path / "pairs.jsonl", checkpoint, tmp_path / "cache") == 0
    ((chosen, _), (rejected, _), _margin) = Preferences(tmp_path / "cache")[0]
    assert len(chosen) == len(rejected)
    assert all(tiny_processor.vocabulary.boi in ids for ids in (chosen, rejected))


def test_a_prompt_is_read_once(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PillowImage.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    prompt = [{"role": "user", "content": [{"type": "image", "path": "red.png"}]}]
    answers = {key: [{"role": "assistant", "content": key}] for key in ("chosen", "rejected")}
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"prompt": prompt, **answers}))
    opened, load_image = [], messages.load_image
    monkeypatch.setattr(messages, "load_image", lambda source: opened.append(source) or load_image(source))
    assert tokenize_pairs(tmp_path / "pairs.jsonl", checkpoint, tmp_path / "cache") == 0
    assert len(opened) == 1 and len(Preferences(tmp_path / "cache")) == 1


def test_an_output_that_exists_is_refused_before_anything_is_read(
    checkpoint: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tokenize_pairs(tmp_path / "nothing.jsonl", tmp_path / "no checkpoint", cache) == 2
    assert "exists already" in capsys.readouterr().err


def test_answers_that_become_the_same_tokens_are_left_out(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    file, prompt = tmp_path / "pairs.jsonl", [{"role": "user", "content": "say a"}]
    answers = [[{"role": "assistant", "content": content}] for content in ("a", [{"type": "text", "text": "a"}])]
    alike = json.dumps({"prompt": prompt, "chosen": answers[0], "rejected": answers[1]})
    file.write_text("\n".join([line("a", "b", "c"), alike, "no JSON"]))
    assert tokenize_pairs(file, checkpoint, tmp_path / "cache", "--on-error", "skip") == 0
    assert "1 pairs, " in (said := capsys.readouterr().out) and "2 left out" in said
    assert "1 pairs of equal answers" in caplog.text
    file.write_text(alike)
    assert tokenize_pairs(file, checkpoint, tmp_path / "none") == 2
    assert "makes a pair of answers to write; 1 were left out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["cache"]


def test_lines_left_out_are_counted_after_a_stop_too(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preference_files, "TOGETHER", 2)
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join([line("a", "b", "c"), "no JSON", line("d", "e", "f"), "nor this", line("g", "h", "i")]))
    judged = []

    def stopping(*arguments: Any) -> Any:
        judged.append(arguments)
        if len(judged) == 3:
            raise KeyboardInterrupt
        return scored(*arguments)

    monkeypatch.setattr(preference_files, "scored", stopping)
    output = str(tmp_path / "cache")
    arguments = "pairs", str(file), "--model", str(checkpoint), "--output", output, "--on-error", "skip"
    with pytest.raises(KeyboardInterrupt):
        tokenize.command(arguments)
    tokenize.command(arguments)
    assert len(judged) == 4
    assert "3 pairs, " in (said := capsys.readouterr().out) and "2 left out" in said


def test_a_decoder_that_does_not_know_all_ids_is_named(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], make_decoder: Any
) -> None:
    shutil.copytree(checkpoint, tmp_path / "model")
    make_decoder(50).save_pretrained(tmp_path / "model" / "decoder")
    (tmp_path / "pairs.jsonl").write_text(line("a", "b", "c"))
    assert tokenize_pairs(tmp_path / "pairs.jsonl", tmp_path / "model", tmp_path / "cache") == 2
    assert "the decoder knows 50 ids, a pair of answers has" in capsys.readouterr().err


def test_margins_of_other_weights_are_told(
    checkpoint: Path, cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, tiny_processor: Processor,
    make_decoder: Any,
) -> None:  # fmt: skip
    other = make_decoder(tiny_processor.vocabulary.size, seed=5)
    UniTok(tiny_processor, other).save_pretrained(tmp_path / "other")
    data: dict[str, Any] = {"pair_length": 48, "batch_pairs": 2}
    for start, told in ((checkpoint, 0), (tmp_path / "other", 1)):
        caplog.clear()
        trainer(tmp_path, max_steps=1).fit(module(start), PreferencesDataModule([str(cache)], **data))
        assert caplog.text.count("are those of other weights than model.init_from") == told


def test_pairs_of_other_tokenizers_are_refused(
    checkpoint: Path, cache: Path, tmp_path: Path, tiny_processor: Processor
) -> None:
    """A codec whose codes have moved has the same vocabulary."""
    assert "image_tokenizer/model.safetensors" in TokenCache(cache, pairs=True).meta["tokenizers"]
    shutil.copytree(checkpoint, tmp_path / "moved")
    tokenizer = ImageTokenizer.from_pretrained(tmp_path / "moved" / "image_tokenizer")
    with torch.no_grad():
        tokenizer.codebook.vectors.neg_()
    tokenizer.save_pretrained(tmp_path / "moved" / "image_tokenizer")
    data = PreferencesDataModule([str(cache)], pair_length=48, batch_pairs=2)
    with pytest.raises(InputError, match=r"was made with another image_tokenizer/model\.safetensors"):
        trainer(tmp_path, max_steps=1).fit(module(tmp_path / "moved"), data)


def test_every_rank_validates_as_many_batches(cache: Path) -> None:
    batches = PreferenceBatches([Preferences(cache)], 48, 5, 0, None)
    assert len(batches) == 3
    ranks = [list(CountingSampler(batches, Position(), 3, num_replicas=2, rank=rank)) for rank in range(2)]
    assert ranks == [[0, 2], [1, 0]]


def test_documents_are_no_pairs_and_pairs_no_documents(
    cache: Path, documents: Path, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="holds documents, no pairs of answers; make them with"):
        Preferences(documents)
    data = PreferencesDataModule([str(cache)], [str(cache)], pair_length=48, batch_pairs=2, row_length=48)
    with pytest.raises(InputError, match=r"holds pairs of answers; give it as data\.pairs"):
        trainer(tmp_path, max_steps=1).fit(module(checkpoint), data)
    with pytest.raises(InputError, match=r"holds pairs of answers; give it as data\.pairs"):
        write_hardest(cache, checkpoint, 0.5, tmp_path / "hardest")
    with pytest.raises(InputError, match=r"data\.pairs is empty"):
        PreferencesDataModule([])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0.0}, "preference.beta must be above 0"),
        ({"chosen": -1.0}, "preference.chosen must be at least 0"),
        ({"documents": -1.0}, "preference.documents must be at least 0"),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PreferenceConfig(**options)


def test_a_decoder_without_training_has_no_preferences(checkpoint: Path) -> None:
    with pytest.raises(InputError, match=r"give model\.init_from"):
        PreferenceModule(vocabulary=str(checkpoint))


# ---- a model's own mistakes


@pytest.fixture()
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mistakes, "TOGETHER", 4)


def find_mistakes(checkpoint: Path, output: Path, answers: int = 6, kind: str = "edits", seed: int = 3) -> int:
    words = ["mistakes", kind, "--model", str(checkpoint), "--answers", str(answers), "--seed", str(seed)]
    return run(tokenize.command, [*words, "--output", str(output)])


def test_pictures_that_cannot_be_judged_are_no_mistakes(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = UniTok.from_pretrained(checkpoint)
    model.processor.image_detokenizer = None
    model.save_pretrained(tmp_path / "blind")
    assert find_mistakes(tmp_path / "blind", tmp_path / "pairs") == 2
    assert "has no image detokenizer" in capsys.readouterr().err and not (tmp_path / "pairs").exists()
    (tmp_path / "released").mkdir()
    with pytest.raises(
        InputError, match=r"is a released model; make a checkpoint of it with python -m unitok\.convert"
    ):
        mistakes.write_mistakes(model, str(tmp_path / "released"), "captions", 6, 3, tmp_path / "pairs")


@pytest.mark.parametrize("kind", ["edits", "questions"])
def test_what_a_model_gets_wrong_is_kept_beside_what_is_right(
    kind: str,
    few: None,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tiny_processor: Processor,
) -> None:
    assert find_mistakes(checkpoint, tmp_path / "cache", kind=kind) == 0
    pairs = Preferences(tmp_path / "cache", vocabulary_hash(tiny_processor.vocabulary))
    assert f"{len(pairs)} pairs from 6 answers" in capsys.readouterr().out
    assert len(pairs) >= 5  # random weights know nothing
    boi = tiny_processor.vocabulary.boi
    for (chosen, targets), (rejected, other_targets), _ in pairs:
        prompt = int(np.flatnonzero(targets)[0])
        assert (chosen[:prompt] == rejected[:prompt]).all() and not other_targets[:prompt].any()
        assert (boi in chosen[prompt:]) == (kind == "edits") and boi in chosen[:prompt]
        assert chosen[prompt:].tolist() != rejected[prompt:].tolist()
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}


def test_a_run_that_was_stopped_goes_on(
    few: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_mistakes(checkpoint, tmp_path / "whole", answers=12) == 0
    answered: list[int] = []
    real = mistakes.answer

    def stop_after_two(setup: Setup, name: str, asked: list[Any]) -> list[Case]:
        if len(answered) == 2:
            raise KeyboardInterrupt
        answered.append(len(asked))
        return real(setup, name, asked)

    monkeypatch.setattr(mistakes, "answer", stop_after_two)
    assert find_mistakes(checkpoint, tmp_path / "parts", answers=12) == 130
    assert not (tmp_path / "parts").exists()
    answered.clear()
    assert find_mistakes(checkpoint, tmp_path / "parts", answers=12) == 0
    assert answered == [4]  # the third part alone
    whole, parts = Preferences(tmp_path / "whole"), Preferences(tmp_path / "parts")
    assert whole.cache.tokens.tolist() == parts.cache.tokens.tolist()
    assert whole.margins.tolist() == parts.margins.tolist()


def test_nothing_is_asked_that_an_evaluation_asks(tiny_model: UniTok) -> None:
    evaluated = {task.asked for task in tasks(Setup(tiny_model, "", 50), "train", 50)}
    streams = [(mistakes.TRAINING, shard) for shard in (0, 1)]
    trained = [{task.asked for task in tasks(Setup(tiny_model, "", 0, 0, 64, one), "train", 50)} for one in streams]
    # Two short orders may be the same words about different pictures.
    assert all(len(evaluated & some) < 10 for some in trained) and len(trained[0] & trained[1]) < 10


def test_an_output_that_exists_is_left_alone(checkpoint: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (cache / "meta.json").read_bytes()
    assert find_mistakes(checkpoint, cache) == 2
    assert "exists already" in capsys.readouterr().err
    assert (cache / "meta.json").read_bytes() == before
