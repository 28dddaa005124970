"""References for words: how espeak-ng says each word of a vocabulary, alone and inside the world's sentences.

A word sounds different between others (``to`` in ``to the left``), so sentences are spoken and cut into words. The cuts
are found by warping: first with the words as they are said alone, then with words cut from sentences.

Shape letters: T frames, C features of a frame.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from unitok.data.world.sounds.speech import speak
from unitok.data.world.sounds.spoken import sample_text, spoken_words
from unitok.data.world.sounds.voices import Voice
from unitok.evaluation.cepstra import COEFFICIENTS, cepstra, with_deltas
from unitok.evaluation.word_net import Stretch, WordNet

Words = tuple[str, ...]
Features = NDArray[np.float32]

FRAMES_OF_A_WORD = 250
"""So many frames are kept of each word, and at least ``FEWEST`` examples. Short words vary most, and get the most."""

FEWEST = 3
_SHORTEST = 3  # frames
_PRIOR_FRAMES = 100
"""A sound's own mean counts as much as the voice's mean once it is this long."""

_SILENT_SAMPLES = 800
_SEED = 0x0E7A2


@dataclass(frozen=True)
class Norm:
    """What features are measured by: a voice's mean cepstra, and how far features spread."""

    mean: Features
    spread: Features

    def features(self, frames: Features) -> Features:
        """Features ``[T, C]`` of cepstra ``[T, 13]``, without what the recording or the voice adds to all of them."""
        mean = (frames.sum(0) + _PRIOR_FRAMES * self.mean) / (len(frames) + _PRIOR_FRAMES)
        return with_deltas(frames - mean) / self.spread

    def silence(self) -> Features:
        """A frame ``[1, C]`` of silence."""
        return (with_deltas(cepstra(np.zeros(_SILENT_SAMPLES)) - self.mean) / self.spread)[:1]


@dataclass(frozen=True)
class References:
    """Examples of each word in one voice, as features under ``norm``."""

    norm: Norm
    examples: dict[str, list[Features]]


def sentences_for(vocabulary: Collection[str], count: int) -> list[Words]:
    """Up to ``count`` sentences of the world of these words, each of which shows a word between other neighbors."""
    rng = np.random.default_rng(_SEED)
    found: list[Words] = []
    seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for _ in range(20 * count):
        if len(found) == count:
            break
        words = spoken_words(sample_text(rng, "heldout" if rng.random() < 0.3 else "train"))
        if set(words) <= set(vocabulary) and any(c not in seen[w] for w, c in _contexts(words)):
            found.append(words)
            for word, context in _contexts(words):
                seen[word].add(context)
    return found


def _contexts(words: Words) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each word with the letters that it stands between: they tell well enough which sounds it is between."""
    padded = ("^", *words, "$")
    for before, word, after in zip(padded, padded[1:], padded[2:], strict=False):
        yield word, (before[-1], after[0])


def make_references(voice: Voice, vocabulary: Collection[str], sentences: Sequence[Words]) -> References:
    """References of ``voice``: takes a tenth of a second a sentence, and shows its progress.

    Raises:
        InputError: espeak-ng is not installed.
    """
    words = sorted(vocabulary)
    with tqdm(total=len(words) + 3 * len(sentences), desc=f"references, {voice.name}", file=sys.stderr) as bar:

        def heard(text: str) -> Features:
            bar.update()
            return cepstra(speak(text, voice))

        alone = {word: heard(word) for word in words}
        spoken = [heard(" ".join(sentence)) for sentence in sentences]
        everything = np.concatenate([*alone.values(), *spoken])
        mean = everything.mean(0)
        norm = Norm(mean, np.ones(2 * COEFFICIENTS, np.float32))
        norm = Norm(mean, with_deltas(everything - mean).std(0))
        singly = {word: with_deltas(frames - mean) / norm.spread for word, frames in alone.items()}
        features = [norm.features(frames) for frames in spoken]
        middle = singly
        for _ in range(2):
            cut = []
            for sentence, feature in zip(sentences, features, strict=True):
                path, _ = WordNet([middle[word] for word in sentence]).best_path(feature, in_order=True)
                cut += [(sentence, feature, path)] if path else []
                bar.update()
            examples = _examples(cut)
            middle = {word: _middle(examples.get(word) or [singly[word]]) for word in words}
    for word in words:
        if len(examples[word]) < FEWEST:
            examples[word].append(singly[word])
    return References(norm, dict(examples))


def _examples(cut: Sequence[tuple[Words, Features, list[Stretch]]]) -> defaultdict[str, list[Features]]:
    """Each word of cut sentences between as many different neighbors as there is room for."""
    examples: defaultdict[str, list[Features]] = defaultdict(list)
    used: dict[str, int] = defaultdict(int)
    seen: set[tuple[str, tuple[str, str]]] = set()
    for again in (False, True):
        for sentence, feature, path in cut:
            for (word, context), stretch in zip(_contexts(sentence), path, strict=True):
                length = stretch.end - stretch.start
                few = len(examples[word]) < FEWEST
                new = (word, context) not in seen and (few or used[word] + length <= FRAMES_OF_A_WORD)
                if (few if again else new) and length >= _SHORTEST:
                    seen.add((word, context))
                    used[word] += length
                    examples[word].append(feature[stretch.start : stretch.end])
    return examples


def _middle(examples: list[Features]) -> Features:
    """The example of middle length."""
    return sorted(examples, key=len)[len(examples) // 2]
