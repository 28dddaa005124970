"""The wordings of edits that put objects somewhere: new ones, moves, two that trade places."""

from __future__ import annotations

import numpy as np

from unitok.data.world.edit import Edit
from unitok.data.world.phrases import article
from unitok.data.world.reworded.edit_recipe import Recipe, Subject, Subjects, reference
from unitok.data.world.reworded.places import at_place, farther, to_place, way
from unitok.data.world.reworded.references import noun_of, relation_words
from unitok.data.world.spec import Where
from unitok.data.world.templates import chance, expand, pick

_ADD_THERE = (
    "(add|add|add|draw|put|place|insert|paint|position|include|set|sketch) {n} {t}",
    "(add|draw|put|place|insert|paint) {n} {t}",
    "(squeeze in|add in|put in|draw in|pop in|throw in|stick in|fit in|paint in|place) {n} {t}",
    "(have|let|make) {n} appear {t}",
    "(stick|pop|squeeze|fit|slip) {n} {t}",
    "also (add|draw|put|place|paint) {n} {t}",
    "(add|draw|put|place) {n} {t} (as well|too)",
)
_ADD_SOMEWHERE = (
    "(add|add|add|insert|include|draw in|put in|paint in|throw in) {n}",
    "(squeeze in|pop in|fit in|stick in|bring in|sketch in) {n}",
    "(add|insert|draw|paint|put|place) {n} (somewhere|somewhere in the picture|anywhere|anywhere you like)",
    "(add|insert|draw|paint|put|place) {n} (where there is room|in a free spot|in an empty spot)",
    "(add|bring|introduce) {n} (to|into) (the picture|the image|the scene|this picture|the drawing)",
    "(put|place|draw|paint|insert|include|fit|squeeze|stick) {n} (in|into) (the picture|the image|the scene)",
    "(draw|paint|add|include|insert|put in) {n} (too|as well|in addition)",
    "also (add|draw|paint|include|put in|insert) {n}",
    "(have|let|make) {n} appear (somewhere|in the picture||)",
    "extend the picture (by|with) {n}",
    "(complete|complement|extend) the picture with {n}",
)
_ADD_SENTENCES = (
    "there should (also |||)be {n} {t}",
    "there (must|ought to|needs to|has to) be {n} {t}",
    "(i want|i'd like|i also want|i'd also like|i also need|we also need) {n} {t}",
    "(i'd like|i want|i'd love) to (see|have) {n} {t} (as well|too)",
    "(there {is}|i see there {is}) {n} missing {t}",
    "{n} {is} missing {t}",
    "what's (missing|needed|lacking) is {n} {t}",
    "(the picture|the image|the scene|it) (needs|could use|should have|lacks|should also have|should contain) {n} {t}",
    "(plus|and also|also|additionally,) {n} {t}(, please| please|)",
    "(the same|same) picture(,|) (plus|but with|only with|with) {n} {t}",
    "(the same|same) picture(,|) but there {is} (also |){n} {t}",
    "(how would (it|this|the picture) look|what would (it|this|the picture) look like) with {n} {t}?",
    "(how|what) about adding {n} {t}?",
    "(can|could|may) (i|we) also (get|have) {n} {t}?",
    "(can|could) there be {n} {t}, please?",
    "(could|can) you find room for {n} {t}?",
    "{n} should (also |)(appear|be added|be drawn|show up) {t}",
    "it would be (nice|great|better|lovely) to (have|see) {n} {t}",
    "it would be (nice|great|better) if there (was|were) {n} {t}",
    "what if there (was|were) (also |){n} {t}?",
    "i (wish there was|miss|would appreciate|could use) {n} {t}",
    "(make it so that|change the picture so that|edit the image so that|make sure) there {is} {n} {t}",
)
_ADD_THERE_SENTENCES = (
    "{t}(,|) (add|draw|put|place|paint|insert) {n}",
    "{t}(,|) (there should be|i want|i'd like|i need|i'd like to see) {n}",
    "{n} {goes} {t}",
    "{n} {belongs} {t}",
    "{t}(,|) there {is} {n} missing",
    "leave everything as it is, but (add|put|draw) {n} {t}",
)


def add(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects] | None:
    wanted, number = edit.wanted[0], len(edit.wanted)
    noun = noun_of(rng, wanted.size, wanted.color, wanted.shape, many=number > 1)
    again = "again" in edit.said
    if number > 1:
        phrase = (
            expand(rng, "(two more|2 more|another two|two extra)" if again else "(two|two|2|a pair of)") + f" {noun}"
        )
    elif again:
        phrase = expand(rng, "(another|another|one more|an additional|an extra|a further) {n}", n=noun)
    else:
        phrase = article(noun)
    orders, tail, sentences = _ADD_SOMEWHERE, "", list(_ADD_SENTENCES)
    if wanted.where != Where():
        where = _where(rng, edit, wanted.where)
        if where is None:
            return None
        orders, tail, sentences = _ADD_THERE, where, [*sentences, *_ADD_THERE_SENTENCES]
    elif chance(rng, 0.2):
        tail = "somewhere"
    many = number > 1
    slots = {"n": phrase, "t": tail, "goes": "go" if many else "goes", "belongs": "belong" if many else "belongs"}
    sentences = [s.replace("(was|were)", "were").replace("there was", "there were") if many else s for s in sentences]
    recipe = Recipe(orders, (), sentences, (), slots, again=())
    return recipe, lambda short, pronoun: Subject("", many)


def _where(rng: np.random.Generator, edit: Edit, where: Where) -> str | None:
    if where.anchor is None:
        return at_place(rng, (where.row, where.column))
    ref = reference(rng, edit.source, where.anchor, short=True)
    return f"{relation_words(rng, str(where.relation))} {ref}" if ref else None


_MOVE = (
    "(move|move|move|shift|push|slide|nudge|drag|pull|scoot) {x} {w}",
    "(move|shift|push|slide) {x} {w}",
    "(bring|put|place|position) {x} {f}",
    "(make|let|have) {x} (go|move|shift|slide) {w}",
)
_MOVE_STATES = ("{f}", "{f}", "{f} than it is( now|)", "(moved|shifted|pushed) {w}")
_MOVE_SENTENCES = (
    "{x} (should|must|needs to|has to|ought to) (go|move|be moved|be shifted|slide) {w}",
    "(can|could) {x} be (moved|shifted|pushed|placed) {w}?",
    "(i want|i'd like|i need) {x} (moved|shifted|to move|to go|pushed) {w}",
    "what if {x} (moved|was moved|went|was shifted) {w}?",
    "{x} belongs {f}",
    "{w} with {x}",
    "(the same|same) picture with {x} (moved|shifted) {w}",
)
_TOO_FAR = {
    "left of": "too far (right|to the right)",
    "right of": "too far (left|to the left)",
    "above": "too (low|far down)",
    "below": "too (high|far up)",
}
_LIFTS = {"above": "(raise|lift|lift up)", "below": "(lower|bring down)"}


def move(rng: np.random.Generator, edit: Edit) -> Recipe:
    where = edit.wanted[0].where
    relation, little = str(where.relation), where.margin < 0.1
    slots = {
        "w": way(rng, relation, little),
        "f": farther(rng, relation, little),
        "far": expand(rng, _TOO_FAR[relation]),
    }
    orders, sentences = _MOVE, _MOVE_SENTENCES
    complaints = ("{x} (is|sits|looks|stands) {far}", "{x} is {far} for my taste")
    if relation in _LIFTS:
        tail = expand(rng, "(a bit|a little|slightly)") if little else ""
        orders = (*orders, f"{_LIFTS[relation]} {{x}} {tail}")
    if not little:
        sentences = (*sentences, "{x} (is|sits|stands) {far}")
    return Recipe(orders, _MOVE_STATES, sentences, complaints, slots, short=True)


_TO_PLACE = (
    "(move|move|move|shift|bring|relocate|send|transfer|slide|drag|push|carry|take|transport) {x} {to}",
    "(put|put|put|place|set|position|stick|park|locate) {x} {at}",
    "(let|have|make) {x} (go|move) {to}",
    "(let|have) {x} (be|sit|stand) {at}",
    "(move|put|place|shift|position) {x} so that it (is|ends up|sits) {at}",
    "(change|set) {place_of} to {part}",
    "make {part} the place of {x}",
    "get {x} {to}",
    "(pick up {x} and|take {x} and) (put|place) it {at}",
)
_TO_PLACE_STATES = ("{at}", "{at}", "{at}", "(placed|positioned|located|put) {at}", "moved {to}")
_TO_PLACE_SENTENCES = (
    "{x} (should|must|needs to|has to|ought to) (go|move|be moved|be brought|be shifted) {to}",
    "{x} (should|must) (sit|stand|be found|end up|be placed) {at}",
    "(can|could) {x} be (moved {to}|placed {at}|put {at}|positioned {at})?",
    "(i want|i'd like|i need) {x} (moved {to}|to be moved {to}|to go {to}|placed {at}|put {at})",
    "{x} (belongs|goes) {at}",
    "the (proper|new) place for {x} is {at}",
    "what if {x} (moved|was moved|went) {to}?",
    "{to} with {x}",
    "(the same|same) picture with {x} (moved {to}|placed {at})",
    "{at} is where (i want {x}|{x} belongs|{x} should be|{x} should go)",
    "instead of where it is now, {x} should be {at}",
)
_TO_PLACE_COMPLAINTS = (
    "{x} is in the wrong (place|spot)",
    "i don't like where {x} is",
    "{x} shouldn't be there",
    "{x} (stands|sits) in the wrong place",
)


def move_to_place(rng: np.random.Generator, edit: Edit) -> Recipe:
    where = edit.wanted[0].where
    place = where.row, where.column
    slots = {"to": to_place(rng, place), "at": at_place(rng, place)}
    slots["part"] = slots["at"].partition(" ")[2]
    return Recipe(_TO_PLACE, _TO_PLACE_STATES, _TO_PLACE_SENTENCES, _TO_PLACE_COMPLAINTS, slots, short=True)


_BESIDE = (
    "(move|move|move|put|put|place|position|shift|bring|set|relocate|stick|drag|slide|get) {x} {r} {y}",
    "(move|put|place|shift|position|arrange) {x} so (that |)it (is|ends up|sits|comes to lie|stands) {r} {y}",
    "(move|bring|take|shift) {x} to (the|a) (spot|place|position|free spot) {r} {y}",
    "(let|have) {x} (be|sit|stand|go) {r} {y}",
    "(move|shift|bring) {x} (over|across|until it is|so that it is) {r} {y}",
    "take {x} and (put|place) it {r} {y}",
)
_BESIDE_STATES = ("{r} {y}", "{r} {y}", "(placed|positioned|located|put|moved) {r} {y}")
_BESIDE_SENTENCES = (
    "{x} (should|must|needs to|has to|ought to) (go|be moved|be placed|be put|sit|stand|end up|move) {r} {y}",
    "{x} (belongs|goes) {r} {y}",
    "(can|could) {x} be (moved|placed|put|positioned) {r} {y}?",
    "(i want|i'd like|i need) {x} (moved|placed|put|to go|to move|to stand) {r} {y}",
    "the (proper|new) place for {x} is {r} {y}",
    "{r} {y} is where (i want {x}|{x} belongs|{x} should go|{x} should be)",
    "what if {x} (moved|was moved|was placed) {r} {y}?",
    "(the same|same) picture with {x} (moved|placed) {r} {y}",
    "{x} isn't {r} {y}, but it should be",
)


def move_beside(rng: np.random.Generator, edit: Edit) -> Recipe | None:
    where = edit.wanted[0].where
    ref = reference(rng, edit.source, edit.about[1], short=True)
    if ref is None:
        return None
    slots = {"r": relation_words(rng, str(where.relation)), "y": ref}
    return Recipe(_BESIDE, _BESIDE_STATES, _BESIDE_SENTENCES, _TO_PLACE_COMPLAINTS, slots, short=True)


_SWAP_PLACES = (
    "(swap|exchange|switch|interchange|trade|flip) {places_of}",
    "(swap|exchange|switch|interchange) the (positions|places|locations|spots) of {a} and {b}",
    "(swap|exchange|switch) {a} and {b}( around||)",
    "(swap|switch) {a} with {b}",
    "(let|have|make) {x} (swap|trade|exchange|switch|change) (places|positions)",
    "(put|place|move) {a} where {b} is and {b} where {a} is",
    "(move|bring) {a} to the (place|spot|position) of {b} and {b} to (that|the {place}) of {a}",
    "(put|place) {a} in {b_place} and {b} in {a_place}",
    "(put|place|move) {a} where {b} is and (vice versa|the other way round|the other way around)",
)
_SWAP_PLACES_FURTHER = (
    "(let|have) {a} take {b_place} and {b} {a_place}",
    "(bring|move|shift|send) {a} (over |)to where {b} is and {b} to where {a} is",
    "(reverse|turn around|flip around) {places_of}",
    "(let|have) {a} (go|stand|sit) where {b} (is|stands|sits), and {b} where {a} (is|stands|sits)",
    "(make|let) {x} (trade|swap|exchange) (seats|positions with each other|spots with each other)",
    "(move|put|slide) {a} into the (spot|place|position) of {b} and {b} into (that|the {place}) of {a}",
    "(rearrange|reorder|arrange) {a} and {b} (so that|such that) each is where the other (was|is now)",
    "(put|place) {x} in each other's (place|spot|position)",
    "(change|exchange|reverse) the (order|arrangement) of {a} and {b}",
    "(switch|swap) {a} and {b} with each other",
)
_SWAP_PLACES_AGAIN = (
    "(swap|exchange|switch|interchange|trade|flip) {places_of}",
    "(let|have|make) {x} (swap|trade|exchange|switch|change) (places|positions)",
    "put each where the other is",
    "move each to the other's place",
    "swap {x}( around|)",
)
_SWAP_PLACES_SENTENCES = (
    "{x} (should|must|ought to|have to|need to|could) (swap|trade|exchange|switch|change) (places|positions|spots)",
    "(i want|i'd like) {x} to (swap|trade|exchange|switch) (places|positions)",
    "{a} should (be|go|stand) where {b} is and {b} where {a} is",
    "{a} should (be|go) where {b} is (now |)and (vice versa|the other way round)",
    "{a} should (take|have|get) {b_place} and {b} {a_place}",
    "(i want|i'd like|i'd like to see) {x} (swapped|switched|exchanged|interchanged|trade places)",
    "(i want|i'd like) {places_of} (swapped|switched|exchanged)",
    "(can|could) {x} (swap|trade|switch|exchange|change) (places|positions)(, please|)?",
    "(can|could) {places_of} be (swapped|switched|exchanged|interchanged)?",
    "{places_of} should be (swapped|switched|exchanged|interchanged|reversed)",
    "(the same|same) picture with {x} (swapped|switched|having traded places|in each other's place)",
    "what if {x} (swapped|traded|switched) (places|positions)?",
    "{a} (<->|<=>) {b}",
    "{x} are the wrong way round, (swap|switch|exchange) them",
    "{a} goes where {b} is, and {b} goes where {a} is",
    "{a} (takes|takes over|moves to) {b_place}(, and|, while| and) {b} (takes|takes over|moves to) {a_place}",
    "(each|each one) of {x} should be where the other (is|is now)",
    "{a} and {b} (belong|should be|ought to be) in each other's (place|spot|position)",
    "(could|can|would) {a} (go|be|stand) where {b} is and {b} where {a} is?",
    "{x} are (mixed up|in the wrong order), (switch|swap|exchange) them",
    "a (swap|switch|exchange) of {a} and {b}(, please| please|)",
    "(the place|the spot) of {a} for {b}, and (the place|the spot) of {b} for {a}",
    "(the same|same) picture, but {a} is where {b} was and {b} where {a} was",
)


def swap_places(rng: np.random.Generator, edit: Edit) -> tuple[Recipe, Subjects] | None:
    refs = [reference(rng, edit.source, obj, short=True) for obj in edit.about]
    if refs[0] is None or refs[1] is None:
        return None
    one, two = refs if chance(rng, 0.5) else refs[::-1]
    place = pick(rng, ("place", "spot", "position"))
    slots = {"a": str(one), "b": str(two), "place": place}
    for name in "ab":
        slots[f"{name}_place"] = expand(rng, f"({slots[name]}'s {place}|the {place} of {slots[name]})")
    recipe = Recipe(
        _SWAP_PLACES + _SWAP_PLACES_FURTHER, (), _SWAP_PLACES_SENTENCES, (), slots, again=_SWAP_PLACES_AGAIN
    )
    return recipe, lambda short, pronoun: Subject(f"{one} and {two}", many=True)
