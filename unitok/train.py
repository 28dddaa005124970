"""`python -m unitok.train`: trains everything that is trained here, with the Lightning CLI."""

from __future__ import annotations

import logging
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from unitok.terminal import run

log = logging.getLogger(__name__)

VERBS = ("fit", "validate", "test")
DESCRIPTION = """\
Train, validate or test what a config describes: the image tokenizer or the decoder.

examples:
  python -m unitok.train fit --config configs/decoder/smoke.yaml
  python -m unitok.train fit --config configs/decoder/tiny.yaml --trainer.max_steps 1000
  python -m unitok.train fit --config configs/decoder/tiny.yaml --ckpt_path runs/decoder/tiny/last.ckpt   (goes on)
  python -m unitok.train validate --config configs/decoder/tiny.yaml --ckpt_path runs/decoder/tiny/last.ckpt
  python -m unitok.train fit --config configs/decoder/tiny.yaml --print_config

what a class takes:
  python -m unitok.train fit --model.help unitok.training.decoder.DecoderModule
  python -m unitok.train fit --data.help unitok.data.datamodules.TokenCacheDataModule"""


def check_checkpoint(path: Path) -> None:
    """Raises `InputError` unless a file or folder to resume from is there and looks like one."""
    from unitok_tokenizers.errors import InputError

    if not path.exists():
        raise InputError(f"--ckpt_path {path} does not exist")
    if path.is_file() and not zipfile.is_zipfile(path):  # as torch.save writes
        raise InputError(f"--ckpt_path {path} is not a checkpoint, or it is damaged")


def fast_precision(precision: str | None, accelerator: Any) -> str | None:
    """What a trainer is to compute in: ``precision``, or float32 for a processor that has no products of bfloat16."""
    import torch

    from unitok.precision import has_bfloat16

    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    asked = str(precision)
    # A trainer on a processor turns float16 with autocast into bfloat16.
    if not (asked.startswith("bf16") or asked in ("16", "16-mixed")) or not on_cpu or has_bfloat16("cpu"):
        return precision
    log.warning("this processor has no products of bfloat16: --trainer.precision is 32-true instead of %s", precision)
    return "32-true"


def _cause(error: BaseException, kind: type[Exception]) -> Exception | None:
    """The exception of a kind that an exception was raised from or while handling."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, kind):
        seen = seen.__cause__ or seen.__context__
    return seen


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and runs it. Raises `InputError` for anything that the user can set right."""
    # Imported late, so that nothing heavy is loaded by an import of this module.
    from jsonargparse import DefaultHelpFormatter
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

    from unitok_tokenizers.errors import InputError

    class Formatter(DefaultHelpFormatter):
        def _fill_text(self, text: str, width: int, indent: str) -> str:
            return "".join(indent + line for line in text.splitlines(keepends=True))

    class Parser(LightningArgumentParser):
        """Raises one line instead of printing the usage and exiting."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{"formatter_class": Formatter, **kwargs})

        def error(self, message: str, ex: Exception | None = None) -> NoReturn:
            if not self.exit_on_error:  # a parser inside the parser, which tries out types
                super().error(message, ex)
            raise InputError(f"{message}; see python -m unitok.train fit --help") from ex

    class TrainCLI(LightningCLI):
        @staticmethod
        def subcommands() -> dict[str, set[str]]:
            verbs = LightningCLI.subcommands()
            return {verb: verbs[verb] for verb in VERBS}

        def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
            parser.set_defaults({"seed_everything": 0})

        def _parse_ckpt_path(self) -> None:
            """Where Lightning looks for the model's arguments in the checkpoint; ours has none."""
            path = self.config[self.config.subcommand].get("ckpt_path") if self.config.get("subcommand") else None
            if path and path not in ("best", "last", "hpc", "registry"):
                check_checkpoint(Path(path))

        def before_instantiate_classes(self) -> None:
            trainer = self.config[self.config.subcommand].trainer
            trainer.precision = fast_precision(trainer.precision, trainer.accelerator)

    try:
        TrainCLI(
            # It warns about arguments that are not the process's own.
            args=None if list(argv) == sys.argv[1:] else list(argv),
            parser_class=Parser,
            auto_configure_optimizers=False,
            save_config_kwargs={"overwrite": True},
            parser_kwargs={
                "prog": "python -m unitok.train",
                "description": DESCRIPTION,
                # The usage line that is made up otherwise has fifty options.
                **{verb: {"usage": f"python -m unitok.train {verb} --config FILE [options]"} for verb in VERBS},
            },
        )
    except InputError:
        raise
    except ValueError as error:  # where a class refused its arguments, wrapped in what else they might have been
        if (cause := _cause(error, InputError)) is None:
            raise
        raise InputError(str(cause)) from error
    except MisconfigurationException as error:  # such as an accelerator that is not here
        raise InputError(" ".join(str(error).split())) from error
    except RuntimeError as error:
        from torch._inductor.exc import InductorError

        if (failed := _cause(error, InductorError)) is None:
            raise
        reason = " ".join(str(failed).split())[:200]
        raise InputError(
            f"layers cannot be compiled here ({reason}); install a C++ compiler, or give --model.compile false"
        ) from error
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):  # which the trainer turns into an exit
            raise KeyboardInterrupt from None
        raise


if __name__ == "__main__":
    sys.exit(run(command))
