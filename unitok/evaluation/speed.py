"""Speed: one picture in a process that is warm, and the first command in one that is not."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from tqdm import tqdm

from unitok.document import Document
from unitok.evaluation.figures import Figure
from unitok.evaluation.findings import Findings
from unitok.evaluation.setup import Setup

PROMPT = "a small red circle above a large blue square on a white background"
WARM_TARGET, COLD_TARGET = 1.5, 15.0
ROUNDS = 7
"""Pictures that are timed; the median is given, since other programs may disturb some."""

TIME_LIMIT = 600
"""Seconds after which the first command is given up."""


def measure(setup: Setup) -> Findings:
    """The seconds that one picture takes, and those of the first command."""
    with tqdm(total=ROUNDS + 2, desc="speed", unit="picture", file=sys.stderr) as bar:
        warm = _warm(setup, bar)
        cold = _cold(setup.name)
        bar.update()
    return Findings([warm, cold])


def _warm(setup: Setup, bar: tqdm) -> Figure:
    document = Document.user(PROMPT)
    setup.model.generate(document, modality="image")  # the first one builds caches
    bar.update()
    seconds = []
    for index in range(ROUNDS):
        started = time.perf_counter()
        setup.model.generate(document, modality="image", seed=index)
        seconds.append(time.perf_counter() - started)
        bar.update()
    note = f"median; {torch.get_num_threads()} threads, {_cores()} cores"
    value = statistics.median(seconds)
    return Figure("speed", "a picture, warm, batch 1", value, "s", WARM_TARGET, True, count=ROUNDS, note=note)


def _cold(model_name: str) -> Figure:
    """The whole command in a process of its own, its imports and the model's loading included."""
    name = "the first command, cold process"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "unitok.generate", "--model", model_name, "--prompt", PROMPT]
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [*command, "--output", folder],
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            note = f"not done after {TIME_LIMIT} s"
            return Figure("speed", name, None, "s", COLD_TARGET, True, note=note)
        seconds = time.perf_counter() - started
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Figure("speed", name, None, "s", COLD_TARGET, True, note=lines[-1])
    return Figure("speed", name, seconds, "s", COLD_TARGET, True, count=1)


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
