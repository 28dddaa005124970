"""Wordings of requests for a picture written without a look at those of training.

For measuring only: training templates must not be written from them, and nobody who writes some needs to look here.
"""

from __future__ import annotations

FRAMES: dict[str, tuple[str, ...]] = {
    "single_object": (
        "Can you please make me a picture of {x}{on}?",
        "just {x}{on}, please",
        "All I want is {x}{on}.",
        "Minimalist icon design: {x}{on}",
        "Hey, do you know how to draw {x}{on}? Show me!",
        "The picture should contain {x}{on} and that's it.",
        "What I need is a graphic with {x}{on}.",
        "{x} should be shown{on}.",
        "Show one thing only: {x}{on}.",
        "{first_place} I'd like {a}{on}.",
        "{first_on} there should be {x}.",
    ),
    "colors": (
        "Make {u}{place} and paint it {c}.",
        "single {bare}{place}{on}",
        "Give me {u}{place}; its color should be {c}.",
        "Is it possible that you draw {x}{on}?",
        "Logo idea: {x}{on}, very minimal",
        "I was hoping for {x}{on}.",
        "Let me see how {x} looks{on}.",
        "In {c}, paint {u}{place}{on}.",
        "{first_on} paint {x}.",
        "{first_place} place {a}{on}.",
        "Nothing but {x}{on}, thanks.",
    ),
    "two_objects": (
        "{a0} together with {a1}{on}",
        "I need both {a0} and {a1} in the same image{on}.",
        "An illustration with two elements, {a0} and {a1}{on}",
        "{a0}, {a1}{on}",
        "Would you mind drawing {a0} along with {a1}{on}?",
        "Draw {a0} first. Then add {a1}.",
        "Simple clip art: {a0} and {a1}{on}",
        "Hey, make {a0} and {a1}{on}, ok?",
        "Besides {a0}, the picture should show {a1}{on}.",
        "An image made up of {a0} and {a1}{on}.",
        "{first_on} I would like {a0} and {a1}.",
        "In the picture must be {a0} and {a1}{on}.",
    ),
    "counting": (
        "{k}{on}, please",
        "Exactly {exact}{on}, please.",
        "I want {plural}{on}, {num} in total.",
        "Do you have room for {k} in one picture{on}? Draw it.",
        "Scatter {k} across the canvas{on}.",
        "The image has to contain {k}{on}.",
        "{tally}{on}",
        "Flat design graphic containing {k}{on}.",
        "My class is learning to count, please show {k}{on}.",
        "{first_on} I would like to see {k}.",
        "Make a picture where one can count {k}{on}.",
        "{k} shall be visible{on}.",
    ),
    "position": (
        "{a0}, {rel} {a1}{on}",
        "{a0} stands {rel} {a1}{on}.",
        "Show {a1} that has {a0} {rel} it{on}.",
        "{rel} {a1} I want {a0}{on}.",
        "First {a1}, then {a0} {rel} it{on}.",
        "Arrange it so that {a0} ends up {rel} {a1}{on}.",
        "Draw {a0} and {a1}; make sure the {m0} is {rel} the {m1}.",
        "{side0} {a0}, {side1} {a1}{on}",
        "{s0} and {s1}, {along}{on}",
        "Could we have {a1} {inv} {a0}{on}?",
        "Simple graphic: {a0} located {rel} {a1}{on}",
        "{first_on} we see {a0} {rel} {a1}.",
        "Would you be so kind as to set {a0} {rel} {a1}{on}?",
        "{a1} with {a0} {its}{on}",
        "My teacher said to draw {a0} {rel} {a1}{on}.",
    ),
    "attribute_binding": (
        "Make {u0} and {u1}. Color the {m0} {c0} and the {m1} {c1}.",
        "{u0} ({c0}) and {u1} ({c1}){on}",
        "{bare0} + {bare1}{on}",
        "A pair of {both}: one is {c0}, the other {c1}.",
        "The scene consists of {a0} and {a1}{on}.",
        "Please produce artwork featuring {a0} and {a1}{on}.",
        "For my presentation I need {a0} and {a1}{on}.",
        "{first_on} draw me {a0} as well as {a1}.",
        "{a0} is shown beside {a1}{on}.",
        "Mind the colors: {a0}, and then {a1}{on}.",
        "1 {bare0} and 1 {bare1}{on}",
    ),
}
"""By category; ``requests`` says what stands in braces."""

BACKGROUNDS: tuple[str, ...] = (
    "against {a_color} background",
    "with {a_color} background",
    "on a plain {color} background",
    "against a solid {color} backdrop",
)
"""Told within a sentence."""

FIRST_BACKGROUNDS: tuple[str, ...] = (
    "Against {a_color} background,",
    "On a plain {color} canvas,",
)
"""Told at the start of a sentence."""

BACKGROUND_SENTENCES: tuple[str, ...] = (
    "{text} The background should be {color}.",
    "{text} Use {color} for the background.",
    "{text} I want the background in {color}.",
    "Background: {color}. {text}",
    "Fill the canvas with {color} first. {text}",
)
"""Told in a sentence of their own."""

KINDS: tuple[str, ...] = (
    "{size} {noun} colored {color}",
    "{size} {color} coloured {noun}",
    "{size} {noun} which {be} {color}",
)
"""Other orders than the plain one; the last is no good where another clause follows."""

COUNTS: tuple[str, ...] = (
    "{number} separate {things}",
    "a set of {number} {things}",
)
"""Other ways to tell how many, of two and more."""

RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": (
        "left of",
        "on the left-hand side of",
    ),
    "right of": (
        "right of",
        "on the right-hand side of",
    ),
    "above": (
        "above",
        "directly above",
    ),
    "below": (
        "under",
        "beneath",
    ),
}
ITS: dict[str, tuple[str, ...]] = {
    "left of": ("to its left",),
    "right of": ("to its right",),
    "above": ("over it",),
    "below": ("beneath it",),
}
SIDES: dict[str, str] = {
    "left of": "on the left",
    "right of": "on the right",
    "above": "at the top",
    "below": "at the bottom",
}
