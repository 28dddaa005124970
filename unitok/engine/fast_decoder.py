"""The forward pass of stock Qwen3 and Llama decoders with few, large operations.

On a CPU a step of a small decoder takes as long as its operations take to start. Here a layer is about twenty, where
the module's own forward has about seventy and its Python around them: Q, K and V are one product, gate and up
another, a norm is two operations, and keys and values are written in place.

Shape letters: n rows, L columns of a pass, T = n * L tokens, D width, H heads, d head size.
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
        """The normed hidden states ``[n, keep, D]`` of each pass; all products are of all their tokens together."""
        weights, memory = self._weights, self._memory
        queries, heads = weights.queries, weights.queries + 2 * weights.keys
        masks = [self._mask(rows) for rows in passes]
        sizes = [rows.token_ids.numel() for rows in passes]
        positions = _joined([rows.positions for rows in passes])
        cosine, sine = self._cosine[positions], self._sine[positions]
        hidden = embedding(_joined([rows.token_ids for rows in passes]), weights.embedding)
        memory.begin(passes)
        for number, layer in enumerate(weights.layers):
            qkv = layer.qkv(self._rms_norm(hidden, layer.attention_norm)).view(-1, heads, weights.head_size)
            self._rotate(qkv[:, : queries + weights.keys], layer.head_norm, cosine, sine)
            memory.write(number, qkv[:, queries:])
            attended = []
            for rows, mask, part in zip(passes, masks, qkv.split(sizes), strict=True):
                lines = part.view(*rows.token_ids.shape, heads, -1).transpose(1, 2)
                if rows.columns:
                    found = memory.attend(number, lines[:, :queries])
                else:
                    keys, values = lines[:, queries:].chunk(2, dim=1)
                    found = attend(lines[:, :queries], keys, values, mask)
                attended.append(found.transpose(1, 2).reshape(len(part), -1))
            hidden = layer.output.add(hidden, attended[0] if len(attended) == 1 else torch.cat(attended))
            gate, up = layer.gate_up(self._rms_norm(hidden, layer.mlp_norm)).chunk(2, dim=1)
            hidden = layer.down.add(hidden, silu(gate).mul_(up))
        return [self._kept(part, rows) for part, rows in zip(hidden.split(sizes), passes, strict=True)]

    def _mask(self, rows: Pass) -> Tensor | None:
        """What is added to the scores of a pass that does not read the memory."""
        if rows.mask is None or rows.columns:
            return None
        return additive(rows.mask, self._weights.embedding.dtype)

    def _kept(self, hidden: Tensor, rows: Pass) -> Tensor:
        """The normed outcome ``[n, keep, D]`` of ``[n * L, D]``."""
        count, length = rows.token_ids.shape
        kept = hidden.view(count, length, -1)[:, length - rows.keep :]
        return self._rms_norm(kept.reshape(count * rows.keep, -1), self._weights.norm).view(kept.shape)

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


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """The numbers of all parts in one line."""
    return parts[0].flatten() if len(parts) == 1 else torch.cat([part.flatten() for part in parts])
