from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from transformers import PreTrainedModel

from unitok.document import Document, Image, Part, Text
from unitok.engine import Sampling, SamplingParams
from unitok.model import Modality, UniTok
from unitok.processor import Processor
from unitok.shipped import find_checkpoint
from unitok.stream import Event, ImageFinished, ImageRow, ImageStarted, TextDelta, TurnFinished
from unitok_tokenizers.errors import InputError

ASK = Document.user("draw two green stars")
GUIDED = Sampling(guidance_scale=3.0, max_tokens=60)


def same(first: list[Document], second: list[Document]) -> bool:
    return [document.turns for document in first] == [document.turns for document in second]


# ---- generate


def test_an_answer_is_the_document_and_the_assistants_turn(tiny_model: UniTok) -> None:
    (answered,) = tiny_model.generate(ASK, "image", GUIDED)
    assert answered.turns[:-1] == ASK.turns and answered.turns[-1].role == "assistant"
    (image,) = answered.turns[-1].parts
    assert isinstance(image, Image) and image.image is not None and image.codes is not None
    assert image.image.size == (16, 16) and image.image.mode == "RGB" and image.codes.shape == (1, 4, 4)
    codec = tiny_model.processor
    assert image.image == codec.decode_images([image.codes])[0]


def test_modalities(tiny_model: UniTok) -> None:
    sampling = dataclasses.replace(GUIDED, text=SamplingParams(50.0))  # all tokens alike
    kinds = {}
    for modality in ("text", "image", "auto"):
        turns = [d.turns[-1] for d in tiny_model.generate(ASK, modality, sampling, num=24)]
        kinds[modality] = {type(part) for turn in turns for part in turn.parts}
    assert kinds == {"text": {Text}, "image": {Image}, "auto": {Text, Image}}


def test_answers_are_in_order_and_do_not_depend_on_the_batch(tiny_model: UniTok) -> None:
    picture = PILImage.new("RGB", (30, 20), (200, 30, 30))
    documents = [ASK, Document.user(picture, "what is this?"), Document.user("hi").reply("ho").ask("draw")]
    together = tiny_model.generate(documents, "auto", GUIDED, num=2, seed=[5, 60, 5])
    assert [d.turns[:-1] for d in together] == [d.turns for d in documents for _ in range(2)]
    assert same(together, tiny_model.generate(documents, "auto", GUIDED, num=2, seed=[5, 60, 5], batch_size=4))
    assert same(together[2:4], tiny_model.generate(documents[1], "auto", GUIDED, num=2, seed=60))
    # The second sample of a seed is the first one of the next seed.
    assert same(together[3:4], tiny_model.generate(documents[1], "auto", GUIDED, seed=61))
    assert not same(together[2:3], together[3:4])


def test_the_checkpoints_sampling_is_the_default(tiny_processor: Processor, tiny_decoder: PreTrainedModel) -> None:
    greedy = SamplingParams(0.0)
    model = UniTok(tiny_processor, tiny_decoder, Sampling(greedy, greedy, max_tokens=40))
    assert same(model.generate(ASK, seed=1), model.generate(ASK, seed=2))
    hot = Sampling(max_tokens=40)
    assert not same(model.generate(ASK, seed=1, sampling=hot), model.generate(ASK, seed=2, sampling=hot))


def test_images_of_a_model_without_an_image_size_have_any_grid(
    tiny_processor: Processor, tiny_decoder: PreTrainedModel
) -> None:
    p = tiny_processor
    sampling = Sampling(image=SamplingParams(50.0), max_tokens=90)
    free = Processor(p.text_tokenizer, p.vocabulary, p.image_tokenizer, p.image_detokenizer, image_size=None)
    answers = UniTok(free, tiny_decoder).generate(ASK, "image", sampling, num=10)
    grids = {tuple(image.codes.shape[1:]) for d in answers for image in d.turns[-1].images if image.codes is not None}
    assert len(grids) > 3


def test_progress_rises_to_its_total(tiny_model: UniTok) -> None:
    reports: list[tuple[int, int]] = []
    documents = tiny_model.generate(
        ASK, "image", GUIDED, num=3, batch_size=2, progress=lambda done, total: reports.append((done, total))
    )
    tokens = 4 * 4 + 5
    assert [total for _, total in reports] == [3 * tokens] * len(reports)
    done = [done for done, _ in reports]
    assert done == sorted(done) and done[-1] == 3 * tokens and len(reports) > 10
    reports.clear()
    asked = [document.ask("and now?") for document in documents[:2]]
    tiny_model.generate(asked, "text", GUIDED, progress=lambda done, total: reports.append((done, total)))
    assert reports[-1][0] == reports[-1][1] <= 120 and all(done <= total for done, total in reports)


def test_nothing_to_answer(tiny_model: UniTok) -> None:
    assert tiny_model.generate([]) == []


def test_a_model_without_image_codes_answers_with_words(
    tiny_processor: Processor, make_decoder: Callable[..., PreTrainedModel]
) -> None:
    from unitok.vocabulary import Vocabulary

    vocabulary = Vocabulary(tiny_processor.vocabulary.text_size, [])
    model = UniTok(Processor(tiny_processor.text_tokenizer, vocabulary), make_decoder(vocabulary.size))
    (answered,) = model.generate(ASK, sampling=GUIDED)
    assert answered.turns[-1].text and not answered.turns[-1].images
    with pytest.raises(InputError, match="no image codes"):
        model.generate(ASK, "image", GUIDED)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"documents": Document()}, "empty"),
        ({"documents": Document.user()}, "empty"),
        ({"modality": "sound"}, "modality 'sound'"),
        ({"num": 0}, "num"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"seed": [1, 2]}, "2 seeds"),
        ({"documents": Document.user("star " * 300)}, "^the prompt has .* shorten"),
        ({"documents": [ASK, Document.user("star " * 300)], "seed": [0, 0]}, "^document 2: .* shorten"),
        ({"modality": "image", "sampling": Sampling(max_tokens=9)}, "max_tokens is 9"),
        ({"sampling": Sampling(max_tokens=1)}, "max_tokens"),
    ],
)
def test_bad_input_is_named(tiny_model: UniTok, arguments: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        tiny_model.generate(**{"documents": ASK, **arguments})


# ---- stream


def replay(events: list[Event]) -> list[str | list]:
    """The parts that the events tell of: text, or the codes of an image."""
    parts: list[str | list] = []
    rows: list[torch.Tensor] = []
    in_text = False
    for event in events:
        if isinstance(event, TextDelta):
            assert event.text
            parts = [*parts[:-1], str(parts[-1]) + event.text] if in_text else [*parts, event.text]
            in_text = True
        elif isinstance(event, ImageStarted):
            in_text, rows = False, []
            grid = event.grid
        elif isinstance(event, ImageRow):
            assert event.index == len(rows)
            rows.append(event.codes)
        elif isinstance(event, ImageFinished):
            codes = torch.stack(rows, dim=1)
            assert tuple(codes.shape[1:]) == grid and event.image.codes is not None
            assert torch.equal(codes, event.image.codes) and event.image.image is not None
            parts.append(codes.tolist())
    return parts


def codes_of(part: Part) -> list:
    assert isinstance(part, Image) and part.codes is not None
    return part.codes.tolist()


def test_a_stream_tells_what_generate_returns(tiny_model: UniTok) -> None:
    sampling = Sampling(text=SamplingParams(50.0), guidance_scale=2.0, max_tokens=60)
    answers = tiny_model.generate(ASK, "auto", sampling, num=24)
    with_images = [seed for seed, document in enumerate(answers) if document.turns[-1].images]
    kinds = set()
    for seed in [*with_images[:3], 0, 1]:
        whole = answers[seed]
        events = list(tiny_model.stream(ASK, "auto", sampling, seed=seed))
        assert isinstance(events[-1], TurnFinished) and events[-1].document.turns == whole.turns
        expected = [part.text if isinstance(part, Text) else codes_of(part) for part in whole.turns[-1].parts]
        assert replay(events) == [part for part in expected if part]
        shown = [event.image for event in events if isinstance(event, ImageFinished)]
        whole = events[-1].document.turns[-1].images
        assert all(one is other for one, other in zip(shown, whole, strict=True))  # decoded once
        kinds |= {type(event) for event in events}
    assert kinds == {TextDelta, ImageStarted, ImageRow, ImageFinished, TurnFinished}


def test_a_letter_of_several_tokens_comes_whole(tiny_processor: Processor) -> None:
    from unitok.stream import EventReader

    text = "naïve 東京 👍🏽 é"
    ids = [*tiny_processor.encode(Document.user(text))[2:-2].tolist(), tiny_processor.vocabulary.eot]
    assert len(ids) > len(text)
    reader = EventReader(tiny_processor, ASK)
    deltas = [event.text for token_id in ids for event in reader.read(token_id) if isinstance(event, TextDelta)]
    assert "".join(deltas) == text and "\ufffd" not in "".join(deltas) and len(deltas) > 5


def test_bytes_that_are_no_letter_are_not_lost(tiny_processor: Processor) -> None:
    from unitok.stream import EventReader

    rng = random.Random(0)
    text_ids = tiny_processor.vocabulary.text_ids.tolist()
    for _ in range(200):
        ids = rng.choices(text_ids, k=rng.randint(1, 12))
        reader = EventReader(tiny_processor, ASK)
        events = [event for token_id in [*ids, tiny_processor.vocabulary.eot] for event in reader.read(token_id)]
        joined = "".join(event.text for event in events if isinstance(event, TextDelta))
        assert joined == tiny_processor.decode_text(torch.tensor(ids))


def test_a_stream_checks_its_input(tiny_model: UniTok) -> None:
    with pytest.raises(InputError, match="shorten"):
        next(tiny_model.stream(Document.user("star " * 300)))


# ---- names


def test_a_model_comes_back_from_its_folder(tiny_model: UniTok, tmp_path: Path) -> None:
    tiny_model.sampling = GUIDED
    tiny_model.save_pretrained(tmp_path / "model")
    loaded = UniTok.from_pretrained(tmp_path / "model")
    assert loaded.sampling == GUIDED and loaded.device.type == "cpu"
    picture = Document.user(PILImage.effect_noise((40, 40), 50).convert("RGB"), "now make it blue")
    for document in (ASK, picture):
        assert same(loaded.generate(document, num=3), tiny_model.generate(document, num=3))


@pytest.mark.parametrize("name", ["nowhere", "./a/b", "a/b/c", "/nowhere/at/all", "https://example.com/x", ""])
def test_an_unknown_name_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match=r"tiny|not a folder|unitok\.json"):
        UniTok.from_pretrained(name)


def test_a_hub_name_without_a_network_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []

    def offline(name: str, **options: object) -> str:
        asked.append((name, options["allow_patterns"]))
        raise ConnectionError("no network\nat all")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(InputError, match=r"no folder 'owner/model'.*Hub: no network at all"):
        UniTok.from_pretrained("owner/model")
    ((name, patterns),) = asked
    assert name == "owner/model"
    pickles = [p for p in patterns if p.endswith((".bin", ".py", ".pt", ".ckpt", "*"))]
    assert pickles == ["*vqgan.ckpt"]  # of Chameleon's release, which is read with weights_only


def test_a_hub_name_is_fetched(tiny_model: UniTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    tiny_model.save_pretrained(tmp_path / "fetched")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: str(tmp_path / "fetched"))
    assert find_checkpoint("owner/model") == tmp_path / "fetched"
    monkeypatch.chdir(tmp_path)
    tiny_model.save_pretrained("owner/model")  # a folder of that name goes first
    assert find_checkpoint("owner/model") == Path("owner/model")


def test_integers_of_numpy_are_seeds(tiny_model: UniTok) -> None:
    asked, sampling = Document.user("hi"), Sampling(max_tokens=12)
    expected = tiny_model.generate([asked, asked], "text", sampling, seed=[3, 4])
    assert tiny_model.generate([asked, asked], "text", sampling, seed=np.arange(3, 5)) == expected  # type: ignore[arg-type]
    assert tiny_model.generate(asked, "text", sampling, num=2, seed=np.int64(3)) == expected  # type: ignore[arg-type]
    for seed in (True, 1.5, np.float64(3)):
        with pytest.raises(InputError, match="seed must be an integer"):
            tiny_model.generate(asked, "text", sampling, seed=[seed])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"documents": "hello"}, "give a Document, such as"),
        ({"documents": ["hello"]}, "give a Document, such as"),
        ({"documents": {"role": "user"}}, "give a Document, such as"),
        ({"sampling": {"max_tokens": 5}}, "sampling must be a Sampling"),
        ({"sampling": SamplingParams(0.5)}, "sampling must be a Sampling"),
        ({"grid": 10}, "grid must be two integers"),
        ({"grid": (10,)}, "grid must be two integers"),
        ({"grid": (2.0, 2.0)}, "grid must be two integers"),
        ({"grid": "2x2"}, "grid must be two integers"),
        ({"num": 1.5}, "num must be an integer"),
        ({"num": "2"}, "num must be an integer"),
        ({"seed": None}, "seed must be an integer"),
        ({"seed": 1.5}, "seed must be an integer"),
        ({"batch_size": "2"}, "batch_size must be an integer"),
        ({"batch_size": 1.5}, "batch_size must be an integer"),
    ],
)
def test_an_argument_of_another_kind_is_named(tiny_model: UniTok, options: dict[str, Any], message: str) -> None:
    given = {"documents": Document.user("hi"), "modality": "image", **options}
    with pytest.raises(InputError, match=message):
        tiny_model.generate(**given)


@pytest.mark.parametrize("options", [{"text": None}, {"image": {"temperature": 1.0}}, {"edit": 1}])
def test_settings_of_another_kind_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"sampling\.(text|image|edit) must be SamplingParams"):
        Sampling(**options)


@pytest.mark.parametrize(
    ("modality", "options", "message"),
    [
        ("text", {"grid": (2, 2)}, "grid is for pictures, and modality text makes none"),
        ("audio", {"grid": (2, 2)}, "grid is for pictures, and modality audio makes none"),
        ("image", {"seconds": 1.0}, "seconds is for sounds, and modality image makes none"),
    ],
)
def test_options_of_other_answers_are_refused(
    tiny_model: UniTok, modality: Modality, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        tiny_model.generate(Document.user("a star"), modality, **options)
    with pytest.raises(InputError, match=message):
        next(tiny_model.stream(Document.user("a star"), modality, **options))
    with pytest.raises(InputError, match="refine is for pictures"):
        tiny_model.generate(Document.user("a star"), "text", refine=True)


def test_a_grid_without_room_is_refused_where_a_picture_may_come(tiny_model: UniTok) -> None:
    asked = Document.user("a star")
    with pytest.raises(InputError, match="an image needs"):
        tiny_model.generate(asked, "auto", Sampling(max_tokens=24), grid=(8, 8))
    with pytest.raises(InputError, match="an image needs"):
        next(tiny_model.stream(asked, "auto", Sampling(max_tokens=24), grid=(8, 8)))


def test_an_answer_is_not_answered(tiny_model: UniTok) -> None:
    with pytest.raises(InputError, match="its last turn must be the user's"):
        tiny_model.generate(Document.user("hi").reply("hello"))


def test_a_device_that_is_not_there_is_named(tiny_model: UniTok) -> None:
    for device in ("abacus", "cuda:77"):
        with pytest.raises(InputError, match=f"device '{device}' cannot be used here"):
            tiny_model.to(device)
    assert tiny_model.to("cpu") is tiny_model and tiny_model.device == torch.device("cpu")


def test_numbers_of_numpy_and_any_sequence_are_taken(tiny_model: UniTok) -> None:
    class Pair:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Document:
            return [Document.user("hi"), Document.user("ho")][index]

    sampling, two = Sampling(max_tokens=12), np.int64(2)
    many: Any = Pair()
    size: Any = two
    assert len(tiny_model.generate(many, "text", sampling, batch_size=size)) == 2
    grid: Any = [two, two]
    asked = Document.user("hi")
    drawn = tiny_model.generate(asked, "image", Sampling(max_tokens=40), grid=grid)
    assert drawn == tiny_model.generate(asked, "image", Sampling(max_tokens=40), grid=(2, 2))


def test_a_stream_answers_one_document(tiny_model: UniTok) -> None:
    asked: Any = [Document.user("hi"), Document.user("ho")]
    with pytest.raises(InputError, match="give a Document, such as"):
        next(tiny_model.stream(asked))
