"""The image tokenizer and detokenizer as ONNX files.

Shape letters: B pictures, H W pixels, h w code grid, K codebooks, C channels of a code.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unitok_detokenizers.image import ImageDetokenizer
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image import ImageTokenizer

OPSET = 20


class _Encode(nn.Module):
    """Pixels ``[B, 3, H, W]`` to codes ``[B, K, h, w]``, all positions at once."""

    def __init__(self, tokenizer: ImageTokenizer) -> None:
        super().__init__()
        self.encoder, codebook = tokenizer.encoder, tokenizer.codebook
        self.cosine = codebook.metric == "cosine"
        self.vectors = nn.Buffer(codebook.vectors)

    def forward(self, pixels: Tensor) -> Tensor:
        parts = self.encoder(pixels).permute(0, 2, 3, 1).chunk(len(self.vectors), dim=-1)
        return torch.stack([self._nearest(part, self.vectors[k]) for k, part in enumerate(parts)], dim=1)

    def _nearest(self, x: Tensor, vectors: Tensor) -> Tensor:
        """The codes ``[B, h, w]`` of ``[B, h, w, C]``."""
        if self.cosine:
            x = F.normalize(x, dim=-1)
        # argmin |x - v|^2 = argmax x.v - |v|^2 / 2
        return (x @ vectors.T - vectors.square().sum(-1) / 2).argmax(-1)


class _Decode(nn.Module):
    """Codes ``[B, K, h, w]`` to pixels ``[B, 3, H, W]``."""

    def __init__(self, detokenizer: ImageDetokenizer) -> None:
        super().__init__()
        self.decoder = detokenizer.decoder
        self.vectors = nn.Buffer(detokenizer.codebook.vectors)

    def forward(self, codes: Tensor) -> Tensor:
        vectors = torch.cat([self.vectors[k][codes[:, k]] for k in range(len(self.vectors))], dim=-1)
        return self.decoder(vectors.permute(0, 3, 1, 2)).clamp(-1, 1)


def write_onnx(codec: ImageTokenizer | ImageDetokenizer, path: str | Path) -> None:
    """Write an `ImageTokenizer` or `ImageDetokenizer` as one ONNX file.

    Raises:
        InputError: `onnx` is not installed, the codec is of another kind, its codebooks refine one another or need no
            search (FSQ), or the file cannot be written.
    """
    if not isinstance(codec, ImageTokenizer | ImageDetokenizer):
        raise InputError(f"codecs of the class {type(codec).__name__} are not written as ONNX, only those trained here")
    if not (find_spec("onnx") and find_spec("onnxscript")):
        raise InputError("ONNX files need onnx and onnxscript: pip install unitok-multimodal[onnx]")
    books = len(codec.codebook.vectors)
    if codec.codebook.metric == "fsq" or (books > 1 and codec.codebook.combine == "sum"):
        raise InputError("only codecs whose codebooks are searched, each on its own, are written as ONNX")
    # Two different sizes along each axis that may change: the exporter takes a one for a constant.
    if isinstance(codec, ImageDetokenizer):
        graph, example = _Decode(codec), torch.zeros(2, books, 3, 5, dtype=torch.int64)
        names = "codes", "pixels"
    else:
        cell = codec.config.downsample
        graph, example = _Encode(codec), torch.zeros(2, 3, 3 * cell, 5 * cell)
        names = "pixels", "codes"
    dynamic = dict.fromkeys((0, 2, 3), torch.export.Dim.AUTO)  # batch, rows, columns
    path = Path(path)
    work = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work.touch()
        torch.onnx.export(
            graph.eval(),
            (example,),
            str(work),
            input_names=[names[0]],
            output_names=[names[1]],
            dynamic_shapes=(dynamic,),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
        work.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}; choose another folder") from error
    finally:
        with suppress(OSError):
            work.unlink(missing_ok=True)
