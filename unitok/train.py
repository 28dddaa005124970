"""`python -m unitok.train`: trains everything that is trained here, with the Lightning CLI."""

from __future__ import annotations

import logging
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from unitok.terminal import EXIT_TERMINATED, run

log = logging.getLogger(__name__)

VERBS = ("fit", "validate", "test")
DESCRIPTION = """\
Train, validate or test what a config describes: a tokenizer of images or sounds, a decoder, or a refiner.

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
    if not _is_distributed(path) if path.is_dir() else not _is_saved_by_torch(path):
        raise InputError(f"--ckpt_path {path} is not a checkpoint, or it is damaged")


def _is_saved_by_torch(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return any(name.endswith("/data.pkl") for name in file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _is_distributed(folder: Path) -> bool:
    """Whether a folder is a checkpoint of several devices, as `torch.distributed.checkpoint` writes it."""
    return (folder / ".metadata").is_file()


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


def _of_worker(message: str) -> str:
    """What an error said in a process that loads data, without the lines that say where."""
    lines = message.strip().splitlines()
    return lines[-1].partition("InputError: ")[2] or lines[-1]


def _is_of_trainer(error: BaseException) -> bool:
    """Whether Lightning refused an argument; what other code raises may be a fault of its own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith(
        ("lightning.", "jsonargparse.")
    )


def command(argv: Sequence[str]) -> None:
    """Parses `argv` and runs it. Raises `InputError` for anything that the user can set right."""
    # Imported late, so that nothing heavy is loaded by an import of this module.
    from jsonargparse import DefaultHelpFormatter
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from unitok.training.interrupts import StopBetweenSteps
    from unitok.training.run_folders import check_run_folders
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

        def _set_seed(self) -> None:
            seed = self.config[self.config.subcommand].get("seed_everything")
            if isinstance(seed, int) and not 0 <= seed < 2**32:
                raise InputError(f"--seed_everything must be from 0 to {2**32 - 1}, got {seed}")
            super()._set_seed()

        def before_instantiate_classes(self) -> None:
            trainer = self.config[self.config.subcommand].trainer
            for name in ("accumulate_grad_batches", "val_check_interval"):  # by which the trainer divides
                value = trainer.get(name)
                if isinstance(value, (int, float)) and value <= 0:
                    raise InputError(f"--trainer.{name} must be above 0, got {value}")
            data = self.config[self.config.subcommand].get("data") or {}
            settings = data.get("init_args") or {}
            if (settings.get("seed") or 0) < 0:
                raise InputError(f"--data.seed must be at least 0, got {settings['seed']}")
            if trainer.get("overfit_batches") and "row_length" in settings:  # which puts its own sampler in place
                raise InputError("--trainer.overfit_batches does not go with packed documents; leave it out")
            trainer.precision = fast_precision(trainer.precision, trainer.accelerator)

        def instantiate_classes(self) -> None:
            try:
                super().instantiate_classes()
            except InputError:
                raise
            except (ValueError, TypeError, ZeroDivisionError, OSError) as error:
                cause = _cause(error, InputError)
                if cause is None and not isinstance(error, OSError) and not _is_of_trainer(error):
                    raise
                raise InputError(" ".join(str(cause or error).split())) from error

        def before_fit(self) -> None:
            goes_on = self.config[self.config.subcommand].get("ckpt_path") is not None
            check_run_folders(self.trainer, self.model, goes_on)
            self.trainer.callbacks.append(StopBetweenSteps())  # pyright: ignore[reportAttributeAccessIssue]

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
    except InputError as error:
        if "in DataLoader worker process" not in str(error):
            raise
        raise InputError(_of_worker(str(error))) from error
    except ValueError as error:  # where a class refused its arguments, wrapped in what else they might have been
        if str(error).startswith(("batch_size should be", "num_workers option should be")):  # of a DataLoader
            raise InputError(f"data: {error}") from error
        if str(error).startswith("loaded state dict"):
            raise InputError(f"--ckpt_path: its optimizer is another than the config's ({error})") from error
        if (cause := _cause(error, InputError)) is None:
            raise
        raise InputError(str(cause)) from error
    except MisconfigurationException as error:  # such as an accelerator that is not here
        raise InputError(" ".join(str(error).split())) from error
    except RuntimeError as error:
        from torch._inductor.exc import InductorError

        if str(error).startswith("Error(s) in loading state_dict"):
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"--ckpt_path is of another model than the config's: {reason}") from error
        if (failed := _cause(error, InductorError)) is None:
            raise
        reason = " ".join(str(failed).split())[:200]
        raise InputError(
            f"layers cannot be compiled here ({reason}); install a C++ compiler, or give --model.compile false"
        ) from error
    except SIGTERMException:  # where callbacks save on exceptions, they have
        print("terminated", file=sys.stderr)
        raise SystemExit(EXIT_TERMINATED) from None
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):  # which the trainer turns into an exit
            raise KeyboardInterrupt from None
        raise


if __name__ == "__main__":
    sys.exit(run(command))
