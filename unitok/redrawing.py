"""A picture is drawn again in the look that a decoder draws in, so that words can be weighed against it.

To a decoder that draws in one look, what another hand drew is odd behind any words: how likely they make it tells
little of them. Drawn again, objects and places are the same, and the look is the decoder's own. The order changes
nothing though it asks for something: a decoder that edits pictures need not have learned to copy them.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from unitok.document import Document
from unitok.engine import Engine, Sampling, SamplingParams
from unitok.grammar import Request
from unitok.parts import Image
from unitok.processor import Processor

QUESTION = "What color is the background?"
ORDER = "make the background {}"
TEMPERATURE = 0.5


def redraw(processor: Processor, engine: Engine, pictures: Sequence[Tensor], batch_size: int) -> list[Tensor | None]:
    """Pictures drawn again, each on a code grid of its own size.

    Args:
        processor: Knows the vocabulary.
        engine: Answers.
        pictures: Codes int64 ``[K, h, w]`` of each; equal ones are drawn once.
        batch_size: Answers that are written at once.

    Returns:
        Token ids int64 ``[S]`` of each, ``<boi>`` and ``<eoi>`` included; None where the context has no room for it.
    """
    keys = [tuple(processor.image_span(codes).tolist()) for codes in pictures]
    different = dict(zip(keys, pictures, strict=True))
    images = [Image(codes=codes) for codes in different.values()]
    asked = [processor.encode(Document.user(image, QUESTION), generation_prompt=True) for image in images]
    colors = _answers(engine, [(prompt, Request("text", len(prompt))) for prompt in asked], batch_size)
    orders = []
    for key, codes, image, color in zip(different, different.values(), images, colors, strict=True):
        words = "" if color is None else processor.parse_turn(color).text.strip(" .").lower()
        prompt = processor.encode(Document.user(image, ORDER.format(words)), generation_prompt=True)
        height, width = codes.shape[1:]
        orders.append((prompt, Request("image", len(key) + 1, grid=(height, width))))  # and the turn's end
    drawn: dict[tuple[int, ...], Tensor | None] = {}
    for key, answer in zip(different, _answers(engine, orders, batch_size), strict=True):
        codes = None if answer is None else processor.parse_turn(answer).images[0].codes
        drawn[key] = None if codes is None else processor.image_span(codes)
    return [drawn[key] for key in keys]


def _answers(engine: Engine, asked: Sequence[tuple[Tensor, Request]], batch_size: int) -> list[Tensor | None]:
    """The answer to each prompt that leaves room for one; words are the likeliest."""
    sampling = Sampling(text=SamplingParams(0.0), image=SamplingParams(TEMPERATURE))
    answers: list[Tensor | None] = [None] * len(asked)
    fitting = [place for place, (prompt, request) in enumerate(asked) if engine.has_room(request, prompt, sampling)]
    prompts, requests = [asked[place][0] for place in fitting], [asked[place][1] for place in fitting]
    written = engine.generate(prompts, requests, sampling, [0] * len(fitting), batch_size=batch_size)
    for place, answer in zip(fitting, written, strict=True):
        answers[place] = answer
    return answers
