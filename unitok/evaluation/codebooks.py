"""How much of its codebooks a codec uses."""

from __future__ import annotations

from torch import Tensor

from unitok.evaluation.figures import Figure
from unitok.evaluation.metrics import perplexity, usage


def codebook_figures(section: str, counts: Tensor, target: float, samples: int) -> list[Figure]:
    """Usage and perplexity of each codebook.

    Args:
        section: Of the evaluation.
        counts: ``[K, V]``, how often each code occurs.
        target: Of the usage, in percent.
        samples: Pictures or sounds that were counted.
    """
    figures = []
    for number, one in enumerate(counts, 1):
        name = f" of codebook {number}" if len(counts) > 1 else ""
        figures += [
            Figure(section, f"codes used{name}", 100 * usage(one), "%", target, count=samples),
            Figure(section, f"perplexity{name}", perplexity(one), count=samples, note=f"of {len(one)} codes"),
        ]
    return figures
