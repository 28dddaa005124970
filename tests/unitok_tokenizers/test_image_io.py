from __future__ import annotations

import io
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unitok_tokenizers import InputError
from unitok_tokenizers.image_io import load_image, save_image, to_pil, to_rgb, to_tensor


def picture(width: int = 6, height: int = 4) -> Image.Image:
    """A picture whose four corners differ, so that every turn and flip shows."""
    pixels = np.full((height, width, 3), 128, dtype=np.uint8)
    pixels[0, 0] = (255, 0, 0)
    pixels[0, -1] = (0, 255, 0)
    pixels[-1, 0] = (0, 0, 255)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixel(image: Image.Image, x: int = 0, y: int = 0) -> tuple[int, int, int]:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    red, green, blue = (int(channel) for channel in value)
    return red, green, blue


def gray16(kind: str = "PNG") -> bytes:
    return encoded(Image.fromarray(np.array([[0, 257, 32896, 65535]], dtype=np.uint16)), kind)


# ---- color modes


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "RGBA", "LA", "PA", "RGBX", "La", "RGBa"]
)
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new("RGBA", (3, 2), (255, 255, 255, 255))
    step = {"La": "LA", "PA": "P", "HSV": "RGB"}.get(mode)  # Pillow has no direct way to these
    result = to_rgb((image.convert(step) if step else image).convert(mode))
    assert result.mode == "RGB"
    assert pixel(result) == (255, 255, 255)


def test_alpha_lies_on_white() -> None:
    layer = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
    layer.putpixel((1, 0), (255, 0, 0, 0))
    layer.putpixel((2, 0), (0, 0, 0, 51))
    result = load_image(encoded(layer))
    assert [pixel(result, x) for x in range(3)] == [(255, 0, 0), (255, 255, 255), (204, 204, 204)]


def test_gray_with_alpha_lies_on_white() -> None:
    assert pixel(load_image(encoded(Image.new("LA", (2, 2), (0, 0))))) == (255, 255, 255)


def test_transparent_palette_color_lies_on_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    result = load_image(encoded(palette, transparency=0))
    assert [pixel(result, x) for x in range(2)] == [(255, 255, 255), (0, 0, 255)]


def test_transparent_rgb_color_lies_on_white() -> None:
    result = load_image(encoded(picture(), transparency=(255, 0, 0)))
    assert pixel(result) == (255, 255, 255)
    assert pixel(result, 5, 0) == (0, 255, 0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled(kind: str) -> None:
    result = load_image(gray16(kind))
    assert [pixel(result, x)[0] for x in range(4)] == [0, 1, 128, 255]


def test_16_bit_transparent_gray_lies_on_white() -> None:
    image = Image.fromarray(np.array([[0, 32896]], dtype=np.uint16))
    image.info["transparency"] = 0
    assert [pixel(to_rgb(image), x)[0] for x in range(2)] == [255, 128]


def test_32_bit_integers_are_clipped_to_16_bits() -> None:
    image = Image.fromarray(np.array([[-5, 32896, 65535, 10**9]], dtype=np.int32))
    assert [pixel(to_rgb(image), x)[0] for x in range(4)] == [0, 128, 255, 255]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0.0, 0.5, 1.0, -3.0], [0, 128, 255, 0]),
        ([0.0, 128.0, 300.0, -1.0], [0, 128, 255, 0]),
        ([float("nan"), 1.0, 0.0, float("-inf")], [0, 255, 0, 0]),
        ([float("inf"), 20.0, 0.0, 1.0], [255, 20, 0, 1]),
    ],
)
def test_floats(values: list[float], wanted: list[int]) -> None:
    image = load_image(encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF"))
    assert [pixel(image, x)[0] for x in range(4)] == wanted


def test_cmyk_jpeg() -> None:
    result = load_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = pixel(result)
    assert red > 240
    assert green < 15
    assert blue < 15


def test_unknown_color_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("CMYK", (2, 2)), "TIFF")

    def refuse(self: Image.Image, mode: str) -> None:
        raise ValueError("conversion not supported")

    monkeypatch.setattr(Image.Image, "convert", refuse)
    assert "color mode CMYK" in error_of(data)


# ---- orientation, frames, metadata


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])  # Pillow turns a TIFF itself
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int, kind: str) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = picture().transpose(undo[orientation]) if orientation in undo else picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = load_image(encoded(stored, kind, exif=exif))
    assert result.size == (6, 4)
    assert np.array_equal(np.asarray(result), np.asarray(picture()))


@pytest.mark.parametrize("exif", [b"Exif\x00\x00nonsense", b"Exif\x00\x00II*\x00\xff\xff\xff\xff"])
def test_damaged_exif_is_ignored(exif: bytes) -> None:
    assert load_image(encoded(picture(16, 16), "JPEG", exif=exif)).size == (16, 16)


def test_metadata_is_left_behind() -> None:
    assert load_image(encoded(picture(), dpi=(300, 300))).info == {}


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert pixel(load_image(data)) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG"])
def test_formats(kind: str) -> None:
    assert load_image(encoded(picture(), kind)).size == (6, 4)


# ---- sources and damaged files


def test_sources(tmp_path: Path) -> None:
    path = tmp_path / "ein Bild\nmit 'Namen' é.png"
    path.write_bytes(encoded(picture()))
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert np.array_equal(np.asarray(load_image(source)), np.asarray(picture()))
    with path.open("rb") as file:
        load_image(file)
        assert not file.closed


def error_of(source: str | Path | bytes, **options: int) -> str:
    with pytest.raises(InputError) as caught:
        load_image(source, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    assert "absent.png" in error_of(tmp_path / "absent.png")


def test_directory(tmp_path: Path) -> None:
    assert "not a file" in error_of(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    assert "empty" in error_of(tmp_path / "empty.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a file" in error_of(tmp_path / "pipe.png")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(picture()))

    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)  # a chmod would not stop a test that runs as root
    message = error_of(path)
    assert "secret.png" in message
    assert "Permission denied" in message


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "nul\0.png"])
def test_impossible_names(name: str) -> None:
    assert "cannot be opened" in error_of(name)


def test_not_a_picture() -> None:
    assert "not a picture" in error_of(b"GIF? no, just words.")


def test_formats_that_are_not_read() -> None:
    assert "not a picture" in error_of(encoded(picture(), "PPM"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    path = tmp_path / "half"
    path.write_bytes(data[: len(data) // 2])
    assert "half" in error_of(path)


def test_mutated_files_load_or_raise_one_error() -> None:
    chance = random.Random(0)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8))
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        original = encoded(noise, kind)
        for _ in range(40):
            data = bytearray(original)
            for _ in range(chance.randint(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                result = load_image(bytes(data), max_pixels=10**6)
            except InputError as error:
                assert "\n" not in str(error)
            else:
                assert result.mode == "RGB"


def test_pixel_limit_is_checked_before_the_pixels_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("the pixels were read"))
    message = error_of(encoded_without_load(), max_pixels=99)
    assert "10x10" in message
    assert "99" in message


def encoded_without_load() -> bytes:
    """A 10x10 PNG, written down by hand since Pillow's own writer calls ``load``."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 10, 10, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(11 * 10))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("limit", [30, 70])
def test_pillows_bomb_warning_and_error_become_an_input_error(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)  # 100 pixels: an error above 60, a warning above 70
    assert "scale it down" in error_of(encoded_without_load())


def test_no_warnings_reach_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_image(encoded(picture(16, 16), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"))


# ---- tensors


def test_tensor_round_trip_is_exact() -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    tensor = to_tensor(pixels)
    assert tensor.shape == (3, 16, 16)
    assert tensor.dtype == torch.float32
    assert (float(tensor.min()), float(tensor.max())) == (-1.0, 1.0)
    assert np.array_equal(np.asarray(to_pil(tensor)), pixels)
    assert torch.equal(to_tensor(Image.fromarray(pixels)), tensor)


def test_to_tensor_does_not_alias_its_input() -> None:
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    to_tensor(pixels).zero_()
    assert not pixels.any()


def test_to_pil_clips() -> None:
    tensor = torch.tensor([-9.0, 0.0, 9.0]).view(3, 1, 1).to(torch.bfloat16).requires_grad_()
    assert pixel(to_pil(tensor)) == (0, 128, 255)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4), (1, 3, 4, 4)])
def test_to_pil_wants_three_channels(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"\[3, H, W\]"):
        to_pil(torch.zeros(shape))


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_to_tensor_wants_bytes(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match="uint8"):
        to_tensor(pixels)


# ---- saving


@pytest.mark.parametrize("name", ["a.png", "b.PNG", "c.webp"])
def test_save_is_lossless(name: str, tmp_path: Path) -> None:
    path = save_image(picture(), tmp_path / name)
    assert np.array_equal(np.asarray(load_image(path)), np.asarray(picture()))
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_save_jpeg_of_a_picture_with_alpha(tmp_path: Path) -> None:
    save_image(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), tmp_path / "a.jpg")
    assert min(pixel(load_image(tmp_path / "a.jpg"))) > 250


def test_save_never_overwrites_silently(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")
    with pytest.raises(InputError, match="already exists"):
        save_image(picture(), path)
    assert path.read_text() == "precious"
    save_image(picture(), path, overwrite=True)
    assert load_image(path).size == (6, 4)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("hard_links", [True, False])
def test_save_does_not_replace_a_file_that_appears_meanwhile(
    hard_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    save = Image.Image.save

    def slow_save(self: Image.Image, *args: object, **options: object) -> None:
        save(self, *args, **options)  # type: ignore[arg-type]
        path.write_text("precious")

    def no_links(*args: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Image.Image, "save", slow_save)
    if not hard_links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(InputError, match="already exists"):
        save_image(picture(), path)
    assert path.read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def test_save_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*args: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    save_image(picture(), tmp_path / "a.png")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(self: Image.Image, file: io.BufferedWriter, *args: object, **options: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(InputError, match="No space left"):
        save_image(picture(), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a.xyz", "must end with"), ("none/a.png", "cannot be written"), ("file/a.png", "cannot be written")],
)
def test_save_errors(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=reason):
        save_image(picture(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
