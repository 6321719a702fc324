"""Means over seeds and prompts.

Prompts and seeds both vary: other prompts would have given other numbers, and so would other seeds. A bootstrap over
prompts alone takes the luck of one seed for an effect, so both are resampled, crossed.
"""

import numpy as np

from rlsr.statistics.estimate import Estimate
from rlsr.statistics.resamples import Floats, ratio, resamples


def crossed_mean(
    scores: Floats, *, confidence: float = 0.95, num_resamples: int = 10_000, seed: int = 0
) -> Estimate:
    """Estimate a mean over seeds and prompts, both of which could have been others.

    Args:
        scores: One number a seed and prompt, (seed, prompt); NaN is left out and lowers ``num``.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Returns:
        The mean with its percentile interval. With one seed it is a bootstrap over prompts; with fewer than two prompts
        the interval is NaN.

    Source:
        Owen 2007, "The pigeonhole bootstrap": rows and columns are resampled independently, and a cell counts as often
        as its row times its column.
    """
    scored = ~np.isnan(scores)
    num = int(scored.sum())
    if num == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = float(scores[scored].mean())
    if scored.any(axis=0).sum() < 2:
        return Estimate(mean, np.nan, np.nan, num)
    # From the mean, so that equal numbers have an interval of no width.
    deviations, known = np.where(scored, scores - mean, 0.0), scored.astype(np.float64)
    drawn = [
        ratio(
            np.einsum("rp,rp->r", seeds @ deviations, prompts),
            np.einsum("rp,rp->r", seeds @ known, prompts),
        )
        for seeds, prompts in resamples(
            scores.shape, num_resamples, cells=scores.shape[1], seed=seed
        )
    ]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(np.concatenate(drawn), [tail, 1 - tail])
    return Estimate(mean, mean + float(low), mean + float(high), num)
