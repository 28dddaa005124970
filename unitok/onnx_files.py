"""The image tokenizer and detokenizer as ONNX files.

Shape letters: B pictures, H W pixels, h w code grid, C channels of a code.
"""

from __future__ import annotations

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
    """Pixels ``[B, 3, H, W]`` to codes ``[B, 1, h, w]``, all positions at once."""

    def __init__(self, tokenizer: ImageTokenizer) -> None:
        super().__init__()
        self.encoder, codebook = tokenizer.encoder, tokenizer.codebook
        self.cosine = codebook.metric == "cosine"
        self.vectors = nn.Buffer(codebook.vectors[0])

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.encoder(pixels).permute(0, 2, 3, 1)
        if self.cosine:
            x = F.normalize(x, dim=-1)
        # argmin |x - v|^2 = argmax x.v - |v|^2 / 2
        scores = x @ self.vectors.T - self.vectors.square().sum(-1) / 2
        return scores.argmax(-1)[:, None]


class _Decode(nn.Module):
    """Codes ``[B, 1, h, w]`` to pixels ``[B, 3, H, W]``."""

    def __init__(self, detokenizer: ImageDetokenizer) -> None:
        super().__init__()
        self.decoder = detokenizer.decoder
        self.vectors = nn.Buffer(detokenizer.codebook.vectors[0])

    def forward(self, codes: Tensor) -> Tensor:
        return self.decoder(self.vectors[codes[:, 0]].permute(0, 3, 1, 2)).clamp(-1, 1)


def write_onnx(codec: ImageTokenizer | ImageDetokenizer, path: str | Path) -> None:
    """Write an `ImageTokenizer` or `ImageDetokenizer` as one ONNX file.

    Raises:
        InputError: `onnx` is not installed, or the codes are of several codebooks or need no search (FSQ).
    """
    if not (find_spec("onnx") and find_spec("onnxscript")):
        raise InputError("ONNX files need onnx and onnxscript: pip install unitok-multimodal[onnx]")
    if codec.codebook.metric == "fsq" or len(codec.codebook.vectors) != 1:
        raise InputError("only codecs of one searched codebook are written as ONNX")
    # Two different sizes along each axis that may change: the exporter takes a one for a constant.
    if isinstance(codec, ImageDetokenizer):
        graph, example = _Decode(codec), torch.zeros(2, 1, 3, 5, dtype=torch.int64)
        names = "codes", "pixels"
    else:
        cell = codec.config.downsample
        graph, example = _Encode(codec), torch.zeros(2, 3, 3 * cell, 5 * cell)
        names = "pixels", "codes"
    dynamic = dict.fromkeys((0, 2, 3), torch.export.Dim.AUTO)  # batch, rows, columns
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        graph.eval(),
        (example,),
        str(path),
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_shapes=(dynamic,),
        opset_version=OPSET,
        external_data=False,
        verbose=False,
    )
