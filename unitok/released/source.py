"""What the released models have in common: a folder's files, the decoder's weights, the ids that they do not use."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PretrainedConfig, PreTrainedModel

from unitok.decoder_folder import no_progress_bars
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.processor import Processor
from unitok.turn_syntax import turn_syntax
from unitok.vocabulary import CONTROL_TOKENS
from unitok.vocabulary_manifest import NO_ID
from unitok.weight_files import INDEX, SINGLE, WeightFiles, copy_weights
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.released import PixelScale

SHARD_SIZE: Final = 4 << 30
TOP_K: Final = 50
"""How many of the likeliest tokens transformers draws from where nothing is said."""
MAX_ANSWER: Final = 10_000
"""Tokens of an answer at most, where the context leaves more: an image of Emu3 takes 8,199."""
TOKENIZER_FILES: Final = ("tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Options:
    """What :func:`unitok.released.read_released` was asked for."""

    vqgan: Path | None
    variant: str
    image_size: int | None


@dataclass(frozen=True)
class Released:
    """The parts of a released model; the decoder's weights are still in their files.

    Attributes:
        processor: The tokenizers, the detokenizers and the vocabulary.
        sampling: How answers are drawn by default.
        config: The decoder's configuration, of an architecture that ``AutoModelForCausalLM`` knows.
        files: Where the weights are.
        names: The decoder's own name of each of its weights, and what it is called in ``files``.
    """

    processor: Processor
    sampling: Sampling
    config: PretrainedConfig
    files: WeightFiles
    names: dict[str, str]

    def decoder(self, dtype: torch.dtype | None = None) -> PreTrainedModel:
        """The decoder, in evaluation mode; by default with the weights' own dtype."""
        weights = {new: self.files.get(old) for new, old in self.names.items()}
        dtype = dtype or next(iter(weights.values())).dtype
        kind: Any = type(_skeleton(self.config))
        with no_progress_bars():
            return kind.from_pretrained(None, config=self.config, state_dict=weights, dtype=dtype).eval()

    def write_decoder(self, folder: Path, copied: Callable[[int], Any] | None = None) -> None:
        """The decoder's folder; its weights are copied byte by byte, never loaded."""
        folder.mkdir(parents=True)
        self.config.save_pretrained(str(folder))
        vocabulary = self.processor.vocabulary
        ends = turn_syntax(vocabulary).ends
        GenerationConfig(bos_token_id=vocabulary.bos, eos_token_id=ends, pad_token_id=vocabulary.pad).save_pretrained(
            str(folder)
        )
        copy_weights(((new, self.files.entries[old]) for new, old in self.names.items()), folder, SHARD_SIZE, copied)

    @property
    def decoder_bytes(self) -> int:
        """The size of the decoder's weights."""
        return sum(self.files.entries[old].size for old in self.names.values())


def require_files(folder: Path, names: Iterable[str]) -> None:
    """Raises InputError with all of the files that are missing; weights may be one file or shards."""
    missing = [name for name in names if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in (SINGLE, INDEX)):
        missing.append(f"{SINGLE} (or {INDEX})")
    if missing:
        raise InputError(f"{folder} is incomplete: {', '.join(missing)} missing; copy the whole model")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path} cannot be read as JSON; copy the model again") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} does not hold an object; copy the model again")
    return values


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer of `transformers`, whose attributes name the special tokens."""
    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a damaged file raises nearly anything
        raise InputError(f"the tokenizer in {folder} cannot be read: {' '.join(str(error).split())}") from error


def read_picture_settings(folder: Path) -> dict[str, Any]:
    """How pictures are prepared: ``preprocessor_config.json``, or what newer versions put in its place.

    Raises:
        InputError: There is neither file.
    """
    if (folder / "preprocessor_config.json").is_file():
        return read_json(folder / "preprocessor_config.json")
    if (folder / "processor_config.json").is_file():
        values = read_json(folder / "processor_config.json").get("image_processor")
        if isinstance(values, dict):
            return values
    raise InputError(f"{folder} is incomplete: preprocessor_config.json missing; copy the whole model")


def pixel_scale(values: dict[str, Any]) -> PixelScale:
    """The range of pixels that the picture settings ask for.

    Raises:
        InputError: A value is missing or of the wrong kind.
    """
    factor = values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) else 1.0
    mean, std = (0.0,) * 3, (1.0,) * 3
    if values.get("do_normalize", True):
        mean, std = (_three(values, name) for name in ("image_mean", "image_std"))
    if not isinstance(factor, (int, float)) or not factor > 0:
        raise InputError(f"preprocessor_config.json: rescale_factor must be a positive number, not {factor!r}")
    return PixelScale(float(factor), mean, std)


def _three(values: dict[str, Any], name: str) -> tuple[float, ...]:
    given = values.get(name)
    numbers = [given] * 3 if isinstance(given, (int, float)) else given
    if not isinstance(numbers, list) or len(numbers) != 3 or not all(isinstance(n, (int, float)) for n in numbers):
        raise InputError(f"preprocessor_config.json: {name} must be three numbers, not {given!r}")
    return tuple(float(number) for number in numbers)


def read_sampling(folder: Path, context: int) -> Sampling:
    """How the release draws (``generation_config.json``), for text and images alike.

    What the file leaves out is as in transformers; but where it does not say whether tokens are drawn, images are, from
    all of their codes if it names no ``top_k``: the likeliest codes make a flat picture.
    """
    path = folder / "generation_config.json"
    values = read_json(path) if path.is_file() else {}
    given = {name: values[name] for name in ("temperature", "top_k", "top_p") if values.get(name) is not None}
    draws = values.get("do_sample")
    if draws:
        params = SamplingParams(**{"top_k": TOP_K, **given})
        return Sampling(params, params, max_tokens=min(context, MAX_ANSWER))
    likeliest = SamplingParams(temperature=0.0)
    image = SamplingParams(**given) if draws is None else likeliest
    return Sampling(likeliest, image, max_tokens=min(context, MAX_ANSWER))


def decoder_names(
    files: WeightFiles, config: PretrainedConfig, rename: Callable[[str], str | None], folder: Path
) -> dict[str, str]:
    """The files' name of each weight of the decoder, by the decoder's own.

    Args:
        files: The weights.
        config: The decoder's configuration.
        rename: What the decoder calls a tensor of the files; None of those that are not its own.
        folder: For the error message.

    Raises:
        InputError: A weight is missing or has another shape.
    """
    names = {new: old for old in files.entries if (new := rename(old)) is not None}
    skeleton = _skeleton(config)
    wanted = {name: tuple(value.shape) for name, value in skeleton.state_dict().items()}
    if config.tie_word_embeddings:
        wanted.pop("lm_head.weight", None)
        names.pop("lm_head.weight", None)
    missing, strange = sorted(set(wanted) - set(names)), sorted(set(names) - set(wanted))
    if missing or strange:
        what, which = ("lacks", missing) if missing else ("has unknown", strange)
        raise InputError(f"{folder} {what} {len(which)} weights of the decoder: {', '.join(which[:5])}; copy it again")
    for name, shape in wanted.items():
        if files.entries[names[name]].shape != shape:
            found = list(files.entries[names[name]].shape)
            raise InputError(f"{folder}: {names[name]} is {found}, but config.json says {list(shape)}")
    return {name: names[name] for name in wanted}


def _skeleton(config: PretrainedConfig) -> PreTrainedModel:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def known_ids(named: dict[str, int | None]) -> dict[str, int]:
    """The ids of tokens that a model must have.

    Raises:
        InputError: The tokenizer does not name all of them.
    """
    lacking = [name for name, token_id in named.items() if token_id is None]
    if lacking:
        raise InputError(f"the tokenizer does not say which token is {', '.join(lacking)}")
    return {name: int(token_id) for name, token_id in named.items() if token_id is not None}


def code_block(codes: dict[int, int], count: int, called: str = "") -> tuple[int, ...]:
    """Token ids of the codes from 0, of those that a tokenizer names; ``called`` says how, for the error message.

    Raises:
        InputError: It names others than the ``count`` codes of the image tokenizer.
    """
    if sorted(codes) != list(range(count)):
        raise InputError(f"the tokenizer names {len(codes)} image codes{called}, the image tokenizer has {count}")
    return tuple(codes[code] for code in range(count))


def fill_control(known: dict[str, int], reserved: Iterable[int]) -> dict[str, int]:
    """Ids for all control tokens: those of the model, and of its reserved ids for what it does not have.

    Raises:
        InputError: There are too few reserved ids.
    """
    spare = iter(sorted(set(reserved) - set(known.values())))
    try:
        return {name: known[name] if name in known else next(spare) for name in CONTROL_TOKENS}
    except StopIteration:
        raise InputError("the model's tokenizer has too few reserved tokens for those that unitok adds") from None


def text_block(size: int, others: Iterable[int]) -> list[int]:
    """Token ids of the ids of a tokenizer that also names what is not text (``others``)."""
    block = list(range(size))
    for token_id in others:
        if token_id < size:
            block[token_id] = NO_ID
    return block
