"""A sound as events, so that it can be played while it is generated.

Shape letters: K codebooks, n frames of a chunk, N samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.codec_batches import device_of
from unitok.document import Audio, Document
from unitok.processor import Processor
from unitok_detokenizers.audio_stream import AudioStream

SECONDS: Final = 0.5
"""Length of a chunk. Each one decodes some frames before it anew."""


@dataclass(frozen=True)
class AudioStarted:
    """A sound is opened."""


@dataclass(frozen=True, eq=False)
class AudioChunk:
    """More of a sound is known.

    Attributes:
        codes: int64 ``[K, n]``, the frames behind those of the chunk before; in the last chunk n may be 0.
        samples: float32 ``[1, N]``, the samples behind those of the chunk before, as far as no later frame changes
            them: they lag behind the codes, but the last chunk has all that are left. None without an audio
            detokenizer.
    """

    codes: Tensor
    samples: Tensor | None = None


@dataclass(frozen=True, eq=False)
class AudioFinished:
    """A sound is whole; it has its codes and, where there is an audio detokenizer, its samples."""

    audio: Audio


class SoundReader:
    """Turns the token ids of one sound, those behind its ``<boa>``, into events.

    Args:
        processor: Knows the vocabulary and decodes the frames.
    """

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._syntax = AudioSyntax(processor.vocabulary)
        self._eoa = processor.vocabulary.eoa
        # In every order the last codebook's code completes its frame.
        self._completing = set(processor.vocabulary.block_ids("audio", self._syntax.num_codebooks - 1).tolist())
        self._in_chunk = max(1, round(SECONDS * processor.sample_rate / processor.hop_length))
        self._stream = None if processor.audio_detokenizer is None else AudioStream(processor.audio_detokenizer)
        self._ids: list[int] = []
        self._whole = 0  # frames
        self._sent = 0  # frames

    def read(self, token_id: int) -> Iterator[AudioChunk | AudioFinished]:
        """What the next token brings."""
        if token_id == self._eoa:
            codes = self._codes()
            yield self._chunk(codes, last=True)
            (document,) = self._processor.with_media([Document().reply(Audio(codes=codes))])
            yield AudioFinished(document.turns[0].sounds[0])
            return
        self._ids.append(token_id)
        self._whole += token_id in self._completing
        if self._whole - self._sent >= self._in_chunk:
            yield self._chunk(self._codes(), last=False)

    def _codes(self) -> Tensor:
        return self._syntax.whole_frames(torch.tensor(self._ids))

    @torch.no_grad()
    def _chunk(self, codes: Tensor, last: bool) -> AudioChunk:
        new, self._sent = codes[:, self._sent :], codes.shape[1]
        if self._stream is None:
            return AudioChunk(new)
        samples = [self._stream.push(new[None].to(device_of(self._stream.detokenizer)))]
        if last:
            samples.append(self._stream.finish())
        return AudioChunk(new, torch.cat(samples, dim=-1)[0].float().cpu().clamp(-1, 1))
