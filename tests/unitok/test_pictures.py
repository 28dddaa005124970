"""Pictures to train on: crops of a user's own files."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from unitok.data.folders import FileExcerpts
from unitok.data.pictures import FolderPictures, WorldPictures, crop
from unitok.data.pools import training_batches
from unitok_tokenizers.errors import InputError

SIZES = ((64, 48), (30, 80), (20, 10), (200, 33), (16, 16), (48, 64))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of several sizes, some of them in a subfolder; left to right they grow redder, downwards greener."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for number, (width, height) in enumerate(SIZES):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[..., 0], pixels[..., 1] = np.linspace(0, 255, width), np.linspace(0, 255, height)[:, None]
        Image.fromarray(pixels).save(folder / ("more" if number % 2 else "") / f"{number}.png")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_crops_of_a_folder(folder: Path) -> None:
    data = FolderPictures(str(folder), size=32, batch_size=4, validation_share=0.3)
    data.setup("fit")
    assert len(data.train_files) == 4 and len(data.validation_files) == 2
    assert not set(data.train_files) & set(data.validation_files)
    batches = list(islice(data.train_dataloader(), 5))
    assert all(batch.shape == (4, 3, 32, 32) and float(batch.abs().max()) <= 1 for batch in batches)
    validation = [list(data.val_dataloader()) for _ in range(2)]
    assert validation[0][0].shape == (2, 3, 32, 32) and torch.equal(validation[0][0], validation[1][0])


def test_a_crop_is_where_it_was_asked_for(folder: Path) -> None:
    path = folder / "more" / "3.png"  # 200 x 33
    left, right = (crop(path, np.array([where, 0.5]), 33) for where in (0.0, 1.0))
    assert float(left[0, :, 0].max()) == -1 and float(right[0, :, -1].min()) == 1
    assert torch.equal(left[1], right[1]) and float(left[1, 0].max()) == -1 and float(left[1, -1].min()) == 1


def test_each_epoch_sees_other_crops(folder: Path) -> None:
    data = FolderPictures(str(folder), size=8, batch_size=4)
    data.setup("fit")
    torch.manual_seed(0)
    loader = data.train_dataloader()
    first, second = (next(iter(loader)) for _ in range(2))
    torch.manual_seed(0)
    assert torch.equal(first, next(iter(data.train_dataloader())))
    assert not torch.equal(first, second)


def test_a_run_that_goes_on_sees_other_crops(folder: Path) -> None:
    torch.manual_seed(0)
    cut = partial(crop, size=8)
    first, again, later = (
        next(iter(FileExcerpts([folder / "0.png"], cut, endless=True, done=done))) for done in (0, 0, 7)
    )
    assert torch.equal(first, again) and not torch.equal(first, later)


def test_a_run_that_goes_on_takes_a_pool_in_another_order() -> None:
    torch.manual_seed(0)
    pool = TensorDataset(torch.arange(40))
    first, again, later = (
        torch.cat([one for (one,) in training_batches(pool, 8, SimpleNamespace(global_step=step))])  # type: ignore[arg-type]
        for step in (0, 0, 7)
    )
    assert torch.equal(first, again) and not torch.equal(first, later)
    assert later.sort().values.tolist() == list(range(40))


@pytest.mark.parametrize("options", [{"size": 0}, {"scenes": -5}, {"textures": -1}])
def test_pools_of_no_size_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"data\.size must be at least 1"):
        WorldPictures(**options)


def test_a_folder_that_cannot_be_used(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        FolderPictures(str(tmp_path / "absent")).setup("fit")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds 0 pictures"):
        FolderPictures(str(tmp_path / "empty")).setup("fit")
    broken = folder / "broken.png"
    broken.write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"broken\.png"):
        list(FileExcerpts([broken], partial(crop, size=8), endless=False))


def test_folders_and_notes_that_are_named_like_pictures_are_none(folder: Path) -> None:
    (folder / "folder.png").mkdir()
    (folder / "._0.png").write_bytes(b"a note that a file system keeps of 0.png")
    data = FolderPictures(str(folder), validation_share=0.99)
    data.setup("fit")
    assert len(data.train_files) == 1 and len(data.validation_files) == len(SIZES) - 1
    with pytest.raises(InputError, match="validation_share"):
        FolderPictures(str(folder), validation_share=2).setup("fit")
