"""Ways to ask about one object: its color, shape, size and place."""

from __future__ import annotations

from unitok.data.world.reworded.asking import Ways

COLOR = Ways(
    direct=(
        "(what|which) (color|color|colour) is {x}",
        "(what|which) (color|colour) does {x} have",
        "(what|which) (color|colour) has {x} got",
        "{x} is (what|which) (color|colour)",
        "{x} has (what|which) color",
        "(what|which) color (would you say|do you think) {x} is",
        "in (what|which) color is {x} (drawn|painted|shown|done)",
        "(what|which) color is {x} (drawn|painted|shown|filled|done) in",
        "what is the (color|colour|hue|shade|tint) of {x}",
        "how is {x} (colored|coloured)",
        "(how would you describe|what would you call) the color of {x}",
        "what color was {x} (given|painted|drawn in)",
        "what color did they (paint|make) {x}",
        "(what is|what's) {own} (color|colour)",
        "which color (fits|matches|describes) {x} (best|)",
    ),
    clauses=(
        "(what|which) (color|colour) {x} is",
        "(what|which) (color|colour) {x} has",
        "what the (color|colour) of {x} is",
        "(what|which) color {x} is (drawn|painted|shown) in",
        "in (what|which) color {x} is (drawn|painted|shown)",
        "how {x} is colored",
        "what {own} (color|colour) is",
    ),
    nouns=(
        "the (color|color|colour|hue|shade) of {x}",
        "{own} (color|colour)",
        "the (color|colour) (that |){x} has",
        "the color in which {x} is (drawn|shown)",
    ),
    bare=(
        "{x}: (what |which |)(color|colour)",
        "{named} - what color is it",
        "{named}, what color is it",
        "(color|colour) of {x}",
        "{x}, what color",
    ),
    answer="the color",
)

SHAPE = Ways(
    direct=(
        "(what|which) shape is {x}",
        "(what|which) shape does {x} have",
        "(what|which) shape has {x} got",
        "{x} (is|has) (what|which) shape",
        "what (kind|sort|type) of (shape|thing|figure|object) is {x}",
        "what (kind|sort|type) of shape does {x} have",
        "what (is|exactly is) {x}",
        "what (would|do|should) (you|i|we) call {x}",
        "(what|which) shape (would you say|do you think) {x} is",
        "(what|which) form does {x} have",
        "(what|which) (figure|form) is {x}",
        "how is {x} shaped",
        "what is {x} shaped like",
        "what geometric (shape|figure|form) is {x}",
        "what is the (shape|form) of {x}",
        "(what is|what's) {own} (shape|form)",
        "which (of the shapes|of the figures|shape|figure|one) is {w}",
        "what (shape|thing|figure|item|form) is {w}",
        "which (shape|figure) is the {w} one",
    ),
    clauses=(
        "(what|which) shape {x} is",
        "(what|which) shape {x} has",
        "what {x} is",
        "what (kind|sort|type) of (shape|figure|thing) {x} is",
        "how {x} is shaped",
        "what the (shape|form) of {x} is",
        "what {own} shape is",
        "(what|which) (shape|figure) is {w}",
    ),
    nouns=(
        "the (shape|shape|form) of {x}",
        "{own} (shape|form)",
        "the shape (that |){x} has",
    ),
    bare=(
        "{x}: (what |which |)shape",
        "{named} - what is it",
        "{named}, what shape is it",
        "shape of {x}",
        "{x}, what shape",
        "{x} is a what",
    ),
    answer="the shape",
)

_OR = "(small or large|large or small|big or small|small or big)"

SIZE = Ways(
    direct=(
        "(what|which) size is {x}",
        "(what|which) size does {x} have",
        "(what|which) size has {x} got",
        "{x} (is|has) (what|which) size",
        "how (big|large) is {x}",
        "(what|which) size would you say {x} is",
        f"is {{x}} ({_OR}|a small one or a large one|little or big)",
        f"would you call {{x}} {_OR}",
        f"would you say {{x}} is {_OR}",
        f"{{x}} is {_OR}",
        "is {x} (big|large), or is it small",
        f"which is {{x}}, {_OR}",
        "what is the size of {x}",
        "(what is|what's) {own} size",
        "how would you describe the size of {x}",
        "in (what|which) size is {x} drawn",
        f"does {{x}} (count as|look) {_OR}",
    ),
    clauses=(
        "(what|which) size {x} is",
        "(what|which) size {x} has",
        "how (big|large) {x} is",
        f"(if|whether) {{x}} is {_OR}",
        "what the size of {x} is",
        "what {own} size is",
    ),
    nouns=("the size of {x}", "{own} size", "the size (that |){x} has"),
    bare=(
        f"{{x}}: ({_OR}|what size|size|how big)",
        f"{{named}}, is it {_OR}",
        f"{_OR}: {{x}}",
        "size of {x}",
        f"{{x}}, {_OR}",
    ),
    answer="the size",
)

ASKED = {"color": COLOR, "shape": SHAPE, "size": SIZE}

PLACE = Ways(
    direct=(
        "where is {x}",
        "where's {x}",
        "where (would|can|could|do|will) (i|you|we|one) (find|see|spot|locate) {x}",
        "where in the (picture|image|scene|frame) is {x}",
        "in (which|what) (part|area|region|section) of the (picture|image|scene) is {x}",
        "(which|what) (part|area|region|section) of the (picture|image) is {x} in",
        "whereabouts (in the picture |)is {x}",
        "where does {x} (sit|lie|appear|show up)",
        "where (has {x} been|was {x}) (put|placed|drawn)",
        "where (should|must) i look (for|to see|to find) {x}",
        "{x} is where",
        "{x} is in (which|what) (part|area|region) of the (picture|image)",
        "where (exactly |roughly |)is {x} (located|placed|situated|positioned)",
        "where can {x} be (found|seen|spotted)",
        "(what is|what's) {own} (position|location|place)",
        "what is the (position|location|place) of {x}",
        "(what|which) (position|place|spot) does {x} (have|take|occupy)",
        "how would you describe where {x} is",
        "at (which|what) (place|spot|position) is {x}",
    ),
    clauses=(
        "where {x} is( located| placed| situated|||)",
        "where in the (picture|image) {x} is",
        "in (which|what) (part|area) of the (picture|image) {x} is",
        "where to (find|look for|spot|see) {x}",
        "where {x} (sits|lies|appears|can be found|can be seen|has been placed)",
        "where (i|you|we) can (find|see) {x}",
        "what the (position|location) of {x} is",
    ),
    nouns=(
        "the (position|location|place) of {x}",
        "{own} (position|location|place)",
        "the part of the (picture|image) {x} is in",
        "the (region|area|spot|place) where {x} (sits|appears)",
    ),
    orders=("(locate|find) {x}", "describe where {x} is", "say where you see {x}"),
    bare=("{x}: where", "{named} - where is it", "{named}, where is it", "(position|location) of {x}", "{x} where"),
)

COLOR_CHOICE = Ways(
    direct=(
        "is {x} {c} or {d}",
        "is {x} {c} or is it {d}",
        "is the (color|colour) of {x} {c} or {d}",
        "is {own} (color|colour) {c} or {d}",
        "what color is {x}(,|:) {c} or {d}",
        "which is {x}(,|:) {c} or {d}",
        "would you (call {x}|say {x} is) {c} or {d}",
        "does {x} look {c} or {d}",
        "which color does {x} have(,|:) {c} or {d}",
        "{c} or {d}: which color is {x}",
        "of {c} and {d}, which (color |)is {x}",
        "is {x} (painted|drawn in|colored) {c} or {d}",
        "which of the colors {c} and {d} does {x} have",
        "{x} is {c} or {d}",
        "which fits {x} better, {c} or {d}",
    ),
    clauses=(
        "(if|whether) {x} is {c} or {d}",
        "(if|whether) the color of {x} is {c} or {d}",
        "which color {x} is, {c} or {d}",
    ),
    bare=("{x}: {c} or {d}", "{c} or {d}: {x}", "{named}, is it {c} or {d}", "{x}, {c} or {d}"),
    answer="the color",
)

COLOR_OF_ALL = Ways(
    direct=(
        "(what|which) (color|colour) are (all |)the {xs}",
        "(what|which) (color|colour) do (all |)the {xs} have( in common|)",
        "(what|which) color do the {xs} share",
        "the {xs} are (all |)(what|which) color",
        "what is the (color|colour|shade) of (all |)the {xs}",
        "in (what|which) color are the {xs} (drawn|painted|shown)",
        "(what|which) color are the {xs} (drawn|painted|shown) in",
        "(what|which) color would you say the {xs} are",
        "how are the {xs} colored",
        "the {xs} come in (what|which) color",
    ),
    clauses=(
        "(what|which) (color|colour) (all |)the {xs} are",
        "(what|which) color the {xs} (have|share)",
        "what the color of the {xs} is",
        "in (what|which) color the {xs} are (drawn|painted)",
    ),
    nouns=("the (color|colour) of (all |)the {xs}", "the color (that |)(all |)the {xs} (have|share)"),
    bare=("the {xs}: (what |which |)color", "(color|colour) of the {xs}", "the {xs}, what color are they"),
    answer="the color",
)

THE_PLACE: dict[str, str] = {
    "center": "(in the (middle|center|very middle|very center)( of the (picture|image)|)|at the center)",
    **{
        f"{row} {column}": f"(in the {words} {column}( corner| corner|)|in the {words}-{column} corner|"
        f"in the {words} {column} (part|area|corner) of the (picture|image)|at the {words} {column})"
        for row, words in (("top", "(top|top|upper)"), ("bottom", "(bottom|bottom|lower)"))
        for column in ("left", "right")
    },
}
"""Where the four corners and the middle are."""

_SEEN = "(is|is there|do you see|can you see|can be seen|is shown|sits|appears|lies)"

THERE = Ways(
    direct=(
        f"what {_SEEN} {{at}}",
        f"(what|which) (shape|object|figure|thing) {_SEEN} {{at}}",
        f"(what|which) (kind|sort|type) of shape {_SEEN} {{at}}",
        "what (would|do|can) (i|we|you) (see|find) {at}",
        "{at}, what (shape |)(is there|do you see|can be seen)",
        "{at} there is (what|which) shape",
        "what (shape |)(has been|was) (put|placed|drawn) {at}",
        "what is the thing (that is |){at}",
    ),
    clauses=(
        "what (is|can be seen|sits|you see|there is) {at}",
        "(what|which) (shape|object|figure) (is|can be seen|sits|you see|there is) {at}",
        "what has been (put|placed|drawn) {at}",
    ),
    nouns=("the (shape|object|figure|thing) (that is |){at}",),
    orders=("name what (is|you see|can be seen) {at}", "(name|tell me) the shape (you see|that is) {at}"),
    bare=("{at}: (what|which shape|what shape) is it", "what {at}", "the shape {at}"),
    answer="the shape",
)
