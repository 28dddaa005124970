"""What is measured: decoders of random weights in two sizes, and the shipped model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from unitok.document import Document
from unitok.engine import Engine, Sampling
from unitok.engine.logits_processor import GrammarLogitsProcessor
from unitok.grammar import Grammar, Request
from unitok.model import UniTok, find_checkpoint
from unitok.syntax import SizedImages
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.spec import CodebookSpec

SHAPES = {"30M": (8, 512, 1792), "90M": (12, 768, 2240)}
"""Layers, width and width of the MLP, by the parameters that are not embeddings."""

VOCABULARY = 9216
CODES = 8192
GRID = (12, 16)
PROMPT_LENGTH = 24
SHIPPED = "shipped"
NAMES = (*SHAPES, SHIPPED)
PROMPT = "a small red circle above a large blue square on a white background"


@dataclass(frozen=True, eq=False)
class Subject:
    """A decoder that draws one picture.

    Attributes:
        name: One of :data:`NAMES`.
        decoder: In the dtype that is asked for.
        vocabulary: Its ids.
        engine: Of the decoder.
        prompt: int64 ``[S]``.
        unconditional: int64 ``[S]``, the prompt that says nothing.
        request: One picture of a fixed grid.
    """

    name: str
    decoder: PreTrainedModel
    vocabulary: Vocabulary
    engine: Engine
    prompt: Tensor
    unconditional: Tensor
    request: Request

    def draw(self, count: int = 1, guidance_scale: float = 1.0, temperature: float = 0.0) -> list[list[int]]:
        """Pictures for the same prompt, by the engine."""
        answers = self.engine.generate(
            [self.prompt] * count,
            [self.request] * count,
            sampling(temperature, guidance_scale),
            list(range(count)),
            self.unconditional,
        )
        return [answer.tolist() for answer in answers]

    def draw_stock(self, **options: Any) -> list[int]:
        """The picture by ``generate`` of ``transformers`` with the same grammar, greedily; more options are its own."""
        device = self.decoder.device
        grammar = Grammar(self.vocabulary, device=device)
        processors = LogitsProcessorList([GrammarLogitsProcessor(grammar, [self.request])])
        return self._generate(self.request.max_tokens, logits_processor=processors, **options)

    def write_stock(self, count: int) -> list[int]:
        """As many tokens by ``generate`` without any grammar, greedily: what the decoder alone costs there."""
        return self._generate(count, min_new_tokens=count)

    def _generate(self, most: int, **options: Any) -> list[int]:
        config = GenerationConfig(
            max_new_tokens=most,
            do_sample=False,
            pad_token_id=self.vocabulary.pad,
            eos_token_id=self.vocabulary.eot,
        )
        ids = self.prompt[None].to(self.decoder.device)
        with torch.inference_mode():
            decoder: Any = self.decoder
            generated = decoder.generate(ids, generation_config=config, attention_mask=torch.ones_like(ids), **options)
        return generated[0, ids.shape[1] :].tolist()


def sampling(temperature: float = 0.0, guidance_scale: float = 1.0) -> Sampling:
    """Everything drawn at one temperature."""
    params = {"temperature": temperature}
    return Sampling.from_dict({"text": params, "image": params, "guidance_scale": guidance_scale})


def subject(name: str, dtype: torch.dtype, device: torch.device) -> Subject:
    """A subject on a device."""
    if name == SHIPPED:
        model = UniTok.from_pretrained(find_checkpoint("tiny"), device, dtype)
        processor, decoder, vocabulary = model.processor, model.decoder, model.processor.vocabulary
        prompt = processor.encode(Document.user(PROMPT), generation_prompt=True)
        request = Request("image", 512, grid=processor.grid)
        return Subject(name, decoder, vocabulary, model.engine, prompt, processor.unconditional(), request)
    vocabulary = made_up_vocabulary()
    decoder = made_up_decoder(*SHAPES[name], vocabulary.size).to(device, dtype)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(vocabulary.text_size, (PROMPT_LENGTH - 4,), generator=generator)
    prompt = torch.tensor([vocabulary.bos, vocabulary.user, *text, vocabulary.eot, vocabulary.assistant])
    unconditional = torch.tensor(
        [vocabulary.bos, vocabulary.user, vocabulary.uncond, vocabulary.eot, vocabulary.assistant]
    )
    engine = Engine(decoder, vocabulary, Grammar(vocabulary))
    request = Request("image", GRID[0] * (GRID[1] + 1) + 8, grid=GRID)
    return Subject(name, decoder, vocabulary, engine, prompt, unconditional, request)


def made_up_vocabulary() -> Vocabulary:
    """Text, and one codebook of :data:`CODES` image codes."""
    spec = CodebookSpec("image", CODES, downsample=8)
    sizes = 64
    control = Vocabulary(1, [spec], max_grid=sizes).size - CODES - sizes - 1
    text = VOCABULARY - CODES - sizes - control
    return Vocabulary(text, [spec], max_grid=sizes, images=SizedImages(numbered_rows=True))


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


def weight_bytes(decoder: Any, rows: int) -> int:
    """Bytes of the weights that one step reads: the layers, and ``rows`` rows of the head."""
    layers = sum(weight.numel() * weight.element_size() for weight in decoder.model.layers.parameters())
    head = decoder.lm_head.weight
    return layers + rows * head.shape[1] * head.element_size()


def equal(answers: Sequence[Sequence[int]]) -> bool:
    """Whether all are the same."""
    return all(list(answer) == list(answers[0]) for answer in answers)
