"""What sections need of a model and of this machine. A section that lacks something is not measured, and says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from unitok.data.world.sounds.speech import check_speech
from unitok.evaluation.figures import Figure
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup
from unitok_tokenizers.errors import InputError

Measure = Callable[[Setup], Findings]
Means = Callable[[Setup], str]
"""The reason why something is not there; empty where it is."""


def seeing(setup: Setup) -> str:
    """Why the model sees no pictures; empty where it does."""
    return _codec(setup, "image", "pictures", "tokenizer")


def pictures(setup: Setup) -> str:
    """Why the model shows and sees no pictures; empty where it does."""
    return _codec(setup, "image", "pictures", "tokenizer", "detokenizer")


def hearing(setup: Setup) -> str:
    """Why the model hears no sounds; empty where it does."""
    return _codec(setup, "audio", "sounds", "tokenizer")


def sounds(setup: Setup) -> str:
    """Why the model makes and hears no sounds; empty where it does."""
    return _codec(setup, "audio", "sounds", "tokenizer", "detokenizer")


def refiner(setup: Setup) -> str:
    return "" if setup.model.has_refiner else "the model has no refiner"


def speech(setup: Setup) -> str:
    """Why nothing can be said to the model here; empty where it can."""
    try:
        check_speech()
    except InputError as error:
        return str(error)
    return ""


def _codec(setup: Setup, modality: str, what: str, *halves: str) -> str:
    processor = setup.model.processor
    if modality not in processor.vocabulary.specs:
        return f"the model has no {what}"
    missing = [f"{modality} {half}" for half in halves if getattr(processor, f"{modality}_{half}") is None]
    return f"the model has no {' and no '.join(missing)}" if missing else ""


def guarded(section: str, measure: Measure, means: Sequence[Means]) -> Measure:
    """Has a section measured where all means are there; where one is not, it finds the reason alone."""

    @wraps(measure)
    def measured(setup: Setup) -> Findings:
        reason = next((reason for one in means if (reason := one(setup))), "")
        return Findings([Figure(section, "everything", None, note=reason)]) if reason else measure(setup)

    return measured
