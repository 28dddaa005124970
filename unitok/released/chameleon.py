"""Chameleon (Chameleon Team 2024, arXiv:2405.09818), Anole, which shares its layout, and Lumina-mGPT (Liu et al. 2024,
arXiv:2408.02657), which has its decoder and its codes and writes images of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unitok.chameleon_decoder import decoder_config
from unitok.processor import Processor
from unitok.released.source import (
    TOKENIZER_FILES,
    Options,
    Released,
    code_block,
    decoder_names,
    fill_control,
    known_ids,
    pixel_scale,
    read_json,
    read_picture_settings,
    read_sampling,
    read_tokenizer,
    require_files,
    text_block,
)
from unitok.syntax import FixedImages, MeasuredImages, SeparatedTurns
from unitok.vocabulary import Codebooks, Vocabulary
from unitok.weight_files import WeightFiles, read_into
from unitok_detokenizers.released import VqganImageDetokenizer, load_original
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.released import ChameleonImageTokenizer, PixelScale
from unitok_tokenizers.text import TextTokenizer

IMAGE_NAME = "IMGIMG"  # and the code's number, its digits as the letters A to J, and a last letter
RESERVED_NAME = "<reserved"
PLACEHOLDERS = ("<image>", "<unk>")
VQ_PREFIX = "model.vqmodel."
LUMINA_SIDE, LUMINA_UNIT = 768, 2
LUMINA_SIZE_0 = 8800  # the number of the reserved token that would be a size of none; the one before ends rows
MOST_LUMINA_SIZES = 128  # 4,096 pixels


def read_chameleon(folder: Path, options: Options) -> Released:
    """Reads a folder; see :func:`unitok.released.read_released`."""
    require_files(folder, ["config.json", *TOKENIZER_FILES])
    lumina = options.variant == "lumina"
    if options.image_size is not None and not lumina:
        raise InputError("the size of a Chameleon's pictures is fixed; image_size is for Lumina-mGPT")
    config = decoder_config(read_json(folder / "config.json"))
    files, tokenizer = WeightFiles(folder), read_tokenizer(folder)
    vqgan = _vqgan_folder(folder, options.vqgan)
    size, scale = LUMINA_SIDE, PixelScale(0.0078, (1.0,) * 3, (1.0,) * 3)
    if not lumina:
        picture = read_picture_settings(folder)
        size, scale = _crop_size(picture), pixel_scale(picture)
    size = options.image_size or size
    images = ChameleonImageTokenizer(config.vq_config, scale).eval()
    weights = files.under(VQ_PREFIX)
    if not weights and vqgan is not None:  # Lumina-mGPT leaves out what it did not train
        weights = load_original(vqgan / "vqgan.ckpt")
    read_into(images.vq, weights, f"the image tokenizer in {folder}")
    cell = images.spec.downsample or 1
    if size % (cell * LUMINA_UNIT if lumina else cell):
        raise InputError(f"pictures of {size} x {size} pixels are not whole codes of {cell} pixels")
    vocabulary = _vocabulary(tokenizer, config.vocab_size, images, size // cell, lumina)
    text = TextTokenizer.from_pretrained(folder)
    pictures = None
    if vqgan is not None:
        pictures = VqganImageDetokenizer.from_original(vqgan / "vqgan.ckpt", vqgan / "vqgan.yaml")
    processor = Processor(text, vocabulary, images, pictures, size, "patches" if lumina else "crop")
    names = decoder_names(files, config, lambda name: None if name.startswith(VQ_PREFIX) else name, folder)
    return Released(processor, read_sampling(folder, config.max_position_embeddings), config, files, names)


def _crop_size(picture: dict[str, Any]) -> int:
    given = picture.get("crop_size")
    sides = set(given.values()) if isinstance(given, dict) else {given}
    (side,) = sides if len(sides) == 1 else (None,)
    if not isinstance(side, int) or side < 1:
        raise InputError(f"preprocessor_config.json: crop_size must be a square of pixels, not {given!r}")
    return side


def _vocabulary(tokenizer: Any, size: int, images: ChameleonImageTokenizer, side: int, lumina: bool) -> Vocabulary:
    names: dict[str, int] = tokenizer.get_vocab()
    codes = {_code(name): token_id for name, token_id in names.items() if name.startswith(IMAGE_NAME)}
    block = code_block(codes, images.spec.codebook_size, f" ({IMAGE_NAME}...)")
    separator = tokenizer.sep_token_id
    named = {
        "<bos>": tokenizer.bos_token_id,
        "<eos>": tokenizer.eos_token_id,
        "<pad>": tokenizer.pad_token_id,
        "<eot>": separator if separator is not None else names.get("<reserved08706>"),
        "<boi>": names.get(getattr(tokenizer, "boi_token", "<racm3:break>")),
        "<eoi>": names.get(getattr(tokenizer, "eoi_token", "<eoss>")),
    }
    syntax = _measured(names, side) if lumina else FixedImages(side, side)
    marks = [*syntax.sizes, syntax.row_end] if isinstance(syntax, MeasuredImages) else []
    reserved = {token_id for name, token_id in names.items() if name.startswith(RESERVED_NAME)}
    control = fill_control(known_ids(named), reserved - set(marks))
    placeholders = {names[name] for name in PLACEHOLDERS if name in names}
    text = text_block(max(names.values()) + 1, {*control.values(), *block, *reserved, *placeholders})
    codebooks = [Codebooks(images.spec, (block,))]
    return Vocabulary.from_blocks(text, control, (), codebooks, size, syntax, SeparatedTurns())


def _measured(names: dict[str, int], side: int) -> MeasuredImages:
    """Lumina-mGPT's sizes count patches of 32 pixels, which are two codes: `<reserved08801>` is one patch."""
    sizes = []
    while (name := f"<reserved{LUMINA_SIZE_0 + len(sizes) + 1:05d}>") in names:
        sizes.append(names[name])
    row_end = names.get(f"<reserved{LUMINA_SIZE_0 - 1:05d}>")
    if row_end is None or len(sizes) * LUMINA_UNIT < side:
        raise InputError("the tokenizer lacks Lumina-mGPT's reserved tokens; is it a Chameleon? leave the variant out")
    return MeasuredImages(tuple(sizes[:MOST_LUMINA_SIZES]), LUMINA_UNIT, row_end, side, side)


def _code(name: str) -> int:
    digits = "".join(str(ord(letter) - ord("A")) for letter in name[len(IMAGE_NAME) : -1])
    if not digits.isdecimal():
        raise InputError(f"the tokenizer has a token {name!r}, which does not name an image code")
    return int(digits)


def _vqgan_folder(folder: Path, given: Path | None) -> Path | None:
    """None where the original release's files are not at hand: then images come out as codes alone."""
    found = [one for one in (folder, folder / "tokenizer") if (one / "vqgan.ckpt").is_file()]
    place = given or (found[0] if found else None)
    for name in ("vqgan.ckpt", "vqgan.yaml"):
        if place is not None and not (place / name).is_file():
            raise InputError(f"{place} has no {name}; the original release keeps it in its folder tokenizer/")
    return place
