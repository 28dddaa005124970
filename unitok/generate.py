"""`python -m unitok.generate`: words, pictures and sounds from a prompt, or a conversation in the terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unitok.generate_options import REFINE_STEPS, SOUND_FORMAT, Options, parse, settings
from unitok.prompt import AUDIO_PLACE, PLACE, message_parts
from unitok.terminal import printable, run
from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    # At run time these are imported where they are needed: they take seconds, and `--help` must not.
    from unitok.document import Audio, Document, Image, Turn
    from unitok.engine.sampling import Sampling
    from unitok.model import Modality, UniTok
    from unitok.outputs import Media


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
    check_seen(model, options.modality)
    sampling = settings(model, options)
    loaded = time.perf_counter()
    if options.chat:
        model.check(options.modality, sampling, seconds=options.seconds)  # or no message could be answered
        from unitok.chat import Chat

        Chat(
            model,
            sampling,
            options.modality,
            options.output,
            options.seed,
            options.seconds,
            options.sound_format or SOUND_FORMAT,
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


def check_seen(model: UniTok, modality: Modality) -> None:
    """Raises `InputError` where what is asked for would be codes that nobody can see or hear."""
    from unitok.outputs import UNSEEN

    known = modality in model.processor.vocabulary.specs
    if known and getattr(model.processor, f"{modality}_detokenizer") is None:
        raise InputError(f"{UNSEEN[modality]}; use --modality text")


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
    unseen = unseen_in(turns)
    asked = " ".join(heard_in(documents[0])) if options.prompt is None else options.prompt
    words = asked.replace(PLACE, " ").replace(AUDIO_PLACE, " ")
    stem = f"{slug(words, 'sound' if turns[0].sounds else 'picture')}-seed{options.seed}"
    paths, sheet = write_media(
        options.output, stem, [media_of(turn) for turn in turns], options.sound_format or SOUND_FORMAT
    )
    if options.json:
        result = as_json(options, sampling, documents, paths, sheet, load_seconds, seconds)
        print(json.dumps(result))  # ASCII, so that no locale can spoil it
        if unseen:
            raise InputError(unseen)
        return
    for index, turn in enumerate(turns):
        label = f"[{index + 1}] " if len(turns) > 1 else ""
        files = iter(paths[index])
        for part in turn.parts:
            if isinstance(part, Text) or is_seen(part):
                print(f"{label}{printable(part.text.strip()) if isinstance(part, Text) else next(files)}")
    if sheet is not None:
        print(sheet)
    sys.stdout.flush()
    for words in dict.fromkeys(one for document in documents for one in heard_in(document)):
        print(f"heard: {printable(words)}", file=sys.stderr)
    if unseen:
        raise InputError(unseen)
    print(f"{made(turns)} in {seconds:.1f} s (model loaded in {load_seconds:.1f} s)", file=sys.stderr)


def media_of(turn: Turn) -> list[Media]:
    """The pictures and sounds of a turn, in order, without those that the checkpoint could not decode."""
    from unitok.document import Audio, Text

    parts = [part for part in turn.parts if not isinstance(part, Text) and is_seen(part)]
    return [part if isinstance(part, Audio) else part.image for part in parts]  # type: ignore[misc]


def is_seen(part: Image | Audio) -> bool:
    """Whether a picture has pixels, or a sound samples, and not codes alone."""
    from unitok.document import Image

    return (part.image if isinstance(part, Image) else part.samples) is not None


def unseen_in(turns: Sequence[Turn]) -> str:
    """What is to be said of pictures and sounds that the checkpoint could not decode; empty where there are none."""
    from unitok.outputs import UNSEEN

    kinds = {"image": [one for turn in turns for one in turn.images]}
    kinds |= {"audio": [one for turn in turns for one in turn.sounds]}  # type: ignore[dict-item]
    for kind, media in kinds.items():
        if not all(is_seen(one) for one in media):
            return f"{UNSEEN[kind]}; use --modality text"
    return ""


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
            else {
                "type": "image" if isinstance(part, Image) else "audio",
                "path": next(names) if is_seen(part) else None,
            }
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
        "seconds": options.seconds,
        "grid": options.grid,
        "refine": (options.refine_steps or REFINE_STEPS) if options.refine else None,
        "model": options.model,
        "adapter": None if options.adapter is None else str(options.adapter),
        "device": options.device,
        "dtype": options.dtype,
        "weights": options.weights,
        "compile": options.compile,
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
