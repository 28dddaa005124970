"""A model of random weights, small enough to run thousands of sequences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from unitok.grammar import Grammar
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.vocabulary import Vocabulary
from unitok_detokenizers.image import ImageDetokenizer, ImageDetokenizerConfig
from unitok_tokenizers.image import CodebookConfig, ImageTokenizer, ImageTokenizerConfig
from unitok_tokenizers.text import TextTokenizer

SENTENCES = (
    "a small red circle above a large blue square on a white background",
    "draw two green stars",
    "how many stars are there? there are two.",
)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # the models are so small that a second thread only waits


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
