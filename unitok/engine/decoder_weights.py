"""The weights of a stock decoder as the engine multiplies with them: copies, joined and in the fastest form.

Shape letters: H heads of queries and keys, D width, d head size, P positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unitok.engine.blocks import Block
from unitok.engine.projections import Projection, Weights, project


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """One layer. Weights of norms are there twice, as :class:`~unitok.engine.fast_decoder.FastDecoder` needs them."""

    attention_norm: Tensor  # [2, D]
    qkv: Projection
    head_norm: Tensor | None  # [H, 2, d]; None where heads have no norm
    output: Projection
    mlp_norm: Tensor  # [2, D]
    gate_up: Projection
    down: Projection


class DecoderWeights:
    """Reads a decoder.

    Args:
        decoder: A ``transformers`` decoder that :func:`unitok.engine.stock.reason_against` has nothing against.
        weights: ``"int8"`` to round the matrices (not the embedding) to 8 bits.

    Attributes:
        layers: In order.
        embedding: ``[V, D]``, the module's own.
        norm: ``[2, D]``, the last norm's weight twice.
        eps: Of every norm.
        queries: Heads of queries.
        keys: Heads of keys, and of values.
        head_size: d.
    """

    def __init__(self, decoder: nn.Module, weights: Weights | None = None) -> None:
        stock: Any = decoder
        model, config = stock.model, stock.config
        self._kind: Weights | None = weights
        self.queries: int = config.num_attention_heads
        self.keys: int = config.num_key_value_heads
        self.head_size: int = model.layers[0].self_attn.head_dim
        self.eps: float = config.rms_norm_eps
        self.embedding: Tensor = model.embed_tokens.weight.detach()
        self.norm = _twice(model.norm.weight)
        self.layers = [self._read(layer) for layer in model.layers]
        self._head: Tensor = stock.lm_head.weight.detach()
        self._heads: dict[Block, Projection] = {}
        self._frequencies: Tensor = model.rotary_emb.inv_freq.float()
        self._rotary_scale: float = model.rotary_emb.attention_scaling
        self._rotations = self._rotate(0)

    def _read(self, layer: Any) -> LayerWeights:
        attention, mlp = layer.self_attn, layer.mlp
        head_norm = None
        if hasattr(attention, "q_norm"):
            queries = _twice(attention.q_norm.weight).expand(self.queries, -1, -1)
            keys = _twice(attention.k_norm.weight).expand(self.keys, -1, -1)
            head_norm = torch.cat([queries, keys])
        return LayerWeights(
            _twice(layer.input_layernorm.weight),
            self._join(attention.q_proj, attention.k_proj, attention.v_proj),
            head_norm,
            self._join(attention.o_proj),
            _twice(layer.post_attention_layernorm.weight),
            self._join(mlp.gate_proj, mlp.up_proj),
            self._join(mlp.down_proj),
        )

    def _join(self, *parts: Any) -> Projection:
        return project(torch.cat([part.weight.detach() for part in parts]), self._kind)

    def head(self, block: Block) -> Projection:
        """The rows of the head that a block needs."""
        if block not in self._heads:
            self._heads[block] = project(self._head[block.ids], self._kind)
        return self._heads[block]

    def rotations(self, count: int) -> tuple[Tensor, Tensor]:
        """Cosine and sine ``[P, 1, d]`` of at least ``count`` positions."""
        if count > len(self._rotations[0]):
            self._rotations = self._rotate(count)
        return self._rotations

    def _rotate(self, count: int) -> tuple[Tensor, Tensor]:
        angles = torch.arange(count, device=self.embedding.device)[:, None].float() * self._frequencies
        angles = torch.cat([angles, angles], dim=1)[:, None]
        cosine, sine = angles.cos() * self._rotary_scale, angles.sin() * self._rotary_scale
        return cosine.to(self.embedding.dtype), sine.to(self.embedding.dtype)


def _twice(weight: Tensor) -> Tensor:
    return weight.detach().expand(2, -1).contiguous()
