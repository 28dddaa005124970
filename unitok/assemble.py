"""`python -m unitok.assemble`: puts trained parts together into a checkpoint.

Training goes through two folders: a *base* (vocabulary, tokenizers and detokenizers), on which documents are
tokenized and a decoder is trained, and the *checkpoint* that the base and that decoder make together.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from unitok.terminal import ArgumentParser, integer, number, run

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
    whole.add_argument("--base", required=True, metavar="FOLDER", help="as the command above wrote it")
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
    whole.add_argument("--refiner", metavar="FOLDER", help="a trained refiner, for --refine")
    whole.add_argument("--temperature", type=number(0), default=1.0, help="of image codes (default 1)")
    whole.add_argument("--top-p", type=number(0, 1, above=True), default=1.0, help="of image codes (default 1)")
    whole.add_argument("--top-k", type=integer(0), default=0, help="of image codes; 0: all (default 0)")
    whole.add_argument("--guidance-scale", type=number(0), default=1.0, help="of image codes (default 1)")
    candidates = "candidates for an answer, of which the model gives the best: of one that is"
    for option, what in (("--best-of", "a picture"), ("--audio-best-of", "a sound"), ("--text-best-of", "words")):
        whole.add_argument(option, type=integer(1), default=1, help=f"{candidates} {what} (default 1)")
    whole.add_argument(
        "--window", type=integer(1), default=1, help="codes that are guessed and tested together (default 1: none)"
    )
    whole.add_argument(
        "--hear-first", action="store_true", help="write speech about pictures down before it is answered"
    )
    whole.add_argument(
        "--redraw",
        action="store_true",
        help="draw pictures in strange looks again, to weigh words about them, of which there must be several",
    )
    whole.add_argument("--audio-temperature", type=number(0), default=1.0, help="of audio codes (default 1)")
    whole.add_argument("--audio-top-p", type=number(0, 1, above=True), default=1.0, help="of audio codes (default 1)")
    whole.add_argument("--audio-top-k", type=integer(0), default=0, help="of audio codes; 0: all (default 0)")
    whole.add_argument("--audio-guidance-scale", type=number(0), default=1.0, help="of audio codes (default 1)")
    whole.add_argument("--output", required=True, metavar="FOLDER", help="the checkpoint; an older one is replaced")
    return parser


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and writes the folder. Raises `InputError`."""
    options = build_parser().parse_args(argv)
    # Imported late, so that --help and mistakes are answered at once.
    from unitok import assembly
    from unitok.engine.sampling import Sampling, SamplingParams

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
    image = SamplingParams(options.temperature, options.top_k, options.top_p, options.best_of)
    audio = SamplingParams(options.audio_temperature, options.audio_top_k, options.audio_top_p, options.audio_best_of)
    sampling = Sampling(
        text=SamplingParams(temperature=0.0, best_of=options.text_best_of),
        image=image,
        audio=audio,
        guidance_scale=options.guidance_scale,
        audio_guidance_scale=options.audio_guidance_scale,
        window=options.window,
        hear_first=options.hear_first,
        redraw=options.redraw,
    )
    assembly.make_checkpoint(
        options.base, options.decoder, options.output, sampling, options.image_codec, options.refiner
    )
    print(options.output)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code, which `unitok.terminal.run` defines."""
    return run(command, argv)


if __name__ == "__main__":
    sys.exit(main())
