"""The files of a run: the only place that knows their names and how they are written.

``config.json`` what was asked, ``provenance.json`` with what it ran, ``metrics.jsonl`` a line a step,
``samples/`` rollouts that people read, ``preferences.jsonl`` pairs that were sampled before training,
``checkpoints/`` for ``--resume``, ``evaluation/`` held-out responses and scores, ``final/`` the trained model,
``log.txt``, and ``manifest.json``, written last: where it exists the run is complete.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rlsr.config import RunConfig, config_from_table
from rlsr.errors import ConfigError, RunError

Row = dict[str, Any]


class RunDirectory:
    """One run on disk.

    Args:
        path: The directory; made by ``create``, expected by ``open``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def check_free(cls, path: Path) -> None:
        """Refuse a place where something stands already; nothing is ever overwritten.

        Args:
            path: The directory that a new run would take.

        Raises:
            RunError: The place is taken.
        """
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
        write_json(path / "config.json", config.model_dump(mode="json"))
        return run

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """Open the directory of a run that was begun before.

        Args:
            path: A directory with a ``config.json``.

        Returns:
            The run.

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
    def preferences_file(self) -> Path:
        """Pairs whose worse answers were sampled for this run, a line a prompt."""
        return self.path / "preferences.jsonl"

    @property
    def is_complete(self) -> bool:
        """Whether the run reached its end."""
        return (self.path / "manifest.json").is_file()

    def read_config(self) -> RunConfig:
        """Read the config that the run was begun with.

        Returns:
            The config, checked again.

        Raises:
            RunError: The file is damaged or of another version.
        """
        file = self.path / "config.json"
        try:
            return config_from_table(read_json(file))
        except ConfigError as error:
            raise RunError(f"{file}: not a config that this version knows: {error}") from error

    def write_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Write ``provenance.json``; a resumed run adds to the list of its sessions.

        Args:
            provenance: What ``collect_provenance`` returned.
        """
        sessions = [*self.read_sessions(), dict(provenance)]
        write_json(self.path / "provenance.json", {"sessions": sessions})

    def read_sessions(self) -> list[Row]:
        """Read ``provenance.json``.

        Returns:
            What each session of the run ran with, the first one first; empty if none got as far.
        """
        file = self.path / "provenance.json"
        return list(read_json(file)["sessions"]) if file.is_file() else []

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a line to ``metrics.jsonl``.

        Args:
            row: Numbers by name, with ``step``; NaN (nothing was scored) is written as null.
        """
        _drop_cut_off_line(self.metrics_file)
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_without_nan(row), allow_nan=False) + "\n")

    def read_metrics(self) -> list[Row]:
        """Read ``metrics.jsonl``.

        A run that was interrupted and resumed has taken some steps twice; of each the last line counts. A last line
        cut off by a crash is left out.

        Returns:
            One row a step, in order.
        """
        rows: dict[int, Row] = {}
        for row in _read_json_lines(self.metrics_file):
            rows[row["step"]] = row
        return [rows[step] for step in sorted(rows)]

    def write_samples(self, step: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rollouts of a step to ``samples/``.

        Args:
            step: The optimiser step that they were drawn for, counted from 1.
            rows: One a response.
        """
        write_json_lines(self.samples / f"step-{step:06d}.jsonl", rows)

    def write_evaluation(self, when: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write held-out answers with their scores.

        Args:
            when: ``before`` or ``after`` training, or the name of a suite.
            rows: One a prompt.
        """
        write_json_lines(self.evaluation_file(when), rows)

    def evaluation_file(self, when: str) -> Path:
        """Name the file of held-out answers with their scores.

        Args:
            when: ``before`` or ``after`` training, or the name of a suite.

        Returns:
            The file, whether it is there or not.
        """
        return self.evaluation / f"{when}.jsonl"

    def read_evaluation(self, when: str) -> list[Row] | None:
        """Read held-out answers with their scores.

        Args:
            when: ``before`` or ``after`` training, or the name of a suite.

        Returns:
            One row a prompt; None if this evaluation was not finished.
        """
        file = self.evaluation_file(when)
        return list(_read_json_lines(file)) if file.is_file() else None

    def write_preferences(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the pairs that were sampled for this run.

        Args:
            rows: One a prompt.
        """
        write_json_lines(self.preferences_file, rows)

    def read_preferences(self) -> list[Row] | None:
        """Read the pairs that were sampled for this run.

        Returns:
            One row a prompt; None if none were sampled, or not all.
        """
        file = self.preferences_file
        return list(_read_json_lines(file)) if file.is_file() else None

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write ``manifest.json``, atomically and last.

        Args:
            manifest: The summary of the complete run.
        """
        write_json(self.path / "manifest.json", manifest)

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
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: {what} a directory that does not exist or is empty; {way_out}")


def write_json_lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines, atomically.

    Args:
        file: Where to; its directory exists.
        rows: JSON-ready mappings; NaN is written as null.

    Returns:
        The file.
    """
    text = "".join(
        json.dumps(_without_nan(row), ensure_ascii=False, allow_nan=False) + "\n" for row in rows
    )
    _write_text(file, text)
    return file


def _drop_cut_off_line(file: Path) -> None:
    """Remove a last line that a crash cut off, so that the next one does not continue it."""
    if not file.is_file():
        return
    with file.open("rb+") as stream:
        content = stream.read()
        if content and not content.endswith(b"\n"):
            stream.truncate(content.rfind(b"\n") + 1)


def _read_json_lines(file: Path) -> Iterator[Row]:
    if not file.is_file():
        return
    # Not splitlines: an answer may hold characters that it takes for the end of a line.
    lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                return
            raise RunError(
                f"{file}:{number}: damaged line in the run's own file: {error}"
            ) from error


def read_json(file: Path) -> Row:
    """Read one of our own files.

    Args:
        file: It holds one object.

    Returns:
        The object.

    Raises:
        RunError: It is missing, damaged, or holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: damaged or unreadable: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{file}: damaged: expected an object, got {type(content).__name__}")
    return content


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write an object as JSON, atomically.

    Args:
        file: Where to; its directory exists.
        content: JSON-ready; NaN is written as null.
    """
    text = json.dumps(_without_nan(content), indent=2, ensure_ascii=False, allow_nan=False)
    _write_text(file, text + "\n")


def _write_text(file: Path, text: str) -> None:
    """Write through a temporary file, so that a crash never leaves half a file under the final name."""
    temporary = file.with_name(file.name + ".tmp")
    # Half of a surrogate pair cannot be UTF-8; written with a backslash it is the escape that JSON has for it.
    temporary.write_bytes(text.encode("utf-8", errors="backslashreplace"))
    os.replace(temporary, file)  # noqa: PTH105 - Path.replace says the same and hides that it is atomic


def _without_nan(value: Any) -> Any:
    """Turn NaN and infinities into None, which JSON can hold; None reads as "not scored", never as 0."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
