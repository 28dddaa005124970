"""The forward pass of any ``transformers`` causal LM: its own, with a memory of slots in place of its cache.

Shape letters: n rows, L columns of a pass, C columns of the memory, V logits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicLayer

from unitok.engine.blocks import Block
from unitok.engine.forward import Pass, additive
from unitok_tokenizers.errors import InputError

_CHANGED = threading.RLock()
"""Held while a config is not what its decoder was made with."""

ATTENTION_LAYERS = {"full_attention", "sliding_attention"}
"""The kinds of layer whose state is keys and values alone."""


class ModuleDecoder:
    """Runs a decoder by its ``forward``.

    Args:
        decoder: A ``transformers`` causal LM whose layers :func:`check_layers` accepts.
    """

    def __init__(self, decoder: nn.Module) -> None:
        self._decoder: Any = decoder
        weight = next(decoder.parameters())
        self._device, self._dtype = weight.device, weight.dtype
        config = self._decoder.config
        layers = set(getattr(config, "layer_types", None) or ())
        window = getattr(config, "sliding_window", None)
        self._window: int | None = window if not layers or "sliding_attention" in layers else None
        self._by_layer = "sliding_attention" in layers
        self._slots = _Slots()
        make_layer: Any = lambda *_, **__: _SlotLayer(self._slots)  # noqa: E731
        self._cache = Cache(layer_class_to_replicate=make_layer)

    @property
    def device(self) -> torch.device:
        return self._device

    def reserve(self, slots: int, columns: int) -> tuple[int, int]:
        self._slots.size = slots, columns
        return slots, columns

    def copy(self, sources: Sequence[int], targets: Sequence[int], columns: int) -> None:
        into, of = (torch.tensor(list(slots), device=self._device) for slots in (targets, sources))
        for layer in self._cache.layers:
            assert isinstance(layer, _SlotLayer)
            layer.copy(of, into, columns)

    def run(self, passes: Sequence[Pass]) -> list[Tensor]:
        """The logits ``[n, keep, V]`` of each pass."""
        return [self._run(rows) for rows in passes]

    def _run(self, rows: Pass) -> Tensor:
        self._slots.rows = rows
        with masks_of_numbers(self._decoder.config):
            output = self._decoder(
                input_ids=rows.token_ids,
                attention_mask=self._masks(rows),
                position_ids=rows.positions,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=rows.keep,
            )
        return output.logits

    def logits(self, outcome: Tensor, block: Block) -> Tensor:
        return outcome[:, block.ids]

    def _masks(self, rows: Pass) -> Any:
        """What each kind of layer may see, as ``transformers`` takes it when it need not make it."""
        length = rows.token_ids.shape[1]
        columns = torch.arange(length, device=self._device)
        visible = (columns <= columns[:, None])[None, None] if rows.mask is None else rows.mask
        full = additive(visible, self._dtype)
        if self._window is None:
            return full
        # Rows that begin stand at the right end of their lines: what counts there is the distance between the columns.
        seen = torch.arange(visible.shape[-1], device=self._device)
        own = rows.positions[:, None, :, None] if rows.columns else columns[None, None, :, None]
        window = additive(visible & (own - seen < self._window), self._dtype)
        return {"full_attention": full, "sliding_attention": window} if self._by_layer else window


class _Slots:
    """What the layers of a memory share: its size, and the pass that they are run for."""

    size: tuple[int, int]
    rows: Pass


class _SlotLayer(DynamicLayer):
    """Keys and values ``[slots, C, heads, head size]`` of one layer."""

    def __init__(self, slots: _Slots) -> None:
        super().__init__()
        self._slots = slots
        self._memory: tuple[Tensor, ...] = ()

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Writes ``[n, heads, L, head size]`` where the pass says, and returns what its tokens attend to."""
        rows = self._slots.rows
        new = key_states.transpose(1, 2), value_states.transpose(1, 2)
        self._fit(new)
        places = torch.tensor(rows.places, device=key_states.device)
        for memory, states in zip(self._memory, new, strict=True):
            memory.flatten(0, 1).index_copy_(0, places, states.flatten(0, 1))
        if not rows.columns:
            return key_states, value_states
        keys, values = (memory[: len(key_states), : rows.columns].transpose(1, 2) for memory in self._memory)
        return keys, values

    def copy(self, sources: Tensor, targets: Tensor, columns: int) -> None:
        for memory in self._memory:
            part = memory[:, :columns]
            part[targets] = part[sources]

    def _fit(self, new: tuple[Tensor, Tensor]) -> None:
        """Makes the memory as large as is reserved."""
        if self._memory and self._memory[0].shape[:2] == self._slots.size:
            return
        old = self._memory or tuple(states.new_empty(0, 0, *states.shape[2:]) for states in new)
        self._memory = tuple(_resized(memory, *self._slots.size) for memory in old)


def check_layers(config: Any) -> None:
    """Raises ``InputError`` when a decoder has layers whose state is not keys and values."""
    strange = set(getattr(config, "layer_types", None) or ()) - ATTENTION_LAYERS
    if strange:
        raise InputError(f"a decoder with {', '.join(sorted(strange))} layers cannot be run: its rows cannot be padded")
    if "local" in (getattr(config, "attention_layers", None) or ()):  # GPT-Neo's, which counts columns as tokens
        raise InputError("a decoder with local attention of its own kind cannot be run: its rows cannot be padded")


@contextmanager
def masks_of_numbers(config: Any) -> Iterator[None]:
    """Attention that takes masks of numbers: flash attention knows only padding, flex attention masks of its own."""
    with _CHANGED:  # all threads share the config: none may read what another has changed
        chosen = config._attn_implementation
        if chosen not in ("sdpa", "eager"):
            config._attn_implementation = "sdpa"
            try:
                yield
            finally:
                config._attn_implementation = chosen
            return
    yield


def _resized(memory: Tensor, slots: int, columns: int) -> Tensor:
    """Zeros ``[*, slots, columns, heads, size]`` with ``memory``, which is smaller, in front."""
    fresh = memory.new_zeros(*memory.shape[:-4], slots, columns, *memory.shape[-2:])
    fresh[..., : memory.shape[-4], : memory.shape[-3], :, :] = memory
    return fresh
