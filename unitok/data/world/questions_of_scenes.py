"""Questions about a whole picture: counts, existence, comparison, background."""

from __future__ import annotations

import numpy as np

from unitok.data.world.phrases import NUMBER_WORDS, article, number_word, plain_noun
from unitok.data.world.question import Question, as_typed, truth
from unitok.data.world.questions_of_objects import color_answers
from unitok.data.world.references import named, names_of, refer
from unitok.data.world.scene import COLORS, SHAPES, SIZES, Object, Scene, allowed_pair
from unitok.data.world.templates import chance, expand, pick, pick_weighted

FORMS: dict[tuple[str, ...], float] = {
    ("shape",): 0.3,
    ("color",): 0.15,
    ("color", "shape"): 0.3,
    ("size", "shape"): 0.08,
    ("size", "color"): 0.04,
    ("size",): 0.03,
    ("size", "color", "shape"): 0.1,
}
"""Which attributes a question names, and how often."""

_VALUES: dict[str, tuple[str, ...]] = {"size": tuple(SIZES), "color": tuple(COLORS), "shape": SHAPES}


def absent_names(rng: np.random.Generator, scene: Scene, form: tuple[str, ...], split: str) -> dict[str, str] | None:
    """Names of this form that no object has: hard ones, an object's with a part of another's or near it.

    Colors are mostly those of other objects or of the background, shapes those of other objects.
    """
    for _ in range(12):
        names = names_of(pick(rng, scene.objects), form)
        for name in form:
            if len(form) > 1 and chance(rng, 0.5):
                continue
            other = getattr(pick(rng, scene.objects), name)
            if name == "color" and chance(rng, 0.2):
                other = scene.background
            if chance(rng, 0.4):
                other = pick(rng, _VALUES[name])
            names[name] = other
        if scene.count(**names) == 0 and sayable(names, split):
            return names
    return None


def sayable(names: dict[str, str], split: str) -> bool:
    return allowed_pair(names.get("color", ""), names.get("shape", ""), split)


def ask_existence(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    """Yes and no are equally frequent for every form of the question."""
    there = chance(rng, 0.5)
    names = None
    for _ in range(6):  # a form that no absent object has is drawn again, or yes would be the better guess
        form = pick_weighted(rng, FORMS)
        names = names_of(pick(rng, scene.objects), form) if there else absent_names(rng, scene, form, split)
        if names is not None:
            break
    if names is None:
        return None
    return Question(
        as_typed(rng, _existence_wording(rng, names)),
        truth(there),
        "existence",
        f"exists {sorted(names.items())}",
        "existence",
        said=names,
    )


def _existence_wording(rng: np.random.Generator, names: dict[str, str]) -> str:
    if "shape" not in names and chance(rng, 0.3):
        words = " ".join(names[name] for name in ("size", "color") if name in names)
        return expand(
            rng,
            "(is there|do you see|can you see) (anything|something) {x}( in the (picture|image)||)",
            x=words,
        )
    if chance(rng, 0.3):
        return expand(
            rng,
            (
                "are there any {x}( in the (picture|image)||)",
                "do you see any {x}",
                "does the (picture|image) (have|contain|show) any {x}",
                "can you (see|find) any {x}",
            ),
            x=named(rng, names, many=True),
        )
    words = named(rng, names)
    while words.endswith(" one"):
        words = named(rng, names)
    return expand(
        rng,
        (
            "is there {x}( in the picture| in the image| here|||)",
            "is there {x}( in the picture| in the image| in this picture|||)",
            "do you see {x}( in the picture| here||)",
            "can you see {x}",
            "does the (picture|image) (show|contain|have) {x}",
            "does this (picture|image) (show|contain|include) {x}",
            "is {x} (in the (picture|image)|visible|present|there)",
            "is there (at least one|one) {n}",
            "does {x} appear in the (picture|image)",
        ),
        x=article(words),
        n=words,
    )


def ask_count(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    if chance(rng, 0.14):
        return _ask_total(rng, scene)
    if chance(rng, 0.12):
        return _ask_exact_count(rng, scene, split)
    form = pick_weighted(rng, FORMS)
    names: dict[str, str] | None
    if chance(rng, 0.1):
        names = absent_names(rng, scene, form, split)
    else:
        options = [names_of(o, form) for o in scene.objects]
        numbers = sorted({scene.count(**option) for option in options})
        number = pick(rng, numbers)  # each number that occurs alike, or nearly all answers would be one
        if number == 1 and chance(rng, 0.4):
            return None
        names = pick(rng, [option for option in options if scene.count(**option) == number])
    if names is None:
        return None
    words = named(rng, names, many=True)
    text = expand(
        rng,
        (
            "how many {x} are there",
            "how many {x} are there",
            "how many {x} (are in the (picture|image)|are there in the (picture|image)|are in this picture)",
            "how many {x} (do you see|can you see|can be seen|are visible)",
            "how many {x}",
            "how many {x} does the (picture|image) (show|contain|have)",
            "(what is the number of|count the|number of) {x}",
        ),
        x=words,
    )
    answers = count_answers(scene.count(**names))
    subject = f"how many {sorted(names.items())}"
    return Question(as_typed(rng, text), answers, "count", subject, "count", said=names)


def count_answers(number: int) -> tuple[str, ...]:
    return (NUMBER_WORDS[number], str(number), *(("none",) if number == 0 else ()))


def _ask_total(rng: np.random.Generator, scene: Scene) -> Question:
    text = expand(
        rng,
        (
            "how many (shapes|objects|things) are there( in total|| in the picture| altogether)",
            "how many (shapes|objects|things) (do you see|can you see|are in the picture)( in total||)",
            "what is the (total |)number of (shapes|objects)",
            "count (the|all) (shapes|objects)",
        ),
    )
    return Question(as_typed(rng, text), count_answers(len(scene.objects)), "count", "how many in all", "total")


def _ask_exact_count(rng: np.random.Generator, scene: Scene, split: str) -> Question | None:
    """``are there exactly three circles?``"""
    form = pick_weighted(rng, {("shape",): 0.5, ("color",): 0.2, ("color", "shape"): 0.3})
    names = names_of(pick(rng, scene.objects), form)
    number = scene.count(**names)
    same = chance(rng, 0.5)
    said = number if same else number + (1 if number < 2 or chance(rng, 0.5) else -1)
    if not 1 <= said <= 6:
        return None
    words = named(rng, names, many=said > 1)
    if words.endswith(" one"):
        return None
    text = expand(
        rng,
        "({be} there|do you see|does the picture show) exactly {n} {x}",
        be="is" if said == 1 else "are",
        n=number_word(rng, said),
        x=words,
    )
    subject = f"exactly {said} {sorted(names.items())}"
    values = {**names, "number": str(said)}
    return Question(as_typed(rng, text), truth(same), "count", subject, "exact count", said=values)


def ask_comparison(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    """The truth is drawn first, so that yes and no are about equally frequent."""
    if len(scene.objects) < 2:
        return None
    draw = rng.random()
    if draw < 0.45:
        return _compare_counts(rng, scene)
    return _same(rng, scene) if draw < 0.7 else _compare_sizes(rng, scene)


def _compare_sizes(rng: np.random.Generator, scene: Scene) -> Question | None:
    """``is the star larger than the ring?``, ``which is smaller, the star or the ring?``"""
    i, j = rng.permutation(len(scene.objects))[:2].tolist()
    a, b = scene.objects[i], scene.objects[j]
    which = pick(rng, ("larger", "bigger", "smaller"))
    if a.size == b.size:
        if chance(rng, 0.75):
            return None
    elif ((a.size == "large") == (which != "smaller")) != chance(rng, 0.57):
        i, j, a, b = j, i, b, a
    is_so = a.size != b.size and (a.size == "large") == (which != "smaller")
    ref_a, ref_b = (
        refer(rng, scene, a, ("size",), places=False),
        refer(rng, scene, b, ("size",), places=False),
    )
    if ref_a is None or ref_b is None:
        return None
    if a.size == b.size or chance(rng, 0.5):
        text = expand(rng, "is {a} {w} than {b}", a=ref_a, b=ref_b, w=which)
        return Question(
            as_typed(rng, text), truth(is_so), "comparison", f"{i} {which} {j}", "larger", (a, b), {"word": which}
        )
    winner, loser, ref = (a, b, ref_a) if is_so else (b, a, ref_b)
    text = expand(
        rng,
        "(which (one |)is|which (shape|object) is|what is) {w}(,|:|,) {a} or {b}",
        w=which,
        a=ref_a,
        b=ref_b,
    )
    answers = (ref, *telling_nouns(winner, loser))
    subject = f"which larger {min(i, j)} {max(i, j)}"
    said = {"word": which}
    return Question(as_typed(rng, text), answers, "comparison", subject, "which is larger", (winner, loser), said)


def telling_nouns(winner: Object, loser: Object) -> tuple[str, ...]:
    """The plain nouns that mean ``winner`` and not ``loser``."""
    return tuple(
        plain_noun(*names)
        for names in _part_names(winner.kind)
        if any(name not in (None, its) for name, its in zip(names, loser.kind, strict=True))
    )


def _part_names(kind: tuple[str, str, str]) -> list[tuple[str | None, str | None, str | None]]:
    size, color, shape = kind
    return [(None, None, shape), (None, color, shape), (size, color, shape), (size, None, shape)]


def _same(rng: np.random.Generator, scene: Scene) -> Question | None:
    """``do the circle and the star have the same color?``"""
    want = chance(rng, 0.5)
    pairs = rng.permutation(len(scene.objects)).tolist()
    found = [
        (i, j, name)
        for i in pairs
        for j in pairs
        for name in ("color", "shape", "size")
        if i != j and (getattr(scene.objects[i], name) == getattr(scene.objects[j], name)) == want
    ]
    if not found:
        return None
    name = pick(rng, sorted({entry[2] for entry in found}))
    i, j, _ = pick(rng, [entry for entry in found if entry[2] == name])
    refs = [refer(rng, scene, scene.objects[k], (name,), places=False) for k in (i, j)]
    if refs[0] is None or refs[1] is None:
        return None
    text = expand(
        rng,
        (
            "do {a} and {b} have the same {n}",
            "do {a} and {b} have the same {n}",
            "are {a} and {b} the same {n}",
            "is {a} the same {n} as {b}",
            "does {a} have the same {n} as {b}",
        ),
        a=refs[0],
        b=refs[1],
        n=name,
    )
    subject = f"same {name} {min(i, j)} {max(i, j)}"
    about = (scene.objects[i], scene.objects[j])
    return Question(as_typed(rng, text), truth(want), "comparison", subject, "same", about, {"attribute": name})


def _compare_counts(rng: np.random.Generator, scene: Scene) -> Question | None:
    """``are there more circles than squares?``"""
    name = pick(rng, ("shape", "shape", "color"))
    present = sorted({getattr(o, name) for o in scene.objects})
    first = pick(rng, present)
    second = pick(rng, present) if chance(rng, 0.75) else pick(rng, _VALUES[name])
    if first == second:
        return None
    counts = {value: scene.count(**{name: value}) for value in (first, second)}
    more, fewer = sorted((first, second), key=lambda value: (-counts[value], rng.random()))
    equal = counts[more] == counts[fewer]
    want = chance(rng, 0.5)
    generic = pick(rng, ("shapes", "objects", "things"))
    words = {v: f"{v} {generic}" if name == "color" else named(rng, {name: v}, many=True) for v in counts}
    subject = f"more {sorted((first, second))}"
    if not equal and chance(rng, 0.35):
        word, winner = ("fewer", fewer) if chance(rng, 0.3) else ("more", more)
        a, b = (more, fewer) if chance(rng, 0.5) else (fewer, more)
        text = expand(rng, "(what|which) are there {w} of(,|:|,) {a} or {b}", w=word, a=words[a], b=words[b])
        answers = (words[winner], winner, winner + "s", winner + "es", f"{winner} shapes")
        said = {"attribute": name, "more": more, "fewer": fewer, "word": word}
        return Question(
            as_typed(rng, text),
            tuple(dict.fromkeys(answers)),
            "comparison",
            f"{word} of {subject}",
            "which are more",
            said=said,
        )
    word = pick(rng, ("more", "more", "fewer"))
    if equal:
        word = pick(rng, ("as many", "as many", "the same number of")) if want else word
        a, b = (first, second) if chance(rng, 0.5) else (second, first)
    elif not want and chance(rng, 0.25):
        word, a, b = "as many", first, second
    else:
        a, b = (more, fewer) if (word == "more") == want else (fewer, more)
    said = {"attribute": name, "first": a, "second": b, "word": word}
    if word in ("more", "fewer") and chance(rng, 0.12):
        compared = expand(rng, "(greater|larger|higher)") if word == "more" else "smaller"
        text = f"is the number of {words[a]} {compared} than the number of {words[b]}"
        return Question(as_typed(rng, text), truth(want), "comparison", f"{subject} {word} {a}", "more", said=said)
    joint = {"as many": "as", "the same number of": "and"}.get(word, "than")
    text = expand(
        rng,
        "(are there|are there|do you see|does the picture show) {w} {a} {j} {b}",
        w=word,
        a=words[a],
        b=words[b],
        j=joint,
    )
    return Question(as_typed(rng, text), truth(want), "comparison", f"{subject} {word} {a}", "more", said=said)


def ask_background(rng: np.random.Generator, scene: Scene, split: str = "train") -> Question | None:
    if chance(rng, 0.2):
        right = chance(rng, 0.5)
        popular = [o.color for o in scene.objects] + [pick(rng, list(COLORS))]
        color = scene.background if right else pick(rng, popular)
        if not right and color == scene.background:
            return None
        text = expand(rng, "(is the background {c}|is it on {a} background)", c=color, a=article(color))
        said = {"color": color}
        return Question(
            as_typed(rng, text), truth(right), "background", f"background {color}", "is background", said=said
        )
    text = expand(
        rng,
        (
            "what color is the background",
            "what is the (color of the background|background color)",
            "which color is the background",
            "what's the background color",
            "(tell me |name )the (color of the background|background color)",
            "what color is behind the (shape|shapes|objects)",
        ),
    )
    return Question(as_typed(rng, text), color_answers(scene.background), "background", "background", "background")
