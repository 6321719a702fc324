"""The files of a run: the only place that knows their names and how they are written.

``config.json`` what was asked, ``provenance.json`` with what it ran, ``metrics.jsonl`` a line a step, ``validation.jsonl`` a line a measurement on validation prompts,
``given-rows.jsonl`` rows that were given in memory, ``skipped_rows.jsonl`` the bad rows of the data, ``samples/`` rollouts that people read, ``preferences.jsonl`` pairs that were sampled before training,
``checkpoints/`` for ``--resume``, ``best/`` the best weights so far, ``evaluation/`` held-out responses and scores,
``final/`` the trained model, ``tracking/`` what trackers were told (``rlsr.tracking``), ``log.txt``, ``forecast.json`` where one was made, and ``manifest.json``, written last: where it exists
the run is complete.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlsr.config import RunConfig, config_from_table
from rlsr.errors import ConfigError, RunError
from rlsr.runs.along_the_way import EvaluatedStep, read_evaluated_steps
from rlsr.runs.given_rows import GIVEN_FILES, with_moved_rows
from rlsr.runs.json_file import (
    Row,
    append_json_line,
    read_json,
    read_json_lines,
    write_json,
    write_json_lines,
)
from rlsr.runs.owner import OWNER_FILE, is_gone
from rlsr.runs.rollout_samples import samples_file
from rlsr.runs.rows import (
    HeldoutRow,
    StepRow,
    ValidationRow,
    read_heldout_rows,
    read_step_rows,
    read_validation_rows,
)


class RunDirectory:
    """One run on disk.

    Args:
        path: The directory; made by ``create``, expected by ``open``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def check_free(cls, path: Path) -> None:
        """Refuse a place where something stands already, for nothing is ever overwritten."""
        require_free(
            path, "a new run needs", "name another with --out, or continue this run with --resume"
        )

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> "RunDirectory":
        """Make the directory of a new run and write its config.

        Args:
            path: A directory that does not exist or is empty.
            config: The resolved config.

        Returns:
            The run, with ``config.json`` written.

        Raises:
            RunError: The place is taken or cannot be written.
        """
        cls.check_free(path)
        run = cls(path)
        try:
            for directory in (run.samples, run.checkpoints, run.evaluation):
                directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path}: the run directory cannot be made: {error}") from error
        run.write_config(config)
        return run

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """Open the directory of a run that was begun before.

        Args:
            path: A directory with a ``config.json``.

        Raises:
            RunError: There is no run at this place.
        """
        if not (path / "config.json").is_file():
            raise RunError(
                f"{path}: no run was begun here (there is no config.json); start one without --resume"
            )
        return cls(path)

    @property
    def samples(self) -> Path:
        """Rollouts with their rewards, a file a step."""
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of the trainer."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The best weights so far, where validation chooses them; gone when the run is complete."""
        return self.path / "best"

    @property
    def evaluation(self) -> Path:
        """Held-out responses and scores."""
        return self.path / "evaluation"

    @property
    def final(self) -> Path:
        """The trained model or adapter."""
        return self.path / "final"

    @property
    def log_file(self) -> Path:
        """Everything that was logged."""
        return self.path / "log.txt"

    @property
    def metrics_file(self) -> Path:
        """One line a step."""
        return self.path / "metrics.jsonl"

    @property
    def validation_file(self) -> Path:
        """One line a measurement on validation prompts."""
        return self.path / "validation.jsonl"

    @property
    def preferences_file(self) -> Path:
        """Pairs whose worse answers were sampled for this run, a line a prompt."""
        return self.path / "preferences.jsonl"

    @property
    def forecast_file(self) -> Path:
        """What the last forecast from this run's model has found."""
        return self.path / "forecast.json"

    @property
    def is_complete(self) -> bool:
        """Whether the run reached its end."""
        return (self.path / "manifest.json").is_file()

    def write_config(self, config: RunConfig) -> None:
        """Write ``config.json``; that of a run that was begun may only differ in what decides no number."""
        write_json(self.path / "config.json", config.model_dump(mode="json"))

    def read_config(self) -> RunConfig:
        """Read the config that the run was begun with.

        Returns:
            The config, checked again.

        Raises:
            RunError: The file is damaged or of another version.
        """
        file = self.path / "config.json"
        try:
            return with_moved_rows(config_from_table(read_json(file)), self.path)
        except ConfigError as error:
            raise RunError(f"{file}: not a config that this version knows: {error}") from error

    def read_settings(self) -> Row:
        """Read the config as it was written, of whatever version; empty if there is none."""
        file = self.path / "config.json"
        return read_json(file) if file.is_file() else {}

    def write_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Write ``provenance.json``; a resumed run adds to the list of its sessions."""
        sessions = [*self.read_sessions(), dict(provenance)]
        write_json(self.path / "provenance.json", {"sessions": sessions})

    def read_sessions(self) -> list[Row]:
        """Read with what each session of the run ran, the first one first; empty if none got as far."""
        file = self.path / "provenance.json"
        sessions = read_json(file).get("sessions") if file.is_file() else None
        found = sessions if isinstance(sessions, list) else []
        return [session for session in found if isinstance(session, dict)]

    def write_skipped_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write ``skipped_rows.jsonl``, the bad rows of the data that the run goes without: place, kind and message of each."""
        write_json_lines(self.path / "skipped_rows.jsonl", rows)

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a step's numbers by name, ``step`` among them, to ``metrics.jsonl``; NaN becomes null.

        Args:
            row: The numbers.

        Raises:
            RunError: The directory was moved or deleted; a checkpoint would make it anew, without what it held.
        """
        if not (self.path / "config.json").is_file():
            raise is_gone(self.path)
        append_json_line(self.metrics_file, row)

    def read_metrics(self) -> list[StepRow]:
        """Read ``metrics.jsonl``, one row a step, in order."""
        return read_step_rows(self.metrics_file)

    def append_validation(self, row: ValidationRow) -> None:
        """Add a measurement to ``validation.jsonl``; NaN becomes null."""
        append_json_line(self.validation_file, asdict(row))

    def read_validation(self) -> list[ValidationRow]:
        """Read ``validation.jsonl``; what a resumed run has measured again stands twice."""
        return read_validation_rows(self.validation_file)

    def write_samples(self, step: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rollouts of a step, counted from 1, to ``samples/``, one row a response."""
        write_json_lines(self.samples_file(step), rows)

    def samples_file(self, step: int) -> Path:
        """Name the file of the rollouts of a step, counted from 1; a step may have none."""
        return samples_file(self.samples, step)

    def write_evaluation(self, when: str, rows: Iterable[HeldoutRow]) -> None:
        """Write answers with their scores, one row a prompt.

        Args:
            when: ``before`` or ``after`` training, ``step-000123`` after that step, or the suite of that name.
            rows: In the order of the prompts.
        """
        write_json_lines(self.evaluation_file(when), (row.table() for row in rows))

    def evaluation_file(self, when: str) -> Path:
        """Name the file of the answers ``before`` or ``after`` training, or by the suite of that name."""
        return self.evaluation / f"{when}.jsonl"

    def read_evaluation(self, when: str) -> list[HeldoutRow] | None:
        """Read the answers of ``before`` or ``after`` or of a suite; None if that evaluation was not finished."""
        file = self.evaluation_file(when)
        return read_heldout_rows(file) if file.is_file() else None

    def read_evaluated_steps(self) -> list[EvaluatedStep]:
        """Read the evaluations along the way, in the order of the steps; empty where there were none."""
        return read_evaluated_steps(self.evaluation, self.read_metrics())

    def write_preferences(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the pairs that were sampled for this run, one row a prompt."""
        write_json_lines(self.preferences_file, rows)

    def read_preferences(self) -> list[Row] | None:
        """Read the pairs that were sampled for this run; None if none were sampled, or not all."""
        file = self.preferences_file
        return [row for _, row in read_json_lines(file)] if file.is_file() else None

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write ``manifest.json``, the summary of the complete run, atomically and last."""
        write_json(self.path / "manifest.json", manifest)

    def discard_best(self) -> None:
        """Let go of the best weights of a complete run, which ``final/`` has."""
        shutil.rmtree(self.best, ignore_errors=True)

    def read_manifest(self) -> Row:
        """Read ``manifest.json``.

        Returns:
            The summary of the complete run.

        Raises:
            RunError: The run is not complete.
        """
        if not self.is_complete:
            raise RunError(
                f"{self.path}: the run is not complete (no manifest.json); continue it with --resume"
            )
        return read_json(self.path / "manifest.json")


def require_free(path: Path, what: str, way_out: str) -> None:
    """Refuse a place where something stands already.

    Args:
        path: A directory that is to be made.
        what: Who needs it, as in ``a new run needs``.
        way_out: What to do instead.

    Raises:
        RunError: The place is taken.
    """
    # Who is about to make it owns it already, and may have put rows there.
    if path.exists() and (
        not path.is_dir()
        or any(file.name not in {OWNER_FILE, *GIVEN_FILES} for file in path.iterdir())
    ):
        raise RunError(f"{path}: {what} a directory that does not exist or is empty; {way_out}")
