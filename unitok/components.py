"""The classes that a checkpoint's folders may hold; nothing else is ever built from one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from unitok_detokenizers.audio import AudioDetokenizer
from unitok_detokenizers.frozen_audio import DacAudioDetokenizer, EncodecAudioDetokenizer, MimiAudioDetokenizer
from unitok_detokenizers.image import ImageDetokenizer
from unitok_detokenizers.released import Emu3ImageDetokenizer, VqganImageDetokenizer
from unitok_tokenizers.audio import AudioTokenizer
from unitok_tokenizers.frozen_audio import DacAudioTokenizer, EncodecAudioTokenizer, MimiAudioTokenizer
from unitok_tokenizers.image import ImageTokenizer
from unitok_tokenizers.released import ChameleonImageTokenizer, Emu3ImageTokenizer
from unitok_tokenizers.text import TextTokenizer

COMPONENTS: Final[Mapping[str, Mapping[str, Callable[[Path], Any]]]] = {
    "text_tokenizer": {"TextTokenizer": TextTokenizer.read},
    "image_tokenizer": {
        "ImageTokenizer": ImageTokenizer.read,
        "ChameleonImageTokenizer": ChameleonImageTokenizer.read,
        "Emu3ImageTokenizer": Emu3ImageTokenizer.read,
    },
    "image_detokenizer": {
        "ImageDetokenizer": ImageDetokenizer.read,
        "VqganImageDetokenizer": VqganImageDetokenizer.read,
        "Emu3ImageDetokenizer": Emu3ImageDetokenizer.read,
    },
    "audio_tokenizer": {
        "AudioTokenizer": AudioTokenizer.read,
        "EncodecAudioTokenizer": EncodecAudioTokenizer.read,
        "MimiAudioTokenizer": MimiAudioTokenizer.read,
        "DacAudioTokenizer": DacAudioTokenizer.read,
    },
    "audio_detokenizer": {
        "AudioDetokenizer": AudioDetokenizer.read,
        "EncodecAudioDetokenizer": EncodecAudioDetokenizer.read,
        "MimiAudioDetokenizer": MimiAudioDetokenizer.read,
        "DacAudioDetokenizer": DacAudioDetokenizer.read,
    },
}
"""By component and class name, how its folder is read. The decoder is apart: it is cast as it is read."""
