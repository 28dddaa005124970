"""Building the decoder: a stock `transformers` causal LM from a config, on one device or sharded (FSDP2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MethodType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.nn.functional import linear
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.utils.quantization_config import QuantizationConfigMixin

from unitok.bases import find_folder
from unitok.decoder_folder import load_for_vocabulary, no_progress_bars, refuse_scaled_logits
from unitok.training.exports import replaced
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

DEFAULT_MODEL_TYPE = "qwen3"

Result = TypeVar("Result")


def load_vocabulary(path: str | Path) -> Vocabulary:
    """A vocabulary from its manifest, a folder with `vocabulary.json`, or a shipped checkpoint's name."""
    return Vocabulary.load(path if Path(path).is_file() else find_folder(path) / "vocabulary.json")


def tokenizers_of(path: str | Path) -> Path | None:
    """The folder whose tokenizers go with a vocabulary, as for `load_vocabulary`; None for a manifest alone."""
    return None if Path(path).is_file() else find_folder(path)


def decoder_config(settings: Mapping[str, Any], vocabulary: Vocabulary) -> PretrainedConfig:
    """The config of a decoder over a vocabulary.

    Args:
        settings: `model_type` (default qwen3) and that architecture's own settings.
        vocabulary: gives `vocab_size` and the ids of `<bos>` and `<eos>`.

    Raises:
        InputError: an unknown architecture or setting.
    """
    settings = dict(settings)
    model_type = settings.pop("model_type", DEFAULT_MODEL_TYPE)
    try:
        known = AutoConfig.for_model(model_type)
    except ValueError as error:
        raise InputError(f"decoder.model_type {model_type!r} is not an architecture of transformers") from error
    for key in settings:
        if not hasattr(known, key):
            raise InputError(f"decoder.{key} is not a setting of {model_type}; check its spelling")
    ids = {"vocab_size": vocabulary.size, "bos_token_id": vocabulary.bos, "eos_token_id": vocabulary.eos}
    try:
        return AutoConfig.for_model(model_type, **{"use_cache": False, **settings, **ids})
    except (TypeError, ValueError) as error:
        raise InputError(f"decoder settings do not fit {model_type}: {' '.join(str(error).split())}") from error


def build_decoder(config: PretrainedConfig, attn_implementation: str) -> PreTrainedModel:
    """A causal LM with random weights, on the current default device."""
    refuse_scaled_logits(config)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attn_implementation)


def pretrained_decoder(
    folder: str | Path,
    vocabulary: Vocabulary,
    attn_implementation: str,
    quantization: QuantizationConfigMixin | None = None,
) -> PreTrainedModel:
    """A pretrained causal LM with rows for the whole vocabulary, in fp32 but for layers that are quantized.

    Raises:
        InputError: As for `load_for_vocabulary`, or its logits are not those of its head.
    """
    model = load_for_vocabulary(folder, vocabulary, torch.float32, attn_implementation, quantization).train()
    refuse_scaled_logits(model.config)
    model.config.use_cache = False
    return model


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """The layers of a decoder.

    Raises:
        InputError: Its architecture calls them something else.
    """
    layers = getattr(model.get_decoder(), "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise InputError(
            f"model.compile, model.freeze.layers and sharding do not know the layers of model_type "
            f"{model.config.model_type}; leave them out"
        )
    return layers


def shard_decoder(model: PreTrainedModel, mesh: DeviceMesh, compute_dtype: torch.dtype) -> None:
    """Shard with FSDP2, in place: each layer alone, then the rest of the backbone, then the head.

    The head is a root of its own because the loss calls backbone and head one after the other.
    """
    if model.config.tie_word_embeddings:
        raise InputError("sharding needs decoder.tie_word_embeddings: false")
    policy = MixedPrecisionPolicy(param_dtype=compute_dtype, reduce_dtype=torch.float32)
    backbone: Any = model.get_decoder()
    head: Any = model.get_output_embeddings()
    for layer in decoder_layers(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(backbone, mesh=mesh, mp_policy=policy)
    fully_shard(head, mesh=mesh, mp_policy=policy, reshard_after_forward=False)  # the backward pass begins with it
    # Every forward pass of a sharded module reduces its gradients once, together with all ranks'. These have different
    # numbers of chunks of logits, so all chunks have to be one forward pass, or ranks would wait for ever.
    head.use = MethodType(_use_head, head)
    register_fsdp_forward_method(head, "use")


def _use_head(head: Any, hidden: Tensor, compute: Callable[..., Result]) -> Result:
    return compute(hidden, head=lambda some: linear(some, head.weight, head.bias))


def with_head(model: PreTrainedModel, hidden: Tensor, compute: Callable[..., Result]) -> Result:
    """What is computed from hidden states and the head, which may be called any number of times.

    Args:
        model: the decoder, sharded or not.
        hidden: [..., D], the backbone's output.
        compute: gets ``hidden`` and, as ``head``, what maps [n, D] to logits [n, V]; returns tensors.
    """
    head: Any = model.get_output_embeddings()
    is_sharded = isinstance(head, FSDPModule)
    return head.use(hidden, compute) if is_sharded else compute(hidden, head=head)  # pyright: ignore[reportAttributeAccessIssue]


def materialize(model: PreTrainedModel, device: torch.device) -> None:
    """Give a model that was built on the meta device memory and random weights, in place."""
    model.to_empty(device=device)
    for module in model.modules():
        for flagged in (module, *module.parameters(recurse=False), *module.buffers(recurse=False)):
            if hasattr(flagged, "_is_hf_initialized"):
                delattr(flagged, "_is_hf_initialized")
    model.init_weights()


def export_decoder(
    model: PreTrainedModel,
    folder: str | Path,
    vocabulary: Vocabulary,
    *,
    state_dict: Mapping[str, Tensor] | None = None,
    dtype: torch.dtype | None = None,
    max_shard_size: str = "15MB",
) -> None:
    """Save a decoder as `transformers` does (config.json, safetensors), in place of an older export (`replaced`)."""
    weights = model.state_dict() if state_dict is None else state_dict
    if dtype is not None:
        weights = {name: w.to(dtype) if w.is_floating_point() else w for name, w in weights.items()}
    if model.config.tie_word_embeddings:
        weights = {name: w for name, w in weights.items() if not name.startswith("lm_head.")}
    if (generation := model.generation_config) is not None:
        generation.bos_token_id, generation.pad_token_id = vocabulary.bos, vocabulary.pad
        generation.eos_token_id = [vocabulary.eot, vocabulary.eos]  # type: ignore[assignment]
    with replaced(folder) as work, no_progress_bars():
        model.save_pretrained(work, state_dict=dict(weights), max_shard_size=max_shard_size)
        config = json.loads((work / "config.json").read_text())
        config["use_cache"] = True  # off only while training
        if dtype is not None:
            config["dtype"] = str(dtype).removeprefix("torch.")
        (work / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def embedding_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """The input embedding and, where it is apart, the head: matrices, but not hidden ones; each once."""
    modules = (model.get_input_embeddings(), model.get_output_embeddings())
    both = (p for module in modules if module is not None for p in module.parameters())
    return list({id(p): p for p in both}.values())
