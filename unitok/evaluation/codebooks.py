"""How much of its codebooks a codec uses."""

from __future__ import annotations

from torch import Tensor

from unitok.evaluation.figures import Figure
from unitok.evaluation.metrics import perplexity, usage


def codebook_figures(
    section: str, counts: Tensor, target: float, samples: int, few: tuple[Tensor, int] | None = None
) -> list[Figure]:
    """Usage and perplexity of each codebook.

    Usage grows with what is counted until each code that is ever used was met: a codebook of thousands takes thousands
    of pictures.

    Args:
        section: Of the evaluation.
        counts: ``[K, V]``, how often each code occurs.
        target: Of the usage, in percent.
        samples: Pictures or sounds that were counted.
        few: Counts of the first of them, and how many those are, whose usage the notes tell.
    """
    figures = []
    for number, one in enumerate(counts, 1):
        name = f" of codebook {number}" if len(counts) > 1 else ""
        note = f"{100 * usage(few[0][number - 1]):.1f} % by {few[1]:,}" if few else ""
        figures += [
            Figure(section, f"codes used{name}", 100 * usage(one), "%", target, count=samples, note=note),
            Figure(section, f"perplexity{name}", perplexity(one), count=samples, note=f"of {len(one)} codes"),
        ]
    return figures
