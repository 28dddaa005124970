"""The weights of a stock decoder as the engine multiplies with them: copies, joined and in the fastest form.

Shape letters: H heads of queries and keys, D width, d head size, F width of the MLP, P positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unitok.engine.blocks import Block
from unitok.engine.projections import Projection, Weights, project


@dataclass(frozen=True, eq=False)
class LayerMatrices:
    """The weights of one layer, joined."""

    attention_norm: Tensor  # [D]
    qkv: Tensor  # [(H + heads of values) * d, D]
    head_norm: Tensor | None  # [H, d]; None where heads have no norm
    output: Tensor  # [D, heads of queries * d]
    mlp_norm: Tensor  # [D]
    gate_up: Tensor  # [2 * F, D]
    down: Tensor  # [D, F]

    @classmethod
    def of(cls, layer: Any) -> LayerMatrices:
        """Reads a layer of a ``transformers`` Qwen3 or Llama."""
        attention, mlp = layer.self_attn, layer.mlp
        head_norm = None
        if hasattr(attention, "q_norm"):
            norms = ((attention.q_norm, attention.q_proj), (attention.k_norm, attention.k_proj))
            counts = [projection.out_features // attention.head_dim for _, projection in norms]
            head_norm = torch.cat([
                norm.weight.detach().expand(count, -1) for (norm, _), count in zip(norms, counts, strict=True)
            ])  # fmt: skip
        return cls(
            layer.input_layernorm.weight.detach(),
            _join(attention.q_proj, attention.k_proj, attention.v_proj),
            head_norm,
            attention.o_proj.weight.detach(),
            layer.post_attention_layernorm.weight.detach(),
            _join(mlp.gate_proj, mlp.up_proj),
            mlp.down_proj.weight.detach(),
        )


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """One layer as it is multiplied with. Norms are there twice, as the fast forward pass needs them."""

    attention_norm: Tensor  # [2, D]
    qkv: Projection
    head_norm: Tensor | None  # [H, 2, d]
    output: Projection
    mlp_norm: Tensor  # [2, D]
    gate_up: Projection
    down: Projection

    @classmethod
    def of(cls, layer: LayerMatrices, weights: Weights | None) -> LayerWeights:
        head_norm = layer.head_norm
        return cls(
            _twice(layer.attention_norm),
            project(layer.qkv, weights),
            None if head_norm is None else torch.stack([head_norm, head_norm], dim=1),
            project(layer.output, weights),
            _twice(layer.mlp_norm),
            project(layer.gate_up, weights),
            project(layer.down, weights),
        )


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
        self.layers = [LayerWeights.of(LayerMatrices.of(layer), weights) for layer in model.layers]
        self._head: Tensor = stock.lm_head.weight.detach()
        self._heads: dict[Block, Projection] = {}
        self._frequencies: Tensor = model.rotary_emb.inv_freq.float()
        self._rotary_scale: float = model.rotary_emb.attention_scaling
        self._rotations = self._rotate(0)

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


def _join(*parts: Any) -> Tensor:
    return torch.cat([part.weight.detach() for part in parts])


def _twice(weight: Tensor) -> Tensor:
    return weight.detach().expand(2, -1).contiguous()
