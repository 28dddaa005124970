"""What the sections about sounds share: what they say, and what words they compare."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from torchmetrics.functional.text import word_error_rate

from unitok.data.world.sounds.spoken import names_held_out_pair, sample_text, spoken_words
from unitok.evaluation.cases import Case
from unitok.evaluation.speech_oracle import SpeechOracle, as_heard

SENTENCES = 700
"""Sentences that references are cut from: more take longer, and are hardly heard better."""


def sentence(rng: np.random.Generator, split: str) -> str:
    """A text that can be said aloud; in the split ``heldout`` one that names a held-out pair, so that training never
    says it. Of the other texts some short ones are said in training too."""
    while True:
        text = sample_text(rng, split)
        if split != "heldout" or names_held_out_pair(text):
            return text


@cache
def assistant_oracle() -> SpeechOracle:
    """What hears the model's own voice; it takes half a minute to make."""
    return SpeechOracle(sentences=SENTENCES)


def heard_words(text: str) -> str:
    """Words as they can be told apart by ear, separated by spaces."""
    return " ".join(as_heard(spoken_words(text)))


def hear(samples: NDArray[np.float32], vocabulary: Collection[str] | None = None) -> str:
    """The words in a sound ``[N]`` at 16 kHz in the model's voice; of ``vocabulary`` alone, if given."""
    return " ".join(assistant_oracle().hear(samples, vocabulary))


def error_rate(got: Sequence[str], wanted: Sequence[str]) -> float:
    """Words wrong, missing and too many, in percent of the wanted ones."""
    return 100 * float(word_error_rate(list(got), list(wanted)))


def case_error_rate(cases: Sequence[Case]) -> float:
    """The same of answers that were read or heard."""
    return error_rate([heard_words(case.got) for case in cases], [heard_words(case.wanted) for case in cases])
