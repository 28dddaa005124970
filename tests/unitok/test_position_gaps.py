"""Gaps in positions: where they are, how wide, what they leave as it was, and that a run goes on with the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from unitok.data.datamodules import TokenCacheDataModule
from unitok.data.packing import PackedBatch, build_batch
from unitok.data.token_cache import TokenCacheWriter, vocabulary_hash
from unitok.training.decoder import DecoderModule
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok.training.position_gaps import PositionGapConfig, mask_of, with_gaps
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

CONTEXT = 64
VOCABULARY = Vocabulary(20, [CodebookSpec("image", 16, downsample=8)], max_grid=4)
DECODER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": CONTEXT,
}


def conversation(words: list[int], pictures: bool) -> list[int]:
    """An edit of a picture that came with it, or words alone; one more turn for each further number."""
    v = VOCABULARY
    picture = [v.boi, v.size_id(1), v.size_id(1), int(v.block_ids("image")[3]), v.eoi]
    ids = [v.bos]
    for count in words:
        given = [*picture, *range(count)] if pictures else list(range(count))
        ids += [v.user, *given, v.eot, v.assistant, *(picture if pictures else [1]), v.eot]
    return [*ids, v.eos]


def packed(documents: list[list[list[int]]], length: int) -> PackedBatch:
    marks = [[(np.array(ids), np.ones(len(ids), np.uint8)) for ids in row] for row in documents]
    return build_batch(marks, length, VOCABULARY.pad)


def gaps(batch: PackedBatch, seed: int, **options: Any) -> Tensor:
    config = PositionGapConfig(**{"share": 1.0, "longest": 30, **options})
    generator = torch.Generator().manual_seed(seed)
    return with_gaps(batch.input_ids, batch.position_ids, VOCABULARY, config, CONTEXT, generator)


def begins_a_part(document: list[int], place: int) -> bool:
    ids = [*document, VOCABULARY.eot]
    if ids[place] == VOCABULARY.user:
        return place > 1
    return ids[place - 1] == VOCABULARY.eoi and ids[place] != VOCABULARY.eot


turns = st.lists(st.integers(1, 4), min_size=1, max_size=3)
documents = st.lists(st.builds(conversation, turns, st.booleans()), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(documents, min_size=1, max_size=3), seed=st.integers(0, 2**32), longest=st.integers(1, 80))
def test_a_document_has_at_most_one_gap_where_a_part_begins(
    rows: list[list[list[int]]], seed: int, longest: int
) -> None:
    batch = packed(rows, 180)
    positions = gaps(batch, seed, longest=longest)
    assert (positions[batch.input_ids == VOCABULARY.pad] == 0).all()
    for row, found in zip(rows, positions, strict=True):
        start = 0
        for document in row:
            own = found[start : start + len(document)].tolist()
            start += len(document)
            steps = np.diff(own)
            wide = np.flatnonzero(steps != 1)
            assert own[0] == 0 and len(wide) <= 1
            if len(wide):
                assert begins_a_part(document, int(wide[0]) + 1)
                assert 1 < steps[wide[0]] <= longest + 1 and own[-1] < CONTEXT
            else:
                assert own == list(range(len(document)))


def test_all_borders_and_widths_come_up() -> None:
    document = conversation([2, 2], True)
    batch = packed([[document]], len(document))
    borders = {place for place in range(1, len(document)) if begins_a_part(document, place)}
    seen, widths = set(), set()
    for seed in range(300):
        steps = gaps(batch, seed, longest=4)[0].diff()
        wide = (steps != 1).nonzero().flatten().tolist()
        seen |= {place + 1 for place in wide}
        widths |= {int(steps[place]) - 1 for place in wide}
    assert seen == borders and len(borders) == 3 and widths == {1, 2, 3, 4}


def test_the_share_is_of_documents() -> None:
    document = conversation([2], True)
    batch = packed([[document] * 10 for _ in range(40)], 10 * len(document))
    for share in (0.0, 0.3):
        moved = (gaps(batch, 5, share=share, longest=48) != batch.position_ids).view(40, 10, -1).any(-1)
        assert abs(float(moved.float().mean()) - share) < 0.06
    assert torch.equal(gaps(batch, 5, share=0.0), batch.position_ids)


def module(folder: Path, **options: Any) -> DecoderModule:
    torch.manual_seed(0)
    made = DecoderModule(
        str(folder / "vocabulary.json"),
        decoder=DECODER,
        optimizer=OptimizerConfig(lr=1e-2),
        schedule=ScheduleConfig(warmup_steps=2, total_steps=8),
        **options,
    )
    made.configure_model()
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary, and a cache of 120 conversations."""
    folder = tmp_path_factory.mktemp("gaps")
    VOCABULARY.save(folder / "vocabulary.json")
    rng = np.random.default_rng(0)
    with TokenCacheWriter(folder / "cache", VOCABULARY.size, vocabulary_hash(VOCABULARY)) as writer:
        for number in range(120):
            ids = conversation(rng.integers(1, 5, 2).tolist(), bool(number % 3))
            writer.add(ids, [1] * len(ids))
        writer.finish()
    return folder


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("rows", "padding"),
    [
        ([[conversation([3], True), conversation([1, 2], True)], [conversation([2, 2], True)]], 3),
        ([[conversation([2, 2], True)]], 0),  # which attention needs no mask for
    ],
)
def test_documents_stay_apart_and_are_read_at_their_positions(
    folder: Path, attention: Any, rows: list[list[list[int]]], padding: int
) -> None:
    decoder = module(folder, attn_implementation=attention)
    batch = packed(rows, max(sum(map(len, row)) for row in rows) + padding)
    positions = gaps(batch, 1)
    assert not torch.equal(positions, batch.position_ids)
    together = decoder(batch.input_ids, positions, mask_of(decoder.decoder, batch.position_ids))
    for number, row in enumerate(rows):
        start = 0
        for document in row:
            own = slice(start, start + len(document))
            start += len(document)
            causal = torch.ones(1, 1, len(document), len(document), dtype=torch.bool).tril()
            mask = causal if attention == "sdpa" else torch.where(causal, 0.0, -torch.inf)
            alone = decoder(batch.input_ids[number : number + 1, own], positions[number : number + 1, own], mask)
            torch.testing.assert_close(together[number, own], alone[0], atol=1e-5, rtol=1e-5)


def fit(decoder: DecoderModule, folder: Path, tmp_path: Path, *callbacks: Any, ckpt: Path | None, steps: int) -> Tensor:
    cache = [str(folder / "cache")]
    data = TokenCacheDataModule(cache, cache, row_length=48, batch_rows=4, seed=3)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=bool(callbacks),
        limit_val_batches=0,
        default_root_dir=tmp_path,
        callbacks=list(callbacks),
        max_steps=steps,
    )
    trainer.fit(decoder, data, ckpt_path=ckpt, weights_only=True if ckpt else None)
    return torch.cat([p.detach().flatten() for p in decoder.parameters()])


def test_a_run_that_was_stopped_goes_on_with_the_same_gaps(folder: Path, tmp_path: Path) -> None:
    config = PositionGapConfig(share=0.7, longest=30)
    whole = fit(module(folder, position_gaps=config), folder, tmp_path, ckpt=None, steps=8)
    without = fit(module(folder), folder, tmp_path, ckpt=None, steps=8)
    keep = ModelCheckpoint(tmp_path, save_last=True, every_n_train_steps=3)
    fit(module(folder, position_gaps=config), folder, tmp_path, keep, ckpt=None, steps=3)
    parts = fit(module(folder, position_gaps=config), folder, tmp_path, ckpt=tmp_path / "last.ckpt", steps=8)
    torch.testing.assert_close(whole, parts, atol=0, rtol=0)
    assert not torch.equal(whole, without)


def test_validation_has_no_gaps(folder: Path) -> None:
    batch = packed([[conversation([2, 2], True)] * 2], 72)
    plain, gapped = module(folder).eval(), module(folder, position_gaps=PositionGapConfig(1.0)).eval()
    assert torch.equal(plain.loss(batch).loss, gapped.loss(batch).loss)


def test_attention_with_a_window_is_refused(folder: Path, tmp_path: Path) -> None:
    windowed = {**DECODER, "sliding_window": 8, "use_sliding_window": True, "max_window_layers": 0}
    decoder = DecoderModule(
        str(folder / "vocabulary.json"), decoder=windowed, position_gaps=PositionGapConfig(longest=9)
    )
    with pytest.raises(InputError, match="position_gaps: this decoder's attention has a window"):
        fit(decoder, folder, tmp_path, ckpt=None, steps=1)
