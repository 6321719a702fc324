"""Differences and ratios of gains with intervals over prompts and seeds."""

from typing import Any

import numpy as np

from rlsr.statistics.against_baseline import paired
from rlsr.statistics.crossed import crossed_mean, weighted_means
from rlsr.statistics.crossing import Direction

Interval = tuple[float, float | None, float | None]
"""A number with the ends of its interval; None where there are too few values for one."""

NUM_RESAMPLES = 10_000


def difference(ours: Any, theirs: Any, confidence: float) -> Interval | None:
    """Estimate the mean of paired differences.

    Args:
        ours: Scores, (seed, prompt).
        theirs: The same, or one row that stands beside every seed.
        confidence: Level of the interval.

    Returns:
        The difference with its interval; None where no prompt is scored on both sides.
    """
    found = crossed_mean(paired(ours, theirs), confidence=confidence, num_resamples=NUM_RESAMPLES)
    return (found.mean, _known(found.low), _known(found.high)) if found.num else None


def gain_ratio(
    ours: Any, sft: Any, base: Any, *, better: Direction, confidence: float
) -> Interval | None:
    """Divide a gain over the policy before training by that of SFT.

    Args:
        ours: Scores, (seed, prompt).
        sft: The same of SFT.
        base: Of the policy before training, one row.
        better: Which way is better; where it is near 1, a gain is how much nearer the mean has come.
        confidence: Level of the interval.

    Returns:
        The ratio with quantiles of the resamples; without them where SFT's own gain may be none at this level, since what is
        divided by something that may be 0 has no interval. None where SFT has not gained.
    """
    known = ~np.isnan(paired(ours, base) + paired(sft, base))
    tables = [
        np.where(known, np.broadcast_to(table, known.shape), np.nan)[:, :, None]
        for table in (ours, sft, base)
    ]
    if not known.any():
        return None
    own, supervised = _gains([np.nanmean(table) for table in tables], better)
    if supervised <= 0:
        return None
    ratio = float(own / supervised)
    if known.any(axis=0).sum() < 2:
        return ratio, None, None
    drawn = [
        _gains(means, better)
        for means in weighted_means(tables, num_resamples=NUM_RESAMPLES, seed=0)
    ]
    gains, divisors = (np.concatenate(side).ravel() for side in zip(*drawn, strict=True))
    tail = (1 - confidence) / 2
    if np.nanquantile(divisors, tail) <= 0:
        return ratio, None, None
    # Where resamples of few values gain nothing, the quotient is left out.
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.nanquantile(gains / divisors, [tail, 1 - tail])
    return ratio, float(low), float(high)


def _gains(means: Any, better: Direction) -> tuple[Any, Any]:
    """Say how much two means are better than the third."""
    ours, sft, base = means
    if better == "near_one":
        return abs(base - 1) - abs(ours - 1), abs(base - 1) - abs(sft - 1)
    sign = 1 if better == "higher" else -1
    return sign * (ours - base), sign * (sft - base)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
