"""The steps of a decoder as one compiled function, kept on disk.

Ahead-of-time Inductor, rather than ``torch.compile``: the weights are frozen into the function, so that they lie in the
blocks that its products read, and the graph cache of ``torch.compile`` keeps no such function. What is compiled here is
one file, which the next process loads in a moment, without tracing anything.

Shape letters: n rows, L columns of a pass, C columns of the memory, P positions, D width, d head size.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, rms_norm, scaled_dot_product_attention, silu

from unitok.engine.decoder_weights import DecoderWeights, LayerMatrices
from unitok.engine.fast_decoder import FastDecoder
from unitok.engine.forward import Pass
from unitok.engine.key_values import COLUMNS
from unitok.engine.projections import Weights, int8_product, rounded_to_int8
from unitok_tokenizers.errors import InputError

CACHE = "UNITOK_CACHE"
"""Environment variable with the folder of compiled decoders."""

MOST_TOKENS = {"cpu": 8, "cuda": 128}
"""Passes of more tokens are left to the fast forward pass: on a CPU, products of many rows are oneDNN's strength."""

MOST_KEPT = 16
"""Files of compiled decoders; those that were not used for longest go. Each is as large as its decoder."""

SETTINGS: dict[str, dict[str, Any]] = {
    "cpu": {"freezing": True, "max_autotune_gemm": True, "max_autotune_gemm_backends": "CPP"},
    "cuda": {},
}
"""Of Inductor. On a CPU: weights as constants, and products that it writes itself, since a call of a library's costs as
much as a small product."""

Step = Callable[..., Tensor]


class CompiledDecoder(FastDecoder):
    """A fast decoder whose short passes are compiled.

    Args:
        weights: For all other passes.
        step: Of :func:`compile_step`.
    """

    def __init__(self, weights: DecoderWeights, step: Step) -> None:
        super().__init__(weights)
        self._step = step
        self._columns = 0

    def reserve(self, slots: int, columns: int) -> tuple[int, int]:
        slots, self._columns = super().reserve(slots, columns)
        return slots, self._columns

    def clear(self) -> None:
        """Empties the memory, which stays where it is."""
        self._memory.clear()

    def run(self, passes: Sequence[Pass]) -> list[Tensor]:
        rows = passes[0]
        count, length = rows.token_ids.shape
        if not rows.columns or count * length > MOST_TOKENS[self.device.type]:
            return super().run(passes)
        columns = torch.tensor(rows.places, device=self.device).view(count, length) % self._columns
        seen = torch.arange(rows.columns, device=self.device)
        hidden = self._step(
            rows.token_ids, rows.positions, columns, seen, self._cosine[:, 0], self._sine[:, 0], self._memory.layers
        )
        others = super().run(passes[1:]) if len(passes) > 1 else []
        return [hidden[:, length - rows.keep :], *others]


class StepModule(nn.Module):
    """What is compiled: the passes of :class:`~unitok.engine.fast_decoder.FastDecoder` that read the memory.

    Args:
        decoder: A ``transformers`` decoder that :func:`unitok.engine.stock.reason_against` has nothing against.
        weights: ``"int8"`` to round the matrices to 8 bits.
    """

    def __init__(self, decoder: Any, weights: Weights | None = None) -> None:
        super().__init__()
        config = decoder.config
        self._queries, self._keys = config.num_attention_heads, config.num_key_value_heads
        self._eps = config.rms_norm_eps
        self._embedding = _constant(decoder.model.embed_tokens.weight.detach())
        self._norm = _constant(decoder.model.norm.weight.detach())
        layers = [_StepLayer(LayerMatrices.of(layer), self._eps, weights) for layer in decoder.model.layers]
        self._layers: Sequence[_StepLayer] = nn.ModuleList(layers)  # type: ignore[assignment]

    def forward(
        self,
        token_ids: Tensor,
        positions: Tensor,
        columns: Tensor,
        seen: Tensor,
        cosine: Tensor,
        sine: Tensor,
        memory: list[Tensor],
    ) -> Tensor:
        """The normed hidden states ``[n, L, D]``.

        Args:
            token_ids: int64 ``[n, L]``.
            positions: int64 ``[n, L]``.
            columns: int64 ``[n, L]``, where the tokens go in the memory.
            seen: int64, the numbers of the columns that are read.
            cosine: ``[P, d]``.
            sine: ``[P, d]``.
            memory: Of each layer, ``[slots, 2 * heads of keys, C, d]``; written to.
        """
        slots = torch.arange(token_ids.shape[0], device=token_ids.device)[:, None].expand(columns.shape)
        zero = torch.zeros(1, dtype=memory[0].dtype, device=seen.device)
        mask = zero.where(seen <= positions[:, None, :, None], -torch.inf)
        turn = cosine[positions][:, :, None], sine[positions][:, :, None]
        hidden = embedding(token_ids, self._embedding)
        for layer, keys_and_values in zip(self._layers, memory, strict=True):
            qkv = layer.qkv(hidden).unflatten(2, (self._queries + 2 * self._keys, -1))
            qkv = layer.rotate(qkv, self._queries + self._keys, *turn)
            keys_and_values[slots, :, columns] = qkv[:, :, self._queries :].to(keys_and_values.dtype)
            read = keys_and_values[: token_ids.shape[0], :, : seen.shape[0]]
            queries = qkv[:, :, : self._queries].to(read.dtype)
            attended = _attend(queries, read[:, : self._keys], read[:, self._keys :], mask)
            hidden = layer.end(hidden, attended.to(hidden.dtype))
        return rms_norm(hidden, self._norm.shape, self._norm, self._eps)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """What queries ``[n, L, heads of queries, d]`` find in ``[n, heads of keys, columns, d]``: ``[n, L, *]``.

    On a CPU it is written out: what Inductor makes of that reads keys and values once and as they are, and computes in
    float32, where the library's kernel takes longer for one token, with bfloat16 several times.
    """
    heads = keys.shape[1]
    if queries.device.type != "cpu":
        attended = scaled_dot_product_attention(
            queries.transpose(1, 2), keys, values, attn_mask=mask, enable_gqa=queries.shape[2] != heads
        )
        return attended.transpose(1, 2).flatten(2)
    groups = queries.float().unflatten(2, (heads, -1)) * queries.shape[-1] ** -0.5  # [n, L, heads, group, d]
    keys, values = keys[:, None, :, None].float(), values[:, None, :, None].float()
    scores = (groups.unsqueeze(4) * keys).sum(-1) + mask.transpose(1, 2)[:, :, None]
    return (scores.softmax(-1).unsqueeze(-1) * values).sum(4).flatten(2)


class _StepLayer(nn.Module):
    def __init__(self, layer: LayerMatrices, eps: float, weights: Weights | None) -> None:
        super().__init__()
        self._eps = eps
        self._attention_norm, self._mlp_norm = _constant(layer.attention_norm), _constant(layer.mlp_norm)
        self._head_norm = None if layer.head_norm is None else _constant(layer.head_norm)
        kind = _Int8Linear if weights == "int8" else _Linear
        self._qkv, self._output = kind(layer.qkv), kind(layer.output)
        self._gate_up, self._down = kind(layer.gate_up), kind(layer.down)

    def qkv(self, hidden: Tensor) -> Tensor:
        return self._qkv(rms_norm(hidden, self._attention_norm.shape, self._attention_norm, self._eps))

    def rotate(self, qkv: Tensor, rotated: int, cosine: Tensor, sine: Tensor) -> Tensor:
        """Norms and turns the first heads of ``[n, L, heads, d]``."""
        turned, values = qkv[:, :, :rotated], qkv[:, :, rotated:]
        if self._head_norm is not None:
            turned = rms_norm(turned, turned.shape[-1:], None, self._eps) * self._head_norm
        first, second = turned.chunk(2, dim=-1)
        return torch.cat([turned * cosine + torch.cat([-second, first], dim=-1) * sine, values], dim=2)

    def end(self, hidden: Tensor, attended: Tensor) -> Tensor:
        """What the layer gives, behind its attention."""
        hidden = hidden + self._output(attended)
        gate, up = self._gate_up(rms_norm(hidden, self._mlp_norm.shape, self._mlp_norm, self._eps)).chunk(2, dim=-1)
        return hidden + self._down(silu(gate) * up)


class _Linear(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self._weight = _constant(weight)

    def forward(self, inputs: Tensor) -> Tensor:
        return linear(inputs, self._weight)


class _Int8Linear(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        rounded, scale = rounded_to_int8(weight)
        self._rounded, self._scale = _constant(rounded), _constant(scale)

    def forward(self, inputs: Tensor) -> Tensor:
        flat = inputs.flatten(0, 1)
        return int8_product(flat, self._rounded, self._scale).view(*inputs.shape[:2], -1)


def _constant(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=False)


def compile_step(decoder: nn.Module, weights: Weights | None = None) -> Step:
    """The compiled step of a decoder; the first time takes minutes, and a C++ compiler.

    On a CPU a step of one token is compiled by itself: products that are made for one row, or any number of them, take
    a fifth more for one.

    Args:
        decoder: As :class:`StepModule` takes it.
        weights: Likewise.

    Raises:
        InputError: It cannot be compiled here; the message says why.
    """
    device = next(decoder.parameters()).device
    if weights is not None and device.type != "cpu":
        raise InputError(f"weights {weights} are compiled for processors only; leave compile out, or weights")
    if device.type not in SETTINGS:
        raise InputError(f"steps are compiled for {' and '.join(SETTINGS)}, not for {device.type}; leave compile out")
    key = _key(decoder, weights)
    of_any = _compiled(decoder, weights, f"{key}.pt2", of_one=False)
    if device.type == "cuda":
        return of_any
    of_one = _compiled(decoder, weights, f"{key}-one.pt2", of_one=True)

    def step(token_ids: Tensor, *others: Any) -> Tensor:
        return (of_one if token_ids.numel() == 1 else of_any)(token_ids, *others)

    return step


def _compiled(decoder: nn.Module, weights: Weights | None, name: str, of_one: bool) -> Step:
    """The step of that file, of one token or of any number; compiled if there is no such file."""
    path = cache_folder() / name
    device = next(decoder.parameters()).device
    if path.is_file():
        try:
            return _loaded(path, device)
        except RuntimeError:  # cut off, by a full disk or a copy
            path.unlink(missing_ok=True)
    _compile(StepModule(decoder, weights).eval(), decoder, path, of_one)
    return _loaded(path, device)


def _loaded(path: Path, device: torch.device) -> Step:
    with suppress(OSError):  # a folder that others write
        os.utime(path)
    on_cuda = device.type == "cuda"  # without the locks of several threads, which CUDA graphs do not bear
    number = device.index if on_cuda and device.index is not None else -1
    return torch._inductor.aoti_load_package(str(path), run_single_threaded=on_cuda, device_index=number)


def cache_folder() -> Path:
    """Where compiled decoders are kept."""
    root = os.environ.get(CACHE) or Path.home() / ".cache" / "unitok"
    return Path(root) / "compiled"


def _compile(module: StepModule, decoder: Any, path: Path, of_one: bool) -> None:
    arguments, shapes = _example(decoder, of_one)
    fresh = path.with_name(f".{uuid.uuid4().hex[:8]}.pt2")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with torch.no_grad():
            exported = torch.export.export(module, arguments, dynamic_shapes=shapes)
            torch._inductor.aoti_compile_and_package(
                exported, package_path=str(fresh), inductor_configs=SETTINGS[arguments[0].device.type]
            )
        fresh.replace(path)
        _forget_old(path.parent)
    except OSError as error:
        raise InputError(f"compile: {path.parent} cannot be written: {error.strerror or error}") from error
    except Exception as error:  # whatever the compiler finds missing
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"this decoder cannot be compiled here ({reason}); leave compile out") from error
    finally:
        with suppress(OSError):
            fresh.unlink()


def _forget_old(folder: Path) -> None:
    """Removes all but the files that were used last."""
    with suppress(OSError):  # another process may remove some as well
        for path in sorted(folder.glob("[!.]*.pt2"), key=lambda path: path.stat().st_mtime)[:-MOST_KEPT]:
            path.unlink()


def _example(decoder: Any, of_one: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Arguments of :meth:`StepModule.forward`, of one token or of several, and which of their sizes may change."""
    weight, config = decoder.model.embed_tokens.weight, decoder.config
    heads, size = 2 * config.num_key_value_heads, decoder.model.layers[0].self_attn.head_dim
    rows, length = (1, 1) if of_one else (3, 2)
    slots, columns, device = 4, 4 * COLUMNS, weight.device
    positions = torch.arange(length, device=device).expand(rows, length).contiguous()
    seen = torch.arange(2 * COLUMNS, device=device)
    table = torch.zeros(columns, size, dtype=weight.dtype, device=device)
    memory = [torch.zeros(slots, heads, columns, size, dtype=weight.dtype, device=device) for _ in decoder.model.layers]
    arguments = (positions.clone(), positions, positions.clone(), seen, table, table.clone(), memory)
    dim, most = torch.export.Dim, MOST_TOKENS[device.type]
    row, token = dim("rows", min=1, max=most), dim("length", min=1, max=most)
    # Attention wants masks whose lines begin at multiples of eight numbers; these are multiples of more.
    slot, column, seen = (
        dim("slots", min=1, max=1 << 16),
        COLUMNS * dim("columns", max=1 << 19),
        COLUMNS * dim("seen", max=1 << 19),
    )
    per_token = {} if of_one else {0: row, 1: token}
    position = {0: dim("positions", min=2, max=1 << 24)}
    return arguments, (
        per_token,
        per_token,
        per_token,
        {0: seen},
        position,
        position,
        [{0: slot, 2: column}] * len(memory),
    )


def _key(decoder: nn.Module, weights: Weights | None) -> str:
    """Names what is compiled: the weights, the code of a step, PyTorch and the processor or accelerator."""
    device = next(decoder.parameters()).device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    here = Path(__file__)
    code = [here, *(here.with_name(f"{name}.py") for name in ("projections", "decoder_weights", "key_values"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in code))
    digest.update(f"{weights} {torch.__version__} {name} {decoder.config}".encode())  # pyright: ignore[reportAttributeAccessIssue]
    for name, weight in decoder.state_dict().items():
        digest.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
        digest.update(weight.detach().contiguous().flatten().view(torch.uint8).cpu().numpy().data)
    return digest.hexdigest()[:32]


def _processor() -> str:
    """What the processor can do, for which the function is compiled."""
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{torch.backends.cpu.get_cpu_capability()} {flags}"
