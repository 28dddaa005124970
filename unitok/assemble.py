"""`python -m unitok.assemble`: puts trained parts together into a checkpoint.

Training goes through two folders: a *base* (vocabulary, tokenizers and detokenizers), on which documents are
tokenized and a decoder is trained, and the *checkpoint* that the base and that decoder make together.
"""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unitok.terminal import ArgumentParser, integer, number, run

if TYPE_CHECKING:
    from unitok.engine.sampling import Sampling

DESCRIPTION = "Put trained parts together: codecs into a base, then a base and a decoder into a checkpoint."


def build_parser() -> ArgumentParser:
    parser = ArgumentParser("python -m unitok.assemble", DESCRIPTION)
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    base = kinds.add_parser(
        "base",
        help="vocabulary, tokenizers and detokenizers, to train a decoder on",
        description="Make a base from trained codecs and a text tokenizer.",
    )
    base.add_argument(
        "--image-codec",
        required=True,
        metavar="FOLDER",
        help="with image_tokenizer/ and image_detokenizer/; or tiny, for those of the checkpoint that ships",
    )
    base.add_argument(
        "--audio-codec",
        metavar="NAME",
        help="a folder with audio_tokenizer/ and audio_detokenizer/, or tiny; or a codec of transformers (EnCodec, "
        "Mimi, DAC), a folder or a name on the Hub, such as kyutai/mimi (default: no sound)",
    )
    base.add_argument(
        "--audio-codebooks", type=integer(1), metavar="N", help="of a codec of transformers (default: all)"
    )
    base.add_argument(
        "--audio-order",
        choices=("flattened", "delayed"),
        default="flattened",
        help="frame by frame, or each codebook a frame behind the one before it (default: flattened)",
    )
    text = base.add_mutually_exclusive_group()
    text.add_argument("--text-tokenizer", metavar="PATH", help="a pretrained tokenizer of transformers")
    text.add_argument(
        "--text-size",
        type=integer(256),
        default=1024,
        metavar="N",
        help="train a byte-level BPE of N ids on the world's language (default 1024)",
    )
    base.add_argument("--image-size", type=integer(8), default=80, metavar="N", help="side of pictures (default 80)")
    base.add_argument(
        "--numbered-rows", action="store_true", help="begin each row of a picture's codes with a token that numbers it"
    )
    base.add_argument("--output", required=True, metavar="FOLDER", help="the base; it must not exist")
    whole = kinds.add_parser(
        "checkpoint",
        help="a base and a trained decoder as one checkpoint",
        description="Make a checkpoint from a base and a trained decoder.",
    )
    whole.add_argument("--base", required=True, metavar="FOLDER", help="as the command above wrote it, or a checkpoint")
    whole.add_argument(
        "--decoder",
        required=True,
        nargs="+",
        metavar="FOLDER",
        help="as training exported it; of several, which went on from the same weights, the mean is taken, and one "
        "that is named twice counts twice",
    )
    whole.add_argument(
        "--image-codec", metavar="FOLDER", help="take the detokenizer from here, such as a better trained one"
    )
    whole.add_argument("--refiner", metavar="FOLDER", help="a trained refiner, for --refine (default: the base's)")
    about = "by default those of the base where it is a whole checkpoint, such as tiny; else as said"
    add = whole.add_argument_group("how answers are drawn", about).add_argument
    switch = argparse.BooleanOptionalAction
    edited = "image codes behind a prompt that shows a picture"
    kinds_of_codes = (
        ("", "image codes", "1", "0"),
        ("edit-", edited, "as others", "as others"),
        ("audio-", "audio codes", "1", "0"),
    )
    for prefix, kind, one, none in kinds_of_codes:
        add(f"--{prefix}temperature", type=number(0), metavar="T", help=f"of {kind} (else {one})")
        about = f"of {kind} of answers that have one candidate, as in a stream (else as of several)"
        add(f"--{prefix}temperature-alone", type=number(0), metavar="T", help=about)
        add(f"--{prefix}top-p", type=number(0, 1, above=True), metavar="P", help=f"of {kind} (else {one})")
        add(f"--{prefix}top-k", type=integer(0), metavar="K", help=f"of {kind}; 0: all (else {none})")
        add(f"--{prefix}guidance-scale", type=number(0), metavar="G", help=f"of {kind} (else {one})")
    candidates = "candidates for an answer, of which the model gives the best: of one that is"
    whats = (
        ("", "a picture", "1"),
        ("edit-", "a picture behind a prompt that shows one", "as --best-of"),
        ("audio-", "a sound", "1"),
        ("text-", "words", "1"),
    )
    for prefix, what, one in whats:
        add(f"--{prefix}best-of", type=integer(1), metavar="N", help=f"{candidates} {what} (else {one})")
    add("--window", type=integer(1), metavar="N", help="codes that are guessed and tested together (else 1: none)")
    add("--hear-first", action=switch, help="write speech about pictures down before it is answered (else not)")
    about = "draw pictures in strange looks again, to weigh words about them, of which there must be several (else not)"
    add("--redraw", action=switch, help=about)
    about = "weigh pictures that were asked for by a picture and words behind both of their orders (else not)"
    add("--both-orders", action=switch, help=about)
    whole.add_argument("--output", required=True, metavar="FOLDER", help="the checkpoint; an older one is replaced")
    return parser


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and writes the folder. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    # Imported late, so that --help and mistakes are answered at once.
    from unitok import assembly

    if options.what == "base":
        vocabulary = assembly.make_base(
            options.image_codec,
            options.output,
            options.text_tokenizer,
            options.text_size,
            options.image_size,
            options.numbered_rows,
            options.audio_codec,
            options.audio_order,
            options.audio_codebooks,
        )
        print(f"{options.output}: {vocabulary}")
        return
    before, refiner = assembly.ways_of(options.base)
    assembly.make_checkpoint(
        options.base,
        options.decoder,
        options.output,
        _sampling(options, before),
        options.image_codec,
        options.refiner or refiner,
    )
    print(options.output)


def _sampling(options: Namespace, before: Sampling) -> Sampling:
    """The settings that were there, changed as the command line says."""

    def changed(settings: Any, names: Mapping[str, str]) -> Any:
        given = {name: getattr(options, option) for name, option in names.items()}
        return replace(settings, **{name: value for name, value in given.items() if value is not None})

    drawing = {name: name for name in ("temperature", "temperature_alone", "top_k", "top_p", "best_of")}
    scales = ("guidance_scale", "edit_guidance_scale", "audio_guidance_scale")
    own = (*scales, "window", "hear_first", "redraw", "both_orders")
    image = changed(before.image, drawing)
    edit = changed(before.edit or image, {name: f"edit_{option}" for name, option in drawing.items()})
    return replace(
        changed(before, {name: name for name in own}),
        text=changed(before.text, {"best_of": "text_best_of"}),
        image=image,
        audio=changed(before.audio, {name: f"audio_{option}" for name, option in drawing.items()}),
        edit=None if edit == image else edit,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(command, argv)


if __name__ == "__main__":
    sys.exit(main())
