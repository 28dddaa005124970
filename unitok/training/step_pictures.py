"""The pictures that a run shows of its steps."""

from __future__ import annotations

from pathlib import Path

import lightning as L
from PIL.Image import Image

from unitok.training.guards import is_tried
from unitok_tokenizers.image_io import save_image


def save_step_picture(trainer: L.Trainer, step: int, sheet: Image) -> None:
    """Puts a picture into the folder ``pictures`` of the run, in the place of what an earlier run left for that step.

    A try leaves nothing behind.

    Raises:
        InputError: It cannot be written.
    """
    if is_tried(trainer):
        return
    folder = Path(trainer.default_root_dir) / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    save_image(sheet, folder / f"step-{step:06d}.png", overwrite=True)
