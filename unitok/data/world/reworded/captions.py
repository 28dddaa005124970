"""Demands for a caption, a list or places, in other words."""

from __future__ import annotations

import numpy as np

from unitok.data.world.reworded.habits import written
from unitok.data.world.templates import expand

_PICTURE = "(the picture|the image|this picture|this image|this|the photo|the drawing|this scene|the scene|my picture)"
_LOOK = "(what (do|can) you see|what can one see|what can be seen|what is there to see|what is there|what's going on)"
_THINGS = "(shapes|objects|things|elements|figures|items)"
_PLEASE = "(please |||could you |can you |would you |can you please |i want you to |i'd like you to )"

DEMANDS: dict[str, tuple[str, ...]] = {
    "describe": (
        f"{_LOOK} (in|on) {_PICTURE}",
        f"{_LOOK}( here|)",
        f"{_PLEASE}(describe|explain|summarize|characterize|put into words|caption|sum up) {_PICTURE}",
        f"{_PLEASE}(tell me|let me know) what (is in|is shown in|you see in) {_PICTURE}",
        f"{_PLEASE}(give|write|make|provide|suggest) (me |)(a|one|a short|a brief) (caption|description|summary)"
        f" (of|for) {_PICTURE}",
        f"(a caption|a description|a short description|caption|description)( of| for) {_PICTURE}(, please|)",
        f"what does {_PICTURE} (show|contain|depict|display|consist of|look like)",
        f"what is (shown|depicted|displayed|drawn|visible|going on|to be seen) (in|on) {_PICTURE}",
        f"(which|what) {_THINGS} (are|do you see|can you see|are shown|are drawn) (in|on) {_PICTURE}",
        f"what {_THINGS} does {_PICTURE} (contain|show|have|hold)",
        f"how would you (describe|caption|put into words) {_PICTURE}",
        f"(i can't see {_PICTURE}. what is in it|imagine i can't see. what is in {_PICTURE})",
        f"(in words, |in one sentence, |briefly, )(what is in {_PICTURE}|describe {_PICTURE})",
        f"say what (is in {_PICTURE}|you see)",
        "what am i looking at( here|)",
        f"do you know what (is in|is shown in) {_PICTURE}",
        "(look|here is a picture|see this)(.|:) what (is in it|do you see|does it show)",
        "turn (this|the) picture into (words|a sentence|text)",
    ),
    "list": (
        f"{_PLEASE}(list|enumerate|itemize) (all |all the |the |every one of the |){_THINGS}( in {_PICTURE}|)",
        f"{_PLEASE}(give|make|write) (me |)(a|the full) list of (all |all the |the |){_THINGS}( in {_PICTURE}|)",
        f"(a |)list of (all |all the |the |){_THINGS}(, please| please|)",
        f"{_PLEASE}list (each|every) (shape|object|thing|item)( in {_PICTURE}|)",
        f"{_PLEASE}list everything( in {_PICTURE}| that you see| you can see|)",
        f"{_PLEASE}name (them all|all (the |){_THINGS}|each one of the {_THINGS}|every single (shape|object|thing))",
        f"(go through|run through) (all|all the) {_THINGS}( one by one|)",
    ),
    "locate": (
        "where is (everything|each of them|each thing|every thing|each shape|every object)(| located| placed)",
        f"{_PLEASE}(describe|tell me|explain) (where everything is|where each (shape|object|thing) is|what is where)",
        f"{_PLEASE}describe {_PICTURE} (with|including|together with|giving) (the |all |)(positions|places|locations)",
        f"what is where( in {_PICTURE}|)",
        f"{_PLEASE}say what is where( in {_PICTURE}|)",
        f"{_PLEASE}describe the (layout|arrangement|composition)( of {_PICTURE}|)",
        f"how are (the|all the|all) {_THINGS} (placed|arranged|positioned)",
        f"where are (the|all the|all) {_THINGS}( placed| positioned| located|)",
    ),
}
"""How users ask for each style of caption."""


def reworded_demand(rng: np.random.Generator, style: str) -> str:
    """A demand for a caption of ``style`` (a key of ``DEMANDS``)."""
    text = expand(rng, DEMANDS[style])
    first = text.split()[0].strip(",.")
    asks = first in ("what", "what's", "which", "where", "how", "do", "can", "could", "would")
    return written(rng, text, "?" if asks else ".")
