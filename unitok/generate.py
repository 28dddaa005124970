"""`python -m unitok.generate`: words, pictures and sounds from a prompt, or a conversation in the terminal."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unitok.prompt import AUDIO_PLACE, PLACE, message_parts
from unitok.terminal import ArgumentParser, grid, integer, number, printable, run
from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    # At run time these are imported where they are needed: they take seconds, and `--help` must not.
    from unitok.document import Document, Turn
    from unitok.engine.sampling import Sampling
    from unitok.model import Modality, UniTok
    from unitok.outputs import Media, SoundFormat

MAX_ANSWERS = 256
REFINE_STEPS = 4


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
    sound_format: SoundFormat
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
    add("--sound-format", choices=("wav", "flac"), default="wav", help="of the files of sounds (default: wav)")
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
    add("--compile", action="store_true", help="compile the decoder: minutes the first time, faster ever after")
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
    for option, given, kind, made in (
        ("--seconds", options.seconds is not None, "sounds", "audio"),
        ("--grid", options.grid is not None, "pictures", "image"),
        ("--refine", options.refine, "pictures", "image"),
    ):
        if given and options.modality not in ("auto", made):
            raise InputError(
                f"{option} is for {kind}, and --modality {options.modality} makes none; leave one of them out"
            )
    if options.refine_steps is not None and not options.refine:
        raise InputError("--refine-steps is of --refine; give that too, or leave it out")
    if options.chat and options.prompt is None and options.images and not options.sounds:
        raise InputError("--image needs a --prompt; in a conversation, use /image FILE")
    return options


def settings(model: UniTok, options: Options) -> Sampling:
    """The model's own sampling, changed as the command line says."""
    given = dict.fromkeys(("temperature", "temperature_alone"), options.temperature)
    given |= {"top_k": options.top_k, "top_p": options.top_p, "best_of": options.best_of}
    drawing = {name: value for name, value in given.items() if value is not None}
    given = {"max_tokens": options.max_tokens}
    given |= dict.fromkeys(("guidance_scale", "edit_guidance_scale", "audio_guidance_scale"), options.guidance_scale)
    changes = {name: value for name, value in given.items() if value is not None}
    sampling = model.sampling.each(lambda params: dataclasses.replace(params, **drawing))
    return dataclasses.replace(sampling, **changes)


def generate(argv: Sequence[str]) -> None:
    """The whole command. Raises `InputError` for what the user can mend."""
    started = time.perf_counter()
    options = parse(argv)
    from unitok.outputs import check_folder
    from unitok.sounds import load_sound
    from unitok_tokenizers.image_io import load_image

    if options.modality != "text":
        check_folder(options.output)
    images = [load_image(path) for path in options.images]
    sounds = [load_sound(path) for path in options.sounds]
    parts = [*images, *sounds] if options.prompt is None else message_parts(options.prompt, images, sounds)

    model = load(options)
    sampling = settings(model, options)
    loaded = time.perf_counter()
    if options.chat:
        from unitok.chat import Chat

        Chat(
            model, sampling, options.modality, options.output, options.seed, options.seconds, options.sound_format
        ).run(parts)
        return

    from unitok.document import Document

    with progress_bar(shown=not options.json) as progress:
        documents = model.generate(
            Document.user(*parts),
            modality=options.modality,
            sampling=sampling,
            num=options.num,
            seed=options.seed,
            progress=progress,
            refine=options.refine,
            refine_steps=options.refine_steps or REFINE_STEPS,
            grid=options.grid,
            seconds=options.seconds,
        )
    report(options, sampling, documents, loaded - started, time.perf_counter() - loaded)


def load(options: Options) -> UniTok:
    """The model, to run as the command line says."""
    import torch

    from unitok.devices import usable_device
    from unitok.model import UniTok
    from unitok.precision import has_bfloat16

    dtypes = {None: None, "float32": torch.float32, "bfloat16": torch.bfloat16}
    device = usable_device(options.device)
    if options.dtype == "bfloat16" and not has_bfloat16(device):
        print(
            "warning: this processor has no products of bfloat16; without --dtype it is many times as fast",
            file=sys.stderr,
        )
    return UniTok.from_pretrained(
        options.model,
        device=device,
        dtype=dtypes[options.dtype],
        adapter=options.adapter,
        compile=options.compile,
        weights=options.weights,
    )


@contextmanager
def progress_bar(shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Yields what `UniTok.generate` reports its progress to: a bar on stderr, or None."""
    if not shown:
        yield None
        return
    from tqdm import tqdm

    bar: tqdm | None = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        # Made at the first report, so that a prompt which is refused leaves one line of error and no bar.
        if bar is None:
            bar = tqdm(desc="generating", unit=" tokens", file=sys.stderr)
        bar.total = total  # an estimate, which becomes the truth when the last answer ends
        bar.update(done - bar.n)

    try:
        yield update
    finally:
        if bar is not None:
            bar.close()


def report(
    options: Options, sampling: Sampling, documents: Sequence[Document], load_seconds: float, seconds: float
) -> None:
    """Writes the pictures and sounds of the answers, which are the documents' last turns, and prints what came out."""
    from unitok.document import Text
    from unitok.hearing import heard_in
    from unitok.outputs import slug, write_media

    turns = [document.turns[-1] for document in documents]
    asked = " ".join(heard_in(documents[0])) if options.prompt is None else options.prompt
    words = asked.replace(PLACE, " ").replace(AUDIO_PLACE, " ")
    stem = f"{slug(words, 'sound' if turns[0].sounds else 'picture')}-seed{options.seed}"
    paths, sheet = write_media(options.output, stem, [media_of(turn) for turn in turns], options.sound_format)
    if options.json:
        result = as_json(options, sampling, documents, paths, sheet, load_seconds, seconds)
        print(json.dumps(result))  # ASCII, so that no locale can spoil it
        return
    for index, turn in enumerate(turns):
        label = f"[{index + 1}] " if len(turns) > 1 else ""
        files = iter(paths[index])
        for part in turn.parts:
            print(f"{label}{printable(part.text.strip()) if isinstance(part, Text) else next(files)}")
    if sheet is not None:
        print(sheet)
    sys.stdout.flush()
    for words in dict.fromkeys(one for document in documents for one in heard_in(document)):
        print(f"heard: {printable(words)}", file=sys.stderr)
    print(f"{made(turns)} in {seconds:.1f} s (model loaded in {load_seconds:.1f} s)", file=sys.stderr)


def media_of(turn: Turn) -> list[Media]:
    """The pictures and sounds of a turn, in order. Raises `InputError` when the checkpoint could not decode them."""
    from unitok.document import Audio, Image

    media: list[Media] = []
    for part in turn.parts:
        if isinstance(part, Image):
            if part.image is None:
                raise InputError("the checkpoint has no image_detokenizer to draw with; use --modality text")
            media.append(part.image)
        elif isinstance(part, Audio):
            if part.samples is None:
                raise InputError("the checkpoint has no audio_detokenizer to sound with; use --modality text")
            media.append(part)
    return media


def made(turns: Sequence[Turn]) -> str:
    """What a run did, such as ``wrote 2 pictures``."""
    counts = {"picture": sum(len(turn.images) for turn in turns), "sound": sum(len(turn.sounds) for turn in turns)}
    wrote = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count]
    return f"wrote {' and '.join(wrote)}" if wrote else "answered"


def as_json(
    options: Options,
    sampling: Sampling,
    documents: Sequence[Document],
    paths: Sequence[Sequence[Path]],
    sheet: Path | None,
    load_seconds: float,
    seconds: float,
) -> dict[str, Any]:
    """Everything about a run, ready for JSON; a part of an answer is in the form of the chat messages."""
    from unitok.document import Image, Text
    from unitok.hearing import heard_in

    answers = []
    for index, (document, files) in enumerate(zip(documents, paths, strict=True)):
        turn = document.turns[-1]
        names = iter(map(str, files))
        content = [
            {"type": "text", "text": part.text}
            if isinstance(part, Text)
            else {"type": "image" if isinstance(part, Image) else "audio", "path": next(names)}
            for part in turn.parts
        ]
        answers.append(
            {
                "seed": options.seed + index,
                "text": turn.text,
                "images": [part["path"] for part in content if part["type"] == "image"],
                "audio": [part["path"] for part in content if part["type"] == "audio"],
                "content": content,
                "heard": heard_in(document),
            }
        )
    return {
        "prompt": options.prompt,
        "images": list(options.images),
        "audio": list(options.sounds),
        "modality": options.modality,
        "model": options.model,
        "seed": options.seed,
        "num": options.num,
        "sampling": sampling.to_dict(),
        "answers": answers,
        "contact_sheet": None if sheet is None else str(sheet),
        "timing": {"load_seconds": round(load_seconds, 3), "generate_seconds": round(seconds, 3)},
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(generate, argv)


if __name__ == "__main__":
    sys.exit(main())
