"""Peak memory of converting a made-up Chameleon of several GB: `python -m benchmarks.convert_memory [--gigabytes 6]`.

The weights are holes in sparse files, which read as zeros and take no space; what is written does. Prints the largest
shard, the peak resident memory of the converting process, and that of a process that only imports the same modules.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import ChameleonConfig, PreTrainedTokenizerFast
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

CODES = 64
WIDTH, LAYERS_PER_GIGABYTE = 2048, 10  # a layer of this width takes about 100 MB in bf16
SIZES = {"F32": 4, "BF16": 2, "I64": 8}
SPECIAL = ["<s>", "<pad>", "</s>", "<eoss>", "<racm3:break>", "<reserved08706>"]


def make_up(folder: Path, gigabytes: float, shard_bytes: int) -> None:
    """A Chameleon folder whose weights are zeros that take no space."""
    from unitok.chameleon_decoder import ChameleonDecoder
    from unitok_tokenizers.released import ChameleonImageTokenizer, PixelScale

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    digits = [str(code).translate(str.maketrans("0123456789", "ABCDEFGHIJ")) for code in range(CODES)]
    names = [
        *SPECIAL,
        *letters,
        *(f"IMGIMG{one}Z" for one in digits),
        *(f"<reserved{n:05d}>" for n in range(8707, 8715)),
    ]
    vocabulary = {name: place for place, name in enumerate(names)}
    backend = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "sep_token": "<reserved08706>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **special).save_pretrained(str(folder))
    ChameleonImageProcessorPil(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}).save_pretrained(
        str(folder)
    )
    config = ChameleonConfig(
        vocab_size=len(names),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=round(gigabytes * LAYERS_PER_GIGABYTE * 0.75),
        num_attention_heads=16,
        num_key_value_heads=16,
        vq_config={"base_channels": 32, "channel_multiplier": [1, 1, 2, 2], "num_embeddings": CODES, "resolution": 64},
        vocabulary_map=vocabulary,
    )
    config.save_pretrained(str(folder))
    with torch.device("meta"):
        decoder = ChameleonDecoder(config)
        images = ChameleonImageTokenizer(config.vq_config, PixelScale())
    entries = [(name, "BF16", tuple(value.shape)) for name, value in decoder.state_dict().items()]
    entries += [(f"model.vqmodel.{name}", "F32", tuple(value.shape)) for name, value in images.vq.state_dict().items()]
    where: dict[str, str] = {}
    shards: list[dict[str, object]] = [{}]
    place = 0
    for name, dtype, shape in entries:
        size = SIZES[dtype] * math.prod(shape)
        if place and place + size > shard_bytes:
            shards.append({})
            place = 0
        shards[-1][name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
        where[name] = f"model-{len(shards):05d}.safetensors"
    for number, shard in enumerate(shards, 1):
        header = json.dumps(shard).encode()
        end = max(value["data_offsets"][1] for value in shard.values())  # type: ignore[index]
        with (folder / f"model-{number:05d}.safetensors").open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + end)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def peak(code: str) -> float:
    """Peak resident memory in GB of a process that runs `code`."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=6.0)
    parser.add_argument("--shard-gigabytes", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        source, output = Path(work, "source"), Path(work, "output")
        source.mkdir()
        make_up(source, options.gigabytes, int(options.shard_gigabytes * 1e9))
        shards = [path.stat().st_size for path in source.glob("*.safetensors")]
        imports = peak("import unitok.conversion")  # first: the peak of children only grows
        whole = peak(f"from unitok.conversion import convert; convert({str(source)!r}, {str(output)!r})")
        copied = sum(path.stat().st_size for path in (output / "decoder").glob("*.safetensors"))
    print(f"weights {sum(shards) / 1e9:.2f} GB in {len(shards)} shards, decoder {copied / 1e9:.2f} GB")
    print(f"largest shard {max(shards) / 1e9:.2f} GB")
    print(f"peak {whole:.2f} GB, {whole * 1e9 / max(shards):.2f} x the largest shard; imports alone {imports:.2f} GB")


if __name__ == "__main__":
    main()
