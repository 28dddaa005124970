"""Ctrl-C ends a run between two steps, where a checkpoint has all that was computed.

In the middle of an optimizer's step half of the weights would be saved new and half old, and in the middle of
accumulated batches the gradients of those that are done would be lost.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback


class StopBetweenSteps(Callback):
    """Raises `KeyboardInterrupt` where the step is complete in which Ctrl-C came; at the second Ctrl-C at once.

    It is a trainer's last callback: what others do with a complete step, such as averaging weights, they have done.
    """

    def __init__(self) -> None:
        self._asked, self._complete = False, True
        self._steps = 0
        self._before: Any = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._asked, self._complete, self._steps = False, True, trainer.global_step
        if threading.current_thread() is threading.main_thread():  # elsewhere signals cannot be handled
            self._before = signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        print("\nstopping when this step is complete; press Ctrl-C again to stop at once", file=sys.stderr)

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self._complete, self._steps = trainer.global_step != self._steps, trainer.global_step
        self._stop()

    def on_validation_batch_end(self, *_: Any) -> None:
        self._stop()  # unless gradients are still accumulated

    def _stop(self) -> None:
        if self._asked and self._complete:
            raise KeyboardInterrupt

    def teardown(self, *_: Any, **__: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
