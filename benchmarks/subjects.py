"""What is measured: decoders of random weights in two sizes, and the shipped model.

Shape letters: S tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from unitok.data.world.render import render
from unitok.data.world.scene import sample_scene
from unitok.document import Document
from unitok.engine import Engine, EngineOptions, Sampling
from unitok.engine.logits_processor import GrammarLogitsProcessor
from unitok.grammar import Grammar, Request
from unitok.image_syntax import image_syntax
from unitok.model import UniTok
from unitok.shipped import find_checkpoint
from unitok.syntax import SizedImages
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.spec import CodebookSpec

SHAPES = {"30M": (8, 512, 1792), "90M": (12, 768, 2240)}
"""Layers, width and width of the MLP, by the parameters that are not embeddings."""

SHIPPED = "shipped"
NAMES = (*SHAPES, SHIPPED)
VOCABULARY, CODES, SIZES = 9216, 8192, 64
GRID = (12, 16)
PROMPT_LENGTH = 24
PROMPT = "a small red circle above a large blue square on a white background"
QUESTION, OBJECTS = "describe the picture", 6


@dataclass(frozen=True, eq=False)
class Subject:
    """A decoder that draws a picture.

    Attributes:
        name: One of :data:`NAMES`.
        decoder: In the dtype that is asked for.
        vocabulary: Its ids.
        prompt: int64 ``[S]``.
        unconditional: int64 ``[S]``, the prompt that says nothing.
        asking: int64 ``[S]``, the prompt that words answer.
        request: One picture of a fixed grid.
    """

    name: str
    decoder: PreTrainedModel
    vocabulary: Vocabulary
    prompt: Tensor
    unconditional: Tensor
    asking: Tensor
    request: Request

    def engine(self, options: EngineOptions | None = None) -> Engine:
        """An engine of the decoder, its weights read."""
        engine = Engine(self.decoder, self.vocabulary, Grammar(self.vocabulary), options)
        engine.forward()
        return engine

    def draw(self, engine: Engine, count: int = 1, settings: Sampling | None = None) -> list[list[int]]:
        """Pictures for the same prompt in one batch, with the seeds from 0 on; greedily, if nothing else is said."""
        answers = engine.generate(
            [self.prompt] * count,
            [self.request] * count,
            settings or sampling(),
            list(range(count)),
            self.unconditional,
        )
        return [answer.tolist() for answer in answers]

    def draw_stock(self, **options: Any) -> list[int]:
        """The picture by ``generate`` of ``transformers`` with the same grammar, greedily; options are its own."""
        grammar = Grammar(self.vocabulary, device=self.decoder.device)
        processors = LogitsProcessorList([GrammarLogitsProcessor(grammar, [self.request])])
        return self._generate(self.request.max_tokens, logits_processor=processors, **options)

    def write_stock(self, count: int) -> list[int]:
        """``count`` tokens by ``generate`` without any grammar, greedily: what the decoder alone costs there."""
        return self._generate(count, min_new_tokens=count)

    def _generate(self, most: int, min_new_tokens: int | None = None, **options: Any) -> list[int]:
        config = GenerationConfig(
            max_new_tokens=most,
            min_new_tokens=min_new_tokens,
            do_sample=False,
            pad_token_id=self.vocabulary.pad,
            eos_token_id=self.vocabulary.eot,
        )
        ids = self.prompt[None].to(self.decoder.device)
        decoder: Any = self.decoder
        with torch.inference_mode():
            generated = decoder.generate(ids, generation_config=config, attention_mask=torch.ones_like(ids), **options)
        return generated[0, ids.shape[1] :].tolist()

    def bytes_of_a_step(self, columns: int) -> int:
        """Bytes that one step reads: the layers, the head's rows of image codes, and keys and values of ``columns``."""
        decoder: Any = self.decoder
        layers = sum(weight.numel() * weight.element_size() for weight in decoder.model.layers.parameters())
        head = decoder.lm_head.weight
        codes = self.vocabulary.spec("image").codebook_size
        keys = 2 * decoder.config.num_key_value_heads * decoder.model.layers[0].self_attn.head_dim
        return layers + (codes * head.shape[1] + len(decoder.model.layers) * keys * columns) * head.element_size()


def sampling(temperature: float = 0.0, guidance_scale: float = 1.0, window: int = 1) -> Sampling:
    """Everything drawn at one temperature."""
    params = {"temperature": temperature}
    return Sampling.from_dict({"text": params, "image": params, "guidance_scale": guidance_scale, "window": window})


def subject(name: str, dtype: torch.dtype, device: torch.device) -> Subject:
    """A subject on a device."""
    if name == SHIPPED:
        model = shipped(dtype, device)
        processor, grid = model.processor, model.processor.grid
        assert grid is not None and processor.image_size is not None
        prompt = processor.encode(Document.user(PROMPT), generation_prompt=True)
        picture = render(sample_scene(np.random.default_rng(0), OBJECTS), processor.image_size)
        asking = processor.encode(Document.user(PILImage.fromarray(picture), QUESTION), generation_prompt=True)
        parts = model.decoder, processor.vocabulary, prompt, processor.unconditional(), asking
        return Subject(name, *parts, _request(processor.vocabulary, grid))
    vocabulary = made_up_vocabulary()
    decoder: Any = made_up_decoder(*SHAPES[name], vocabulary.size).to(dtype)  # type: ignore[arg-type]
    text = torch.randint(vocabulary.text_size, (PROMPT_LENGTH - 4,), generator=torch.Generator().manual_seed(0))
    prompt, unconditional = (
        torch.tensor([vocabulary.bos, vocabulary.user, *content, vocabulary.eot, vocabulary.assistant])
        for content in (text, [vocabulary.uncond])
    )
    return Subject(name, decoder.to(device), vocabulary, prompt, unconditional, prompt, _request(vocabulary, GRID))


def shipped(dtype: torch.dtype, device: torch.device) -> UniTok:
    """The shipped model."""
    return UniTok.from_pretrained(find_checkpoint("tiny"), device, dtype)


def made_up_vocabulary() -> Vocabulary:
    """Text, and one codebook of image codes, with :data:`VOCABULARY` ids in all."""
    spec = CodebookSpec("image", CODES, downsample=8)
    least = Vocabulary(1, [spec], max_grid=SIZES).size - 1
    return Vocabulary(VOCABULARY - least, [spec], max_grid=SIZES, images=SizedImages(numbered_rows=True))


def made_up_decoder(layers: int, width: int, mlp_width: int, vocabulary_size: int) -> PreTrainedModel:
    """A Qwen3 of random weights."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=vocabulary_size,
        hidden_size=width,
        intermediate_size=mlp_width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
        head_dim=64,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
    )
    return Qwen3ForCausalLM(config).eval()


def _request(vocabulary: Vocabulary, grid: tuple[int, int]) -> Request:
    return Request("image", image_syntax(vocabulary).length(*grid) + 1, grid=grid)
