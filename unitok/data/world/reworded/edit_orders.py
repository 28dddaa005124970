"""Frames around an imperative: ``could you paint it green``, ``would you mind painting it green``, ``edit: ...``."""

from __future__ import annotations

import numpy as np

from unitok.data.world.templates import chance, expand, pick, pick_weighted

_DOUBLED = frozenset(
    ("swap", "put", "get", "let", "set", "cut", "pop", "slip", "flip", "scrap", "drag", "rub", "fit", "trim")
)
"""Verbs that double their last letter before ``ing``."""


def gerund(order: str) -> str:
    """``make it green`` as ``making it green``."""
    verb, _, rest = order.partition(" ")
    if verb == "also":
        return f"also {gerund(rest)}"
    if verb in _DOUBLED:
        verb += verb[-1]
    elif verb.endswith("e") and not verb.endswith(("ee", "ye")):
        verb = verb[:-1]
    return f"{verb}ing {rest}".strip()


_PLEASE = (
    "(please|please,|pls|kindly|please just|please now|now please|could you please) {x}",
    "{x}( please|, please|, pls|, if you please)",
)
_QUESTIONS = (
    "(can|could|would|will) you (please |possibly |perhaps |maybe |quickly |kindly |just |now |||||){x}?",
    "(can|could|would|will) you (please |just |now |||){x}?",
    "(can|could|would) you {x}( for me|, please| please| for me, please)?",
    "(would|do) you mind {ing}?",
    "mind {ing}?",
    "(would it be|is it) possible to {x}?",
    "is there (a|any|some) way to {x}?",
    "(is there any|any) chance (you could|you can|you'd) {x}?",
    "do you think you (could|can|might) {x}?",
    "(can|could|might) we {x}?",
    "(may|could|can|might) i ask you to {x}?",
    "can i get you to {x}?",
    "(how|what) about {ing}?",
    "(why don't you|why don't we|why not) {x}?",
    "(would|will) you be able to {x}?",
    "are you able to {x}?",
    "(would|could) you be so (kind as to|good as to) {x}?",
    "(can|could) you (help me|help me to|try to|go ahead and|manage to) {x}?",
    "(would|could) you do me a favor and {x}?",
    "(would it be|is it) (ok|okay|all right|alright) to {x}?",
    "could i trouble you to {x}?",
    "what would it look like if you were to {x}?",
)
_WISHES = (
    "(i'd|i would) (like|love) you to {x}",
    "i (want|need|expect) you to {x}",
    "(i'd|i would) (like|love) to {x}",
    "(i|we) (want|need|have) to {x}",
    "(i'd|i would) (appreciate it|be happy|be glad|be grateful|love it) if you (could|would) {x}",
    "it( would|'d) be (nice|great|lovely|good|helpful|cool) (if you could|to) {x}",
    "i was (hoping|wondering if) you (could|would) {x}",
    "i'm hoping you can {x}",
    "i wonder if you (could|can) {x}",
    "what i (want|need|'d like) is for you to {x}",
    "what i'd like you to do is {x}",
    "(your|the) (task|job) is to {x}",
    "(the goal|the idea|the plan|my wish|my request|the edit) is to {x}",
    "you (should|need to|have to) {x}",
    "(we|i think we|i think you) should {x}",
    "(let's|let us) (just |now |try to |||){x}",
    "(let me|i'd like to|i have to) ask you to {x}",
    "i (suggest|propose|recommend|vote for) {ing}",
    "(consider|try) {ing}",
    "it's time to {x}",
    "(all|the only thing) i want is to {x}",
    "i've decided to {x}",
)
_OPENINGS = (
    "(now|next|next,|now,|ok,|okay,|ok now|alright,|all right,|well,|so,|great,|nice,|good,) {x}",
    "(hey,|hi,|hello,|hi there,|hey there,|good day,) {x}",
    "(thanks,|thank you,|perfect,|hm,|hmm,|right,|yes,|cool,|actually,|so now|great, now|nice, now|ok so) {x}",
    "(go ahead and|try to|just|simply|quickly|feel free to|make sure to|be sure to) {x}",
    "(be so kind as to|be so good as to|be kind enough to) {x}",
    "(do me a favor and|do me a favor:|help me out and|help me|maybe|perhaps) {x}",
    "(edit|task|change|todo|request|instruction|modification|my request|the task|new task|step|the edit): {x}",
    "(one|another|a small|a quick|one small|one more|a little) (change|edit|thing|tweak|request|adjustment): {x}",
    "(here's|this is) what (i want|i'd like|to do|you should do|i need): {x}",
    "(in|on|for|using|given|starting from|with) (the|this|that) (picture|image|drawing|scene), {x}",
    "(in the picture above|in your picture|in the image you see|in this one|here), {x}",
    "(edit|change|modify|alter|adjust|update|rework) (the|this) (picture|image|drawing): {x}",
)
_KEEPING = (
    "(leave|keep) (everything else|the rest|all else) (as it is|unchanged|as is|the same|untouched) (and|but) {x}",
    "leave (everything else|the rest) alone (and|but) {x}",
    "without (changing|touching) (anything else|the rest), {x}",
    "{x}(, but|,| and| but) (leave|keep) (everything else|the rest|all else) (as it is|unchanged|as is|the same)",
    "{x}(, but|,| and| but) (leave|keep) (everything else|the rest|all else) untouched",
    "{x}(, nothing else|, and nothing else|, that's all|, that's it| - that's all)",
    "(the only change|just one thing|the one change i want): {x}",
)
_CLOSINGS = (
    "{x}( for me|, for me| for me please)",
    "{x}(, thanks|, thank you|, thx|. thanks|. thank you|, cheers|. thanks a lot|. thanks in advance)",
    "{x}( if you can| if possible|, if possible|, if you can|, if you don't mind| if you would|, if that's possible)",
    "{x}, (would|could|can|will) you?",
    "{x}, (ok|okay|alright|all right)?",
    "{x}( now| right away|, that would be great|. that would be great|, that'd be nice|, i'd appreciate it)",
)
_KINDS = {
    "bare": 0.32,
    "please": 0.09,
    "question": 0.22,
    "wish": 0.14,
    "opening": 0.12,
    "keeping": 0.04,
    "closing": 0.07,
}


def _speaks_of_picture(template: str) -> bool:
    return any(word in template for word in ("picture", "image", "drawing", "this one"))


def ordered(rng: np.random.Generator, order: str, joined: bool = False) -> tuple[str, str]:
    """The imperative as one of many users puts it, and the mark that it ends with.

    ``joined`` is of two orders: the frames that change its verb or add a clause are left out.
    """
    frames = {"please": _PLEASE, "question": _QUESTIONS, "wish": _WISHES, "opening": _OPENINGS}
    frames |= {"keeping": _KEEPING, "closing": _CLOSINGS}
    while True:
        kind = pick_weighted(rng, _KINDS)
        if kind == "bare":
            return order, "."
        template = pick(rng, frames[kind])
        if joined and ("{ing}" in template or kind in ("keeping", "closing")):
            continue
        if kind == "keeping" and "everything" in order:  # nothing else is left
            continue
        text = expand(rng, template, x=order, ing=gerund(order))
        if _speaks_of_picture(template) and " it " in f"{order} ":  # "it" might be the picture
            continue
        if ("let's let " in text) or ("let us let " in text) or ("for me" in text and order.endswith((" is", " are"))):
            continue
        break
    if kind in ("question", "wish") and chance(rng, 0.12):
        text = expand(
            rng, "(hey,|hi,|hello,|ok,|now|so,|ok, now|well,|hm,|please:|thanks,|great,|alright,) {x}", x=text
        )
    return (text[:-1], "?") if text.endswith("?") else (text, ".")
