"""What people put around the things that a picture is to show: orders, wishes, questions, titles."""

from __future__ import annotations

import numpy as np

from unitok.data.world.templates import expand, pick_weighted

_PICTURE = "(picture|picture|image|image|drawing|photo|illustration|scene|graphic|pic|sketch|painting|rendering)"
_KIND = "(simple |plain |basic |nice |clean |quick |new |flat ||||||)"
_A_PICTURE = (
    f"(a {_KIND}(picture|picture|drawing|photo|scene|graphic|pic|sketch|painting|rendering)|an (image|illustration))"
)
_OF = "(of|of|of|with|with|showing|that shows|containing|that contains|which has|that has|featuring|depicting|made of)"
_MAKE = (
    "(draw|draw|make|make|create|create|generate|generate|paint|produce|render|sketch|design|show|compose|illustrate)"
)
_MAKE_ME = "(draw|make|create|generate|paint|sketch|produce|show|render|get|give|do)"
_PLEASE = "(please |please |kindly |||||||)"
_CAN_YOU = (
    "(can you|could you|would you|will you|can you please|could you please|would you please|would you kindly"
    "|are you able to|do you think you could|could you possibly|would it be possible to|is it possible to"
    "|any chance you could|might you|could you go ahead and|can you try to|can we)"
)
_I_WANT = (
    "(i want|i'd like|i would like|i need|i'd love|i would love|we need|we want|we'd like|i wish for|i could use"
    "|i am after|i'm after|i'm looking for|i am looking for|i require|i'm hoping for|i'd appreciate|give me|get me"
    "|show me|let me have|let me see|let's have|let's see|hand me|i'm in need of|i'd like to see|i want to see"
    "|i'd like to have|i'd love to see|i'd like to get|what i need is|what i want is|all i want is|i'm thinking of)"
)
_GERUND = "(drawing|making|creating|generating|painting|producing|sketching|showing me|drawing me|making me)"

FRAMES: dict[str, tuple[tuple[str, ...], str]] = {
    "bare": (("{x}",), "."),
    "title": (
        (
            f"{_A_PICTURE} {_OF} {{x}}",
            f"{_A_PICTURE} {_OF} {{x}}",
            f"{_KIND}{_PICTURE} {_OF} {{x}}",
            f"{_KIND}{_PICTURE}: {{x}}",
            "(picture|image|prompt|scene|request|task|subject|description|content|wanted|needed|drawing)(: | - ){x}",
            f"(one|just one|another) {_PICTURE} {_OF} {{x}}",
            f"{_A_PICTURE} (in which|where) there {{be}} {{x}}",
            f"{_A_PICTURE} in which (you see|one sees|we see|i can see|you can see) {{x}}",
            "{x}, as a (picture|drawing|simple image)",
            "{x} (shown|drawn|displayed|depicted) in (a|one) picture",
            "{x} and nothing else",
            "(just|only|simply) {x}",
            "{x}, (nothing more|that's all|that's it|nothing else|no other shapes)",
        ),
        ".",
    ),
    "order": (
        (
            f"{_PLEASE}{_MAKE} {{x}}",
            f"{_PLEASE}{_MAKE} {{x}}",
            f"{_PLEASE}{_MAKE_ME} me {{x}}",
            f"{_PLEASE}{_MAKE} {_A_PICTURE} {_OF} {{x}}",
            f"{_PLEASE}{_MAKE_ME} me {_A_PICTURE} {_OF} {{x}}",
            f"{_MAKE} {{x}}(, please|, thanks| please|, thank you|, if you can|, would you| for me|, ok)",
            f"(go ahead and|just|now|try to|your task is to|your job:|you should|you are to|let's) {_MAKE} {{x}}",
            f"{_PLEASE}{_MAKE} (this|the following|this for me|the following picture|this scene): {{x}}",
            f"(use your brush and|be so kind as to|do me a favor and|take a blank canvas and) {_MAKE} {{x}}",
            "(please |)put {x} (on a canvas|in a picture|on the canvas|into one picture)",
            "(please |)place {x} (on a canvas|in a picture|on the canvas|in the frame)",
            "have a picture show {x}",
            "make sure (there {be}|to include|the picture has|i can see) {x}",
            f"{_MAKE} {_A_PICTURE}. (it should have|it must show|it should contain|in it|it has|include|show) {{x}}",
            f"{_MAKE} {_A_PICTURE} (so that|such that) it (shows|has|contains) {{x}}",
            "surprise me with {x}",
            "arrange {x} in (a|one) picture",
        ),
        ".",
    ),
    "wish": (
        (
            f"{_I_WANT} {_A_PICTURE} {_OF} {{x}}",
            f"{_I_WANT} {_A_PICTURE} {_OF} {{x}}",
            f"{_I_WANT} {{x}}",
            f"{_I_WANT} {_A_PICTURE} (where|in which) there {{be}} {{x}}",
            f"(i want|i'd like|i would like|i need|i'd love|we need) you to {_MAKE} {{x}}",
            "(it would be|it'd be) (nice|great|lovely|good|cool) (to see|to have|if you could draw|if you made) {x}",
            "(my picture|the picture i want|the image i need) (should show|has|shows|contains|must have) {x}",
            "{x}(, please| please| for me, please| would be nice| would be great|, if possible| is what i want"
            "| is what i need)",
            "for my (collection|wall|son|daughter|slides|homework|project|website|lesson)(,|:) {x}",
            f"i was wondering if you could {_MAKE} {{x}}",
            "(i imagine|i picture|i'm imagining|i have in mind|i see) {x}",
        ),
        ".",
    ),
    "question": (
        (
            f"{_CAN_YOU} {_MAKE} {{x}}",
            f"{_CAN_YOU} {_MAKE} {{x}}",
            f"{_CAN_YOU} {_MAKE_ME} me {{x}}",
            f"{_CAN_YOU} {_MAKE} {_A_PICTURE} {_OF} {{x}}",
            f"{_CAN_YOU} {_MAKE_ME} me {_A_PICTURE} {_OF} {{x}}",
            f"{_CAN_YOU} {_MAKE} {{x}} (for me|, please|please|in a picture)",
            f"(would|do) you mind {_GERUND} {{x}}",
            f"(how|what) about ({_GERUND} |{_A_PICTURE} {_OF} |){{x}}",
            f"(may|can|could|might) i (have|get|see|ask for|request) ({_A_PICTURE} {_OF} |){{x}}",
            f"why don't you {_MAKE} {{x}}",
            "what would {x} look like",
            "what would a picture (of|with) {x} look like",
            f"do you have {_A_PICTURE} {_OF} {{x}}",
            "(shall we|should we|can we) (have|see|draw|make) {x}",
            f"is there a way to {_MAKE} {{x}}",
        ),
        "?",
    ),
    "statement": (
        (
            "there {be} {x}",
            "(here|in my picture|in the picture|in it|in this scene|on the canvas|in this one) (there |){be} {x}",
            "there (should|must|has to|needs to|ought to) be {x}",
            f"the {_PICTURE} (shows|has|contains|consists of|includes|features|is of|depicts|holds|presents) {{x}}",
            f"the {_PICTURE} (should|must|has to|needs to|ought to|shall) (show|have|contain|include|consist of) {{x}}",
            "(imagine|picture|visualize|think of|suppose there {be}|consider) {x}",
            "(you see|we see|one sees|someone sees|we look at|you are looking at) {x}",
            "{x} (should be|must be) (seen|shown|drawn|there|visible|in it|in the picture)",
            "nothing but {x}",
        ),
        ".",
    ),
}
"""Frames around the noun phrase ``x`` of all objects, by form, and the mark that each form ends with."""

_SHARES = {"bare": 0.16, "title": 0.16, "order": 0.28, "wish": 0.14, "question": 0.16, "statement": 0.1}
_OPENINGS = (
    "(hi|hello|hey|hey there|good morning|ok|okay|so|alright|right|well|now|next|please|yo|hi there|greetings)(,|!|,)"
)
_CLOSINGS = "(, thanks|, thank you|, please|. thanks|. thank you so much|. cheers|, ok|. that's all|. nothing else)"


def framed(rng: np.random.Generator, objects: str, many: bool) -> tuple[str, str]:
    """A request for ``objects`` and the mark it ends with; ``many`` tells whether the first of them are several."""
    form = pick_weighted(rng, _SHARES)
    templates, mark = FRAMES[form]
    text = expand(rng, templates, x=objects, be="are" if many else "is")
    return polite(rng, text, form), mark


def polite(rng: np.random.Generator, text: str, form: str) -> str:
    """``text`` with a greeting before it or thanks behind it, sometimes."""
    draw = rng.random()
    if draw < 0.06:
        return f"{expand(rng, _OPENINGS)} {text}"
    if draw < 0.1 and form in ("order", "wish", "bare", "title"):
        return text + expand(rng, _CLOSINGS)
    return text
