"""Every shipped YAML is read and built; the large decoders on the meta device."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoConfig

from unitok import checkpoint
from unitok.assemble import build_parser
from unitok.bases import find_folder, load_processor
from unitok.decoder_folder import load_for_vocabulary
from unitok.engine.sampling import Sampling
from unitok.training.backbone import embedding_parameters
from unitok.training.decoder import DecoderModule
from unitok.training.finetuning import FreezeConfig
from unitok.training.loss import LossConfig
from unitok.training.optimizers import OptimizerConfig, ScheduleConfig
from unitok.training.preferences import PreferenceConfig, PreferenceModule
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.image import ImageTokenizer
from unitok_tokenizers.spec import CodebookSpec

CONFIGS = Path(__file__).parents[2] / "configs" / "decoder"
NAMES = (
    "smoke",
    "tiny",
    "tiny_refit",
    "tiny_further",
    "tiny_preferences",
    "1b",
    "7b",
    "frozen_audio",
    "llm_stage1",
    "llm_stage2",
    "lora",
)


def read(name: str) -> tuple[str, dict[str, Any]]:
    text = (CONFIGS / f"{name}.yaml").read_text()
    return text, yaml.safe_load(text)


def build(config: dict[str, Any], vocabulary: Vocabulary, folder: Path) -> DecoderModule:
    vocabulary.save(folder / "vocabulary.json")
    options = dict(config["model"]["init_args"], vocabulary=str(folder), compile=False)
    kinds = {"loss": LossConfig, "optimizer": OptimizerConfig, "schedule": ScheduleConfig}
    options.pop("codes_from", None)
    options.update({key: kind(**options[key]) for key, kind in kinds.items() if key in options})
    module = DecoderModule(**options)
    with torch.device("meta"):
        module.configure_model()
    return module


def test_every_config_is_tested() -> None:
    assert sorted(path.stem for path in CONFIGS.glob("*.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", ["1b", "7b"])
def test_a_large_decoder_has_the_size_that_its_comment_says(name: str, tmp_path: Path) -> None:
    text, config = read(name)
    sizes = re.search(r"vocabulary of ([\d,]+) ids \(([\d,]+) of text.* ([\d,]+) image codes\)", text)
    stated = re.search(r"^#   ([\d,]{10,})$", text, re.M)
    assert sizes and stated
    total, words, codes = (int(group.replace(",", "")) for group in sizes.groups())
    vocabulary = Vocabulary(words, [CodebookSpec("image", codes, downsample=16)])
    assert vocabulary.size == total
    module = build(config, vocabulary, tmp_path)
    parameters = list(module.decoder.parameters())
    assert all(p.is_meta for p in parameters)
    count = sum(p.numel() for p in parameters)
    assert count == int(stated[1].replace(",", ""))
    state = re.search(r"16 bytes a parameter, ([\d.]+) GB over all devices, so\n#   ([\d.]+) GB on each of (\d+)", text)
    assert state
    trainer = config["trainer"]
    devices = trainer["devices"] * trainer["num_nodes"]
    assert devices == int(state[3]) == trainer["strategy"]["init_args"]["data_parallel_size"]
    assert float(state[1]) == pytest.approx(count * 16 / 1e9, rel=0.01)
    assert float(state[2]) == pytest.approx(count * 16 / 1e9 / devices, abs=0.06)


@pytest.mark.parametrize("name", ["smoke", "tiny"])
def test_a_small_decoder_is_built(name: str, tmp_path: Path) -> None:
    _, config = read(name)
    module = build(config, Vocabulary(1024, [CodebookSpec("image", 2048, downsample=8)]), tmp_path)
    settings = config["model"]["init_args"]["decoder"]
    assert module.decoder.config.num_hidden_layers == settings["num_hidden_layers"]
    assert module.decoder.config.max_position_embeddings >= config["data"]["init_args"]["row_length"]


def test_a_decoder_over_a_frozen_codec_holds_a_row_of_its_sounds(tmp_path: Path) -> None:
    text, config = read("frozen_audio")
    mimi = CodebookSpec("audio", 2048, 8, sample_rate=24_000, hop_length=1920)  # as kyutai/mimi with 8 codebooks
    vocabulary = Vocabulary(1024, [CodebookSpec("image", 2048, 2, downsample=10), mimi])
    module = build(config, vocabulary, tmp_path)
    data = config["data"]["init_args"]
    assert module.decoder.config.max_position_embeddings >= data["row_length"] > 20 * 100
    assert data["checkpoint"] == config["model"]["init_args"]["vocabulary"] and data["checkpoint"] in text
    build_parser().parse_args(shlex.split(commands(text)[0])[3:])  # of `python -m unitok.assemble`
    assert [kind for kind in ("kyutai/mimi", "facebook/encodec", "descript/dac") if kind not in text] == []


def commands(comment: str) -> list[str]:
    """Those of a configuration's head, each on one line."""
    lines = [line.removeprefix("#") for line in comment.splitlines() if line.startswith("#")]
    joined = "\n".join(lines).replace("\n     ", " ")
    return [line.strip() for line in joined.splitlines() if line.strip().startswith("python -m")]


def test_tiny_is_built_as_configured(tmp_path: Path) -> None:
    """From the codecs and the vocabulary that ship; it has the shape of the decoder that ships."""
    _, config = read("tiny")
    options = dict(config["model"]["init_args"], vocabulary="tiny", codes_from=str(find_folder("tiny")), compile=False)
    kinds = {"loss": LossConfig, "optimizer": OptimizerConfig, "schedule": ScheduleConfig}
    options.update({key: kind(**options[key]) for key, kind in kinds.items()})
    module = DecoderModule(**options)
    module.configure_model()
    shipped = AutoConfig.from_pretrained(find_folder("tiny") / "decoder")
    for name in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"):
        assert getattr(module.decoder.config, name) == getattr(shipped, name)
    assert set(module.vocabulary.specs) == {"image", "audio"}
    for table in embedding_parameters(module.decoder):
        assert len(table) == module.vocabulary.size and bool(table.isfinite().all())


@pytest.mark.parametrize(("name", "kind"), [("tiny_further", DecoderModule), ("tiny_preferences", PreferenceModule)])
def test_what_ships_learns_further_with_all_its_weights(name: str, kind: type[DecoderModule]) -> None:
    _, config = read(name)
    assert config["model"]["class_path"] == f"{kind.__module__}.{kind.__name__}"
    options = dict(config["model"]["init_args"], vocabulary="tiny", init_from="tiny", compile=False)
    kinds = {"loss": LossConfig, "optimizer": OptimizerConfig, "schedule": ScheduleConfig}
    kinds["preference"] = PreferenceConfig
    options.update({key: made(**options[key]) for key, made in kinds.items() if key in options})
    module = kind(**options)
    module.configure_model()
    shipped = load_for_vocabulary(find_folder("tiny") / "decoder", module.vocabulary)
    for name, parameter in module.decoder.named_parameters():
        assert parameter.requires_grad and torch.equal(parameter, shipped.get_parameter(name))


def test_tiny_refit_trains_the_rows_of_moved_codes_alone(tmp_path: Path) -> None:
    processor = load_processor(find_folder("tiny"), detokenizers=True)
    assert isinstance(processor.image_tokenizer, ImageTokenizer)
    vectors = processor.image_tokenizer.codebook.vectors
    vectors[1, 40] = torch.nn.functional.normalize(vectors[1, 41] + 0.01, dim=-1)
    checkpoint.save(checkpoint.Checkpoint(processor, None, Sampling()), tmp_path / "base")
    _, config = read("tiny_refit")
    options = dict(config["model"]["init_args"], vocabulary=str(tmp_path / "base"), compile=False)
    kinds = {"loss": LossConfig, "optimizer": OptimizerConfig, "schedule": ScheduleConfig, "freeze": FreezeConfig}
    options.update({key: kind(**options[key]) for key, kind in kinds.items()})
    module = DecoderModule(**options)
    module.configure_model()
    ids = torch.arange(module.vocabulary.size - 200, module.vocabulary.size)[None]
    module.decoder(ids, labels=ids).loss.backward()
    trained = [parameter for parameter in module.decoder.parameters() if parameter.grad is not None]
    assert [id(one) for one in trained] == [id(one) for one in embedding_parameters(module.decoder)]
    moved = int(module.vocabulary.block_ids("image", 1)[40])
    for table in trained:
        assert table.grad is not None and table.grad.abs().sum(1).nonzero().flatten().tolist() == [moved]
