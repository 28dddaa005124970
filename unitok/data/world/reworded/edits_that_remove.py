"""The wordings of edits that take objects away: one, all of a kind, or all but some."""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.phrases import article
from unitok.data.world.references import describing_sets, names_of
from unitok.data.world.reworded.edit_recipe import Recipe, Subjects
from unitok.data.world.reworded.groups import group, names_said
from unitok.data.world.reworded.references import noun_named, noun_of
from unitok.data.world.scene import Object, Scene
from unitok.data.world.templates import chance

_ORDERS = (
    "(remove|delete|erase|eliminate|discard|scrap|ditch|omit|exclude|cut|clear|hide) {x}",
    "(remove|delete|erase) {x}",
    "(remove|delete|erase|take|clear|wipe|cut|strip|drop) {x} from (the picture|the image|this picture|the scene)",
    "(get rid|dispose) of {x}",
    "do away with {x}",
    "(take|throw|cut|leave|wipe|rub) {x} out",
    "take {x} (away|out|off|off the picture|out of the picture)",
    "(take away|take out|take off|wipe out|wipe away|rub out|throw out|throw away|clear away|leave out|cut out) {x}",
    "make {x} (disappear|vanish|go away|go|be gone)",
    "(let|have) {x} (disappear|vanish|be gone)",
    "lose {x}",
    "(draw|show) the (same picture|picture|scene) without {x}",
    "clean {x} (away|off the picture)",
    "wipe {x} (away|off|off the picture)",
    "(remove|erase|delete) {x} (completely|entirely|altogether)",
)
_STATES = (
    "(gone|gone|removed|deleted|erased|taken out|taken away|left out|absent|out of the picture|out of here)",
    "(no longer there|no longer in the picture)",
)
_SENTENCES = (
    "{x} (must|should|{has} to|{needs} to) (go|disappear|vanish|go away)",
    "{x} (can|may|{has} to) go",
    "i (don't|do not) (want|need|like to see|want to see) {x}( anymore| any more| any longer|)",
    "i (don't|do not) want {x} (there|in the picture|in it|in there|here)( anymore|)",
    "(i want|i'd like|i need|give me|show me) (the picture|the image|the scene|the same picture) without {x}",
    "(the same|same) (picture|image|scene|thing)(,|) (but |only |just ||)(without|minus) {x}",
    "(without|minus) {x}(, please| please)",
    "(how would (it|this|the picture) look|what would (it|this) look like) without {x}?",
    "(can|could|may) (i|we) (have|get|see) (it|this|the picture) without {x}?",
    "(can|could) {x} be (removed|deleted|erased|taken out|left out|taken away)?",
    "what if {x} weren't there?",
    "what if {x} (disappeared|vanished)?",
    "i could do without {x}",
    "{x} {is} (superfluous|unnecessary|out of place)",
    "{x} {does} not belong (there|here|in the picture)( anymore|)",
    "{x} shouldn't be (there|in the picture|here)",
    "(the picture|the image|it|the scene) (is|would be|looks|would look) (better|nicer) without {x}",
    "everything but {x} (should|can|may) stay",
    "keep everything (except|but|except for|other than|apart from) {x}",
    "we (don't need|no longer need|have no need for) {x}",
    "(there's no need for|no need for) {x}( anymore|)",
)
_COMPLAINTS = (
    "i don't (like|need|want) {x}( anymore|)",
    "{x} (bothers|disturbs|annoys) me",
    "{x} (doesn't belong there|is in the way|is out of place|doesn't fit|is a mistake|shouldn't be there)",
    "i never asked for {x}",
)


def remove(rng: np.random.Generator, edit: Edit) -> Recipe:
    (old,) = edit.about
    sentences = list(_SENTENCES)
    slots = {}
    if named := bare(rng, edit.source, old):
        slots |= {"n": named, "an": article(named)}
        sentences += [
            "no {n}(, please| please| anymore|, thanks)",
            "there (shouldn't|should not|mustn't) be (any {n}|{an})( there| in the picture|)",
            "(the picture|the image|it) should have no {n}",
            "i don't want (any {n}|{an}) (there|in the picture|in it)",
        ]
    if len(edit.source.objects) == 2:
        (other,) = edit.target.objects
        if rest := bare(rng, edit.source, other):
            slots["rest"] = rest
            sentences += _KEEP_ONLY
    return Recipe(_ORDERS, _STATES, sentences, _COMPLAINTS, slots, better=False)


_KEEP_ONLY = [
    "(keep|leave|show) (only|just|nothing but) the {rest}",
    "(remove|delete|erase|get rid of|take away) everything (but|except|except for|apart from|other than) the {rest}",
    "only the {rest} should (stay|remain|be left|be kept|be there)",
    "i (only|just) (want|need) (to keep |to see |)the {rest}",
    "nothing but the {rest} should (stay|remain|be left)",
    "leave the {rest}( there|), (remove|erase|delete|take away) (the rest|everything else|all else)",
    "the {rest} can stay, (the rest|everything else) (must|should|has to|can) go",
    "the same picture with (only|just|nothing but) the {rest}",
]
"""All but ``the {rest}`` goes."""


def bare(rng: np.random.Generator, scene: Scene, obj: Object) -> str | None:
    """A noun that fits ``obj`` alone, without an article."""
    sets = [subset for subset in describing_sets(scene, obj) if "shape" in subset]
    if not sets:
        return None
    names = names_of(obj, sets[0])
    return noun_of(rng, names.get("size"), names.get("color"), names.get("shape"))


def remove_all(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects]:
    if chance(rng, 0.45):  # "i don't want all the stars" may mean some of them: orders only
        orders = [order for order in _ORDERS if "without" not in order]
        return Recipe(orders, _STATES[:1], better=False), group(rng, edit)
    slots = {"n": noun_named(rng, names_said(edit), many=True)}
    sentences = [
        *_SENTENCES,
        "no {n}(, please| please| anymore|, thanks)",
        "no more {n}(, please| please|)",
        "there (shouldn't|should not|mustn't) be any {n}( there| in the picture|)",
        "(the picture|the image|it) should have no {n}",
        "there should be no {n}( left| in the picture|)",
        "i don't want any {n} (there|in the picture|in it)",
        "not a single one of the {n} should (stay|remain|be left)",
    ]
    if rest := _rest(rng, edit):
        slots["rest"] = rest
        sentences += _KEEP_ONLY * 2
    return Recipe(_ORDERS, _STATES, sentences, (), slots, better=False), group(rng, edit, definite=True)


def _rest(rng: np.random.Generator, edit: Edit) -> str | None:
    """Words for just the objects that stay, without an article."""
    left = edit.target.objects
    if len(left) == 1:
        return bare(rng, edit.source, left[0])
    for attributes in (("shape",), ("color",), ("size",), ("color", "shape")):
        names = names_of(left[0], attributes)
        if set(edit.source.find(**names)) == set(left):
            return noun_named(rng, names, many=True)
    return None
