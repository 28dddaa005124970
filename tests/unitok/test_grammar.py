from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.codebook_orders import ORDERS
from unitok.grammar import Grammar, GrammarState, Request
from unitok.spans import Span, parse_turn
from unitok.syntax import FramedAudio
from unitok.vocabulary import AUDIO, CONTROL_TOKENS, IMAGE, TEXT, Codebooks, Vocabulary
from unitok_tokenizers import CodebookSpec, InputError

TEXT_SIZE, GRID, UNUSED_TEXT = 12, 6, {3, 11}


def make_vocabulary(num_codebooks: int, listed: bool = False, order: str | None = None) -> Vocabulary:
    """With images, and with sounds of as many codebooks where an order is named."""
    specs = [CodebookSpec("image", 4, num_codebooks, downsample=8)]
    if order is not None:
        specs.append(CodebookSpec("audio", 3, num_codebooks, sample_rate=8000, hop_length=80))
    audio = FramedAudio(order or "flattened")
    if not listed:
        return Vocabulary(TEXT_SIZE, specs, max_grid=GRID, audio=audio)
    total = TEXT_SIZE + 11 + GRID + sum(spec.codebook_size for spec in specs) * num_codebooks + 5
    order_of_ids = torch.randperm(total, generator=torch.Generator().manual_seed(0)).tolist()
    take = iter(order_of_ids)
    return Vocabulary.from_blocks(
        [next(take) for _ in range(TEXT_SIZE)],
        {name: next(take) for name in CONTROL_TOKENS},
        [next(take) for _ in range(GRID)],
        [
            Codebooks(spec, tuple([next(take) for _ in range(spec.codebook_size)] for _ in range(num_codebooks)))
            for spec in specs
        ],
        total,
        audio=audio,
    )


def random_request(chance: random.Random, num_codebooks: int, audio: bool = False) -> Request:
    modality: Any = chance.choice(["auto", "auto", "text", "image", *["audio"] * audio])
    grid = (chance.randint(1, GRID), chance.randint(1, GRID)) if chance.random() < 0.3 else None
    least = {"audio": 3 + num_codebooks}.get(modality, 5 + num_codebooks * (grid[0] * grid[1] if grid else 1))
    room = chance.choice([2, 3, 6, 7, 8, 20, 60, 120])
    return Request(
        modality,
        max_tokens=max(room, least) + chance.randint(0, 2) if modality in ("image", "audio") else room,
        max_images=chance.choice([None, None, 0, 1, 3]),
        grid=grid,
        max_grid_tokens=chance.choice([None, None, num_codebooks, 24 * num_codebooks]) if grid is None else None,
        max_audio=chance.choice([None, None, 0, 1, 3]),
        max_frames=chance.choice([None, None, 1, 2, 5]),
    )


def walk(
    grammar: Grammar, requests: Sequence[Request], seed: int = 0, media: float = 1.0
) -> tuple[Tensor, GrammarState]:
    """Samples every row to its end, each allowed token with the same chance; ``media`` favors <boi> and <boa>."""
    generator = torch.Generator().manual_seed(seed)
    state = grammar.start(requests)
    columns = []
    for _ in range(max(request.max_tokens for request in requests)):
        allowed = grammar.allowed(state)
        assert bool(allowed.any(dim=1).all()), "a row has no way on"
        chance = torch.rand(allowed.shape, generator=generator)
        chance[:, [grammar._boi, grammar._boa]] *= media
        token_ids = (chance * allowed).argmax(dim=1)
        columns.append(token_ids)
        state = grammar.advance(state, token_ids)
    return torch.stack(columns, dim=1), state


def check(vocabulary: Vocabulary, request: Request, row: Tensor) -> tuple[Span, ...]:
    """Parses a row and holds it against what was asked for."""
    spans = parse_turn(vocabulary, row)
    length = int((row == vocabulary.eot).nonzero()[0]) + 1
    assert length <= request.max_tokens
    assert spans, "a turn must not be empty"
    images = [span for span in spans if span.modality == "image"]
    sounds = [span for span in spans if span.modality == "audio"]
    if request.modality == "text":
        assert not images and not sounds
    if request.modality in ("image", "audio"):
        assert [span.modality for span in spans] == [request.modality]
    for most, media in ((request.max_images, images), (request.max_audio, sounds)):
        assert request.modality != "auto" or most is None or len(media) <= most
    for span in images:
        assert span.codes is not None
        if request.grid is not None:
            assert tuple(span.codes.shape[1:]) == request.grid
        if request.max_grid_tokens is not None:
            assert span.codes.numel() <= request.max_grid_tokens
    for span in sounds:
        assert span.codes is not None
        assert request.max_frames is None or span.codes.shape[1] <= request.max_frames
    return spans


@pytest.mark.parametrize("num_codebooks", [1, 2, 3])
@pytest.mark.parametrize("listed", [False, True])
def test_every_walk_ends_in_time_and_parses(num_codebooks: int, listed: bool) -> None:
    vocabulary = make_vocabulary(num_codebooks, listed)
    grammar = Grammar(vocabulary, UNUSED_TEXT)
    chance = random.Random(num_codebooks)
    requests = [random_request(chance, num_codebooks) for _ in range(1000)]
    rows, state = walk(grammar, requests, media=4.0)
    assert bool(grammar.done(state).all())
    unused = vocabulary.text_ids[list(UNUSED_TEXT)]
    assert not bool(torch.isin(rows, unused).any())
    grids = set()
    for request, row in zip(requests, rows, strict=True):
        spans = check(vocabulary, request, row)
        grids |= {tuple(span.codes.shape[1:]) for span in spans if span.codes is not None}
    assert {(1, 1), (1, GRID), (GRID, 1)} <= grids
    assert len(grids) > GRID * GRID / 2


@pytest.mark.parametrize("num_codebooks", [1, 2, 3, 4])
@pytest.mark.parametrize("order", sorted(ORDERS))
def test_every_walk_with_sounds_ends_in_time_and_parses(num_codebooks: int, order: str) -> None:
    vocabulary = make_vocabulary(num_codebooks, listed=num_codebooks == 3, order=order)
    grammar = Grammar(vocabulary, UNUSED_TEXT)
    chance = random.Random(num_codebooks)
    requests = [random_request(chance, num_codebooks, audio=True) for _ in range(500)]
    rows, state = walk(grammar, requests, media=4.0)
    assert bool(grammar.done(state).all())
    frames, mixed = set(), 0
    for request, row in zip(requests, rows, strict=True):
        spans = check(vocabulary, request, row)
        frames |= {span.codes.shape[1] for span in spans if span.modality == "audio" and span.codes is not None}
        mixed += {"image", "audio", "text"} <= {span.modality for span in spans}
    assert {1, 2, 3, 4, 5} <= frames and mixed > 10


def test_a_row_alone_takes_the_same_way() -> None:
    """The states of rows do not touch each other."""
    vocabulary = make_vocabulary(2, order="delayed")
    grammar = Grammar(vocabulary)
    chance = random.Random(5)
    requests = [random_request(chance, 2, audio=True) for _ in range(24)]
    rows, _ = walk(grammar, requests, media=4.0)
    batch = grammar.start(requests)
    alone = [grammar.start([request]) for request in requests]
    for column in rows.unbind(1):
        allowed = grammar.allowed(batch)
        assert torch.equal(allowed, torch.cat([grammar.allowed(state) for state in alone]))
        assert bool(allowed[torch.arange(len(rows)), column].all())
        batch = grammar.advance(batch, column)
        alone = [grammar.advance(state, column[n : n + 1]) for n, state in enumerate(alone)]


def run(grammar: Grammar, request: Request, *token_ids: int) -> GrammarState:
    state = grammar.start([request])
    for token_id in token_ids:
        assert bool(grammar.allowed(state)[0, token_id]), f"{token_id} is not allowed"
        state = grammar.advance(state, torch.tensor([token_id]))
    return state


def allowed_ids(grammar: Grammar, state: GrammarState) -> set[int]:
    return set(grammar.allowed(state)[0].nonzero()[:, 0].tolist())


@pytest.fixture
def vocabulary() -> Vocabulary:
    return make_vocabulary(2)


@pytest.fixture
def grammar(vocabulary: Vocabulary) -> Grammar:
    return Grammar(vocabulary, UNUSED_TEXT)


def test_text_only(vocabulary: Vocabulary, grammar: Grammar) -> None:
    text = set(range(TEXT_SIZE)) - UNUSED_TEXT
    request = Request("text", max_tokens=3)
    assert allowed_ids(grammar, run(grammar, request)) == text
    assert allowed_ids(grammar, run(grammar, request, 0)) == text | {vocabulary.eot}
    assert allowed_ids(grammar, run(grammar, request, 0, 0)) == {vocabulary.eot}
    assert allowed_ids(grammar, run(grammar, request, 0, vocabulary.eot)) == {vocabulary.pad}
    done = run(grammar, request, 0, vocabulary.eot, vocabulary.pad, vocabulary.pad)
    assert allowed_ids(grammar, done) == {vocabulary.pad}
    assert bool(grammar.done(done))


def test_exactly_one_image(vocabulary: Vocabulary, grammar: Grammar) -> None:
    v, request = vocabulary, Request("image", max_tokens=100)
    first, second = v.block_ids("image", 0).tolist(), v.block_ids("image", 1).tolist()
    assert allowed_ids(grammar, run(grammar, request)) == {v.boi}
    assert allowed_ids(grammar, run(grammar, request, v.boi)) == set(v.size_ids.tolist())
    opened = [v.boi, v.size_id(1), v.size_id(2)]
    codes = [first[3], second[0], first[0], second[3]]
    for n in range(4):
        state = run(grammar, request, *opened, *codes[:n])
        assert allowed_ids(grammar, state) == set(first if n % 2 == 0 else second)
    assert allowed_ids(grammar, run(grammar, request, *opened, *codes)) == {v.eoi}
    assert allowed_ids(grammar, run(grammar, request, *opened, *codes, v.eoi)) == {v.eot}


def test_sizes_leave_room_for_what_follows(vocabulary: Vocabulary, grammar: Grammar) -> None:
    v = vocabulary
    # <boi> h w codes <eoi> <eot> in 20 tokens: 15 codes at most, so 7 cells of two codes.
    request = Request("image", max_tokens=20)
    sizes = {n: v.size_id(n) for n in range(1, GRID + 1)}
    assert allowed_ids(grammar, run(grammar, request, v.boi)) == set(sizes.values())
    for height, widest in {1: 6, 2: 3, 3: 2, 4: 1, 6: 1}.items():
        wanted = {sizes[n] for n in range(1, widest + 1)}
        assert allowed_ids(grammar, run(grammar, request, v.boi, sizes[height])) == wanted
    small = run(grammar, Request("image", max_tokens=9), v.boi)
    assert allowed_ids(grammar, small) == {sizes[1], sizes[2]}
    limited = run(grammar, Request("image", max_tokens=99, max_grid_tokens=7), v.boi)
    assert allowed_ids(grammar, limited) == {sizes[1], sizes[2], sizes[3]}


def test_no_image_is_opened_that_cannot_be_finished(vocabulary: Vocabulary, grammar: Grammar) -> None:
    v = vocabulary
    for room, grid in [(7, None), (5 + 2 * 6, (2, 3))]:
        assert v.boi in allowed_ids(grammar, run(grammar, Request("auto", room, grid=grid)))
        assert v.boi not in allowed_ids(grammar, run(grammar, Request("auto", room - 1, grid=grid)))
        assert v.boi not in allowed_ids(grammar, run(grammar, Request("auto", room, grid=grid), 0))


def test_forced_grid(vocabulary: Vocabulary, grammar: Grammar) -> None:
    v, request = vocabulary, Request("auto", 200, grid=(2, 5))
    assert allowed_ids(grammar, run(grammar, request, 0, v.boi)) == {v.size_id(2)}
    assert allowed_ids(grammar, run(grammar, request, 0, v.boi, v.size_id(2))) == {v.size_id(5)}


def test_auto(vocabulary: Vocabulary, grammar: Grammar) -> None:
    v, request = vocabulary, Request("auto", 60, max_images=1)
    text = set(range(TEXT_SIZE)) - UNUSED_TEXT
    first, second = int(v.block_ids("image", 0)[0]), int(v.block_ids("image", 1)[0])
    image = [v.boi, v.size_id(1), v.size_id(1), first, second, v.eoi]
    assert allowed_ids(grammar, run(grammar, request)) == text | {v.boi}
    assert allowed_ids(grammar, run(grammar, request, 0)) == text | {v.boi, v.eot}
    assert allowed_ids(grammar, run(grammar, request, *image)) == text | {v.eot}
    assert v.boi in allowed_ids(grammar, run(grammar, Request("auto", 60), *image, *image))
    assert v.boi not in allowed_ids(grammar, run(grammar, Request("auto", 60, max_images=0)))
    assert v.boi not in allowed_ids(grammar, run(grammar, Request("auto", 60, max_grid_tokens=1)))


# ---- sounds


@pytest.fixture
def sounding() -> Vocabulary:
    return make_vocabulary(2, order="flattened")


def test_exactly_one_sound(sounding: Vocabulary) -> None:
    v, grammar, request = sounding, Grammar(sounding), Request("audio", max_tokens=100)
    first, second = (set(v.block_ids("audio", k).tolist()) for k in (0, 1))
    a, b = min(first), max(second)
    assert allowed_ids(grammar, run(grammar, request)) == {v.boa}
    assert allowed_ids(grammar, run(grammar, request, v.boa)) == first
    assert allowed_ids(grammar, run(grammar, request, v.boa, a)) == second
    assert allowed_ids(grammar, run(grammar, request, v.boa, a, b)) == first | {v.eoa}
    assert allowed_ids(grammar, run(grammar, request, v.boa, a, b, a)) == second
    assert allowed_ids(grammar, run(grammar, request, v.boa, a, b, v.eoa)) == {v.eot}


def test_a_delayed_sound_is_drained_before_it_ends() -> None:
    v = make_vocabulary(3, order="delayed")
    grammar, request = Grammar(v), Request("audio", max_tokens=100)
    blocks = [set(v.block_ids("audio", k).tolist()) for k in range(3)]
    a, b, c = (min(block) for block in blocks)
    for tokens, allowed in [
        ([], blocks[0]),
        ([a], blocks[0] | blocks[1]),  # another frame, or the rest of the only one
        ([a, b], blocks[2]),
        ([a, b, c], {v.eoa}),
        ([a, a], blocks[1]),
        ([a, a, b], blocks[0] | blocks[1]),
        ([a, a, b, b], blocks[2]),
        ([a, a, b, b, c], blocks[2]),
        ([a, a, b, b, c, c], {v.eoa}),
        ([a, a, b, a], blocks[1]),
        ([a, a, b, a, b], blocks[2]),
        ([a, a, b, a, b, c], blocks[0] | blocks[1]),
        ([a, a, b, a, b, c, b, c], blocks[2]),
        ([a, a, b, a, b, c, b, c, c], {v.eoa}),
    ]:
        assert allowed_ids(grammar, run(grammar, request, v.boa, *tokens)) == allowed, tokens


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_a_frame_is_opened_only_where_the_sound_can_still_end(order: str) -> None:
    """<boa>, three frames of two codes, <eoa> and the end are nine tokens."""
    v = make_vocabulary(2, order=order)
    grammar = Grammar(v)
    first = set(v.block_ids("audio", 0).tolist())
    tokens = AudioSyntax(v).write(torch.zeros(2, 3, dtype=torch.int64)).tolist()
    opens = [place for place, token_id in enumerate(tokens) if token_id in first]
    for request in [Request("audio", 9), Request("auto", 9), Request("audio", 99, max_frames=3)]:
        run(grammar, request, *tokens, v.eot)
        longer = AudioSyntax(v).write(torch.zeros(2, 4, dtype=torch.int64)).tolist()
        refused = [place for place, token_id in enumerate(longer) if token_id in first][3]
        assert not first & allowed_ids(grammar, run(grammar, request, *longer[:refused]))
    for request in [Request("audio", 8), Request("audio", 99, max_frames=2)]:
        assert not first & allowed_ids(grammar, run(grammar, request, *tokens[: opens[2]]))
    assert v.boa in allowed_ids(grammar, run(grammar, Request("auto", 5)))
    assert v.boa not in allowed_ids(grammar, run(grammar, Request("auto", 4)))


def test_auto_opens_images_and_sounds(sounding: Vocabulary) -> None:
    v, grammar = sounding, Grammar(sounding, UNUSED_TEXT)
    text = set(range(TEXT_SIZE)) - UNUSED_TEXT
    first, second = (int(v.block_ids("audio", k)[0]) for k in (0, 1))
    sound = [v.boa, first, second, v.eoa]
    request = Request("auto", 60, max_images=1, max_audio=2)
    assert allowed_ids(grammar, run(grammar, request)) == text | {v.boi, v.boa}
    assert allowed_ids(grammar, run(grammar, request, *sound)) == text | {v.boi, v.boa, v.eot}
    codes = [int(v.block_ids("image", k)[0]) for k in (0, 1)]
    image = [v.boi, v.size_id(1), v.size_id(1), *codes, v.eoi]
    assert allowed_ids(grammar, run(grammar, request, *sound, *image)) == text | {v.boa, v.eot}
    assert allowed_ids(grammar, run(grammar, request, *sound, *image, 0, *sound)) == text | {v.eot}
    for modality in ("text", "image"):
        assert v.boa not in allowed_ids(grammar, run(grammar, Request(modality, 60)))
    assert v.boa not in allowed_ids(grammar, run(grammar, Request("auto", 60, max_audio=0)))


@pytest.mark.parametrize("order", sorted(ORDERS))
@pytest.mark.parametrize("num_codebooks", [1, 2, 3])
def test_ids_of_equal_columns_are_followed_by_the_same(num_codebooks: int, order: str) -> None:
    vocabulary = make_vocabulary(num_codebooks, order=order)
    grammar = Grammar(vocabulary)
    columns = [tuple(column) for column in grammar.table.T.tolist()]
    groups = [
        vocabulary.text_ids.tolist(),
        *([vocabulary.control[name]] for name in ("<pad>", "<eot>", "<boi>", "<eoi>", "<boa>", "<eoa>")),
        *([size] for size in vocabulary.size_ids.tolist()),
        *(vocabulary.block_ids(kind, k).tolist() for kind in ("image", "audio") for k in range(num_codebooks)),
    ]
    found = [{columns[token_id] for token_id in group} for group in groups]
    assert all(len(one) == 1 for one in found) and len(set.union(*found)) == len(groups)


def test_modality_and_codes_of_sounds(sounding: Vocabulary) -> None:
    v, grammar, request = sounding, Grammar(sounding), Request("auto", 60)
    first, second = (int(v.block_ids("audio", k)[0]) for k in (0, 1))
    tokens = [0, v.boa, first, second, first, second, v.eoa, v.boi]
    states = [run(grammar, request, *tokens[:n]) for n in range(len(tokens) + 1)]
    assert [int(grammar.modality(s)) for s in states] == [TEXT, TEXT, *[AUDIO] * 5, TEXT, IMAGE]
    assert [int(grammar.codes_of(s)) for s in states] == [TEXT, TEXT, *[AUDIO] * 5, TEXT, TEXT]


# ---- whatever is generated


def test_modality_and_codes(vocabulary: Vocabulary, grammar: Grammar) -> None:
    v, request = vocabulary, Request("auto", 60)
    first, second = int(v.block_ids("image", 0)[0]), int(v.block_ids("image", 1)[0])
    tokens = [0, v.boi, v.size_id(1), v.size_id(1), first, second, v.eoi, v.eot]
    states = [run(grammar, request, *tokens[:n]) for n in range(len(tokens) + 1)]
    assert [int(grammar.modality(s)) for s in states] == [TEXT, TEXT, *[IMAGE] * 5, TEXT, TEXT]
    assert [int(grammar.codes_of(s)) for s in states] == [IMAGE if n in (4, 5) else TEXT for n in range(len(states))]
    assert [bool(grammar.done(s)) for s in states] == [n == 8 for n in range(len(states))]
    assert grammar.modality(states[0]).dtype == torch.int8


def test_no_rows_at_all(vocabulary: Vocabulary, grammar: Grammar) -> None:
    state = grammar.start([])
    assert grammar.allowed(state).shape == (0, vocabulary.size)


def test_rows_of_a_state(grammar: Grammar) -> None:
    state = grammar.start([Request("text", 9), Request("image", 30), Request("auto", 7)])
    chosen = state.rows(torch.tensor([2, 0, 0]))
    assert chosen.room.tolist() == [7, 9, 9]
    assert torch.equal(grammar.allowed(chosen), grammar.allowed(state)[[2, 0, 0]])
    assert state.rows(torch.tensor([False, True, False])).room.tolist() == [30]


def test_no_synchronization(grammar: Grammar) -> None:
    """Under the meta device a tensor has no values, so any look at one of them would raise."""
    vocabulary = make_vocabulary(2, order="delayed")
    meta = Grammar(vocabulary, device="meta")
    state = GrammarState(*(torch.empty(4, dtype=torch.int64, device="meta") for _ in GrammarState._fields))
    for _ in range(2):
        assert meta.allowed(state).shape == (4, vocabulary.size)
        state = meta.advance(state, torch.empty(4, dtype=torch.int64, device="meta"))
    assert meta.done(state).shape == meta.codes_of(state).shape == meta.modality(state).shape == (4,)


def test_requests_that_cannot_be_met(grammar: Grammar) -> None:
    for request, named in [
        (Request("image", 6), "needs 7 tokens, but max_tokens is 6"),
        (Request("image", 16, grid=(2, 3)), "needs 17 tokens"),
        (Request("image", 99, max_grid_tokens=1), "max_grid_tokens is 1"),
        (Request("image", 99, grid=(2, 3), max_grid_tokens=11), "needs 12 codes"),
        (Request("auto", 99, grid=(7, 1)), "grid 7x1"),
        (Request("auto", 99, grid=(0, 1)), "grid 0x1"),
    ]:
        with pytest.raises(InputError, match=named):
            grammar.start([Request(), request])
    with pytest.raises(InputError, match="no audio codes"):
        grammar.start([Request("audio")])
    with pytest.raises(InputError, match="a sound needs 5 tokens, but max_tokens is 4"):
        Grammar(make_vocabulary(2, order="delayed")).start([Request("audio", 4)])


def test_more_than_any_number_of_tokens_is_as_good_as_no_limit(sounding: Vocabulary) -> None:
    huge = 10**30
    request = Request("auto", huge, max_grid_tokens=huge, max_frames=huge)
    states = Grammar(sounding).start([request, Request("auto", 1 << 40)])
    for values in states:
        assert values[0] == values[1]


@pytest.mark.parametrize(
    "values",
    [
        {"modality": "video"},
        {"max_tokens": 1},
        {"max_images": -1},
        {"max_grid_tokens": 0},
        {"max_audio": -1},
        {"max_frames": 0},
    ],
)
def test_bad_requests(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(values))):
        Request(**values)


def test_a_vocabulary_without_images() -> None:
    vocabulary = Vocabulary(TEXT_SIZE, [])
    grammar = Grammar(vocabulary)
    rows, state = walk(grammar, [Request("auto", 9), Request("text", 5)])
    assert bool(grammar.done(state).all())
    assert not bool(((rows == vocabulary.boi) | (rows == vocabulary.boa)).any())
    with pytest.raises(InputError, match="no image codes"):
        grammar.start([Request("image", 99)])


def test_a_grammar_needs_some_text() -> None:
    with pytest.raises(InputError, match="no text token"):
        Grammar(Vocabulary(2, []), unused_text=[0, 1])
