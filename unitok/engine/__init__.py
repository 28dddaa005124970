"""The decode loop: prefill, sampling, guidance. It knows token ids and the grammar, and nothing of media."""

from __future__ import annotations

from unitok.engine.engine import BATCH_SIZE, Engine, EngineOptions, NoRoomError, Piece
from unitok.engine.sampling import Sampling, SamplingParams

__all__ = ["BATCH_SIZE", "Engine", "EngineOptions", "NoRoomError", "Piece", "Sampling", "SamplingParams"]
