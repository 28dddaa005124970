"""Requests for a picture: many wordings of what a spec asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unitok.data.world.phrases import (
    article,
    background_tail,
    color_word,
    counted,
    fix_articles,
    join_and,
    noun,
    place_phrase,
    relation_phrase,
    relation_to_it,
    sentence,
)
from unitok.data.world.scene import OPPOSITE, Scene
from unitok.data.world.spec import Group, SceneSpec
from unitok.data.world.spec_sampling import CATEGORIES, fill, sample_spec, spec_of
from unitok.data.world.templates import chance, expand, pick, pick_weighted


@dataclass(frozen=True)
class Request:
    """A user's words, what they ask for, and one scene that fulfils it (never shows anything else)."""

    text: str
    spec: SceneSpec
    category: str
    scene: Scene


def sample_request(rng: np.random.Generator, category: str | None = None, split: str = "train") -> Request:
    """A request of ``category`` (one of ``CATEGORIES``; by default drawn with their weights).

    Raises:
        ValueError: The category is unknown.
    """
    category = category or pick_weighted(rng, CATEGORIES)
    while True:
        spec = sample_spec(rng, category, split)
        if split == "heldout" and not spec.held_out():
            continue
        scene = fill(rng, spec, split)
        if scene is not None:
            return Request(phrase(rng, spec), spec, category, scene)


def request_for(rng: np.random.Generator, scene: Scene, split: str = "train") -> Request:
    """A request that ``scene`` fulfils: all its objects in words, with more or less detail."""
    spec = spec_of(rng, scene, split)
    return Request(phrase(rng, spec), spec, "full", scene)


def phrase(rng: np.random.Generator, spec: SceneSpec) -> str:
    """One of the many ways to ask for a picture that shows what ``spec`` asks for."""
    form = pick_weighted(rng, FORMS)
    if len(spec.groups) == 2 and spec.relations and chance(rng, 0.12):
        return _relation_sentence(rng, spec)
    if form == "bare" and not spec.relations and chance(rng, 0.06):
        return sentence(rng, _keywords(rng, spec), ".", 0.05)
    objects = objects_phrase(rng, spec)
    if form != "bare" and chance(rng, 0.03):
        return _two_sentences(rng, spec, objects)
    if spec.background is not None and form == "order" and chance(rng, 0.05):
        return sentence(rng, f"{background_tail(rng, spec.background)}, draw {objects}", ".", 0.3)
    if spec.background is not None:
        objects = _with_background(rng, objects, spec.background)
    many = "are" if spec.groups[0].count > 1 else "is"
    text = expand(rng, WORDINGS[form], x=objects, be=many)
    if form == "bare" and chance(rng, 0.12):
        text = _telegraphic(text)
    end = "?" if form == "question" else "."
    return sentence(rng, text, end, {"bare": 0.12, "photo": 0.12, "question": 0.8}.get(form, 0.3))


FORMS: dict[str, float] = {
    "bare": 0.36,
    "photo": 0.16,
    "order": 0.28,
    "wish": 0.08,
    "question": 0.07,
    "statement": 0.05,
}
_PICTURE = "(picture|picture|photo|drawing|scene)"
_A_PICTURE = f"(a {_PICTURE}|an (image|image|illustration))"
_VERB = "(draw|draw|draw|paint|create|generate|make|render|sketch|produce|design)"
_VERB_ME = "(draw|draw|paint|make|sketch|create)"
_OF = "(of|of|of|with|showing|that shows|containing)"
_OF_FIRST = "(of|of|with)"
WORDINGS: dict[str, tuple[str, ...]] = {
    "bare": ("{x}",),
    "photo": (
        "a photo of {x}",
        "a photo of {x}",
        "a picture of {x}",
        "an image of {x}",
        f"{_A_PICTURE} {_OF} {{x}}",
        f"(picture|image|photo|drawing) {_OF_FIRST} {{x}}",
        "(picture|image|prompt|scene): {x}",
        "a (simple|nice|clean|flat|minimalist) (picture|drawing|image) of {x}",
    ),
    "order": (
        f"(please |||){_VERB} {{x}}",
        f"(please |||){_VERB} {{x}}(, please| please|||)",
        f"(please |||){_VERB_ME} (me |){{x}}",
        f"(please |||){_VERB_ME} (me |){_A_PICTURE} {_OF} {{x}}",
        f"(please |||){_VERB_ME} (me |){_A_PICTURE} {_OF} {{x}}",
        f"(please |)(show|give) me {_A_PICTURE} {_OF} {{x}}",
        "(please |)show me {x}",
        "(please |)show {x}",
        "(please |)put {x} (in|into) (a|the) picture",
        "(go ahead and|now|just) draw {x}",
        "(place|put) {x} in the picture",
    ),
    "wish": (
        f"(i'd|i would) like (to see |to have ||){_A_PICTURE} {_OF} {{x}}",
        f"i (want|need) {_A_PICTURE} {_OF} {{x}}",
        "(i'd|i would) like (to see |){x}",
        "i want (to see |you to draw |){x}",
        f"(we need|let me see|let me have|let's see) ({_A_PICTURE} {_OF} |){{x}}",
        "{x}, please",
        "i'm looking for a (picture|drawing) of {x}",
    ),
    "question": (
        f"(can|could|would|will) you (please |){_VERB_ME} (me |){{x}}",
        f"(can|could|would) you {_VERB_ME} (me |){_A_PICTURE} {_OF} {{x}}(, please| for me|| please)",
        "(can|could|may) i (see|have|get) (a (picture|drawing) of |an image of |){x}",
        f"how about {_A_PICTURE} {_OF} {{x}}",
        "what (does|would) {x} look like",
        "would you mind drawing {x}",
    ),
    "statement": (
        "there {be} {x}",
        "there (should|must) be {x}",
        "the (picture|image) (shows|should show|should contain|contains|has|must have) {x}",
        "(in the picture|in this image) there {be} {x}",
        "imagine {x}",
        "we see {x}",
        "you (can |)see {x}",
    ),
}


def objects_phrase(rng: np.random.Generator, spec: SceneSpec) -> str:
    """All groups of ``spec`` as one noun phrase, with places and relations, without the background."""
    related = {i for a, _, b in spec.relations for i in (a, b)}
    pairs = [_related_pair(rng, spec, relation) for relation in spec.relations]
    rest = [_group_phrase(rng, group) for i, group in enumerate(spec.groups) if i not in related]
    if not pairs:
        return join_and(rng, rest)
    text = pick(rng, (", and ", ", and ", "; ")).join(pairs) if len(pairs) > 1 else pairs[0]
    if rest:  # a comma, so that the rest does not seem to be part of the relation
        text = expand(rng, "{x}(, and|, and|, with|, and also) {rest}", x=text, rest=join_and(rng, rest))
    return text


def _group_phrase(rng: np.random.Generator, group: Group) -> str:
    words = counted(rng, group.count, noun(rng, *group.kind, many=group.count > 1))
    if group.row is None and group.column is None:
        return words
    place = place_phrase(rng, (group.row, group.column))
    return f"{words} {place}"


_PAIR_WORDINGS = (
    *("{a} {rel} {b}",) * 8,
    "{a} (placed|positioned|located|sitting|that is|which is) {rel} {b}",
    "{a} (directly|just) {rel} {b}",
    "{a} with {b} {rel_to_it}",
    "{a} and {b} {rel_to_it}",
    "{a} and {b}, (with |)the {short_a} {rel} the {short_b}",
    "{a} and {b}, (with |)the {short_b} {opposite} the {short_a}",
)


def _related_pair(rng: np.random.Generator, spec: SceneSpec, relation: tuple[int, str, int]) -> str:
    a, name, b = relation
    first, second = spec.groups[a], spec.groups[b]
    if chance(rng, 0.3):
        first, name, second = second, OPPOSITE[name], first
    template = pick(rng, _PAIR_WORDINGS)
    same_shape = sum(group.shape == first.shape for group in spec.groups) > 1
    same_shape = same_shape or sum(group.shape == second.shape for group in spec.groups) > 1
    short_a, short_b = (
        noun(rng, group.size, group.color, group.shape)
        if same_shape
        else noun(rng, None, group.color if chance(rng, 0.4) else None, group.shape)
        for group in (first, second)
    )
    return expand(
        rng,
        template,
        a=_group_phrase(rng, replace(first, row=None, column=None)),
        b=_group_phrase(rng, replace(second, row=None, column=None)),
        rel=relation_phrase(rng, name),
        opposite=relation_phrase(rng, OPPOSITE[name]),
        rel_to_it=relation_to_it(rng, OPPOSITE[name]),
        short_a=short_a,
        short_b=short_b,
    )


def _with_background(rng: np.random.Generator, objects: str, background: str) -> str:
    draw = rng.random()
    if draw < 0.84:
        return f"{objects} {background_tail(rng, background)}"
    word = color_word(rng, background)
    if draw < 0.94:
        template = "{x}(, | with a |, with a |, on a ){c} background"
    elif draw < 0.97:
        return f"{article(word)} background with {objects}"
    else:
        template = "{x}, (the background is {c}|background {c}|{c} backdrop)"
    return fix_articles(expand(rng, template, x=objects, c=word))


def _keywords(rng: np.random.Generator, spec: SceneSpec) -> str:
    """``red circle, blue square, white background``."""
    items = [_telegraphic(_group_phrase(rng, group)) for group in spec.groups]
    if spec.background is not None:
        word = f"{color_word(rng, spec.background)} background"
        items = [word, *items] if chance(rng, 0.2) else [*items, word]
    return ", ".join(items)


_RELATION_SENTENCES = (
    "{a} is {rel} {b}{bg}",
    "{a} is {rel} {b}{bg}",
    "{a} (sits|lies|is placed) {rel} {b}{bg}",
    "the {na} is {rel} the {nb}{bg}",
    "(place|put|position) {a} {rel} {b}{bg}",
    "(place|put|position) {a} {rel} {b}{bg}",
    "(draw|paint) {a} and put {b} {rel_to_it}{bg}",
    "(draw|paint|there is) {a}{bg}. {rel_to_it} (there is|is) {b}",
    "(draw|paint) {a}{bg}, and {rel_to_it} {b}",
    "{a} has {b} {rel_to_it}{bg}",
    "{rel_to_b}, there is {a}{bg}",
)


def _relation_sentence(rng: np.random.Generator, spec: SceneSpec) -> str:
    """A request that says a relation between two objects in a clause of its own."""
    ((i, name, j),) = spec.relations
    first, second = spec.groups[i], spec.groups[j]
    if chance(rng, 0.3):
        first, name, second = second, OPPOSITE[name], first
    a, b = noun(rng, *first.kind), noun(rng, *second.kind)
    text = expand(
        rng,
        _RELATION_SENTENCES,
        a=article(a),
        b=article(b),
        na=a,
        nb=b,
        rel=relation_phrase(rng, name),
        rel_to_it=relation_to_it(rng, OPPOSITE[name]),
        rel_to_b=f"{relation_phrase(rng, name)} {article(b)}",
        bg="" if spec.background is None else " " + background_tail(rng, spec.background),
    )
    return sentence(rng, text, ".", 0.4)


def _two_sentences(rng: np.random.Generator, spec: SceneSpec, objects: str) -> str:
    text = expand(rng, "(draw|make|create|paint) {x}", x=objects)
    if spec.background is None:
        return sentence(rng, text, ".", 1.0)
    word = color_word(rng, spec.background)
    tail = expand(
        rng,
        "(the background should be {c}|the background is {c}|make the background {c}|use {a} background)",
        c=word,
        a=article(word),
    )
    if chance(rng, 0.5):
        text, tail = text[0].upper() + text[1:], tail[0].upper() + tail[1:]
    return f"{text}. {tail}" + ("." if chance(rng, 0.7) else "")


def _telegraphic(text: str) -> str:
    """``text`` as typed in a hurry: no articles."""
    return " ".join(word for word in text.split() if word not in ("a", "an", "the"))
