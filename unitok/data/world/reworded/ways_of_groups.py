"""Ways to ask about groups of objects and parts of the picture that the templates do not ask about."""

from __future__ import annotations

from unitok.data.world.reworded.asking import Ways
from unitok.data.world.reworded.ways_of_scenes import COUNT


def _placed(templates: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(template for template in templates if "{in}" in template)


COUNT_IN_PART = Ways(
    direct=_placed(COUNT.direct),
    clauses=_placed(COUNT.clauses),
    nouns=_placed(COUNT.nouns),
    orders=_placed(COUNT.orders),
    bare=_placed(COUNT.bare),
    answer=COUNT.answer,
)

ALL_ARE = Ways(
    direct=(
        "are {g} {v}",
        "are {g} {v}",
        "is {e} {s}",
        "are the {t} all {v}",
        "would you (call {g}|say {g} are) {v}",
        "would you agree that {g} are {v}",
        "do {g} count as {v}",
    ),
    bare=("{g}: {v}", "{g} {v}, yes or no", "{e} {s}"),
    statements=(
        ("{g} are {v}", "aren't they"),
        ("{g} are {v}", "aren't they"),
        ("{e} is {s}", "isn't it"),
        ("the {t} are all {v}", "aren't they"),
    ),
    answer="yes or no",
)

SHARED = Ways(
    direct=(
        "do any two (shapes|objects|things|figures) have the same {n}",
        "do any two of the (shapes|objects|things) (have the same|share a) {n}",
        "do any of the (objects|things|figures) have the same {n}",
        "do any of the (objects|things|figures) share a {n}",
        "are there (at least |)two (objects|things|figures) (of|with) the same {n}",
        "(can|do) you (find|see|spot) two (objects|things|figures) (of|with) the same {n}",
        "do at least two of the (objects|things) (have the same|share a) {n}",
        "does any {n} (occur|appear|show up) (more than once|twice or more)",
        "is there a {n} that (occurs|appears) more than once",
        "is any {n} repeated",
        "is any {n} used more than once",
    ),
    bare=("two objects of the same {n}", "any {n} more than once", "same {n} twice or more, yes or no"),
    statements=(
        ("at least two of the (shapes|objects|things) have the same {n}", "don't they"),
        ("there are (at least |)two (objects|things) (of|with) the same {n}", "aren't there"),
        ("(some|a) {n} (occurs|appears) more than once", "doesn't it"),
        ("you (can find|find|see) two (objects|things) of the same {n}", "right"),
    ),
    answer="yes or no",
)
"""Whether two objects share their color or shape."""

DIFFERENT = Ways(
    direct=(
        "is every (object|thing|figure) a different {n}",
        "do all (the |)(objects|things|figures) have different {n}s",
        "does every (object|thing|figure) have (a different {n}|its own {n}|a {n} of its own)",
        "does each (object|thing|figure) have (a different {n}|its own {n}|a {n} of its own)",
        "are all the {n}s different",
        "are the {n}s of the (objects|things|figures) all different",
        "do the (objects|things|figures) all differ in {n}",
    ),
    bare=("all different {n}s", "every (object|thing) a different {n}"),
    statements=(
        ("all (the |)(objects|things|figures) have different {n}s", "don't they"),
        ("every (object|thing|figure) has a different {n}", "doesn't it"),
        ("each (object|thing|figure) has its own {n}", "doesn't it"),
        ("the (objects|things) all differ in {n}", "don't they"),
    ),
    answer="yes or no",
)

_APART = "(not counting|leaving out|apart from|besides|ignoring|except for|without) the background"

HOW_MANY_COLORS = Ways(
    direct=(
        "how many (different |distinct |)colors do the (shapes|objects|figures) have( in total| together|)",
        f"how many (different |distinct |)colors (are there|do you see|can you see|are used), {_APART}",
        f"{_APART}, how many (different |distinct |)colors (are there|do you see|does the picture have)",
        "in how many (different |)colors are the (shapes|objects) (drawn|painted|shown)",
        "how many (different |distinct |)colors (can be found|occur|appear) among the (shapes|objects)",
        "the (shapes|objects) have how many (different |)colors",
        "what is the number of (different |distinct )colors of the (shapes|objects)",
    ),
    clauses=(
        "how many (different |distinct |)colors the (shapes|objects|figures) have",
        f"how many (different |)colors there are, {_APART}",
        "in how many (different |)colors the (shapes|objects) are (drawn|shown)",
    ),
    nouns=("the number of (different |distinct )colors (of|among) the (shapes|objects)",),
    orders=(f"count the (different |)colors, {_APART}", "count the colors of the (shapes|objects)"),
    bare=("number of colors of the (shapes|objects)", f"how many colors, {_APART}"),
    answer="the number",
)

HOW_MANY_KINDS = Ways(
    direct=(
        "how many (different |)(kinds|types|sorts) of shapes (are there|do you see|can you see|occur)",
        "how many (different |)(kinds|types|sorts) of (shapes|figures) does (the|this) (picture|image) (have|show)",
        "how many (different |)(kinds|types|sorts) of (shapes|figures) are (in this picture|in the image|shown)",
        "of how many (different |)(kinds|types) are the (shapes|figures)",
        "how many (kinds|types|sorts) of shapes can be told apart",
        "what is the number of (different |)(kinds|types) of shapes",
    ),
    clauses=(
        "how many (different |)(kinds|types|sorts) of shapes (there are|you see|occur)",
        "how many (different |)(kinds|types) of shapes the picture has",
    ),
    nouns=("the number of (different |)(kinds|types|sorts) of shapes",),
    orders=("count the (different |)(kinds|types|sorts) of shapes",),
    bare=("number of (kinds|types) of shapes", "how many (kinds|types|sorts) of shapes"),
    answer="the number",
)

COMMONEST = Ways(
    direct=(
        "(what|which) {k} (occurs|appears|shows up) (most|most often|more than once)",
        "(what|which) {k} is (the most common|most common|most frequent|the most frequent)",
        "(what|which) {k} (do you see|do you find) more than once",
        "(what|which) {k} is (repeated|used more than once)",
        "(what|which) {k} do several (objects|things) (have|share)",
        "(what|which) {k} do at least two (objects|things) (have|share)",
        "(what|which) is the most (common|frequent) {k}",
        "is there a {k} that occurs more than once, and which",
    ),
    clauses=(
        "(what|which) {k} (occurs|appears) (most|most often|more than once)",
        "(what|which) {k} is (the most common|most common|repeated)",
        "(what|which) {k} several (objects|things) (have|share)",
    ),
    nouns=("the most (common|frequent) {k}", "the {k} that (occurs|appears) (most|more than once)"),
    bare=("most (common|frequent) {k}", "{k} that occurs more than once"),
    answer="the word",
)

OCCUPIED = Ways(
    direct=(
        "is there (anything|something|a shape|any shape|an object|any object) {at}",
        "(do|can) you (see|find|spot) (anything|something|a shape|any shape) {at}",
        "is (anything|something|any shape|any object) {at}",
        "is (anything|something) (placed|drawn|shown|to be seen) {at}",
        "has (anything|something|a shape) been (put|placed|drawn) {at}",
        "does (anything|any shape|something) (appear|sit|lie) {at}",
        "{at}, is there (anything|something|a shape)",
        "any (shape|object|thing) {at}",
        "does (a|any) shape (occupy|fill|take up) {part}",
        "is {part} (occupied|taken)",
    ),
    bare=("anything {at}", "anything {at}, yes or no", "{at}: anything there"),
    statements=(
        ("there is (something|a shape|an object) {at}", "isn't there"),
        ("you (see|find) (something|a shape|an object) {at}", "don't you"),
        ("(something|a shape|an object) (is|has been) (placed|drawn) {at}", "right"),
        ("{part} is (occupied|taken)", "isn't it"),
    ),
    answer="yes or no",
)

EMPTY = Ways(
    direct=(
        "is {part} (empty|free|bare|blank|vacant)",
        "is the space {at} (empty|free)",
        "has {part} been left (empty|free|blank)",
        "does {part} look (empty|bare|blank)",
        "is it empty {at}",
        "would you call {part} (empty|bare|free)",
    ),
    bare=("{part}: empty", "{part} empty, yes or no"),
    statements=(
        ("{part} is (empty|free|bare|blank)", "isn't it"),
        ("{part} has been left (empty|free|blank)", "hasn't it"),
        ("it is empty {at}", "isn't it"),
    ),
    answer="yes or no",
)

BOTH = Ways(
    direct=(
        "is there both {a} and {b} {in}",
        "do you see (both |){a} and {b} {in}",
        "is there {a} as well as {b} {in}",
        "is there {a} and also {b} {in}",
        "are {a} and {b} both (in the picture|in this image|here|present|there)",
        "does (the|this) (picture|image) (show|have|contain) (both |){a} and {b}",
        "does (the|this) (picture|image) (show|have|contain) {a} as well as {b}",
        "can you (find|see|spot) both {a} and {b} {in}",
        "are there both {as} and {bs} {in}",
        "do both {as} and {bs} (occur|appear) {in}",
    ),
    bare=("both {a} and {b}", "{a} and also {b}, yes or no"),
    statements=(
        ("there is {a} as well as {b} {in}", "right"),
        ("(the|this) (picture|image) (shows|has|contains) (both |){a} and {b}", "doesn't it"),
        ("you (see|find) both {a} and {b} {in}", "don't you"),
        ("both {a} and {b} are (in the picture|in the image|present)", "aren't they"),
    ),
    answer="yes or no",
)
