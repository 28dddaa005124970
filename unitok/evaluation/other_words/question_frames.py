"""Wordings of questions written without a look at those of training.

For measuring only: training templates must not be written from them, and nobody who writes some needs to look here.
"""

from __future__ import annotations

FRAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "color": {
        "color": (
            "In what color is {the} drawn?",
            "Name the colour of {the}, please.",
            "{the} has what color?",
            "Can you say what colour {the} is?",
            "Sorry, I'm color-blind. What color is {the}?",
            "{the} - color?",
            "Looking at {the}, which color would you say it is?",
        ),
        "color at a place": (
            "Which color is used for the shape {place}?",
            "I see an object {place}; which color is it?",
        ),
    },
    "shape": {
        "shape": (
            "What kind of shape is {the}?",
            "{the} is what shape?",
            "Name the shape of {the}.",
            "What geometric figure is {the}?",
            "What form does {the} take?",
            "what shape has {the}",
        ),
        "shape of a color": (
            "There's something {color} in there, what shape is it?",
            "Which of the shapes is {color}?",
        ),
        "shape at a place": (
            "Which shape can be found {place}?",
            "{place}, what shape is there?",
        ),
    },
    "size": {
        "size": (
            "Would you call {the} large or small?",
            "Of what size is {the}?",
            "How large is {the}?",
            "{the}: large or small?",
            "Say whether {the} is large or small.",
            "{the} - size?",
            "Which size does {the} have?",
        ),
        "is large": (
            "Is {the} rather large?",
            "Would you say {the} is large?",
        ),
        "is small": ("Is {the} rather small?",),
    },
    "position": {
        "region": (
            "Where do you see {the}?",
            "Which area of the image is {the} in?",
            "Where in the image has {the} been placed?",
            "Tell me the location of {the}.",
            "{the} - where?",
        ),
        "corner": ("{the} is in which corner?",),
        "row": (
            "At what height is {the}: top, middle or bottom?",
            "Is {the} at the bottom, in the middle or at the top?",
        ),
        "column": (
            "Is {the} left, center or right in the image?",
            "Do I find {the} on the right, in the middle or on the left?",
        ),
        "half across": ("Which half is {the} in, left or right?",),
        "half down": ("Which half is {the} in, the upper or the lower one?",),
        "is at a place": ("Would you find {the} {place}?",),
    },
    "count": {
        "count": (
            "How many {those} do you see?",
            "Please count all the {those}.",
            "What number of {those} does the picture have?",
            "{those}: how many?",
            "I'd like to know how many {those} this picture contains.",
            "Of {those}, how many are shown?",
            "How many {those} are there altogether?",
        ),
        "whether so many": (
            "Is the number of {those} {number}?",
            "Is it right that there are exactly {number} {those}?",
        ),
    },
    "existence": {
        "is there": (
            "Can {a} be found here?",
            "Does the picture have {a} in it?",
            "Are any {those} shown?",
            "I need {a}. Is one in the picture?",
            "Is {a} among the shapes?",
            "Did they draw {a}?",
            "Is there at least one {bare}?",
        ),
        "is none there": (
            "Is the picture free of {those}?",
            "Is it right that no {bare} is shown?",
        ),
    },
    "comparison": {
        "more": (
            "Does the image have more {those0} than {those1}?",
            "Do the {those0} outnumber the {those1}?",
        ),
        "fewer": ("Is the number of {those0} less than that of {those1}?",),
        "equal": ("Is the number of {those0} and {those1} the same?",),
        "which more": ("What do you see more of: {those0} or {those1}?",),
        "which fewer": ("{those0} or {those1}, which are fewer?",),
        "bigger": ("Would you say {the0} is larger than {the1}?",),
        "smaller": ("Is {the0} the smaller one compared with {the1}?",),
        "which bigger": ("{the0} or {the1}: which is larger?",),
        "which smaller": ("What is smaller, {the0} or {the1}?",),
        "same color": ("Is the color of {the0} the same as that of {the1}?",),
        "same size": ("Are {the0} and {the1} of the same size?",),
        "same shape": ("Is {the0} the same shape as {the1}?",),
    },
    "relation": {
        "holds": (
            "Do you see {the0} {relation} {the1}?",
            "Is it right that {the0} is {relation} {the1}?",
            "Can {the0} be found {relation} {the1}?",
        ),
        "left or right": (
            "Left or right of {the1}: where is {the0}?",
            "Which side of {the1} is {the0} on?",
        ),
        "above or below": (
            "Above or below {the1}: where is {the0}?",
            "Compared with {the1}, is {the0} higher or lower?",
        ),
        "which is": ("{the0} or {the1}: which is more to the {way}?",),
        "which is up": ("What is {way}: {the0} or {the1}?",),
        "what is": (
            "What do you see {relation} {the1}?",
            "{relation} {the1}, which shape is there?",
        ),
    },
    "background": {
        "background": (
            "In what color is the background?",
            "Name the color of the background.",
            "The shapes are drawn on what color?",
            "background color?",
            "What color is the backdrop?",
            "The background has what color?",
            "If you ignore the objects, what color is the canvas?",
        ),
        "background is": (
            "Would you call the background {color}?",
            "Is the picture's background {color}?",
        ),
    },
}
"""Of each category by kind, which says what is asked; ``questions.FILLS`` has what stands in the braces of each."""

RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left of": (
        "left of",
        "on the left-hand side of",
    ),
    "right of": (
        "right of",
        "on the right-hand side of",
    ),
    "above": ("above",),
    "below": (
        "under",
        "beneath",
    ),
}
