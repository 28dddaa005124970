"""Questions of where objects are from each other that the templates do not ask."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import plural
from unitok.data.world.question import Question, truth
from unitok.data.world.questions_of_scenes import count_answers
from unitok.data.world.reworded.asking import Ways, ask
from unitok.data.world.reworded.mentions import any_plural, mention, relation_slots
from unitok.data.world.reworded.questions_of_pairs import ask_beside, ask_which_of_two
from unitok.data.world.reworded.references import PRONOUNS, a_noun
from unitok.data.world.scene import OPPOSITE, RELATIONS, SHAPES, Object, Scene, holds, is_held_out_relation
from unitok.data.world.spec_sampling import clearly
from unitok.data.world.templates import chance, expand, pick

_UNCLEAR = 0.03
"""An object less than this far on a side of another is clearly not there."""
_APART = 0.12
"""The higher of two objects is at least this much higher."""

_SEEN = "(do|can) you (see|find|spot)"

_IS_BESIDE = Ways(
    direct=(
        "is there {any} {rel} {b}",
        "is there {any} {rel} {b}",
        f"{_SEEN} {{any}} {{side}} {{b}}",
        "does {b} have {any} {toit}",
        "has {b} got {any} {toit}",
        "is {any} {rel} {b}",
        "is {any} (placed|located|drawn|to be found|to be seen) {side} {b}",
        "does {any} (lie|sit|appear|stand) {side} {b}",
        "is {any} {comp} than {b}",
        "can {any} be (seen|found) {side} {b}",
        "{side} {b}, is there {any}",
        "(going|looking|moving) {way} from {b}, do (i|you) (find|see|meet) {any}",
        "would (i|you) find {any} {side} {b}",
    ),
    bare=("{any} {side} {b}", "{any} {side} {b}, yes or no", "{side} {b}: {any}"),
    statements=(
        ("there is {some} {rel} {b}", "isn't there"),
        ("there is {some} {rel} {b}", "isn't there"),
        ("{b} has {some} {toit}", "doesn't it"),
        ("{some} is {rel} {b}", "isn't it"),
        ("you (see|find) {some} {side} {b}", "don't you"),
        ("{some} (lies|sits|appears) {side} {b}", "doesn't it"),
    ),
    answer="yes or no",
)

_COUNT_BESIDE = Ways(
    direct=(
        "how many {xs} are (there |){rel} {b}",
        "how many {xs} are {rel} {b}",
        "how many {xs} are (placed|located|drawn) {side} {b}",
        "how many {xs} (lie|sit|appear|can be seen|do you see|can you find) {side} {b}",
        "how many {xs} does {b} have {toit}",
        "how many {xs} has {b} got {toit}",
        "{b} has how many {xs} {toit}",
        "how many of the {xs} are {rel} {b}",
        "what is the number of {xs} {rel} {b}",
        "{side} {b}, how many {xs} (are there|do you see|can be seen)",
        "(going|looking|moving) {way} from {b}, how many {xs} do (i|you) (see|find)",
        "(can|could) you count the {xs} {side} {b}",
        "how many {xs} are {comp} than {b}",
    ),
    clauses=(
        "how many {xs} (there are|you see|you can see) {side} {b}",
        "how many {xs} are {rel} {b}",
        "how many {xs} {b} has {toit}",
    ),
    nouns=("the number of {xs} {rel} {b}",),
    orders=("count the {xs} {rel} {b}", "count how many {xs} are {rel} {b}"),
    bare=("number of {xs} {side} {b}", "how many {xs} {side} {b}", "{xs} {side} {b}: how many"),
    answer="the number",
)

_FURTHER: dict[str, tuple[str, str]] = {
    "left of": (
        "(further (to the |)left|farther left|more to the left|closer to the left edge)",
        "the one (further left|more to the left|closer to the left edge)",
    ),
    "right of": (
        "(further (to the |)right|farther right|more to the right|closer to the right edge)",
        "the one (further right|more to the right|closer to the right edge)",
    ),
    "above": ("(higher|higher up|further up|closer to the top|placed higher)", "(the higher one|the upper one)"),
    "below": ("(lower|lower down|further down|closer to the bottom|placed lower)", "(the lower one)"),
}


def _anchor(rng: np.random.Generator, scene: Scene, obj: Object, split: str) -> str | None:
    ref = mention(rng, scene, obj, split, places=False, beside=False)
    return None if ref is None or ref in PRONOUNS else ref


def _clear(relation: str, objects: list[Object], anchor: Object) -> bool:
    """Whether each of ``objects`` is clearly on that side of ``anchor`` or clearly not."""
    return all(clearly(relation, o, anchor) or not holds(relation, o, anchor, _UNCLEAR) for o in objects)


def _sides(scene: Scene, split: str) -> list[tuple[Object, str, list[Object]]]:
    """The anchors and relations that are clear for all other objects, with those that are on that side."""
    found: list[tuple[Object, str, list[Object]]] = []
    for anchor in scene.objects:
        others = [o for o in scene.objects if o is not anchor]
        for relation in RELATIONS:
            there = [o for o in others if holds(relation, o, anchor, _UNCLEAR)]
            if not _clear(relation, others, anchor):
                continue
            if split == "train" and any(is_held_out_relation(o.shape, relation, anchor.shape) for o in there):
                continue
            found.append((anchor, relation, there))
    return found


def is_anything_there(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``does the ring have anything to its left?``, when the scene has a side that does and one that does not."""
    sides = _sides(scene, split)
    want = chance(rng, 0.5)
    if len({bool(there) for _, _, there in sides}) < 2:
        return None
    anchor, relation, _ = pick(rng, [side for side in sides if bool(side[2]) == want])
    ref = _anchor(rng, scene, anchor, split)
    if ref is None:
        return None
    thing = expand(rng, "(anything|any (other |)(shape|object|thing)|something|another (shape|object))")
    some = expand(rng, "(something|another (shape|object)|some (other |)(shape|object))")
    text = ask(rng, _IS_BESIDE, any=thing, some=some, b=ref, **relation_slots(rng, relation, OPPOSITE[relation]))
    subject = f"anything {relation} {scene.objects.index(anchor)}"
    return Question(text, truth(want), "relation", subject, "is anything there", (anchor,), {"relation": relation})


def is_shape_there(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``is there a star above the ring?``: no is mostly said of a shape that is elsewhere."""
    want = chance(rng, 0.5)
    found = [side for side in _sides(scene, split) if side[2]]
    if not found:
        return None
    anchor, relation, there = pick(rng, found)
    shapes = sorted({o.shape for o in there})
    if not want:
        elsewhere = [o.shape for o in scene.objects if o is not anchor and o.shape not in shapes]
        absent = [s for s in SHAPES if s not in shapes and s != anchor.shape]  # "a star above the star" gives it away
        others = elsewhere if elsewhere and chance(rng, 0.7) else absent
        shapes = sorted(set(others))
    shape = pick(rng, shapes)
    ref = _anchor(rng, scene, anchor, split)
    if ref is None or (split == "train" and is_held_out_relation(shape, relation, anchor.shape)):
        return None
    a = a_noun(rng, None, None, shape)
    text = ask(rng, _IS_BESIDE, any=a, some=a, b=ref, **relation_slots(rng, relation, OPPOSITE[relation]))
    subject = f"{shape} {relation} {scene.objects.index(anchor)}"
    said = {"relation": relation, "shape": shape}
    return Question(text, truth(want), "relation", subject, "is shape there", (anchor,), said)


def count_there(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``how many shapes are left of the ring?``; none is asked about less often, as each scene has a side with none."""
    sides = _sides(scene, split)
    if not sides or len(scene.objects) < 2:
        return None
    number = pick(rng, sorted({len(there) for _, _, there in sides}))
    if number == 0 and chance(rng, 0.6):
        return None
    anchor, relation, there = pick(rng, [side for side in sides if len(side[2]) == number])
    ref = _anchor(rng, scene, anchor, split)
    if ref is None:
        return None
    said = {"relation": relation}
    xs = any_plural(rng)
    if there and chance(rng, 0.3):
        shape = pick(rng, there).shape
        said["shape"], xs = shape, plural(shape)
        number = sum(o.shape == shape for o in there)
    text = ask(rng, _COUNT_BESIDE, xs=xs, b=ref, **relation_slots(rng, relation, OPPOSITE[relation]))
    subject = f"how many {sorted(said.items())} {scene.objects.index(anchor)}"
    return Question(text, count_answers(number), "count", subject, "count there", (anchor,), said)


def size_there(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``what size is the thing left of the ring?``"""
    sides = [side for side in _sides(scene, split) if len(side[2]) == 1]
    if not sides:
        return None
    anchor, relation, there = pick(rng, sides)
    ref = _anchor(rng, scene, anchor, split)
    if ref is None:
        return None
    text = ask_beside(rng, ref, relation, "size")
    subject = f"size {relation} {scene.objects.index(anchor)}"
    return Question(
        text, size_answers(there[0]), "relation", subject, "size there", (there[0], anchor), {"relation": relation}
    )


def size_answers(obj: Object) -> tuple[str, ...]:
    return (obj.size, "big") if obj.size == "large" else (obj.size, "little")


def which_is_further(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``which is higher, the star or the ring?``"""
    if len(scene.objects) < 2:
        return None
    i, j = rng.permutation(len(scene.objects))[:2].tolist()
    a, b = scene.objects[i], scene.objects[j]
    options = [r for r in RELATIONS if holds(r, a, b, _APART)]
    if not options:
        return None
    relation = pick(rng, options)
    if split == "train" and is_held_out_relation(a.shape, relation, b.shape):
        return None
    word, noun = (expand(rng, words) for words in _FURTHER[relation])
    asked = ask_which_of_two(rng, scene, a, b, split, word, noun)
    if asked is None:
        return None
    return Question(
        asked[0],
        asked[1],
        "relation",
        f"which is {relation} {i} {j}",
        "which is further",
        (a, b),
        {"relation": relation},
    )
