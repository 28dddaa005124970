"""How a sound is written as token ids: ``<boa>``, its codes in the vocabulary's order, ``<eoa>``.

Shape letters: S sequence, K codebooks, T frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitok.codebook_orders import ORDERS
from unitok.vocabulary import AUDIO, Vocabulary
from unitok_tokenizers.errors import InputError


class AudioSyntax:
    """:class:`~unitok.syntax.FramedAudio`: a sound has one frame or more, and ends at a frame's border.

    Args:
        vocabulary: With audio codes.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.num_codebooks = vocabulary.spec("audio").num_codebooks
        self.order = ORDERS[vocabulary.audio.order](self.num_codebooks)

    def length(self, frames: int) -> int:
        """Ids of a whole sound."""
        return frames * self.num_codebooks + 2

    def write(self, codes: Tensor) -> Tensor:
        """Token ids int64 of codes int64 ``[K, T]``."""
        if codes.dim() != 2 or len(codes) != self.num_codebooks:
            raise InputError(f"audio codes must be [{self.num_codebooks}, T], not {list(codes.shape)}")
        ids = self._vocabulary.stream_to_ids("audio", self.order.apply(codes))
        boa, eoa = (torch.tensor([mark]) for mark in (self._vocabulary.boa, self._vocabulary.eoa))
        return torch.cat([boa, ids, eoa])

    def read(self, ids: Tensor) -> tuple[Tensor, int]:
        """The sound at the beginning of token ids int64 ``[S]``: its codes int64 ``[K, T]``, and its length.

        Raises:
            InputError: There is none, or it is cut off.
        """
        if not len(ids) or int(ids[0]) != self._vocabulary.boa:
            raise InputError("token ids are malformed: a sound does not begin with <boa>")
        others = (self._vocabulary.modality_of(ids[1:]) != AUDIO).nonzero()
        if not len(others):
            raise InputError("token ids are malformed: a sound is cut off")
        stop = 1 + int(others[0])
        if int(ids[stop]) != self._vocabulary.eoa:
            raise InputError(f"token ids are malformed: token id {int(ids[stop])} is in a sound")
        if stop == 1:
            raise InputError("token ids are malformed: a sound has no frames")
        try:
            codes = self.order.revert(self._vocabulary.ids_to_stream("audio", ids[1:stop]))
        except InputError as error:
            raise InputError(f"token ids are malformed: in a sound, {error}") from None
        return codes, stop + 1

    def whole_frames(self, ids: Tensor) -> Tensor:
        """The codes int64 ``[K, T]`` of the T frames that are whole in the first ids of a sound, ``<boa>`` left out.

        In every order a codebook's codes come frame by frame, and the last codebook's code completes its frame.
        """
        codebooks, codes = self._vocabulary.ids_to_stream("audio", ids).unbind(1)
        rows = [codes[codebooks == number] for number in range(self.num_codebooks)]
        return torch.stack([row[: len(rows[-1])] for row in rows])
