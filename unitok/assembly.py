"""Builds bases and checkpoints from trained parts; see `unitok.assemble`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unitok import checkpoint
from unitok.bases import codec_folder, find_folder, load_component, load_processor
from unitok.checks import refuse_existing
from unitok.data.world.sounds.corpus import sound_corpus
from unitok.data.world.tasks import corpus
from unitok.decoder_folder import load_mean
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.manifest import is_checkpoint
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.syntax import FramedAudio, SizedImages
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.frozen_audio import load_frozen_codec
from unitok_tokenizers.codebook import Codebook
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.text import TextTokenizer

CORPUS_DOCUMENTS = 20_000
"""Documents of the world whose language a new text tokenizer is trained on."""
ROUNDING = 0.01
"""Of a code's vector, by half precision at most, as a share of the largest number."""


def make_base(
    image_codec: str | Path,
    output: str | Path,
    text_tokenizer: str | None = None,
    text_size: int = 1024,
    image_size: int | None = 80,
    numbered_rows: bool = False,
    audio_codec: str | Path | None = None,
    audio_order: str = "flattened",
    audio_codebooks: int | None = None,
) -> Vocabulary:
    """Write a base: a checkpoint without a decoder.

    Args:
        image_codec: Folder that holds the trained ``image_tokenizer/`` and ``image_detokenizer/``, or the name of a
            checkpoint that ships.
        output: The base's folder, which must not exist.
        text_tokenizer: A pretrained tokenizer of `transformers`; by default a byte-level BPE is trained on the
            world's language.
        text_size: Ids of that BPE.
        image_size: Side of the square pictures that the decoder will know, in pixels; None for any size.
        numbered_rows: Each row of a picture's codes begins with its number; see
            :class:`~unitok.syntax.SizedImages`.
        audio_codec: Folder that holds the trained ``audio_tokenizer/`` and ``audio_detokenizer/``, or the name of a
            checkpoint that ships, or a codec of `transformers` (EnCodec, Mimi, DAC) by its folder or its name on the
            Hub; None: without sound.
        audio_order: How the codebooks of sounds follow each other; see :class:`~unitok.syntax.FramedAudio`.
        audio_codebooks: How many codebooks of a codec of `transformers` are used; None: all.

    Raises:
        InputError: A part is missing or damaged, parts do not fit together, or ``output`` exists.
    """
    output = Path(output)
    refuse_existing(output)
    codec = codec_folder(image_codec, "image_tokenizer")
    images, pictures = (load_component(codec, name) for name in ("image_tokenizer", "image_detokenizer"))
    if audio_codec is None and (audio_codebooks is not None or audio_order != "flattened"):
        raise InputError(
            "without an audio codec there are no sounds to order; give one, or leave the audio options out"
        )
    audio = {} if audio_codec is None else _audio_codec(audio_codec, audio_codebooks)
    specs = [images.spec, audio["audio_tokenizer"].spec] if audio else [images.spec]
    ways = {"images": SizedImages(numbered_rows), "audio": FramedAudio(audio_order)}
    if text_tokenizer is None:  # last, as it takes longest
        text = TextTokenizer.train(_texts(with_sounds=audio_codec is not None), text_size)
    else:
        text = TextTokenizer.from_pretrained(text_tokenizer)
    vocabulary = Vocabulary(text.vocab_size, specs, **ways)
    processor = Processor(text, vocabulary, images, pictures, image_size=image_size, **audio)
    _check_code_vectors(processor)
    checkpoint.save(checkpoint.Checkpoint(processor, None, Sampling()), output)
    return vocabulary


def _texts(with_sounds: bool) -> Iterator[str]:
    """What is typed in the world's documents."""
    yield from corpus(np.random.default_rng(0), CORPUS_DOCUMENTS)
    if with_sounds:
        yield from sound_corpus(np.random.default_rng(0), CORPUS_DOCUMENTS // 2)


def _audio_codec(name_or_folder: str | Path, codebooks: int | None) -> dict[str, Any]:
    names = "audio_tokenizer", "audio_detokenizer"
    folder = Path(name_or_folder)
    if not any((folder / name).is_dir() for name in names):
        try:
            folder = codec_folder(name_or_folder, names[0])
        except InputError:  # none of ours
            return dict(zip(names, load_frozen_codec(name_or_folder, codebooks), strict=True))
    if codebooks is not None:
        raise InputError("a trained audio codec is used with all its codebooks; leave their number out")
    return {name: load_component(folder, name) for name in names}


def _check_code_vectors(processor: Processor) -> None:
    """Raises `InputError` where a detokenizer's codes are not those of its tokenizer, but for rounding."""
    for kind in ("image", "audio"):
        codecs = [getattr(processor, f"{kind}_{name}") for name in ("tokenizer", "detokenizer")]
        books = [
            book.vectors.float() for codec in codecs if isinstance(book := getattr(codec, "codebook", None), Codebook)
        ]
        if len(books) < 2:
            continue
        one, other = books
        if one.shape != other.shape or (one - other).abs().max() > ROUNDING * one.abs().max():
            raise InputError(f"{kind}_tokenizer/ and {kind}_detokenizer/ do not belong together: their codes differ")


def ways_of(base: str | Path) -> tuple[Sampling, Path | None]:
    """How answers are drawn on a base if nothing is said, and its refiner: as by the checkpoint that it is part of.

    Where it is a base alone, tokens are drawn as the decoder learned them, but words are the likeliest.

    Raises:
        InputError: There is none, or its manifest is damaged.
    """
    folder = find_folder(base)
    sampling, refiner = checkpoint.ways(folder) if is_checkpoint(folder) else (None, None)
    return sampling or Sampling(text=SamplingParams(temperature=0.0)), refiner


def make_checkpoint(
    base: str | Path,
    decoder: str | Path | Sequence[str | Path],
    output: str | Path,
    sampling: Sampling,
    image_codec: str | Path | None = None,
    refiner: str | Path | None = None,
) -> None:
    """Write a checkpoint from a base and a decoder that was trained on it.

    Args:
        base: As :func:`make_base` wrote it.
        decoder: A decoder's folder, as training exports it; or a language model's whose tokenizer the base has. It
            gets rows for what it does not know, and is a start for training. Of several the mean is taken, see
            :func:`~unitok.decoder_folder.load_mean`.
        output: The checkpoint's folder; an older checkpoint there is replaced.
        sampling: How answers are drawn by default.
        image_codec: Where to take the image detokenizer from instead of the base, such as one that was trained longer.
        refiner: The folder of a trained refiner.

    Raises:
        InputError: A part is missing or damaged, or parts do not fit together.
    """
    name = "image_detokenizer"
    instead = {} if image_codec is None else {name: codec_folder(image_codec, name)}
    processor = load_processor(base, detokenizers=True, instead=instead)
    _check_code_vectors(processor)
    decoders = [decoder] if isinstance(decoder, (str, Path)) else decoder
    model = load_mean(decoders, processor.vocabulary)
    whole = UniTok(processor, model, sampling, refiner)
    if refiner is not None:
        _ = whole.refiner  # raises unless it can be read
    whole.save_pretrained(output)
