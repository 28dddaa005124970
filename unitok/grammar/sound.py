"""A sound: ``<boa>``, the codes of its frames in the vocabulary's order, ``<eoa>``.

Shape letters: B batch, K codebooks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitok.audio_syntax import AudioSyntax
from unitok.grammar.state import GrammarState, Masks, Phase
from unitok.vocabulary import Vocabulary


class SoundRules:
    """A frame is opened only if all codes of the open frames, ``<eoa>`` and the turn's end have room.

    Between two steps of the codebooks' order a sound may open another frame, as long as none was left out, or go on
    without: to the codes that the open frames still lack, and then to ``<eoa>``.
    """

    def __init__(self, vocabulary: Vocabulary, masks: Masks, device: torch.device) -> None:
        syntax = AudioSyntax(vocabulary)
        self._order = syntax.order
        self._count = syntax.num_codebooks
        blocks = [vocabulary.block_ids("audio", k) for k in range(self._count)]
        following = [*blocks, torch.tensor([vocabulary.eoa])]
        self._code = masks.add(blocks[0])  # plus k: the codes of codebook k; plus K: <eoa>
        for ids in following[1:]:
            masks.add(ids)
        self._open_or = masks.add(blocks[0], following[1]) - 1  # plus k: codebook 0, or what `_code + k` allows
        for ids in following[2:]:
            masks.add(blocks[0], ids)
        opens = torch.zeros(vocabulary.size, dtype=torch.bool)
        opens[blocks[0]] = True
        self._opens = opens.to(device)
        self._eoa = vocabulary.eoa

    def mask(self, state: GrammarState) -> Tensor:
        """Mask row for rows whose phase is this span's."""
        following = self._order.following(state.first)
        border = torch.where(self._may_open(state), self._open_or + following, self._code + following)
        return torch.where(self._between_steps(state), border, self._code + state.codebook)

    def _between_steps(self, state: GrammarState) -> Tensor:
        return state.codebook > self._order.last(state.first, state.frames)

    def _may_open(self, state: GrammarState) -> Tensor:
        needed = state.codes + self._count + 2  # <eoa> and the turn's end
        return (state.first == 0) & (state.frames < state.max_frames) & (state.room >= needed)

    def advance(self, state: GrammarState, token_ids: Tensor, opened: Tensor) -> GrammarState:
        """The state behind ``token_ids``, which are <boa> where ``opened``; it opens the first frame."""
        inside = state.phase == Phase.SOUND
        between = inside & self._between_steps(state)
        closed = between & (token_ids == self._eoa)
        frame = between & self._opens[token_ids]
        drained = between & ~frame
        codebook = torch.where(between, 0, state.codebook)
        first = torch.where(drained, self._order.following(state.first), state.first)
        codebook = torch.where(drained, first, codebook) + inside.long()
        codes = state.codes - inside.long() + self._count * frame.long()
        phase = torch.where(closed, state.after_span(), state.phase)
        return state._replace(
            phase=torch.where(opened, Phase.SOUND, phase),
            sounds=state.sounds - opened.long(),
            codes=torch.where(opened, self._count, codes),
            frames=torch.where(opened, 1, state.frames + frame.long()),
            first=torch.where(opened, 0, first),
            codebook=torch.where(opened, 0, codebook),
        )
