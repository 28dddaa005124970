"""The wordings of edits that change one object where it is: its color, its shape, its size, or all of it."""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.phrases import article
from unitok.data.world.reworded.edit_recipe import Recipe
from unitok.data.world.reworded.references import a_noun, color_name, shape_word

_RECOLOR = (
    "(make|make|make|color|colour|paint|turn|tint|dye|render) {x} {c}",
    "make {x} {c}",
    "(recolor|recolour|repaint|redo) {x} (in|as) {c}",
    "(recolor|recolour) {x} to {c}",
    "(color|paint|draw|do|colour) {x} in {c}",
    "give {x} (a {c} color|the color {c}|a coat of {c} paint|a {c} look|a new color, {c}|a {c} coloring|a {c} hue)",
    "(change|switch|set|adjust|update|shift|alter|turn) {color_of} (to|to|over to) {c}",
    "(change|turn|convert) {color_of} into {c}",
    "(change|switch|set|update) {x} to {c}",
    "change {x} (to|into) {c}",
    "(make|let|have) {color_of} be {c}",
    "make {color_of} {c}",
    "use {c} (for|as the color of) {x}",
    "(pick|choose|take) {c} (for|as the color of|as a color for) {x}",
    "apply {c} to {x}",
    "have {x} (in {c}|be {c}|turn {c}|become {c})",
    "(change|switch|turn|recolor) {x} from {old} to {c}",
    "(swap|exchange) the {old} of {x} for {c}",
    "replace the {old} of {x} (with|by) {c}",
    "make {x} {c} (instead|instead of {old}|rather than {old}|, not {old})",
    "(coat|cover) {x} in {c} paint",
    "change {color_of} from {old} to {c}",
    "let {x} (be|become|turn) {c}",
    "turn {x} into a {c} one",
)
_RECOLOR_STATES = (
    "{c}",
    "{c}",
    "{c}",
    "in {c}",
    "(colored|painted|coloured) {c}",
    "{c} (instead of {old}|rather than {old}|and not {old}|, not {old})",
    "{c} in color",
)
_RECOLOR_SENTENCES = (
    "{color_of} (should|must|ought to|needs to|has to|is to) be {c}",
    "(i want|i'd like|i'd prefer) {color_of} to be {c}",
    "(i want|i'd like|i'd prefer) {c} as {color_of}",
    "{c} (would suit|suits|would fit|would be better for) {x}( better||)",
    "{x} should (have|get) (a {c} color|the color {c}|a new color: {c})",
    "{x} (should|must|needs to|ought to|has to) (turn|become|go|change to|be changed to) {c}",
    "{x} (should|must|needs to|ought to|has to) be (turned|made|painted|colored) {c}",
    "{x} is {old}, but (it should be|it must be|i want it|i'd like it) {c}",
    "(can|could) {x} be (painted|made|turned|colored|changed to|recolored in) {c}?",
    "i (don't want|don't like) {x} {old}, (make it|i want it|it should be|paint it) {c}",
    "{c} for {x}(, please| please|)",
    "(a {c} color|{c} paint|the color {c}) for {x}(, please|)",
    "{color_of}(:| ->| =) {c}",
    "instead of {old}, {x} should be {c}",
    "what about {c} for {x}?",
    "(would|can|could) you (do|have|color) {x} in {c} instead?",
    "(i'd rather see|i'd prefer|i want|i need) {x} in {c}",
    "what would {x} look like in {c}? (show me|please show it|draw it)",
    "{c} instead of {old} for {x}",
)
_COLOR_COMPLAINTS = (
    "i don't like {color_of}",
    "i don't like {old} (for|on) {x}",
    "{x} is {old}( now| at the moment| right now||)",
    "{x} shouldn't be {old}",
    "i'm tired of {x} being {old}",
    "{old} doesn't suit {x}",
    "{color_of} is wrong",
    "{color_of} isn't right",
    "{x} has the wrong color",
    "i don't like {x} in {old}",
)


def recolor(rng: np.random.Generator, edit: Edit) -> Recipe:
    (old,) = edit.about
    slots = {"c": color_name(rng, edit.said["color"]), "old": old.color}
    orders, sentences = _RECOLOR, list(_RECOLOR_SENTENCES)
    if old.shape != "ring":  # the inside of a ring may be filled, too
        orders = (*orders, "fill {x} (with|in with) {c}", "fill {x} (with|in with) {c} (color|paint)")
    if edit.source.count(color=old.color, shape=old.shape) == 1:
        slots["new"] = article(f"{slots['c']} {old.shape}")
        slots["was"] = f"{old.color} {old.shape}"
        sentences += [
            "(i want|i'd like|i need|give me|make it|i'd prefer) {new} instead of (the {was}|the {old} one)",
            "{new} instead of (the {was}|the {old} one)(, please| please|)",
            "(the {was}|that {was}) (should|must|is to|ought to) (be|become|turn into) {new}",
        ]
    return Recipe(orders, _RECOLOR_STATES, sentences, _COLOR_COMPLAINTS, slots)


_RESHAPE = (
    "(turn|turn|transform|convert|change|morph|reshape|remake|make|rework|modify) {x} into {a}",
    "(turn|transform|convert|change|reshape) {x} into {a}",
    "(change|switch|convert|transform) {x} to {a}",
    "make {x} {a}",
    "make {a} (out of|from|of) {x}",
    "(let|have) {x} become {a}",
    "have {x} be {a}",
    "give {x} the shape of {a}",
    "give {x} (a {s} shape|the form of {a})",
    "(redraw|draw|remake|redo|render) {x} as {a}",
    "(change|set|switch|alter|turn|update|convert) {shape_of} (to|to|into) {a}",
    "(change|set|switch|update) {shape_of} to {s}",
    "make {x} {s}-shaped",
    "(turn|change|transform) {x} from {oldest} (into|to) {a}",
    "make {x} {a} (instead|instead of {oldest}|and no longer {oldest}|rather than {oldest})",
    "(turn|transform|change) {x} into {a} (of|in|with) the same color",
    "(turn|transform|convert|change) {x} into {a}, (same color and size|same color|keeping its color)",
    "(turn|change) {x} into {a}, but keep its color",
    "swap the shape of {x} for {a}",
    "take {x} and (make it|turn it into) {a}",
)
_RESHAPE_STATES = (
    "{a}",
    "{a}",
    "{a} (instead|instead of {oldest}|and not {oldest}|rather than {oldest}|, not {oldest})",
    "{s}-shaped",
    "in the shape of {a}",
    "shaped like {a}",
)
_RESHAPE_SENTENCES = (
    "{x} (should|must|needs to|ought to|has to|is to) (become|turn into|be turned into|change into|be changed to) {a}",
    "(can|could) {x} be (turned into|changed to|made into|transformed into|made) {a}?",
    "(i want|i'd like|i'd love) {x} to (become|turn into|change into) {a}",
    "(i want|i'd like) {a} where {x} is(, same color|, in the same color)",
    "{shape_of} should be (that of {a}|{a}|changed to {a})",
    "{x} is {oldest}, but it should be {a}",
    "{x} should be {a} instead",
    "{x} (->|=>) {a}",
    "(i'd prefer|i'd rather have) {a} (instead of|in place of) {x}, in the same color",
    "{x} should have the (shape|form) of {a}",
    "{x} would (look|be) (better|nicer) as {a}",
    "how would {x} look as {a}? (show me|please show it|draw it that way)",
    "(the same|same) picture with {x} (as|turned into|changed into) {a}",
    "what if {x} (became|turned into) {a}?",
    "i (want|need|'d like) {x} as {a}",
)
_SHAPE_COMPLAINTS = (
    "i don't like {shape_of}",
    "{x} has the wrong shape",
    "{shape_of} is wrong",
    "{x} shouldn't be {oldest}",
    "i'm tired of {x} being {oldest}",
    "i don't want {x} to be {oldest}( anymore|)",
)


def reshape(rng: np.random.Generator, edit: Edit) -> Recipe:
    (old,) = edit.about
    shape = edit.said["shape"]
    slots = {"a": article(shape_word(rng, shape)), "s": shape, "oldest": article(old.shape)}
    return Recipe(_RESHAPE, _RESHAPE_STATES, _RESHAPE_SENTENCES, _SHAPE_COMPLAINTS, slots, loose=False, better=False)


_EXCHANGE = (
    "(replace|replace|substitute) {x} (with|with|by) {a}",
    "(swap|switch|exchange|trade) {x} (for|out for) {a}",
    "(swap|switch) {x} out and put {a} (in its place|there)",
    "(put|draw|place|use|set) {a} (in place of|instead of) {x}",
    "(turn|change|transform|convert|make) {x} into {a}",
    "change {x} to {a}",
    "(have|let) {a} (take the place of|replace) {x}",
    "(remove|erase|delete|take out|take away) {x} and (put|draw|place|add) {a} in its place",
    "(remove|erase|delete|take out) {x} and (put|draw|place|add) {a} (there instead|in the same spot)",
    "substitute {a} for {x}",
    "exchange {x} (for|with) {a}",
    "make {x} {a}",
    "have {a} instead of {x}",
    "(drop|scrap|ditch|lose) {x} and (use|draw|show|put in) {a} (instead|in its place)",
    "(drop|scrap|ditch|trade in|give up) {x} (for|in favor of) {a}",
    "trade {x} in for {a}",
    "(get|bring|send) in {a} for {x}",
    "(cover|overwrite|paint over) {x} with {a}",
    "(make|redraw|remake|rework|redo) {x} as {a}",
    "(set|put|draw) {a} right where {x} (is|was|stands|sits)( now|)",
    "(let|have|make) {x} (become|be|give way to|make room for) {a}",
    "(fill|use) the (spot|place|position) of {x} (with|for) {a}",
    "put {a} in {x}'s (place|spot)",
    "(pull|pluck) out {x} and (slot|drop|put) in {a}",
    "rather than {x}, (draw|show|have|put) {a}",
)
_EXCHANGE_SENTENCES = (
    "{a} should (replace|take the place of) {x}",
    "{a} (in place of|instead of) {x}(, please| please||)",
    "(i want|i'd like|i'd prefer|i need|give me|we need) {a} (instead of|in place of) {x}",
    "i'd rather (have|see) {a} than {x}",
    "i'd (prefer|like) {a} (where|in the spot where|at the place where) {x} is( now|)",
    "there should be {a} (where|in the place where|instead|in the spot where) {x} is( now|)",
    "where {x} is(| now), (there should be|i want|put|draw|place) {a}",
    "in place of {x}, (i want|there should be|put|draw|i'd like) {a}",
    "instead of {x}, (i want|there should be|put|draw|use|show|i'd like) {a}",
    "{x} (->|=>) {a}",
    "{x} (should|must|needs to|ought to|has to) (be replaced (with|by)|be swapped for) {a}",
    "{x} (should|must|needs to|ought to|has to) (become|turn into|make way for) {a}",
    "(can|could) {x} be (replaced (with|by)|swapped for|turned into|exchanged for) {a}?",
    "(can|could|may) (i|we) (have|get|see) {a} instead of {x}?",
    "(the same|same) picture(,|) but (with {a} instead of|{a} replaces) {x}",
    "what if there (was|were) {a} instead of {x}?",
    "how would it look with {a} (in place of|instead of) {x}?",
    "i don't (want|like|need) {x}, (i want {a} there|put {a} there|replace it with {a}|i'd rather have {a} there)",
    "(how|what) about {a} instead of {x}?",
    "make it {a} instead of {x}",
    "{x} out, {a} in",
    "out with {x}, in with {a}",
    "(no longer|not) {x}, (but|but rather) {a}",
    "{x} (makes|should make|is to make) (room|way) for {a}",
    "{a} (takes over|should take over) from {x}",
    "{a} (is to|should|could|must) (stand|sit|be) where {x} (is|stands|sits)( now|)",
    "{x} (gets|is|is to be|has to be|ought to be) replaced (by|with) {a}",
    "(the spot|the place) of {x} (goes|should go|belongs) to {a}",
    "what i (want|need) there isn't {x} but {a}",
    "{x} was meant to be {a}",
    "{x} has to be {a}",
    "(could|can) {a} (take the place of|stand in for|be put in place of) {x}?",
    "i meant {a}, not {x}",
    "that's not what i wanted: {x} (should be|must be|is to be) {a}",
)
_EXCHANGE_COMPLAINTS = (
    "i don't like {x}",
    "i'm not a fan of {x}",
    "{x} doesn't fit",
    "{x} is wrong",
    "i never wanted {x}",
    "{x} isn't what i want",
)


def exchange(rng: np.random.Generator, edit: Edit) -> Recipe:
    said = edit.said
    slots = {"a": a_noun(rng, said.get("size"), said["color"], said["shape"])}
    return Recipe(_EXCHANGE, (), _EXCHANGE_SENTENCES, _EXCHANGE_COMPLAINTS, slots)


_RESIZE = {
    "large": (
        "(enlarge|grow|magnify|expand|upscale|upsize|scale up) {x}",
        "scale {x} up",
        "make {x} (bigger|larger|large|big|bigger|huge|larger in size|bigger in size|much bigger|grow)",
        "(increase|raise|boost|bump up) {size_of}",
        "(let|have) {x} (grow|be bigger|become larger|get bigger|be large)",
        "(change|set|switch|turn up) {size_of} to large",
        "give {x} (more size|a larger size|a bigger size)",
        "(draw|redraw|paint|render) {x} (bigger|larger|in a larger size|at a larger scale)",
        "(turn|change) {x} into a (big|bigger|large|larger) one",
        "(increase|grow) {x} in size",
        "make {x} (take up|occupy|fill) more space",
        "make {size_of} (larger|large|bigger)",
    ),
    "small": (
        "(shrink|shrink|downsize|reduce|downscale|miniaturize|scale down|shrink down) {x}",
        "(scale|shrink) {x} down",
        "make {x} (smaller|smaller|small|tiny|little|smaller in size|much smaller|shrink)",
        "(decrease|reduce|lower|lessen|cut down|bring down) {size_of}",
        "(let|have) {x} (shrink|be smaller|become smaller|get smaller|be small)",
        "(change|set|switch) {size_of} to small",
        "give {x} (less size|a smaller size)",
        "(draw|redraw|paint|render) {x} (smaller|in a smaller size|at a smaller scale)",
        "(turn|change) {x} into a (small|smaller|tiny|little) one",
        "(reduce|decrease) {x} in size",
        "make {x} (take up|occupy) less space",
        "make {size_of} (smaller|small)",
    ),
}
_RESIZE_STATES = {
    "large": ("(bigger|larger|large|big|huge|much bigger|a lot bigger|larger in size|bigger than it is|not so small)",),
    "small": ("(smaller|smaller|small|tiny|little|much smaller|a lot smaller|smaller than it is|not so big)",),
}
_RESIZE_SENTENCES = {
    "large": (
        "{x} (is|looks|seems|is way|is much) too (small|little|tiny)",
        "(i think|i feel|in my opinion,) {x} is too small",
        "{x} (isn't|is not) (big|large) enough",
        "{x} (should|must|needs to|has to|ought to|could) (grow|get bigger|become larger|gain size)",
        "{x} (should|must|needs to|has to|ought to|could) be (enlarged|scaled up|magnified)",
        "{size_of} should (be increased|increase|go up|grow|be large)",
        "(can|could) {x} be (enlarged|scaled up|made bigger|made larger|magnified)?",
        "(i want|i'd like|i'd love) {x} to (grow|get bigger|become large|be enlarged)",
        "i want a (bigger|larger) version of {x}",
        "what if {x} (grew|got bigger|became large)?",
        "{size_of}(:| ->| =>| =) (large|big)",
        "a bigger version of {x}(, please| in its place)",
    ),
    "small": (
        "{x} (is|looks|seems|is way|is much) too (big|large|huge)",
        "(i think|i feel|in my opinion,) {x} is too big",
        "{x} (isn't|is not) small enough",
        "{x} (should|must|needs to|has to|ought to|could) (shrink|get smaller|become smaller|be shrunk|be scaled down)",
        "{size_of} should (be reduced|be decreased|go down|shrink|be small)",
        "(can|could) {x} be (shrunk|scaled down|made smaller|reduced in size)?",
        "(i want|i'd like|i'd love) {x} to (shrink|get smaller|become small|be reduced in size)",
        "i want a smaller version of {x}",
        "what if {x} (shrank|got smaller|became small)?",
        "{size_of}(:| ->| =>| =) small",
        "a smaller version of {x}(, please| in its place)",
    ),
}
_RESIZE_COMPLAINTS = {
    "large": ("{x} (is|looks|seems) too (small|tiny)", "{x} isn't big enough", "i can barely see {x}"),
    "small": ("{x} (is|looks|seems) too (big|large)", "{x} takes up too much space", "{x} isn't small enough"),
}


def resize(rng: np.random.Generator, edit: Edit) -> Recipe:
    size = edit.said["size"]
    return Recipe(_RESIZE[size], _RESIZE_STATES[size], _RESIZE_SENTENCES[size], _RESIZE_COMPLAINTS[size])
