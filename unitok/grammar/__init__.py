"""Which token may come next: one state machine per row, in tensors only."""

from __future__ import annotations

from unitok.grammar.grammar import Grammar
from unitok.grammar.request import Modality, Request
from unitok.grammar.state import GrammarState

__all__ = ["Grammar", "GrammarState", "Modality", "Request"]
