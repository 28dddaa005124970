"""From a language model to a multimodal one: new rows, frozen parts, LoRA."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from PIL import Image as PILImage
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GemmaConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen3Config,
    Qwen3MoeConfig,
)

from unitok import assemble, assembly, checkpoint, generate, train
from unitok.checkpoint import Checkpoint
from unitok.data.datamodules import TokenCacheDataModule
from unitok.data.token_cache import TokenCacheWriter, vocabulary_hash
from unitok.decoder_folder import load_decoder, load_for_vocabulary, merge_adapter
from unitok.document import Document, Image, Text, Turn
from unitok.engine.sampling import Sampling
from unitok.model import UniTok
from unitok.processor import Processor
from unitok.terminal import run
from unitok.training.callbacks import ExportDecoder
from unitok.training.decoder import DecoderModule
from unitok.training.finetuning import FreezeConfig, LoraConfig
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok_tokenizers.errors import InputError

CONFIGS = Path(__file__).parents[2] / "configs" / "decoder"
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
}
LANGUAGE_MODELS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=False),
    "qwen3": Qwen3Config(**SIZES, tie_word_embeddings=True),
    "qwen3 moe": Qwen3MoeConfig(**SIZES, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16),
    "gemma": GemmaConfig(**SIZES),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
}
SCALED = {
    "gemma2": Gemma2Config(**SIZES, final_logit_softcapping=30.0),
    "granite": GraniteConfig(**SIZES, logits_scaling=2.0),
}
"""Their logits are more than what the head makes of hidden states, which the loss relies on."""


@pytest.fixture
def make_language_model(tiny_processor: Processor, tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a language model that has the processor's text tokenizer, and a few rows more."""

    def make(name: str = "llama") -> Path:
        torch.manual_seed(0)
        config = {**LANGUAGE_MODELS, **SCALED}[name]
        config.vocab_size = tiny_processor.vocabulary.text_size + 4
        config.pad_token_id = None
        folder = tmp_path / name
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tiny_processor.text_tokenizer.save_pretrained(folder)  # pyright: ignore[reportAttributeAccessIssue]
        return folder

    return make


@pytest.fixture
def make_module(tiny_processor: Processor, tmp_path: Path) -> Callable[..., DecoderModule]:
    def make(**options: object) -> DecoderModule:
        torch.manual_seed(0)
        tiny_processor.vocabulary.save(tmp_path / "vocabulary.json")
        optimizer = OptimizerConfig(lr=1e-2, weight_decay=0.1)
        schedule = ScheduleConfig("constant", warmup_steps=1, total_steps=3)
        settings: dict = {"optimizer": optimizer, "schedule": schedule, **options}
        module = DecoderModule(str(tmp_path / "vocabulary.json"), **settings)
        module.configure_model()
        return module

    return make


@pytest.mark.parametrize("name", SCALED)
def test_a_language_model_with_scaled_logits_is_refused(
    make_language_model: Callable[..., Path], make_module: Callable[..., DecoderModule], name: str
) -> None:
    with pytest.raises(InputError, match="logit"):
        make_module(init_from=str(make_language_model(name)), attn_implementation="eager")


@pytest.fixture
def fit(tiny_processor: Processor, tmp_path: Path) -> Callable[[DecoderModule], Path]:
    """Trains for three steps on pictures and words; returns what is exported."""

    def fit(module: DecoderModule) -> Path:
        v, cache, export = tiny_processor.vocabulary, tmp_path / "cache", tmp_path / "export"
        with TokenCacheWriter(cache, v.size, vocabulary_hash(v)) as writer:
            for number in range(16):
                answer = Text("two stars") if number % 2 else Image(codes=torch.randint(16, (1, 4, 4)))
                turns = Turn((Text("draw two green stars"),), "user"), Turn((answer,), "assistant")
                ids = tiny_processor.encode(Document(turns))
                writer.add(ids.numpy(), tiny_processor.targets(ids).numpy())
            writer.finish()
        trainer = L.Trainer(
            accelerator="cpu",
            max_steps=3,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
            callbacks=[ExportDecoder(str(export))],
        )
        trainer.fit(module, TokenCacheDataModule([str(cache)], row_length=64, batch_rows=4))
        return export

    return fit


def rows(decoder: PreTrainedModel) -> list[torch.Tensor]:
    """Copies of the embedding's and the head's rows."""
    modules: list[Any] = [decoder.get_input_embeddings(), decoder.get_output_embeddings()]
    return [module.weight.detach().clone() for module in modules]


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_a_language_model_says_the_same_of_text_before_training(
    name: str, make_language_model: Callable[..., Path], tiny_processor: Processor
) -> None:
    vocabulary, folder = tiny_processor.vocabulary, make_language_model(name)
    size = vocabulary.text_size
    before, after = load_decoder(folder), load_for_vocabulary(folder, vocabulary)
    ids = torch.randint(size, (2, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(after(ids).logits[..., :size], before(ids).logits[..., :size])
    assert after.config.vocab_size == vocabulary.size
    for old, new in zip(rows(before), rows(after), strict=True):
        assert torch.equal(new[:size], old[:size])
        mean, spread = old[:size].mean(0), old[:size].std(0)
        assert float(((new[size:] - mean) / spread).std()) == pytest.approx(0.1, rel=0.1)
    again = load_for_vocabulary(folder, vocabulary)
    assert all(torch.equal(a, b) for a, b in zip(rows(after), rows(again), strict=True))


def test_only_a_language_model_with_the_vocabularys_own_tokenizer_is_extended(
    make_language_model: Callable[..., Path], tiny_processor: Processor
) -> None:
    folder = make_language_model()
    with pytest.raises(InputError, match="--text-tokenizer"):
        other = checkpoint.Vocabulary(1000, [tiny_processor.vocabulary.spec("image")])
        load_for_vocabulary(folder, other)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(InputError, match="train on this vocabulary"):
        load_for_vocabulary(folder, tiny_processor.vocabulary)


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_what_is_frozen_stays_as_it_is(
    name: str,
    make_language_model: Callable[..., Path],
    make_module: Callable[..., DecoderModule],
    fit: Callable[[DecoderModule], Path],
    tiny_processor: Processor,
) -> None:
    """The alignment stage: nothing but the rows of new tokens is trained."""
    module = make_module(init_from=str(make_language_model(name)), freeze=FreezeConfig(text_rows=True, layers=["all"]))
    size = tiny_processor.vocabulary.text_size
    before = {key: value.clone() for key, value in module.decoder.state_dict().items()}
    fit(module)
    for key, value in module.decoder.state_dict().items():
        if "embed_tokens" in key or "lm_head" in key:
            assert torch.equal(value[:size], before[key][:size])
            assert not torch.equal(value[size:], before[key][size:])
        else:
            assert torch.equal(value, before[key]), key


def test_layers_are_frozen_by_range_and_embeddings_learn_at_their_own_rate(
    make_language_model: Callable[..., Path], make_module: Callable[..., DecoderModule]
) -> None:
    optimizer = OptimizerConfig(lr=1e-2, embedding_lr=3e-2)
    folder = str(make_language_model())
    module = make_module(init_from=folder, freeze=FreezeConfig(layers=[0, "1"]), optimizer=optimizer)
    backbone: Any = module.decoder.get_decoder()
    assert [all(p.requires_grad for p in layer.parameters()) for layer in backbone.layers] == [False, False, True]
    groups = module.configure_optimizers()["optimizer"].param_groups
    assert [group["initial_lr"] for group in groups] == [3e-2, 1e-2, 1e-2]
    assert {p.shape[0] for p in groups[0]["params"]} == {module.vocabulary.size}
    for wrong in ("3", "1-0", "some"):
        with pytest.raises(InputError, match=f"freeze.layers: '{wrong}'"):
            make_module(init_from=folder, freeze=FreezeConfig(layers=[wrong]))


def test_muon_trains_adapters_alone(
    make_language_model: Callable[..., Path],
    make_module: Callable[..., DecoderModule],
    fit: Callable[[DecoderModule], Path],
) -> None:
    """Nothing is left for its AdamW."""
    optimizer = OptimizerConfig(name="muon", lr=1e-2)
    folder = str(make_language_model())
    module = make_module(init_from=folder, lora=LoraConfig(rank=4, rows=False), optimizer=optimizer)
    weights = load_file(fit(module) / "adapter_model.safetensors")
    assert all(weight.abs().max() > 0 for name, weight in weights.items() if "lora_B" in name)


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_adapters_and_new_rows_are_trained_saved_and_merged(
    name: str,
    make_language_model: Callable[..., Path],
    make_module: Callable[..., DecoderModule],
    fit: Callable[[DecoderModule], Path],
    tiny_processor: Processor,
    tmp_path: Path,
) -> None:
    language_model, vocabulary = make_language_model(name), tiny_processor.vocabulary
    module = make_module(init_from=str(language_model), lora=LoraConfig(rank=4))
    start = load_for_vocabulary(language_model, vocabulary)
    adapter = fit(module)
    module.eval()
    ids = torch.randint(vocabulary.size, (2, 12), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        unmerged = module.decoder(ids).logits
        assert not torch.allclose(unmerged, start(ids).logits, atol=1e-3)
    trained = dict(module.decoder.named_parameters())
    for key, value in start.named_parameters():
        places = [n for n in trained if n.replace(".base_layer", "").replace(".token_adapter", "") == key]
        assert len(places) == 1 and torch.equal(trained[places[0]], value), key  # the base is as it was
    merged = merge_adapter(load_for_vocabulary(language_model, vocabulary), adapter)
    assert type(merged) is type(start)
    with torch.no_grad():
        torch.testing.assert_close(merged(ids).logits, unmerged, atol=1e-4, rtol=1e-4)
    size = vocabulary.text_size
    for old, new in zip(rows(start), rows(merged), strict=True):
        assert torch.equal(new[:size], old[:size])
        assert not torch.isclose(new[size:], old[size:]).all(dim=1).any()

    module.export(tmp_path / "half", torch.bfloat16)
    halves = load_file(tmp_path / "half" / "adapter_model.safetensors")
    assert {value.dtype for value in halves.values()} == {torch.bfloat16}

    # The same through checkpoints: a start, the adapter on it, and the merged whole.
    base, whole = tmp_path / "base", tmp_path / "start"
    checkpoint.save(Checkpoint(tiny_processor, None, Sampling()), base)
    assembly.make_checkpoint(base, language_model, whole, Sampling())
    model = UniTok.from_pretrained(whole, adapter=adapter)
    with torch.no_grad():
        torch.testing.assert_close(model.decoder(ids).logits, unmerged, atol=1e-4, rtol=1e-4)
    model.save_pretrained(tmp_path / "merged")
    again = UniTok.from_pretrained(tmp_path / "merged")
    with torch.no_grad():
        torch.testing.assert_close(again.decoder(ids).logits, model.decoder(ids).logits)
    answer = again.generate(Document.user("a red star"), modality="image")[0]
    assert answer.turns[-1].images[0].image is not None


def test_a_run_may_export_the_merged_whole(
    make_language_model: Callable[..., Path],
    make_module: Callable[..., DecoderModule],
    fit: Callable[[DecoderModule], Path],
    tiny_processor: Processor,
) -> None:
    language_model, vocabulary = make_language_model("qwen3"), tiny_processor.vocabulary
    module = make_module(init_from=str(language_model), lora=LoraConfig(rank=4, merge=True))
    whole = load_decoder(fit(module))
    ids = torch.randint(vocabulary.size, (2, 12), generator=torch.Generator().manual_seed(1))
    module.eval()
    with torch.no_grad():
        start = load_for_vocabulary(language_model, vocabulary)(ids).logits
        torch.testing.assert_close(whole(ids).logits, module.decoder(ids).logits, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(whole(ids).logits, start, atol=1e-3)


def test_the_configs_make_a_language_model_draw(
    make_language_model: Callable[..., Path],
    tiny_processor: Processor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The commands of docs/FINETUNING.md, with fewer steps and shorter rows."""
    language_model = str(make_language_model())
    monkeypatch.chdir(tmp_path)
    for name in ("image_tokenizer", "image_detokenizer"):
        getattr(tiny_processor, name).save_pretrained(f"codec/{name}")
    Path("data").mkdir()
    PILImage.new("RGB", (16, 16), "red").save("data/red.png")
    picture = {"type": "image", "path": "red.png"}
    messages = [{"role": "user", "content": "red"}, {"role": "assistant", "content": [picture]}]
    for name in ("train", "val"):
        Path(f"data/{name}.jsonl").write_text(f"{json.dumps(messages)}\n" * 4)
    codec = ["--image-codec", "codec", "--text-tokenizer", language_model, "--image-size", "16"]
    assert assemble.main(["base", *codec, "--output", "runs/base/llm"]) == 0
    start = ["--decoder", language_model, "--output", "runs/start"]
    assert assemble.main(["checkpoint", "--base", "runs/base/llm", *start]) == 0
    short = ["--trainer.max_steps", "2", "--trainer.limit_val_batches", "0", "--data.init_args.row_length", "64"]
    short += [
        "--data.init_args.num_workers",
        "0",
        "--data.init_args.batch_rows",
        "1",
        "--trainer.accelerator",
        "cpu",
        "--trainer.logger",
        "false",
    ]
    for name in ("llm_stage1", "llm_stage2", "lora"):
        assert run(train.command, ["fit", "--config", str(CONFIGS / f"{name}.yaml"), *short]) == 0
    end = ["--decoder", "runs/decoder/llm_stage2/export", "--output", "runs/model"]
    assert assemble.main(["checkpoint", "--base", "runs/base/llm", *end]) == 0
    capsys.readouterr()
    for options in (["--model", "runs/model"], ["--model", "runs/start", "--adapter", "runs/decoder/lora/export"]):
        assert generate.main([*options, "--prompt", "red", "--modality", "image"]) == 0
        assert Path(capsys.readouterr().out.strip()).is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lora": LoraConfig()}, "init_from"),
        ({"freeze": FreezeConfig()}, "init_from"),
        ({"lora": LoraConfig(), "freeze": FreezeConfig(), "init_from": "x"}, "leave out model.freeze"),
        ({"lora": LoraConfig(targets=["no_such_layer"])}, "no_such_layer"),
    ],
)
def test_a_mistake_is_named(
    options: dict,
    message: str,
    make_language_model: Callable[..., Path],
    make_module: Callable[..., DecoderModule],
) -> None:
    if message == "no_such_layer":
        options = {**options, "init_from": str(make_language_model())}
    with pytest.raises(InputError, match=message):
        make_module(**options)


def test_a_folder_without_an_adapter_is_named(
    make_language_model: Callable[..., Path], tiny_model: UniTok, tmp_path: Path
) -> None:
    tiny_model.save_pretrained(tmp_path / "model")
    with pytest.raises(InputError, match=r"adapter_config\.json"):
        UniTok.from_pretrained(tmp_path / "model", adapter=tmp_path)
