"""A run that several processes train: one of them writes its files, the others only read them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlsr.config import RunConfig
from rlsr.runs.directory import RunDirectory
from rlsr.runs.rows import HeldoutRow, ValidationRow


class FollowedRun(RunDirectory):
    """A run directory whose files another process writes; what is written here goes nowhere but into a log of its own.

    Args:
        path: The directory, made by the other process.
        process: Number of this process, above 0.
    """

    def __init__(self, path: Path, process: int) -> None:
        super().__init__(path)
        self._process = process

    @property
    def log_file(self) -> Path:
        """What this process has logged."""
        return self.path / f"log-process-{self._process}.txt"

    def write_config(self, config: RunConfig) -> None:
        """Leave it to the other process."""

    def write_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Leave it to the other process."""

    def write_skipped_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Leave it to the other process."""

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Leave it to the other process."""

    def append_validation(self, row: ValidationRow) -> None:
        """Leave it to the other process."""

    def write_samples(self, step: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Leave it to the other process."""

    def write_evaluation(self, when: str, rows: Iterable[HeldoutRow]) -> None:
        """Leave it to the other process."""

    def write_preferences(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Leave it to the other process."""

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Leave it to the other process."""
