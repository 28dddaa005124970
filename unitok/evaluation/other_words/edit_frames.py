"""Wordings of edits written without a look at those of training.

For measuring only: training templates must not be written from them, and nobody who writes some needs to look here.
"""

from __future__ import annotations

FRAMES: dict[str, tuple[str, ...]] = {
    "recolor": (
        "{bare} to {color}",
        "Can you give me {obj} in {color}?",
        "{Obj} ought to be {color}, not {old}.",
        "please colour {obj} {color}",
        "Fill {obj} with {color}.",
        "I think {obj} would look nicer in {color}, can you do that",
        "Hi! Would you mind changing the colour of {obj} to {color}?",
        "{old} doesn't suit {obj}, go with {color}",
    ),
    "reshape": (
        "{bare} to {shape}",
        "can we have {a_shape} there instead of {obj}? Same color and size.",
        "I want {obj} to be {a_shape}.",
        "transform {obj} into {a_shape} please",
        "Redraw {obj} as {a_shape}.",
        "oops, {obj} was meant to be {a_shape}, please correct it",
        "make {a_shape} out of {obj}",
        "{Obj} has the wrong shape. It needs to be {a_shape}.",
    ),
    "grow": (
        "increase the size of {obj}",
        "{bare}: larger",
        "{Obj} looks tiny. Please make it large.",
        "Can we get {obj} a little bigger?",
        "upsize {obj}",
        "I want to see {obj} much bigger",
    ),
    "shrink": (
        "decrease the size of {obj}",
        "{bare}: smaller",
        "{Obj} looks huge. Please make it small.",
        "Can we get {obj} a little smaller?",
        "downsize {obj}",
        "I want to see {obj} much smaller",
    ),
    "remove": (
        "take away {obj}",
        "I'm not a fan of {obj}, please drop it",
        "ditch {obj}",
        "Would you wipe out {obj} for me?",
        "{Obj} has to go.",
        "what would this look like without {obj}?",
        "{Obj} is not needed",
        "scrap {obj} but keep everything else",
    ),
    "remove all": (
        "take away all {group}",
        "no {group} at all, please",
        "each {single} has to go",
        "Could you wipe the {group} away?",
        "All of the {group} should vanish.",
        "there shouldn't be any {group}",
        "same picture but with no {group} in it",
        "the {group} are annoying, drop all of them",
    ),
    "recolor all": (
        "{group}: all {color}",
        "each {single} ought to be {color}",
        "Dye all the {group} {color}",
        "Can we have the {group} all in {color}?",
        "I'd prefer all {group} {color}",
        "use {color} for all {group} please",
        "set the color of every {single} to {color}",
        "Whichever {group} there are, they should become {color}.",
    ),
    "background": (
        "bg {color}",
        "Can the backdrop be {color}?",
        "I want {a_color} background.",
        "fill the empty area with {color}",
        "the {old} behind the shapes is boring, go for {color}",
        "replace the {old} backdrop by {a_color} one",
        "keep the shapes, put {color} behind them",
        "let the background go from {old} to {color}",
    ),
    "add in region": (
        "{where} also {a_new}",
        "I also need {a_new} {where}",
        "Can you draw {a_new} {where} too?",
        "There should also be {a_new} {where}.",
        "stick {a_new} {where} please",
        "what's missing is {a_new} {where}",
        "and now {a_new} {where}",
        "let's have {a_new} {where} also",
    ),
    "add beside": (
        "{beside}, also {a_new}",
        "I need {a_new} {beside}",
        "Can you draw {a_new} {beside} too?",
        "There should also be {a_new} {beside}.",
        "stick {a_new} {beside} please",
        "what's missing is {a_new} {beside}",
        "{Anchor} could use {a_new} {relation} it",
        "let's have {a_new} {beside} also",
    ),
    "move a way": (
        "slide {obj} {way}",
        "{bare}: go {way}",
        "Can you bring {obj} {way}?",
        "{Obj} ought to sit further {way}.",
        "I want {obj} pulled {way}",
        "drag {obj} {way}",
        "{Obj} sits too far {opposite}; move it {way}",
        "let {obj} wander {way}",
    ),
    "move to region": (
        "place {obj} {where}",
        "{bare} to {place}",
        "Can {obj} be {where} instead?",
        "I want {obj} {where}.",
        "please bring {obj} over {to}",
        "push {obj} {to}",
        "{Obj} is in the wrong spot, it goes {where}",
        "Let {obj} sit {where}.",
    ),
    "move beside": (
        "place {obj} {beside}",
        "Can we have {obj} {beside} instead?",
        "I want {obj} {beside}.",
        "shift {obj} so it ends up {beside}",
        "{Obj} is in the wrong spot, it goes {beside}",
        "bring {obj} over so it sits {beside}",
        "it'd be nicer with {obj} {beside}",
        "pick up {obj}, drop it {beside}",
    ),
    "exchange": (
        "exchange {obj} for {a_new}",
        "rather {a_new} than {obj}",
        "Can you put {a_new} where {obj} is?",
        "I want {obj} to be {a_new}.",
        "switch {obj} out for {a_new}",
        "remove {obj}, then draw {a_new} in the same place",
        "I don't like {obj}, use {a_new} instead",
        "let {a_new} take the place of {obj}",
    ),
    "swap colors": (
        "exchange the colours of {obj} and {other}",
        "have {obj} and {other} exchange colors",
        "Color {obj} like {other} and {other} like {obj}.",
        "make {obj} {color} and {other} {old} instead",
        "Can you flip the colors of {obj} and {other}?",
        "I mixed up the colors of {obj} and {other}; please switch them",
        "{obj} gets {other}'s colour and {other} gets {obj}'s",
        "{obj} <-> {other}, colors only",
    ),
    "swap places": (
        "exchange {obj} and {other}",
        "have {obj} and {other} change places",
        "Put {obj} in the spot of {other}, and {other} where {obj} was.",
        "Can you flip the positions of {obj} and {other}?",
        "I mixed up where {obj} and {other} go; please switch them around",
        "position swap: {obj}, {other}",
        "let {other} sit where {obj} is and {obj} sit where {other} is",
        "{Obj} goes where {other} is now, and the other way round.",
    ),
}
"""By kind. What stands in braces; with a capital initial, it begins with one:

``obj other``     an object, such as "the big star"; ``bare``: the first without its article
``anchor``        the object that ``beside``, as in "to the left of the heart", names, and ``relation`` does not
``color a_color`` the new color, with an article, and ``old``, the present one
``shape a_shape`` the new shape; ``a_new``: a new object, such as "a small red star"
``where to``      a region, as in "in the top left corner", "to the top left corner"; ``place``: "top left corner"
``way opposite``  "left", "right"
``group single``  "stars" and "star", or "red shapes" and "red shape"
"""
