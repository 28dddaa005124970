"""Ways to ask about two objects: where one is from the other, which is larger, what they share."""

from __future__ import annotations

from unitok.data.world.reworded.asking import Ways

IS_RELATED = Ways(
    direct=(
        "is {a} {rel} {b}",
        "is {a} {rel} {b}",
        "is {b} {inv} {a}",
        "is {a} (located|placed|positioned|situated|drawn|to be found|found) {side} {b}",
        "does {a} (sit|lie|appear|stand|show up) {side} {b}",
        "does {b} have {a} {toit}",
        "has {b} got {a} {toit}",
        "is {a} {comp} than {b}",
        "is {b} {icomp} than {a}",
        "does {a} (sit|lie|appear) {comp} than {b}",
        "is {a} (placed|drawn|located|positioned) {comp} than {b}",
        "is {a} {comp} (compared to|compared with) {b}",
        "(relative to|compared to|compared with|with respect to) {b}, is {a} {comp}",
        "(would|do|can|will|could) (i|you|we) (find|see|spot) {a} {side} {b}",
        "can {a} be (seen|found|spotted) {side} {b}",
        "(seen|starting|going|coming) from {b}, do (i|you|we) (go|move|look) {way} to (get to|reach|find) {a}",
        "do (i|you) (have to |)(go|move|look) {way} from {b} to (get to|reach|find|see) {a}",
        "is it {way} from {b} to {a}",
        "is the position of {a} {rel} {b}",
        "would you say {a} is {rel} {b}",
    ),
    bare=("{a} {side} {b}", "{a} {side} {b}, yes or no", "{a}: {side} {b}", "{a} {comp} than {b}"),
    statements=(
        ("{a} is {rel} {b}", "isn't it"),
        ("{a} is {rel} {b}", "isn't it"),
        ("{b} is {inv} {a}", "isn't it"),
        ("{a} is (located|placed|positioned|situated|drawn) {side} {b}", "isn't it"),
        ("{a} (sits|lies|appears|stands) {side} {b}", "doesn't it"),
        ("{b} has {a} {toit}", "doesn't it"),
        ("{a} is {comp} than {b}", "isn't it"),
        ("{b} is {icomp} than {a}", "isn't it"),
        ("you (find|see) {a} {side} {b}", "don't you"),
        ("{a} can be (seen|found) {side} {b}", "can't it"),
        ("you (go|move|look) {way} from {b} to (get to|reach|find) {a}", "don't you"),
    ),
    answer="yes or no",
)

SIDES = Ways(
    direct=(
        "is {a} {lr} of {b}",
        "is {a} (located|placed|positioned|situated|drawn|found) {lr} of {b}",
        "does {a} (sit|lie|appear|stand) {lr} of {b}",
        "{a} is {lr} of {b}",
        "on (which|what) side of {b} is {a}",
        "(which|what) side of {b} is {a} on",
        "on (which|what) side of {b} (do you see|does one find|can you find) {a}",
        "on (which|what) side of {b} does {a} (sit|lie|appear|stand)",
        "is {a} on the (left or (the |)right|right or (the |)left) side of {b}",
        "is {a} (further|farther|more to the) (left or right|right or left) than {b}",
        "is {a} further to the (left or to the right|right or to the left) than {b}",
        "(relative|compared|in relation) to {b}, is {a} {lrs}",
        "(seen|looking|starting|going) from {b}, is {a} {lrs}",
        "(which|what) way is {a} from {b}(,|:) (left or right|right or left)",
        "(left or right|right or left) of {b}: where is {a}",
        "(going|moving) from {b} to {a}, do (i|you|we) (go|move) (left or right|right or left)",
        "do (i|you|we) (go|move|look) (left or right|right or left) from {b} to (get to|reach|find) {a}",
        "where is {a}, {lr} of {b}",
        "(would|do) you (see|find) {a} {lr} of {b}",
        "{b} has {a} on (which|what) side",
        "does {b} have {a} on its (left or right|right or left)",
        "would you say {a} is {lr} of {b}",
    ),
    clauses=(
        "(if|whether) {a} is {lr} of {b}",
        "(if|whether) {a} (sits|lies|appears) {lr} of {b}",
        "on (which|what) side of {b} {a} is",
        "(which|what) side of {b} {a} is on",
        "(if|whether) {b} has {a} on its (left or right|right or left)",
        "(if|whether) you (go|move|look) (left or right|right or left) from {b} to (get to|reach|find) {a}",
    ),
    nouns=("the side of {b} (that |){a} is on",),
    bare=("{a}: {lr} of {b}", "{a} {lr} of {b}", "(left or right|right or left) of {b}: {a}"),
    answer="the side",
)

WHICH_LEVEL = Ways(
    direct=(
        "is {a} {ab} {b}",
        "is {a} (located|placed|positioned|situated|drawn|found) {ab} {b}",
        "does {a} (sit|lie|appear|stand) {ab} {b}",
        "{a} is {ab} {b}",
        "is {a} {abs} when compared to {b}",
        "(relative|compared|in relation) to {b}, is {a} {abs}",
        "(which|what) is it, is {a} {ab} {b}",
        "{ab} {b}: where is {a}",
        "where is {a}, {ab} {b}",
        "(would|do|can) you (see|find) {a} {ab} {b}",
        "does {b} have {a} {ab} it",
        "would you say {a} is {ab} {b}",
    ),
    clauses=(
        "(if|whether) {a} is {ab} {b}",
        "(if|whether) {a} (sits|lies|appears) {ab} {b}",
        "(if|whether) {b} has {a} {ab} it",
        "where {a} is, {ab} {b}",
    ),
    bare=("{a}: {ab} {b}", "{a} {ab} {b}", "{ab} {b}: {a}", "{a}, {ab} {b}"),
    answer="the word",
)

HIGHER_OR_LOWER = Ways(
    direct=(
        "is {a} {hl} than {b}",
        "is {a} (placed|located|drawn|positioned) {hl} than {b}",
        "does {a} (sit|lie|appear|stand) {hl} than {b}",
        "(relative|compared) to {b}, is {a} {hl}",
        "{a} is {hl} than {b}",
        "is {a} {hl} in the (picture|image) than {b}",
        "{hl} than {b}: which is {a}",
        "which is {a}, {hl} than {b}",
        "would you say {a} is {hl} than {b}",
    ),
    clauses=(
        "(if|whether) {a} is {hl} than {b}",
        "(if|whether) {a} (sits|lies|appears) {hl} than {b}",
    ),
    bare=("{a}: {hl} than {b}", "{a} {hl} than {b}"),
    answer="the word",
)

UP_OR_DOWN = Ways(
    direct=(
        "(going|moving|looking) from {b} to {a}, do (i|you|we) (go|move|look) {ud}",
        "do (i|you|we) (go|move|look) {ud} from {b} to (get to|reach|find|see) {a}",
        "(which|what) way is {a} from {b}(,|:) {ud}",
        "is it {ud} from {b} to {a}",
        "to (get|go|move) from {b} to {a}, is it {ud}",
    ),
    clauses=(
        "(if|whether) (i|you) (go|move|look) {ud} from {b} to (get to|reach|find|see) {a}",
        "(if|whether) it is {ud} from {b} to {a}",
    ),
    bare=("from {b} to {a}: {ud}",),
    answer="the word",
)

_FROM = "(relative to|in relation to|compared to|compared with|with respect to|as seen from|seen from)"

OPEN = Ways(
    direct=(
        f"where is {{a}} {_FROM} {{b}}",
        f"where is {{a}} (located|placed|positioned|situated) {_FROM} {{b}}",
        f"where does {{a}} (sit|lie|appear) {_FROM} {{b}}",
        f"{_FROM} {{b}}, where is {{a}}",
        f"how is {{a}} (placed|positioned|located) {_FROM} {{b}}",
        f"what is the position of {{a}} {_FROM} {{b}}",
        "in (which|what) direction from {b} is {a}",
        "(which|what) direction is {a} from {b}",
        "is {a} (above, below, left of or right of|left of, right of, above or below) {b}",
        "which is it: is {a} (above, below, left of or right of|left of, right of, above or below) {b}",
        "where do you (see|find) {a} when you start (at|from) {b}",
        "if i am at {b}, where is {a}",
        "how does {a} stand to {b}, (above, below, left or right|left, right, above or below)",
        "where from {b} is {a}",
        f"{{a}} is where {_FROM} {{b}}",
    ),
    clauses=(
        f"where {{a}} is {_FROM} {{b}}",
        f"how {{a}} is (placed|positioned|located) {_FROM} {{b}}",
        "in (which|what) direction from {b} {a} is",
        "(if|whether) {a} is (above, below, left of or right of|left of, right of, above or below) {b}",
    ),
    nouns=(
        f"the (position|place|location) of {{a}} {_FROM} {{b}}",
        "the direction from {b} to {a}",
    ),
    orders=(f"describe where {{a}} is {_FROM} {{b}}", f"say where {{a}} (is|sits|lies) {_FROM} {{b}}"),
    bare=(f"{{a}} {_FROM} {{b}}: where", "{a} from {b}: which direction", "from {b} to {a}: which way"),
)

BESIDE = Ways(
    direct=(
        "what (is|do you see|can you see|can be seen|is there|is placed|is located) {rel} {b}",
        "what (lies|sits|appears|stands) {side} {b}",
        "(what|which) (shape|object|figure|thing|one) (is|is there|is placed|is located) {rel} {b}",
        "(what|which) (shape|object|figure|thing|one) (lies|sits|appears|stands|can be seen|do you see) {side} {b}",
        "what (kind|sort|type) of shape is {rel} {b}",
        "what does {b} have {toit}",
        "(what|which) shape does {b} have {toit}",
        "what has {b} got {toit}",
        "{side} {b}, what (is there|do you see|can be seen|shape is there)",
        "(going|moving|looking) {way} from {b}, what (shape |)do (i|you) (see|find|meet|come to|reach)",
        "if (i|you|we) (go|move|look) {way} from {b}, what (shape |)do (i|you|we) (see|find|meet|reach)",
        "what (would|do|can) (i|you|we) (see|find) {side} {b}",
        "{b} has (what|which shape) {toit}",
        "what shape is the (thing|object|one) {rel} {b}",
        "which of the (shapes|objects|other shapes) is {rel} {b}",
        "(what|which shape) is {comp} than {b}",
        "{side} {b} there is (what|which) shape",
    ),
    clauses=(
        "what (is|can be seen|there is|you see) {rel} {b}",
        "what (lies|sits|appears) {side} {b}",
        "(what|which) (shape|object|figure) (is|there is) {rel} {b}",
        "what {b} has {toit}",
        "(what|which) shape {b} has {toit}",
        "(what|which shape) you (see|reach|find) when you (go|move|look) {way} from {b}",
    ),
    nouns=("the (shape|object|figure|thing) (that is |){rel} {b}", "the shape {b} has {toit}"),
    orders=(
        "name what (is|you see|can be seen) {side} {b}",
        "name the (shape|object|thing) (that is |you see |){side} {b}",
        "look {way} from {b} and (name|tell me) what you see",
    ),
    bare=("{side} {b}: (what is there|which shape|what|what shape)", "what {side} {b}", "the shape {side} {b}"),
    answer="the shape",
)

WHICH_OF_TWO = Ways(
    direct=(
        "which (one |of the two |of them |shape |object |thing |)is {w}(,|:|,) {a} or {b}",
        "which is {wn}(,|:|,) {a} or {b}",
        "which (one |)of {a} and {b} is {w}",
        "which of {a} and {b} is {wn}",
        "what is {w}(,|:|,) {a} or {b}",
        "is {a} or {b} {wn}",
        "is it {a} or {b} that is {w}",
        "(between|of|out of|comparing|from) {a} and {b}, which (one |)is {w}",
        "(between|of|out of) {a} and {b}, which is {wn}",
        "(compare|look at|take) {a} and {b}: which (one |)is {w}",
        "{a} or {b}(:|,) which (one |)is {w}",
        "{a} and {b}: which (one |of them |)is {w}",
        "if you compare {a} and {b}, which (one |)is {w}",
        "would you say {a} or {b} is {w}",
        "do you (think|find) {a} or {b} is {w}",
        "which (one |)would you say is {w}, {a} or {b}",
    ),
    clauses=(
        "which (one |of the two |)is {w}, {a} or {b}",
        "which (one |)of {a} and {b} is {w}",
        "(if|whether) {a} or {b} is {w}",
        "(if|whether) it is {a} or {b} that is {w}",
        "which is {wn}, {a} or {b}",
    ),
    orders=("compare {a} and {b} and (say|tell me) which is {w}", "pick {wn}: {a} or {b}"),
    bare=("{w}: {a} or {b}", "{a} or {b}, which is {w}", "{wn}, {a} or {b}"),
)

IS_LARGER = Ways(
    direct=(
        "is {a} {w} than {b}",
        "is {a} {w} than {b}",
        "is {b} {wi} than {a}",
        "does {a} have a {w} size than {b}",
        "does {a} (look|appear) {w} than {b}",
        "is {a} (drawn|shown) {w} than {b}",
        "is {a} {w} in size than {b}",
        "(compared to|compared with|next to|relative to) {b}, is {a} {w}",
        "is {a} {w} (compared to|compared with|when compared to) {b}",
        "is {a} the {w} one compared (to|with) {b}",
        "if you compare {a} (with|and) {b}, is the first {w}",
        "is the size of {a} {w} than (that|the size) of {b}",
        "would you (call|consider) {a} {w} than {b}",
    ),
    bare=("{a} {w} than {b}", "{a} {w} than {b}, yes or no", "{a}: {w} than {b}"),
    statements=(
        ("{a} is {w} than {b}", "isn't it"),
        ("{a} is {w} than {b}", "isn't it"),
        ("{b} is {wi} than {a}", "isn't it"),
        ("{a} has a {w} size than {b}", "doesn't it"),
        ("{a} (looks|appears) {w} than {b}", "doesn't it"),
        ("{a} is {w} in size than {b}", "isn't it"),
        ("{a} is drawn {w} than {b}", "isn't it"),
    ),
    answer="yes or no",
)

_SAME_DIRECT = (
    "do {a} and {b} have the same {n}",
    "have {a} and {b} got the same {n}",
    "are {a} and {b} (of |)the same {n}",
    "are {a} and {b} both the same {n}",
    "is {a} (of |)the same {n} as {b}",
    "does {a} have the same {n} as {b}",
    "has {a} got the same {n} as {b}",
    "are {a} and {b} (alike|equal|identical|the same) in {n}",
    "do {a} and {b} share (a|the same) {n}",
    "do {a} and {b} (match|agree) in {n}",
    "do the {n}s of {a} and {b} (match|agree)",
    "are the {n}s of {a} and {b} (the same|equal|identical)",
    "does the {n} of {a} (match|equal) (that|the {n}) of {b}",
    "is the {n} of {a} the same as (that|the {n}) of {b}",
    "does {a} match {b} in {n}",
    "does {a} share its {n} with {b}",
    "(comparing|looking at) {a} and {b}, (is their {n} the same|are they the same {n}|do they have the same {n})",
    "compare {a} and {b}: (is their {n} the same|are they the same {n}|do they have the same {n})",
)
_SAME_STATEMENTS = (
    ("{a} and {b} have the same {n}", "don't they"),
    ("{a} and {b} have the same {n}", "don't they"),
    ("{a} and {b} are (of |)the same {n}", "aren't they"),
    ("{a} and {b} share (a|the same) {n}", "don't they"),
    ("{a} and {b} match in {n}", "don't they"),
    ("{a} has the same {n} as {b}", "doesn't it"),
    ("{a} is the same {n} as {b}", "isn't it"),
    ("the {n} of {a} is the same as (that|the {n}) of {b}", "isn't it"),
    ("the {n}s of {a} and {b} are the same", "aren't they"),
)
_ALIKE = {
    "color": "are {a} and {b} (equally|identically) colored",
    "shape": "are {a} and {b} the same (kind|type|sort) of (shape|figure)",
    "size": "are {a} and {b} equally (big|large)",
}

SAME = {
    name: Ways(
        direct=(*_SAME_DIRECT, special),
        bare=("{a} and {b}: same {n}", "same {n}: {a} and {b}", "{a} and {b}, same {n}, yes or no"),
        statements=_SAME_STATEMENTS,
        answer="yes or no",
    )
    for name, special in _ALIKE.items()
}
"""Whether two objects have one color, shape or size."""
