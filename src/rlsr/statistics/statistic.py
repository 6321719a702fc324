"""Bootstrap intervals of statistics that are no plain means."""

from collections.abc import Callable

import numpy as np

from rlsr.statistics.estimate import FEWEST_UNITS, Estimate
from rlsr.statistics.resamples import Floats, resamples

Statistic = Callable[[Floats], Floats]
"""From how often each unit counts, (resample, unit), to one number a resample."""

_TAILS = (0.025, 0.975)


def bootstrap_statistic(
    statistic: Statistic,
    num_units: int,
    num: int,
    *,
    num_resamples: int,
    seed: int,
    cells_per_unit: float = 1,
) -> Estimate:
    """Compute a statistic and its 95 % percentile interval.

    Args:
        statistic: What to compute; NaN where a resample does not allow it.
        num_units: Units that are drawn with replacement.
        num: What to report as the number of values.
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.
        cells_per_unit: How many numbers the statistic keeps for a unit; bounds the memory.

    Returns:
        The statistic of the units as they are, with the interval over the resamples that allow it; an interval of NaN
        where there are fewer than ``FEWEST_UNITS`` of them.

    Source:
        Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.
    """
    if num_units == 0:
        return Estimate(np.nan, np.nan, np.nan, num)
    value = float(statistic(np.ones((1, num_units)))[0])
    if num_units < FEWEST_UNITS or np.isnan(value):
        return Estimate(value, np.nan, np.nan, num)
    cells = num_units * max(1.0, cells_per_unit)
    drawn = np.concatenate(
        [
            statistic(counts)
            for [counts] in resamples([num_units], num_resamples, cells=cells, seed=seed)
        ]
    )
    allowed = drawn[~np.isnan(drawn)]
    if allowed.size == 0:
        return Estimate(value, np.nan, np.nan, num)
    low, high = (float(end) for end in np.quantile(allowed, _TAILS))
    return Estimate(value, low, high, num)
