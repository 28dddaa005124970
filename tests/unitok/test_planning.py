"""Blocks and plans say what the grammar says, only sooner.

Shape letters: M rows of the mask table, V vocabulary.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unitok.engine import planning
from unitok.engine.blocks import Blocks
from unitok.engine.planning import Plan, Planner
from unitok.grammar import Grammar, GrammarState, Modality, Request
from unitok.syntax import FixedImages, FramedAudio, ImageSettings, SizedImages
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.spec import CodebookSpec

CPU = torch.device("cpu")


def vocabulary(codebooks: int, images: ImageSettings) -> Vocabulary:
    return Vocabulary(300, [CodebookSpec("image", 280, codebooks, downsample=8)], max_grid=8, images=images)


def with_sound(order: str) -> Vocabulary:
    sound = CodebookSpec("audio", 300, 3, sample_rate=8000, hop_length=800)
    return Vocabulary(300, [CodebookSpec("image", 280, downsample=8), sound], max_grid=8, audio=FramedAudio(order))


VOCABULARIES = [
    vocabulary(1, SizedImages(True)),
    vocabulary(2, SizedImages()),
    vocabulary(1, FixedImages(3, 4)),
    with_sound("flattened"),
    with_sound("delayed"),
]
NAMES = ("numbered", "sized", "fixed", "sound", "delayed sound")
SOUND = Request("audio", 60, max_frames=9)
REQUESTS = [
    Request("image", 80, grid=(3, 4)),
    Request("image", 40),
    Request("auto", 60),
    Request("text", 9),
    Request("auto", 80, max_images=1),
]


def requests_for(vocabulary: Vocabulary) -> list[Request]:
    return [*REQUESTS, *[SOUND] * ("audio" in vocabulary.specs)]


@pytest.fixture(params=VOCABULARIES, ids=NAMES)
def words(request: pytest.FixtureRequest) -> Vocabulary:
    return request.param


@pytest.fixture()
def grammar(words: Vocabulary) -> Grammar:
    return Grammar(words, unused_text=[7])


# ---- blocks


def test_every_row_of_the_table_has_a_block_or_is_forced(grammar: Grammar) -> None:
    blocks = Blocks(grammar.table, CPU)
    for row, allowed in enumerate(grammar.table):
        ids, block = allowed.nonzero().flatten(), blocks.of_row[row]
        assert blocks.first_id[row] == int(ids[0]) and blocks.forced[row] == (len(ids) == 1)
        if block is None:
            assert len(ids) == 1
            continue
        assert torch.equal(block.ids[block.columns[row]], ids)
        assert (row in block.whole_rows) == torch.equal(block.ids, ids)
        assert len(block.ids) <= max(2 * len(ids), 256)


def test_text_and_codes_have_blocks_of_their_own(grammar: Grammar) -> None:
    blocks = {block for block in Blocks(grammar.table, CPU).of_row if block is not None}
    assert any(299 in block.ids and len(block.ids) < 310 for block in blocks)
    assert any(len(block.ids) == 280 for block in blocks)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_ids_of_one_kind_are_followed_by_the_same(data: st.DataObject) -> None:
    words = data.draw(st.sampled_from(VOCABULARIES))
    grammar = Grammar(words)
    blocks = Blocks(grammar.table, CPU)
    kinds = torch.tensor(blocks.kinds)
    state = grammar.start([data.draw(st.sampled_from(requests_for(words)))])
    for _ in range(data.draw(st.integers(0, 50))):
        ids = grammar.allowed(state)[0].nonzero().flatten()
        place = data.draw(st.one_of(st.integers(0, len(ids) - 1), st.integers(max(len(ids) - 3, 0), len(ids) - 1)))
        same = ids[kinds[ids] == kinds[ids[place]]]
        many = GrammarState(*(values.expand(len(same)) for values in state))
        after = torch.stack(list(grammar.advance(many, same)))
        assert bool((after == after[:, :1]).all())
        state = grammar.advance(state, ids[place : place + 1])


# ---- plans


def follow(grammar: Grammar, planner: Planner, request: Request, generator: torch.Generator) -> list[int]:
    """Draws an answer along its plans, holding each of them against the grammar."""
    blocks = Blocks(grammar.table, CPU)
    state, answer = grammar.start([request]), []

    def forced(token_ids: tuple[int, ...]) -> None:
        nonlocal state
        for token_id in token_ids:
            allowed = grammar.allowed(state)[0].nonzero().flatten().tolist()
            assert allowed == [token_id] and not bool(grammar.done(state))
            answer.append(token_id)
            state = grammar.advance(state, torch.tensor([token_id]))

    (plan,) = planner.first([request])
    while True:
        assert isinstance(plan, Plan)
        forced(plan.head)
        for place, draw in enumerate(plan.draws):
            last = place + 1 == len(plan.draws)
            if last and plan.state is not None:
                assert plan.state == tuple(torch.stack(list(state), dim=1)[0].tolist()) and draw.after == ()
            allowed = grammar.allowed(state)[0]
            assert torch.equal(grammar.table[draw.mask], allowed) and not blocks.forced[draw.mask]
            assert draw.modality == int(grammar.modality(state))
            assert draw.codes == int(grammar.codes_of(state))
            ids = allowed.nonzero().flatten()
            token_id = int(ids[torch.randint(len(ids), (1,), generator=generator)])
            if len(ids) < 330 and int(torch.randint(6, (1,), generator=generator)) == 0:
                token_id = int(ids[-1])  # what is not text: the end, or an image
            answer.append(token_id)
            state = grammar.advance(state, torch.tensor([token_id]))
            forced(draw.after)
        if plan.state is None:
            assert bool(grammar.done(state))
            return answer
        (plan,) = planner.following([(plan.state, answer[-1])])


@pytest.mark.parametrize("longest", [1, 5, 512])
def test_plans_say_what_the_grammar_says(
    words: Vocabulary, grammar: Grammar, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "LONGEST", longest)
    monkeypatch.setattr(planning, "REMEMBERED", 20)
    generator, planner = torch.Generator().manual_seed(0), Planner(grammar, Blocks(grammar.table, CPU))
    lengths = set()
    for request in requests_for(words) * 4:
        answer = follow(grammar, planner, request, generator)
        assert len(answer) <= request.max_tokens
        lengths.add(len(answer))
    assert len(lengths) > 4


def test_an_image_of_a_known_grid_is_one_plan() -> None:
    numbered, sized, fixed = (
        Planner(grammar, Blocks(grammar.table, CPU)) for grammar in map(Grammar, VOCABULARIES[:3])
    )
    (plan,) = numbered.first([Request("image", 80, grid=(3, 4))])
    row_number = VOCABULARIES[0].size_id
    assert plan.state is None and len(plan.head) == 4 and len(plan.draws) == 12
    assert [draw.after for draw in plan.draws[3::4]] == [
        (row_number(2),),
        (row_number(3),),
        (VOCABULARIES[0].eoi, VOCABULARIES[0].eot),
    ]
    assert len(sized.first([Request("image", 80, grid=(3, 4))])[0].draws) == 24
    assert len(fixed.first([Request("image", 80)])[0].draws) == 12


def test_a_plan_of_a_picture_serves_prompts_of_other_lengths() -> None:
    grammar = Grammar(VOCABULARIES[0])
    planner = Planner(grammar, Blocks(grammar.table, CPU))
    one, other = (planner.first([Request("image", room, grid=(4, 4))])[0] for room in (200, 300))
    assert one is other and one.draws
    # As one that the model chose to draw, behind which it may go on.
    states = [planner.first([Request("auto", room, grid=(4, 4))])[0].state for room in (200, 300)]
    assert None not in states
    behind = [planner.following([(state, VOCABULARIES[0].boi)])[0] for state in states if state is not None]
    assert behind[0].draws is behind[1].draws and len(behind[0].draws) == 17
    assert behind[0].state != behind[1].state


def test_plans_serve_rows_that_have_more_room(words: Vocabulary, grammar: Grammar) -> None:
    generator, planner = torch.Generator().manual_seed(0), Planner(grammar, Blocks(grammar.table, CPU))
    modalities: list[Modality] = ["auto", "text", "image", "audio"]
    if "audio" not in words.specs:
        modalities.remove("audio")
    for room in (50, 100, 101, 180):
        for modality in modalities:
            for grid in ((3, 4), None):
                follow(grammar, planner, Request(modality, room, grid=grid), generator)


def test_plans_of_many_rows_are_those_of_each(words: Vocabulary, grammar: Grammar) -> None:
    blocks, requests = Blocks(grammar.table, CPU), requests_for(words)
    together = Planner(grammar, blocks).first(requests)
    assert together == [Planner(grammar, blocks).first([request])[0] for request in requests]
    known = Planner(grammar, blocks)
    assert known.first(requests[:2]) + known.first(requests) == together[:2] + together


def test_plans_that_are_forgotten_meanwhile_are_known_to_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "REMEMBERED", 1)
    grammar = Grammar(VOCABULARIES[0])
    requests = [Request("image", 100, grid=(height, 2)) for height in range(1, 6)]
    expected = [Planner(grammar, Blocks(grammar.table, CPU)).first([request])[0] for request in requests]
    planner = Planner(grammar, Blocks(grammar.table, CPU))
    make = planner._make

    def interrupted(drawn: list[tuple[planning.State, int | None]]) -> list[Plan]:
        """As if another thread asked for something else just then."""
        planner._make = make  # type: ignore[method-assign]
        assert planner.first(requests[3:]) == expected[3:]
        return make(drawn)

    assert planner.first(requests[:1]) == expected[:1]
    planner._make = interrupted  # type: ignore[method-assign]
    assert planner.first(requests[:3]) == expected[:3]
