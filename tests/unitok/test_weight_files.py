"""Weights that are read and rewritten without being held."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from unitok.weight_files import WeightFiles, copy_weights
from unitok_tokenizers.errors import InputError

DTYPES = [torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.float16]


@given(
    shapes=st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=1, max_size=6),
    shard_size=st.integers(1, 2000),
    seed=st.integers(0, 9),
)
def test_what_is_copied_is_what_was_there(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[list[int]], shard_size: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "new").mkdir()
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        f"w.{n}": torch.randint(0, 99, shape, generator=generator).to(DTYPES[n % len(DTYPES)])
        for n, shape in enumerate(shapes)
    }
    save_file(tensors, folder / "model.safetensors")
    files, told = WeightFiles(folder), []
    copy_weights(
        ((f"v{name}", entry) for name, entry in files.entries.items()), folder / "new", shard_size, told.append
    )
    found = {
        name: tensor for path in (folder / "new").glob("*.safetensors") for name, tensor in load_file(path).items()
    }
    assert set(found) == {f"v{name}" for name in tensors}
    for name, tensor in tensors.items():
        assert found[f"v{name}"].dtype == tensor.dtype and torch.equal(found[f"v{name}"], tensor)
    assert sum(told) == sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    again = WeightFiles(folder / "new")
    assert all(torch.equal(again.get(f"v{name}"), tensor) for name, tensor in tensors.items())
    shards = list((folder / "new").glob("*.safetensors"))
    assert all(path.stat().st_size <= shard_size + 1000 or len(load_file(path)) == 1 for path in shards)


MEASURE = """
import resource, sys
from pathlib import Path
from unitok.weight_files import WeightFiles, copy_weights
files = WeightFiles(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
copy_weights(files.entries.items(), sys.argv[2], 1 << 40)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_tensor_is_never_held_whole(tmp_path: Path) -> None:
    size = 256 << 20
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)  # a hole, which takes no space
    (tmp_path / "new").mkdir()
    argv = [sys.executable, "-c", MEASURE, str(tmp_path), str(tmp_path / "new")]
    measured = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert int(measured.stdout) < 64  # MiB more than before, for a tensor of 256
    assert (tmp_path / "new/model.safetensors").stat().st_size >= size


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "damaged"),
        (b"abc", "damaged"),
        ((1 << 60).to_bytes(8, "little") + b"{}", "damaged"),
        ((2).to_bytes(8, "little") + b"[]", "damaged"),
        ((9).to_bytes(8, "little") + b'{"w": 33}', "damaged"),
        ((64).to_bytes(8, "little") + b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'.ljust(64), "damaged"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=rf"model\.safetensors is {named}"):
        WeightFiles(tmp_path)


def test_pickles_and_missing_shards_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither"):
        WeightFiles(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(InputError, match=r"pytorch_model\.bin is a pickle"):
        WeightFiles(tmp_path)
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"one\.safetensors, two\.safetensors are missing"):
        WeightFiles(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(InputError, match="not an index"):
        WeightFiles(tmp_path)
