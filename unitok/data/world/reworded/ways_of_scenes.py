"""Ways to ask about a whole picture: what is there, how many, whether there are more of these or of those."""

from __future__ import annotations

from unitok.data.world.reworded.asking import Ways

EXISTS = Ways(
    direct=(
        "is there {x} {in}",
        "is there {x} (anywhere|somewhere|to be seen|around) {in}",
        "(do|can) you (see|spot|find|make out|detect|notice) {x} {in}",
        "(do|can) you (see|spot|find) any {xs} {in}",
        "are there any {xs} {in}",
        "any {xs} (here|in the picture|in this image|around|to be seen|in there)",
        "does (the|this) (picture|image|scene|drawing) (show|contain|have|include|feature) {x}",
        "does (the|this) (picture|image|scene|drawing) (show|contain|have|include|feature) any {xs}",
        "does (the|this) (picture|image) have {x} in it",
        "has (the|this) (picture|image) got {x} in it",
        "is {x} (in (the|this) (picture|image)|visible|present|shown|to be seen|part of the picture|among the shapes)",
        "can {x} be (found|seen|spotted) {in}",
        "does {x} (appear|occur|show up) {in}",
        "(would|could|can) (i|we) find {x} {in}",
        "have you (spotted|found|seen) {x} {in}",
        "is (one|any) of the (shapes|objects|figures) {x}",
        "is there such a thing as {x} {in}",
        "is anything {w} {in}",
        "is there anything {w} {in}",
        "is there something {w} {in}",
        "are any of the (shapes|objects|things|figures) {w}",
        "is (one|any) of the (shapes|objects|things|figures) {w}",
        "is any (shape|object|thing|figure) {w}",
        "does any (shape|object|thing|figure) have the color {color}",
        "does {color} occur as the color of a shape",
    ),
    bare=("{x}, yes or no", "{x} (here|in the picture)", "any {xs}", "{x}: is there one", "is {x} there"),
    statements=(
        ("there is {x} {in}", "isn't there"),
        ("there is {x} {in}", "isn't there"),
        ("(the|this) (picture|image) (shows|has|contains|includes) {x}", "doesn't it"),
        ("you see {x} {in}", "don't you"),
        ("you can see {x} {in}", "can't you"),
        ("{x} is (in the picture|in the image|visible|present|part of the picture)", "isn't it"),
        ("{x} can be (seen|found) {in}", "can't it"),
        ("one of the (shapes|objects|figures) is {x}", "isn't it"),
        ("(at least one|one) of the (shapes|objects|things) is {w}", "isn't it"),
        ("something {in} is {w}", "isn't it"),
    ),
    answer="yes or no",
)

COUNT = Ways(
    direct=(
        "how many {xs} are there {in}",
        "how many {xs} are there {in}",
        "how many {xs} (do|can) you (see|count|find|spot) {in}",
        "how many {xs} (can be seen|are visible|are shown|are present|appear|can be found|are to be seen) {in}",
        "how many {xs} does (the|this) (picture|image|scene) (show|contain|have|include)",
        "how many {xs} has (the|this) (picture|image) got",
        "how many {xs} are (in|part of) (the|this) (picture|image|scene)",
        "how many {xs} would you say there are {in}",
        "(how many of the shapes are|how many shapes are) {pred}",
        "how many of the (shapes|objects|figures|things) are {pred}",
        "there are how many {xs} {in}",
        "you (see|count) how many {xs} {in}",
        "how many times does {x} (appear|occur|show up) {in}",
        "how often (do you see|can one see) {x} {in}",
        "what is the (number|count|total number) of {xs} {in}",
        "what number of {xs} (do you see|are there|is shown) {in}",
        "counting the {xs}, how many (are there|do you get|do you find)",
        "if you count the {xs}, (how many are there|how many do you get|what do you get)",
        "(can|could|would) you (please |)count the {xs} {in}",
        "to what number do the {xs} add up",
    ),
    clauses=(
        "how many {xs} there are {in}",
        "how many {xs} (you|you can|one can) (see|count|find) {in}",
        "how many {xs} (are shown|are visible|can be seen) {in}",
        "how many {xs} (the|this) (picture|image) (has|shows|contains)",
        "how many of the (shapes|objects|figures) are {pred}",
        "how often {x} (appears|occurs) {in}",
        "what the number of {xs} is",
    ),
    nouns=("the (number|total number|count|exact number) of {xs} {in}",),
    orders=(
        "count (the|all|all the) {xs} {in}",
        "count how many {xs} (there are|you see) {in}",
        "count up the {xs}",
        "give a count of the {xs}",
    ),
    bare=(
        "number of {xs} {in}",
        "{xs}: how many",
        "how many {xs}",
        "how many {xs} {in}",
        "count of {xs}",
        "{xs}, how many are there",
    ),
    answer="the number",
)

NUMBER = Ways(
    direct=(
        "{are} there {q} {n} {xs} {in}",
        "{are} there {q} {n} {xs} {in}",
        "do you (see|count|find|get) {q} {n} {xs} {in}",
        "does (the|this) (picture|image|scene) (show|have|contain) {q} {n} {xs}",
        "has (the|this) (picture|image) got {q} {n} {xs}",
        "can you (see|count|find) {q} {n} {xs} {in}",
        "counting the {all}, do you get {q} {n}",
    ),
    bare=("{q} {n} {xs}, yes or no", "{q} {n} {xs} {in}"),
    statements=(
        ("there {are} {q} {n} {xs} {in}", "{arent} there"),
        ("there {are} {q} {n} {xs} {in}", "{arent} there"),
        ("(the|this) (picture|image) (shows|has|contains) {q} {n} {xs}", "doesn't it"),
        ("you (see|count|find) {q} {n} {xs} {in}", "don't you"),
    ),
    answer="yes or no",
)
"""Whether there are exactly, at least, at most so many; ``q`` is that word."""

MORE = Ways(
    direct=(
        "are there {w} {xs} than {ys} {in}",
        "are there {w} {xs} than {ys} {in}",
        "do you (see|count|find|have) {w} {xs} than {ys} {in}",
        "can you (see|count|find) {w} {xs} than {ys} {in}",
        "does (the|this) (picture|image|scene) (show|have|contain) {w} {xs} than {ys}",
        "has (the|this) (picture|image) got {w} {xs} than {ys}",
        "is the number of {xs} {gr} than (the number|that) of {ys}",
        "are there {wi} {ys} than {xs} {in}",
        "are the {xs} {nu} than the {ys}",
        "compared (to|with) the {ys}, are there {w} {xs}",
        "(do|would) you count {w} {xs} than {ys}",
        "comparing {xs} and {ys}, are there {w} {xs}",
        "are the {xs} in the {maj} compared (to|with) the {ys}",
    ),
    bare=("{w} {xs} than {ys}", "{w} {xs} than {ys}, yes or no"),
    statements=(
        ("there are {w} {xs} than {ys} {in}", "aren't there"),
        ("there are {w} {xs} than {ys} {in}", "aren't there"),
        ("there are {wi} {ys} than {xs} {in}", "aren't there"),
        ("(the|this) (picture|image) (shows|has|contains) {w} {xs} than {ys}", "doesn't it"),
        ("you (see|count|find) {w} {xs} than {ys} {in}", "don't you"),
        ("the number of {xs} is {gr} than (the number|that) of {ys}", "isn't it"),
        ("the {xs} are {nu} than the {ys}", "aren't they"),
    ),
    answer="yes or no",
)

AS_MANY = Ways(
    direct=(
        "are there (as many|just as many|exactly as many) {xs} as {ys} {in}",
        "are there equally many {xs} and {ys} {in}",
        "are there the same number of {xs} and {ys} {in}",
        "are there as many {ys} as {xs} {in}",
        "do you (see|count|find) (as many|the same number of) {xs} as {ys} {in}",
        "does (the|this) (picture|image|scene) (show|have|contain) (as many|the same number of) {xs} as {ys}",
        "is the number of {xs} (equal to|the same as) (the number|that) of {ys}",
        "are the {xs} and the {ys} equal in number",
        "are there equal numbers of {xs} and {ys} {in}",
        "do the numbers of {xs} and {ys} match",
    ),
    bare=("as many {xs} as {ys}", "same number of {xs} and {ys}", "equally many {xs} and {ys}, yes or no"),
    statements=(
        ("there are (as many|exactly as many|just as many) {xs} as {ys} {in}", "aren't there"),
        ("there are equally many {xs} and {ys} {in}", "aren't there"),
        ("(the|this) (picture|image) (shows|has|contains) as many {xs} as {ys}", "doesn't it"),
        ("you (see|count) as many {xs} as {ys} {in}", "don't you"),
        ("the number of {xs} is (equal to|the same as) (the number|that) of {ys}", "isn't it"),
        ("the numbers of {xs} and {ys} are equal", "aren't they"),
    ),
    answer="yes or no",
)

WHICH_MORE = Ways(
    direct=(
        "(what|which) are there {w} of(,|:) {xs} or {ys}",
        "(what|which) do you (see|count|find) {w} of(,|:) {xs} or {ys}",
        "are there {w} {xs} or {w} {ys} {in}",
        "are there {w} {xs} or {ys} {in}",
        "do you (see|count|find) {w} {xs} or {w} {ys} {in}",
        "does (the|this) (picture|image) (show|have|contain) {w} {xs} or {w} {ys}",
        "is it {xs} or {ys} that there are {w} of",
        "(of|between|comparing) {xs} and {ys}, which are there {w} of",
        "{xs} or {ys}(:|,) (which|what) are there {w} of",
        "which are {num}, the {xs} or the {ys}",
        "which (group|kind) is {grp}, the {xs} or the {ys}",
        "which number is {gr}, that of the {xs} or that of the {ys}",
        "if you count {xs} and {ys}, which are there {w} of",
        "would you say there are {w} {xs} or {w} {ys}",
    ),
    clauses=(
        "(if|whether) there are {w} {xs} or {w} {ys} {in}",
        "(if|whether) there are {w} {xs} or {ys} {in}",
        "(what|which) there are {w} of, {xs} or {ys}",
        "which are {num}, the {xs} or the {ys}",
        "(if|whether) you (see|count) {w} {xs} or {w} {ys}",
    ),
    bare=("{w} {xs} or {w} {ys}", "{w} {xs} or {ys}", "{xs} or {ys}, which are {num}", "{w} of which: {xs} or {ys}"),
)

BEHIND = Ways(
    direct=(
        "(what|which) color (is|lies) behind (the|all the) (shapes|objects|figures)",
        "on (what|which) color do the (shapes|objects|figures) (sit|lie|stand)",
        "(what|which) color (are the shapes|is everything) (drawn|placed|painted) on",
        "(what|which) color fills the rest of the (picture|image)",
        "(what|which) background color (does (the|this) (picture|image) have|is there|do you see|is used)",
        "(what|which) color of background (does (the|this) (picture|image) have|is there|do you see)",
        "(what|which) color surrounds the (shapes|objects)",
        "what color background is this",
    ),
    clauses=(
        "(what|which) color (is|lies) behind the (shapes|objects)",
        "(what|which) color everything is (drawn|placed) on",
        "(what|which) background color (the|this) (picture|image) has",
    ),
    nouns=("the background color", "the color behind the (shapes|objects)"),
    bare=("background color", "background: (what |)color", "color behind the shapes"),
    answer="the color",
)
"""The background."""
