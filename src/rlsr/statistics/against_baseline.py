"""Groups of scores beside a baseline: means, paired differences, and what their intervals show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from rlsr.statistics.crossed import crossed_mean
from rlsr.statistics.estimate import Estimate
from rlsr.statistics.resamples import Floats

Verdict = Literal["higher", "lower", "no difference shown", "baseline"]

NO_DIFFERENCE: Final = "no difference shown"
"""The verdict of an interval that holds 0."""


@dataclass(frozen=True)
class MetricComparison:
    """One metric of one recipe, beside the baseline."""

    mean: Estimate
    """The mean over seeds and prompts."""
    difference: Estimate | None
    """The mean of the paired differences, recipe minus baseline, with an interval that is corrected for the number of
    readings; None for the baseline itself."""
    verdict: Verdict | None
    """What the interval of the difference shows; None where it stands beside no baseline, has no interval, or is not read,
    since the metric is none of the primary ones."""


def adjusted_confidence(confidence: float, num_comparisons: int) -> float:
    """Raise the level of intervals, so that all of them together hold with the level that was asked for.

    Args:
        confidence: Level of all intervals together, in (0, 1).
        num_comparisons: How many intervals are read side by side.

    Returns:
        The level of each, by Bonferroni; unchanged for one or none.
    """
    return 1 - (1 - confidence) / max(1, num_comparisons)


def compare_metric(
    scores: Mapping[str, Floats],
    baseline: str,
    *,
    confidence: float = 0.95,
    num_readings: int = 1,
    is_read: bool = True,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, MetricComparison]:
    """Compare every recipe with the baseline in one metric.

    Args:
        scores: (seed, prompt) by recipe, the prompts in the same order; an untrained policy has one row, which stands
            beside every seed of the others.
        baseline: The recipe that the others are compared with.
        confidence: Level of the means' intervals, and of those of all differences that are read, together.
        num_readings: How many differences are read, of all recipes and primary metrics.
        is_read: Whether the differences in this metric are.
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Returns:
        One comparison a recipe, in their order.
    """
    level = adjusted_confidence(confidence, num_readings)
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
        found[name] = MetricComparison(mean, difference, verdict(difference) if is_read else None)
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


def verdict(difference: Estimate) -> Verdict | None:
    """Say in words what the interval of a difference, recipe minus baseline, shows; None where it has no interval."""
    if np.isnan(difference.low):
        return None
    if not difference.excludes_zero:
        return NO_DIFFERENCE
    return "higher" if difference.mean > 0 else "lower"
