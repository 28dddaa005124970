"""Reads words from speech without any learned part: warping against espeak-ng's own words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from unitok.data.world.sounds.spoken import VOCABULARY
from unitok.data.world.sounds.voices import ASSISTANT, Voice
from unitok.evaluation.cepstra import cepstra
from unitok.evaluation.word_net import WordNet
from unitok.evaluation.word_references import References, Words, make_references, sentences_for

SAME_SOUND = {"to": "two", "for": "four"}
"""Words that sound like others; they are heard as those."""

_SHORTEST = 400  # samples: less is no sound


def as_heard(words: Sequence[str]) -> Words:
    """Words as they can be told apart by ear."""
    return tuple(SAME_SOUND.get(word) or word for word in words)


class SpeechOracle:
    """Hears words of a vocabulary in the speech of voices that it knows; by default the assistant's."""

    def __init__(
        self,
        voices: Sequence[Voice] = (ASSISTANT,),
        vocabulary: Collection[str] = VOCABULARY,
        sentences: int = 700,
    ) -> None:
        """Speaks so many sentences in each voice, and cuts references from them.

        Raises:
            InputError: espeak-ng is not installed.
        """
        texts = sentences_for(vocabulary, sentences)
        self._voices = [make_references(voice, vocabulary, texts) for voice in voices]
        self._nets: dict[frozenset[str], list[tuple[WordNet, list[str]]]] = {}

    def hear(self, samples: NDArray[np.floating], vocabulary: Collection[str] | None = None) -> Words:
        """The words in a sound ``[N]`` at 16 kHz, as ``as_heard`` writes them; of ``vocabulary`` alone, if given."""
        if len(samples) < _SHORTEST:
            return ()
        frames = cepstra(samples)
        best: tuple[float, Words] = float("inf"), ()
        for references, (net, labels) in zip(self._voices, self._nets_of(vocabulary), strict=True):
            path, cost = net.best_path(references.norm.features(frames))
            words = as_heard([labels[stretch.template] for stretch in path if labels[stretch.template]])
            best = min(best, (cost, words))
        return best[1]

    def _nets_of(self, vocabulary: Collection[str] | None) -> list[tuple[WordNet, list[str]]]:
        key = frozenset(vocabulary or ())
        if key not in self._nets:
            self._nets[key] = [_net(references, key) for references in self._voices]
        return self._nets[key]


def _net(references: References, vocabulary: frozenset[str]) -> tuple[WordNet, list[str]]:
    """Templates of the words, and of silence, whose label is empty."""
    labels, templates = [""], [references.norm.silence()]
    for word, examples in references.examples.items():
        if not vocabulary or word in vocabulary:
            labels += [word] * len(examples)
            templates += examples
    return WordNet(templates), labels
