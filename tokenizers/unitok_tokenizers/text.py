"""Text to ids and back: a byte-level BPE of our own, or any pretrained transformers tokenizer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.hub import HubComponent

_NATIVE_KEY: Final = "unitok_text_tokenizer"
"""In ``tokenizer_config.json``: this folder is fully described by its ``tokenizer.json``."""


class TextTokenizer(HubComponent):
    """Text to ids in ``[0, vocab_size)`` and back.

    Nothing is added to the text and nothing in it is special: the names of control tokens, of this
    project or of the tokenizer itself, are read as letters. For :meth:`train`'s byte-level BPE,
    ``decode(encode(text)) == text`` holds for every text, and every list of ids decodes (bytes that are
    no UTF-8 become U+FFFD).
    """

    hub_files = ("*.json", "*.txt", "*.model", "*.jinja")  # a language model's tokenizer lies beside its weights

    def __init__(self, backend: tokenizers.Tokenizer, pretrained: Any = None) -> None:
        self._pretrained = pretrained  # the transformers tokenizer around the backend, for saving
        # A copy, since the transformers tokenizer that shares it may expect its special tokens to be found.
        self._backend = tokenizers.Tokenizer.from_str(backend.to_str())
        self._backend.encode_special_tokens = True  # spelled special tokens are ordinary text
        self._backend.no_padding()
        self._backend.no_truncation()
        added = self._backend.get_added_tokens_decoder()
        special = {token_id for token_id, token in added.items() if token.special}
        if pretrained is not None:
            special |= set(pretrained.all_special_ids)
        known = set(self._backend.get_vocab(with_added_tokens=True).values())
        self.vocab_size: int = max(known) + 1
        self.special_ids: frozenset[int] = frozenset(special)
        """The tokenizer's own special tokens; :meth:`encode` never returns them."""
        self.unused_ids: frozenset[int] = frozenset(special | (set(range(self.vocab_size)) - known))
        """Ids that no text has: the special ones and the numbers without a token."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._backend.encode_special_tokens = True  # the backend loses this when it is pickled

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> TextTokenizer:
        """Trains a byte-level BPE without special tokens.

        Args:
            texts: The corpus.
            vocab_size: Ids at most, at least 256; fewer when the corpus has no more pairs to merge.
        """
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        if vocab_size < len(alphabet):
            raise InputError(f"vocab_size must be at least {len(alphabet)}, one id per byte, not {vocab_size}")
        backend = tokenizers.Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size, initial_alphabet=alphabet, special_tokens=[], show_progress=False
        )
        backend.train_from_iterator(texts, trainer)
        return cls(backend)

    @classmethod
    def read(cls, folder: str | Path) -> TextTokenizer:
        """Reads a folder written by :meth:`write` or by any transformers tokenizer.

        Raises:
            InputError: The folder is missing or holds no tokenizer that can be used.
        """
        path = Path(folder)
        name = f"text tokenizer {str(path)!r}"
        if not path.is_dir():
            raise InputError(f"{name} is not a folder; give one with a tokenizer.json")
        try:
            config_file = path / "tokenizer_config.json"
            if config_file.is_file() and json.loads(config_file.read_text(encoding="utf-8")).get(_NATIVE_KEY):
                return cls(tokenizers.Tokenizer.from_str((path / "tokenizer.json").read_text(encoding="utf-8")))
            # Imported here because it takes seconds, which our own tokenizer does not need.
            from transformers import AutoTokenizer

            pretrained: Any = AutoTokenizer.from_pretrained(str(path), local_files_only=True, trust_remote_code=False)
        except Exception as error:  # both libraries raise plain Exception for damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{name} cannot be read: {reason}") from error
        backend = getattr(pretrained, "backend_tokenizer", None)
        if not isinstance(backend, tokenizers.Tokenizer):
            raise InputError(f"{name} has no fast form; convert it to one with a tokenizer.json")
        return cls(backend, pretrained)

    def write(self, folder: str | Path) -> None:
        """Writes a folder that :meth:`read` and transformers' ``AutoTokenizer`` read."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        if self._pretrained is not None:
            self._pretrained.save_pretrained(str(path))
            return
        (path / "tokenizer.json").write_text(self._backend.to_str(pretty=True), encoding="utf-8")
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            _NATIVE_KEY: 1,
        }
        (path / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def spellings(self) -> dict[str, int]:
        """Every token as the tokenizer spells it (byte-level ones by letters that stand for bytes), and its id."""
        return self._backend.get_vocab(with_added_tokens=True)

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; never one of :attr:`special_ids`.

        Raises:
            InputError: The tokenizer has no token for a character (never with a byte-level one).
        """
        encoding = self._backend.encode(text, add_special_tokens=False)
        if self.special_ids.isdisjoint(encoding.ids):
            return encoding.ids
        # Some models hold the name of a special token as a piece of text too: there the name is cut in two.
        ids: list[int] = []
        start = 0
        for token_id, (first, stop) in zip(encoding.ids, encoding.offsets, strict=True):
            if token_id in self.special_ids:
                if stop - first < 2:
                    raise InputError(f"the text tokenizer has no token for {text[first:stop]!r}; use a byte-level one")
                ids += self.encode(text[start : first + 1])
                start = first + 1
        return ids + self.encode(text[start:])

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids``, special tokens included."""
        return self._backend.decode(list(ids), skip_special_tokens=False)
