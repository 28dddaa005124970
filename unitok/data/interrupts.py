"""Ctrl-C in processes that read data for a training."""

from __future__ import annotations

import signal


def leave_interrupts(worker: int) -> None:
    """A data loader's ``worker_init_fn``: Ctrl-C reaches its process too, but what is stopped then is for the main
    process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
