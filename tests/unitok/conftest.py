"""A model of random weights, small enough to run thousands of sequences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from unitok.checkpoint import Checkpoint, save
from unitok.components import COMPONENTS
from unitok.data.token_cache import TokenCache, TokenCacheWriter, vocabulary_hash
from unitok.engine import Sampling
from unitok.grammar import Grammar
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.syntax import FramedAudio
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.image import CodebookConfig, ImageTokenizer, ImageTokenizerConfig
from unitok_tokenizers.spec import CodebookSpec
from unitok_tokenizers.text import TextTokenizer

SENTENCES = (
    "a small red circle above a large blue square on a white background",
    "draw two green stars",
    "how many stars are there? there are two.",
)


@pytest.fixture(scope="session")
def tiny_processor() -> Processor:
    """Pictures of 16 x 16 pixels are 4 x 4 codes, of one codebook with 16 codes."""
    torch.manual_seed(0)
    codebook = CodebookConfig(size=16, channels=4)
    encoder = ImageTokenizer(ImageTokenizerConfig(patch=4, widths=[8], blocks=[1], codebook=codebook)).eval()
    decoder = ImageDetokenizer(ImageDetokenizerConfig(patch=4, widths=[8], blocks=[1], codebook=codebook)).eval()
    encoder.codebook.vectors.normal_()
    decoder.codebook.vectors.copy_(encoder.codebook.vectors)
    text = TextTokenizer.train(SENTENCES, vocab_size=280)
    return Processor(text, Vocabulary(text.vocab_size, [encoder.spec], max_grid=8), encoder, decoder, image_size=16)


@pytest.fixture(scope="session")
def base(tiny_processor: Processor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tokenizers and no decoder, as before the decoder is trained; it is not to be changed."""
    folder = tmp_path_factory.mktemp("base")
    save(Checkpoint(tiny_processor, None, Sampling()), folder)
    return folder


@pytest.fixture()
def jsonl(tmp_path: Path) -> Path:
    """Ten lines: seven good ones, a blank one, and two that cannot be read."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(tmp_path / "a.png")
    lines: list[str] = []
    for number in range(10):
        content = [{"type": "text", "text": f"draw {number}"}, {"type": "image", "path": "a.png"}]
        messages = [{"role": "user", "content": content}, {"role": "assistant", "content": f"done {number}"}]
        lines.append(json.dumps({"messages": messages} if number % 2 else messages))
    lines[2] = lines[2].replace("a.png", "missing.png")
    lines[5] = "{broken"
    lines[8] = ""
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def write_cache(tiny_processor: Processor) -> Callable[..., TokenCache]:
    """Writes a cache of documents of random ids, the same for the same seed."""
    vocabulary = tiny_processor.vocabulary

    def write(folder: Path, documents: int, seed: int = 0) -> TokenCache:
        rng = np.random.default_rng(seed)
        with TokenCacheWriter(folder, vocabulary.size, vocabulary_hash(vocabulary)) as writer:
            for _ in range(documents):
                length = int(rng.integers(2, 40))
                writer.add(rng.integers(0, vocabulary.size, length), rng.integers(0, 2, length))
            writer.finish()
        return TokenCache(folder)

    return write


@pytest.fixture(scope="session")
def make_decoder() -> Callable[..., PreTrainedModel]:
    """Makes a two-layer decoder; keyword arguments change its configuration."""

    def make(vocab_size: int, seed: int = 0, **changes: object) -> PreTrainedModel:
        torch.manual_seed(seed)
        values: dict = {
            "vocab_size": vocab_size,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 256,
            "initializer_range": 0.3,  # far from uniform, so that a wrong cache or mask shows
            "tie_word_embeddings": True,
        }
        return Qwen3ForCausalLM(Qwen3Config(**{**values, **changes})).eval()

    return make


@pytest.fixture(scope="session")
def tiny_decoder(tiny_processor: Processor, make_decoder: Callable[..., PreTrainedModel]) -> PreTrainedModel:
    """With a few more logits than there are ids, as real decoders have."""
    return make_decoder(tiny_processor.vocabulary.size + 5)


@pytest.fixture(scope="session")
def tiny_grammar(tiny_processor: Processor) -> Grammar:
    return Grammar(tiny_processor.vocabulary)


@pytest.fixture()
def tiny_model(tiny_processor: Processor, tiny_decoder: PreTrainedModel) -> UniTok:
    return UniTok(tiny_processor, tiny_decoder)


# ---- sound


class StepCodec:
    """Sound whose frames are constant: two codebooks hold the coarse and the fine part of 256 levels.

    It has ten frames a second. The second half of a decoded frame lies between its level and the next frame's.
    """

    lookahead: int | None = 1
    history: int | None = 0

    def __init__(self) -> None:
        self.spec = CodebookSpec("audio", 16, 2, sample_rate=8000, hop_length=800)
        self.batches: list[int] = []

    def encode(self, media: Tensor) -> Tensor:
        self.batches.append(len(media))
        frames = F.pad(media, (0, -media.shape[2] % 800)).unflatten(2, (-1, 800)).mean(-1)[:, 0]
        levels = ((frames + 1) * 127.5).round().long()
        return torch.stack([levels // 16, levels % 16], dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        self.batches.append(len(codes))
        levels = (codes[:, 0] * 16 + codes[:, 1]) / 127.5 - 1
        following = torch.cat([levels[:, 1:], levels[:, -1:]], dim=1)
        halves = torch.stack([levels, (levels + following) / 2], dim=2)
        return halves.repeat_interleave(400, dim=2).flatten(1)[:, None]

    def write(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(self.spec.to_dict()))

    @classmethod
    def read(cls, folder: Path) -> StepCodec:
        codec = cls()
        assert json.loads((folder / "config.json").read_text()) == codec.spec.to_dict()
        return codec


@pytest.fixture()
def step_codec() -> StepCodec:
    return StepCodec()


@pytest.fixture()
def known_step_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints may hold it."""
    table: Any = COMPONENTS
    for name in ("audio_tokenizer", "audio_detokenizer"):
        monkeypatch.setitem(table, name, {"StepCodec": StepCodec.read})


@pytest.fixture(scope="session")
def make_sound_processor(tiny_processor: Processor) -> Callable[..., Processor]:
    """The tiny processor with sounds of 10 frames a second, of two codebooks, in an order."""

    def make(order: str = "flattened", codec: StepCodec | None = None) -> Processor:
        p, codec = tiny_processor, codec or StepCodec()
        assert p.image_tokenizer is not None
        specs = [p.image_tokenizer.spec, codec.spec]
        vocabulary = Vocabulary(p.text_tokenizer.vocab_size, specs, max_grid=8, audio=FramedAudio(order))  # type: ignore[attr-defined]
        media = p.image_tokenizer, p.image_detokenizer
        return Processor(
            p.text_tokenizer, vocabulary, *media, image_size=16, audio_tokenizer=codec, audio_detokenizer=codec
        )

    return make


@pytest.fixture(scope="session")
def sound_decoder(make_sound_processor: Callable[..., Processor], make_decoder: Callable[..., Any]) -> PreTrainedModel:
    return make_decoder(make_sound_processor().vocabulary.size + 5)


@pytest.fixture()
def sound_model(make_sound_processor: Callable[..., Processor], sound_decoder: PreTrainedModel) -> UniTok:
    return UniTok(make_sound_processor(), sound_decoder)
