"""Runs as a crash leaves them, and what of them a resumed run must repeat."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from rlsr.engines import SilentObserver
from rlsr.runs import RunDirectory

TIMES = ("time/", "tokens/per_second", "memory/", "judge/")
"""What is another in every run: times, and what of the questions to servers was answered before."""


class Killed(BaseException):
    """Stands for a signal that nobody can catch."""


class KilledAfter(SilentObserver):
    """Dies when a step has been written and its checkpoint has not."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        if step == self._step:
            raise Killed


def interrupt_after(step: int, whole: Path, broken: Path) -> None:
    """Copy a run as it stood on disk after a step, its last line of metrics cut off by the crash."""
    shutil.copytree(whole, broken)
    shutil.rmtree(broken / "final")
    (broken / "manifest.json").unlink()
    (broken / "evaluation" / "after.jsonl").unlink()
    for checkpoint in (broken / "checkpoints").iterdir():
        if int(checkpoint.name.rpartition("-")[2]) > step:
            shutil.rmtree(checkpoint)
    metrics = broken / "metrics.jsonl"
    lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
    cut_off = lines[step][:20] if step < len(lines) else ""
    metrics.write_text("".join(lines[:step]) + cut_off, encoding="utf-8")


def numbers_of(path: Path) -> list[dict[str, float]]:
    """Read the numbers of all steps, without those that are another in every run."""
    return [
        {name: value for name, value in row.items() if not name.startswith(TIMES)}
        for row in RunDirectory(path).read_metrics()
    ]
