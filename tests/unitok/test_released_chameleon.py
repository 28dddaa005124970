"""Chameleon, from a folder as transformers saves it: everything equal, and images that come out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image as PILImage
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import ChameleonConfig, ChameleonForConditionalGeneration, ChameleonProcessor, PreTrainedTokenizerFast
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

import tokenizers
from tokenizers import decoders, models, pre_tokenizers
from unitok.bases import load_processor
from unitok.chameleon_decoder import ChameleonDecoder
from unitok.convert import main
from unitok.document import Document, Image, Text, Turn
from unitok.engine.logits_processor import GrammarLogitsProcessor
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.grammar import Request
from unitok.model import UniTok
from unitok.released import read_released
from unitok.training.finetuning import LoraConfig, add_lora
from unitok.vocabulary import IMAGE, TEXT
from unitok_tokenizers.errors import InputError

CODES, SIDE, CELL = 24, 32, 8  # 4 x 4 codes
VQ = {
    "base_channels": 32,
    "channel_multiplier": [1, 1, 2, 2],
    "num_res_blocks": 1,
    "embed_dim": 8,
    "latent_channels": 8,
    "num_embeddings": CODES,
    "resolution": SIDE,
}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<eoss>", "<racm3:break>", "<reserved08706>", "<image>"]
RESERVED = [f"<reserved{n:05d}>" for n in range(8707, 8715)]


def code_name(code: int) -> str:
    return "IMGIMG" + "".join(chr(ord("A") + int(digit)) for digit in str(code)) + "Z"


def names() -> dict[str, int]:
    """The tokens: special ones, then bytes and image codes mixed, the codes in no order."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    order = np.random.default_rng(0).permutation(CODES).tolist()
    mixed = [*letters[:100], *map(code_name, order[:9]), *letters[100:], *map(code_name, order[9:])]
    return {name: place for place, name in enumerate([*SPECIAL, *mixed, *RESERVED])}


def save_tokenizer(folder: Path, reserved: list[str] = RESERVED) -> PreTrainedTokenizerFast:
    known = names()
    known |= {name: len(known) + n for n, name in enumerate(name for name in reserved if name not in known)}
    backend = tokenizers.Tokenizer(models.BPE(vocab=known, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([*SPECIAL, *reserved])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", sep_token="<reserved08706>"
    )
    tokenizer.save_pretrained(str(folder))
    return tokenizer


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "swin"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chameleon")
    tokenizer = save_tokenizer(folder)
    torch.manual_seed(0)
    config = ChameleonConfig(
        vocab_size=len(names()) + 6,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
        swin_norm=request.param,
        vq_config=VQ,
        vocabulary_map=names(),
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    model = ChameleonForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.vqmodel.quantize.embedding.weight.normal_()
    model.save_pretrained(folder, max_shard_size="100KB")
    assert (folder / "model.safetensors.index.json").is_file()
    images = ChameleonImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    if request.param:  # as newer versions of transformers save it, and as it was released
        ChameleonProcessor(images, tokenizer).save_pretrained(str(folder))
    else:
        images.save_pretrained(str(folder))
    save_vqgan(folder)
    return folder


class Block(nn.Module):
    """The residual block of a VQGAN, as its paper and release have it."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, before, 1e-6), nn.Conv2d(before, after, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(32, after, 1e-6), nn.Conv2d(after, after, 3, padding=1)
        if before != after:
            self.nin_shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return inner + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width, 1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = (layer(y).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        weights = (q @ k.transpose(1, 2) * x.shape[1] ** -0.5).softmax(-1)
        return x + self.proj_out((weights @ v).transpose(1, 2).view_as(x))


class Original(nn.Module):
    """The decoder of the original release, written from the architecture's description, with its names."""

    def __init__(self, attend_at: tuple[int, ...]) -> None:
        super().__init__()
        widths = [32 * factor for factor in VQ["channel_multiplier"]]
        self.quantize: Any = nn.Module()
        self.quantize.embedding = nn.Embedding(CODES, 8)
        self.post_quant_conv = nn.Conv2d(8, 8, 1)
        self.decoder = nn.Module()
        self.decoder.conv_in = nn.Conv2d(8, widths[-1], 3, padding=1)
        self.decoder.mid = nn.Module()
        self.decoder.mid.block_1, self.decoder.mid.block_2 = (Block(widths[-1], widths[-1]) for _ in range(2))
        self.decoder.mid.attn_1 = Attention(widths[-1])
        self.decoder.up = nn.ModuleList()
        width = widths[-1]
        for level in reversed(range(len(widths))):
            up = nn.Module()
            up.block, up.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(VQ["num_res_blocks"] + 1):
                up.block.append(Block(width, widths[level]))
                width = widths[level]
                if SIDE // 2**level in attend_at:
                    up.attn.append(Attention(width))
            if level:
                up.upsample = nn.Module()
                up.upsample.conv = nn.Conv2d(width, width, 3, padding=1)
            self.decoder.up.insert(0, up)
        self.decoder.norm_out, self.decoder.conv_out = nn.GroupNorm(32, width, 1e-6), nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        d: Any = self.decoder
        x = d.conv_in(self.post_quant_conv(self.quantize.embedding(codes[:, 0]).permute(0, 3, 1, 2)))
        x = d.mid.block_2(d.mid.attn_1(d.mid.block_1(x)))
        for level in reversed(range(len(d.up))):
            for place, block in enumerate(d.up[level].block):
                x = block(x)
                if len(d.up[level].attn):
                    x = d.up[level].attn[place](x)
            if level:
                x = d.up[level].upsample.conv(F.interpolate(x, scale_factor=2.0))
        return d.conv_out(F.silu(d.norm_out(x))).clamp(-1, 1)


def save_vqgan(folder: Path, attend_at: tuple[int, ...] = (8,)) -> Original:
    torch.manual_seed(1)
    original = Original(attend_at)
    with torch.no_grad():
        for parameter in original.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # norms and biases too
    extra = {"encoder.conv_in.weight": torch.zeros(1), "loss.logvar": torch.zeros(1)}
    torch.save({"state_dict": {**original.state_dict(), **extra}, "global_step": 7}, folder / "vqgan.ckpt")
    settings = {
        "double_z": False,
        "z_channels": 8,
        "resolution": SIDE,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": VQ["channel_multiplier"],
        "num_res_blocks": 1,
        "attn_resolutions": list(attend_at),
        "dropout": 0.0,
    }
    params = {"embed_dim": 8, "n_embed": CODES, "ddconfig": settings}
    (folder / "vqgan.yaml").write_text(yaml.safe_dump({"model": {"target": "any.Model", "params": params}}))
    return original.eval()


@pytest.fixture(scope="module")
def converted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("converted") / "checkpoint"
    assert main([str(source), str(output)]) == 0
    return output


@pytest.fixture(scope="module", params=["source", "converted"])
def model(request: pytest.FixtureRequest, source: Path, converted: Path) -> UniTok:
    return UniTok.from_pretrained(source if request.param == "source" else converted)


@pytest.fixture(scope="module")
def reference(source: Path) -> Any:
    return ChameleonForConditionalGeneration.from_pretrained(source).eval()


def picture(width: int, height: int, seed: int = 0) -> PILImage.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return PILImage.fromarray(pixels)


def test_the_vocabulary_is_the_tokenizers(model: UniTok, source: Path) -> None:
    vocabulary, known = model.processor.vocabulary, names()
    codes = torch.arange(CODES).view(1, 1, 4, 6)
    assert vocabulary.codes_to_ids("image", codes)[0].tolist() == [known[code_name(code)] for code in range(CODES)]
    assert vocabulary.size == len(known) + 6
    wanted = {"<bos>": "<s>", "<eos>": "</s>", "<pad>": "<pad>", "<boi>": "<racm3:break>", "<eoi>": "<eoss>"}
    for ours, theirs in wanted.items():
        assert vocabulary.control[ours] == known[theirs]
    kinds = vocabulary.modality_of(torch.arange(len(known))).tolist()
    for name, token_id in known.items():
        if name.startswith("IMGIMG"):
            assert kinds[token_id] == IMAGE
        elif len(name) <= 2:
            assert kinds[token_id] == TEXT
    text = "Draw a café for <racm3:break> IMGIMGAZ </s> me \U0001f600"
    assert model.processor.text_tokenizer.decode(model.processor.text_tokenizer.encode(text)) == text
    assert vocabulary.control["<boi>"] not in model.processor.text_tokenizer.encode(text)


def test_pictures_have_the_codes_of_transformers(model: UniTok, reference: Any, source: Path) -> None:
    processor = ChameleonImageProcessorPil.from_pretrained(str(source))
    for width, height in ((32, 32), (50, 40), (33, 70), (20, 20)):
        image = picture(width, height)
        pixels = processor(image, return_tensors="pt")["pixel_values"]
        expected = reference.model.get_image_tokens(pixels)
        (codes,) = model.processor.encode_images([image])
        assert codes.shape == (1, 4, 4)
        assert torch.equal(model.processor.vocabulary.codes_to_ids("image", codes[None]), expected)


def test_prompts_are_those_of_transformers(model: UniTok, reference: Any, source: Path) -> None:
    processor: Any = ChameleonProcessor.from_pretrained(str(source))
    processor.image_seq_length = 16
    for before, after in (("What is ", "?"), ("", "Describe it."), ("two ", " and more")):
        inputs = processor(images=[picture(40, 50)], text=[f"{before}<image>{after}"], return_tensors="pt")
        expected = inputs["input_ids"][0].clone()
        expected[expected == names()["<image>"]] = reference.model.get_image_tokens(inputs["pixel_values"])[0].long()
        ids = model.processor.encode(Document.user(before, picture(40, 50), after), generation_prompt=True)
        # The release's tokenizer puts <s> in front by itself; this small one does not.
        assert ids.tolist() == [names()["<s>"], *expected.tolist()]


def test_logits_are_the_backbones(model: UniTok, reference: Any) -> None:
    assert isinstance(model.decoder, ChameleonDecoder)
    image = Image(codes=torch.arange(16).view(1, 4, 4))
    documents = [Document.user("What is it?"), Document.user("a", image, "b"), Document.user(image)]
    for document in documents:
        ids = model.processor.encode(document)[None]
        with torch.no_grad():
            hidden = reference.model(input_ids=ids).last_hidden_state
            expected = reference.lm_head(hidden)
            found = model.decoder(input_ids=ids).logits
            masked = reference(input_ids=ids).logits
        assert torch.allclose(found, expected, atol=1e-4)
        text = model.processor.vocabulary.modality_of(torch.arange(model.processor.vocabulary.size)) != IMAGE
        assert torch.allclose(found[..., text], masked[..., text], atol=1e-4)
        assert float(found.min()) > -1e4 > float(masked.min())  # transformers forbids images


def test_the_decoder_is_a_causal_lm_like_any_other(model: UniTok) -> None:
    ids = model.processor.encode(Document.user("draw"), generation_prompt=True)[None]
    grammar = GrammarLogitsProcessor(model.grammar, [Request("image", 40, grid=(4, 4))])
    vocabulary = model.processor.vocabulary
    ends: Any = [vocabulary.eot, vocabulary.eos]
    decoder: Any = model.decoder
    output = decoder.generate(
        ids,
        logits_processor=[grammar],
        max_new_tokens=40,
        do_sample=True,
        eos_token_id=ends,
        pad_token_id=vocabulary.pad,
    )
    (image,) = model.processor.decode_turn(output[0, ids.shape[1] :]).images
    assert image.codes is not None and image.codes.shape == (1, 4, 4)
    with torch.no_grad():
        plain = model.decoder(input_ids=ids)
        assert torch.equal(model.decoder(input_ids=ids, return_dict=False)[0], plain.logits)
        labelled = model.decoder(input_ids=ids, labels=ids, return_dict=True)
        expected = F.cross_entropy(plain.logits[0, :-1], ids[0, 1:])
        assert torch.allclose(labelled.loss, expected, atol=1e-4)


def test_adapters_are_trained_on_it(converted: Path) -> None:
    model = UniTok.from_pretrained(converted)
    ids = model.processor.encode(Document.user("draw").reply("no"))[None]
    adapted = add_lora(model.decoder, LoraConfig(rank=2), model.processor.vocabulary)
    adapted(input_ids=ids, labels=ids).loss.backward()
    moved = [name for name, one in adapted.named_parameters() if one.grad is not None and bool(one.grad.any())]
    assert any("lora_B" in name for name in moved) and any("trainable_tokens" in name for name in moved)


def test_pictures_come_out_as_from_the_original(model: UniTok, source: Path, tmp_path: Path) -> None:
    original = save_vqgan(tmp_path)
    codes = torch.randint(CODES, (2, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    detokenizer = model.processor.image_detokenizer
    assert detokenizer is not None
    with torch.no_grad():
        assert torch.allclose(detokenizer.decode(codes), original(codes), atol=1e-4)


@pytest.mark.parametrize("attend_at", [(), (4, 16)])
def test_vqgans_with_attention_elsewhere(tmp_path: Path, attend_at: tuple[int, ...]) -> None:
    from unitok_detokenizers.released import VqganImageDetokenizer

    original = save_vqgan(tmp_path, attend_at)
    detokenizer = VqganImageDetokenizer.from_original(tmp_path / "vqgan.ckpt", tmp_path / "vqgan.yaml")
    codes = torch.randint(CODES, (1, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(detokenizer.decode(codes), original(codes), atol=1e-4)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_it_draws(model: UniTok, guidance: float) -> None:
    sampling = Sampling(SamplingParams(), SamplingParams(), guidance_scale=guidance, max_tokens=60)
    answers = model.generate([Document.user("draw a cat"), Document.user("draw")], "image", sampling, num=3)
    for answer in answers:
        (image,) = answer.turns[-1].images
        assert image.codes is not None and image.image is not None and image.image.size == (SIDE, SIDE)
    words = model.generate(Document.user("what?"), "text", sampling)[0].turns[-1]
    assert all(isinstance(part, Text) for part in words.parts)


def plain(*parts: str | Image) -> Document:
    return Document((Turn(tuple(Text(part) if isinstance(part, str) else part for part in parts)),))


def test_conversations_survive_their_ids(model: UniTok) -> None:
    image = Image(codes=torch.arange(16).view(1, 4, 4))
    talk = Document.user("draw ", image).reply(image, "there").ask("why?").reply("so")
    for document in (talk, Document.user("hello"), Document.user("a").reply("b"), plain("just text", image)):
        ids = model.processor.encode(document)
        again = model.processor.parse(ids)
        assert [(turn.role, turn.text, len(turn.images)) for turn in again.turns] == [
            (turn.role, turn.text, len(turn.images)) for turn in document.turns
        ]
    vocabulary = model.processor.vocabulary
    ids = model.processor.encode(talk)
    targets = model.processor.targets(ids)
    learned = [ids[place].item() for place in targets.nonzero().flatten()]
    assert learned.count(vocabulary.eot) == 2 and learned.count(vocabulary.boi) == 1
    assert model.processor.targets(torch.cat([ids, ids])).tolist() == [*targets.tolist(), *targets.tolist()]
    alone = model.processor.encode(plain("just text"))
    assert model.processor.targets(alone).tolist() == [0, *[1] * (len(alone) - 2), 0]


def test_the_converted_checkpoint_can_be_tokenized_for(converted: Path) -> None:
    processor = load_processor(converted)
    assert processor.prepare_image(picture(50, 40)).size == (SIDE, SIDE)
    assert processor.encode(Document.user(picture(50, 40))).shape == (1 + 18 + 2,)


@pytest.mark.parametrize(
    "roles", [["assistant"], ["user", "user"], ["user", "assistant", "assistant"], [None, "user"], ["user", None]]
)
def test_turns_that_it_could_not_tell_apart_are_refused(converted: Path, roles: list[Any]) -> None:
    processor = load_processor(converted)
    with pytest.raises(InputError, match="by turns, the user first"):
        processor.encode(Document(tuple(Turn((Text("a"),), role) for role in roles)))


def test_names_that_a_user_types_stay_text(source: Path, model: UniTok) -> None:
    processor = model.processor
    text = "IMGIMGAZ <reserved08714> <image> <s>"
    ids = processor.encode(Document.user(text))
    assert processor.parse(ids).turns[0].text == text
    allowed = model.grammar.allowed(model.grammar.start([Request("text", 9)]))[0].nonzero().flatten().tolist()
    kept = {token_id for name, token_id in names().items() if len(name) <= 2}
    assert set(allowed) <= kept


def test_saving_it_again_changes_nothing(model: UniTok, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "again")
    again = UniTok.from_pretrained(tmp_path / "again")
    document = Document.user("draw a cat", picture(32, 32))
    ids = model.processor.encode(document)
    assert torch.equal(again.processor.encode(document), ids)
    with torch.no_grad():
        assert torch.equal(again.decoder(input_ids=ids[None]).logits, model.decoder(input_ids=ids[None]).logits)


# ---- what is not there, or wrong


@pytest.fixture
def broken(source: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "broken"
    shutil.copytree(source, folder)
    return folder


def drop_weight(folder: Path) -> None:
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    shard = sorted(set(index["weight_map"].values()))[0]
    (folder / shard).unlink()


def cut_weights(folder: Path) -> None:
    shard = sorted(folder.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-100])


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def picture_settings(folder: Path) -> Path:
    released = folder / "preprocessor_config.json"
    return released if released.is_file() else folder / "processor_config.json"


def drop_picture_settings(folder: Path) -> None:
    picture_settings(folder).unlink()


def edit_picture_settings(folder: Path, **changes: Any) -> None:
    path = picture_settings(folder)
    values = json.loads(path.read_text())
    inner = values.get("image_processor", values)
    inner.update(changes)
    path.write_text(json.dumps(values))


def rename_code(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace('"IMGIMGFZ"', '"IMGIMX"'))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (drop_picture_settings, "preprocessor_config.json"),
        (lambda folder: edit_picture_settings(folder, image_mean=None), "image_mean"),
        (lambda folder: edit_picture_settings(folder, crop_size={"height": 32, "width": 64}), "crop_size"),
        (lambda folder: edit_picture_settings(folder, crop_size="32"), "crop_size"),
        (lambda folder: edit_picture_settings(folder, crop_size=20), "whole codes"),
        (lambda folder: edit_picture_settings(folder, rescale_factor="x"), "rescale_factor"),
        (lambda folder: edit_config(folder, vq_config=3), "configuration cannot be used"),
        (lambda folder: edit_config(folder, num_attention_heads="four"), "configuration cannot be used"),
        (lambda folder: edit_config(folder, hidden_act="nope"), "configuration cannot be used"),
        (lambda folder: edit_config(folder, hidden_size=-32), "configuration cannot be used"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json"),
        (drop_weight, "model-00001"),
        (cut_weights, "cut off"),
        (lambda folder: edit_config(folder, num_hidden_layers=3), r"lacks .*layers\.2"),
        (lambda folder: edit_config(folder, intermediate_size=40), "config.json says"),
        (lambda folder: edit_config(folder, model_type="janus"), "Janus"),
        (lambda folder: edit_config(folder, model_type="llama"), "llama"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
        (lambda folder: (folder / "vqgan.yaml").unlink(), "vqgan.yaml"),
        (lambda folder: (folder / "vqgan.ckpt").write_bytes(b"abc"), "vqgan.ckpt"),
        (lambda folder: (folder / "vqgan.yaml").write_text("model: 3"), "vqgan.yaml"),
        (rename_code, "23 image codes"),
    ],
)
def test_a_wrong_folder_is_one_clear_error(
    broken: Path, tmp_path: Path, damage: Callable[[Path], Any], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(broken)
    with pytest.raises(InputError, match=named):
        read_released(broken)
    assert main([str(broken), str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("error:") == 1 and "Traceback" not in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


def test_pickles_are_not_run(broken: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return Path.touch, (broken / "harmed",)

    torch.save({"state_dict": {"decoder.x": Harm()}}, broken / "vqgan.ckpt")
    with pytest.raises(InputError, match=r"vqgan\.ckpt"):
        read_released(broken)
    assert not (broken / "harmed").exists()


def test_without_the_original_release_pictures_stay_codes(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (broken / "vqgan.ckpt").unlink()
    assert main([str(broken), str(tmp_path / "out")]) == 0
    assert "vqgan.ckpt" in capsys.readouterr().err
    model = UniTok.from_pretrained(tmp_path / "out")
    (image,) = model.generate(Document.user("draw"), "image")[0].turns[-1].images
    assert image.image is None and image.codes is not None and image.codes.shape == (1, 4, 4)


def test_an_output_that_exists_is_left_alone(source: Path, tmp_path: Path) -> None:
    assert main([str(source), str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


# ---- Lumina-mGPT


@pytest.fixture
def lumina(source: Path, tmp_path: Path) -> Path:
    """Its folder has Chameleon's decoder, no image tokenizer, and reserved tokens for sizes and rows."""
    folder = tmp_path / "lumina"
    folder.mkdir()
    sizes = [f"<reserved{n:05d}>" for n in range(8799, 8805)]
    tokenizer = save_tokenizer(folder, [*RESERVED, *sizes])
    known = tokenizer.get_vocab()
    config = json.loads((source / "config.json").read_text())
    config |= {"vocab_size": len(known), "swin_norm": False}
    torch.manual_seed(0)
    decoder = ChameleonDecoder(ChameleonConfig(**config))
    decoder.save_pretrained(folder)
    shutil.copy(source / "vqgan.yaml", folder)
    original = torch.load(source / "vqgan.ckpt", weights_only=True)["state_dict"]
    encoder = ChameleonForConditionalGeneration.from_pretrained(source).model.vqmodel.state_dict()
    weights = {**original, **{name: value.clone() for name, value in encoder.items() if "post_quant" not in name}}
    torch.save({"state_dict": weights}, folder / "vqgan.ckpt")
    return folder


def test_lumina_writes_images_of_any_size(lumina: Path, source: Path, tmp_path: Path) -> None:
    argv = [str(lumina), str(tmp_path / "out"), "--variant", "lumina", "--image-size", "32"]
    assert main(argv) == 0
    model = UniTok.from_pretrained(tmp_path / "out")
    known = PreTrainedTokenizerFast.from_pretrained(str(lumina)).get_vocab()
    wide = picture(80, 20)
    (codes,) = model.processor.encode_images([wide])
    assert codes.shape == (1, 2, 8)  # patches of two codes: 1 x 4 of them have the shape of the picture
    span = model.processor.image_span(codes).tolist()
    row_end = known["<reserved08799>"]
    assert span[:3] == [known["<racm3:break>"], known["<reserved08801>"], known["<reserved08804>"]]
    assert [place for place, one in enumerate(span) if one == row_end] == [11, 20]
    assert span[-1] == known["<eoss>"] and len(span) == 3 + 2 * 9 + 1
    for grid in (None, (2, 6)):
        answer = model.generate(Document.user("draw"), "image", grid=grid)[0].turns[-1]
        wanted = grid or (4, 4)
        assert answer.images[0].codes is not None and tuple(answer.images[0].codes.shape[1:]) == wanted
        assert answer.images[0].image is not None
    with pytest.raises(InputError, match="multiples of 2"):
        model.generate(Document.user("draw"), "image", grid=(3, 4))


def test_lumina_needs_the_original_codec(lumina: Path, source: Path) -> None:
    (lumina / "vqgan.ckpt").unlink()
    with pytest.raises(InputError, match=r"the image tokenizer in .* lacks"):
        read_released(lumina, variant="lumina", image_size=32)
    with pytest.raises(InputError, match="leave the variant out"):
        read_released(source, variant="lumina", image_size=32)
    with pytest.raises(InputError, match="image_size is for Lumina"):
        read_released(source, image_size=32)
    with pytest.raises(InputError, match="chameleon and lumina"):
        read_released(source, variant="chat")
