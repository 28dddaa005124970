"""Ctrl-C in processes that work for another one: it reaches them too, but what is stopped is for the first to say."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

SETTLE = 1.0
"""Seconds in which Ctrl-C reaches all processes."""
_MASKS = hasattr(signal, "pthread_sigmask")  # not on Windows


def leave_interrupts(worker: int) -> None:
    """A data loader's ``worker_init_fn``: its process does not mind Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def starting_processes() -> Iterator[None]:
    """Processes that are started in the block do not mind Ctrl-C, unless they call `end_on_interrupt`.

    While they import what they need, Python would answer it with a traceback for each. Here it waits for the end of the
    block.
    """
    if not _MASKS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which they inherit
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_on_interrupt() -> None:
    """Ctrl-C ends this process at once and without a word, also one from before this call."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    if _MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def await_interrupt() -> None:
    """Where another process has ended: Ctrl-C may have reached it first, and is raised here when it comes."""
    time.sleep(SETTLE)
