"""MLflow, by its own client."""

import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from rlsr.config.tracking import MlflowTracker
from rlsr.errors import MissingPackageError
from rlsr.packages import package_directory
from rlsr.secrets import redact
from rlsr.tracking.samples_text import COLUMNS, table_rows
from rlsr.tracking.tracker import Ending, Sample, TrackedRun, Tracker, TrackerKind

_NOT_IN_A_NAME = re.compile(r"[^\w\-. :/]")
_PARAMETERS_AT_ONCE = 100
"""What a server takes in one request."""
_SERVERS = {"http", "https", "databricks"}
_FILES = {"", "file"}


class MlflowKind(TrackerKind[MlflowTracker]):
    """Sends to an MLflow server, or writes into a store of its own."""

    config = MlflowTracker

    def require(self, settings: MlflowTracker) -> None:
        """Look for the packages; a store in a database needs more of MLflow than a server.

        Args:
            settings: Of the tracker.
        """
        if package_directory("mlflow") is None:
            raise MissingPackageError(
                "mlflow", "send a run to MLflow (tracking)", "pip install 'rlsr[mlflow]'"
            )
        place = _store(settings)
        is_database = place is None or urlsplit(place).scheme not in _SERVERS | _FILES
        if is_database and package_directory("sqlalchemy") is None:
            which = "MLflow's own store on this machine" if place is None else redact(place)
            raise MissingPackageError(
                "sqlalchemy",
                f"write into {which} (tracking; a server needs no database here: name one with MLFLOW_TRACKING_URI=http://HOST:5000)",
                "pip install mlflow",
            )

    def open(self, settings: MlflowTracker, run: TrackedRun, kept: str | None) -> Tracker:
        """Begin a run in the experiment, or go on with it.

        Args:
            settings: Of the tracker.
            run: The run.
            kept: The id of the run that is gone on with.
        """
        place = _store(settings)
        if place is not None and urlsplit(place).scheme in _FILES:
            # Whoever names a directory wants one; MLflow would rather have a database.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        return _MlflowRun(settings, place, run, kept)


class _MlflowRun(Tracker):
    def __init__(
        self, settings: MlflowTracker, place: str | None, run: TrackedRun, kept: str | None
    ) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=place)
        if kept is None:
            self.id, experiment = self._begin(settings, run)
        else:
            self._client.update_run(kept, status="RUNNING")
            self.id, experiment = kept, self._client.get_run(kept).info.experiment_id
        store = redact(self._client.tracking_uri)
        if urlsplit(store).scheme in _SERVERS:
            self.place = f"{store.rstrip('/')}/#/experiments/{experiment}/runs/{self.id}"
        else:
            self.place = shlex.join(["mlflow", "ui", "--backend-store-uri", store])

    def _begin(self, settings: MlflowTracker, run: TrackedRun) -> tuple[str, str]:
        from mlflow.entities import Param

        client = self._client
        known = client.get_experiment_by_name(settings.experiment)
        experiment = (
            client.create_experiment(settings.experiment) if known is None else known.experiment_id
        )
        group = {} if run.group is None else {"group": run.group}
        begun = client.create_run(experiment, run_name=run.name, tags={**run.tags, **group})
        parameters = [
            Param(_name(key), str(value)) for key, value in _leaves(run.config) if str(value)
        ]
        for start in range(0, len(parameters), _PARAMETERS_AT_ONCE):
            client.log_batch(
                begun.info.run_id, params=parameters[start : start + _PARAMETERS_AT_ONCE]
            )
        client.log_dict(begun.info.run_id, dict(run.config), "config.json")
        return begun.info.run_id, experiment

    def log_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Send numbers in one request.

        Args:
            step: Of the optimiser.
            numbers: By name; a character that MLflow refuses becomes ``_``.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_name(name), value, now, step) for name, value in numbers.items()]
        self._client.log_batch(self.id, metrics=metrics)

    def log_samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Send a table, as MLflow writes tables.

        Args:
            step: Of the optimiser.
            samples: Of the step.
        """
        table = {"columns": list(COLUMNS), "data": table_rows(samples)}
        self._client.log_dict(self.id, table, f"samples/step-{step:06d}.json")

    def log_finding(self, step: int, level: str, words: str) -> None:
        """Set a tag.

        Args:
            step: After which it was found.
            level: ``warn`` or ``alarm``.
            words: What was found.
        """
        name = words.partition(":")[0]
        self._client.set_tag(self.id, _name(f"{level}: {name}"), f"after step {step}: {words}")

    def flush(self) -> None:
        """Do nothing: every request has been answered."""

    def finish(self, ending: Ending) -> None:
        """Send the summary, and say how the run has ended.

        Args:
            ending: How the run has ended.
        """
        if ending.numbers:
            self._client.log_dict(self.id, dict(ending.numbers), "summary.json")
        self._client.set_terminated(self.id, "FINISHED" if ending.is_complete else "KILLED")


def _store(settings: MlflowTracker) -> str | None:
    return settings.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or None


def _name(text: str) -> str:
    return _NOT_IN_A_NAME.sub("_", text)


def _leaves(table: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """List the settings of a nested table by their dotted names; a list is a value."""
    if not isinstance(table, Mapping):
        yield place, table
        return
    for key, value in table.items():
        yield from _leaves(value, f"{place}.{key}" if place else str(key))
