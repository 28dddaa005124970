from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage
from torch import Tensor

from unitok.document import Audio, Document, Image, Text, Turn
from unitok.picture_fit import crop_to_patches, crop_to_square, pad_to_square
from unitok.processor import Processor
from unitok.spans import parse_spans, parse_turn
from unitok.vocabulary import Vocabulary
from unitok_tokenizers import CodebookSpec, InputError
from unitok_tokenizers.text import TextTokenizer

CELL = 4


class MeanCodec:
    """Codes are the brightness of a cell in 16 steps, and in a second codebook its share of red."""

    def __init__(self, num_codebooks: int = 2) -> None:
        self.spec = CodebookSpec("image", 16, num_codebooks, downsample=CELL)
        self.batches: list[int] = []

    def encode(self, media: Tensor) -> Tensor:
        assert media.dim() == 4
        assert not media.shape[2] % CELL
        assert not media.shape[3] % CELL
        self.batches.append(len(media))
        cells = torch.nn.functional.avg_pool2d(media, CELL)
        channels = torch.stack([cells.mean(dim=1), cells[:, 0]], dim=1)[:, : self.spec.num_codebooks]
        return ((channels + 1) * 7.5).round().long()

    def decode(self, codes: Tensor) -> Tensor:
        self.batches.append(len(codes))
        levels = codes[:, :1].float() / 7.5 - 1
        return levels.expand(-1, 3, -1, -1).repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)


@pytest.fixture(scope="module")
def text_tokenizer() -> TextTokenizer:
    return TextTokenizer.train(["a small red circle above a large blue square"] * 3, 300)


def make(text_tokenizer: TextTokenizer, codec: MeanCodec | None = None, image_size: int | None = 16) -> Processor:
    codec = codec or MeanCodec()
    vocabulary = Vocabulary(text_tokenizer.vocab_size, [codec.spec], max_grid=8)
    return Processor(text_tokenizer, vocabulary, codec, codec, image_size)


@pytest.fixture(scope="module")
def processor(text_tokenizer: TextTokenizer) -> Processor:
    return make(text_tokenizer)


def codes(h: int = 2, w: int = 3, k: int = 2, seed: int = 0) -> Tensor:
    return torch.randint(16, (k, h, w), generator=torch.Generator().manual_seed(seed))


def picture(width: int, height: int, seed: int = 0) -> PILImage.Image:
    return PILImage.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


# ---- the layout


def test_layout(processor: Processor) -> None:
    v = processor.vocabulary
    document = Document((Turn((Text("b"),)),)).ask("a", Image(codes=codes())).reply("c")
    letter = {x: processor.text_tokenizer.encode(x)[0] for x in "abc"}
    image = [v.boi, v.size_id(2), v.size_id(3), *v.codes_to_ids("image", codes()[None])[0].tolist(), v.eoi]
    wanted = [v.bos, letter["b"], v.user, letter["a"], *image, v.eot, v.assistant, letter["c"], v.eot, v.eos]
    ids = processor.encode(document)
    assert ids.dtype == torch.int64
    assert ids.tolist() == wanted
    assert processor.encode(document, generation_prompt=True).tolist() == [*wanted[:-1], v.assistant]


def test_unconditional(processor: Processor) -> None:
    v = processor.vocabulary
    assert processor.unconditional().tolist() == [v.bos, v.user, v.uncond, v.eot, v.assistant]


def test_targets(processor: Processor) -> None:
    document = Document.user("a", Image(codes=codes())).reply("b", Image(codes=codes())).ask("c").reply("d")
    ids = processor.encode(document)
    (first, second) = (turn for turn in parse_spans(processor.vocabulary, ids) if turn.role == "assistant")
    wanted = torch.zeros(len(ids), dtype=torch.uint8)
    wanted[first.start + 1 : first.stop] = 1
    wanted[second.start + 1 : second.stop] = 1
    targets = processor.targets(ids)
    assert targets.dtype == torch.uint8
    assert torch.equal(targets, wanted)


def test_targets_of_plain_turns_and_padded_batches(processor: Processor) -> None:
    v = processor.vocabulary
    plain = processor.encode(Document((Turn((Text("ab"), Image(codes=codes()))),)))
    mixed = processor.encode(Document.user("a").reply("b"))
    assert processor.targets(plain).tolist() == [0, *[1] * (len(plain) - 2), 0]
    rows = torch.full((2, len(plain) + len(mixed)), v.pad)
    rows[0, : len(mixed)] = mixed
    rows[1] = torch.cat([plain, mixed])
    targets = processor.targets(rows)
    assert targets[0].tolist() == [*processor.targets(mixed).tolist(), *[0] * len(plain)]
    assert targets[1].tolist() == [*processor.targets(plain).tolist(), *processor.targets(mixed).tolist()]


# ---- round trips

any_text = st.lists(
    st.sampled_from(["<boi>", "<eot>", "<|endoftext|>", "<size_2>", "<assistant>", " ", "\n"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    max_size=5,
).map("".join)
any_image = st.builds(
    lambda h, w, seed: Image(codes=codes(h, w, seed=seed)),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(0, 9),
)
any_turn = st.builds(
    Turn,
    st.lists(st.builds(Text, any_text) | any_image, max_size=4).map(tuple),
    st.sampled_from(["user", "assistant"]),
)


def canonical(turn: Turn) -> list[object]:
    """Parts with adjacent texts joined and empty ones left out."""
    merged: list[object] = []
    for part in turn.parts:
        if isinstance(part, Text) and merged and isinstance(merged[-1], str):
            merged[-1] += part.text
        else:
            merged.append(part.text if isinstance(part, Text) else part)
    return [part for part in merged if part != ""]


@settings(deadline=None, max_examples=100)
@given(st.lists(any_turn, max_size=3))
def test_documents_round_trip(processor: Processor, turns: list[Turn]) -> None:
    document = Document(tuple(turns))
    parsed = processor.parse(processor.encode(document))
    assert [turn.role for turn in parsed.turns] == [turn.role for turn in turns]
    assert [canonical(turn) for turn in parsed.turns] == [canonical(turn) for turn in turns]


@settings(deadline=None, max_examples=200)
@given(any_text)
def test_text_never_becomes_a_control_token(processor: Processor, text: str) -> None:
    v = processor.vocabulary
    inside = processor.encode(Document.user(text))[2:-2]
    assert bool((v.modality_of(inside) == 0).all())
    assert processor.decode_text(inside) == text


def test_adjacent_texts_join_and_images_keep_their_places(processor: Processor) -> None:
    one, two = Image(codes=codes(seed=1)), Image(codes=codes(1, 1, seed=2))
    document = Document.user("a ", " b", one, two, "", " c\n", Text("")).reply(one)
    parsed = processor.parse(processor.encode(document))
    assert parsed.turns[0].parts == (Text("a  b"), one, two, Text(" c\n"))
    assert parsed.turns[1].parts == (one,)


def test_turns_without_a_role(processor: Processor) -> None:
    document = Document((Turn((Text("a"),)), Turn((Text("b"),), "user"), Turn((Text("c"),))))
    assert processor.parse(processor.encode(document)) == document


def test_decode_gives_pictures_and_codes(processor: Processor) -> None:
    decoded = processor.decode(processor.encode(Document.user("a", Image(codes=codes()))))
    image = decoded.turns[0].images[0]
    assert image.image is not None
    assert image.image.size == (3 * CELL, 2 * CELL)
    assert image.codes is not None
    assert torch.equal(image.codes, codes())


def test_decode_without_a_detokenizer(text_tokenizer: TextTokenizer) -> None:
    full = make(text_tokenizer)
    processor = Processor(text_tokenizer, full.vocabulary)
    document = Document.user(Image(codes=codes()))
    assert processor.decode(processor.encode(document)) == document


def test_decode_turn(processor: Processor) -> None:
    v = processor.vocabulary
    ids = torch.cat([processor.image_span(codes()), torch.tensor([v.eot, v.pad, v.pad])])
    turn = processor.decode_turn(ids)
    assert turn.role == "assistant"
    assert turn.images[0].image is not None


def test_codes_of_a_decoded_image_are_used_again(text_tokenizer: TextTokenizer) -> None:
    codec = MeanCodec()
    processor = make(text_tokenizer, codec)
    ids = processor.encode(Document.user(Image(picture(16, 16), codes())))
    assert codec.batches == []
    assert torch.equal(ids[2:-2], processor.image_span(codes()))


# ---- malformed ids


def test_every_damage_is_noticed(processor: Processor) -> None:
    """Each single token that is left out, doubled or exchanged gives an error or another valid document."""
    v = processor.vocabulary
    ids = processor.encode(Document.user("a", Image(codes=codes(1, 2))).reply("b"))
    image = slice(3, 3 + 4 + 4)
    for place in range(len(ids)):
        left_out = torch.cat([ids[:place], ids[place + 1 :]])
        doubled = torch.cat([ids[: place + 1], ids[place:]])
        exchanged = ids.clone()
        exchanged[place] = v.uncond
        harmless = bool(v.modality_of(ids[place]) == 0)  # a text token more or less is still a document
        for damaged in (left_out, doubled):
            if harmless or (damaged is left_out and place == len(ids) - 1):
                processor.parse(damaged)
            elif image.start <= place < image.stop or place in (0, len(ids) - 1):
                with pytest.raises(InputError):
                    processor.parse(damaged)
        with pytest.raises(InputError):
            processor.parse(exchanged)


def test_malformed_documents(processor: Processor) -> None:
    v = processor.vocabulary
    text, code = 65, int(v.block_ids("image", 0)[0])
    cases = [
        [],
        [text],
        [v.bos, v.user, text],
        [v.bos, v.user, v.user, v.eot],
        [v.bos, text, v.eot],
        [v.bos, v.eot],
        [v.bos, v.eos, text],
        [v.bos, v.pad, v.eos],
        [v.bos, code],
        [v.bos, v.size_id(1)],
        [v.bos, v.boi, v.size_id(1), v.size_id(1), code],
        [v.bos, v.boi, v.size_id(1), text],
        [v.bos, v.boi],
        [v.bos, v.boa, v.eoa],
        [v.bos, v.bos],
        [v.bos, v.size],
        [v.bos, -1],
    ]
    for ids in cases:
        with pytest.raises(InputError) as caught:
            processor.parse(torch.tensor(ids, dtype=torch.int64))
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"\[S\]"):
        processor.parse(torch.zeros(1, 3, dtype=torch.int64))
    for ids in ([text], [v.eot, text], [v.user, v.eot]):
        with pytest.raises(InputError):
            parse_turn(v, torch.tensor(ids))


def test_a_document_may_lack_its_end(processor: Processor) -> None:
    document = Document.user("a").reply("b")
    v = processor.vocabulary
    ids = processor.encode(document)
    assert processor.parse(ids[:-1]) == document
    assert processor.parse(torch.cat([ids, torch.tensor([v.pad, v.pad])])) == document


# ---- pictures


def test_pictures_of_all_documents_are_encoded_together(text_tokenizer: TextTokenizer) -> None:
    codec = MeanCodec()
    processor = make(text_tokenizer, codec)
    documents = [
        Document.user(picture(16, 16, 1), "x", picture(9, 30, 2)).reply(picture(16, 16, 3)),
        Document.user("y"),
        Document.user(picture(64, 5, 4)),
    ]
    batch = processor.encode_batch(documents)
    assert codec.batches == [4]
    for document, ids in zip(documents, batch, strict=True):
        assert torch.equal(processor.encode(document), ids)


def test_pictures_are_decoded_together(text_tokenizer: TextTokenizer) -> None:
    codec = MeanCodec()
    processor = make(text_tokenizer, codec)
    documents = [
        Document.user(Image(codes=codes(2, 2, seed=n)), "x", Image(codes=codes(1, 3, seed=n))) for n in range(3)
    ]
    decoded = processor.with_media(documents)
    assert sorted(codec.batches) == [3, 3]
    for document, n in zip(decoded, range(3), strict=True):
        assert [image.image.size for image in document.turns[0].images if image.image] == [(8, 8), (12, 4)]
        alone = processor.decode_images([codes(2, 2, seed=n)])[0]
        assert document.turns[0].images[0].image == alone
        assert document.turns[0].parts[1] == Text("x")


def test_large_batches_are_cut(text_tokenizer: TextTokenizer) -> None:
    codec = MeanCodec()
    processor = make(text_tokenizer, codec, image_size=32)
    encoded = processor.encode_images([picture(32, 32, n) for n in range(300)])
    assert codec.batches == [256, 44]
    processor.decode_images(encoded)
    assert codec.batches[2:] == [256, 44]
    assert torch.equal(encoded[299], processor.encode_images([picture(32, 32, 299)])[0])


def test_fitted_picture(processor: Processor) -> None:
    exact = picture(16, 16)
    assert np.array_equal(np.asarray(processor.prepare_image(exact)), np.asarray(exact))
    wide = PILImage.new("RGB", (40, 20), (10, 200, 30))
    fitted = processor.prepare_image(wide)
    assert fitted.size == (16, 16)
    assert np.asarray(fitted).reshape(-1, 3).std(axis=0).max() == 0  # a plain border goes on without a seam
    marked = PILImage.new("RGB", (8, 4), (0, 0, 0))
    marked.paste((255, 255, 255), (2, 1, 6, 3))
    pixels = np.asarray(processor.prepare_image(marked))
    assert pixels[8, 8].min() > 200
    assert pixels[:4].max() < 40
    assert pixels[12:].max() < 40


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000), (3, 2)])
def test_extreme_shapes_fit(processor: Processor, size: tuple[int, int]) -> None:
    assert processor.prepare_image(PILImage.new("RGB", size, (1, 2, 3))).size == (16, 16)


@pytest.mark.parametrize(
    "fit",
    [partial(pad_to_square, side=16), partial(crop_to_square, side=16), partial(crop_to_patches, patch=8, side=16)],
)
@pytest.mark.parametrize("size", [(2_000_000, 1), (1, 2_000_000)])
def test_what_is_far_too_thin_is_refused(fit: Callable[..., PILImage.Image], size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"{size[0]}x{size[1]}, more than .* longer than wide; cut it"):
        fit(PILImage.new("RGB", size))


def test_native_size_is_padded_and_given_back(text_tokenizer: TextTokenizer) -> None:
    processor = make(text_tokenizer, image_size=None)
    image = picture(13, 6)
    prepared = processor.prepare_image(image)
    assert prepared.size == (16, 8)
    assert np.array_equal(np.asarray(prepared)[:6, :13], np.asarray(image))
    assert np.array_equal(np.asarray(prepared)[7, :13], np.asarray(image)[5])
    assert processor.prepare_image(prepared) is prepared
    one = processor.encode_images([image])[0]
    assert one.shape == (2, 2, 4)
    restored = processor.with_media([Document.user(Image(codes=one, size=(6, 13)))])[0].turns[0].images[0]
    assert restored.image is not None
    assert restored.image.size == (13, 6)
    assert restored.size == (6, 13)


def test_native_size_has_a_limit(text_tokenizer: TextTokenizer) -> None:
    processor = make(text_tokenizer, image_size=None)
    assert processor.encode_images([picture(32, 4)])[0].shape == (2, 1, 8)
    with pytest.raises(InputError, match="33x4, above the 32"):
        processor.encode_images([picture(33, 4)])


def test_grid(text_tokenizer: TextTokenizer) -> None:
    assert make(text_tokenizer, image_size=32).grid == (8, 8)
    assert make(text_tokenizer, image_size=None).grid is None
    assert Processor(text_tokenizer, Vocabulary(text_tokenizer.vocab_size, [])).grid is None


def test_pictures_do_not_become_inference_tensors(processor: Processor) -> None:
    ids = processor.encode(Document.user(picture(16, 16)))
    table = torch.zeros(processor.vocabulary.size, 2, requires_grad=True)
    table[ids].sum().backward()


# ---- what does not fit together


def test_mismatched_parts(text_tokenizer: TextTokenizer) -> None:
    codec, other = MeanCodec(2), MeanCodec(1)
    vocabulary = Vocabulary(text_tokenizer.vocab_size, [codec.spec], max_grid=8)
    with pytest.raises(InputError, match="text block"):
        Processor(text_tokenizer, Vocabulary(5, [codec.spec]))
    with pytest.raises(InputError, match="image tokenizer"):
        Processor(text_tokenizer, vocabulary, other, codec, 16)
    with pytest.raises(InputError, match="image detokenizer"):
        Processor(text_tokenizer, vocabulary, codec, other, 16)
    with pytest.raises(InputError, match="multiple of 4"):
        Processor(text_tokenizer, vocabulary, codec, codec, 18)
    with pytest.raises(InputError, match="code grid of 9"):
        Processor(text_tokenizer, vocabulary, codec, codec, 36)
    blind = MeanCodec()
    blind.spec = dataclasses.replace(blind.spec, downsample=None)
    blind_vocabulary = Vocabulary(text_tokenizer.vocab_size, [blind.spec], max_grid=8)
    with pytest.raises(InputError, match="downsample"):
        Processor(text_tokenizer, blind_vocabulary, blind, blind, 16)


def test_what_cannot_be_encoded(text_tokenizer: TextTokenizer, processor: Processor) -> None:
    bare = Processor(text_tokenizer, processor.vocabulary)
    with pytest.raises(InputError, match="no image tokenizer"):
        bare.encode(Document.user(picture(4, 4)))
    with pytest.raises(InputError, match="no image detokenizer"):
        bare.decode_images([codes()])
    with pytest.raises(InputError, match="audio"):
        processor.encode(Document.user(Audio(codes=torch.zeros(1, 1).long())))
    with pytest.raises(InputError, match="image codes"):
        processor.encode(Document.user(Image(codes=codes(k=1))))
    with pytest.raises(InputError, match="1 to 8"):
        processor.encode(Document.user(Image(codes=codes(9, 1))))
    words = Processor(text_tokenizer, Vocabulary(text_tokenizer.vocab_size, []))
    assert words.parse(words.encode(Document.user("x"))) == Document.user("x")
    with pytest.raises(InputError, match="no image codes"):
        words.encode(Document.user(Image(codes=codes())))
