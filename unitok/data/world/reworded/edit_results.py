"""Frames that say what is to be, not what to do: ``the star should be green``, ``same picture, but the star is green``.

The slots: ``{x}`` the objects, ``{p}`` what they are to be, and the forms of verbs that agree with ``{x}``.
"""

from __future__ import annotations

import numpy as np

from unitok.data.world.templates import expand, pick

_LINKED = (
    "{x} (should|should|should|must|ought to|{needs} to|{has} to|{is} supposed to|{is} meant to) be {p}",
    "{x} should (now|rather|really|instead|actually) be {p}",
    "(i think|maybe|perhaps|actually,|i'd say|now|next,|i feel like|in my opinion) {x} should be {p}",
    "(i|we) (want|need|'d like|would like) {x} to be {p}",
    "(i'd|i would|we'd) prefer {x} to be {p}",
    "(i'd|i would) (prefer|like|love) it if {x} {was} {p}",
    "i wish {x} {was} {p}",
    "it( would|'d) be (nice|nicer|great|better|cool|lovely|good) if {x} {was} {p}",
    "what if {x} {was} {p}?",
    "what would (this|the picture|the image) look like if {x} {was} {p}?",
    "how would (this|the picture|the image) look if {x} {was} {p}?",
    "could {x} be {p}, please?",
    "would it be possible for {x} to be {p}?",
    "(let|have) {x} be {p}",
    "(make it so|make it so that|see to it that|make sure that|make sure|ensure that|take care that) {x} {is} {p}",
    "(change|edit|modify|adjust|alter|update|rework) (the picture|the image|this picture|this|the drawing)"
    " (so|so that|such that) {x} {is} {p}",
    "(the same|same) (picture|image|scene|drawing)(,|) (but|except|only) {x} {is} {p}",
    "(everything|all) (as it is|the same|as before|stays the same), (but|only|except) {x} {is} {p}",
    "(turn|make|transform) (this|the picture|the image) into (a picture|an image|one) (where|in which) {x} {is} {p}",
    "in the (new|edited|next|changed) (picture|image|version)(,|) {x} ({is}|should be) {p}",
    "(after the edit|afterwards|this time|when you're done|from now on), {x} should be {p}",
    "(give|show) me (a version|the same picture|the version) (where|in which) {x} {is} {p}",
    "(show me|let me see|i'd like to see) what it looks like (when|if) {x} {is} {p}",
    "(the goal|the idea|the plan|my wish) is for {x} to be {p}",
    "i('m| am) looking for a version (where|in which) {x} {is} {p}",
)
"""For whatever ``x`` is."""

_LOOSE = (
    "(i|we) (want|need|'d like|would like|'d prefer|would prefer) {x} {p}",
    "i('d| would) (rather|like to|love to) (have|see) {x} {p}",
    "(i'd|i would) (like|prefer|love) {x} {p}( instead|, please| please||)",
    "(the same|same) (picture|image|scene|drawing|thing)(,|) (but |only |just |)with {x} {p}",
    "the same( again|), but with {x} {p}",
    "(show|give) me (the picture|the image|the same picture|this|this scene) with {x} {p}",
    "(draw|redraw|paint|redo|repeat) (this|the picture|the image|the scene) with {x} {p}",
    "(how would (this|the picture) look|what would (this|the picture) look like) with {x} {p}?",
    "(can|could|may) (i|we) (have|get) {x} {p}(, please| please||)?",
    "{x} {p}(, please| please|, pls)",
    "{x}(:| -| ->| =>|:) {p}",
    "(let's|let us) have {x} {p}",
    "with {x} {p}, please",
    "(how|what) about {x} {p}?",
    "have {x} {p}",
)
"""For a short ``x`` with ``p`` right after it."""

_BETTER = (
    "{x} would look (better|nicer|good|great|nice) {p}",
    "i think {x} would look (better|nicer|good|great) {p}",
    "i bet {x} would look (good|great|nice|better) {p}",
    "wouldn't {x} look (better|nicer) {p}?",
    "{x} {looks} better {p}",
)


def result(
    rng: np.random.Generator, x: str, p: str, many: bool = False, loose: bool = False, better: bool = False
) -> str:
    """A sentence that says that ``x`` is to be ``p``; it may end with a question mark.

    ``loose`` allows ``p`` right after ``x``, ``better`` that it would look better so.
    """
    draw = rng.random()
    frames = _LOOSE if loose and draw < 0.4 else _BETTER if better and draw > 0.92 else _LINKED
    if x == "it":  # which might mean the picture
        frames = [frame for frame in frames if not any(word in frame for word in _PICTURE)]
    forms = _MANY if many else _ONE | {"was": pick(rng, ("was", "were"))}
    return expand(rng, frames, x=x, p=p, **forms)


_PICTURE = ("picture", "image", "version", "drawing", "this", "everything", "looks like", "the same")
_ONE = {"is": "is", "has": "has", "needs": "needs", "looks": "looks"}
_MANY = {"is": "are", "was": "were", "has": "have", "needs": "need", "looks": "look"}
