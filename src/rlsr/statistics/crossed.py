"""Means over seeds and prompts.

Prompts and seeds both vary: other prompts would have given other numbers, and so would other seeds. A bootstrap over
prompts alone takes the luck of one seed for an effect, so both are resampled, crossed.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from rlsr.statistics.estimate import FEWEST_UNITS, Estimate
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
        The mean with its percentile interval. With one seed it is a bootstrap over prompts; with fewer than
        ``FEWEST_UNITS`` prompts the interval is NaN.

    Source:
        Owen 2007, "The pigeonhole bootstrap": rows and columns are resampled independently, and a cell counts as often
        as its row times its column.
    """
    scored = ~np.isnan(scores)
    num = int(scored.sum())
    if num == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = float(scores[scored].mean())
    if scored.any(axis=0).sum() < FEWEST_UNITS:
        return Estimate(mean, np.nan, np.nan, num)
    # From the mean, so that equal numbers have an interval of no width.
    low, high = percentile_interval(
        scores - mean, confidence=confidence, num_resamples=num_resamples, seed=seed
    )
    return Estimate(mean, mean + low, mean + high, num)


def percentile_interval(
    deviations: Floats, *, confidence: float, num_resamples: int, seed: int
) -> tuple[float, float]:
    """Draw the interval of a mean over seeds and prompts, however few they are.

    Args:
        deviations: From the mean, (seed, prompt), of at least two prompts; NaN is left out.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Returns:
        The ends of the interval, as deviations from the mean.
    """
    scored = ~np.isnan(deviations)
    values, known = np.where(scored, deviations, 0.0), scored.astype(np.float64)
    drawn = [
        ratio(
            np.einsum("rp,rp->r", seeds @ values, prompts),
            np.einsum("rp,rp->r", seeds @ known, prompts),
        )
        for seeds, prompts in resamples(
            deviations.shape, num_resamples, cells=deviations.shape[1], seed=seed
        )
    ]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(np.concatenate(drawn), [tail, 1 - tail])
    return float(low), float(high)


def crossed_means(
    scores: Floats, *, confidence: float = 0.95, num_resamples: int = 10_000, seed: int = 0
) -> tuple[Estimate, ...]:
    """Estimate several means over the same seeds and prompts at once, each as :func:`crossed_mean` does.

    Args:
        scores: (seed, prompt, measurement); NaN is left out.
        confidence: Level of each interval, in (0, 1).
        num_resamples: Bootstrap resamples, the same for all.
        seed: Of the resampling.

    Returns:
        One estimate a measurement.
    """
    scored = ~np.isnan(scores)
    nums = scored.sum(axis=(0, 1))
    sums = np.where(scored, scores, 0.0).sum(axis=(0, 1))
    means = np.divide(sums, nums, out=np.full(len(nums), np.nan), where=nums > 0)
    ends = np.full((2, len(nums)), np.nan)
    wanted = scored.any(axis=0).sum(axis=0) >= FEWEST_UNITS
    if wanted.any():
        deviations = scores[:, :, wanted] - means[wanted]
        drawn = [
            found
            for (found,) in weighted_means([deviations], num_resamples=num_resamples, seed=seed)
        ]
        tail = (1 - confidence) / 2
        ends[:, wanted] = np.nanquantile(np.concatenate(drawn), [tail, 1 - tail], axis=0)
    return tuple(
        Estimate(float(mean), float(mean + low), float(mean + high), int(num))
        for mean, low, high, num in zip(means, *ends, nums, strict=True)
    )


def weighted_means(
    tables: Sequence[Floats], *, num_resamples: int, seed: int
) -> Iterator[list[Floats]]:
    """Compute means in resamples of prompts and seeds, crossed.

    Args:
        tables: Scores, (seed, prompt, measurement) each, of the same seeds and prompts.
        num_resamples: How many.
        seed: Of the resampling.

    Yields:
        The means of each table, (resample, measurement), for a batch of resamples; NaN where nothing that was drawn is scored.
    """
    num_seeds, num_prompts, _ = tables[0].shape
    for seeds, prompts in resamples(
        (num_seeds, num_prompts), num_resamples, cells=num_prompts, seed=seed
    ):
        counts = (seeds[:, :, None] * prompts[:, None, :]).reshape(len(seeds), -1)
        yield [_weighted_mean(table.reshape(-1, table.shape[2]), counts) for table in tables]


def _weighted_mean(scores: Floats, counts: Floats) -> Floats:
    scored = ~np.isnan(scores)
    numbers = counts @ scored.astype(np.float64)
    means: Floats = np.divide(
        counts @ np.where(scored, scores, 0.0),
        numbers,
        out=np.full(numbers.shape, np.nan),
        where=numbers > 0,
    )
    return means
