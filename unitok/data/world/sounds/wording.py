"""How users type what they want of a sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unitok.data.world.templates import chance, expand

_ASKING = ("what", "which", "how", "can", "could", "where", "is", "are", "do", "does", "who")


def typed(rng: np.random.Generator, template: str | Sequence[str], **slots: str) -> str:
    """A reading of ``template``: mostly lower case, and sometimes with the mark that a sentence like it ends with."""
    text = expand(rng, template, **slots)
    if chance(rng, 0.25) and text[-1].isalnum():
        text += "?" if text.split()[0].lower() in _ASKING else "."
    return text[0].upper() + text[1:] if chance(rng, 0.25) else text
