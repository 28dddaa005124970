from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from unitok import checkpoint, decoder_folder
from unitok.checkpoint import Checkpoint, load, save, verify
from unitok.engine import Sampling
from unitok.processor import Processor
from unitok_tokenizers.errors import InputError

SAMPLING = Sampling(guidance_scale=2.5, max_tokens=77)


@pytest.fixture()
def parts(tiny_processor: Processor, tiny_decoder: PreTrainedModel) -> Checkpoint:
    return Checkpoint(tiny_processor, tiny_decoder, SAMPLING)


@pytest.fixture()
def folder(parts: Checkpoint, tmp_path: Path) -> Path:
    save(parts, tmp_path / "model")
    return tmp_path / "model"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def edit(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "unitok.json").read_text())
    (folder / "unitok.json").write_text(json.dumps({**manifest, **changes}))


def relist(folder: Path) -> None:
    """Makes the manifest's hashes those of the files that are there."""
    components = json.loads((folder / "unitok.json").read_text())["components"]
    files = checkpoint._weight_files(folder, components)
    edit(folder, weights={name: checkpoint._sha256(folder / name) for name in files})


def load_decoder(folder: Path, dtype: torch.dtype | None = None) -> PreTrainedModel:
    decoder = load(folder, dtype=dtype).decoder
    assert decoder is not None
    return decoder


# ---- what is written


def test_the_format(folder: Path) -> None:
    assert names(folder) == [
        "decoder", "image_detokenizer", "image_tokenizer", "text_tokenizer", "unitok.json", "vocabulary.json",
    ]  # fmt: skip
    manifest = json.loads((folder / "unitok.json").read_text())
    assert manifest["format_version"] == 1 and manifest["image_size"] == 16
    assert manifest["sampling"] == SAMPLING.to_dict()
    assert {name: entry["class"] for name, entry in manifest["components"].items()} == {
        "text_tokenizer": "TextTokenizer",
        "image_tokenizer": "ImageTokenizer",
        "image_detokenizer": "ImageDetokenizer",
        "decoder": "AutoModelForCausalLM",
    }
    weights = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors"))
    assert sorted(manifest["weights"]) == weights and len(weights) == 3
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]


def test_everything_comes_back(folder: Path, parts: Checkpoint) -> None:
    loaded = load(folder)
    assert loaded.sampling == SAMPLING
    assert loaded.processor.vocabulary == parts.processor.vocabulary and loaded.processor.image_size == 16
    decoder = loaded.decoder
    assert decoder is not None and not decoder.training and decoder.dtype == torch.float32
    assert parts.decoder is not None
    for name, value in parts.decoder.state_dict().items():
        assert torch.equal(decoder.state_dict()[name], value)
    codes = torch.randint(16, (1, 1, 4, 4))
    detokenizers = [p.processor.image_detokenizer for p in (parts, loaded)]
    pictures = [d.decode(codes) for d in detokenizers if d is not None]
    assert torch.equal(pictures[0], pictures[1])


def test_a_model_without_codecs_comes_back(
    tiny_processor: Processor, make_decoder: Callable[..., PreTrainedModel], tmp_path: Path
) -> None:
    processor = Processor(tiny_processor.text_tokenizer, tiny_processor.vocabulary, image_size=None)
    save(Checkpoint(processor, make_decoder(processor.vocabulary.size), Sampling()), tmp_path / "model")
    loaded = load(tmp_path / "model").processor
    assert loaded.image_tokenizer is None and loaded.image_detokenizer is None and loaded.image_size is None


def test_a_base_is_saved_without_a_decoder_and_not_loaded_as_a_model(tiny_processor: Processor, tmp_path: Path) -> None:
    save(Checkpoint(tiny_processor, None, Sampling()), tmp_path / "base")
    assert "decoder" not in names(tmp_path / "base")
    with pytest.raises(InputError, match="decoder is missing"):
        load(tmp_path / "base")


def test_the_dtype_is_fp32_on_a_cpu_unless_asked(parts: Checkpoint, tmp_path: Path, make_decoder: Callable) -> None:
    half = make_decoder(parts.processor.vocabulary.size).bfloat16()
    save(Checkpoint(parts.processor, half, SAMPLING), tmp_path / "half")
    assert next(iter(load_file(tmp_path / "half/decoder/model.safetensors").values())).dtype == torch.bfloat16
    assert load_decoder(tmp_path / "half").dtype == torch.float32
    assert load_decoder(tmp_path / "half", torch.bfloat16).dtype == torch.bfloat16


@pytest.mark.parametrize("tied", [False, True])
def test_half_precision_that_was_read_as_fp32_is_saved_as_it_was(
    tied: bool, parts: Checkpoint, tmp_path: Path, make_decoder: Callable
) -> None:
    half = make_decoder(parts.processor.vocabulary.size, tie_word_embeddings=tied).bfloat16()
    save(Checkpoint(parts.processor, half, SAMPLING), tmp_path / "half")
    again = load(tmp_path / "half")
    assert again.decoder is not None and again.decoder.dtype == torch.float32
    save(again, tmp_path / "again")
    manifests = [json.loads((tmp_path / name / "unitok.json").read_text()) for name in ("half", "again")]
    assert manifests[0]["weights"] == manifests[1]["weights"]
    assert load_decoder(tmp_path / "again", torch.bfloat16).dtype == torch.bfloat16
    assert decoder_folder.load_decoder(tmp_path / "again/decoder").dtype == torch.bfloat16  # as stored
    with torch.no_grad():
        next(again.decoder.parameters())[3] += 1e-3  # such as by training, in float32
    save(again, tmp_path / "trained")
    assert decoder_folder.load_decoder(tmp_path / "trained/decoder").dtype == torch.float32


def test_decoders_are_sharded(
    parts: Checkpoint, make_decoder: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checkpoint.SMALL_SHARD == "14MB"
    monkeypatch.setattr(checkpoint, "SMALL_SHARD", "40KB")
    decoder = make_decoder(parts.processor.vocabulary.size)
    save(Checkpoint(parts.processor, decoder, SAMPLING), tmp_path / "model")
    shards = list((tmp_path / "model/decoder").glob("*.safetensors"))
    assert len(shards) > 1
    loaded = load_decoder(tmp_path / "model").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in decoder.state_dict().items())
    shards[0].unlink()
    with pytest.raises(InputError, match=f"{shards[0].name} is missing"):
        load(tmp_path / "model")
    monkeypatch.setattr(checkpoint, "SMALL_DECODER", 1000)
    save(Checkpoint(parts.processor, decoder, SAMPLING), tmp_path / "large")
    assert len(list((tmp_path / "large/decoder").glob("*.safetensors"))) == 1  # hosts of models take larger files


# ---- writing is whole or not at all


def test_saving_again_replaces_the_checkpoint_and_keeps_other_files(folder: Path, parts: Checkpoint) -> None:
    (folder / "README.md").write_text("card")
    (folder / "notes").mkdir()
    (folder / "notes/a.txt").write_text("a")
    (folder / "decoder/stale.txt").write_text("stale")
    save(Checkpoint(parts.processor, parts.decoder, Sampling(max_tokens=5)), folder)
    assert load(folder).sampling.max_tokens == 5
    assert (folder / "README.md").read_text() == "card" and (folder / "notes/a.txt").read_text() == "a"
    assert not (folder / "decoder/stale.txt").exists()
    assert names(folder.parent) == ["model"]


def test_where_a_link_leads_is_written_to(folder: Path, parts: Checkpoint, tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "real", tmp_path / "link"
    real.mkdir(parents=True)
    link.symlink_to(real)
    for tokens in (5, 6):  # an empty folder, and a checkpoint
        save(Checkpoint(parts.processor, parts.decoder, Sampling(max_tokens=tokens)), link)
        assert load(real).sampling.max_tokens == tokens and link.is_symlink()
        assert names(tmp_path / "disk") == ["real"] and "link" in names(tmp_path)
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


def test_an_empty_folder_may_be_written_to(parts: Checkpoint, tmp_path: Path) -> None:
    save(parts, tmp_path)
    verify(tmp_path)


def test_a_folder_of_something_else_is_left_alone(parts: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    for target in (tmp_path, tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(InputError, match=str(target)):
            save(parts, target)
    assert names(tmp_path) == ["file", "thesis.tex"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_save_that_fails_leaves_what_was_there(
    parts: Checkpoint, folder: Path, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    target = folder if exists else folder.with_name("new")
    before = verify(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts.decoder, "save_pretrained", full)
    with pytest.raises(InputError, match="No space left"):
        save(parts, target)
    assert names(folder.parent) == ["model"] and verify(folder) == before


def test_an_interrupt_at_the_end_leaves_nothing_beside_the_new_one(
    parts: Checkpoint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, begun = shutil.rmtree, []

    def interrupted(path: Path, *rest: object, **named: object) -> None:
        begun.append(path)
        if len(begun) == 1:
            raise KeyboardInterrupt
        real(path, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(parts, folder)
    assert len(begun) == 2 and names(folder.parent) == ["model"]
    verify(folder)


def test_the_old_checkpoint_returns_when_the_new_one_cannot_take_its_place(
    parts: Checkpoint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename = verify(folder), Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(InputError, match="Input/output error"):
        save(parts, folder)
    assert names(folder.parent) == ["model"] and verify(folder) == before


# ---- damage


def remove(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def write(name: str, content: bytes | str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return damage


def flip_a_bit(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)

    return damage


def drop_a_weight(folder: Path) -> None:
    path = folder / "decoder/model.safetensors"
    weights = load_file(path)
    del weights["model.layers.0.mlp.up_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    relist(folder)


def pickle_instead(folder: Path) -> None:
    remove("decoder/model.safetensors")(folder)
    (folder / "decoder/pytorch_model.bin").write_bytes(pickle.dumps({}))
    relist(folder)


def component(name: str, kind: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        components = json.loads((folder / "unitok.json").read_text())["components"]
        edit(folder, components={**components, name: {"class": kind}})

    return damage


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no manifest": (remove("unitok.json"), r"unitok\.json is missing"),
    "manifest no json": (write("unitok.json", "{"), r"unitok\.json is not JSON"),
    "manifest no text": (write("unitok.json", b"\xff\xfe\x00"), r"unitok\.json is not JSON"),
    "manifest too deep": (write("unitok.json", "[" * 200_000), r"unitok\.json is not JSON"),
    "manifest a list": (write("unitok.json", "[]"), r"unitok\.json.*format_version"),
    "from the future": (
        lambda f: edit(f, format_version=2),
        r"unitok\.json has format version 2, newer than 1",
    ),
    "version no number": (lambda f: edit(f, format_version="1"), r"unitok\.json.*format_version"),
    "no weights listed": (lambda f: edit(f, weights=None), r'unitok\.json: "weights"'),
    "weights not listed": (lambda f: edit(f, weights={}), r"safetensors is not listed in unitok\.json"),
    "outside": (lambda f: edit(f, weights={"../x.safetensors": "0"}), r"unitok\.json.*'\.\./x\.safetensors'"),
    "absolute": (lambda f: edit(f, weights={"/etc/passwd": "0"}), r"unitok\.json.*'/etc/passwd'"),
    "unknown class": (
        component("image_tokenizer", "os.system"),
        r"unitok\.json.*image_tokenizer.*'os\.system'",
    ),
    "unknown component": (component("smell_tokenizer", "X"), r"unitok\.json.*smell_tokenizer"),
    "class no name": (component("decoder", ["a"]), r"unitok\.json.*decoder"),
    "no decoder": (
        lambda f: edit(f, components={"text_tokenizer": {"class": "TextTokenizer"}}),
        "decoder is missing",
    ),
    "bad sampling": (lambda f: edit(f, sampling={"heat": 3}), r"unitok\.json.*heat"),
    "bad image size": (lambda f: edit(f, image_size=17), r"unitok\.json.*image_size"),
    "image size a text": (lambda f: edit(f, image_size="16"), r'unitok\.json: "image_size"'),
    "no vocabulary": (remove("vocabulary.json"), r"vocabulary\.json is missing"),
    "vocabulary no json": (write("vocabulary.json", "{"), r"vocabulary\.json.*JSON"),
    "no component": (remove("image_tokenizer"), r"image_tokenizer is missing"),
    "no weights": (remove("decoder/model.safetensors"), r"decoder/model\.safetensors is missing"),
    "a bit flipped": (
        flip_a_bit("image_detokenizer/model.safetensors"),
        r"image_detokenizer/model\.safetensors is dam",
    ),
    "decoder cut": (write("decoder/model.safetensors", b"abc"), r"decoder/model\.safetensors is damaged"),
    "a stray weight file": (
        write("decoder/adapter.safetensors", b""),
        r"decoder/adapter\.safetensors is not listed",
    ),
    "decoder config no json": (write("decoder/config.json", "{"), r"model/decoder "),
    "no decoder config": (remove("decoder/config.json"), r"model/decoder "),
    "a weight missing": (drop_a_weight, r"model/decoder.*up_proj"),
    "a pickle": (pickle_instead, r"model/decoder "),
    "codec config": (write("image_tokenizer/config.json", "{}"), r"image_tokenizer/config\.json"),
    "no text": (remove("text_tokenizer/tokenizer.json"), r"text_tokenizer"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_error_that_names_the_file(name: str, folder: Path) -> None:
    damage, message = DAMAGE[name]
    damage(folder)
    with pytest.raises(InputError, match=message) as raised:
        load(folder)
    assert "\n" not in str(raised.value)


def test_a_pickle_is_never_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    pickle_instead(folder)
    monkeypatch.setattr(torch, "load", opened)
    monkeypatch.setattr(pickle, "load", opened)
    with pytest.raises(InputError):
        load(folder)


def test_a_config_cannot_bring_code(folder: Path) -> None:
    (folder / "decoder/evil.py").write_text("raise SystemExit('code of a checkpoint ran')\n")
    config = json.loads((folder / "decoder/config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    (folder / "decoder/config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="model/decoder "):
        load(folder)


def test_a_path_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere is not a folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"unitok\.json is missing"):
        load(tmp_path)


def test_only_known_classes_are_saved(tiny_processor: Processor, tiny_decoder: PreTrainedModel, tmp_path: Path) -> None:
    class Other:
        vocab_size = tiny_processor.text_tokenizer.vocab_size
        encode = decode = None

    processor = Processor(Other(), tiny_processor.vocabulary, image_size=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Other"):
        save(Checkpoint(processor, tiny_decoder, Sampling()), tmp_path / "model")
    assert names(tmp_path) == []
