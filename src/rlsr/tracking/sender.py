"""Tells one tracker of one run what it was not told yet: the same while the run goes on and afterwards."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.config.tracking import TrackerTable
from rlsr.runs.directory import RunDirectory
from rlsr.tracking.news import (
    Findings,
    StepRows,
    evaluations_so_far,
    heldout_numbers,
    numbers_of,
    samples_of,
    summary_numbers,
)
from rlsr.tracking.progress import Progress, read_progress, write_progress
from rlsr.tracking.run_facts import tracked_run
from rlsr.tracking.table import tracker_kind, tracker_name
from rlsr.tracking.tracker import Ending

_CHANGES_NO_PLACE = {"samples"}


class Sender:
    """Reads a run directory and passes on what is new.

    No step is sent twice: that it is about to be sent is written down before. Where the process is killed in between, the tracker may lack
    that one step; where sending it fails, it counts as not sent.

    Args:
        run: The run, begun.
        config: Its resolved config.
        settings: Of the tracker.
        process: The one that trains; None where the run is over.

    Raises:
        RlsrError: What was written down of an earlier session is damaged.
        Exception: Whatever the tracker raises where it cannot be opened; the same holds for every method.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: RunConfig,
        settings: TrackerTable,
        process: int | None = None,
    ) -> None:
        self._run, self._config, self._settings = run, config, settings
        self._name = tracker_name(settings)
        self.progress = progress_for(run, settings)
        self.num_sent = 0
        """Steps that were sent by this sender."""
        self._rows = StepRows(run)
        self._findings = Findings(config)
        self._change(failure=None)
        self._tracker = tracker_kind(settings).open(
            settings, tracked_run(run, config, process), self.progress.id
        )
        self._change(id=self._tracker.id, place=self._tracker.place)

    def send(self, until: float = math.inf) -> None:
        """Send what is new.

        Args:
            until: The last step that is whole.
        """
        for row in self._rows.new(until):
            step = int(row["step"])
            found = self._findings.new(self._rows.so_far)
            if step > self.progress.step:
                with self._about_to(step=step):
                    if numbers := numbers_of(row):
                        self._tracker.log_numbers(step, numbers)
                    if samples := samples_of(self._run, step, self._settings.samples):
                        self._tracker.log_samples(step, samples)
                    for level, words in found:
                        self._tracker.log_finding(step, level, words)
                # Step 0 is what was measured before the first.
                self.num_sent += step > 0
        self._send_evaluations(is_all=math.isinf(until))
        self._tracker.flush()

    def finish(self) -> None:
        """Send the rest, and say how the run has ended."""
        self.send()
        is_complete = self._run.is_complete
        numbers = summary_numbers(self._run.read_manifest()) if is_complete else {}
        self._tracker.finish(Ending(is_complete, numbers))
        self._change(is_finished=is_complete)

    def _send_evaluations(self, *, is_all: bool) -> None:
        """Send those that were made by the last step; the one after training stands there before a slow tracker has heard of all."""
        rows = self._rows.so_far
        last_step = int(rows[-1]["step"]) if rows else 0
        for name, step in evaluations_so_far(self._run, last_step):
            answers = None
            if name not in self.progress.evaluations and (is_all or name != "after"):
                answers = self._run.read_evaluation(name)
            if answers is not None and (numbers := heldout_numbers(answers, self._config)):
                with self._about_to(evaluations=(*self.progress.evaluations, name)):
                    self._tracker.log_numbers(step, numbers)

    @contextmanager
    def _about_to(self, **changes: Any) -> Iterator[None]:
        before = self.progress
        self._change(**changes)
        try:
            yield
        except Exception:
            self.progress = before
            self._change()
            raise

    def _change(self, **changes: Any) -> None:
        self.progress = replace(self.progress, **changes)
        write_progress(self._run.path, self._name, self.progress)


def progress_for(run: RunDirectory, settings: TrackerTable) -> Progress:
    """Read how far a tracker was told of a run; one with other settings, such as another project, was told nothing.

    Args:
        run: The run.
        settings: Of the tracker.

    Raises:
        RunError: The file is damaged.
    """
    told = settings.model_dump(mode="json", exclude=_CHANGES_NO_PLACE)
    progress = read_progress(run.path, tracker_name(settings))
    return progress if progress.settings == told else Progress(settings=told)
