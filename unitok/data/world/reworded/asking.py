"""Frames around a question: ``do you know``, ``i wonder``, ``..., right``, ``looking at the picture, ...``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from unitok.data.world.reworded.habits import written
from unitok.data.world.reworded.references import PRONOUNS
from unitok.data.world.templates import chance, expand, pick, pick_weighted, slots_of


@dataclass(frozen=True)
class Ways:
    """The ways to ask one thing, as templates; each kind goes into frames of its own.

    ``direct`` are whole questions, ``clauses`` follow ``do you know``, ``nouns`` follow ``tell me``, ``orders`` and
    ``bare`` stand alone, and ``statements``, each with its tag, are to be affirmed. ``answer`` is what a short answer
    would be (``the color``), or empty when it may need several words.
    """

    direct: tuple[str, ...]
    clauses: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    statements: tuple[tuple[str, str], ...] = ()
    answer: str = ""


_SHARES = {"direct": 0.42, "clauses": 0.2, "nouns": 0.14, "orders": 0.05, "bare": 0.07, "statements": 0.36}
_TOPIC_RATE = 0.1

_ASKING = (
    "(do|would) you (happen to |)know",
    "do you have any idea",
    "(can|could|would|will) you (please |kindly |quickly |)(tell me|say|check|find out|figure out|work out)",
    "(can|could|would|will) you (please |)let me know",
    "(can|could) you (tell|see|make out|help me find out|help me see)",
    "(can|could|may|might) i ask( you|)",
    "any (idea|guess|clue|chance you know)",
    "(mind|would you mind|how about) telling me",
)
_TELLING = (
    "(please |kindly |just |now |)(tell me|let me know|say|find out|figure out|work out|check|determine|tell us)",
    "i (wonder|was wondering|am wondering|want to know|need to know|would like to know|have to know|must know)",
    "(i'd|we'd) (like|love) to (know|hear|find out)",
    "i'm (curious|wondering|trying to (find out|figure out|work out|see)|not sure|unsure)",
    "i (can't|cannot|can not) (tell|see|make out|work out)",
    "i (don't know|have no idea|forgot)",
    "help me (out: tell me|find out|figure out|see|understand)",
    "what i (want|need|would like) to (know|find out) is",
    "(my|the) question is",
    "(tell me|say), if you can,",
    "have a (close |quick |)look and (tell me|say)",
    "look (closely |carefully |again |)and (tell me|say)",
    "it would (help|be good|be nice) to know",
)
_NOUN_ASKING = (
    "(can|could|would|will) you (please |)(name|give me|tell me|state|report|identify|work out|determine) {n}",
    "what (is|is|would be|might be) {n}",
    "what's {n}",
    "what would (you|one) say {n} is",
    "what do you (think|believe|reckon) {n} is",
    "(do|would) you (happen to |)know {n}",
    "may i (ask|know) {n}",
    "any idea (of|about) {n}",
    "{n}",
    "{n}, please",
)
_NOUN_TELLING = (
    "(please |just |kindly |now |)(name|give me|tell me|state|report|identify|provide|specify|determine|say) {n}",
    "i (need|want|need to know|want to know|would like to know|am after|am looking for) {n}",
    "(i'd|we'd) like (to know |)({n}|{n}, please)",
    "{n} is what i (want|need) to know",
    "i'm (asking for|interested in|curious about|wondering about) {n}",
    "let me know {n}",
    "tell me about {n}",
)
_AFFIRMING = (
    "{s}, (right|correct|yes|true|is that right|is that correct|is that true|isn't that right|am i right|agreed)",
    "{s}, (don't you think|wouldn't you say|wouldn't you agree|do you agree|would you agree)",
    "{s}, {t}",
    "{s}, {t}",
    "is it (true|right|correct|the case|accurate|a fact|so) that {s}",
    "(is it|would it be) (right|correct|true|fair|accurate) to say (that |){s}",
    "(is it really true|can it be|could it be) that {s}",
    "(would|could|can) you say (that |){s}",
    "do you (think|believe|agree|reckon) (that |){s}",
    "(can|could|would) you (please |)confirm (that |){s}",
    "(am i|would i be) (right|correct) (that|in thinking that|to think that|in saying that|to say that) {s}",
    "(i think|i believe|i'd say|my guess is|i guess|i suppose|i assume|i take it|it looks like|it seems) "
    "(that |){s}(. is that (right|correct|true|so)|. am i (right|correct)|, am i right|, is that right|. agreed)",
    "somebody (said|says|told me) (that |){s}. is that (right|correct|true|so)",
    "{s}. is (that|this) (right|correct|true|so|the case)",
    "{s}. (true|correct|right|yes or no|do you agree|would you agree)",
    "is (this|the following) (true|right|correct): {s}",
    "(so |so, |)(you'd say (that |)|){s}, (right|yes|correct)",
    "so {s}",
    "{s}",
)
_GREETINGS = (
    "(hey|hi|hello|ok|okay|well|now|alright|um|hmm|excuse me|sorry|next|right|now then)",
    "(one |a |another |my |next |(a |)quick |(a |)simple |)question",
    "(one more|another one|one more thing|just one thing|first|next up)",
)
_SETTINGS = (
    "in (this|the|that) (picture|image|scene|drawing)",
    "(looking at|judging by|going by|based on|considering|according to) (this|the) (picture|image|scene)",
    "(here|from what you see|from what you can see|as far as you can see|from what is shown)",
    "(when you|if you) look at (this|the) (picture|image|scene)",
    "with (this|the) (picture|image) in mind",
)
_TAILS = (
    " in (this|the) (picture|image|scene|drawing)",
    " here",
    ", (judging by|going by|according to|based on) (this|the) (picture|image)",
    ", (from what you see|as far as you can (see|tell)|in your view|in your opinion|would you say|do you think)",
    ", please",
)
_SETTING_WORDS = (" picture", " image", " scene", " drawing", " here", "you see", "you can see", "you find", "shown")
_TOPICS = (
    "(look at|take|consider|think of|find|focus on|take a look at|pay attention to) {t}(.|:) {q}",
    "(see|do you see|can you see|you see) {t}? {q}",
    "(about|regarding|concerning|as for|as to|with regard to|now|now for|for|when it comes to) {t}(,|:) {q}",
    "{t}(:|.|...| -) {q}",
    "(here is|i see|i am looking at|i mean) {t}. {q}",
    "(my|a|one) question (about|on) {t}: {q}",
)


def ask(rng: np.random.Generator, ways: Ways, topic: str | None = None, **slots: str) -> str:
    """The question as a user writes it, in one of the ways whose slots are all given.

    ``topic`` is what ``{x}`` means, when that may be said first and be ``it`` in the question.
    """
    if topic not in (None, *PRONOUNS) and chance(rng, _TOPIC_RATE):
        question = expand(rng, _usable(ways.direct, frozenset(slots)), **{**slots, "x": "it", "own": "its"})
        return written(rng, expand(rng, _TOPICS, t=topic or "", q=question), "?")
    names = frozenset(slots)
    usable = {kind: share for kind, share in _SHARES.items() if kind == "statements" or _given(ways, kind, names)}
    if not ways.statements:
        del usable["statements"]
    return _FRAMES[pick_weighted(rng, usable)](rng, ways, slots)


@cache
def _usable(templates: tuple[str, ...], names: frozenset[str]) -> tuple[str, ...]:
    return tuple(template for template in templates if slots_of(template) <= names)


def _given(ways: Ways, kind: str, names: frozenset[str]) -> tuple[str, ...]:
    return _usable(getattr(ways, kind), names)


def _content(rng: np.random.Generator, ways: Ways, kind: str, slots: dict[str, str]) -> str:
    return expand(rng, _given(ways, kind, frozenset(slots)), **slots)


def _direct(rng: np.random.Generator, ways: Ways, slots: dict[str, str]) -> str:
    text = _content(rng, ways, "direct", slots)
    draw = rng.random()
    pictured = _sets_out(text) or "? " in text or ": " in text
    if draw < 0.1:
        text = f"{expand(rng, _GREETINGS)}{pick(rng, (',', ',', ':'))} {text}"
    elif draw < 0.24 and not pictured:
        text = f"{expand(rng, _SETTINGS)}, {text}"
    elif draw < 0.3:
        text = f"{pick(rng, ('tell me,', 'say,', 'tell me:', 'so,', 'and', 'so'))} {text}"
    draw = rng.random()
    if draw < 0.12 and not pictured and not _sets_out(text):
        text = expand(rng, "{q}" + pick(rng, _TAILS), q=text)
    elif draw < 0.19 and ways.answer:
        return _with_format(rng, text, ways.answer)
    return written(rng, text, "?")


def _sets_out(text: str) -> bool:
    """Whether the text says already that it is about a picture."""
    return any(word in text for word in _SETTING_WORDS)


def _with_format(rng: np.random.Generator, text: str, answer: str) -> str:
    """``text`` with a word on how long an answer is wanted."""
    if answer == "yes or no":
        before = "(yes or no|yes or no question|answer yes or no|answer with yes or no|simply yes or no)"
        behind = "(yes or no|just yes or no|answer yes or no|a yes or no is enough|say yes or no)"
    else:
        before = "(in one word|answer in one word|one word answer|short answer|briefly|in short|with one word)"
        behind = "(one word only|one word, please|in one word|just {a}|only {a}, please|{a} is enough|a short answer)"
    if chance(rng, 0.5):
        return written(rng, f"{expand(rng, before)}: {text}", "?")
    return written(rng, f"{text}? {expand(rng, behind, a=answer)}", ".")


def _clauses(rng: np.random.Generator, ways: Ways, slots: dict[str, str]) -> str:
    clauses = _given(ways, "clauses", frozenset(slots))
    return _opened(rng, expand(rng, clauses, **slots))


def _opened(rng: np.random.Generator, clause: str) -> str:
    """``clause`` behind an opening."""
    asked = chance(rng, 0.5)
    text = f"{expand(rng, _ASKING if asked else _TELLING)} {clause}"
    draw = rng.random()
    if draw < 0.08 and "question" not in text:
        text = f"{expand(rng, _GREETINGS)}, {text}"
    elif 0.08 <= draw < 0.12 and not _sets_out(text):
        text = f"{expand(rng, _SETTINGS)}, {text}"
    elif draw < 0.18 and not _sets_out(text) and not text.endswith(" in"):
        text += pick(rng, (" in this picture", " in the picture", " in the image", " here"))
    elif asked and draw < 0.22 and "please" not in text:
        text += ", please"
    return written(rng, text, "?" if asked else ".")


def _nouns(rng: np.random.Generator, ways: Ways, slots: dict[str, str]) -> str:
    noun = _content(rng, ways, "nouns", slots)
    asked = chance(rng, 0.5)
    text = expand(rng, _NOUN_ASKING if asked else _NOUN_TELLING, n=noun)
    if chance(rng, 0.08):
        text = f"{expand(rng, _GREETINGS)}, {text}"
    return written(rng, text, "?" if asked else ".")


def _orders(rng: np.random.Generator, ways: Ways, slots: dict[str, str]) -> str:
    text = _content(rng, ways, "orders", slots)
    draw = rng.random()
    if draw < 0.2:
        text = f"please {text}"
    elif draw < 0.3:
        text = f"{text}, please"
    elif draw < 0.45:
        text = f"{expand(rng, _GREETINGS)}, {text}"
    return written(rng, text, ".")


def _bare(rng: np.random.Generator, ways: Ways, slots: dict[str, str]) -> str:
    return written(rng, _content(rng, ways, "bare", slots) + "?", "?")  # "the star: red" would be an order


def _statements(rng: np.random.Generator, ways: Ways, slots: dict[str, str]) -> str:
    names = frozenset(slots)
    template, tag = pick(rng, [entry for entry in ways.statements if _usable((entry[0],), names)])
    statement = expand(rng, template, **slots)
    if chance(rng, 0.35):
        return _opened(rng, f"{pick(rng, ('if', 'whether'))} {statement}")
    text = expand(rng, _AFFIRMING, s=statement, t=expand(rng, tag, **slots))
    if text.endswith(statement):  # nothing but the mark tells that this asks
        text += "?"
    draw = rng.random()
    if draw < 0.07:
        text = f"{expand(rng, _GREETINGS)}, {text}"
    elif draw < 0.15 and not _sets_out(text) and not text.startswith(("so", "hey")):
        text = f"{expand(rng, _SETTINGS)}, {text}"
    return written(rng, text, "?")


_FRAMES: dict[str, Callable[[np.random.Generator, Ways, dict[str, str]], str]] = {
    "direct": _direct,
    "clauses": _clauses,
    "nouns": _nouns,
    "orders": _orders,
    "bare": _bare,
    "statements": _statements,
}
