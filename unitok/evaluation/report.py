"""The report: a table with targets beside figures, as Markdown and as JSON, contact sheets, and sounds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

from unitok.evaluation.cases import Case
from unitok.evaluation.figures import Figure
from unitok.evaluation.findings import Findings
from unitok.evaluation.markdown import aligned, count, target, verdict
from unitok.evaluation.sheets import case_sheet
from unitok.outputs import check_folder
from unitok.replacing import replace_text
from unitok.viz import rows_sheet
from unitok_tokenizers.audio_io import save_audio
from unitok_tokenizers.errors import InputError
from unitok_tokenizers.image_io import save_image

FORMAT_VERSION = 1
MOST_FAILURES = 40
"""Failures of each section that the JSON lists and the sheet of failures shows."""

MOST_EXAMPLES = 48
MOST_SOUNDS = 12
_COLUMNS = ("", "figure", "result", "target", "95 % interval", "n", "", "note")


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    return aligned([_COLUMNS, *(_row(figure) for figure in figures)])


def _row(figure: Figure) -> tuple[str, ...]:
    interval = "" if figure.interval is None else f"{figure.interval[0]:.1f} to {figure.interval[1]:.1f}"
    return (
        figure.section,
        figure.name,
        _value(figure),
        f"{target(figure)} {figure.unit}".strip() if figure.target is not None else "",
        interval,
        count(figure),
        verdict(figure),
        figure.note,
    )


def _value(figure: Figure) -> str:
    if figure.value is None:
        return "not measured"
    digits = {"%": 1, "points": 1, "dB": 2, "s": 2}.get(figure.unit, 3)
    return f"{figure.value:.{digits}f} {figure.unit}".strip()


class Report:
    """Files of one run that share a stem in a folder; what earlier runs left there is kept.

    The JSON file is there from the start, and all are written after each section, so that a run that is stopped leaves
    what it found.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """``about`` says what is measured and how; it heads the JSON, as it is when a section is added.

        Raises:
            InputError: The folder cannot be made or written to.
        """
        self.about = about
        self.found: dict[str, Findings] = {}
        check_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--output {folder} cannot be made: {error.strerror}; name another folder") from error
        self.folder = folder
        self.stem = self._claim_stem()

    def _claim_stem(self) -> str:
        """A free stem, whose JSON file is there from now on: another run may be looking for one at this moment."""
        while True:
            self.stem = _free_stem(self.folder)
            try:
                with self.path(".json").open("x", encoding="utf-8") as file:
                    file.write(self._json())
                return self.stem
            except FileExistsError:
                continue
            except OSError as error:
                raise InputError(f"{self.path('.json')} cannot be written: {error.strerror}") from error

    def path(self, ending: str) -> Path:
        """A file of this report."""
        return self.folder / f"{self.stem}{ending}"

    @property
    def figures(self) -> list[Figure]:
        return [figure for findings in self.found.values() for figure in findings.figures]

    def add(self, name: str, findings: Findings) -> None:
        """Takes in a section's findings and writes everything down."""
        self.found[name] = findings
        replace_text(self.path(".json"), self._json())
        replace_text(self.path(".md"), self.markdown())
        cases = [case for case in findings.cases if case.media]
        self._save_sheet(f"{name}_examples", _spread(cases, MOST_EXAMPLES))
        self._save_sheet(f"{name}_failures", _spread([case for case in cases if not case.right], MOST_FAILURES))
        if findings.pictures:
            self._save(name, rows_sheet(findings.pictures, headings=findings.headings, labels=findings.labels))
        self._save_sounds(name, findings.cases)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON."""
        return {
            "format_version": FORMAT_VERSION,
            **self.about,
            "figures": [{**asdict(figure), "met": figure.met} for figure in self.figures],
            "failures": {name: _failures(findings.cases) for name, findings in self.found.items() if findings.cases},
        }

    def _json(self) -> str:
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def markdown(self) -> str:
        about = ", ".join(f"{name} {value}" for name, value in self.about.items() if not isinstance(value, dict))
        return f"# Evaluation\n\n{about}\n\n{table(self.figures)}\n"

    def _save_sheet(self, name: str, cases: Sequence[Case]) -> None:
        if cases:
            self._save(name, case_sheet(cases))

    def _save_sounds(self, name: str, cases: Sequence[Case]) -> None:
        """Some of the answers that are sounds, as WAV files with a list of what they are."""
        with_sounds = [
            case for case in cases if case.task.hear and any(s.samples is not None for s in case.turn.sounds)
        ]
        heard = _spread(with_sounds, MOST_SOUNDS)
        for number, case in enumerate(heard, 1):
            sound = next(sound for sound in case.turn.sounds if sound.samples is not None)
            assert sound.samples is not None and sound.sample_rate is not None
            save_audio(sound.samples, sound.sample_rate, self.path(f"_{name}_{number:02d}.wav"), overwrite=True)
        if heard:
            lines = [
                f"{n:02d}.wav\tasked: {c.task.asked}\twanted: {c.wanted}\theard: {c.got}"
                for n, c in enumerate(heard, 1)
            ]
            replace_text(self.path(f"_{name}.txt"), "\n".join(lines) + "\n")

    def _save(self, name: str, sheet: PillowImage.Image) -> None:
        save_image(sheet, self.path(f"_{name}.png"), overwrite=True)


def _failures(cases: Iterable[Case]) -> list[dict[str, Any]]:
    wrong = _spread([case for case in cases if not case.right], MOST_FAILURES)
    return [{"asked": c.task.asked, "tags": c.task.tags, "wanted": c.wanted, "got": c.got} for c in wrong]


def _spread(cases: Sequence[Case], most: int) -> list[Case]:
    """Up to ``most`` cases, evenly from all of them, right or wrong."""
    step = max(1, len(cases) / most)
    return [cases[int(i * step)] for i in range(min(most, len(cases)))]


def _free_stem(folder: Path) -> str:
    """The first of ``evaluation``, ``evaluation-2``, ... that no file in the folder begins with."""
    taken = [path.name for path in folder.iterdir()]
    number = 1
    while True:
        stem = "evaluation" if number == 1 else f"evaluation-{number}"
        if not any(name.startswith((f"{stem}.", f"{stem}_")) for name in taken):
            return stem
        number += 1
