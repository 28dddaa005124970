"""Turns released models into checkpoints; see `unitok.convert`."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from unitok import checkpoint
from unitok.released import read_released
from unitok.released.source import Released
from unitok_tokenizers.hub import find_folder


def convert(
    source: str | Path,
    output: str | Path,
    vqgan: str | Path | None = None,
    variant: str | None = None,
    image_size: int | None = None,
) -> Released:
    """Write a checkpoint of a released model, with a progress bar; the decoder's weights are never loaded.

    Args:
        source: The model's folder, or its name on the Hub.
        output: The checkpoint's folder.
        vqgan, variant, image_size: As :func:`unitok.released.read_released` has them.

    Raises:
        InputError: The source cannot be read, or ``output`` cannot be written.
    """
    released = read_released(find_folder(source), vqgan, variant, image_size)
    parts = checkpoint.Checkpoint(released.processor, None, released.sampling)
    with tqdm(total=released.decoder_bytes, desc="copying weights", unit="B", unit_scale=True) as bar:
        checkpoint.save(parts, output, lambda folder: released.write_decoder(folder, bar.update))
    return released
