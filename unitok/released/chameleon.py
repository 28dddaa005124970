"""Chameleon (Chameleon Team 2024, arXiv:2405.09818), and Anole and Lumina-mGPT, which share its layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unitok.chameleon_decoder import decoder_config
from unitok.engine.sampling import Sampling
from unitok.processor import Processor
from unitok.released.source import (
    TOKENIZER_FILES,
    Released,
    decoder_names,
    fill_control,
    pixel_scale,
    read_json,
    read_tokenizer,
    require_files,
    text_block,
)
from unitok.syntax import FixedImages, SeparatedTurns
from unitok.vocabulary import Codebooks, Vocabulary
from unitok.weight_files import WeightFiles, read_into
from unitok_detokenizers.released import VqganImageDetokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.released import ChameleonImageTokenizer
from unitok_tokenizers.text import TextTokenizer

IMAGE_NAME = "IMGIMG"  # and the code's number, its digits as the letters A to J, and a last letter
RESERVED_NAME = "<reserved"
VQ_PREFIX = "model.vqmodel."


def read_chameleon(folder: Path, vqgan: Path | None = None) -> Released:
    """Reads a folder; see :func:`unitok.released.read_released`."""
    require_files(folder, ["config.json", "preprocessor_config.json", *TOKENIZER_FILES])
    config = decoder_config(read_json(folder / "config.json"))
    files, picture = WeightFiles(folder), read_json(folder / "preprocessor_config.json")
    tokenizer = read_tokenizer(folder)
    images = ChameleonImageTokenizer(config.vq_config, pixel_scale(picture)).eval()
    read_into(images.vq, files.under(VQ_PREFIX), f"the image tokenizer in {folder}")
    size = int(picture["crop_size"]["height"])
    side = size // (images.spec.downsample or 1)
    vocabulary = _vocabulary(tokenizer, config.vocab_size, images, side)
    text = TextTokenizer.from_pretrained(folder)
    processor = Processor(text, vocabulary, images, _detokenizer(folder, vqgan), size, "crop")
    names = decoder_names(files, config, lambda name: None if name.startswith(VQ_PREFIX) else name, folder)
    return Released(processor, Sampling(max_tokens=config.max_position_embeddings), config, files, names)


def _vocabulary(tokenizer: Any, size: int, images: ChameleonImageTokenizer, side: int) -> Vocabulary:
    names: dict[str, int] = tokenizer.get_vocab()
    codes = {_code(name): token_id for name, token_id in names.items() if name.startswith(IMAGE_NAME)}
    count = images.spec.codebook_size
    if sorted(codes) != list(range(count)):
        raise InputError(
            f"the tokenizer names {len(codes)} image codes ({IMAGE_NAME}...), the image tokenizer has {count}"
        )
    known = {
        "<bos>": tokenizer.bos_token_id,
        "<eos>": tokenizer.eos_token_id,
        "<pad>": tokenizer.pad_token_id,
        "<eot>": tokenizer.sep_token_id,
        "<boi>": names.get(getattr(tokenizer, "boi_token", "<racm3:break>")),
        "<eoi>": names.get(getattr(tokenizer, "eoi_token", "<eoss>")),
    }
    lacking = [name for name, token_id in known.items() if token_id is None]
    if lacking:
        raise InputError(f"the tokenizer does not say which token is {', '.join(lacking)}")
    reserved = [token_id for name, token_id in names.items() if name.startswith(RESERVED_NAME)]
    control = fill_control({name: int(token_id) for name, token_id in known.items() if token_id is not None}, reserved)
    block = tuple(codes[code] for code in range(count))
    text = text_block(max(names.values()) + 1, [*control.values(), *block])
    codebooks = [Codebooks(images.spec, (block,))]
    return Vocabulary.from_blocks(text, control, (), codebooks, size, FixedImages(side, side), SeparatedTurns())


def _code(name: str) -> int:
    digits = "".join(str(ord(letter) - ord("A")) for letter in name[len(IMAGE_NAME) : -1])
    if not digits.isdecimal():
        raise InputError(f"the tokenizer has a token {name!r}, which does not name an image code")
    return int(digits)


def _detokenizer(folder: Path, vqgan: Path | None) -> VqganImageDetokenizer | None:
    """None where the original release's files are not at hand: then images come out as codes alone."""
    found = [one for one in (folder, folder / "tokenizer") if (one / "vqgan.ckpt").is_file()]
    place = vqgan or (found[0] if found else None)
    if place is None:
        return None
    for name in ("vqgan.ckpt", "vqgan.yaml"):
        if not (place / name).is_file():
            raise InputError(f"{place} has no {name}; the original release keeps it in its folder tokenizer/")
    return VqganImageDetokenizer.from_original(place / "vqgan.ckpt", place / "vqgan.yaml")
