"""Chameleon's decoder alone, with the logits of images.

``ChameleonForConditionalGeneration`` of `transformers` also holds the image tokenizer, and overwrites the logits of
all image tokens inside ``forward``, so that it can neither draw nor learn to. Importing this module makes
``AutoModelForCausalLM`` read decoder folders of this kind.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, ChameleonConfig, ChameleonModel, GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.models.chameleon.modeling_chameleon import ChameleonPreTrainedModel


class ChameleonDecoder(ChameleonPreTrainedModel, GenerationMixin):
    """A causal LM over Chameleon's vocabulary: the backbone of `transformers`, and its head."""

    _tied_weights_keys: ClassVar = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: ChameleonConfig) -> None:
        super().__init__(config)
        self.model = ChameleonModel(config)
        del self.model.vqmodel  # the image tokenizer is a component of its own
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast | tuple[Any, ...]:
        """As of every causal LM of `transformers`; ids int64 ``[B, S]`` to logits ``[B, S, V]``."""
        as_dict = kwargs.pop("return_dict", None)
        output = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            return_dict=True,
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(output.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        result = CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )
        return result.to_tuple() if as_dict is False else result


def decoder_config(values: dict[str, Any], dtype: torch.dtype | None = None) -> ChameleonConfig:
    """The configuration of a decoder folder, of a released model's."""
    return ChameleonConfig(
        **{**values, "architectures": [ChameleonDecoder.__name__], "dtype": dtype or values.get("dtype")}
    )


# `exist_ok`, since without it a config of transformers is left to transformers, which has no causal LM for it.
AutoModelForCausalLM.register(ChameleonConfig, ChameleonDecoder, exist_ok=True)
