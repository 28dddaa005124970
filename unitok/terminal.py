"""What every command does the same way at the terminal: one-line errors, exit codes, Ctrl-C, closed pipes.

Imports nothing heavy, so that `--help` and a mistyped option are answered at once.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from unitok_tokenizers.errors import InputError

EXIT_OK = 0
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
EXIT_CLOSED_PIPE = 141  # 128 + SIGPIPE
EXIT_TERMINATED = 143  # 128 + SIGTERM

_FULL = (errno.ENOSPC, errno.EDQUOT)


class ArgumentParser(argparse.ArgumentParser):
    """An `argparse` parser whose errors are one `InputError` instead of the usage and an exit."""

    def __init__(self, prog: str, description: str = "") -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def integer(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """Returns an `argparse` type: a whole number in [minimum, maximum]."""
    upper = "" if maximum is None else f" and at most {maximum}"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < minimum or (maximum is not None and value > maximum):
            raise argparse.ArgumentTypeError(f"{text} is out of range, it must be at least {minimum}{upper}")
        return value

    return parse


def number(minimum: float, maximum: float | None = None, above: bool = False) -> Callable[[str], float]:
    """Returns an `argparse` type: a finite number in [minimum, maximum], or (minimum, maximum] if `above`."""
    lower = "above" if above else "at least"
    upper = "" if maximum is None else f" and at most {maximum:g}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        # Written so that nan fails too.
        inside = (value > minimum if above else value >= minimum) and value <= (
            maximum if maximum is not None else sys.float_info.max
        )
        if not inside:
            raise argparse.ArgumentTypeError(f"{text} is out of range, it must be {lower} {minimum:g}{upper}")
        return value

    return parse


def grid(text: str) -> tuple[int, int]:
    """An `argparse` type: rows and columns, as in 12x16."""
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no grid; give rows and columns of codes, as in 12x16")
    return int(match[1]), int(match[2])


def printable(text: str) -> str:
    """The text with U+FFFD for what a terminal would obey: control characters but newline and tab."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text)


def error_line(error: BaseException) -> str:
    """The one line that a person reads about an error."""
    return "error: " + " ".join(str(error).split())


def run(command: Callable[[Sequence[str]], None], argv: Sequence[str] | None = None) -> int:
    """Runs `command(argv)` and returns the process's exit code; `argv` defaults to the process's own.

    0: done; 2: an `InputError`, or a file that cannot be used, printed to stderr as one line; 130: Ctrl-C; 141: nobody
    reads stdout. (143, of training alone: terminated.)
    Other exceptions are faults of the program, not of its user, and pass with their traceback.
    """
    if sys.stdout is None:  # closed by who began the process
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # What the locale cannot show or read is no reason to stop with a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        command(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except InputError as error:
        print(error_line(error), file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end; let that one go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CLOSED_PIPE
    except OSError as error:  # a folder that is closed, a name that is too long, a disk that is full
        if error.filename is None and error.errno not in _FULL:
            raise
        name = "a file" if error.filename is None else os.fsdecode(error.filename)
        print(error_line(InputError(f"{name} cannot be used: {error.strerror}")), file=sys.stderr)
        return EXIT_BAD_INPUT
    return EXIT_OK
