"""Means with intervals, over prompts."""

import warnings

import numpy as np

from rlsr.statistics.estimate import Estimate
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
        The mean with its bias-corrected and accelerated bootstrap interval; an interval of NaN below two values, and
        of no width when all values are equal.

    Source:
        Efron 1987, "Better bootstrap confidence intervals", as in scipy.stats.bootstrap.
    """
    from scipy import stats

    scored = values[~np.isnan(values)]
    if scored.size == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = float(scored.mean())
    if scored.size == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    if np.all(scored == scored[0]):
        return Estimate(mean, mean, mean, int(scored.size))
    # Otherwise scipy would hold all resamples at once, and for the jackknife as many copies of the values as there are values.
    batch = max(1, _MOST_CELLS // scored.size)
    with warnings.catch_warnings():
        # Nearly constant values make the acceleration undefined; the percentile interval below takes over.
        warnings.simplefilter("ignore")
        low, high = (
            float(end)
            for end in stats.bootstrap(
                (scored,), np.mean, confidence_level=confidence, n_resamples=num_resamples,
                method="BCa", rng=np.random.default_rng(seed), batch=batch,
            ).confidence_interval
        )  # fmt: skip
        if not (np.isfinite(low) and np.isfinite(high)):
            low, high = (
                float(end)
                for end in stats.bootstrap(
                    (scored,), np.mean, confidence_level=confidence, n_resamples=num_resamples,
                    method="percentile", rng=np.random.default_rng(seed), batch=batch,
                ).confidence_interval
            )  # fmt: skip
    return Estimate(mean, low, high, int(scored.size))


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
