"""Recipes side by side: means over seeds and prompts, paired differences to a baseline, wins and ties. No torch.

Prompts and seeds both vary: other prompts would have given other numbers, and so would other seeds. A bootstrap over
prompts alone takes the luck of one seed for an effect, so both are resampled, crossed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlsr.evaluation.statistics import Estimate

Floats = NDArray[np.float64]

Verdict = Literal["higher", "lower", "no difference shown", "baseline"]

_MOST_CELLS = 1_000_000  # of the tables of one batch of resamples: 8 MB each


@dataclass(frozen=True)
class MetricComparison:
    """One metric of one recipe, beside the baseline."""

    mean: Estimate
    """The mean over seeds and prompts."""
    difference: Estimate | None
    """The mean of the paired differences, recipe minus baseline, with an interval that is corrected for the number of
    comparisons; None for the baseline itself."""
    verdict: Verdict
    """What the interval of the difference shows."""


@dataclass(frozen=True)
class WinShares:
    """How often a recipe scores higher than the baseline; the shares add up to 1."""

    win: float
    """Share of the scored pairs in which the recipe is higher by more than the margin; NaN if there are none."""
    tie: float
    """Share of those that differ by no more than the margin."""
    loss: float
    """Share of those in which the recipe is lower by more than the margin."""
    margin: float
    """Differences of up to this much are ties."""


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
    deviations = np.where(scored, scores - mean, 0.0)
    drawn = _resampled_means(
        deviations, scored.astype(np.float64), num_resamples, np.random.default_rng(seed)
    )
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Estimate(mean, mean + float(low), mean + float(high), num)


def _resampled_means(
    values: Floats, scored: Floats, num_resamples: int, rng: np.random.Generator
) -> Floats:
    """Draw seeds and prompts with replacement and take the mean of what is scored; NaN where nothing is."""
    num_seeds, num_prompts = values.shape
    batch = max(1, _MOST_CELLS // num_prompts)
    means = []
    for done in range(0, num_resamples, batch):
        rows = min(batch, num_resamples - done)
        seeds = _draw_counts(rows, num_seeds, rng)
        prompts = _draw_counts(rows, num_prompts, rng)
        totals = np.einsum("rp,rp->r", seeds @ values, prompts)
        counts = np.einsum("rp,rp->r", seeds @ scored, prompts)
        means.append(np.divide(totals, counts, out=np.full(rows, np.nan), where=counts > 0))
    return np.concatenate(means)


def _draw_counts(rows: int, size: int, rng: np.random.Generator) -> Floats:
    """Draw ``size`` units with replacement, ``rows`` times, and count how often each was drawn."""
    drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
    counts = np.bincount(drawn.reshape(-1), minlength=rows * size)
    return counts.reshape(rows, size).astype(np.float64)


def adjusted_confidence(confidence: float, num_comparisons: int) -> float:
    """Raise the level of intervals, so that all of them together hold with the level that was asked for.

    Args:
        confidence: Level of all intervals together, in (0, 1).
        num_comparisons: How many intervals are looked at side by side.

    Returns:
        The level of each, by Bonferroni; unchanged for one or none.
    """
    return 1 - (1 - confidence) / max(1, num_comparisons)


def compare_metric(
    scores: Mapping[str, Floats],
    baseline: str,
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, MetricComparison]:
    """Compare every recipe with the baseline in one metric.

    Args:
        scores: (seed, prompt) by recipe, the prompts in the same order; an untrained policy has one row, which stands
            beside every seed of the others.
        baseline: The recipe that the others are compared with.
        confidence: Level of the means' intervals, and of those of all differences together.
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Returns:
        One comparison a recipe, in their order.
    """
    level = adjusted_confidence(confidence, len(scores) - 1)
    found = {}
    for name, values in scores.items():
        mean = crossed_mean(values, confidence=confidence, num_resamples=num_resamples, seed=seed)
        if name == baseline:
            found[name] = MetricComparison(mean, None, "baseline")
            continue
        difference = crossed_mean(
            paired(values, scores[baseline]),
            confidence=level,
            num_resamples=num_resamples,
            seed=seed,
        )
        found[name] = MetricComparison(mean, difference, verdict(difference))
    return found


def paired(scores: Floats, baseline: Floats) -> Floats:
    """Subtract a baseline prompt by prompt.

    Args:
        scores: (seed, prompt).
        baseline: The same, or one row that is the same for every seed.

    Returns:
        The differences, (seed, prompt); NaN where either side is unscored.
    """
    assert scores.shape[1] == baseline.shape[1], "paired scores are of the same prompts"
    assert 1 in {len(scores), len(baseline)} or len(scores) == len(baseline), (
        "paired scores are of the same seeds, or one side has no seeds"
    )
    return scores - baseline


def verdict(difference: Estimate) -> Verdict:
    """Say in words what an interval shows.

    Args:
        difference: Recipe minus baseline.

    Returns:
        ``higher`` or ``lower`` where the interval excludes 0, else ``no difference shown``.
    """
    if not difference.excludes_zero:
        return "no difference shown"
    return "higher" if difference.mean > 0 else "lower"


def win_shares(scores: Floats, baseline: Floats, margin: float) -> WinShares:
    """Count wins, ties and losses over seeds and prompts.

    Args:
        scores: (seed, prompt) of a metric of which more is better.
        baseline: The same, or one row that is the same for every seed.
        margin: Differences of up to this much are ties, at least 0.

    Returns:
        The shares of the pairs that are scored on both sides.
    """
    differences = paired(scores, baseline)
    known = differences[~np.isnan(differences)]
    if known.size == 0:
        return WinShares(np.nan, np.nan, np.nan, margin)
    return WinShares(
        win=float((known > margin).mean()),
        tie=float((np.abs(known) <= margin).mean()),
        loss=float((known < -margin).mean()),
        margin=margin,
    )


def stack_seeds(rows: Sequence[Sequence[float | None]]) -> Floats:
    """Put the scores of the runs of a recipe above each other.

    Args:
        rows: One list a seed, one number a prompt; None is unscored.

    Returns:
        (seed, prompt), with NaN for unscored.
    """
    return np.array(
        [[np.nan if value is None else value for value in row] for row in rows], dtype=np.float64
    )
