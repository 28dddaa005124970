"""Training and tokenizing: packed rows against padded batches, the loss, code search, pictures, waiting for data.

Shape letters: B rows, S sequence, N positions, D width, V vocabulary, C channels.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from benchmarks.measure import Ratio
from benchmarks.setup import Setup, not_measured
from unitok.bases import load_processor
from unitok.codec_batches import VALUES_PER_BATCH
from unitok.data.encoding import encode_documents
from unitok.data.packing import PackedBatch
from unitok.data.sampling_plan import PackedCaches, PackingSampler
from unitok.data.token_cache import TokenCache, TokenCacheWriter
from unitok.data.tokenizing import world_documents
from unitok.evaluation.figures import Figure
from unitok.shipped import find_checkpoint
from unitok.training.decoder import DecoderModule
from unitok.training.loss import LossConfig, chunked_cross_entropy
from unitok_tokenizers.codebook import Codebook
from unitok_tokenizers.image import ImageTokenizer
from unitok_tokenizers.image_io import to_tensor

SECTION = "training"
THROUGHPUT, MEMORY, SEARCH, PICTURES, WAITING = 1.7, 0.25, 4.0, 0.8, 0.02
DOCUMENTS, PADDED_BATCH = 96, 16
ROW_LENGTHS, BATCH_ROWS = (168, 252, 344, 520), 5
POSITIONS, WIDTH, LARGE_VOCABULARY = 4096, 256, 150_000
LEARNING_RATE = 1e-4
DECODER = {
    "model_type": "qwen3",
    "hidden_size": 256,
    "intermediate_size": 640,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
"""Of the architecture of configs/decoder/tiny.yaml, a little narrower."""


def measure(setup: Setup) -> Iterator[Figure]:
    """All rows of training and tokenizing."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _throughput(setup, Path(folder))
    if setup.device.type != "cpu":  # under the accelerator's name
        yield not_measured(SECTION, "the loss, code search and pre-tokenizing", None, "measured on processors only")
        return
    yield _loss_memory()
    yield _loss_agreement()
    yield from _search(setup)
    yield _pictures(setup)


# ---- packed rows


def _throughput(setup: Setup, folder: Path) -> Iterator[Figure]:
    checkpoint = find_checkpoint("tiny")
    processor = load_processor(checkpoint)
    side = processor.image_size or ROW_LENGTHS[0]
    encoded = encode_documents(processor, list(islice(world_documents([0], "train", side), DOCUMENTS)))
    encoded = [(ids, targets) for ids, targets in encoded if len(ids) <= ROW_LENGTHS[-1]]
    module = DecoderModule(
        str(checkpoint),
        DECODER,
        LossConfig(context=1.0),  # the stock loss counts all tokens
        attn_implementation="eager" if setup.device.type == "cpu" else "sdpa",
        compile=setup.compiles,
    )
    key = TokenCacheWriter(folder / "cache", module.vocabulary.size, "benchmark")
    with key as writer:
        for ids, targets in encoded:
            writer.add(ids, targets)
        writer.finish()
    module.configure_model()
    module.to(setup.device)
    stock = type(module.decoder)(module.decoder.config).to(setup.device)  # type: ignore[call-arg]
    stock.load_state_dict(module.decoder.state_dict())
    packed = PackedCaches([TokenCache(folder / "cache")], module.vocabulary, ROW_LENGTHS)
    optimizers = [torch.optim.AdamW(one.parameters(), LEARNING_RATE) for one in (module.decoder, stock)]
    waited: list[float] = []

    def train_packed() -> None:
        waiting, started = 0.0, time.perf_counter()
        plans = iter(PackingSampler(packed, BATCH_ROWS, shuffle=True, epochs=1, keep_last=True))
        while True:
            asked = time.perf_counter()
            plan = next(plans, None)
            batch = None if plan is None else PackedBatch(*(part.to(setup.device) for part in packed[plan]))
            waiting += time.perf_counter() - asked
            if batch is None:
                break
            _step(lambda batch=batch: module.loss(batch).loss, optimizers[0], setup)
        waited.append(waiting / (time.perf_counter() - started))

    def train_padded() -> None:
        order = torch.randperm(len(encoded), generator=torch.Generator().manual_seed(0)).tolist()
        for start in range(0, len(order), PADDED_BATCH):
            rows = [
                torch.from_numpy(encoded[place][0].astype("int64")) for place in order[start : start + PADDED_BATCH]
            ]
            batch = _padded(rows, setup.device)
            _step(lambda batch=batch: stock(**batch, use_cache=False).loss, optimizers[1], setup)

    ratio = setup.compare(train_padded, train_packed)
    tokens = sum(len(ids) for ids, _ in encoded)
    how = "compiled" if setup.compiles else "not compiled"
    note = f"{len(encoded)} documents of the world, {tokens} tokens; packed rows {how}"
    yield ratio.figure(
        SECTION, "tokens a second, packed rows against padded batches and the stock loss", THROUGHPUT, note
    )
    share = Ratio.of(waited[1:])
    spread = (share.low, share.high)
    name = "share of a step spent waiting for data"
    yield Figure(SECTION, name, share.value, "", WAITING, True, spread, share.pairs, "one process")


def _padded(rows: Sequence[Tensor], device: torch.device) -> dict[str, Tensor]:
    """What a data collator of ``transformers`` makes of documents of different lengths."""
    ids = pad_sequence(list(rows), batch_first=True)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}
    return {name: value.to(device) for name, value in batch.items()}


def _step(loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer, setup: Setup) -> float:
    """One step, once it is done: an accelerator goes on by itself, and what comes next would wait for it."""
    with torch.autocast(setup.device.type, torch.bfloat16, enabled=setup.dtype == torch.bfloat16):
        value = loss()
    value.backward()
    optimizer.step()
    optimizer.zero_grad()
    return value.item()


# ---- the loss


def _example(positions: int, vocabulary: int) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states ``[1, N, D]``, the head ``[V, D]`` and targets ``[1, N]``."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(1, positions, WIDTH, generator=generator).requires_grad_()
    head = (torch.randn(vocabulary, WIDTH, generator=generator) / WIDTH**0.5).requires_grad_()
    return hidden, head, torch.randint(vocabulary, (1, positions), generator=generator)


def _chunked(hidden: Tensor, head: Tensor, targets: Tensor, chunk: int) -> Tensor:
    ones = torch.ones(targets.shape)
    options = {"num_groups": 1, "z_loss": 1e-4, "chunk": chunk}
    return chunked_cross_entropy(hidden, targets, ones, torch.zeros_like(targets), lambda x: x @ head.T, **options).loss


def _full(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    logits = (hidden @ head.T).flatten(0, 1)
    return cross_entropy(logits, targets.flatten()) + 1e-4 * logits.logsumexp(dim=-1).square().mean()


def loss_peak(kind: str) -> None:
    """Prints how many bytes the loss and its gradient add to what the process takes; runs in a process of its own."""
    example = _example(POSITIONS, LARGE_VOCABULARY)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak that making the example left
    if kind == "full":
        _full(*example).backward()
    elif kind == "chunked":
        _chunked(*example, chunk=LossConfig().positions(LARGE_VOCABULARY)).backward()
    print(_resident("VmHWM") - before)


def _resident(name: str) -> int:
    """Bytes of memory that this process takes (``VmRSS``) or took at most (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def _loss_memory() -> Figure:
    name = "peak memory of the chunked loss against full logits"
    if not Path("/proc/self/clear_refs").exists():
        return not_measured(SECTION, name, MEMORY, "needs Linux", lower=True)
    peaks = {}
    for kind in ("full", "chunked"):
        code = f"from benchmarks.training import loss_peak; loss_peak({kind!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks[kind] = int(done.stdout.split()[-1])
    note = f"{peaks['chunked'] / 1e9:.2f} of {peaks['full'] / 1e9:.2f} GB, N = {POSITIONS}, V = {LARGE_VOCABULARY}"
    return Figure(SECTION, name, peaks["chunked"] / peaks["full"], "x", MEMORY, True, count=1, note=note)


def _loss_agreement() -> Figure:
    """The largest difference of loss and gradients, relative to the largest number."""
    found = []
    for compute in (_full, lambda *example: _chunked(*example, chunk=100)):
        hidden, head, targets = _example(512, 20_000)
        loss = compute(hidden, head, targets)
        loss.backward()
        assert hidden.grad is not None and head.grad is not None
        found.append((loss.detach(), hidden.grad, head.grad))
    worst = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(*found, strict=True))
    return Figure(SECTION, "loss and gradient: largest relative difference", worst, "", 1e-3, True, count=1)


# ---- tokenizing


def _search(setup: Setup) -> Iterator[Figure]:
    try:
        from vector_quantize_pytorch import VectorQuantize
    except ImportError:
        yield not_measured(SECTION, "code search", SEARCH, "vector-quantize-pytorch is not installed")
        return
    for size, channels in ((8192, 8), (8192, 32), (16384, 8), (16384, 32)):
        generator = torch.Generator().manual_seed(0)
        vectors = torch.randn(size, channels, generator=generator)
        inputs = torch.randn(4096, channels, generator=generator)
        own = Codebook(1, size, channels, "euclidean", None)
        own.vectors.copy_(vectors[None])
        other: Any = VectorQuantize(dim=channels, codebook_size=size).eval()
        other._codebook.embed.data.copy_(vectors[None])
        other._codebook.initted.data.fill_(1)
        with torch.inference_mode():
            equal = torch.equal(own.search(inputs)[:, 0], other(inputs[None])[1][0])
            ratio = setup.compare(lambda o=other, x=inputs: o(x[None]), lambda o=own, x=inputs: o.search(x))
        name = f"code search against vector-quantize-pytorch, {size} codes of {channels} channels"
        yield ratio.figure(SECTION, name, SEARCH, f"4096 vectors; indices {'equal' if equal else 'DIFFER'}")


def _pictures(setup: Setup) -> Figure:
    processor = load_processor(find_checkpoint("tiny"))
    tokenizer = processor.image_tokenizer
    assert isinstance(tokenizer, ImageTokenizer)
    side = processor.image_size or 80
    documents = list(islice(world_documents([0], "train", side), DOCUMENTS))
    pictures = [part.image for document in documents for turn in document.turns for part in turn.images if part.image]
    media = torch.stack([to_tensor(processor.prepare_image(picture)) for picture in pictures])
    batches = media.split(VALUES_PER_BATCH // side**2)  # as they are encoded, which the processor's caches hold

    def bare() -> None:
        with torch.inference_mode():
            for batch in batches:
                tokenizer.encoder(batch)

    ratio = setup.compare(bare, lambda: processor.encode_images(pictures))
    note = f"{len(pictures)} pictures of {side} x {side} pixels, from Pillow's to codes"
    return ratio.figure(SECTION, "pre-tokenizing pictures against the bare encoder's pass", PICTURES, note)
