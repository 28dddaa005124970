"""The engine's promises, on random weights.

Shape letters: N requests, S sequence, V vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from PIL import Image as PILImage
from torch import Tensor
from transformers import PreTrainedModel

from unitok.codebook_orders import ORDERS
from unitok.document import Document
from unitok.engine import Engine, Sampling, SamplingParams
from unitok.engine.batching import Batch
from unitok.engine.blocks import Block
from unitok.engine.fast_decoder import FastDecoder
from unitok.engine.forward import Pass
from unitok.engine.module_decoder import ModuleDecoder
from unitok.grammar import Grammar, Request
from unitok.image_syntax import image_syntax
from unitok.processor import Processor
from unitok.syntax import SizedImages
from unitok.vocabulary import AUDIO, CONTROL, IMAGE, Vocabulary
from unitok_tokenizers.errors import InputError

PROMPTS = ("draw two green stars", "hi", "how many stars are there? there are two. draw a circle")


@pytest.fixture()
def engine(tiny_processor: Processor, tiny_decoder: PreTrainedModel, tiny_grammar: Grammar) -> Engine:
    return Engine(tiny_decoder, tiny_processor.vocabulary, tiny_grammar)


@pytest.fixture(params=[FastDecoder, ModuleDecoder])
def any_engine(request: pytest.FixtureRequest, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """With the fast forward pass, and with the decoder's own."""
    if request.param is ModuleDecoder:
        monkeypatch.setattr("unitok.engine.engine.reason_against", lambda decoder: "a test")
    assert isinstance(engine.forward(), request.param)
    return engine


@pytest.fixture()
def prompts(tiny_processor: Processor) -> list[Tensor]:
    return tiny_processor.encode_batch([Document.user(text) for text in PROMPTS], generation_prompt=True)


@dataclass
class Calls:
    """What the decoder was asked: rows and columns of each call."""

    shapes: list[tuple[int, int]]


@pytest.fixture()
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls, run = Calls([]), FastDecoder.run

    def counting(self: FastDecoder, passes: Sequence[Pass]) -> list[Tensor]:
        count, length = passes[0].token_ids.shape
        calls.shapes.append((count, length))
        return run(self, passes)

    monkeypatch.setattr(FastDecoder, "run", counting)
    return calls


def test_layers_without_keys_and_values_are_refused(
    tiny_decoder: PreTrainedModel,
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tiny_decoder.config, "layer_types", ["full_attention", "linear_attention"])
    with pytest.raises(ValueError, match="linear_attention"):
        Engine(tiny_decoder, tiny_processor.vocabulary, tiny_grammar)


def uncached(decoder: PreTrainedModel, ids: Tensor, size: int) -> Tensor:
    """The decoder's logits ``[S, V]`` of one sequence, in one pass without a cache."""
    with torch.no_grad():
        return decoder(input_ids=ids[None], use_cache=False).logits[0, :, :size]


def assert_same(logits: Tensor, expected: Tensor) -> None:
    """Equal up to what fp32 rounds, 1e-5 of the largest."""
    torch.testing.assert_close(logits, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


# ---- rows and batches


MIXED = [
    Request("image", 60, grid=(2, 3)),
    Request("text", 7),
    Request("auto", 90),
    Request("text", 40),
    Request("image", 30, max_grid_tokens=9),
    Request("auto", 60, max_images=0),
    Request("auto", 2),
]


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_a_row_in_a_batch_equals_the_row_alone(
    any_engine: Engine, prompts: list[Tensor], tiny_processor: Processor, guidance_scale: float
) -> None:
    sampling = Sampling(text=SamplingParams(0.9), image=SamplingParams(1.2, top_k=9), guidance_scale=guidance_scale)
    chosen = [prompts[i % 3] for i in range(len(MIXED))]
    seeds = [11 * i for i in range(len(MIXED))]
    unconditional = tiny_processor.unconditional()
    together = any_engine.generate(chosen, MIXED, sampling, seeds, unconditional)
    for i, request in enumerate(MIXED):
        alone = any_engine.generate([chosen[i]], [request], sampling, [seeds[i]], unconditional)[0]
        assert together[i].tolist() == alone.tolist()


def test_rows_that_end_leave_the_batch(engine: Engine, prompts: list[Tensor], calls: Calls) -> None:
    requests = [Request("text", n) for n in (2, 3, 20, 40)]
    sampling = Sampling(text=SamplingParams(5.0))
    answers = engine.generate([prompts[0]] * 4, requests, sampling, [0, 1, 2, 3])
    lengths = sorted(len(answer) for answer in answers)
    assert lengths[0] == 2
    # One prefill of the one prompt; then each step runs the rows that have not ended. The end is forced where the room
    # ends: it is not drawn, nor is anything drawn behind it.
    passes = [length - 1 - (length == request.max_tokens) for length, request in zip(lengths, requests, strict=True)]
    running = [sum(count > step for count in passes) for step in range(max(passes))]
    assert calls.shapes == [(1, len(prompts[0])), *((rows, 1) for rows in running)]


def test_a_long_list_goes_through_a_small_batch(engine: Engine, prompts: list[Tensor], calls: Calls) -> None:
    requests = [Request("text", 4 + 5 * (i % 3)) for i in range(7)]
    sampling = Sampling(text=SamplingParams(5.0))
    chosen = [prompts[i % 3] for i in range(7)]
    alone = [engine.generate([chosen[i]], [requests[i]], sampling, [i])[0].tolist() for i in range(7)]
    calls.shapes.clear()
    answers: list[list[int]] = [[] for _ in requests]
    for piece in engine.pieces(chosen, requests, sampling, list(range(7)), batch_size=2):
        answers[piece.number] += piece.token_ids
    assert answers == alone
    assert max(rows for rows, _ in calls.shapes) == 2


def test_samples_of_one_prompt_differ_and_a_seed_repeats(engine: Engine, prompts: list[Tensor], calls: Calls) -> None:
    answers = engine.generate([prompts[0]] * 5, [Request("image", 30, grid=(4, 4))] * 5, Sampling(), [0, 1, 2, 3, 0])
    assert calls.shapes[0] == (1, len(prompts[0]) + 3)
    found = [tuple(answer.tolist()) for answer in answers]
    assert len(set(found)) == 4 and found[0] == found[4]


@pytest.mark.parametrize(
    ("scale", "request_", "rows"),
    [
        (1.0, Request("image", 30), 1),
        (3.0, Request("image", 30), 2),
        (3.0, Request("auto", 30), 2),
        (3.0, Request("text", 30), 1),
        (3.0, Request("auto", 30, max_images=0), 1),
    ],
)
def test_only_what_is_guided_has_a_second_row(
    engine: Engine,
    prompts: list[Tensor],
    tiny_processor: Processor,
    calls: Calls,
    scale: float,
    request_: Request,
    rows: int,
) -> None:
    sampling = Sampling(guidance_scale=scale)
    engine.generate(prompts[:1], [request_], sampling, [0], tiny_processor.unconditional())
    assert {shape[0] for shape in calls.shapes} == {rows}


@pytest.mark.parametrize("edit", [None, SamplingParams(0.5)])
@pytest.mark.parametrize(("scale", "edit_scale"), [(3.0, 1.0), (1.0, 3.0), (3.0, None)])
def test_edits_have_settings_of_their_own(
    engine: Engine,
    prompts: list[Tensor],
    tiny_processor: Processor,
    calls: Calls,
    scale: float,
    edit_scale: float | None,
    edit: SamplingParams | None,
) -> None:
    """As if they were those of all pictures, where the prompt shows one; in room for the context as well."""
    picture = Document.user(PILImage.new("RGB", (16, 16), "red"), "make it blue")
    edited = tiny_processor.encode(picture, generation_prompt=True)
    request, unconditional, hot = Request("image", 30), tiny_processor.unconditional(), SamplingParams(5.0)
    sampling = Sampling(hot, hot, guidance_scale=scale, edit=edit, edit_guidance_scale=edit_scale)
    behind = scale if edit_scale is None else edit_scale
    for prompt, own, image in ((prompts[0], scale, hot), (edited, behind, edit or hot)):
        calls.shapes.clear()
        (answer,) = engine.generate([prompt], [request], sampling, [5], unconditional)
        assert {rows for rows, _ in calls.shapes} == {1 if own == 1 else 2}
        alone = Sampling(hot, image, guidance_scale=own)
        assert torch.equal(answer, engine.generate([prompt], [request], alone, [5], unconditional)[0])
        long = torch.full((245,), tiny_processor.vocabulary.uncond)
        if own == 1:
            engine.fit(request, prompt, sampling, long)
        else:
            with pytest.raises(InputError, match="prompt has 245 tokens"):
                engine.fit(Request("image", 30, grid=(4, 4)), prompt, sampling, long)


def test_what_is_forced_takes_no_pass_of_its_own(
    engine: Engine, prompts: list[Tensor], tiny_processor: Processor, calls: Calls
) -> None:
    vocabulary = tiny_processor.vocabulary
    (answer,) = engine.generate(prompts[:1], [Request("image", 30, grid=(3, 4))], Sampling(), [0])
    head = len(image_syntax(vocabulary).head(3, 4))
    # The head goes through with the prompt, the end not at all.
    assert len(answer) == head + 12 + 2
    assert calls.shapes == [(1, len(prompts[0]) + head), *[(1, 1)] * 11]


def test_row_numbers_go_through_with_the_next_code(
    tiny_processor: Processor, make_decoder: Callable[..., PreTrainedModel], calls: Calls
) -> None:
    text, image = tiny_processor.vocabulary.text_size, tiny_processor.vocabulary.spec("image")
    vocabulary = Vocabulary(text, [image], max_grid=8, images=SizedImages(numbered_rows=True))
    engine = Engine(make_decoder(vocabulary.size), vocabulary, Grammar(vocabulary))
    requests = [Request("image", 40, grid=(3, 2)), Request("image", 40, grid=(2, 4))]
    answers = engine.generate([torch.tensor([0, 1])] * 2, requests, Sampling(), [0, 1])
    assert [len(answer) for answer in answers] == [3 + 3 * 3 + 2, 3 + 2 * 5 + 2]
    # Six and eight codes: the rows' numbers stand behind the second and fourth, and behind the fourth code.
    assert calls.shapes == [(2, 6), (2, 1), (2, 2), (2, 1), (2, 2), (2, 1), (1, 1), (1, 1)]


def test_pieces_join_to_the_whole(engine: Engine, prompts: list[Tensor], tiny_processor: Processor) -> None:
    requests, seeds, sampling = [Request("auto", 50)] * 3, [4, 5, 6], Sampling(guidance_scale=2.0)
    unconditional = tiny_processor.unconditional()
    whole = [row.tolist() for row in engine.generate(prompts, requests, sampling, seeds, unconditional)]
    for size in (1, 2, 3):
        joined: list[list[int]] = [[], [], []]
        ended = []
        for piece in engine.pieces(prompts, requests, sampling, seeds, unconditional, size):
            assert piece.token_ids and piece.number not in ended
            joined[piece.number] += piece.token_ids
            ended += [piece.number] * piece.done
        assert joined == whole and sorted(ended) == [0, 1, 2]


# ---- guidance


def record_logits(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
    """Fills a dict with the logits that each (seed, place in the answer) is drawn from, and their ids."""
    recorded: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
    compute = Batch._logits

    def recording(self: Batch, block: Block, scale: float, group: Sequence[Any]) -> Tensor:
        logits = compute(self, block, scale, list(group))
        for place, one in enumerate(group):
            recorded[one.live.query.seed, one.number] = logits[place].clone(), block.ids
        return logits

    monkeypatch.setattr(Batch, "_logits", recording)
    return recorded


def _words_in_front(vocabulary: Vocabulary, answer: Tensor) -> int:
    """How many tokens stand in front of the first image or sound."""
    starts = torch.isin(answer, torch.tensor([vocabulary.boi, vocabulary.boa]))
    return int(starts.int().argmax()) if bool(starts.any()) else len(answer)


def _unconditional(decoder: PreTrainedModel, vocabulary: Vocabulary, prompt: Tensor, answer: Tensor) -> Tensor:
    """Logits of each step of the row that sees neither the prompt nor words in front of codes; NaN at those words."""
    first = _words_in_front(vocabulary, answer)
    logits = uncached(decoder, torch.cat([prompt, answer[first:]]), vocabulary.size)[len(prompt) - 1 :]
    return torch.cat([logits.new_full((first, logits.shape[1]), torch.nan), logits])


def test_guidance_in_one_batch_equals_two_passes(
    any_engine: Engine,
    prompts: list[Tensor],
    tiny_processor: Processor,
    tiny_decoder: PreTrainedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vocabulary, unconditional, scale = tiny_processor.vocabulary, tiny_processor.unconditional(), 2.5
    requests = [Request("auto", 40), Request("image", 40), Request("text", 20)] * 8
    chosen, seeds = [prompts[i % 3] for i in range(24)], list(range(100, 124))
    recorded = record_logits(monkeypatch)
    sampling = Sampling(text=SamplingParams(3.0), guidance_scale=scale)
    answers = any_engine.generate(chosen, requests, sampling, seeds, unconditional)
    images_after_text, drawn = 0, 0
    for row, answer in enumerate(answers):
        cond = uncached(tiny_decoder, torch.cat([chosen[row], answer]), vocabulary.size)[len(chosen[row]) - 1 :]
        kinds = vocabulary.modality_of(answer)
        words = _words_in_front(vocabulary, answer)
        uncond = _unconditional(tiny_decoder, vocabulary, unconditional, answer)
        images_after_text += words > 0 and bool((kinds == IMAGE).any())
        for step in range(len(answer)):
            if (seeds[row], step) not in recorded:
                assert kinds[step] == CONTROL  # forced
                continue
            logits, ids = recorded[seeds[row], step]
            expected = cond[step]
            if kinds[step] == IMAGE:
                expected = uncond[step] + scale * (cond[step] - uncond[step])
            assert_same(logits, expected[ids])
            assert answer[step] in ids
            drawn += 1
    assert images_after_text and drawn > 300  # or the test has not seen text kept from the unconditional row


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_guidance_of_images_and_sounds_in_one_batch_equals_two_passes(
    make_sound_processor: Callable[..., Processor],
    sound_decoder: PreTrainedModel,
    prompts: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    order: str,
) -> None:
    """Each with its own scale; where a sound may end, its end is guided as its codes are."""
    processor = make_sound_processor(order)
    vocabulary, unconditional = processor.vocabulary, processor.unconditional()
    engine = Engine(sound_decoder, vocabulary, Grammar(vocabulary))
    requests = [Request("auto", 40, max_frames=4), Request("audio", 30), Request("image", 30)] * 4
    chosen, seeds = [prompts[i % 3] for i in range(12)], list(range(100, 112))
    recorded = record_logits(monkeypatch)
    hot = SamplingParams(20.0)
    sampling = Sampling(hot, hot, hot, guidance_scale=0.5, audio_guidance_scale=2.5)
    answers = engine.generate(chosen, requests, sampling, seeds, unconditional)
    seen: dict[str, int] = dict.fromkeys(("image", "audio", "end", "other"), 0)
    for row, answer in enumerate(answers):
        cond = uncached(sound_decoder, torch.cat([chosen[row], answer]), vocabulary.size)[len(chosen[row]) - 1 :]
        uncond = _unconditional(sound_decoder, vocabulary, unconditional, answer)
        kinds = vocabulary.modality_of(answer)
        for step, token_id in enumerate(answer.tolist()):
            named = {IMAGE: "image", AUDIO: "audio"}.get(int(kinds[step]), "other")
            kind = "end" if token_id == vocabulary.eoa else named
            scale = {"image": 0.5, "other": 1.0}.get(kind, 2.5)
            if (seeds[row], step) in recorded:
                logits, ids = recorded[seeds[row], step]
                guided = cond[step] if scale == 1.0 else uncond[step] + scale * (cond[step] - uncond[step])
                assert_same(logits, guided[ids])
                seen[kind] += 1
    ends = seen.pop("end")  # where codes are delayed, it is forced behind those that are open
    assert min(seen.values()) >= 4 and (ends >= 2 or order == "delayed"), seen


@pytest.mark.parametrize(
    ("sampling", "request_", "rows"),
    [
        (Sampling(audio_guidance_scale=3.0), Request("audio", 30), 2),
        (Sampling(guidance_scale=3.0), Request("audio", 30), 1),
        (Sampling(audio_guidance_scale=3.0), Request("image", 30), 1),
        (Sampling(audio_guidance_scale=3.0), Request("text", 30), 1),
        (Sampling(audio_guidance_scale=3.0), Request("auto", 30), 2),
        (Sampling(audio_guidance_scale=3.0), Request("auto", 30, max_audio=0), 1),
        (Sampling(guidance_scale=3.0), Request("auto", 30, max_audio=0), 2),
    ],
)
def test_only_sounds_that_are_guided_have_a_second_row(
    make_sound_processor: Callable[..., Processor],
    sound_decoder: PreTrainedModel,
    prompts: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    sampling: Sampling,
    request_: Request,
    rows: int,
) -> None:
    processor, seen, forward = make_sound_processor(), set(), sound_decoder.forward

    def counting(**inputs):
        seen.add(len(inputs["input_ids"]))
        return forward(**inputs)

    monkeypatch.setattr(sound_decoder, "forward", counting)
    engine = Engine(sound_decoder, processor.vocabulary, Grammar(processor.vocabulary))
    engine.forward()
    seen.clear()  # of what was tried before anything is generated
    engine.generate(prompts[:1], [request_], sampling, [0], processor.unconditional())
    assert seen == {rows}


def test_guidance_needs_the_unconditional_prompt(engine: Engine, prompts: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="unconditional"):
        engine.generate(prompts[:1], [Request("image", 30)], Sampling(guidance_scale=2.0), [0])


# ---- what is returned


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_every_sequence_parses_and_decodes(
    make_sound_processor: Callable[..., Processor], sound_decoder: PreTrainedModel, prompts: list[Tensor], order: str
) -> None:
    processor = make_sound_processor(order)
    engine = Engine(sound_decoder, processor.vocabulary, Grammar(processor.vocabulary))
    count, images, frames = 0, 0, []
    rng = random.Random(order)
    unconditional = processor.unconditional()
    temperatures = (0.0, 0.2, 0.7, 1.0, 1.5, 2.0, 4.0, 7.0, 10.0)
    for index, temperature in enumerate(temperatures):
        requests = []
        while len(requests) < 230:
            modality: Any = rng.choice(["auto", "auto", "text", "image", "audio"])
            grid = rng.choice([None, None, (rng.randint(1, 4), rng.randint(1, 4))])
            least = 5 + (2 if modality == "audio" else grid[0] * grid[1] if grid else 1)
            budget = rng.choice([rng.randint(2, 9), rng.randint(2, 60)])
            most = rng.choice([None, None, 1, 10])
            if modality in ("image", "audio") and (budget < least or (most or 64) < least - 5):
                continue
            bounds = {"max_audio": rng.choice([None, 0, 1]), "max_frames": rng.choice([None, 1, 4])}
            requests.append(Request(modality, budget, rng.choice([None, 0, 1]), grid, most, **bounds))
        params = SamplingParams(temperature, top_k=(0, 0, 20)[index % 3], top_p=(1.0, 0.9)[index % 2])
        scales: Any = {"guidance_scale": (1.0, 4.0)[index % 2], "audio_guidance_scale": (1.0, 1.0, 3.0)[index % 3]}
        sampling = Sampling(params, params, params, **scales)
        chosen, seeds = [rng.choice(prompts) for _ in requests], list(range(count, count + len(requests)))
        answers = engine.generate(chosen, requests, sampling, seeds, unconditional)
        turns = [processor.parse_turn(answer) for answer in answers]
        decoded = processor.with_media([Document((turn,)) for turn in turns])
        for answer, request, document in zip(answers, requests, decoded, strict=True):
            (turn,) = document.turns
            assert turn.parts and len(answer) <= request.max_tokens
            if request.modality == "text":
                assert not turn.images and not turn.sounds
            if request.modality in ("image", "audio"):
                assert len(turn.parts) == 1 and len(turn.images) == (request.modality == "image")
            for most, media in ((request.max_images, turn.images), (request.max_audio, turn.sounds)):
                assert most is None or request.modality != "auto" or len(media) <= most
            for image in turn.images:
                assert image.image is not None and image.codes is not None
                assert request.grid is None or tuple(image.codes.shape[1:]) == request.grid
            for sound in turn.sounds:
                assert sound.samples is not None and sound.codes is not None
                assert sound.samples.shape[1] == 800 * sound.codes.shape[1]
                assert request.max_frames is None or sound.codes.shape[1] <= request.max_frames
                frames.append(sound.codes.shape[1])
            images += len(turn.images)
        count += len(answers)
    assert count >= 2000 and images >= 250 and len(frames) >= 200 and max(frames) >= 8


def test_answers_can_be_trained_on(engine: Engine, prompts: list[Tensor], tiny_decoder: PreTrainedModel) -> None:
    (answer,) = engine.generate(prompts[:1], [Request("text", 9)], Sampling(), [0])
    tiny_decoder(input_ids=answer[None], labels=answer[None]).loss.backward()
    tiny_decoder.zero_grad()


def test_nothing_to_do(engine: Engine) -> None:
    assert engine.generate([], [], Sampling(), []) == []


# ---- limits and errors


def test_the_context_limits_the_answer(engine: Engine, tiny_processor: Processor) -> None:
    prompt = torch.full((246,), int(tiny_processor.vocabulary.text_ids[0]))
    (answer,) = engine.generate([prompt], [Request("text", 1000)], Sampling(text=SamplingParams(10.0)), [1])
    assert len(answer) <= 10
    with pytest.raises(InputError, match=r"prompt has 246 tokens.*256.*10.*shorten"):
        engine.generate([prompt], [Request("image", 1000, grid=(4, 4))], Sampling(), [0])
    with pytest.raises(InputError, match=r"prompt has 300 tokens.*256.*leaves 0.*shorten"):
        engine.generate([torch.cat([prompt, prompt[:54]])], [Request("text", 5)], Sampling(), [0])


def test_the_unconditional_row_needs_room_too(engine: Engine, tiny_processor: Processor) -> None:
    prompt = torch.tensor([tiny_processor.vocabulary.bos, tiny_processor.vocabulary.assistant])
    unconditional = torch.full((250,), tiny_processor.vocabulary.uncond)
    (answer,) = engine.generate([prompt], [Request("auto", 300)], Sampling(guidance_scale=2.0), [0], unconditional)
    assert len(answer) <= 6


def test_an_image_that_max_tokens_cannot_hold_is_refused(engine: Engine, prompts: list[Tensor]) -> None:
    with pytest.raises(InputError, match="max_tokens is 10"):
        engine.generate(prompts[:1], [Request("image", 10, grid=(4, 4))], Sampling(), [0])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_weights_are_one_clear_error(
    tiny_processor: Processor,
    tiny_grammar: Grammar,
    make_decoder: Callable[..., PreTrainedModel],
    prompts: list[Tensor],
    value: float,
) -> None:
    decoder = make_decoder(tiny_processor.vocabulary.size)
    with torch.no_grad():
        decoder.get_parameter("model.layers.1.mlp.down_proj.weight").fill_(value)
    engine = Engine(decoder, tiny_processor.vocabulary, tiny_grammar)
    with pytest.raises(InputError, match="not finite"):
        engine.generate(prompts, [Request("auto", 9)] * 3, Sampling(), [0, 1, 2])


def test_a_decoder_with_too_few_logits_is_refused(
    tiny_processor: Processor, tiny_grammar: Grammar, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    with pytest.raises(InputError, match="do not belong together"):
        Engine(make_decoder(tiny_processor.vocabulary.size - 1), tiny_processor.vocabulary, tiny_grammar)
