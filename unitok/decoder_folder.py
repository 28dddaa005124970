"""Reads decoders and adapters: folders as `transformers` and `peft` save them, and nothing that is run.

Shape letters: V vocabulary, D model width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from unitok.precision import fast_dtype
from unitok.vocabulary import TEXT, Vocabulary
from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.utils.quantization_config import QuantizationConfigMixin

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")
SCALED_LOGITS = ("final_logit_softcapping", "logits_scaling", "logit_scale")
"""Settings of decoders whose logits are more than what their head makes of the last hidden state."""

NOISE = 0.1
"""Standard deviation of a new row around the mean of text's rows, relative to theirs."""


def load_decoder(
    folder: str | Path,
    dtype: torch.dtype | None = None,
    attn_implementation: str | None = None,
    quantization: QuantizationConfigMixin | None = None,
) -> PreTrainedModel:
    """The causal LM in a folder, in evaluation mode.

    Args:
        folder: Holds ``config.json`` and weights.
        dtype: Of the weights; None as they were saved.
        attn_implementation: As in transformers; None for its default.
        quantization: As in transformers; None for none.

    Raises:
        InputError: It is no decoder's folder, or something in it is damaged or does not fit.
    """
    from transformers import AutoModelForCausalLM  # only here: slow to import

    config = Path(folder) / "config.json"
    if not config.is_file():
        raise InputError(f"{folder} is not a decoder folder: it has no config.json")
    if '"chameleon"' in config.read_text(encoding="utf-8", errors="replace"):
        import unitok.chameleon_decoder  # noqa: F401  # makes AutoModelForCausalLM know it
    try:
        with no_progress_bars():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                str(folder),
                dtype=dtype or "auto",
                attn_implementation=attn_implementation,
                quantization_config=quantization,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # a damaged config or weight file raises nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{folder} does not hold a decoder that can be read: {reason}") from error
    decoder, report = loaded
    wrong = sorted(report["missing_keys"]) or sorted(report["unexpected_keys"])
    if wrong:
        raise InputError(f"{folder}: the weights do not fit config.json, as {wrong[0]} shows; copy the decoder again")
    return decoder.eval()


def load_fast(*folders: str | Path) -> PreTrainedModel:
    """As :func:`load_decoder`, on an accelerator where there is one, in the numbers that are fast there.

    Of several folders it is the mean, as :func:`load_mean` takes it.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return load_mean(folders, dtype=fast_dtype(device)).to(device)  # pyright: ignore[reportArgumentType]


def load_for_vocabulary(
    folder: str | Path,
    vocabulary: Vocabulary,
    dtype: torch.dtype | None = None,
    attn_implementation: str | None = None,
    quantization: QuantizationConfigMixin | None = None,
) -> PreTrainedModel:
    """:func:`load_decoder` of a decoder over a vocabulary, or of a language model, which gets rows for the rest of it.

    A language model is told by the tokenizer in its folder; it must be the vocabulary's.

    Raises:
        InputError: As for :func:`load_decoder`, or the decoder was trained on another vocabulary.
    """
    decoder = load_decoder(folder, dtype, attn_implementation, quantization)
    known, needed = int(decoder.config.vocab_size), vocabulary.size
    if known == needed:
        return decoder
    if not any((Path(folder) / name).is_file() for name in TOKENIZER_FILES):
        if known < needed:
            raise InputError(f"{folder} knows {known} ids, the vocabulary has {needed}; train on this vocabulary")
        return decoder
    if vocabulary.text_size > known or vocabulary.text_ids.tolist() != list(range(vocabulary.text_size)):
        raise InputError(
            f"{folder} knows {known} ids, but the vocabulary has {vocabulary.text_size} of text; make the base with "
            "--text-tokenizer and this very folder"
        )
    extend(decoder, vocabulary)
    return decoder


def refuse_scaled_logits(config: object) -> None:
    """Raises `InputError` for decoders whose loss cannot be taken from hidden states and head alone."""
    for name in SCALED_LOGITS:
        if getattr(config, name, None) not in (None, 1, 1.0):
            raise InputError(f"decoders with {name} are not supported: the loss takes logits straight from the head")


@torch.no_grad()
def load_mean(
    folders: Sequence[str | Path], vocabulary: Vocabulary | None = None, dtype: torch.dtype | None = None
) -> PreTrainedModel:
    """:func:`load_decoder` of one decoder, or of several as one whose weights are their mean.

    With a vocabulary, each is read by :func:`load_for_vocabulary`.

    Decoders that went on from the same weights, on other documents or for longer, are often better in the mean than
    each alone ("model soups", Wortsman et al. 2022). It is taken in float32 of what is stored, and rounded to the first
    one's dtype, as a checkpoint holds it, before it is turned into another. A folder that is named twice counts twice.

    Raises:
        InputError: As for either of both, or one is of another architecture or size than the first.
    """
    if not folders:
        raise InputError("give at least one decoder")

    def load(folder: str | Path, dtype: torch.dtype | None = None) -> PreTrainedModel:
        return load_decoder(folder, dtype) if vocabulary is None else load_for_vocabulary(folder, vocabulary, dtype)

    times = Counter(map(str, folders))
    first, *others = times
    if not others:
        return load(first, dtype)
    decoder = load(first)
    sums = {name: times[first] * weight.float() for name, weight in decoder.state_dict().items()}
    for folder in others:
        other = load(folder)
        mine, its = (_architecture(one.config.to_dict()) for one in (decoder, other))
        wrong = sorted(name for name in mine.keys() | its.keys() if mine.get(name) != its.get(name))
        if wrong:
            raise InputError(
                f"{folder} cannot be averaged with {first}: {wrong[0]} in config.json is {its.get(wrong[0])} and "
                f"{mine.get(wrong[0])}; give decoders that went on from the same weights"
            )
        more = other.state_dict()
        sums = {name: total + times[folder] * more[name].float() for name, total in sums.items()}
    decoder.load_state_dict({name: total / len(folders) for name, total in sums.items()})
    return decoder if dtype is None else decoder.to(dtype)  # pyright: ignore[reportArgumentType]


def _architecture(config: Mapping[str, Any]) -> dict[str, Any]:
    """What weights must have in common; not where they lie and how they are stored."""
    stored = ("_name_or_path", "dtype", "torch_dtype", "transformers_version", "use_cache")
    return {name: value for name, value in config.items() if name not in stored}


@torch.no_grad()
def extend(decoder: PreTrainedModel, vocabulary: Vocabulary) -> None:
    """Give a language model a row for each id of a vocabulary whose text is its own, in place.

    New rows of embedding and head ``[V, D]`` start near the mean of text's rows, where they change the
    probabilities of text least (Hewitt 2021). The same decoder and vocabulary give the same rows.
    """
    decoder.resize_token_embeddings(vocabulary.size, mean_resizing=False)
    new = (vocabulary.modality_of(torch.arange(vocabulary.size)) != TEXT).nonzero().flatten()
    generator = torch.Generator().manual_seed(0)
    modules: list[Any] = [decoder.get_input_embeddings(), decoder.get_output_embeddings()]
    tables: list[torch.Tensor] = [module.weight for module in modules]
    for table in {id(table): table for table in tables}.values():
        table[new] = near_mean(table[: vocabulary.text_size], len(new), generator)
    decoder.config.bos_token_id, decoder.config.eos_token_id = vocabulary.bos, vocabulary.eos


def near_mean(rows: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """``[count, D]``, new rows near the mean of rows ``[*, D]``."""
    known = rows.float()
    noise = torch.randn(count, rows.shape[1], generator=generator, device=generator.device).to(known.device)
    return (known.mean(0) + NOISE * known.std(0) * noise).to(rows.dtype)


def merge_adapter(decoder: PreTrainedModel, folder: str | Path) -> PreTrainedModel:
    """The decoder with an adapter of `peft` added to its weights, which are changed in place.

    Raises:
        InputError: `peft` is not installed, or the folder holds no adapter for this decoder.
    """
    try:
        import peft
    except ImportError:
        raise InputError("adapters need peft: pip install unitok-multimodal[lora]") from None
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (Path(folder) / name).is_file():
            raise InputError(f"{folder} is not an adapter's folder: it has no {name}")
    try:
        adapted: Any = peft.PeftModel.from_pretrained(decoder, str(folder), local_files_only=True)
        return adapted.merge_and_unload(safe_merge=True)
    except Exception as error:  # a damaged config or weight file raises nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{folder} holds no adapter that fits this decoder: {reason}") from error


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Without the bars of transformers: reading and writing take a moment, and the caller has a bar of its own."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
