"""Scores that were measured at some times of a run, and what lies between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlsr.statistics.resamples import Floats


@dataclass(frozen=True)
class Course:
    """The scores of one run over time."""

    times: Floats
    """When it was measured, (time,), in order; of equal times the last counts."""
    scores: Floats
    """What was found, (time, prompt); NaN where unscored."""
    until: float
    """How far it is known; beyond the last measurement only where the policy no longer changes, as that of a run which ended
    by itself."""

    def at(self, times: Floats) -> Floats:
        """Read the scores at some times, linear between measurements.

        Args:
            times: Any.

        Returns:
            (time, prompt); NaN outside of what is known, and between a scored and an unscored measurement.
        """
        last_of_equal = np.append(np.diff(self.times) > 0, True)
        known, scores = self.times[last_of_equal], self.scores[last_of_equal]
        inside = (times >= known[0]) & (times <= self.until)
        within = np.clip(times, known[0], known[-1])
        left = np.searchsorted(known, within, side="right") - 1
        right = np.minimum(left + 1, len(known) - 1)
        gaps = known[right] - known[left]
        weights = np.divide(within - known[left], gaps, out=np.zeros(len(times)), where=gaps > 0)
        # At a measurement its neighbour says nothing, not even where it is unscored.
        steps = np.where(weights[:, None] > 0, scores[right] - scores[left], 0.0)
        found: Floats = np.where(inside[:, None], scores[left] + weights[:, None] * steps, np.nan)
        return found


def scores_at(courses: Sequence[Course], times: Floats) -> Floats:
    """Read the scores of several seeds at some times.

    Args:
        courses: One a seed, of the same prompts.
        times: Any.

    Returns:
        (seed, prompt, time), NaN where a run is not known.
    """
    return np.stack([course.at(times).T for course in courses])


def knots(courses: Sequence[Course], until: float) -> Floats:
    """List the times at which the mean of some courses may bend.

    Args:
        courses: At least one.
        until: The last time of interest.

    Returns:
        The times from where all are known, in order and without repetition, ``until`` among them.
    """
    begin = max(course.times[0] for course in courses)
    times = np.concatenate([[begin, until], *(course.times for course in courses)])
    return np.unique(times[(times >= begin) & (times <= until)])
