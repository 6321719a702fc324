"""Runs that are sent to trackers afterwards: finished, interrupted, or copied from another machine."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from rlsr.config.run import RunConfig
from rlsr.config.tracking import TrackerTable
from rlsr.errors import RlsrError, RunError
from rlsr.runs.directory import RunDirectory
from rlsr.runs.owner import require_unowned
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.record import is_run
from rlsr.runs.refused_writes import writing_to
from rlsr.tracking.progress import alone_with, tracker_log
from rlsr.tracking.sender import Sender, progress_for
from rlsr.tracking.table import tracker_name


@dataclass(frozen=True)
class Sent:
    """What was sent of one run to one tracker."""

    run: Path
    """Its directory."""
    tracker: str
    """Its name."""
    place: str
    """Where people find the run."""
    num_steps: int
    """Steps that were sent now; one that was sent before is not sent again."""
    is_new: bool
    """False where the tracker knew all of it."""


@contextmanager
def _into(file: Path) -> Iterator[None]:
    """Let what a tracker's library says go where it goes while a run goes on."""
    with file.open("a", encoding="utf-8") as said, redirect_stdout(said), redirect_stderr(said):
        yield


def runs_in(path: Path) -> list[RunDirectory]:
    """List the runs that a directory stands for.

    Args:
        path: Of a run, a pipeline, or a comparison.

    Returns:
        The run itself; the stages that were begun; or those of all runs that are compared, without trials.

    Raises:
        RunError: It is none of them.
    """
    found = list(_runs(path))
    if not found:
        raise RunError(
            f"{path}: expected the directory of a run, a pipeline or a comparison that was begun, with a config.json, pipeline.json or "
            "experiment.json; name the directory that rlsr train or rlsr compare made"
        )
    return found


def _runs(path: Path) -> Iterator[RunDirectory]:
    if PipelineDirectory.is_one(path):
        yield from filter(_has_config, PipelineDirectory.open(path).stages)
    elif (path / "experiment.json").is_file():
        for place in sorted(path.glob("runs/*/seed-*")):
            yield from _runs(place)
    elif is_run(path):
        yield from filter(_has_config, [RunDirectory(path)])


def _has_config(run: RunDirectory) -> bool:
    return (run.path / "config.json").is_file()


def send_run(run: RunDirectory, config: RunConfig, settings: TrackerTable) -> Sent:
    """Send a run to a tracker, as it would have been sent while it went on.

    Args:
        run: The run, which nobody works on.
        config: Its resolved config.
        settings: Of the tracker.

    Raises:
        RunError: The run goes on, its files are damaged or cannot be written, or the tracker fails.
    """
    require_unowned(run.path)
    require_unowned(run.path.parent)
    name, before = tracker_name(settings), progress_for(run, settings)
    if before.is_finished:
        return Sent(run.path, name, before.place or "", num_steps=0, is_new=False)
    with writing_to(run.path / "tracking"):
        (run.path / "tracking").mkdir(exist_ok=True)
    try:
        with alone_with(run.path, name), _into(tracker_log(run.path, name)):
            sender = Sender(run, config, settings)
            sender.finish()
    except RlsrError:
        raise
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        raise RunError(
            f"{run.path}: tracking by {name} has failed: {words}; see to it and send the run again: what was sent is not sent twice"
        ) from error
    return Sent(run.path, name, sender.progress.place or "", sender.num_sent, is_new=True)
