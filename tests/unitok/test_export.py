"""`python -m unitok.export`: the ONNX files against the modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from unitok.export import main
from unitok.onnx_files import write_onnx
from unitok_detokenizers.image import ImageDetokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import CodebookConfig, ImageTokenizer, ImageTokenizerConfig


def test_the_files_equal_the_shipped_codec_at_other_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path)]) == 0
    paths = capsys.readouterr().out.split()
    encode, decode = (onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in paths)
    folder = Path(__file__).parents[2] / "unitok" / "checkpoints" / "tiny"
    tokenizer = ImageTokenizer.from_pretrained(folder / "image_tokenizer")
    detokenizer = ImageDetokenizer.from_pretrained(folder / "image_detokenizer")
    for shape in [(1, 3, 80, 80), (3, 3, 20, 60)]:
        pixels = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
        codes = tokenizer.encode(pixels)
        found = np.asarray(encode.run(None, {"pixels": pixels.numpy()})[0])
        assert found.dtype == np.int64 and found.shape == tuple(codes.shape)
        # A vector that lies as near to two codes may fall to either one.
        assert (found == codes.numpy()).mean() > 0.99
        picture = np.asarray(decode.run(None, {"codes": codes.numpy()})[0])
        np.testing.assert_allclose(picture, detokenizer.decode(codes).numpy(), atol=1e-4)


def test_nothing_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "image_detokenizer.onnx").write_text("mine")
    assert main(["--output", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["image_detokenizer.onnx"]


def test_a_codec_without_a_search_is_refused(tmp_path: Path) -> None:
    codebook = CodebookConfig(size=16, channels=2, metric="fsq", levels=[4, 4])
    with pytest.raises(InputError, match="codebooks are searched"):
        write_onnx(ImageTokenizer(ImageTokenizerConfig(codebook=codebook)), tmp_path / "x.onnx")


def test_a_codec_of_a_released_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="class Identity are not written"):
        write_onnx(torch.nn.Identity(), tmp_path / "x.onnx")  # type: ignore[arg-type]


def test_a_file_that_cannot_be_written_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert main(["--output", str(tmp_path / "file" / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.onnx.export", full)
    assert main(["--output", str(tmp_path / "out")]) == 2
    assert "No space left" in capsys.readouterr().err and list((tmp_path / "out").iterdir()) == []
