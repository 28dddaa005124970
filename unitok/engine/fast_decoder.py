"""The forward pass of stock Qwen3 and Llama decoders with few, large operations.

On a CPU a step of a small decoder takes as long as its operations take to start. Here a layer is about twenty, where
the module's own forward has about seventy and its Python around them: Q, K and V are one product, gate and up
another, a norm is two operations, and keys and values are written in place.

Shape letters: n rows, L columns of a pass, T tokens of it that are no padding, D width, H heads, d head size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding, layer_norm, silu

from unitok.engine.blocks import Block
from unitok.engine.decoder_weights import DecoderWeights
from unitok.engine.forward import Pass, additive
from unitok.engine.key_values import KeyValues, attend


class FastDecoder:
    """Computes what the module computes.

    Args:
        weights: Of the module; several decoders, each with a memory of its own, may share them.
    """

    def __init__(self, weights: DecoderWeights) -> None:
        self._weights = weights
        self._memory = KeyValues(len(weights.layers), weights.keys, weights.head_size, weights.embedding)
        self._cosine, self._sine = weights.rotations(0)
        self._signs = torch.tensor([[-1.0], [1.0]], dtype=weights.embedding.dtype, device=self.device)

    @property
    def device(self) -> torch.device:
        return self._weights.embedding.device

    def reserve(self, slots: int, columns: int) -> tuple[int, int]:
        slots, columns = self._memory.reserve(slots, columns)
        self._cosine, self._sine = self._weights.rotations(columns)
        return slots, columns

    def copy(self, sources: Sequence[int], targets: Sequence[int], columns: int) -> None:
        self._memory.copy(sources, targets, columns)

    def run(self, passes: Sequence[Pass]) -> list[Tensor]:
        """The normed hidden states ``[n, keep, D]`` of each pass; all products are of all their tokens together.

        Padding is there in attention alone: products would take as long for it as for tokens.
        """
        weights, memory = self._weights, self._memory
        queries, heads = weights.queries, weights.queries + 2 * weights.keys
        masks = [self._mask(rows) for rows in passes]
        grids = [_Grid(rows) for rows in passes]
        sizes = [grid.tokens for grid in grids]
        positions = torch.cat([grid.without(rows.positions) for grid, rows in zip(grids, passes, strict=True)])
        cosine, sine = self._cosine[positions], self._sine[positions]
        token_ids = torch.cat([grid.without(rows.token_ids) for grid, rows in zip(grids, passes, strict=True)])
        hidden = embedding(token_ids, weights.embedding)
        memory.begin(passes)
        for number, layer in enumerate(weights.layers):
            qkv = layer.qkv(self._rms_norm(hidden, layer.attention_norm)).view(-1, heads, weights.head_size)
            self._rotate(qkv[:, : queries + weights.keys], layer.head_norm, cosine, sine)
            memory.write(number, qkv[:, queries:])
            attended = []
            for rows, grid, mask, part in zip(passes, grids, masks, qkv.split(sizes), strict=True):
                if rows.columns:
                    found = memory.attend(number, grid.lines(part[:, :queries]).transpose(1, 2))
                else:
                    lines = grid.lines(part).transpose(1, 2)
                    keys, values = lines[:, queries:].chunk(2, dim=1)
                    found = attend(lines[:, :queries], keys, values, mask)
                attended.append(grid.without(found.transpose(1, 2).flatten(2)))
            hidden = layer.output.add(hidden, attended[0] if len(attended) == 1 else torch.cat(attended))
            gate, up = layer.gate_up(self._rms_norm(hidden, layer.mlp_norm)).chunk(2, dim=1)
            hidden = layer.down.add(hidden, silu(gate).mul_(up))
        parts = zip(hidden.split(sizes), grids, passes, strict=True)
        return [self._kept(grid.lines(part), rows.keep) for part, grid, rows in parts]

    def _mask(self, rows: Pass) -> Tensor | None:
        """What is added to the scores of a pass that does not read the memory."""
        if rows.mask is None or rows.columns:
            return None
        return additive(rows.mask, self._weights.embedding.dtype)

    def _kept(self, hidden: Tensor, keep: int) -> Tensor:
        """The normed outcome ``[n, keep, D]`` of ``[n, L, D]``."""
        if keep > hidden.shape[1]:
            raise ValueError(f"{keep} columns are asked for of a pass of {hidden.shape[1]}")
        kept = hidden[:, hidden.shape[1] - keep :]
        return self._rms_norm(kept.flatten(0, 1), self._weights.norm).view(kept.shape)

    def logits(self, outcome: Tensor, block: Block) -> Tensor:
        return self._weights.head(block)(outcome)

    def _rms_norm(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """RMS norm of ``[T, D]``, as the layer norm of (-x, x): its mean is zero, its variance the mean square of x.

        PyTorch has one kernel for a layer norm on a CPU, and a dozen operations for an RMS norm.

        Args:
            inputs: ``[T, D]``.
            weight: ``[2, D]``, the norm's weight twice.
        """
        both = inputs.unsqueeze(1) * self._signs
        return layer_norm(both, weight.shape, weight, None, self._weights.eps)[:, 1]

    def _rotate(self, heads: Tensor, weight: Tensor | None, cosine: Tensor, sine: Tensor) -> None:
        """Norms and turns queries and keys ``[T, H, d]`` in place; ``weight`` is ``[H, 2, d]``."""
        both = heads.unsqueeze(2) * self._signs  # [T, H, 2, d]: (-x, x)
        if weight is not None:
            both = layer_norm(both, both.shape[2:], None, None, self._weights.eps).mul_(weight)
        # (-x1, -x2, x1, x2) holds (x1, x2) and, half a head before it, (-x2, x1), by which the sine is multiplied.
        both, half = both.flatten(2), heads.shape[2] // 2
        torch.addcmul(both[..., 2 * half :] * cosine, both[..., half : 3 * half], sine, out=heads)


class _Grid:
    """Where the tokens of a pass stand in lines of one length."""

    def __init__(self, rows: Pass) -> None:
        self._shape = rows.token_ids.shape
        self._real = None
        if rows.real is not None:
            self._real = torch.tensor(rows.real, device=rows.token_ids.device)
        self.tokens = rows.token_ids.numel() if self._real is None else len(self._real)

    def lines(self, tokens: Tensor) -> Tensor:
        """``[n, L, *]`` of ``[T, *]``: with zeros as padding."""
        if self._real is None:
            return tokens.view(*self._shape, *tokens.shape[1:])
        lines = tokens.new_zeros(self._shape.numel(), *tokens.shape[1:])
        return lines.index_copy_(0, self._real, tokens).view(*self._shape, *tokens.shape[1:])

    def without(self, lines: Tensor) -> Tensor:
        """``[T, *]`` of ``[n, L, *]``."""
        flat = lines.flatten(0, 1)
        return flat if self._real is None else flat[self._real]
