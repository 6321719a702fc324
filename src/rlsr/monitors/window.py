"""Means over the last steps and over the first ones: single steps have few prompts, and their numbers jump."""

import math
import statistics
from typing import NamedTuple

from rlsr.monitors.monitor import Rows
from rlsr.runs.step_totals import scored

WINDOW = 5
"""Steps of a mean. With 4 prompts of 4 responses a step the mean reward of neighbouring steps differs by .07 (standard deviation,
healthy runs of SmolLM2-135M); over five it is .03, which a drift worth speaking of exceeds, and five steps are soon over."""


class Change(NamedTuple):
    """A number then and now."""

    then: float
    now: float
    error: float
    """Standard error of the difference, from how the number jumps between the steps of each window."""

    @property
    def rises(self) -> bool:
        """Whether it is higher now by twice the error."""
        return self.now - self.then > 2 * self.error

    @property
    def falls(self) -> bool:
        """Whether it is lower now by three times the error: of twenty monitors, asked after every step, none may cry by chance."""
        return self.then - self.now > 3 * self.error


def recent(rows: Rows, name: str) -> float | None:
    """Take the mean over the last steps.

    Args:
        rows: Of a run.
        name: A column.

    Returns:
        None before there are as many steps, and where none of them was scored.
    """
    found = scored(_steps(rows[-WINDOW:]), name)
    return statistics.fmean(found) if len(_steps(rows[-WINDOW:])) == WINDOW and found else None


def beginning(rows: Rows, name: str) -> float | None:
    """Take the mean over the first steps, once the last ones are others.

    Args:
        rows: Of a run.
        name: A column.

    Returns:
        None before there are twice as many steps, and where none of them was scored.
    """
    found = change(rows, name)
    return None if found is None else found.then


def change(rows: Rows, name: str, *, since: int = 0) -> Change | None:
    """Compare the last steps with earlier ones.

    Args:
        rows: Of a run.
        name: A column.
        since: The step up to which the earlier window reaches; it has the first steps at least.

    Returns:
        None where the windows would overlap, or one of them has no two numbers.
    """
    end = max(since, WINDOW)
    then = [row for row in rows[: end + 1] if end - WINDOW < row["step"] <= end]
    now = _steps(rows[-WINDOW:])
    if len(now) < WINDOW or now[0]["step"] <= end:
        return None
    windows = [scored(window, name) for window in (then, now)]
    if min(map(len, windows)) < 2:
        return None
    before, after = (statistics.fmean(window) for window in windows)
    error = math.sqrt(sum(statistics.variance(window) / len(window) for window in windows))
    return Change(before, after, error)


def _steps(rows: Rows) -> Rows:
    """Leave out what was measured before the first step."""
    return [row for row in rows if row["step"] > 0]
