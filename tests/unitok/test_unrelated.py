"""Conversations of tasks that have nothing to do with each other."""

from __future__ import annotations

from collections import Counter
from itertools import count, islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unitok.data.world.mixture import world_documents
from unitok.data.world.sounds.signals import as_audio, silence
from unitok.data.world.unrelated import MOST, POOL, joined, size, with_unrelated_turns
from unitok.document import Document, Image, Part, Text, Turn


def talk(name: str, answers: int = 1, pictures: int = 0, seconds: float = 0.0) -> Document:
    """Turns whose words tell them apart; pictures and a sound are in the first answer."""
    media: list[Part] = [Image(codes=torch.zeros(1, 1, 1, dtype=torch.int64)) for _ in range(pictures)]
    media += [as_audio(silence(seconds))] if seconds else []
    turns = []
    for number in range(answers):
        parts = (Text(f"{name} answer {number}"), *(media if number == 0 else []))
        turns += [Turn((Text(f"{name} question {number}"),), "user"), Turn(parts, "assistant")]
    return Document(tuple(turns))


def words(document: Document) -> list[str]:
    return [turn.text for turn in document.turns]


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_joined_turns_are_those_of_both(hosts: int, guests: int, pictures: int, more: int, seed: int) -> None:
    host, guest = talk("host", hosts, pictures), talk("guest", guests, more)
    both = joined(np.random.default_rng(seed), host, guest)
    assert [text for text in words(both) if text.startswith("host")] == words(host)
    place = words(both).index("guest question 0")
    assert words(both)[place : place + 2 * guests] == words(guest)
    assert [turn.role for turn in both.turns] == ["user", "assistant"] * (hosts + guests)
    assert (place in (0, 2 * hosts)) == (more > 0 or hosts == 1)


def test_a_guest_without_pictures_interrupts() -> None:
    rng = np.random.default_rng(0)
    places = {words(joined(rng, talk("host", 3, 1), talk("guest"))).index("guest question 0") for _ in range(60)}
    assert places == {2, 4}


def test_without_others_documents_come_once_each() -> None:
    stream = with_unrelated_turns(np.random.default_rng(1), (talk(str(n)) for n in range(300)), 0.0)
    names = [words(one)[0] for one in stream]
    assert len(names) == 301 - POOL == len(set(names))


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_share_of_the_documents_is_joined(share: float) -> None:
    endless = (talk(str(n), answers=1 + n % 2, pictures=n % 3, seconds=0.5 * (n % 4)) for n in count())
    found = list(islice(with_unrelated_turns(np.random.default_rng(2), endless, share), 1_000))
    tasks = [{text.split()[0] for text in words(one)} for one in found]
    sizes = Counter(map(len, tasks))
    assert abs((sizes[2] + sizes[3]) / 1_000 - share) < 0.05 and sizes[3] > 0.15 * sizes[2]
    assert sum(sizes.values()) == sizes[1] + sizes[2] + sizes[3] and len(set.union(*tasks)) == sum(map(len, tasks))
    assert max(map(size, found)) <= MOST


def test_what_finds_no_room_stays_alone() -> None:
    large = (talk(str(n), pictures=3) for n in count())
    found = islice(with_unrelated_turns(np.random.default_rng(3), large, 1.0), 50)
    assert all(len(one.turns) == 2 for one in found)


def test_the_world_has_conversations_of_other_tasks() -> None:
    shares = {"request": 0.5, "caption": 0.5}
    found = list(islice(world_documents([7], "train", 8, tasks=shares, unrelated=1.0), 100))
    assert all(len(one.turns) >= 4 for one in found)
    again = list(islice(world_documents([7], "train", 8, tasks=shares, unrelated=1.0), 100))
    assert list(map(words, found)) == list(map(words, again))
