"""Token caches: what is written is read, what is broken is named. Condition dropout, the plan of batches."""

from __future__ import annotations

import json
import pickle
import resource
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from unitok.data import sampling_plan
from unitok.data.condition_dropout import ControlIds, drop_condition, find_media_replies
from unitok.data.sampling_plan import PackedCaches, PackingSampler, Position
from unitok.data.token_cache import TokenCache, TokenCacheWriter, merge_caches, vocabulary_hash
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

SPECS = [CodebookSpec("image", 16, downsample=8), CodebookSpec("audio", 4, sample_rate=8000, hop_length=80)]
VOCABULARY = Vocabulary(20, SPECS, max_grid=4)
V = VOCABULARY
CONTROL = ControlIds.of(VOCABULARY)
AUDIO = V.block_ids("audio")[:3].tolist()
PICTURE = [V.boi, V.size_id(1), V.size_id(2), *V.block_ids("image")[:2].tolist(), V.eoi]


def conversation(*turns: tuple[str, list[int]]) -> tuple[np.ndarray, np.ndarray]:
    ids, marks = [V.bos], [0]
    for role, content in turns:
        written = int(role == "assistant")
        ids += [V.assistant if written else V.user, *content, V.eot]
        marks += [0, *[written] * (len(content) + 1)]
    return np.array([*ids, V.eos]), np.array([*marks, 0], dtype=np.uint8)


def write(folder: Path, documents: list[tuple[np.ndarray, np.ndarray]], size: int = V.size) -> TokenCache:
    with TokenCacheWriter(folder, size, vocabulary_hash(VOCABULARY)) as writer:
        for ids, marks in documents:
            writer.add(ids, marks)
        writer.finish(note="kept")
    return TokenCache(folder, vocabulary_hash(VOCABULARY))


DOCUMENTS = [
    conversation(("user", [1, 2]), ("assistant", PICTURE)),
    conversation(("user", [3, *PICTURE]), ("assistant", [4])),
    conversation(("user", [5]), ("assistant", PICTURE), ("user", [6]), ("assistant", [7, *PICTURE]), ("user", [8])),
]


@pytest.mark.parametrize(("size", "dtype"), [(V.size, "uint16"), (1 << 16, "uint16"), (70_000, "uint32")])
def test_what_is_written_is_read(tmp_path: Path, size: int, dtype: str) -> None:
    documents = [*DOCUMENTS, (np.array([size - 1]), np.array([1]))]
    cache = write(tmp_path / "cache", documents, size)
    assert len(cache) == 4 and cache.meta["dtype"] == dtype and cache.meta["note"] == "kept"
    for (ids, marks), (read_ids, read_marks) in zip(documents, cache, strict=True):
        assert read_ids.tolist() == ids.tolist() and read_marks.tolist() == marks.tolist()
    again = pickle.loads(pickle.dumps(cache))  # as for a worker process
    assert again[2][0].tolist() == cache[2][0].tolist()


def test_nothing_appears_before_it_is_whole(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="ids must be in"),
        TokenCacheWriter(tmp_path / "cache", 5, "") as writer,
    ):
        writer.add([1, 2], [0, 0])
        assert not (tmp_path / "cache").exists()
        writer.add([5], [0])
    assert not list(tmp_path.iterdir())
    write(tmp_path / "cache", DOCUMENTS)
    with pytest.raises(InputError, match="exists already"):
        TokenCacheWriter(tmp_path / "cache", 5, "")


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with (
            pytest.raises(InputError, match="cache cannot be written: File too large"),
            TokenCacheWriter(tmp_path / "cache", 5, "") as writer,
        ):
            for _ in range(3):  # more than the files hold back, and some of it once more as they are closed
                writer.add([1] * 9000, [0] * 9000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_merging_keeps_the_order(tmp_path: Path) -> None:
    parts = [write(tmp_path / "a", DOCUMENTS[:1]), write(tmp_path / "b", DOCUMENTS[1:])]
    merge_caches(parts, TokenCacheWriter(tmp_path / "all", V.size, vocabulary_hash(VOCABULARY)))
    whole = TokenCache(tmp_path / "all")
    assert [ids.tolist() for ids, _ in whole] == [ids.tolist() for ids, _ in DOCUMENTS]
    assert whole.meta["documents"] == 3
    with pytest.raises(InputError, match="another vocabulary"):
        merge_caches(parts, TokenCacheWriter(tmp_path / "other", V.size, "0"))
    assert not (tmp_path / "other").exists()


def test_a_broken_cache_is_named(tmp_path: Path) -> None:
    write(tmp_path / "cache", DOCUMENTS)
    folder, meta = tmp_path / "cache", json.loads((tmp_path / "cache" / "meta.json").read_text())
    with pytest.raises(InputError, match="another vocabulary"):
        TokenCache(folder, "0")
    (folder / "meta.json").write_text(json.dumps({**meta, "format_version": 99}))
    with pytest.raises(InputError, match="format 99"):
        TokenCache(folder)
    (folder / "meta.json").write_text(json.dumps(meta))
    with open(folder / "tokens.bin", "ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match=r"damaged \(tokens.bin"):
        TokenCache(folder)
    (folder / "offsets.npy").write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        TokenCache(folder)
    np.save(folder / "offsets.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(InputError, match="damaged"):
        TokenCache(folder)
    with pytest.raises(InputError, match="not a token cache"):
        TokenCache(tmp_path)


@pytest.mark.parametrize("scan", [1, 25, 1 << 20])
def test_image_replies_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan: int) -> None:
    monkeypatch.setattr("unitok.data.condition_dropout.SCAN_TOKENS", scan)
    cache = write(tmp_path / "cache", DOCUMENTS)
    replies = find_media_replies(cache.tokens, cache.offsets, CONTROL)
    found = [(int(d), cache[int(d)][0][s:e].tolist()) for d, s, e in zip(*replies, strict=True)]
    # A picture in a user's turn is no reply, and the words in front of one are left out.
    assert found == [(0, [*PICTURE, V.eot]), (2, [*PICTURE, V.eot]), (2, [*PICTURE, V.eot])]


def test_replies_with_sounds_are_found() -> None:
    sound = [V.boa, *AUDIO, V.eoa]
    ids, _ = conversation(("user", [1, *sound]), ("assistant", [2]), ("user", [3]), ("assistant", [4, *sound]))
    replies = find_media_replies(ids, np.array([0, len(ids)]), CONTROL)
    assert [ids[start:end].tolist() for _, start, end in zip(*replies, strict=True)] == [[*sound, V.eot]]


def test_dropping_the_condition_leaves_the_unconditional_prompt_and_the_reply() -> None:
    ids, marks = DOCUMENTS[2]
    replies = find_media_replies(ids, np.array([0, len(ids)]), CONTROL)
    dropped, dropped_marks = drop_condition(ids, marks, int(replies.start[1]), int(replies.end[1]), CONTROL)
    assert dropped.tolist() == [V.bos, V.user, V.uncond, V.eot, V.assistant, *PICTURE, V.eot, V.eos]
    assert dropped_marks.tolist() == [0] * 5 + [1] * (len(PICTURE) + 1) + [0]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> PackedCaches:
    """200 documents in two caches, half of them with a picture in the reply; one is longer than a row."""
    rng = np.random.default_rng(0)
    documents = [
        conversation(("user", rng.integers(0, 20, rng.integers(1, 9)).tolist()), ("assistant", reply))
        for reply in [PICTURE, [1, 2]] * 100
    ]
    documents[7] = conversation(("user", [1] * 100), ("assistant", [2]))
    folder = tmp_path_factory.mktemp("packed")
    caches = [write(folder / "a", documents[:80]), write(folder / "b", documents[80:])]
    return PackedCaches(caches, VOCABULARY, [40])


def test_a_pass_holds_every_document_once(packed: PackedCaches) -> None:
    sampler = PackingSampler(packed, 4, shuffle=True, keep_last=True)
    items = [item for plan in sampler for row in plan for item in row]
    assert sorted(items) == [i for i in range(200) if i != 7]
    assert sampler.too_long == 1
    assert len(sampler) == len(list(sampler))


def test_documents_go_into_the_shortest_rows_that_hold_them(packed: PackedCaches) -> None:
    varied = PackedCaches(packed.caches, VOCABULARY, [40, 14, 20])
    sampler = PackingSampler(varied, 4, shuffle=True, keep_last=True)
    plans = list(sampler)
    assert sorted(item for plan in plans for row in plan for item in row) == [i for i in range(200) if i != 7]
    lengths = {14: 0, 20: 0, 40: 0}
    for plan in plans:
        batch = varied[plan]
        length = batch.input_ids.shape[1]
        lengths[length] += 1
        assert len(plan) <= 4 * 40 // length
        longest = max(int(varied.lengths[item]) for row in plan for item in row)
        assert longest <= length and all(int(varied.lengths[row].sum()) <= length for row in plan)
    assert lengths[14] and lengths[20] and sum(len(plan) == 4 * 40 // 14 for plan in plans)


def test_condition_dropout_has_its_rate_and_only_takes_image_replies(packed: PackedCaches) -> None:
    sampler = PackingSampler(packed, 4, shuffle=True, condition_dropout=0.3, epochs=20, keep_last=True)
    items = np.array([item for plan in sampler for row in plan for item in row])
    dropped = items[items >= packed.documents] - packed.documents
    assert (packed.reply_document[dropped] % 2 == 0).all()
    assert len(dropped) / (20 * 100) == pytest.approx(0.3, abs=0.04)
    ids, _ = packed.item(int(items[items >= packed.documents][0]))
    assert ids[:5].tolist() == list(CONTROL.prompt)


def test_a_stream_goes_on_from_any_position(packed: PackedCaches) -> None:
    def stream(start: Position) -> PackingSampler:
        return PackingSampler(packed, 8, shuffle=True, condition_dropout=0.2, seed=5, epochs=None, start=start)

    whole = stream(Position())
    plans = list(islice(whole, 40))
    for done in (0, 1, 9, 25):
        position = whole.position(done)
        rest = stream(position)
        assert list(islice(rest, 40 - done)) == plans[done:]
        assert rest.position(0) == position
    assert whole.position(25).epoch > 0  # otherwise this shows too little
    with pytest.raises(TypeError):
        len(whole)


@pytest.mark.parametrize("ranks", [2, 3, 500])
def test_ranks_share_all_documents(packed: PackedCaches, ranks: int) -> None:
    samplers = [PackingSampler(packed, 4, keep_last=True, num_replicas=ranks, rank=rank) for rank in range(ranks)]
    plans = [list(sampler) for sampler in samplers]
    assert len({len(own) for own in plans}) == 1 and all(plan for own in plans for plan in own)
    everything = Counter(item for own in plans for plan in own for row in plan for item in row)
    assert set(everything.values()) == {1} and sorted(everything) == sorted(samplers[0]._items(0))
    batches = [packed[plan] for own in plans for plan in own if not any(plan)]
    pad = packed.pad
    assert all(bool((batch.input_ids == pad).all()) and not bool(batch.roles.any()) for batch in batches)
    assert bool(batches) == (ranks == 500)


def test_too_few_documents_for_a_batch_is_an_error_and_no_endless_loop(packed: PackedCaches) -> None:
    sampler = PackingSampler(packed, 5000, shuffle=True, epochs=None)
    with pytest.raises(InputError, match="less than one batch"):
        next(iter(sampler))


def test_a_part_of_a_validation_stands_for_the_whole(tmp_path: Path) -> None:
    """Row lengths, and documents of all lengths, come in any order there too, the same in each pass."""
    lengths = [30] * 300 + [160] * 300 + [500] * 300
    with TokenCacheWriter(tmp_path / "mixed", VOCABULARY.size, vocabulary_hash(VOCABULARY)) as writer:
        for length in lengths:
            writer.add(np.zeros(length, np.int64), np.ones(length))
        writer.finish()
    packed = PackedCaches([TokenCache(tmp_path / "mixed")], VOCABULARY, [168, 520], replies=False)
    sampler = PackingSampler(packed, 4, keep_last=True)
    plans = list(sampler)
    assert plans == list(sampler) and sum(len(row) for plan in plans for row in plan) == 900
    tokens = [sum(lengths[item] for row in plan for item in row) for plan in plans]
    part = plans[: len(plans) // 4]
    kinds = [
        np.bincount([item // 300 for plan in some for row in plan for item in row], minlength=3)
        for some in (part, plans)
    ]
    assert (np.abs(kinds[0] / kinds[0].sum() - kinds[1] / kinds[1].sum()) < 0.12).all(), kinds
    assert len(set(tokens[:8])) > 1


def test_tokens_are_read_for_replies_only_where_these_may_lose_their_condition(
    packed: PackedCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling_plan, "find_media_replies", lambda *_: pytest.fail("all tokens were read"))
    plain = PackedCaches(packed.caches, VOCABULARY, [40], replies=False)
    plans = list(PackingSampler(plain, 4, shuffle=True, keep_last=True))
    assert plans == list(PackingSampler(packed, 4, shuffle=True, keep_last=True))


def test_documents_of_a_rare_length_are_trained_on(tmp_path: Path) -> None:
    lengths = [100] * 400 + [400] * 12
    with TokenCacheWriter(tmp_path / "rare", VOCABULARY.size, vocabulary_hash(VOCABULARY)) as writer:
        for length in lengths:
            writer.add(np.zeros(length, np.int64), np.ones(length))
        writer.finish()
    packed = PackedCaches([TokenCache(tmp_path / "rare")], VOCABULARY, [168, 344, 520])
    for replicas in (1, 4):
        ranks = [
            list(PackingSampler(packed, 16 // replicas, shuffle=True, epochs=6, num_replicas=replicas, rank=rank))
            for rank in range(replicas)
        ]
        assert len({len(plans) for plans in ranks}) == 1
        seen = np.bincount([item for plans in ranks for plan in plans for row in plan for item in row], minlength=412)
        assert (seen[400:] == 6).all() and seen[:400].mean() > 5
        # Layers are compiled for each shape: what is left of several lengths has one that is known.
        shapes = {tuple(packed[plan].input_ids.shape) for plans in ranks for plan in plans}
        assert shapes == {(16 // replicas * 520 // length, length) for length in (168, 520)}
