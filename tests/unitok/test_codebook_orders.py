"""The orders of codebooks, exhaustively for small sounds."""

from __future__ import annotations

import itertools

import pytest
import torch

from unitok.codebook_orders import ORDERS, CodebookOrder
from unitok_tokenizers.errors import InputError

SIZES = list(itertools.product(range(1, 6), range(9)))  # codebooks and frames


def numbered(codebooks: int, frames: int) -> torch.Tensor:
    """Codes that say where they stand: 100 * codebook + frame."""
    return 100 * torch.arange(codebooks)[:, None] + torch.arange(frames)


@pytest.fixture(params=sorted(ORDERS))
def kind(request: pytest.FixtureRequest) -> type[CodebookOrder]:
    return ORDERS[request.param]


def test_a_stream_is_a_permutation_and_comes_back(kind: type[CodebookOrder]) -> None:
    for codebooks, frames in SIZES:
        order, codes = kind(codebooks), numbered(codebooks, frames)
        stream = order.apply(codes)
        assert stream.dtype == torch.int64 and stream.shape == (codebooks * frames, 2)
        assert sorted(stream[:, 1].tolist()) == codes.flatten().tolist()
        assert (stream[:, 1] // 100 == stream[:, 0]).all()
        assert torch.equal(order.revert(stream), codes)


def test_a_codebooks_codes_come_frame_by_frame_and_the_last_one_completes_its_frame(kind: type[CodebookOrder]) -> None:
    for codebooks, frames in SIZES:
        codes = kind(codebooks).apply(numbered(codebooks, frames))[:, 1]
        for k in range(codebooks):
            assert codes[codes // 100 == k].tolist() == [100 * k + frame for frame in range(frames)]
        places = {int(code): place for place, code in enumerate(codes)}
        for k, frame in itertools.product(range(codebooks), range(frames)):
            assert places[100 * k + frame] <= places[100 * (codebooks - 1) + frame]


def test_flattened_goes_frame_by_frame() -> None:
    assert ORDERS["flattened"](3).apply(numbered(3, 2))[:, 1].tolist() == [0, 100, 200, 1, 101, 201]


def test_delayed_goes_diagonal_by_diagonal() -> None:
    assert ORDERS["delayed"](3).apply(numbered(3, 1))[:, 1].tolist() == [0, 100, 200]
    assert ORDERS["delayed"](3).apply(numbered(3, 2))[:, 1].tolist() == [0, 1, 100, 101, 200, 201]
    four = [0, 1, 100, 2, 101, 200, 3, 102, 201, 103, 202, 203]
    assert ORDERS["delayed"](3).apply(numbered(3, 4))[:, 1].tolist() == four
    for codebooks, frames in SIZES:
        codes = ORDERS["delayed"](codebooks).apply(numbered(codebooks, frames))[:, 1]
        steps = (codes // 100 + codes % 100).tolist()
        assert steps == sorted(steps)
    for frames in range(9):
        assert torch.equal(ORDERS["delayed"](1).places(frames), ORDERS["flattened"](1).places(frames))


def test_the_rules_of_steps_lead_through_the_same_stream(kind: type[CodebookOrder]) -> None:
    """From `last` and `following` alone, as the grammar goes, opening frames as long as some are wanted."""
    for codebooks, frames in SIZES:
        if not frames:
            continue
        order, walked = kind(codebooks), []
        first, opened = torch.tensor([0]), torch.tensor([1])
        while int(first) < codebooks:
            walked += range(int(first), int(order.last(first, opened)) + 1)
            if int(first) == 0 and int(opened) < frames:
                opened = opened + 1
            else:
                first = order.following(first)
        assert walked == order.places(frames)[:, 0].tolist()


def test_any_other_sequence_of_codebooks_is_refused(kind: type[CodebookOrder]) -> None:
    for codebooks, frames in [(2, 1), (2, 3), (3, 2), (4, 1)]:
        order, total = kind(codebooks), codebooks * frames
        right = order.places(frames)[:, 0].tolist()
        for sequence in itertools.product(range(codebooks), repeat=total):
            stream = torch.tensor([sequence, range(total)]).T
            if list(sequence) == right:
                order.revert(stream)
                continue
            with pytest.raises(InputError, match="is of codebook"):
                order.revert(stream)
        with pytest.raises(InputError, match="not whole"):
            order.revert(order.apply(numbered(codebooks, frames))[:-1])
