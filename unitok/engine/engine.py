"""Answers to prompts: which forward pass a decoder gets, what has room in its context, and the loop until all are done.

Shape letters: S sequence.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from unitok.checks import check_integer
from unitok.engine.batching import Batch
from unitok.engine.blocks import Blocks
from unitok.engine.compiled import CompiledDecoder, Step, compile_step
from unitok.engine.cuda_graphs import GraphedStep
from unitok.engine.decoder_weights import DecoderWeights
from unitok.engine.fast_decoder import FastDecoder
from unitok.engine.forward import Forward
from unitok.engine.likelihood import log_likelihoods
from unitok.engine.live import Query
from unitok.engine.module_check import check_rows
from unitok.engine.module_decoder import ModuleDecoder, check_layers
from unitok.engine.planning import Planner
from unitok.engine.projections import Weights
from unitok.engine.sampling import Sampling
from unitok.engine.stock import WeightWatch, reason_against
from unitok.grammar import Grammar, Request
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

BATCH_SIZE = 64
"""Answers that are written at once."""


class NoRoomError(InputError):
    """A prompt leaves too little of the context for its answer."""


@dataclass(frozen=True)
class EngineOptions:
    """How a decoder is run.

    Attributes:
        compile: Compiles the steps, once for each decoder and machine (:mod:`unitok.engine.compiled`).
        weights: ``"int8"`` rounds the decoder's matrices to 8 bits, which halves what a step has to read.

    Raises:
        InputError: An option is unknown.
    """

    compile: bool = False
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if self.weights not in (None, "int8"):
            raise InputError(f"weights {self.weights!r} is unknown; give int8, or leave it out")


class Piece(NamedTuple):
    """What an answer goes on with: what was drawn, and what is forced around it.

    Attributes:
        number: Which of the answers.
        token_ids: At least one.
        done: Whether the answer ends with them.
    """

    number: int
    token_ids: list[int]
    done: bool


class Engine:
    """Answers prompts of token ids with token ids.

    Args:
        decoder: A ``transformers`` causal LM, in eval mode, with at least as many logits as the vocabulary
            has ids. Stock Qwen3 and Llama decoders are run by :class:`~unitok.engine.fast_decoder.FastDecoder`, all
            others by their own ``forward``.
        vocabulary: The ids.
        grammar: The rules that every answer follows, on the CPU.
        options: How the decoder is run.

    Raises:
        InputError: The decoder and the vocabulary, or the options, do not fit together.
    """

    def __init__(
        self,
        decoder: nn.Module,
        vocabulary: Vocabulary,
        grammar: Grammar,
        options: EngineOptions | None = None,
    ) -> None:
        config: Any = decoder.config
        if config.vocab_size < vocabulary.size:
            raise InputError(
                f"the decoder has {config.vocab_size} logits, but the vocabulary has {vocabulary.size} ids; "
                "they do not belong together"
            )
        check_layers(config)
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._grammar = grammar
        self._blocks = Blocks(grammar.table, self.device)
        self._planner = Planner(grammar, self._blocks)
        self._options = options or EngineOptions()
        self._watch: WeightWatch | None = None
        self._weights: DecoderWeights | None = None
        self._step: Step | None = None
        self._graphed: list[CompiledDecoder] = []  # one at most, which no batch uses
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        """Tokens of a prompt and its answer together at most; None when the decoder sets no limit."""

    @property
    def device(self) -> torch.device:
        return next(self._decoder.parameters()).device

    def batch(self, size: int = BATCH_SIZE) -> Batch:
        """An empty batch, which answers join and leave.

        Weights must stay as they are while it runs: some of it reads them where they are, and some has copies. Those
        that change or are moved in between are seen by the next one.

        Args:
            size: Answers that are written at once, at least 1.
        """
        check_integer(size, "batch_size", low=1)
        forward = self.forward()
        batch = Batch(forward, self._planner, self._blocks, size)
        if self._is_graphed and isinstance(forward, CompiledDecoder):
            # What was recorded belongs to a memory: both serve the next batch.
            weakref.finalize(batch, _give_back, self._graphed, forward)
        return batch

    @torch.inference_mode()
    def forward(self) -> Forward:
        """The decoder's forward pass, its memory free: the fast one where it is known to compute the same.

        Raises:
            InputError: The options ask for what only the fast one has.
        """
        if self._watch is None or self._watch.has_changed():
            self._read()
        if _is_autocast_on(self.device):  # now, whatever it was when weights were read
            self._check_options("autocast is on")
            return ModuleDecoder(self._decoder)
        if self._weights is None:
            return ModuleDecoder(self._decoder)
        if self._step is None:
            return FastDecoder(self._weights)
        if not self._is_graphed:
            return CompiledDecoder(self._weights, self._step)
        if not self._graphed:
            return CompiledDecoder(self._weights, GraphedStep(self._step))
        free = self._graphed.pop()
        free.clear()  # what a batch that failed left may not be numbers
        return free

    @property
    def _is_graphed(self) -> bool:
        """Whether steps are recorded as CUDA graphs."""
        return self._step is not None and self.device.type == "cuda"

    def _check_options(self, reason: str) -> None:
        if self._options.compile or self._options.weights:
            name = "compile" if self._options.compile else "weights"
            raise InputError(f"this decoder cannot be run with {name}: {reason}; leave {name} out")

    def _read(self) -> None:
        """Makes the decoder's weights ready, as they are now."""
        reason, options = reason_against(self._decoder), self._options
        if options.weights and self.device.type != "cpu":
            raise InputError(
                f"weights={options.weights!r} is for CPUs, and would be slower on {self.device}; leave it out"
            )
        if reason is not None:
            self._check_options(reason)
            if self._watch is None and isinstance(self._decoder, PreTrainedModel):  # once: weights do not decide it
                check_rows(self._decoder)
        self._weights = None if reason else DecoderWeights(self._decoder, options.weights)
        self._step = compile_step(self._decoder, options.weights) if options.compile else None
        self._graphed = []
        self._watch = WeightWatch(self._decoder)

    def generate(
        self,
        prompts: Sequence[Tensor],
        requests: Sequence[Request],
        sampling: Sampling | Sequence[Sampling],
        seeds: Sequence[int],
        unconditional: Tensor | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> list[Tensor]:
        """One answer to each prompt.

        An answer depends on its own prompt, request and seed, and not on the others in the batch.

        Args:
            prompts: int64 ``[S]`` each, ending where the answer starts.
            requests: What each answer may hold. ``max_tokens`` is lowered to what the context has room for.
            sampling: How tokens are drawn, of all answers or of each; its own ``max_tokens`` is the caller's to put
                into the requests.
            seeds: One random stream each, at least 0.
            unconditional: int64 ``[S]``, the prompt that says nothing; needed when what may be generated is guided.
            batch_size: Answers that are written at once; as one ends, the next begins.

        Returns:
            int64 ``[S]`` each, on the CPU: the answer without its prompt, ``<eot>`` included.

        Raises:
            InputError: A prompt leaves too little room for its answer, or the decoder's logits are not
                numbers.
        """
        answers: list[list[int]] = [[] for _ in prompts]
        for piece in self.pieces(prompts, requests, sampling, seeds, unconditional, batch_size):
            answers[piece.number] += piece.token_ids
        return [torch.tensor(answer) for answer in answers]

    def pieces(
        self,
        prompts: Sequence[Tensor],
        requests: Sequence[Request],
        sampling: Sampling | Sequence[Sampling],
        seeds: Sequence[int],
        unconditional: Tensor | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[Piece]:
        """:meth:`generate` piece by piece.

        Yields:
            What each answer goes on with, in the order in which it is written.
        """
        queries = self._queries(prompts, requests, sampling, seeds, unconditional)
        if not queries:
            return
        batch = self.batch(batch_size)
        numbers = {batch.submit(query): number for number, query in enumerate(queries)}
        while batch.busy:
            for answer, token_ids in batch.step():
                yield Piece(numbers[answer], token_ids, answer.done)

    def first_tokens(
        self,
        prompts: Sequence[Tensor],
        requests: Sequence[Request],
        sampling: Sampling | Sequence[Sampling],
        seeds: Sequence[int],
        unconditional: Tensor | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> list[int]:
        """How each answer of :meth:`generate` begins, without the rest of it."""
        queries = self._queries(prompts, requests, sampling, seeds, unconditional)
        batch = self.batch(batch_size)
        answers = [batch.submit(query) for query in queries]
        while batch.busy:
            for answer, _ in batch.step():
                batch.cancel(answer)
        return [answer.token_ids[0] for answer in answers]

    def _queries(
        self,
        prompts: Sequence[Tensor],
        requests: Sequence[Request],
        sampling: Sampling | Sequence[Sampling],
        seeds: Sequence[int],
        unconditional: Tensor | None,
    ) -> list[Query]:
        if not len(prompts) == len(requests) == len(seeds):
            raise ValueError(f"{len(prompts)} prompts, {len(requests)} requests and {len(seeds)} seeds do not match")
        settings = [sampling] * len(prompts) if isinstance(sampling, Sampling) else sampling
        return [
            self.query(prompt, request, own, seed, unconditional)
            for prompt, request, own, seed in zip(prompts, requests, settings, seeds, strict=True)
        ]

    def log_likelihoods(self, prompts: Sequence[Tensor], answers: Sequence[Tensor]) -> list[float]:
        """How likely the decoder itself, without guidance, finds answers (:mod:`unitok.engine.likelihood`)."""
        return log_likelihoods(self._decoder, prompts, answers)

    def query(
        self,
        prompt: Tensor,
        request: Request,
        sampling: Sampling,
        seed: int,
        unconditional: Tensor | None = None,
    ) -> Query:
        """What a :class:`~unitok.engine.batching.Batch` takes; the arguments are those of :meth:`generate`.

        Raises:
            InputError: The request cannot be met, or the prompt leaves too little room for an answer.
        """
        request = self.fit(request, prompt, sampling, unconditional)
        if self.shows_picture(prompt):
            sampling = sampling.behind_picture()
        guided = self._is_guided(request, sampling)
        if guided and unconditional is None:
            raise ValueError("guidance needs the unconditional prompt")
        second = unconditional.tolist() if guided and unconditional is not None else None
        return Query(prompt.tolist(), request, sampling, seed, second)

    def shows_picture(self, prompt: Tensor) -> bool:
        """Whether there is a picture in a prompt."""
        return "image" in self._vocabulary.specs and bool((prompt == self._vocabulary.boi).any())

    def _is_guided(self, request: Request, sampling: Sampling) -> bool:
        """Whether an answer may hold codes that are guided."""
        most = {"image": request.max_images, "audio": request.max_audio}
        scales = {"image": sampling.guidance_scale, "audio": sampling.audio_guidance_scale}
        return any(
            scales[kind] != 1 and (request.modality == kind or (request.modality == "auto" and most[kind] != 0))
            for kind in self._vocabulary.specs
        )

    def fit(self, request: Request, prompt: Tensor, sampling: Sampling, unconditional: Tensor | None = None) -> Request:
        """The request with no more tokens than its prompt leaves in the context.

        The arguments are those of :meth:`generate`.

        Raises:
            InputError: The request cannot be met, or what is left is too little for any answer.
        """
        self._grammar.start([request])  # what is wrong with the request itself is not the context's fault
        length = len(prompt)
        sampling = sampling.behind_picture() if self.shows_picture(prompt) else sampling
        if unconditional is not None and self._is_guided(request, sampling):
            length = max(length, len(unconditional))
        if self.context is None or length + request.max_tokens <= self.context:
            return request
        room = max(self.context - length, 0)
        try:
            fitted = replace(request, max_tokens=room)
            self._grammar.start([fitted])
        except InputError:
            raise NoRoomError(
                f"the prompt has {length} tokens and the model's context holds {self.context}, which leaves "
                f"{room} for the answer, too few; shorten the prompt"
            ) from None
        return fitted

    def has_room(self, request: Request, prompt: Tensor, sampling: Sampling) -> bool:
        """Whether the context has room for an answer without guidance; the arguments are those of :meth:`generate`."""
        try:
            self.fit(request, prompt, sampling)
        except InputError:
            return False
        return True


def _is_autocast_on(device: torch.device) -> bool:
    return torch.amp.autocast_mode.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)


def _give_back(free: list[CompiledDecoder], used: CompiledDecoder) -> None:
    if not free:
        free.append(used)
