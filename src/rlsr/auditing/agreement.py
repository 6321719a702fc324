"""These functions measure how well scores agree with the judgements of people, within a prompt and whatever the prompt.

An answer whose score or judgement is NaN is left out. Intervals are over prompts, because the answers to one prompt are alike.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rlsr.statistics import Estimate, bootstrap_mean
from rlsr.statistics.ranks import area_statistic
from rlsr.statistics.resamples import Floats, Groups, ratio
from rlsr.statistics.statistic import bootstrap_statistic

Ints = NDArray[np.int64]


def spearman_within(
    scores: Floats,
    judgements: Floats,
    groups: Groups,
    *,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Measure how well the scores order the answers of the same group as people did.

    Args:
        scores: The reward of each answer.
        judgements: How good people found each answer; higher is better.
        groups: The prompt of each answer.
        num_resamples: The number of bootstrap resamples of the groups.
        seed: The seed of the resampling.

    Returns:
        The mean of Spearman's correlation in [-1, 1] over the groups with at least three scored answers and more than one
        judgement; 0 for a group in which all scores are equal, since they order nothing. ``num`` counts groups.

    Source:
        Spearman 1904; averaged over prompts as the metric for rankings within a prompt.
    """
    from scipy import stats

    correlations = []
    for members in _members(scores, judgements, groups):
        if len(members) < 3 or np.ptp(judgements[members]) == 0:
            continue
        ranks = stats.rankdata(np.stack([scores[members], judgements[members]]), axis=1)
        left, right = ranks - ranks.mean(axis=1, keepdims=True)
        size = np.sqrt((left @ left) * (right @ right))
        correlations.append(float(left @ right / size) if size > 0 else 0.0)
    return bootstrap_mean(np.array(correlations), num_resamples=num_resamples, seed=seed)


def pair_accuracy(
    scores: Floats,
    judgements: Floats,
    groups: Groups,
    *,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Measure which share of the pairs of a group the scores order as people did.

    Args:
        scores: The reward of each answer.
        judgements: How good people found each answer; higher is better.
        groups: The prompt of each answer.
        num_resamples: The number of bootstrap resamples of the groups.
        seed: The seed of the resampling.

    Returns:
        The share in [0, 1] of all pairs of the same group with unequal judgements, ties of the scores counted half.
        ``num`` counts pairs.

    Source:
        Pairwise accuracy of reward models, Lambert et al. 2024, "RewardBench", arXiv 2403.13787; ties are counted half
        here.
    """
    right, pairs = [], []
    for members in _members(scores, judgements, groups):
        better = judgements[members][:, None] > judgements[members]
        difference = scores[members][:, None] - scores[members]
        right.append(float(((difference > 0) + 0.5 * (difference == 0))[better].sum()))
        pairs.append(float(better.sum()))
    kept = np.array(pairs) > 0
    counts = np.stack([np.array(right)[kept], np.array(pairs)[kept]], axis=1)

    def statistic(weights: Floats) -> Floats:
        return ratio(*(weights @ counts).T)

    return bootstrap_statistic(
        statistic,
        len(counts),
        int(counts[:, 1].sum()),
        num_resamples=num_resamples,
        seed=seed,
    )


def judgement_auc(
    scores: Floats,
    judgements: Floats,
    groups: Groups,
    *,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Measure how often a good answer scores above a bad one, whatever their groups.

    Args:
        scores: The reward of each answer.
        judgements: Two numbers, as 0 and 1, of which the higher one stands for good answers.
        groups: The prompt of each answer; prompts are resampled with all their answers.
        num_resamples: The number of bootstrap resamples of the groups.
        seed: The seed of the resampling.

    Returns:
        The area under the ROC curve in [0, 1], ties counted half; NaN without both kinds. ``num`` counts answers.

    Source:
        Hanley and McNeil 1982, as for ``rlsr.auditing.measures.auc``.
    """
    kept = ~np.isnan(scores) & ~np.isnan(judgements)
    kinds, kind = np.unique(judgements[kept], return_inverse=True)
    assert len(kinds) <= 2, f"judgements of two kinds, got {len(kinds)}"
    if len(kinds) < 2:
        return Estimate(np.nan, np.nan, np.nan, int(kept.sum()))
    good, units = kind == 1, _numbered(groups, kept)
    area = area_statistic(scores[kept][good], scores[kept][~good])

    def statistic(weights: Floats) -> Floats:
        return area(weights[:, units[good]], weights[:, units[~good]])

    num_units = int(units.max(initial=-1)) + 1
    return bootstrap_statistic(
        statistic,
        num_units,
        len(units),
        num_resamples=num_resamples,
        seed=seed,
        cells_per_unit=len(units) / max(num_units, 1),
    )


def _numbered(groups: Groups, kept: NDArray[np.bool_]) -> Ints:
    """Number the groups of the kept answers from 0."""
    assert len(groups) == len(kept), "one group for each answer"
    _, numbers = np.unique(groups[kept], return_inverse=True)
    return numbers.astype(np.int64)


def _members(scores: Floats, judgements: Floats, groups: Groups) -> Iterator[Ints]:
    """Yield for each group the places of its answers that have a score and a judgement."""
    kept = ~np.isnan(scores) & ~np.isnan(judgements)
    numbers = _numbered(groups, kept)
    places = np.flatnonzero(kept)[np.argsort(numbers, kind="stable")]
    yield from np.split(places, np.cumsum(np.bincount(numbers))[:-1]) if len(places) else ()
