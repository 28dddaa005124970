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
from unitok_tokenizers.errors import InputError

QUESTION = "What color is the background?"
ORDER = "make the background {}"
TEMPERATURE = 0.5


def redraw(processor: Processor, engine: Engine, pictures: Sequence[Image], batch_size: int) -> list[Tensor | None]:
    """Pictures drawn again, each on a code grid of its own size.

    Args:
        processor: Knows the vocabulary.
        engine: Answers.
        pictures: What is drawn again.
        batch_size: Answers that are written at once.

    Returns:
        Token ids int64 ``[S]`` of each, ``<boi>`` and ``<eoi>`` included; None where the context has no room for it.
    """
    codes = processor.encode_images([one.image for one in pictures if one.codes is None and one.image is not None])
    found = iter(codes)
    images = [Image(codes=next(found) if one.codes is None else one.codes) for one in pictures]
    asked = [(image, processor.encode(Document.user(image, QUESTION), generation_prompt=True)) for image in images]
    colors = _answers(engine, [(prompt, Request("text", len(prompt))) for _, prompt in asked], batch_size)
    orders = []
    for image, color in zip(images, colors, strict=True):
        words = "" if color is None else processor.parse_turn(color).text.strip(" .").lower()
        prompt = processor.encode(Document.user(image, ORDER.format(words)), generation_prompt=True)
        assert image.codes is not None
        height, width = image.codes.shape[1:]
        length = len(processor.image_span(image.codes)) + 1  # and the turn's end
        orders.append((prompt, Request("image", length, grid=(height, width))))
    drawn = _answers(engine, orders, batch_size)
    spans = []
    for answer in drawn:
        one = None if answer is None else processor.parse_turn(answer).images[0].codes
        spans.append(None if one is None else processor.image_span(one))
    return spans


def _answers(engine: Engine, asked: Sequence[tuple[Tensor, Request]], batch_size: int) -> list[Tensor | None]:
    """The answer to each prompt that leaves room for one; words are the likeliest."""
    sampling = Sampling(text=SamplingParams(0.0), image=SamplingParams(TEMPERATURE))
    answers: list[Tensor | None] = [None] * len(asked)
    fitting = [place for place, (prompt, request) in enumerate(asked) if _has_room(engine, prompt, request, sampling)]
    prompts, requests = [asked[place][0] for place in fitting], [asked[place][1] for place in fitting]
    written = engine.generate(prompts, requests, sampling, [0] * len(fitting), batch_size=batch_size)
    for place, answer in zip(fitting, written, strict=True):
        answers[place] = answer
    return answers


def _has_room(engine: Engine, prompt: Tensor, request: Request, sampling: Sampling) -> bool:
    try:
        engine.fit(request, prompt, sampling)
    except InputError:
        return False
    return True
