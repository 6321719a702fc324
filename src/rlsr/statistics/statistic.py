"""Bootstrap intervals of statistics that are no plain means."""

from collections.abc import Callable, Sequence

import numpy as np

from rlsr.statistics.estimate import Estimate
from rlsr.statistics.resamples import Floats, resamples

Statistic = Callable[[Floats], Floats]
"""From how often each unit counts, (resample, unit), to one number a resample."""

_TAILS = (0.025, 0.975)


def bootstrap_statistic(
    statistic: Statistic,
    strata: Sequence[int],
    num: int,
    *,
    num_resamples: int,
    seed: int,
    cells_per_unit: float = 1,
) -> Estimate:
    """Compute a statistic and its 95 % percentile interval.

    Args:
        statistic: What to compute; NaN where a resample does not allow it.
        strata: Number of units of each sample that is resampled apart; one number where there is one sample.
        num: What to report as the number of values.
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.
        cells_per_unit: How many numbers the statistic keeps for a unit; bounds the memory.

    Returns:
        The statistic of the units as they are, with the interval over the resamples that allow it; an interval of NaN
        where a sample has fewer than two units.

    Source:
        Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.
    """
    if min(strata) == 0:
        return Estimate(np.nan, np.nan, np.nan, num)
    value = float(statistic(np.ones((1, sum(strata))))[0])
    if min(strata) < 2 or np.isnan(value):
        return Estimate(value, np.nan, np.nan, num)
    cells = sum(strata) * max(1.0, cells_per_unit)
    drawn = np.concatenate(
        [
            statistic(np.concatenate(counts, axis=1))
            for counts in resamples(strata, num_resamples, cells=cells, seed=seed)
        ]
    )
    allowed = drawn[~np.isnan(drawn)]
    if allowed.size == 0:
        return Estimate(value, np.nan, np.nan, num)
    low, high = (float(end) for end in np.quantile(allowed, _TAILS))
    return Estimate(value, low, high, num)
