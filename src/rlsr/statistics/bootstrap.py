"""Means with intervals, over prompts."""

import warnings

import numpy as np

from rlsr.statistics.estimate import FEWEST_UNITS, Estimate
from rlsr.statistics.resamples import Floats

_MOST_CELLS = 1_000_000
"""Numbers of the resamples that are held at once: 8 MB."""


def bootstrap_mean(
    values: Floats, *, confidence: float = 0.95, num_resamples: int = 10_000, seed: int = 0
) -> Estimate:
    """Estimate a mean over prompts.

    Args:
        values: One number a prompt; NaN is left out and lowers ``num``.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Returns:
        The mean with its interval of :func:`bca_interval`; an interval of NaN below ``FEWEST_UNITS`` values.
    """
    scored = values[~np.isnan(values)]
    if scored.size == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean, num = float(scored.mean()), int(scored.size)
    if num < FEWEST_UNITS:
        return Estimate(mean, np.nan, np.nan, num)
    ends = bca_interval(scored, confidence=confidence, num_resamples=num_resamples, seed=seed)
    return Estimate(mean, *ends, num)


def bca_interval(
    values: Floats, *, confidence: float, num_resamples: int, seed: int
) -> tuple[float, float]:
    """Draw the interval of a mean, however few values it is over.

    Args:
        values: At least two, none of them NaN.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Returns:
        The ends of the bias-corrected and accelerated bootstrap interval; of no width when all values are equal.

    Source:
        Efron 1987, "Better bootstrap confidence intervals", as in scipy.stats.bootstrap.
    """
    from scipy import stats

    if np.all(values == values[0]):
        return float(values[0]), float(values[0])
    low = high = np.nan
    # Otherwise scipy would hold all resamples at once, and for the jackknife as many copies of the values as there are values.
    batch = max(1, _MOST_CELLS // values.size)
    with warnings.catch_warnings():
        # Nearly constant values make the acceleration undefined; the percentile interval takes over.
        warnings.simplefilter("ignore")
        for method in ("BCa", "percentile"):
            low, high = stats.bootstrap(
                (values,), np.mean, confidence_level=confidence, n_resamples=num_resamples,
                method=method, rng=np.random.default_rng(seed), batch=batch,
            ).confidence_interval  # fmt: skip
            if np.isfinite(low) and np.isfinite(high):
                break
    return float(low), float(high)


def paired_difference(
    before: Floats,
    after: Floats,
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Estimate the mean change of a score, prompt by prompt.

    Args:
        before: One score a prompt.
        after: The scores of the same prompts in the same order; a prompt unscored on either side is left out.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples of the prompts.
        seed: Of the resampling.

    Returns:
        The mean of after - before with its interval.
    """
    assert before.shape == after.shape, "paired scores have one value a prompt on both sides"
    return bootstrap_mean(
        after - before, confidence=confidence, num_resamples=num_resamples, seed=seed
    )


def unpaired_difference(
    before: Floats,
    after: Floats,
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Estimate the difference of the means of two groups of prompts that are not the same.

    Args:
        before: One score a prompt; NaN is left out.
        after: The scores of the other prompts.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples, of each group by itself.
        seed: Of the resampling.

    Returns:
        The mean of after minus the mean of before, with a percentile interval; ``num`` is that of the smaller group, and the
        interval is NaN where that has fewer than ``FEWEST_UNITS`` values.
    """
    groups = [values[~np.isnan(values)] for values in (before, after)]
    num = min(group.size for group in groups)
    if num == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    difference = float(groups[1].mean() - groups[0].mean())
    if num < FEWEST_UNITS:
        return Estimate(difference, np.nan, np.nan, num)
    rng = np.random.default_rng(seed)
    earlier, later = (_resampled_means(group, num_resamples, rng) for group in groups)
    tail = (1 - confidence) / 2
    low, high = np.quantile(later - earlier, [tail, 1 - tail])
    return Estimate(difference, float(low), float(high), num)


def _resampled_means(values: Floats, num_resamples: int, rng: np.random.Generator) -> Floats:
    at_a_time = max(1, _MOST_CELLS // values.size)
    means = [
        values[
            rng.integers(values.size, size=(min(at_a_time, num_resamples - start), values.size))
        ].mean(axis=1)
        for start in range(0, num_resamples, at_a_time)
    ]
    return np.concatenate(means)
