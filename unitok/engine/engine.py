"""The decode loop of a batch: rows in different grammar states, guided or not, each with its own random
stream.

Shape letters: N requests, B rows that are still written, G of them with an unconditional row, S sequence, V
vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from unitok.engine.rows import DecoderRows, check_layers
from unitok.engine.sampling import Sampler, Sampling, guidance_scales, guide, uniforms
from unitok.grammar import Grammar, Request
from unitok.vocabulary import Vocabulary
from unitok_tokenizers.errors import InputError

STEPS_PER_LOOK = 16
"""Steps between two looks at an accelerator's results: each look waits for it."""


class Engine:
    """Answers prompts of token ids with token ids.

    Args:
        decoder: A ``transformers`` causal LM, in eval mode, with at least as many logits as the vocabulary
            has ids.
        vocabulary: The ids.
        grammar: The rules that every answer follows, on the decoder's device.

    Raises:
        InputError: The decoder and the vocabulary do not fit together.
    """

    def __init__(self, decoder: nn.Module, vocabulary: Vocabulary, grammar: Grammar) -> None:
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
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        """Tokens of a prompt and its answer together at most; None when the decoder sets no limit."""

    @property
    def device(self) -> torch.device:
        return next(self._decoder.parameters()).device

    def generate(
        self,
        prompts: Sequence[Tensor],
        requests: Sequence[Request],
        sampling: Sampling,
        seeds: Sequence[int],
        unconditional: Tensor | None = None,
    ) -> list[Tensor]:
        """One answer to each prompt.

        An answer depends on its own prompt, request and seed, and not on the others in the batch.

        Args:
            prompts: int64 ``[S]`` each, ending where the answer starts.
            requests: What each answer may hold. ``max_tokens`` is lowered to what the context has room for.
            sampling: How tokens are drawn, the same for all; its own ``max_tokens`` is the caller's to put
                into the requests.
            seeds: One random stream each, at least 0.
            unconditional: int64 ``[S]``, the prompt that says nothing; needed when what may be generated is guided.

        Returns:
            int64 ``[S]`` each, on the CPU: the answer without its prompt, ``<eot>`` included.

        Raises:
            InputError: A prompt leaves too little room for its answer, or the decoder's logits are not
                numbers.
        """
        if not prompts:
            return []
        ids = torch.cat(list(self.steps(prompts, requests, sampling, seeds, unconditional)), dim=1)
        # Copied outside of inference mode, so that a caller may train on the answers.
        return [row[: int((row != self._vocabulary.pad).sum())].clone() for row in ids]

    @torch.inference_mode()
    def steps(
        self,
        prompts: Sequence[Tensor],
        requests: Sequence[Request],
        sampling: Sampling,
        seeds: Sequence[int],
        unconditional: Tensor | None = None,
        every: int | None = None,
    ) -> Iterator[Tensor]:
        """:meth:`generate` piece by piece.

        Args:
            every: Steps in a piece. By default 1 on a CPU and more on an accelerator.

        Yields:
            int64 ``[N, every]`` on the CPU (the last piece may be shorter): the new tokens of each answer,
            ``<pad>`` once it has ended.
        """
        if not len(prompts) == len(requests) == len(seeds):
            raise ValueError(f"{len(prompts)} prompts, {len(requests)} requests and {len(seeds)} seeds do not match")
        every = every or (1 if self.device.type == "cpu" else STEPS_PER_LOOK)
        guided = [self._is_guided(request, sampling) for request in requests]
        if any(guided) and unconditional is None:
            raise ValueError("guidance needs the unconditional prompt")
        requests = [
            self.fit(request, prompt, sampling, unconditional)
            for request, prompt in zip(requests, prompts, strict=True)
        ]
        limit = max(request.max_tokens for request in requests)
        grammar, sampler = self._grammar, Sampler(sampling, self.device)
        scales = guidance_scales(sampling, self.device)
        state = grammar.start(requests)
        random = uniforms(seeds, limit).to(self.device)
        pairs = _Pairs(guided, self.device)
        rows = self._prefill(prompts, unconditional, pairs)
        answers = torch.full((len(prompts), limit), self._vocabulary.pad, device=self.device)
        live = torch.arange(len(prompts), device=self.device)
        unusable = torch.zeros(len(prompts), dtype=torch.bool, device=self.device)
        seen = 0
        for step in range(limit):
            logits = pairs.guide(rows.logits, scales[grammar.codes_of(state).long()])
            allowed, modality = grammar.allowed(state), grammar.modality(state)
            token_ids, usable = sampler.draw(logits, allowed, modality, random[live, step])
            unusable |= ~usable & ~grammar.done(state)
            state = grammar.advance(state, token_ids)
            answers[live, step] = token_ids
            if (step + 1) % every == 0 or step + 1 == limit:
                done, broken = torch.stack([grammar.done(state), unusable]).tolist()
                if any(broken):
                    raise InputError(
                        "the decoder's logits are not finite numbers; the checkpoint is damaged, or it needs "
                        "another dtype or a lower guidance_scale"
                    )
                yield answers[:, seen : step + 1].cpu()
                seen = step + 1
                if all(done):
                    return
                # Dropping rows copies the cache, which pays once a good part of the batch has ended.
                if 4 * sum(done) >= len(done):
                    keep = [row for row, ended in enumerate(done) if not ended]
                    index = torch.tensor(keep, device=self.device)
                    rows.select(pairs.select(keep))
                    live, state = live[index], state.rows(index)
                    token_ids, unusable = token_ids[index], unusable[index]
            rows.step(pairs.both(token_ids))

    def _prefill(self, prompts: Sequence[Tensor], unconditional: Tensor | None, pairs: _Pairs) -> DecoderRows:
        """Puts each distinct prompt through the decoder once, and copies its cache to all of its samples."""
        second = [] if unconditional is None else [unconditional] * pairs.count
        distinct: dict[tuple[int, ...], int] = {}
        places = [distinct.setdefault(tuple(ids.tolist()), len(distinct)) for ids in [*prompts, *second]]
        pad = self._vocabulary.pad
        rows = DecoderRows(self._decoder, [torch.tensor(ids) for ids in distinct], self._vocabulary.size, pad)
        rows.select(places)
        return rows

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
            InputError: What is left is too little for any answer.
        """
        length = len(prompt)
        if unconditional is not None and self._is_guided(request, sampling):
            length = max(length, len(unconditional))
        if self.context is None or length + request.max_tokens <= self.context:
            return request
        self._grammar.start([request])  # what is wrong with the request itself is not the context's fault
        room = max(self.context - length, 0)
        try:
            fitted = replace(request, max_tokens=room)
            self._grammar.start([fitted])
        except InputError:
            raise InputError(
                f"the prompt has {length} tokens and the model's context holds {self.context}, which leaves "
                f"{room} for the answer, too few; shorten the prompt"
            ) from None
        return fitted


class _Pairs:
    """Which rows have an unconditional row; the decoder runs the B conditional rows, then the G others."""

    def __init__(self, guided: Sequence[bool], device: torch.device) -> None:
        self._device = device
        self._set(list(guided))

    def _set(self, guided: list[bool]) -> None:
        self._guided = guided
        places = [row for row, has in enumerate(guided) if has]
        self._places = torch.tensor(places, dtype=torch.int64, device=self._device)

    @property
    def count(self) -> int:
        """G, the number of unconditional rows."""
        return len(self._places)

    def guide(self, logits: Tensor, scale: Tensor) -> Tensor:
        """The logits ``[B, V]`` to draw from, of the decoder's ``[B + G, V]``; ``scale`` is float ``[B]``."""
        cond, uncond = logits[: len(self._guided)], logits[len(self._guided) :]
        if self.count:
            cond[self._places] = guide(cond[self._places], uncond, scale[self._places])
        return cond

    def both(self, token_ids: Tensor) -> Tensor:
        """The decoder's input ``[B + G]``: an unconditional row is given its pair's token."""
        return torch.cat([token_ids, token_ids[self._places]]) if self.count else token_ids

    def select(self, rows: Sequence[int]) -> list[int]:
        """Keeps some of the B rows; returns where they and their unconditional rows are among the B + G."""
        second = {row: len(self._guided) + place for place, row in enumerate(self._places.tolist())}
        places = [*rows, *(second[row] for row in rows if row in second)]
        self._set([self._guided[row] for row in rows])
        return places
