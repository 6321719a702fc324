"""How far a tracker has been told of a run: ``tracking/NAME.json`` in the run directory, which goes with it."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlsr.errors import RunError
from rlsr.runs.json_file import RESTORE, read_json, write_json
from rlsr.runs.typed_json import from_table

NOTHING_SENT = -1
"""Stands for a step before step 0."""


@dataclass(frozen=True)
class Progress:
    """What a tracker was told of a run."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the tracker, when the run was begun there."""
    id: str | None = None
    """By which the tracker finds the run again; None where it was not begun there."""
    place: str | None = None
    """Where people find it: an address, or the command that shows it."""
    step: int = NOTHING_SENT
    """The last step whose numbers were sent, or were about to be."""
    evaluations: tuple[str, ...] = ()
    """The held-out evaluations that were sent, or were about to be: ``before``, ``step-000010``, ``after``."""
    is_finished: bool = False
    """Whether the tracker knows of the end of the whole run."""
    failure: str | None = None
    """Why the last session has left the tracker alone; None where it did not."""


def progress_file(run: Path, tracker: str) -> Path:
    """Name the file that says how far a tracker was told of a run."""
    return run / "tracking" / f"{tracker}.json"


def tracker_log(run: Path, tracker: str) -> Path:
    """Name the file of what a tracker's own library has said."""
    return run / "tracking" / f"{tracker}.txt"


def tracked_places(run: Path) -> dict[str, str]:
    """Say where people find a run.

    Args:
        run: The run directory.

    Returns:
        An address or a command, by the name of each tracker that was told of it.
    """
    files = sorted((run / "tracking").glob("*.json"))
    found = {file.stem: read_progress(run, file.stem).place for file in files}
    return {name: place for name, place in found.items() if place is not None}


def read_progress(run: Path, tracker: str) -> Progress:
    """Read how far a tracker was told of a run.

    Args:
        run: The run directory.
        tracker: Its name.

    Raises:
        RunError: The file is damaged.
    """
    file = progress_file(run, tracker)
    if not file.is_file():
        return Progress()
    try:
        return from_table(Progress, read_json(file))
    except ValueError as error:
        raise RunError(
            f"{file}: damaged: {error}; {RESTORE}, or delete it, and the run is sent anew"
        ) from error


def write_progress(run: Path, tracker: str, progress: Progress) -> None:
    """Write it, atomically.

    Args:
        run: The run directory.
        tracker: Its name.
        progress: How far it is.

    Raises:
        RunError: It cannot be written.
    """
    file = progress_file(run, tracker)
    try:
        file.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{file.parent}: cannot be made: {error}; make the place writable"
        ) from error
    write_json(file, progress)


def note_failure(run: Path, tracker: str, words: str) -> None:
    """Write down why a tracker is left alone.

    Args:
        run: The run directory.
        tracker: Its name.
        words: What has failed.
    """
    try:
        write_progress(run, tracker, replace(read_progress(run, tracker), failure=words))
    except RunError:
        # Then that is what has failed.
        write_progress(run, tracker, Progress(failure=words))


@contextmanager
def alone_with(run: Path, tracker: str) -> Iterator[None]:
    """Wait until no other process tells a tracker of a run: one of an earlier session may not be done yet.

    Args:
        run: The run directory.
        tracker: Its name.

    Yields:
        Nothing.
    """
    with tracker_log(run, tracker).open("ab") as stream:
        if sys.platform != "win32":
            import fcntl

            # A file system without locks has none to wait for.
            with suppress(OSError):
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield
