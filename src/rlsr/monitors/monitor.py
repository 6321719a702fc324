"""What a monitor is, what it says after a step, and what a sign is that ends or closes a run."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from rlsr.config.monitors import MonitorAction

Rows = Sequence[Mapping[str, Any]]
"""Lines of ``metrics.jsonl``, the last step's being the last; NaN and None are unscored."""


@dataclass(frozen=True)
class Sign:
    """One sign of failure that needs no threshold."""

    name: str
    """Of the sign, in snake case."""
    look: Callable[[Rows], str | None]
    """Says in a sentence what it has found, and the way out where there is one; None where all is well."""
    ends_training: bool = False
    """True: it is asked after every step, and what it finds ends the run. False: it is asked once about the whole run."""


class Level(IntEnum):
    """How bad it looks, as the columns of monitors have it."""

    OK = 0
    WARN = 1
    ALARM = 2


@dataclass(frozen=True)
class Monitor:
    """One number that says more the higher it is, read after every step from the numbers of the run so far.

    Raises:
        ValueError: The thresholds are no thresholds.
    """

    name: str
    """In the table ``monitors`` of the config, and of its column; snake case."""
    read: Callable[[Rows], float | None]
    """Gives its reading after the last row; None or NaN where nothing can be said yet, or the method has no such number."""
    warn: float
    """Reading from which on it warns."""
    alarm: float
    """Reading from which on it raises an alarm."""
    found: str
    """What is said of a reading, within a sentence; ``{}`` is where it stands, with its form."""
    meaning: str
    """What is read, for the table of the documentation."""
    reason: str
    """Why the thresholds are where they are."""
    way_out: str
    """What a person may do, within a sentence."""
    is_about_ends: bool = False
    """Whether it is only written down where what is sampled is not meant to end, unless the config says more."""

    def __post_init__(self) -> None:
        if not self.warn <= self.alarm:
            raise ValueError(
                f"{self.name}: alarm must be at least warn, got {self.alarm:g} and {self.warn:g}"
            )


@dataclass(frozen=True)
class Watched:
    """A monitor with the rule of a run."""

    monitor: Monitor
    action: MonitorAction
    warn: float
    alarm: float

    def level(self, value: float | None) -> Level:
        """Say how bad a reading is; where there is none, nothing is known to be bad."""
        if value is None or math.isnan(value) or value < self.warn:
            return Level.OK
        return Level.ALARM if value >= self.alarm else Level.WARN


@dataclass(frozen=True)
class Finding:
    """What a monitor has found after a step."""

    watched: Watched
    level: Level
    value: float
    """Its reading."""

    @property
    def name(self) -> str:
        """Of the monitor."""
        return self.watched.monitor.name

    @property
    def in_words(self) -> str:
        """What was found and what to do, as a part of a sentence."""
        monitor = self.watched.monitor
        return f"{monitor.found.format(self.value)}; {monitor.way_out}"
