"""The turn around the spans: text, the choice to open an image or a sound, and the end."""

from __future__ import annotations

import torch
from torch import Tensor

from unitok.grammar.state import GrammarState, Masks, Phase
from unitok.turn_syntax import turn_syntax
from unitok.vocabulary import Vocabulary


class TurnRules:
    """What may come where no image and no sound is open.

    Args:
        vocabulary: The ids.
        text: int64, the ids of text that may be generated.
        least_audio: Tokens of the shortest sound, delimiters included.
        masks: Receives the masks; these must be its first.
    """

    def __init__(self, vocabulary: Vocabulary, text: Tensor, least_audio: int, masks: Masks) -> None:
        nothing = torch.tensor([], dtype=torch.int64)
        ends = torch.tensor(turn_syntax(vocabulary).ends)
        boi, boa = torch.tensor([vocabulary.boi]), torch.tensor([vocabulary.boa])
        choices = [(text, 1), (ends, 2), (boi, 4), (boa, 8)]
        # Row number = sum of the choices' weights; the row of no choice is that of a finished turn.
        masks.add(torch.tensor([vocabulary.pad]))
        for number in range(1, 16):
            masks.add(*(ids if number & weight else nothing for ids, weight in choices))
        self._least_audio = least_audio

    def mask(self, state: GrammarState) -> Tensor:
        """Mask row for rows whose phase is the turn's."""
        phase, room = state.phase, state.room
        content = (phase == Phase.FIRST) | (phase == Phase.OPEN)
        text = content & (room >= 2)
        end = (phase == Phase.OPEN) | (phase == Phase.END_NEXT)
        image = (content & (state.images > 0) & (room > state.least_image)) | (phase == Phase.IMAGE_NEXT)
        audio = (content & (state.sounds > 0) & (room > self._least_audio)) | (phase == Phase.AUDIO_NEXT)
        return text.long() + 2 * end.long() + 4 * image.long() + 8 * audio.long()
