"""Emu3, chat and generation (Wang et al. 2024, arXiv:2409.18869), as converted for `transformers`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from transformers import Emu3Config, LlamaConfig

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
from unitok.syntax import SpelledImages, SpokenTurns
from unitok.vocabulary import Codebooks, Vocabulary
from unitok.weight_files import WeightFiles, read_into
from unitok_detokenizers.released import Emu3ImageDetokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.released import Emu3ImageTokenizer
from unitok_tokenizers.spec import CodebookSpec
from unitok_tokenizers.text import TextTokenizer

CODE_NAME = re.compile(r"<\|visual token (\d+)\|>")
RESERVED_NAME = re.compile(r"<\|extra_\d+\|>")
CHAT = SpokenTurns("You are a helpful assistant. ", "USER: ", "ASSISTANT: ", " ")
SIDE = 90
"""The grid of a picture whose size nobody asked for, as in the release: 720 x 720 pixels."""

_PREFIXES = (  # as modules are named since transformers 4.52, and as they were before, which files still have
    ("model.text_model.", "model."),
    ("text_model.model.", "model."),
    ("text_model.lm_head.", "lm_head."),
    ("text_model.", "model."),
    ("lm_head.", "lm_head."),
)


def read_emu3(folder: Path, options: Options) -> Released:
    """Reads a folder; see :func:`unitok.released.read_released`."""
    if options.vqgan is not None or options.image_size is not None:
        raise InputError("Emu3 brings its image detokenizer and takes pictures of any size: leave these options out")
    require_files(folder, ["config.json", *TOKENIZER_FILES])
    config = Emu3Config(**read_json(folder / "config.json"))
    files, picture = WeightFiles(folder), read_picture_settings(folder)
    tokenizer, scale = read_tokenizer(folder), pixel_scale(picture)
    weights = {**files.under("vqmodel."), **files.under("model.vqmodel.")}
    images = Emu3ImageTokenizer(config.vq_config, scale).eval()
    read_into(images.vq, weights, f"the image tokenizer in {folder}")
    pictures = Emu3ImageDetokenizer(config.vq_config, scale).eval()
    read_into(pictures.vq, weights, f"the image detokenizer in {folder}")
    text = TextTokenizer.from_pretrained(folder)
    decoder = _llama(config)
    turns = CHAT if options.variant == "chat" else SpokenTurns()
    vocabulary = _vocabulary(tokenizer, text, decoder.vocab_size, images.spec, turns)
    pixels = picture.get("min_pixels", 512 * 512), picture.get("max_pixels", 1024 * 1024)
    if not all(isinstance(n, int) and n > 0 for n in pixels) or pixels[0] > pixels[1]:
        raise InputError(f"preprocessor_config.json: min_pixels and max_pixels must be a range, not {pixels}")
    processor = Processor(text, vocabulary, images, pictures, None, image_pixels=pixels)
    names = decoder_names(files, decoder, _rename, folder)
    return Released(processor, read_sampling(folder, decoder.max_position_embeddings), decoder, files, names)


def _llama(config: Emu3Config) -> LlamaConfig:
    """Emu3's decoder has the architecture of Llama, with dropout that only training uses."""
    text: Any = config.text_config
    same = (
        "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads hidden_act "
        "max_position_embeddings rms_norm_eps pad_token_id bos_token_id eos_token_id rope_parameters mlp_bias "
        "attention_bias initializer_range tie_word_embeddings"
    )
    values = {name: getattr(text, name) for name in same.split()}
    return LlamaConfig(**values, architectures=["LlamaForCausalLM"], dtype=config.dtype or text.dtype)


def _rename(name: str) -> str | None:
    return next((new + name.removeprefix(old) for old, new in _PREFIXES if name.startswith(old)), None)


def _vocabulary(tokenizer: Any, text: TextTokenizer, size: int, spec: CodebookSpec, turns: SpokenTurns) -> Vocabulary:
    names: dict[str, int] = tokenizer.get_vocab()
    codes = {int(found[1]): token_id for name, token_id in names.items() if (found := CODE_NAME.fullmatch(name))}
    block = code_block(codes, spec.codebook_size)
    named = {
        "<bos>": tokenizer.bos_token_id,
        "<eos>": tokenizer.eos_token_id,
        "<pad>": tokenizer.pad_token_id,
        "<boi>": names.get(getattr(tokenizer, "boi_token", "<|image start|>")),
        "<eoi>": names.get(getattr(tokenizer, "eoi_token", "<|image end|>")),
        "begin": names.get(getattr(tokenizer, "image_wrapper_token", "<|image token|>")),
        "row_end": names.get("<|extra_200|>"),
        "end": names.get(getattr(tokenizer, "eof_token", "<|extra_201|>")),
    }
    ids = known_ids(named)
    begin, row_end, end = (ids.pop(name) for name in ("begin", "row_end", "end"))
    reserved = {token_id for name, token_id in names.items() if RESERVED_NAME.fullmatch(name)}
    control = fill_control(ids, reserved - {begin, row_end, end})
    digits, times = [text.encode(str(digit)) for digit in range(10)], text.encode("*")
    spelled = [one for letter in "1024*73" for one in (times if letter == "*" else digits[int(letter)])]
    if text.encode("1024*73") != spelled or {len(one) for one in [*digits, times]} != {1}:
        raise InputError("the tokenizer joins digits, so that the size of an image cannot be spelled digit by digit")
    images = SpelledImages(tuple(one for (one,) in digits), times[0], begin, row_end, end, SIDE, SIDE)
    others = {*control.values(), *block, *reserved, begin, row_end, end}
    others |= {names[name] for name in ("<image>",) if name in names}
    blocks = text_block(text.vocab_size, others), control, (), [Codebooks(spec, (block,))]
    return Vocabulary.from_blocks(*blocks, size, images, turns)
