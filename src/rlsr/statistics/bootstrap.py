"""Means with intervals, over prompts."""

import warnings

import numpy as np

from rlsr.statistics.estimate import FEWEST_UNITS, Estimate
from rlsr.statistics.resamples import Floats


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
    with warnings.catch_warnings():
        # Nearly constant values make the acceleration undefined; the percentile interval takes over.
        warnings.simplefilter("ignore")
        for method in ("BCa", "percentile"):
            low, high = stats.bootstrap(
                (values,), np.mean, confidence_level=confidence, n_resamples=num_resamples,
                method=method, rng=np.random.default_rng(seed),
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
