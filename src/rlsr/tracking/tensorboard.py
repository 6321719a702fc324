"""Event files for TensorBoard, by its own writer: no torch, and no TensorFlow."""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsr.config.tracking import TensorBoardTracker
from rlsr.errors import MissingPackageError
from rlsr.packages import package_directory
from rlsr.tracking.samples_text import markdown_table
from rlsr.tracking.tracker import Ending, Sample, TrackedRun, Tracker, TrackerKind


class TensorBoardKind(TrackerKind[TensorBoardTracker]):
    """Writes event files."""

    config = TensorBoardTracker

    def require(self, settings: TensorBoardTracker) -> None:
        """Look for the package.

        Args:
            settings: Of the tracker.
        """
        if package_directory("tensorboard") is None:
            raise MissingPackageError(
                "tensorboard", "write event files (tracking)", "pip install 'rlsr[tensorboard]'"
            )

    def open(self, settings: TensorBoardTracker, run: TrackedRun, kept: str | None) -> Tracker:
        """Begin a new event file beside those of earlier sessions.

        Args:
            settings: Of the tracker.
            run: The run.
            kept: Ignored: the directory is the run's.
        """
        directory = run.directory / "tensorboard"
        if settings.directory is not None:
            directory = Path(settings.directory).absolute() / (run.group or "") / run.name
        return _EventFiles(directory, run, is_new=kept is None)


class _EventFiles(Tracker):
    def __init__(self, directory: Path, run: TrackedRun, *, is_new: bool) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.id = str(directory)
        self.place = shlex.join(["tensorboard", "--logdir", self.id])
        self._writer = EventFileWriter(str(directory))
        if is_new:
            self._write_text("config", 0, _as_code(run.config))
            self._write_text("run", 0, _as_code(run.tags))

    def log_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write scalars.

        Args:
            step: Of the optimiser.
            numbers: By name.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=numbers[name]) for name in numbers]
        self._write(step, Summary(value=values))

    def log_samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Write a table, as text.

        Args:
            step: Of the optimiser.
            samples: Of the step.
        """
        self._write_text("samples", step, markdown_table(samples))

    def log_finding(self, step: int, level: str, words: str) -> None:
        """Write a text.

        Args:
            step: After which it was found.
            level: ``warn`` or ``alarm``.
            words: What was found.
        """
        self._write_text(f"monitor/{level}", step, words)

    def flush(self) -> None:
        """Write what waits."""
        self._writer.flush()

    def finish(self, ending: Ending) -> None:
        """Write the summary as text, and close the file.

        Args:
            ending: How the run has ended.
        """
        if ending.is_complete:
            self._write_text("summary", 0, _as_code(ending.numbers))
        self._writer.close()

    def _write_text(self, tag: str, step: int, text: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.plugins.text.metadata import create_summary_metadata

        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        content = text.encode("utf-8", errors="backslashreplace")
        tensor = TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=shape)
        metadata = create_summary_metadata(display_name=tag, description="")
        self._write(step, Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)]))

    def _write(self, step: int, summary: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(step=step, wall_time=time.time(), summary=summary))


def _as_code(table: Mapping[str, Any]) -> str:
    """Show a table as it is: four spaces make Markdown leave it alone."""
    text = json.dumps(table, indent=2, ensure_ascii=False)
    return "\n".join(f"    {line}" for line in text.splitlines())
