"""Emu3, chat and generation, from folders as transformers saves them: everything equal, and images that come out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from safetensors.torch import save_file
from transformers import (
    Emu3Config,
    Emu3ForConditionalGeneration,
    Emu3ImageProcessor,
    Emu3Processor,
    GenerationConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

import tokenizers
from tokenizers import decoders, models, pre_tokenizers
from unitok.convert import main
from unitok.document import Document, Image, Text, Turn
from unitok.engine.sampling import Sampling, SamplingParams
from unitok.grammar import Request
from unitok.model import UniTok
from unitok.released import read_released
from unitok.released.source import read_sampling
from unitok.stream import EventReader, ImageRow, TextDelta, TurnFinished
from unitok_tokenizers.errors import InputError

CODES, CELL = 24, 8
VQ = {
    "codebook_size": CODES,
    "embed_dim": 4,
    "latent_channels": 4,
    "base_channels": 32,
    "channel_multiplier": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "attn_resolutions": [3],
    "hidden_size": 32,
    "temporal_downsample_factor": 4,
}
TEMPLATE = (  # the release's: pictures first, a space behind each text
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' ' }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
SPECIAL = [
    "<|endoftext|>",
    "<|image start|>",
    "<|image end|>",
    "<|image token|>",
    *(f"<|extra_{n}|>" for n in range(190, 205)),
    "<image>",
]


def code_name(code: int) -> str:
    return f"<|visual token {code:06d}|>"


def names() -> dict[str, int]:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    order = np.random.default_rng(0).permutation(CODES).tolist()
    return {name: place for place, name in enumerate([*letters, *SPECIAL, *map(code_name, order)])}


def save_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    backend = tokenizers.Tokenizer(models.BPE(vocab=names(), merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([*SPECIAL, *map(code_name, range(CODES))])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<|extra_203|>",
        eos_token="<|extra_204|>",
        pad_token="<|endoftext|>",
        extra_special_tokens={
            "image_token": "<image>",
            "boi_token": "<|image start|>",
            "eoi_token": "<|image end|>",
            "image_wrapper_token": "<|image token|>",
            "eof_token": "<|extra_201|>",
        },
    )
    tokenizer.save_pretrained(str(folder))
    return tokenizer


def save_model(folder: Path) -> Path:
    tokenizer = save_tokenizer(folder)
    torch.manual_seed(0)
    known = names()
    config = Emu3Config(
        vq_config=VQ,
        text_config={
            "vocab_size": len(known) + 4,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 2048,
            "initializer_range": 0.3,
            "bos_token_id": known["<|extra_203|>"],
            "eos_token_id": known["<|extra_204|>"],
            "pad_token_id": known["<|endoftext|>"],
        },
        vocabulary_map=known,
    )
    model = Emu3ForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.vqmodel.quantize.embedding.weight.normal_()
    model.save_pretrained(folder)
    images = Emu3ImageProcessor(
        image_mean=[0.5] * 3, image_std=[0.5] * 3, min_pixels=32 * 32, max_pixels=64 * 64, spatial_factor=CELL
    )
    Emu3Processor(images, tokenizer, chat_template=TEMPLATE).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("emu3"))


@pytest.fixture(scope="module", params=["source", "converted"])
def model(request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory) -> UniTok:
    if request.param == "source":
        return UniTok.from_pretrained(source)
    output = tmp_path_factory.mktemp("converted") / "checkpoint"
    assert main([str(source), str(output)]) == 0
    return UniTok.from_pretrained(output)


@pytest.fixture(scope="module")
def reference(source: Path) -> Any:
    return Emu3ForConditionalGeneration.from_pretrained(source).eval()


def picture(width: int, height: int, seed: int = 0) -> PILImage.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return PILImage.fromarray(pixels).resize((width, height), PILImage.Resampling.BILINEAR)


def test_the_vocabulary_is_the_tokenizers(model: UniTok) -> None:
    vocabulary, known = model.processor.vocabulary, names()
    codes = torch.arange(CODES).view(1, 1, 4, 6)
    assert vocabulary.codes_to_ids("image", codes)[0].tolist() == [known[code_name(code)] for code in range(CODES)]
    assert vocabulary.size == len(known) + 4
    wanted = {"<bos>": "<|extra_203|>", "<eos>": "<|extra_204|>", "<boi>": "<|image start|>", "<eoi>": "<|image end|>"}
    assert {name: vocabulary.control[name] for name in wanted} == {name: known[text] for name, text in wanted.items()}


REPLY: list[dict[str, Any]] = [
    {"role": "assistant", "content": [{"type": "text", "text": "so"}]},
    {"role": "user", "content": [{"type": "text", "text": "why"}]},
]


@pytest.mark.parametrize("size", [(32, 32), (40, 56), (100, 50), (20, 20), (37, 45)])
def test_prompts_and_codes_are_those_of_transformers(
    model: UniTok, reference: Any, source: Path, size: tuple[int, int]
) -> None:
    image = picture(*size)
    processor: Any = Emu3Processor.from_pretrained(str(source))
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "You are a helpful assistant."}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]},
    ]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(images=[image], text=[prompt], return_tensors="pt")
    codes = reference.model.get_image_tokens(inputs["pixel_values"], inputs["image_sizes"])
    expected = inputs["input_ids"][0].clone()
    expected[expected == names()["<image>"]] = codes.to(expected.dtype)
    ids = model.processor.encode(Document.user(image, "What is it?"), generation_prompt=True)
    assert ids.tolist() == expected.tolist()
    for parts in (["Hello"], [image], [image, "a", "b"]):
        content = [{"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in parts]
        prompt = processor.apply_chat_template(
            [messages[0], {"role": "user", "content": content}, *REPLY], add_generation_prompt=True
        )
        given = [image] if image in parts else None
        expected = processor(images=given, text=[prompt], return_tensors="pt")["input_ids"][0]
        ids = model.processor.encode(Document.user(*parts).reply("so").ask("why"), generation_prompt=True)
        placeholder = expected == names()["<image>"]
        assert len(ids) == len(expected) and torch.equal(ids[~placeholder], expected[~placeholder])


def test_logits_are_those_of_transformers(model: UniTok, reference: Any) -> None:
    assert isinstance(model.decoder, LlamaForCausalLM)
    image = Image(codes=torch.arange(12).view(1, 3, 4))
    for document in (Document.user("What is it?"), Document.user("a", image, "b"), Document.user(image)):
        ids = model.processor.encode(document)[None]
        with torch.no_grad():
            assert torch.allclose(model.decoder(input_ids=ids).logits, reference(input_ids=ids).logits, atol=1e-4)


def test_pictures_are_those_of_transformers(model: UniTok, reference: Any) -> None:
    codes = torch.randint(CODES, (2, 1, 3, 5), generator=torch.Generator().manual_seed(0))
    detokenizer = model.processor.image_detokenizer
    assert detokenizer is not None
    with torch.no_grad():
        expected = reference.model.vqmodel.decode(codes[:, 0]).clamp(-1, 1)
        assert torch.allclose(detokenizer.decode(codes), expected, atol=1e-4)
        assert float(expected.std()) > 0.01


def test_it_is_a_llama_for_every_server(model: UniTok, source: Path, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "saved")
    config = json.loads((tmp_path / "saved/decoder/config.json").read_text())
    assert config["model_type"] == "llama" and config["dtype"] == "float32"
    with pytest.raises(InputError, match="turns with roles"):
        model.processor.encode(Document((Turn((Text("a"),)), Turn((Text("b"),), "user"))))


def test_it_draws_as_released(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drawing"
    shutil.copytree(source, folder)
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, "top_k": 2048, "temperature": 0.9}))
    sampling = read_released(folder).sampling
    assert sampling.image == sampling.text == SamplingParams(0.9, 2048) and sampling.max_tokens == 2048


@pytest.mark.parametrize(
    ("values", "text", "image"),
    [
        ({}, SamplingParams(0.0), SamplingParams()),
        ({"do_sample": None, "top_p": 0.9}, SamplingParams(0.0), SamplingParams(top_p=0.9)),
        ({"do_sample": False, "temperature": 0.9}, SamplingParams(0.0), SamplingParams(0.0)),
        ({"do_sample": True}, SamplingParams(top_k=50), SamplingParams(top_k=50)),
        ({"do_sample": True, "top_k": 0}, SamplingParams(), SamplingParams()),
    ],
)
def test_what_a_release_does_not_say_about_drawing_is_as_in_transformers(
    values: dict[str, Any], text: SamplingParams, image: SamplingParams, tmp_path: Path
) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(values))
    sampling = read_sampling(tmp_path, 100)
    assert (sampling.text, sampling.image) == (text, image)
    known = GenerationConfig.from_pretrained(tmp_path)._get_default_generation_params()
    assert known["top_k"] == 50 and known["do_sample"] is False


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_it_draws(model: UniTok, guidance: float) -> None:
    sampling = Sampling(SamplingParams(), SamplingParams(), guidance_scale=guidance, max_tokens=300)
    prompts = [model.processor.encode(Document.user("draw a cat"), generation_prompt=True)] * 2
    requests = [Request("image", 300, grid=(3, 11)), Request("auto", 300, grid=(12, 5), max_images=1)]
    answers = model.engine.generate(prompts, requests, sampling, [0, 1], model.processor.unconditional())
    (image,) = model.processor.decode_turn(answers[0]).images
    assert image.codes is not None and image.codes.shape == (1, 3, 11)
    assert image.image is not None and image.image.size == (11 * CELL, 3 * CELL)
    assert [part.codes.shape for part in model.processor.parse_turn(answers[1]).images if part.codes is not None] in (
        [],
        [(1, 12, 5)],
    )


def test_pictures_arrive_row_by_row(model: UniTok) -> None:
    document = Document.user("draw")
    (answer,) = model.generate(document, "image", seed=2, grid=(3, 4))
    events = list(model.stream(document, "image", seed=2, grid=(3, 4)))
    rows = [event.codes for event in events if isinstance(event, ImageRow)]
    assert torch.equal(torch.stack(rows, dim=1), answer.turns[-1].images[0].codes)  # type: ignore[arg-type]


def test_a_picture_whose_size_nobody_asked_for_has_that_of_the_release(model: UniTok) -> None:
    assert model.grammar.allowed(model.grammar.start([Request("image", 9000)])).sum() == 1
    with pytest.raises(InputError, match="8200 tokens"):  # 90 x 90 codes do not fit this context
        model.generate(Document.user("draw"), "image")


def test_conversations_survive_their_ids(model: UniTok) -> None:
    image = Image(codes=torch.arange(12).view(1, 3, 4))
    talk = Document.user(image, "what is it?").reply("a cat").ask("draw it").reply(image)
    ids = model.processor.encode(talk)
    assert [(turn.role, turn.text, len(turn.images)) for turn in model.processor.parse(ids).turns] == [
        (turn.role, turn.text, len(turn.images)) for turn in talk.turns
    ]
    text = model.processor.text_tokenizer.decode(ids[ids < 256].tolist())
    assert text.startswith("You are a helpful assistant. USER: ") and "ASSISTANT: a cat USER: draw it" in text


def test_an_answer_is_written_in_the_next_prompt_as_it_was_generated(model: UniTok) -> None:
    """The prompt leaves the space behind `ASSISTANT:` to the answer's first word."""
    processor = model.processor
    asked = Document.user("what is it?")
    prompt = processor.encode(asked, generation_prompt=True)
    answer = torch.tensor(processor.text_tokenizer.encode(" a cat"))
    turn = processor.parse_turn(torch.cat([answer, torch.tensor([processor.vocabulary.eos])]))
    assert turn.text == "a cat"
    again = processor.encode(Document((*asked.turns, turn)).ask("why?"), generation_prompt=True)
    assert torch.equal(again[: len(prompt) + len(answer)], torch.cat([prompt, answer]))
    reader = EventReader(processor, asked)
    events = [event for token_id in [*answer.tolist(), processor.vocabulary.eos] for event in reader.read(token_id)]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "a cat"
    assert isinstance(events[-1], TurnFinished) and events[-1].document.turns[-1].text == "a cat"


def test_a_stream_of_words_around_a_picture_is_the_turn_that_it_ends_with(model: UniTok) -> None:
    """The space that ends each text belongs to how turns are written, behind a picture as well."""
    processor = model.processor
    asked = Document.user("draw")
    whole = asked.reply("a cat", Image(codes=torch.zeros(1, 3, 4, dtype=torch.int64)), " and a dog")
    answer = processor.encode(whole)[len(processor.encode(asked, generation_prompt=True)) :].tolist()
    reader = EventReader(processor, asked)
    events = [event for token_id in answer for event in reader.read(token_id)]
    assert isinstance(events[-1], TurnFinished)
    turn = events[-1].document.turns[-1]
    assert turn.text == "a cat and a dog" and len(turn.images) == 1
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == turn.text


def test_generation_has_no_roles(tmp_path: Path) -> None:
    """Emu3-Gen continues the prompt with an image: `<bos> text <boi> ...`."""
    source, known = save_model(tmp_path / "gen"), names()
    assert main([str(source), str(tmp_path / "out"), "--variant", "generation"]) == 0
    model = UniTok.from_pretrained(tmp_path / "out")
    processor: Any = Emu3Processor.from_pretrained(str(source))
    prompt = processor(text="a cat", return_for_image_generation=True, image_area=32 * 24 * 4, return_tensors="pt")
    document = Document.user("a cat").reply(Image(codes=torch.zeros(1, 7, 7, dtype=torch.int64)))
    ids = model.processor.encode(document)
    assert [list(size) for size in prompt["image_sizes"]] == [[7, 7]]
    assert ids[: prompt["input_ids"].shape[1]].tolist() == prompt["input_ids"][0].tolist()
    assert ids[-3:].tolist() == [known["<|extra_201|>"], known["<|image end|>"], known["<|extra_204|>"]]
    assert model.processor.unconditional().tolist() == [known["<|extra_203|>"]]
    assert model.processor.targets(ids).sum() == len(ids) - 2


@pytest.mark.parametrize(
    "layout",
    [
        {"text": "text_model.model.", "head": "text_model.lm_head.", "vq": "vqmodel."},
        {"text": "text_model.", "head": "text_model.lm_head.", "vq": "vqmodel."},
        {"text": "model.text_model.", "head": "lm_head.", "vq": "model.vqmodel."},
    ],
)
def test_the_names_of_every_release(source: Path, tmp_path: Path, layout: dict[str, str], reference: Any) -> None:
    folder = tmp_path / "renamed"
    shutil.copytree(source, folder)
    own = {"model.text_model.": layout["text"], "lm_head.": layout["head"], "model.vqmodel.": layout["vq"]}
    weights = {}
    for name, value in reference.state_dict().items():
        (prefix,) = (prefix for prefix in own if name.startswith(prefix))
        weights[own[prefix] + name.removeprefix(prefix)] = value.clone()
    save_file(weights, folder / "model.safetensors")
    ids = torch.arange(40)[None]
    with torch.no_grad():
        found = UniTok.from_pretrained(folder).decoder(input_ids=ids).logits
        assert torch.allclose(found, reference(input_ids=ids).logits, atol=1e-4)


def test_digits_that_are_joined_are_refused(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "joined"
    shutil.copytree(source, folder)
    backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.add_tokens(["73"])
    backend.save(str(folder / "tokenizer.json"))
    with pytest.raises(InputError, match="joins digits"):
        read_released(folder)


def test_a_vqgan_is_for_chameleon(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(source), str(tmp_path / "out"), "--vqgan", str(tmp_path)]) == 2
    assert "leave these options out" in capsys.readouterr().err
    assert main([str(source), str(tmp_path / "out"), "--variant", "lumina"]) == 2
    assert "chat and generation" in capsys.readouterr().err
