"""Several candidates for an answer, of which the model gives the one that it reads best itself.

How they are compared says :mod:`unitok.contest`. Not all are written at once: of a sound three, and others where not
two of these say just what was to be read aloud, to the request's end, nor all three the same of it; and where most
words about a picture do not tell it, as in another look than the decoder's own, they are weighed against the picture
drawn again, and others are written about that. Words about a sound are written about each time that it is heard.
Pictures that were asked for by a picture and words can be weighed behind both of their orders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unitok.contest import Contest, hear_all, only_picture, weigh_all
from unitok.document import Document, Turn
from unitok.engine import Engine, Sampling
from unitok.engine.sampling import GREEDY_BELOW, MAX_SEED, SamplingParams
from unitok.grammar import Request
from unitok.hearing import Row, first_tokens, hearings, in_words
from unitok.meter import Meter
from unitok.processor import Processor
from unitok.redrawing import redraw

VARIED = 0.8
"""Temperature of further candidates where the settings always take the likeliest token: they would be equal."""

SEED_STEP = 0x9E3779B97F4A7C15
"""From the seed of a candidate to that of the next: far from those that are counted up for several answers."""

FIRST_SOUNDS = 3
"""Candidates for a sound that are written before it is known whether others are needed."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A candidate that is to be written.

    Attributes:
        place: The number of its row.
        prompt: int64 ``[S]``, what the decoder goes on from.
        request: What it may hold.
        seed: Of its random numbers; the first candidate of a row has the row's.
        sampling: How its tokens are drawn.
        late: Whether it is written only where those that are not late leave something open.
    """

    place: int
    prompt: Tensor
    request: Request
    seed: int
    sampling: Sampling
    late: bool = False


def best_answers(
    processor: Processor,
    engine: Engine,
    rows: Sequence[Row],
    requests: Sequence[Request],
    wanted: Request,
    sampling: Sampling,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Tensor]:
    """The best answer to each row, int64 ``[S]``.

    Args:
        processor: Knows the vocabulary.
        engine: Answers, and reads the answers.
        rows: The answers that are asked for.
        requests: What each may hold.
        wanted: What was asked for, of all rows. Where that is anything, the first token tells what it is.
        sampling: How the answers are drawn.
        batch_size: Answers that are written at once.
        progress: Called now and then with the tokens written so far, of all candidates, and an estimate of all that
            will be.
    """
    planned = plan(processor, engine, rows, requests, wanted, sampling, batch_size)
    contests = [
        Contest(processor, engine, row, prompts)
        for row, prompts in zip(rows, _prompts(planned, len(rows)), strict=True)
    ]
    meter = Meter(processor.vocabulary, {candidate: candidate.request for candidate in planned}, progress)

    def write(chosen: Sequence[Candidate]) -> None:
        answers = _written(processor, engine, chosen, batch_size, meter)
        for candidate, answer in zip(chosen, answers, strict=True):
            contests[candidate.place].add(answer)
        hear_all(processor, engine, contests, sampling, batch_size)

    write([candidate for candidate in planned if not candidate.late])
    settled = {place for place, contest in enumerate(contests) if contest.settled}
    late = [candidate for candidate in planned if candidate.late]
    meter.drop(candidate for candidate in late if candidate.place in settled)
    write([candidate for candidate in late if candidate.place not in settled])
    if sampling.both_orders:
        _weigh_behind_both_orders(processor, contests)
    weigh_all(engine, contests)
    undecided = {place: contest for place, contest in enumerate(contests) if contest.undecided}
    if sampling.redraw and undecided:
        write(_about_pictures_drawn_again(processor, engine, undecided, planned, batch_size))
        weigh_all(engine, list(undecided.values()))
    return [contest.best() for contest in contests]


def plan(
    processor: Processor,
    engine: Engine,
    rows: Sequence[Row],
    requests: Sequence[Request],
    wanted: Request,
    sampling: Sampling,
    batch_size: int,
) -> list[Candidate]:
    """The candidates of all rows, side by side: one of each, and more of those that can be checked.

    The arguments are those of :func:`best_answers`.
    """
    own = [sampling.behind_picture() if engine.shows_picture(row.prompt) else sampling for row in rows]
    counts = [{"text": one.text.best_of, "image": one.image.best_of, "audio": one.audio.best_of} for one in own]
    kinds: list[str] = [wanted.modality if processor.vocabulary.specs else "text"] * len(rows)
    if "auto" in kinds and max(max(of_row.values()) for of_row in counts) > 1:
        firsts = first_tokens(processor, engine, rows, wanted, sampling, batch_size)
        begins = {processor.vocabulary.boi: "image", processor.vocabulary.boa: "audio"}
        kinds = [begins.get(first, "text") for first in firsts]
    varied, alone = _varied(sampling), sampling.alone()
    checked = [
        kind != "text" or only_picture(processor, row.prompt) is not None for row, kind in zip(rows, kinds, strict=True)
    ]
    heard = [place for place, known in enumerate(checked) if not known and sampling.text.best_of > 1]
    chosen, wishes = [rows[place] for place in heard], [requests[place] for place in heard]
    again = dict(zip(heard, hearings(processor, engine, chosen, wishes, sampling), strict=True))
    candidates = []
    for place, (row, request, kind) in enumerate(zip(rows, requests, kinds, strict=True)):
        others = range(1, counts[place].get(kind, 1) if checked[place] else 1)
        later = again.get(place, [])[1 : sampling.text.best_of]
        first = sampling if others or later else alone
        candidates.append(Candidate(place, row.prompt, request, row.seed, first))
        for number, prompt in enumerate(later, 1):
            candidates.append(Candidate(place, prompt, request, _seed(row, number), sampling))
        for number in others:
            late = kind == "audio" and number >= FIRST_SOUNDS
            candidates.append(Candidate(place, row.prompt, request, _seed(row, number), varied, late))
    return candidates


def reordered(document: Document) -> Document | None:
    """The document with the picture and the words of its last turn in the other order.

    Returns:
        None where these two are not all of the turn.
    """
    *before, last = document.turns
    if len(last.parts) != 2 or not last.images or not last.text:
        return None
    return Document((*before, Turn(last.parts[::-1], last.role)))


def _weigh_behind_both_orders(processor: Processor, contests: Sequence[Contest]) -> None:
    """Has pictures weighed behind the other order of the picture and the words that asked for them as well."""
    chosen = [contest for contest in contests if contest.of_pictures]
    documents = {id(contest.row.document): contest.row.document for contest in chosen}
    forms = {key: reordered(in_words(document)) for key, document in documents.items()}
    others = {key: form for key, form in forms.items() if form is not None}
    prompts = processor.encode_batch(list(others.values()), generation_prompt=True)
    found = dict(zip(others, prompts, strict=True))
    for contest in chosen:
        if id(contest.row.document) in found:
            contest.weigh_behind(found[id(contest.row.document)])


def _prompts(planned: Sequence[Candidate], rows: int) -> list[list[Tensor]]:
    """The different prompts of each row's candidates."""
    prompts: list[dict[int, Tensor]] = [{} for _ in range(rows)]
    for candidate in planned:
        prompts[candidate.place][id(candidate.prompt)] = candidate.prompt
    return [list(different.values()) for different in prompts]


def _written(
    processor: Processor, engine: Engine, chosen: Sequence[Candidate], batch_size: int, meter: Meter
) -> list[Tensor]:
    """The candidates' token ids, int64 ``[S]`` each."""
    token_ids: list[list[int]] = [[] for _ in chosen]
    pieces = engine.pieces(
        [candidate.prompt for candidate in chosen],
        [candidate.request for candidate in chosen],
        [candidate.sampling for candidate in chosen],
        [candidate.seed for candidate in chosen],
        processor.unconditional(),
        batch_size,
    )
    for piece in pieces:
        token_ids[piece.number] += piece.token_ids
        meter.add(chosen[piece.number], piece)
    return [torch.tensor(answer) for answer in token_ids]


def _about_pictures_drawn_again(
    processor: Processor,
    engine: Engine,
    undecided: Mapping[int, Contest],
    planned: Sequence[Candidate],
    batch_size: int,
) -> list[Candidate]:
    """Has the pictures of undecided contests, by their rows' numbers, drawn again, for words to be weighed against.

    Returns:
        Further candidates of those that are words: about the picture that was drawn again.
    """
    pictures = [contest.picture for contest in undecided.values()]
    candidates = []
    drawn = redraw(processor, engine, pictures, batch_size)
    for (place, contest), picture in zip(undecided.items(), drawn, strict=True):
        if picture is None:
            continue
        prompt = contest.redraw(picture)
        if contest.by_ear:
            continue
        own = [candidate for candidate in planned if candidate.place == place]
        candidates += [
            replace(candidate, prompt=prompt, seed=_seed(contest.row, number))
            for number, candidate in enumerate(own, len(own))
        ]
    return candidates


def _seed(row: Row, number: int) -> int:
    """Of a row's candidate, counted from 0."""
    return (row.seed + number * SEED_STEP) & MAX_SEED


def _varied(sampling: Sampling) -> Sampling:
    """The settings with nothing that always takes the likeliest token."""

    def warm(params: SamplingParams) -> SamplingParams:
        greedy = params.temperature < GREEDY_BELOW or params.top_k == 1
        return replace(params, temperature=VARIED, top_k=0 if params.top_k == 1 else params.top_k) if greedy else params

    return sampling.each(warm)
