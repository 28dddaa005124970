"""Speed: one picture and one sentence in a process that is warm, and the first command in one that is not."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

import torch
from tqdm import tqdm

from unitok.checks import usable_cores
from unitok.document import Document
from unitok.evaluation.figures import Figure
from unitok.evaluation.findings import Findings
from unitok.evaluation.needs import sounds
from unitok.evaluation.setup import Setup

PROMPT = "a small red circle above a large blue square on a white background"
SPOKEN_PROMPT = f"say: {PROMPT}"
WARM_TARGET, COLD_TARGET = 1.5, 15.0
SPOKEN_TARGET = 0.8
"""Seconds of computing for a second of sound."""

ROUNDS = 7
"""Pictures and sentences that are timed; the median is given, since other programs may disturb some."""

TIME_LIMIT = 600
"""Seconds after which the first command is given up."""


def measure(setup: Setup) -> Findings:
    """The seconds that one picture, a second of speech and the first command take."""
    with tqdm(total=2 * (ROUNDS + 1) + 1, desc="speed", unit="answer", file=sys.stderr) as bar:
        figures = [_warm(setup, bar), _spoken(setup, bar), _cold(setup)]
        bar.update()
    return Findings(figures)


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
    value = statistics.median(seconds)
    return Figure("speed", "a picture, warm, batch 1", value, "s", WARM_TARGET, True, count=ROUNDS, note=_machine())


def _spoken(setup: Setup, bar: tqdm) -> Figure:
    document = Document.user(SPOKEN_PROMPT)
    name = "a second of speech, warm, batch 1"
    if reason := sounds(setup):
        bar.update(ROUNDS + 1)
        return Figure("speed", name, None, "s", SPOKEN_TARGET, True, note=reason)
    ratios = []
    for index in range(ROUNDS + 1):
        started = time.perf_counter()
        answer = setup.model.generate(document, modality="audio", seed=index)[0].turns[-1]
        seconds = time.perf_counter() - started
        (sound,) = answer.sounds
        assert sound.samples is not None and sound.sample_rate
        ratios.append(seconds * sound.sample_rate / max(sound.samples.shape[-1], 1))
        bar.update()
    value = statistics.median(ratios[1:])  # the first one builds caches
    return Figure("speed", name, value, "s", SPOKEN_TARGET, True, count=ROUNDS, note=_machine())


def _machine() -> str:
    return f"median; {torch.get_num_threads()} threads, {usable_cores()} cores"


def _cold(setup: Setup) -> Figure:
    """The whole command in a process of its own, its imports and the model's loading included."""
    name = "the first command, cold process"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "unitok.generate", "--model", setup.name, "--prompt", PROMPT]
        command += ["--device", str(setup.model.device), "--output", folder]
        if setup.adapter is not None:
            command += ["--adapter", str(setup.adapter)]
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command,
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
