"""The options of `python -m unitok.generate`, checked as far as they can be without the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unitok.checks import check_made
from unitok.prompt import AUDIO_PLACE, PLACE
from unitok.terminal import ArgumentParser, grid, integer, number
from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    # At run time these are imported where they are needed: they take seconds, and `--help` must not.
    from unitok.engine.sampling import Sampling
    from unitok.model import Modality, UniTok
    from unitok.outputs import SoundFormat

MAX_ANSWERS = 256
REFINE_STEPS = 4
SOUND_FORMAT: SoundFormat = "wav"


@dataclass(frozen=True)
class Options:
    """What the command line says, checked as far as it can be without the model."""

    prompt: str | None
    images: tuple[str, ...]
    sounds: tuple[str, ...]
    modality: Modality
    seconds: float | None
    grid: tuple[int, int] | None
    model: str
    adapter: Path | None
    output: Path
    sound_format: SoundFormat | None
    num: int
    seed: int
    temperature: float | None
    top_k: int | None
    top_p: float | None
    guidance_scale: float | None
    best_of: int | None
    max_tokens: int | None
    refine: bool
    refine_steps: int | None
    device: str
    dtype: str | None
    weights: Literal["int8"] | None
    compile: bool
    json: bool
    chat: bool


def parser() -> ArgumentParser:
    """The options with their ranges and their help."""
    result = ArgumentParser(
        "python -m unitok.generate",
        "Answers a prompt with words, pictures and sounds. Words and the paths of the files go to stdout, "
        "the progress and the time it took to stderr.",
    )
    add = result.add_argument
    places = f"{PLACE} says where a picture of --image goes, {AUDIO_PLACE} a sound of --audio"
    add("--prompt", metavar="TEXT", help=f"what you ask for, unless --audio says it; {places}")
    add(
        "--image",
        metavar="FILE",
        action="append",
        default=[],
        dest="images",
        help=f"a picture to go with the prompt; may repeat; without {PLACE} in the prompt they come first",
    )
    add(
        "--audio",
        metavar="FILE",
        action="append",
        default=[],
        dest="sounds",
        help=f"a sound to go with the prompt; may repeat; without {AUDIO_PLACE} in the prompt they come first",
    )
    add(
        "--modality",
        choices=("auto", "text", "image", "audio"),
        default="auto",
        help="words, exactly one picture, exactly one sound, or what the model finds fit (default: auto)",
    )
    add("--seconds", metavar="S", type=number(0, above=True), help="the longest sound")
    add(
        "--grid", metavar="HxW", type=grid, help="a picture's rows and columns of codes, of a model that draws any size"
    )
    add(
        "--model",
        metavar="NAME",
        default="tiny",
        help="tiny, a folder, or owner/name on the Hub (default: tiny)",
    )
    add("--adapter", metavar="FOLDER", type=Path, help="a LoRA adapter that was trained on the model's decoder")
    add(
        "--output",
        metavar="FOLDER",
        type=Path,
        default=Path("outputs"),
        help="where pictures and sounds go; nothing that is there is replaced (default: outputs)",
    )
    add("--sound-format", choices=("wav", "flac"), help=f"of the files of sounds (default: {SOUND_FORMAT})")
    add("--num", metavar="N", type=integer(1, MAX_ANSWERS), default=1, help="how many answers (default: 1)")
    add(
        "--seed",
        metavar="S",
        type=integer(0, 2**63 - 1),
        default=0,
        help="the same seed gives the same answer (default: 0)",
    )
    about = "for words, pictures and sounds alike; the default is the model's own"
    add = result.add_argument_group("sampling", about).add_argument
    add("--temperature", metavar="T", type=number(0, 100), help="0: always the likeliest; 1: as learned")
    add("--top-k", metavar="K", type=integer(0), help="draw from the K likeliest tokens; 0: from all")
    add("--top-p", metavar="P", type=number(0, 1, above=True), help="draw from the likeliest share P")
    add(
        "--guidance-scale",
        metavar="G",
        type=number(0, 100),
        help="how strictly a picture or a sound follows the prompt; 1 is without guidance",
    )
    add(
        "--best-of",
        metavar="N",
        type=integer(1, MAX_ANSWERS),
        help="candidates for an answer, of which the model gives the best",
    )
    add("--max-tokens", metavar="N", type=integer(1), help="the longest answer")
    add = result.add_argument_group("ways to run").add_argument
    add("--refine", action="store_true", help="a second stage makes each picture sharper and twice as large")
    add("--refine-steps", metavar="N", type=integer(1, 1000), help=f"its steps (default: {REFINE_STEPS})")
    add("--device", metavar="NAME", default="cpu", help="where the model runs: cpu, cuda, cuda:1, mps (default: cpu)")
    add("--dtype", choices=("float32", "bfloat16"), help="of the decoder (default: float32 on a CPU, else as stored)")
    add("--weights", choices=("int8",), help="round the decoder's matrices to 8 bits while it runs")
    add(
        "--compile",
        action="store_true",
        help="compile the decoder's short passes (on a CPU of up to 8 tokens: words and sounds of one candidate, not "
        "the pictures of tiny): minutes the first time, faster ever after",
    )
    add("--json", action="store_true", help="print one JSON object with everything, and nothing else")
    add("--chat", action="store_true", help="keep a conversation; a prompt, if given, is its first message")
    return result


def parse(argv: Sequence[str]) -> Options:
    """Raises `InputError` for anything that cannot be right; `--help` prints and exits."""
    options = Options(**vars(parser().parse_args(argv)))
    if options.chat:
        if options.json:
            raise InputError("--json does not go with --chat; leave one of them out")
        if options.refine:
            raise InputError("--refine does not go with --chat; leave one of them out")
        if options.grid is not None:
            raise InputError("--grid does not go with --chat; leave one of them out")
        if options.num > 1:
            raise InputError("--num does not go with --chat, where each message has one answer; leave it out")
        if options.best_of is not None:
            raise InputError("--best-of does not go with --chat, where answers are shown as they come; leave it out")
    elif options.prompt is None and not options.sounds:
        raise InputError(
            "--prompt is missing; say what you want, in words or with --audio, or use --chat for a conversation"
        )
    if options.prompt is not None and not options.prompt.strip():
        raise InputError("--prompt is empty; say what you want")
    for option, given, made in (
        ("--seconds", options.seconds is not None, "audio"),
        ("--sound-format", options.sound_format is not None, "audio"),
        ("--grid", options.grid is not None, "image"),
        ("--refine", options.refine, "image"),
    ):
        if given:
            check_made(option, made, options.modality)
    if options.guidance_scale is not None and options.modality == "text":
        raise InputError("--guidance-scale is for pictures and sounds, not for --modality text; leave one of them out")
    if options.refine_steps is not None and not options.refine:
        raise InputError("--refine-steps is of --refine; give that too, or leave it out")
    if options.chat and options.prompt is None and options.images and not options.sounds:
        raise InputError("--image needs a --prompt; in a conversation, use /image FILE")
    return options


def settings(model: UniTok, options: Options) -> Sampling:
    """The model's own sampling, changed as the command line says."""
    given = dict.fromkeys(("temperature", "temperature_alone"), options.temperature)
    # The likeliest is one: further candidates would be drawn.
    best_of = 1 if options.temperature == 0 and options.best_of is None else options.best_of
    given |= {"top_k": options.top_k, "top_p": options.top_p, "best_of": best_of}
    drawing = {name: value for name, value in given.items() if value is not None}
    given = {"max_tokens": options.max_tokens}
    given |= dict.fromkeys(("guidance_scale", "edit_guidance_scale", "audio_guidance_scale"), options.guidance_scale)
    changes = {name: value for name, value in given.items() if value is not None}
    sampling = model.sampling.each(lambda params: dataclasses.replace(params, **drawing))
    return dataclasses.replace(sampling, **changes)
