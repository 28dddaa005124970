"""Reads a decoder's folder: a causal LM as `transformers` saves it, with safetensors, and nothing that is run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from unitok_tokenizers.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_decoder(
    folder: str | Path, dtype: torch.dtype | None = None, attn_implementation: str | None = None
) -> PreTrainedModel:
    """The causal LM in a folder, in evaluation mode.

    Args:
        folder: Holds ``config.json`` and weights.
        dtype: Of the weights; None as they were saved.
        attn_implementation: As in transformers; None for its default.

    Raises:
        InputError: It is no decoder's folder, or something in it is damaged or does not fit.
    """
    from transformers import AutoModelForCausalLM  # only here: slow to import

    if not (Path(folder) / "config.json").is_file():
        raise InputError(f"{folder} is not a decoder folder: it has no config.json")
    try:
        with no_progress_bars():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                str(folder),
                dtype=dtype or "auto",
                attn_implementation=attn_implementation,
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
