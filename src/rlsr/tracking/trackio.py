"""Trackio, by its own package."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.config.tracking import TrackioTracker
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.packages import package_directory
from rlsr.tracking.samples_text import COLUMNS, table_rows
from rlsr.tracking.tracker import Ending, Sample, TrackedRun, Tracker, TrackerKind


class TrackioKind(TrackerKind[TrackioTracker]):
    """Keeps runs on this machine, or sends them to a Space."""

    config = TrackioTracker

    def require(self, settings: TrackioTracker) -> None:
        """Look for the package, and for a token where one is needed.

        Args:
            settings: Of the tracker.

        Raises:
            ConfigError: It is to be sent to a Space, and nobody has logged in.
        """
        if package_directory("trackio") is None:
            raise MissingPackageError(
                "trackio", "track a run with Trackio (tracking)", "pip install 'rlsr[trackio]'"
            )
        if settings.space_id is None:
            return
        from huggingface_hub import get_token

        if get_token() is None:
            raise ConfigError(
                f"tracking: trackio sends runs to the Space {settings.space_id} with a token, and there is none; run `hf auth login`, "
                "set HF_TOKEN, or leave space_id out, which keeps them on this machine"
            )

    def open(self, settings: TrackioTracker, run: TrackedRun, kept: str | None) -> Tracker:
        """Begin a run, or go on with it.

        Args:
            settings: Of the tracker.
            run: The run.
            kept: The name of the run that is gone on with.
        """
        return _TrackioRun(settings, run, kept)


class _TrackioRun(Tracker):
    def __init__(self, settings: TrackioTracker, run: TrackedRun, kept: str | None) -> None:
        import trackio

        self._trackio = trackio
        # It measures the process that calls it, and not the one that trains.
        quiet: dict[str, Any] = {"embed": False, "auto_log_cpu": False, "auto_log_gpu": False}
        self._run = trackio.init(
            project=settings.project,
            name=kept or run.name,
            group=run.group,
            space_id=settings.space_id,
            config={**run.config, "run": dict(run.tags)},
            resume="never" if kept is None else "allow",
            **quiet,
        )
        self.id = self._run.name
        command = shlex.join(["trackio", "show", "--project", settings.project])
        space = settings.space_id
        self.place = command if space is None else f"https://huggingface.co/spaces/{space}"

    def log_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take numbers.

        Args:
            step: Of the optimiser.
            numbers: By name.
        """
        self._run.log(dict(numbers), step=step)

    def log_samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Take a table.

        Args:
            step: Of the optimiser.
            samples: Of the step.
        """
        table = self._trackio.Table(columns=list(COLUMNS), data=table_rows(samples))
        self._run.log({"samples": table}, step=step)

    def log_finding(self, step: int, level: str, words: str) -> None:
        """Send an alert.

        Args:
            step: After which it was found.
            level: ``warn`` or ``alarm``.
            words: What was found.
        """
        levels = {"warn": self._trackio.AlertLevel.WARN, "alarm": self._trackio.AlertLevel.ERROR}
        name, _, found = words.partition(": ")
        self._run.alert(title=f"{level}: {name}", text=found, level=levels[level], step=step)

    def flush(self) -> None:
        """Do nothing: a thread of Trackio's own writes every half second."""

    def finish(self, ending: Ending) -> None:
        """Wait until all is written.

        Args:
            ending: How the run has ended; Trackio keeps no summary.
        """
        self._trackio.finish()
