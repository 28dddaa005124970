"""What only an accelerator shows: steps as CUDA graphs against compiled ``generate``, and how much of it training uses.

Shape letters: B rows, S sequence.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.decoding import guided_step
from benchmarks.measure import Ratio, seconds
from benchmarks.setup import Setup, not_measured
from benchmarks.subjects import SHAPES, made_up_vocabulary
from unitok.data.packing import PackedBatch, build_batch
from unitok.engine import EngineOptions
from unitok.evaluation.figures import Figure
from unitok.training.decoder import DecoderModule
from unitok.training.optimizers import OptimizerConfig, build_optimizer

SECTION = "accelerator"
GENERATE, STATIC_CACHE, GUIDED, UTILIZATION = 4.0, 1.2, 1.1, 0.4

PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H200": 989e12,
    "A100": 312e12,
    "B200": 2250e12,
    "RTX 4090": 165e12,
}
"""Dense bf16 operations a second that NVIDIA's data sheets give, by words of the device's name; the first counts."""

DECODER = {
    "model_type": "qwen3",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 22,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "head_dim": 64,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
"""300M parameters in its layers, with an MLP of three times the width."""

ROWS, ROW_LENGTH, DOCUMENT_LENGTHS = 16, 2048, (100, 500)
STEPS = 10


def measure(setup: Setup) -> Iterator[Figure]:
    """Decoding of each made-up decoder, and training of one of 300M parameters."""
    for name in (name for name in setup.names if name in SHAPES):
        yield from _decoding(setup, name)
    yield _training(setup)


def _decoding(setup: Setup, name: str) -> Iterator[Figure]:
    generate = f"batch 1, CUDA graphs, {name}, against generate"
    static, guided = f"{generate} with a static cache, compiled", f"a guided step against a single one, {name}"
    if setup.device.type != "cuda" or not setup.compiles:
        why = "--no-compile" if setup.device.type == "cuda" else "needs --device cuda"
        yield not_measured(SECTION, generate, GENERATE, why)
        yield not_measured(SECTION, static, STATIC_CACHE, why)
        yield not_measured(SECTION, guided, GUIDED, why, lower=True)
        return
    one = setup.subject(name)
    engine = one.engine(EngineOptions(compile=True))
    yield setup.compare(one.draw_stock, lambda: one.draw(engine)).figure(SECTION, generate, GENERATE)
    ratio = setup.compare(lambda: one.draw_stock(cache_implementation="static"), lambda: one.draw(engine))
    yield ratio.figure(SECTION, static, STATIC_CACHE)
    yield guided_step(setup, one, engine).figure(SECTION, guided, GUIDED, "two rows", lower=True)


def _training(setup: Setup) -> Figure:
    name = "training: share of the device's bf16 products, 300M"
    if setup.device.type != "cuda":
        return not_measured(SECTION, name, UTILIZATION, "needs --device cuda")
    device = torch.cuda.get_device_name(setup.device)
    peak = next((peak for known, peak in PEAKS.items() if re.search(rf"\b{known}\b", device)), None)
    if peak is None:
        return not_measured(SECTION, name, UTILIZATION, f"the peak of {device} is not known here")
    with tempfile.TemporaryDirectory() as folder:
        trainer = PackedTraining(DECODER, Path(folder), setup.device, "flex_attention", setup.compiles)
    for _ in range(3):
        trainer.run(1)
    shares = []
    for _ in range(setup.pairs):
        setup.probe.wait()
        shares.append(trainer.operations(STEPS) / seconds(lambda: trainer.run(STEPS)) / peak)
    note = f"{ROWS} rows of {ROW_LENGTH} tokens, packed; six operations a weight and token, attention not counted"
    share = Ratio.of(shares)
    return Figure(SECTION, name, share.value, "", UTILIZATION, False, (share.low, share.high), share.pairs, note)


class PackedTraining:
    """Steps of a decoder on packed rows of random documents.

    Args:
        decoder: Settings of the architecture.
        folder: For the vocabulary's file.
        device: Where.
        attention: Of ``transformers``.
        compiles: Whether layers are compiled.
    """

    def __init__(
        self, decoder: dict[str, object], folder: Path, device: torch.device, attention: str, compiles: bool
    ) -> None:
        made_up_vocabulary().save(folder / "vocabulary.json")
        self._module = DecoderModule(
            str(folder),
            dict(decoder),
            optimizer=OptimizerConfig(),
            attn_implementation=attention,  # type: ignore[arg-type]
            compile=compiles,
        )
        self._module.configure_model()
        self._module.to(device)
        self._optimizer = build_optimizer(self._module, OptimizerConfig())
        self._batch = PackedBatch(*(part.to(device) for part in random_rows(self._module.vocabulary.text_size)))

    def operations(self, steps: int) -> float:
        """What so many steps multiply and add: two for each weight forward, four backward, for each token.

        The embedding is only looked up, but its rows multiply as the head.
        """
        weights = sum(weight.numel() for weight in self._module.parameters() if weight.ndim > 1)
        return 6.0 * weights * self._batch.input_ids.numel() * steps

    def run(self, steps: int) -> float:
        """Trains; returns the last loss."""
        value = torch.zeros(())
        for _ in range(steps):
            with torch.autocast(self._batch.input_ids.device.type, torch.bfloat16):
                value = self._module.loss(self._batch).loss
            value.backward()
            self._optimizer.step()
            self._optimizer.zero_grad()
        return value.item()


def random_rows(size: int) -> PackedBatch:
    """``B`` rows of ``S`` tokens below ``size``, full of documents that the model must write."""
    rng, low, high = np.random.default_rng(0), *DOCUMENT_LENGTHS
    rows = []
    for _ in range(ROWS):
        left, documents = ROW_LENGTH, []
        while left:
            length = min(left, int(rng.integers(low, high)))
            documents.append((rng.integers(0, size, length), np.ones(length, np.uint8)))
            left -= length
        rows.append(documents)
    return build_batch(rows, ROW_LENGTH, 0)
