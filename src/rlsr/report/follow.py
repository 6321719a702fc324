"""A report that is written again and again while its runs go on."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from rlsr.errors import RunError
from rlsr.report.report_data import NothingToReport, is_comparison, read_report_data
from rlsr.report.report_page import Renewal, report_page, write_report
from rlsr.report.text_file import write_text
from rlsr.runs.growing import GrowingRun
from rlsr.runs.record import Run

LEAST_SECONDS = 15.0
"""Between two writings: a page is read, not watched."""
_REST = 20
"""A writing is followed by a rest so many times as long, so that following takes a twentieth of a core."""
_MOST_SECONDS = 120.0
"""Between two writings, however long the run is."""
_LOOK_SECONDS = 1.0
"""How soon the end of a run is seen."""


def follow_report(
    file: Path,
    paths: Sequence[Path],
    *,
    say: Callable[[str], None],
    least_seconds: float = LEAST_SECONDS,
) -> tuple[str, ...]:
    """Write a report anew while a process works on one of its runs, and for the last time when none does any more.

    A page that will be followed by another one says so, and loads itself again; the last one does not. On Ctrl-C the last
    one is written, too.

    Args:
        file: Where to; its directory exists.
        paths: Directories of runs and pipelines, not empty.
        say: Told in a sentence how it begins.
        least_seconds: Between two writings.

    Returns:
        What is missing at the end or does not fit together, a sentence each.

    Raises:
        RunError: A directory is no run, or is damaged, or has nothing to show at the end.
    """
    _refuse_comparisons(paths)
    page = _FollowedPage(file, paths)
    if page.is_over():
        say("no process works on it, so that the page is written once")
        return write_report(file, paths)
    say(f"following: open {file} in a browser, where it is with the first step; Ctrl-C ends")
    rest, due = least_seconds, time.monotonic()
    try:
        while not page.is_over():
            started = time.monotonic()
            if started >= due:
                page.renew(rest)
                took = time.monotonic() - started
                rest = max(least_seconds, min(_REST * took, _MOST_SECONDS))
                due = started + rest
            time.sleep(min(_LOOK_SECONDS, least_seconds))
    except KeyboardInterrupt:
        if page.is_there:
            write_report(file, paths)
        raise
    return write_report(file, paths)


def _refuse_comparisons(paths: Sequence[Path]) -> None:
    for path in paths:
        if is_comparison(path):
            raise RunError(
                f"{path}: --follow follows runs and stages; name one run of the comparison, as in "
                f"{path / 'runs' / 'RECIPE' / 'seed-0'}, or leave --follow out"
            )


class _FollowedPage:
    """A page and the runs that it is on.

    Args:
        file: Of the page.
        paths: Directories of the runs.
    """

    def __init__(self, file: Path, paths: Sequence[Path]) -> None:
        self.is_there = False
        """Whether it was written."""
        self._file = file
        self._growing = {path: GrowingRun(path) for path in paths}
        self._shown: list[Run | None] = []

    def is_over(self) -> bool:
        """Say whether no page can follow; where nobody knows who works, that is when the runs are complete."""
        runs = [(one, one.look()) for one in self._growing.values()]
        return all(
            one.is_worked_in() is False or (run is not None and run.is_complete)
            for one, run in runs
        )

    def renew(self, seconds: float) -> None:
        """Write it where the runs are others than it shows.

        Args:
            seconds: Until the next one.
        """
        runs = [one.look() for one in self._growing.values()]
        if runs == self._shown:
            return
        try:
            data = read_report_data([*self._growing], self._read)
        except NothingToReport:
            return
        write_text(self._file, report_page(data, Renewal(_as_of(runs), seconds)))
        self._shown, self.is_there = runs, True

    def _read(self, path: Path) -> Run:
        run = self._growing[path].look()
        if run is None:
            raise NothingToReport(f"{path}: no stage was begun yet; there is nothing to report")
        return run


def _as_of(runs: Sequence[Run | None]) -> str:
    """Say which steps a page shows."""
    steps = [
        f"step {int(stage.steps[-1]['step']):,}" + (f" of {stage.name}" if run.is_pipeline else "")
        for run in runs
        if run is not None and (stage := run.stages[-1]).steps
    ]
    of = f" as of {', '.join(steps)}" if steps else " before the first step"
    return f"Running,{of}, written at {datetime.now().astimezone():%H:%M:%S}"
