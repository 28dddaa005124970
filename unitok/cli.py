"""The console script: `unitok VERB ...` is `python -m unitok.VERB ...`."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from importlib.metadata import version

from unitok.terminal import run
from unitok_tokenizers.errors import InputError

VERBS = {
    "generate": "words, pictures and sounds from a prompt, or a conversation (--chat)",
    "tokenize": "write documents, or pairs of answers, as a token cache for training",
    "train": "train a tokenizer of images or sounds, a decoder or a refiner from a YAML file",
    "assemble": "put trained parts together into a checkpoint",
    "losses": "what decoders lose on tokenized documents",
    "evaluate": "measure a model on scenes, photographs, speech and melodies",
    "refit": "move codes of an image codec to where pictures need them",
    "convert": "a released model (Chameleon, Anole, Lumina-mGPT, Emu3) as a checkpoint",
    "export": "write the image codec as ONNX files",
}


def usage() -> str:
    verbs = "\n".join(f"  {verb:<10}{about}" for verb, about in VERBS.items())
    more = "unitok VERB --help tells more; python -m unitok.VERB is the same."
    return f"usage: unitok VERB ...\n\n{verbs}\n\n{more}"


def dispatch(argv: Sequence[str]) -> None:
    """Runs the verb that `argv` begins with, which may exit by itself; `InputError` for an unknown one."""
    if not argv:
        raise InputError(f"no verb was given; use one of {', '.join(VERBS)}")
    verb, *rest = argv
    if verb in ("-h", "--help"):
        print(usage())
    elif verb == "--version":
        print(version("unitok-multimodal"))
    elif verb in VERBS:
        # As `python -m` does it, so that no verb behaves differently here.
        sys.argv = [f"unitok {verb}", *rest]
        runpy.run_module(f"unitok.{verb}", run_name="__main__", alter_sys=True)
    else:
        raise InputError(f"there is no verb {verb!r}; use one of {', '.join(VERBS)}")


def main() -> int:
    return run(dispatch)


if __name__ == "__main__":
    sys.exit(main())
