"""Requests for a picture in other words: things as one phrase, in clauses of their own, or item by item."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unitok.data.world.phrases import NUMBER_WORDS, article, join_and
from unitok.data.world.reworded.habits import written
from unitok.data.world.reworded.places import at_place
from unitok.data.world.reworded.references import color_name, noun_of, relation_words, shape_name, size_name
from unitok.data.world.reworded.request_frames import FRAMES, framed, polite
from unitok.data.world.scene import OPPOSITE
from unitok.data.world.spec import Group, SceneSpec
from unitok.data.world.templates import chance, expand, pick

_TO_IT = {
    "left of": "(to its left|on its left|left of it|to the left of it|at its left side|on its left-hand side)",
    "right of": "(to its right|on its right|right of it|to the right of it|at its right side|on its right-hand side)",
    "above": "(above it|over it|higher up|above that|over that)",
    "below": "(below it|under it|beneath it|underneath it|further down|below that|under that)",
}
_SIT = "(is|is|is|sits|lies|goes|stands|is placed|is located|is positioned|should be|must be|belongs|appears|comes)"
_PUT = "(put|place|position|set|draw|have)"


_SAID_FIRST = (
    f"{{aa}} {_SIT} {{r}} {{ab}}",
    f"the {{a}} {_SIT} {{r}} the {{b}}",
    f"{_PUT} {{aa}} {{r}} {{ab}}",
    f"{_PUT} the {{a}} {{r}} the {{b}}",
    "i want the {a} (to be |){r} the {b}",
    "(draw|make|paint|create) {aa} and {ab}, (the first|the former) {r} (the second|the latter)",
    "(draw|make|paint|create|show) {aa} and {ab}(,| so that| such that| where|, and) the {a} is {r} the {b}",
    "two (objects|shapes|things): {aa} and {ab}. the {a} is {r} the {b}",
    "a picture (where|in which) {aa} is {r} {ab}",
    "(can|could) you (draw|put|make|place) {aa} {r} {ab}",
    "{aa}, and {back} {ab}",
    "{aa} which has {ab} {back}",
    "{aa} and {ab}(:|, with|;) the {a} {r} the {b}",
    "of {aa} and {ab}, the {a} (is|should be|goes) {r} the (other|other one|{b})",
)
"""Frames that name ``a`` before ``b``, where ``a`` is ``r`` of ``b``."""
_PLACED_FIRST = (
    "{r} {ab} (there is|there should be|is|sits|goes|you see|i want|i'd like) {aa}",
    "{r} {ab}(, | )(put|draw|place|paint|add|i want|i'd like|show|there's|comes|goes) {aa}",
    "{r} {ab}: {aa}",
    "(put|draw|place|paint|make) {r} {ab} {aa}",
    "(i want|i'd like|draw|show me|give me) {ab}(, and | and ){r} (it|that) {aa}",
    "{ab}, and {it}(,|) {aa}",
    "{ab} and {it} {aa}",
    "{ab}. {it}(:|,| there is| is) {aa}",
    "{ab} with {aa} {it}",
    f"{_PUT} {{ab}} in the picture and {{aa}} {{it}}",
    "(draw|make|paint|start with) {ab}, then {aa} {it}",
    "{ab} has {aa} {it}",
    "there is {ab}(,| and|;) {it} (is|there is) {aa}",
    "{ab}(, and | and |, then |; ){r} (that|it) {aa}",
    "{ab}(, and | and |; ){r} (that|it)(,|) (there is|comes|goes|sits|i want|put|draw) {aa}",
    "{ab}(.|;|,) {r} (that|it|this)(,|:||) (put|draw|place|goes|comes|sits|there's|i want|you see) {aa}",
    "{ab} and, {r} it, {aa}",
    "{ab} whose (neighbor|companion) {it} is {aa}",
    "(first|start with) {ab}(, then|; then| and then) {aa} {r} it",
)
"""Frames that name ``b`` or the place before ``a``."""


def reworded_request(rng: np.random.Generator, spec: SceneSpec) -> str:
    """One of very many ways to ask for what ``spec`` asks for."""
    if spec.relations and len(spec.groups) == 2 and chance(rng, 0.55):
        return _in_relation(rng, spec)
    several = len(spec.groups) > 1
    if chance(rng, 0.3 if several else 0.15):
        text = _in_clauses(rng, spec)
        if text is not None:
            return written(rng, text, ".")
    if not spec.relations and chance(rng, 0.08):
        return written(rng, _items(rng, spec), "")
    objects = _all_objects(rng, spec)
    if spec.background is not None:
        objects = _on_background(rng, objects, spec.background)
    many = spec.groups[0].count > 1 and not objects.startswith(("a ", "an "))
    text, mark = framed(rng, objects, many)
    return written(rng, text, mark)


# --------------------------------------------------------------------------- phrases


def _number(rng: np.random.Generator, number: int) -> str:
    return str(number) if chance(rng, 0.35) else NUMBER_WORDS[number]


def _counted(rng: np.random.Generator, group: Group) -> str:
    """The group's objects with an article or a number, without a place."""
    many = group.count > 1
    words = noun_of(rng, *group.kind, many=many)
    if not many:
        template = "(one {w}|a single {w}|just one {w}|exactly one {w})" if chance(rng, 0.1) else "{a}"
        if (group.color is None or group.size is None) and chance(rng, 0.03):
            template = "some kind of {w}"
        return expand(rng, template, w=words, a=article(words))
    n = _number(rng, group.count)
    if group.count == 2 and chance(rng, 0.15):
        return expand(rng, "(a pair of {w}|a couple of {w})", w=words)
    if chance(rng, 0.2):
        return expand(
            rng,
            (
                "(exactly|precisely|in total|just|a total of) {n} {w}",
                "a (group|set|bunch|collection) of {n} {w}",
                "{n} {w} (in total|altogether|in all)",
                "{w}, {n} of them",
                "{w} (x|times) {n}",
                "{n} (separate|individual) {w}",
            ),
            n=n,
            w=words,
        )
    if group.color and group.shape and chance(rng, 0.08):
        shapes = noun_of(rng, group.size, None, group.shape, many=True)
        return expand(
            rng,
            "{n} {w}(, all | that are all |, all of them |, each ){c}",
            n=n,
            w=shapes,
            c=color_name(rng, group.color),
        )
    return f"{n} {words}"


def _group_words(rng: np.random.Generator, group: Group) -> str:
    words = _counted(rng, group)
    if group.row is None and group.column is None:
        return words
    place = at_place(rng, (group.row, group.column))
    return (
        expand(rng, "{w}( | | | placed | positioned | located | sitting | that is | situated ){p}", w=words, p=place)
        if group.count == 1
        else f"{words} {place}"
    )


def _joined(rng: np.random.Generator, items: list[str]) -> str:
    if len(items) == 2 and chance(rng, 0.25):
        return expand(
            rng,
            "{a}(, and | plus | as well as | along with | together with |, also | & |, with ){b}",
            a=items[0],
            b=items[1],
        )
    return join_and(rng, items)


def _pair(rng: np.random.Generator, spec: SceneSpec, relation: tuple[int, str, int]) -> str:
    i, name, j = relation
    first, second = replace(spec.groups[i], row=None, column=None), replace(spec.groups[j], row=None, column=None)
    if chance(rng, 0.4):
        first, name, second = second, OPPOSITE[name], first
    plainly = "{a} ({r}|{r}|{r}|(that is|which is|placed|positioned|located|situated|somewhere|just) {r}) {b}"
    with_it = "{a} (with {b} {it}|and {b} {it}|having {b} {it}|that has {b} {it}|and, {it}, {b})"
    return expand(
        rng,
        # Beside another pair it would not be clear what "it" is.
        (plainly, plainly, with_it) if len(spec.relations) == 1 else plainly,
        a=_counted(rng, first),
        b=_counted(rng, second),
        r=relation_words(rng, name),
        it=expand(rng, _TO_IT[OPPOSITE[name]]) if first.count == 1 else f"{relation_words(rng, OPPOSITE[name])} them",
    )


def _all_objects(rng: np.random.Generator, spec: SceneSpec) -> str:
    related = {i for a, _, b in spec.relations for i in (a, b)}
    pairs = [_pair(rng, spec, relation) for relation in spec.relations]
    rest = [_group_words(rng, group) for i, group in enumerate(spec.groups) if i not in related]
    if not pairs:
        return _joined(rng, rest)
    text = pick(rng, (", and ", "; ", ", and also ")).join(pairs)
    if rest:
        text += pick(rng, (", and ", ", plus ", ", and also ", "; also ")) + _joined(rng, rest)
    return text


def _on_background(rng: np.random.Generator, objects: str, background: str) -> str:
    color = color_name(rng, background)
    ground = "(background|background|background|backdrop|canvas|ground|surface)"
    return expand(
        rng,
        (
            f"{{x}} on {{a}} {ground}",
            f"{{x}} (against|over|in front of|with|upon) {{a}} {ground}",
            f"{{x}} on a (plain|solid|uniform|pure|simple) {{c}} {ground}",
            "{x} on {c}",
            "{x}, {c} background",
            "{x} with the background (being|in) {c}",
            "{x} with {c} behind",
            "{x} where the background is {c}",
            f"{{x}} on a {ground} (that is|of|colored|in|painted) {{c}}",
            "{x} (with|,) background color {c}",
            "{x} (with|,) everything else {c}",
            f"{{a}} {ground} with {{x}}( on it|)",
            "{x} [{c} background]",
        ),
        x=objects,
        c=color,
        a=article(color),
    )


# --------------------------------------------------------------------------- clauses


def _in_relation(rng: np.random.Generator, spec: SceneSpec) -> str:
    """Two objects and how they lie, in a clause: ``the ring goes above a star``."""
    ((i, name, j),) = spec.relations
    first, second = spec.groups[i], spec.groups[j]
    if chance(rng, 0.4):
        first, name, second = second, OPPOSITE[name], first
    if first.count > 1 or second.count > 1:
        return written(rng, framed(rng, _pair(rng, spec, spec.relations[0]), False)[0] + _tail(rng, spec), ".")
    a, b = noun_of(rng, *first.kind), noun_of(rng, *second.kind)
    text = expand(
        rng,
        pick(rng, (_SAID_FIRST, _PLACED_FIRST)),
        a=a,
        b=b,
        aa=article(a),
        ab=article(b),
        r=relation_words(rng, name),
        it=expand(rng, _TO_IT[name]),
        back=expand(rng, _TO_IT[OPPOSITE[name]]),
    )
    mark = "?" if text.startswith(("can ", "could ")) else "."
    return written(rng, polite(rng, text + _tail(rng, spec), "order"), mark)


def _tail(rng: np.random.Generator, spec: SceneSpec) -> str:
    """The background, said behind a clause."""
    if spec.background is None:
        return ""
    color = color_name(rng, spec.background)
    tail = expand(
        rng,
        "(on {a} background|, on {a} background|, on {c}|, all on {c}|, {c} background|. the background is {c}"
        "|. background: {c}|. use {a} background|. make the background {c}|against {a} backdrop|, background {c}"
        "|. everything on {a} background)",
        c=color,
        a=article(color),
    )
    return tail if tail[0] in ",." else f" {tail}"


def _in_clauses(rng: np.random.Generator, spec: SceneSpec) -> str | None:
    """Shapes first and what they are like afterwards; None where shapes do not tell the groups apart."""
    shapes = [group.shape for group in spec.groups]
    if None in shapes or len(set(shapes)) < len(shapes) or spec.relations:
        return None
    details: list[str] = []
    for group in spec.groups:
        noun = shape_name(rng, group.shape, group.count > 1) if group.count > 1 else str(group.shape)
        be = "are" if group.count > 1 else "is"
        be = expand(rng, f"({be}|{be}|{be}|should be|must be|has to be|needs to be)") if group.count == 1 else be
        facts = [size_name(rng, group.size)] if group.size else []
        facts += [color_name(rng, group.color)] if group.color else []
        if facts:
            details.append(f"the {noun} {be} " + pick(rng, (" and ", " and ", ", ")).join(facts))
        if group.row is not None or group.column is not None:
            verb = "sit" if group.count > 1 else "sits"
            where = at_place(rng, (group.row, group.column))
            details.append(f"the {noun} {pick(rng, (be, be, verb))} {where}")
    if not details:
        return None
    bare = [  # what is called a disc here would be another thing than the circle of the details
        _counted(rng, Group(group.count, shape=group.shape)) if group.count > 1 else article(str(group.shape))
        for group in spec.groups
    ]
    intro = framed_intro(rng, _joined(rng, bare), many=spec.groups[0].count > 1)
    if spec.background is not None:
        color = color_name(rng, spec.background)
        ground = expand(
            rng, "(the background is {c}|the background should be {c}|use {a} background|all on {c}|background: {c})",
            c=color, a=article(color),
        )  # fmt: skip
        details.insert(0, ground) if chance(rng, 0.2) else details.append(ground)
    joint = pick(rng, (". ", ". ", ", ", "; "))
    return intro + pick(rng, (". ", ". ", ": ", ", ")) + joint.join(details)


def framed_intro(rng: np.random.Generator, objects: str, many: bool) -> str:
    templates, _ = FRAMES[pick(rng, ("bare", "title", "order", "order", "statement"))]
    return polite(rng, expand(rng, templates, x=objects, be="are" if many else "is"), "intro")


def _items(rng: np.random.Generator, spec: SceneSpec) -> str:
    """``red circle x 2, blue square; background white``."""
    items: list[str] = []
    for group in spec.groups:
        words = noun_of(rng, *group.kind)
        if group.count > 1:
            many = noun_of(rng, *group.kind, many=True)
            words = expand(rng, "({n} {m}|{n}x {w}|{w} x{n}|{n} x {w})", n=str(group.count), w=words, m=many)
        if group.row is not None or group.column is not None:
            words += pick(rng, (" ", ", ", ": ", " - ")) + at_place(rng, (group.row, group.column))
        items.append(words)
    joint = pick(rng, (", ", ", ", " + ", "; ", " / ", "\n"))
    if spec.background is not None:
        color = color_name(rng, spec.background)
        items.append(expand(rng, "({c} background|background {c}|background: {c}|on {c})", c=color))
    head = pick(rng, ("", "", "", "draw: ", "picture: ", "objects: ", "shapes: ", "wanted: ", "make: ", "1 picture: "))
    return head + joint.join(items)
