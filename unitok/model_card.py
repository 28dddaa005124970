"""The model card of a checkpoint, written from what the checkpoint is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from huggingface_hub import ModelCard, ModelCardData

from unitok.processor import Processor
from unitok.vocabulary_manifest import NO_ID
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.spec import CodebookSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TEMPLATE: Final = """---
{{ card_data }}
---

# {{ name }}

A unitok checkpoint: one decoder over one vocabulary reads {{ reads }} and writes {{ writes }}.

| part | what |
|---|---|
{% for part, what in parts.items() -%}
| {{ part }} | {{ what }} |
{% endfor %}
```python
from unitok import Document, UniTok

model = UniTok.from_pretrained("{{ name }}")
answer = model.generate(Document.user("..."), modality="auto")[0]
```
{% if figures %}
## Figures

{{ figures }}
{% endif %}"""


def model_card(
    processor: Processor, decoder: PreTrainedModel, name: str, evaluation: str | Path | None = None
) -> ModelCard:
    """The card.

    Args:
        processor: The tokenizers, the detokenizers and the vocabulary.
        decoder: The decoder.
        name: What the model is called, such as its name on the Hub.
        evaluation: The ``evaluation.md`` that `python -m unitok.evaluate` saved, which is then shown.

    Raises:
        InputError: ``evaluation`` cannot be read.
    """
    vocabulary = processor.vocabulary
    text = int((vocabulary.text_ids != NO_ID).sum())
    kinds = {"images": "image", "sounds": "audio"}
    reads = ["text", *(name for name, kind in kinds.items() if getattr(processor, f"{kind}_tokenizer") is not None)]
    writes = ["text", *(name for name, kind in kinds.items() if getattr(processor, f"{kind}_detokenizer") is not None)]
    size = sum(parameter.numel() for parameter in decoder.parameters())
    config: Any = decoder.config
    parts = {
        "vocabulary": f"{vocabulary.size:,} ids, {text:,} of them text",
        **{
            f"{one} codes": f"{spec.num_codebooks} x {spec.codebook_size:,}, for {_rate(spec)}"
            for one, spec in vocabulary.specs.items()
        },
        "decoder": f"{config.model_type}, {config.num_hidden_layers} layers x {config.hidden_size}, {size / 1e6:.1f}M "
        f"parameters{_context(config)}",
    }
    if processor.image_size:
        parts["pictures"] = f"{processor.image_size} x {processor.image_size} pixels"
    modalities = [kind for kind in kinds.values() if kind == "image" or kind in vocabulary.specs]
    for one in (f"{kind}_{end}" for kind in modalities for end in ("tokenizer", "detokenizer")):
        part = getattr(processor, one)
        parts[one.replace("_", " ")] = type(part).__name__ if part is not None else "none"
    data = ModelCardData(library_name="unitok", tags=["any-to-any", "discrete-tokens"], pipeline_tag="any-to-any")
    try:
        figures = Path(evaluation).read_text(encoding="utf-8").strip() if evaluation is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{evaluation} cannot be read: {error}") from None
    return ModelCard.from_template(
        data,
        template_str=TEMPLATE,
        name=name,
        reads=_joined(reads),
        writes=_joined(writes),
        parts=parts,
        figures=figures,
    )


def _context(config: Any) -> str:
    context = getattr(config, "max_position_embeddings", None)
    return "" if context is None else f", context of {context:,} ids"


def _rate(spec: CodebookSpec) -> str:
    """What one set of codes stands for."""
    if spec.modality == "audio":
        return f"frames of {spec.hop_length} samples at {spec.sample_rate} Hz"
    return f"cells of {spec.downsample} pixels"


def _joined(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
