"""A user's own pairs of answers: a JSONL file, each line of which holds a prompt and two answers to it.

    {"prompt": [messages], "chosen": [messages], "rejected": [messages]}

The messages are those of documents (:mod:`unitok.data.documents`), pictures and sounds included; paths start at the
file's folder.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from unitok.bases import find_folder, load_processor
from unitok.checks import refuse_existing
from unitok.data.documents import OnError, line_blocks, parse_json, parse_messages, read_lines
from unitok.data.encoding import encode_lines
from unitok.data.preferences import Found, Preferences, scored, write_parts
from unitok.data.tokenizing import JsonlSource
from unitok.decoder_folder import load_fast
from unitok.document import Document, Text
from unitok_tokenizers.errors import InputError

log = logging.getLogger(__name__)

KEYS = ("prompt", "chosen", "rejected")
TOGETHER = 256
"""Lines whose pairs are found, and kept, in one go."""


def parse_pair(line: str, where: str, base: Path) -> tuple[Document, Document]:
    """The documents with the chosen and with the rejected answer.

    Args:
        line: JSON.
        where: Names the line in errors, such as ``pairs.jsonl:12``.
        base: The folder that paths of pictures and sounds start from.

    Raises:
        InputError: Not JSON, not the form above, or a file that cannot be read; the message names the line.
    """
    value = parse_json(line, where)
    if not isinstance(value, Mapping) or set(value) != set(KEYS):
        raise InputError(f'{where}: expected an object with "prompt", "chosen" and "rejected", and nothing else')
    for key in KEYS:
        if not isinstance(value[key], list) or not value[key]:
            raise InputError(f'{where}: "{key}" must be a list of at least one message')
    for key in KEYS[1:]:
        if any(not isinstance(message, Mapping) or message.get("role") != "assistant" for message in value[key]):
            raise InputError(f'{where}: "{key}" must hold what the assistant says, messages of the role assistant')
    if value["chosen"] == value["rejected"]:
        raise InputError(f'{where}: "chosen" and "rejected" are the same, which leaves nothing to prefer')
    prompt, chosen, rejected = (parse_messages(value[key], f'{where}: "{key}"', base) for key in KEYS)
    for key, answer in zip(KEYS[1:], (chosen, rejected), strict=True):
        if not any(not isinstance(part, Text) or part.text for part in answer.turns[-1].parts):
            raise InputError(f'{where}: "{key}" is empty; give what the assistant says')
    # The prompt's pictures and sounds are read once, and known to be the same.
    return Document(prompt.turns + chosen.turns), Document(prompt.turns + rejected.turns)


def _named_pair(line: str, where: str, base: Path) -> tuple[str, tuple[Document, Document]]:
    return where, parse_pair(line, where, base)


def write_file(file: str | Path, checkpoint: str | Path, output: str | Path, on_error: OnError = "stop") -> Preferences:
    """Tokenize a file of pairs; shows a progress bar, and names the lines that are left out.

    Pairs that the decoder cannot read, or whose answers become the same tokens, are left out and counted.

    Args:
        file: The JSONL file.
        checkpoint: Has the tokenizers, and the decoder that is the pairs' reference.
        output: The cache's folder, which must not exist.
        on_error: At a line that cannot be read: ``stop``, or ``skip`` it.

    Returns:
        The cache.

    Raises:
        InputError: ``output`` exists, the checkpoint has no decoder, or a line cannot be read and is not skipped.
    """
    refuse_existing(Path(output))
    folder = find_folder(checkpoint)
    processor = load_processor(checkpoint)
    decoder = load_fast(folder / "decoder")
    blocks = line_blocks(file, TOGETHER)

    def find(part: int) -> Found:
        skipped: list[str] = []
        read = read_lines(file, _named_pair, on_error, skipped, blocks[part], TOGETHER)
        pairs = [(chosen, rejected) for chosen, rejected in encode_lines(processor, read, on_error, skipped)]
        for line in skipped:
            log.warning("left out: %s", line)
        found = scored(decoder, pairs)
        return found._replace(left_out=found.left_out + len(skipped))

    identity = {**JsonlSource(str(file), on_error, TOGETHER).identity(), "source": "preferences"}
    with open(file, "rb") as lines:
        lines.seek(blocks[-1][0])
        sizes = [TOGETHER] * (len(blocks) - 1) + [sum(1 for _ in lines)]
    return write_parts(output, processor.vocabulary, identity, folder, sizes, find, "line")
