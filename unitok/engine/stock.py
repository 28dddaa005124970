"""Whether a decoder is one whose forward pass is known, and whether its weights are still what they were."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

FAMILIES = {
    "transformers.models.qwen3.modeling_qwen3.Qwen3ForCausalLM": "Qwen3",
    "transformers.models.llama.modeling_llama.LlamaForCausalLM": "Llama",
}
PARTS = ("ForCausalLM", "Model", "DecoderLayer", "Attention", "MLP", "RMSNorm", "RotaryEmbedding")
COMMON_PARTS = (nn.Linear, nn.Embedding, nn.ModuleList, nn.SiLU)
STEADY_ROTATIONS = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary embedding whose frequencies do not depend on the length."""

ATTENTION = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")
"""Implementations that compute the same."""

LARGEST = 4 << 30
"""Bytes of weights that are copied. Of a larger decoder a copy costs more memory than the speed is worth."""

SAMPLED = 64
"""Numbers of each weight that are looked at."""


def reason_against(decoder: nn.Module) -> str | None:
    """Why :class:`~unitok.engine.fast_decoder.FastDecoder` does not fit a decoder; None if it does."""
    family = FAMILIES.get(_name(type(decoder)))
    if family is None:
        return f"{type(decoder).__name__} is of another family"
    return _unknown_module(decoder, family) or _unknown_config(decoder) or _unknown_weights(decoder)


def _unknown_module(decoder: nn.Module, family: str) -> str | None:
    home = type(decoder).__module__
    own = {f"{home}.{family}{part}" for part in PARTS}
    for name, module in decoder.named_modules():
        kind = type(module)
        is_activation = _name(kind) == "transformers.activations.SiLUActivation"
        if kind not in COMMON_PARTS and _name(kind) not in own and not is_activation:
            return f"{name} is a {kind.__name__}"
        if "forward" in module.__dict__ or module._forward_hooks or module._forward_pre_hooks:
            return f"{name or 'the decoder'} has a changed forward or a hook"
        if isinstance(module, nn.Linear) and module.bias is not None:
            return f"{name} has a bias"
    return None


def _unknown_config(decoder: Any) -> str | None:
    config, model = decoder.config, decoder.model
    rotary, attention = model.rotary_emb, model.layers[0].self_attn
    kinds = set(getattr(config, "layer_types", None) or ())
    unknown = {
        "hidden_act": config.hidden_act != "silu",
        "layer_types": not kinds <= {"full_attention"},
        "num_hidden_layers": config.num_hidden_layers != len(model.layers),
        "attention": config._attn_implementation not in ATTENTION,
        "rope_type": rotary.rope_type not in STEADY_ROTATIONS,
        "rotary size": 2 * rotary.inv_freq.numel() != attention.head_dim,
        "scaling": any(layer.self_attn.scaling != attention.head_dim**-0.5 for layer in model.layers),
        "rms_norm_eps": any(
            module.variance_epsilon != config.rms_norm_eps
            for module in decoder.modules()
            if hasattr(module, "variance_epsilon")
        ),
        "training mode": decoder.training,
    }
    return next((f"its {name} is another" for name, is_unknown in unknown.items() if is_unknown), None)


def _unknown_weights(decoder: nn.Module) -> str | None:
    weights = list(decoder.parameters())
    device, dtype = weights[0].device, weights[0].dtype
    if device.type not in ("cpu", "cuda"):
        return f"it is on {device.type}"
    if dtype not in (torch.float32, torch.bfloat16):
        return f"its weights are {dtype}"
    if any(type(one.data) is not Tensor or one.dtype != dtype or one.device != device for one in weights):
        return "its weights are of several kinds or on several devices"
    size = sum(one.numel() * one.element_size() for one in weights)
    return f"its weights have {size} bytes" if size > LARGEST else None


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class WeightWatch:
    """Tells whether a module has changed since the watch was made: its parts, its hooks, or its weights in place.

    A weight that is written to is told by its version. What writes around that counter (``weight.data``, as merging an
    adapter does) is told by some numbers of each weight.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._parts = self._look()
        self._samples: dict[torch.device, list[Tensor]] = {}
        for weight in module.parameters():
            if not weight.is_meta:  # of a decoder whose weights lie on a disk
                flat = weight.detach().flatten()
                self._samples.setdefault(weight.device, []).append(flat[:: max(flat.numel() // SAMPLED, 1)])
        self._numbers = self._sampled()

    def has_changed(self) -> bool:
        return self._look() != self._parts or not all(map(torch.equal, self._sampled(), self._numbers))

    def _sampled(self) -> list[Tensor]:
        """What is looked at, of each device."""
        return [torch.cat(samples) for samples in self._samples.values()]

    def _look(self) -> list[Any]:
        parts: list[Any] = [self._module.training]
        for module in self._module.modules():
            hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
            parts.append((id(module), type(module), "forward" in module.__dict__, hooks))
        parts += [
            (weight.data_ptr(), weight.dtype, 0 if weight.is_inference() else weight._version)
            for weight in self._module.parameters()
        ]
        return parts
