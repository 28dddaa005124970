"""The wordings of edits of more than one thing: all objects of a kind, the background, two objects' colors."""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.phrases import article
from unitok.data.world.reworded.edit_recipe import Recipe, Subject, Subjects, reference
from unitok.data.world.reworded.groups import group
from unitok.data.world.reworded.references import color_name, shape_name, size_name
from unitok.data.world.templates import chance, expand

_RECOLOR_ALL = (
    "(make|make|make|color|colour|paint|turn|tint|dye|render) {x} {c}",
    "(recolor|recolour|repaint) {x} (in|as) {c}",
    "(color|paint|draw|do) {x} in {c}",
    "(change|switch|set|adjust|update) {color_of} (to|to|over to) {c}",
    "(change|switch|set|update) {x} to {c}",
    "give {x} (a {c} color|the color {c}|a {c} look|a coat of {c} paint)",
    "use {c} for {x}",
    "(pick|choose) {c} for {x}",
    "(have|let) {x} (be|become|turn) {c}",
    "apply {c} to {x}",
)
_RECOLOR_ALL_STATES = ("{c}", "{c}", "{c}", "in {c}", "(colored|painted) {c}", "{c} in color")
_RECOLOR_ALL_SENTENCES = (
    "{color_of} (should|must|ought to|needs to|has to|is to) be {c}",
    "(i want|i'd like|i'd prefer) {color_of} to be {c}",
    "{c} (would suit|would fit|would be better for|would look better on) {x}",
    "{x} (should|must|ought to|{needs} to|{has} to) (turn|become|go|change to|be turned|be made|be painted) {c}",
    "(can|could) {x} be (painted|made|turned|colored|changed to|recolored in) {c}?",
    "{c} for {x}(, please| please|)",
    "what about {c} for {x}?",
    "(i'd rather see|i'd prefer|i want|i need) {x} in {c}",
    "i want to see {c} on {x}",
)


def recolor_all(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects]:
    slots = {"c": color_name(rng, edit.said["to_color"])}
    recipe = Recipe(_RECOLOR_ALL, _RECOLOR_ALL_STATES, _RECOLOR_ALL_SENTENCES, (), slots)
    return recipe, group(rng, edit)


_RESHAPE_ALL = (
    "(turn|turn|transform|convert|change|morph|reshape|remake|make) {x} into {a}",
    "(change|switch|convert) {x} to {a}",
    "make {x} {a}",
    "(let|have) {x} become {a}",
    "(redraw|draw|remake|redo) {x} as {a}",
    "replace {x} (with|by) {a} (of|in) the same color",
    "make {a} (out of|from) {x}",
    "change the shape of {x} to a {s}",
    "(swap|exchange|switch) {x} for {a}, same colors",
    "make {x} {s}-shaped",
    "give {x} the shape of a {s}",
)
_RESHAPE_ALL_STATES = ("{a}", "{a}", "{a} instead", "{s}-shaped", "shaped like {a}")
_RESHAPE_ALL_SENTENCES = (
    "{x} (should|must|ought to) (become|turn into|be turned into|change into|be changed to) {a}",
    "(can|could) {x} be (turned into|changed to|made into|transformed into) {a}?",
    "(i want|i'd like) {x} to (become|turn into|change into) {a}",
    "the shape of {x} should be that of a {s}",
    "{x} (->|=>) {a}",
    "(i'd prefer|i'd rather have) {a} instead of {x}, same colors",
    "(the same|same) picture with {x} (as|turned into|changed into) {a}",
    "what if {x} (became|turned into) {a}?",
)


def reshape_all(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects]:
    shape = edit.said["to_shape"]
    slots = {"a": shape_name(rng, shape, many=True), "s": shape}
    recipe = Recipe(_RESHAPE_ALL, _RESHAPE_ALL_STATES, _RESHAPE_ALL_SENTENCES, (), slots, loose=False, better=False)
    return recipe, group(rng, edit, singly=False)


_RESIZE_ALL = (
    "make {x} {s}",
    "make {x} {s}",
    "(draw|redraw|render) {x} {s}",
    "(set|change|switch) {size_of} to {size}",
    "(let|have) {x} (be|become) {s}",
)
_RESIZE_ALL_BY = {
    "large": (
        "(enlarge|grow|magnify|upscale|expand|scale up) {x}",
        "(increase|raise|boost) {size_of}",
        "scale {x} up",
        "make {x} (bigger|larger)",
        "(let|have) {x} grow",
    ),
    "small": (
        "(shrink|reduce|downsize|downscale|scale down|shrink down) {x}",
        "(decrease|reduce|lower) {size_of}",
        "(scale|shrink) {x} down",
        "make {x} smaller",
        "(let|have) {x} shrink",
    ),
}
_RESIZE_ALL_SENTENCES = (
    "{size_of} should be {size}",
    "{x} (should|must|ought to|{needs} to|{has} to) (become|be made|be) {s}",
    "(can|could) {x} be made {s}?",
    "what if {x} (became|got) {s}?",
    "(i want|i'd like) {x} to (become|get|be) {s}",
)


def resize_all(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects]:
    size = edit.said["to_size"]
    orders: list[str] = list(_RESIZE_ALL)
    words = size_name(rng, size).removesuffix("-sized")
    if all(o.size != size for o in edit.about):  # what is large already is not to be made larger
        orders.extend(_RESIZE_ALL_BY[size])
        if chance(rng, 0.4):
            words = expand(rng, {"large": "(bigger|larger)", "small": "smaller"}[size])
    slots = {"s": words, "size": size}
    return Recipe(orders, ("{s}",), _RESIZE_ALL_SENTENCES, (), slots), group(rng, edit)


_BACKGROUND = (
    "(make|make|make|color|colour|paint|turn|tint|dye) {x} {c}",
    "(make|paint|turn|color) {x} {c}",
    "(change|switch|set|update|turn|adjust) {x} to {c}",
    "(change|switch|set|update) {color_of} to {c}",
    "(recolor|recolour|repaint) {x} (in|to) {c}",
    "fill {x} (with|in) {c}",
    "give {x} (a {c} color|the color {c}|a coat of {c} paint)",
    "(let|have) {x} (be|become|turn) {c}",
    "(swap|exchange|switch) {x} for {a} one",
    "(change|switch|turn) {x} from {old} to {c}",
    "replace {x} (with|by) {a} one",
    "make {x} {c} instead of {old}",
)
_BACKGROUND_OWN = (
    "(swap|exchange) the {old} background for {a} one",
    "replace the {old} background (with|by) {a} (one|background)",
    "(put|place|set|draw|show) {all} (on|against|in front of) {a} (background|backdrop|canvas)",
    "put {a} (background|backdrop) behind {all}",
    "(use|pick|choose|take|add|set|apply) {a} (background|backdrop)",
    "use {a} (background|backdrop) (instead|instead of {old}|instead of the {old} one)",
    "(use|pick|choose|take) {c} (for|as) the (background|backdrop|background color)",
    "give (the picture|the image|this picture|the scene) {a} (background|backdrop)",
    "(make|paint|color) everything behind {shapes} {c}",
    "(change the {old} (behind {shapes}|in the background) to|replace the {old} behind {shapes} with) {c}",
    "(turn|paint|make) the {old} (background|backdrop) {c}",
    "set {a} backdrop",
)
_BACKGROUND_STATES = ("{c}", "{c}", "{c} (instead of {old}|rather than {old}|and not {old}|instead)")
_BACKGROUND_SENTENCES = (
    "(i want|i'd like|i need|i'd prefer|give me) {a} (background|backdrop|background color)( instead| please||)",
    "{a} (background|backdrop)(, please| please| instead|, thanks)",
    "{c} (background|backdrop)(, please| please| instead|)",
    "(background|backdrop|bg|background color)(:| ->| =| to|) {c}",
    "(the same|same) (picture|image|scene|thing)(,|) (but |just |)(on|with|against) {a} (background|backdrop)",
    "(the same|same) {shapes_bare} on {a} background",
    "{shapes} should (be|stand|sit) (on|against|in front of) {a} (background|backdrop)",
    "(can|could|may) (i|we) (have|get|see) (this|it|the picture) (on|with|against) {a} background?",
    "(how would (it|this) look|what would (it|this) look like) (on|with|against) {a} background?",
    "what if {x} (turned|became) {c}?",
    "instead of {old}, {x} should be {c}",
    "(behind {shapes}, it|what is behind {shapes}|the space behind {shapes}) should be {c}",
    "{x} is {old}, but (it should be|i want it|i'd like it|it must be) {c}",
    "{x} (should|must|has to|needs to) (become|turn|change to|be changed to|be painted|go) {c}",
    "(how|what) about {a} (background|backdrop)( instead||)?",
    "(can|could) {x} be (made|painted|turned|changed to|colored) {c}?",
    "(the picture|the image|the scene) (should have|needs|must have|could use) {a} background",
    "{c} would be (better|nicer) (for|as) the background",
    "no more {old} background, (make it {c}|i want {c}|{c} instead)",
)
_BACKGROUND_COMPLAINTS = (
    "i don't like {x}",
    "i don't like {color_of}",
    "{x} is {old} now",
    "i'm tired of {x} being {old}",
    "{old} is the wrong color for {x}",
    "{x} has the wrong color",
)


def background(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects]:
    word, many = color_name(rng, edit.said["color"]), len(edit.source.objects) > 1
    slots = {
        "c": word,
        "a": article(word),
        "old": edit.source.background,
        "all": expand(rng, "(everything|the shapes|the objects|all shapes)" if many else "the (shape|object)"),
        "shapes": expand(rng, "the (shapes|objects|figures)" if many else "the (shape|object|figure)"),
        "shapes_bare": expand(rng, "(shapes|objects|figures)" if many else "(shape|object|figure)"),
    }
    sentences = (*_BACKGROUND_SENTENCES, *_BACKGROUND_SENTENCES[:6])
    recipe = Recipe(
        (*_BACKGROUND, *_BACKGROUND_OWN),
        _BACKGROUND_STATES,
        sentences,
        _BACKGROUND_COMPLAINTS,
        slots,
        again=_BACKGROUND,
    )

    def draw(short: bool, pronoun: bool) -> Subject:
        templates = (
            "the background",
            "the background",
            "the (backdrop|canvas|background color|whole background|entire background)",
            "(this|that) background",
            "" if short else f"the (area|space|surface) (behind|around) {slots['shapes']}",
            "the {old} background",
        )
        words = expand(rng, templates, old=edit.source.background)
        return Subject(words or "the background")

    return recipe, draw


_SWAP_COLORS = (
    "(swap|exchange|switch|interchange|trade|flip) {colors_of}",
    "(swap|exchange|switch) the colors (of|between) {a} and {b}",
    "(let|have|make) {x} (swap|trade|exchange|switch) (colors|their colors)",
    "give {a} the color of {b} and (the other way round|the other way around|vice versa|give {b} the color of {a})",
    "give {a} {b_color} and {b} {a_color}",
    "(make|paint|color|turn) {a} {old_b} and {b} {old_a}",
    "(paint|color) {a} in the color of {b} and (vice versa|the other way round|{b} in the color of {a})",
    "swap the color of {a} (with|and) the color of {b}",
    "(exchange|switch|swap) {a_color} (with|and) {b_color}",
)
_SWAP_COLORS_FURTHER = (
    "(reverse|turn around|cross over|rotate) {colors_of}",
    "(let|have) {a} take {b_color} and {b} {a_color}",
    "(let|have) {a} (be|become|turn) {old_b} and {b} {old_a}",
    "(recolor|repaint) {a} in {old_b} and {b} in {old_a}",
    "(make|turn|paint) {a} {old_b} (while|and at the same time) (making|turning|painting) {b} {old_a}",
    "(change|turn) {a} from {old_a} to {old_b} and {b} from {old_b} to {old_a}",
    "(take|use) {a_color} for {b} and {b_color} for {a}",
    "put {a_color} on {b} and (vice versa|the other way round|{b_color} on {a})",
    "color {a} like {b} and {b} like {a}",
    "(let|have|make) {a} and {b} (trade|exchange|swap) (paint|hues|colors with each other)",
)
_SWAP_COLORS_AGAIN = (
    "(swap|exchange|switch|interchange|trade|flip) {colors_of}",
    "(let|have|make) {x} (swap|trade|exchange|switch) (colors|their colors)",
    "give each the other's color",
    "give each of them the color of the other",
)
_SWAP_COLORS_SENTENCES = (
    "{x} (should|must|ought to|have to|need to|could) (swap|trade|exchange|switch) (colors|their colors)",
    "{a} should (have|get|take|take on) {b_color} and {b} {a_color}",
    "{a} (should|must) (have|get) the color of {b} and (vice versa|the other way round|the other way around)",
    "{a} should be {old_b} and {b} (should be |){old_a}",
    "(i want|i'd like) {x} to (swap|trade|exchange|switch) (colors|their colors)",
    "(i want|i'd like) {a} to be {old_b} and {b} to be {old_a}",
    "(i want|i'd like|i'd like to see) {colors_of} (swapped|exchanged|switched|the other way round|interchanged)",
    "(can|could|should) {x} (swap|trade|exchange|switch) colors(, please|)?",
    "(can|could) {colors_of} be (swapped|exchanged|switched|interchanged)?",
    "{colors_of} should be (swapped|exchanged|switched|the other way round|interchanged|reversed)",
    "(the same|same) picture with {colors_of} (swapped|exchanged|switched|interchanged)",
    "what if {x} (swapped|traded|exchanged|switched) colors?",
    "{colors_of} are the wrong way round, (swap|switch|exchange) them",
    "(a color swap|swapped colors) for {x}(, please|)",
    "{a} gets {b_color} and {b} gets {a_color}",
    "{a} in {old_b} and {b} in {old_a}(, please|)",
    "{a} (takes|takes over|wears|borrows) {b_color} and {b} (takes|takes over|wears|borrows) {a_color}",
    "{a} becomes {old_b} and {b} becomes {old_a}",
    "{a} turns {old_b}(, and|, while| and) {b} turns {old_a}",
    "(could|can|would) {a} be {old_b} and {b} {old_a}?",
    "(each|each one) of {x} should have the other's color",
    "{a} is {old_a} and {b} is {old_b}, (but it should be|i want it|make it) the other way round",
    "the {old_a} of {a} and the {old_b} of {b} should (trade places|be swapped|be exchanged)",
)


def swap_colors(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects] | None:
    a, b = edit.about
    refs = [reference(rng, edit.source, o, short=True) for o in (a, b)]
    if refs[0] is None or refs[1] is None:
        return None
    one, two = refs if chance(rng, 0.5) else refs[::-1]
    first, second = (a, b) if one == refs[0] else (b, a)
    slots = {"a": str(one), "b": str(two), "old_a": first.color, "old_b": second.color}
    for name in "ab":
        slots[f"{name}_color"] = expand(rng, f"({slots[name]}'s color|the color of {slots[name]})")
    recipe = Recipe(
        _SWAP_COLORS + _SWAP_COLORS_FURTHER, (), _SWAP_COLORS_SENTENCES, (), slots, again=_SWAP_COLORS_AGAIN
    )
    return recipe, lambda short, pronoun: Subject(f"{one} and {two}", many=True)
