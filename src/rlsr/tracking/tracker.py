"""What a tracker is, and what it is told of a run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from rlsr.config.tracking import TrackerTable

Settings = TypeVar("Settings", bound=TrackerTable)


@dataclass(frozen=True)
class TrackedRun:
    """A run, or a stage of a pipeline, as trackers know it."""

    directory: Path
    """The run directory, absolute."""
    name: str
    """For people: where it lies in its group, as in ``sft+rlsr/seed-0/2-rlsr``, or the name of its directory."""
    group: str | None
    """The name of the comparison or else of the pipeline that it belongs to; None where it stands alone."""
    tags: Mapping[str, str]
    """``run_directory``, ``method``, ``model``, ``data``, and ``stage`` of a pipeline's, by name."""
    config: Mapping[str, Any]
    """The resolved config, without secrets."""
    process: int | None = None
    """The number of the process that trains it, whose memory may be watched; None where the run is over."""


@dataclass(frozen=True)
class Sample:
    """A response of a step, for people."""

    prompt: str
    response: str
    reference: str
    reward: float | None
    """None is unscored."""


@dataclass(frozen=True)
class Ending:
    """How a run has ended."""

    is_complete: bool
    """Whether it has reached its end; otherwise it was interrupted or has failed, and may go on."""
    numbers: Mapping[str, float]
    """What its summary says, ``heldout/METRIC/before``, ``after`` and ``difference`` among it; finite."""


class Tracker(ABC):
    """One run in a tracker, opened to be told more of it. Whatever a call raises, the run goes on without the tracker."""

    id: str
    """By which the tracker finds the run again when it goes on."""
    place: str
    """Where people find the run: an address, or the command that shows it."""

    @abstractmethod
    def log_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take numbers of a step.

        Args:
            step: Counted from 1; 0 is before the first. It may be one that has numbers already: held-out metrics come later.
            numbers: By name, as ``metrics.jsonl`` has them, and ``heldout/METRIC``; finite: what was not scored is left out.
        """

    @abstractmethod
    def log_samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Take responses of a step.

        Args:
            step: Counted from 1.
            samples: At least one.
        """

    @abstractmethod
    def log_finding(self, step: int, level: str, words: str) -> None:
        """Take what a monitor has found, once for each level.

        Args:
            step: After which it was found.
            level: ``warn`` or ``alarm``.
            words: The monitor, what it found and the way out.
        """

    @abstractmethod
    def flush(self) -> None:
        """Put what was taken so far where it outlives this process."""

    @abstractmethod
    def finish(self, ending: Ending) -> None:
        """Take the end of the run, and let go of it.

        Args:
            ending: How it has ended.
        """


class TrackerKind(ABC, Generic[Settings]):
    """One type of tracker; it stands in ``tracking.table`` or is added by an installed package."""

    config: type[Settings]
    """Its settings; the default of their field ``type`` is the name of the tracker."""

    @abstractmethod
    def require(self, settings: Settings) -> None:
        """Refuse what cannot work, before anything is loaded or written. It asks no server and imports nothing large.

        Args:
            settings: Of the tracker.

        Raises:
            RlsrError: A package is not installed, or a key is missing.
        """

    @abstractmethod
    def open(self, settings: Settings, run: TrackedRun, kept: str | None) -> Tracker:
        """Begin to track a run, or go on; in a process that has nothing else to do.

        Args:
            settings: Of the tracker.
            run: The run.
            kept: The ``id`` of the tracker that was told of this run before; None where it is new.
        """
