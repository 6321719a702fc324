"""Do scores agree with the labels that people gave? Within a prompt, and whatever the prompt.

NaN is unscored or unlabelled and left out. Intervals are over prompts, because the answers to one prompt are alike.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.statistics import Estimate, bootstrap_mean
from rlsr.statistics.ranks import area_statistic
from rlsr.statistics.resamples import Floats, ratio
from rlsr.statistics.statistic import bootstrap_statistic

Ints = NDArray[np.int64]
Groups = NDArray[Any]
"""Numbers or names; equal ones are one group."""


def spearman_within(
    scores: Floats,
    labels: Floats,
    groups: Groups,
    *,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Measure how well the scores order the items of the same group as their labels do.

    Args:
        scores: Rewards, one an item.
        labels: Judged quality, higher is better, one an item.
        groups: The prompt of each item.
        num_resamples: Bootstrap resamples of the groups.
        seed: Of the resampling.

    Returns:
        Mean of Spearman's correlation in [-1, 1] over the groups with at least three scored items and more than one
        label; 0 for a group in which all scores are equal, since they order nothing. ``num`` counts groups.

    Source:
        Spearman 1904; averaged over prompts as the metric for rankings within a prompt.
    """
    from scipy import stats

    correlations = []
    for members in _members(scores, labels, groups):
        if len(members) < 3 or np.ptp(labels[members]) == 0:
            continue
        ranks = stats.rankdata(np.stack([scores[members], labels[members]]), axis=1)
        left, right = ranks - ranks.mean(axis=1, keepdims=True)
        size = np.sqrt((left @ left) * (right @ right))
        correlations.append(float(left @ right / size) if size > 0 else 0.0)
    return bootstrap_mean(np.array(correlations), num_resamples=num_resamples, seed=seed)


def pair_accuracy(
    scores: Floats,
    labels: Floats,
    groups: Groups,
    *,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Measure which share of the pairs of a group the scores order as the labels do.

    Args:
        scores: Rewards, one an item.
        labels: Judged quality, higher is better, one an item.
        groups: The prompt of each item.
        num_resamples: Bootstrap resamples of the groups.
        seed: Of the resampling.

    Returns:
        The share in [0, 1] of all pairs of the same group with unequal labels, ties of the scores counted half. ``num``
        counts pairs.

    Source:
        Pairwise accuracy of reward models, Lambert et al. 2024, "RewardBench", arXiv 2403.13787; ties are counted half
        here.
    """
    right, pairs = [], []
    for members in _members(scores, labels, groups):
        better = labels[members][:, None] > labels[members]
        difference = scores[members][:, None] - scores[members]
        right.append(float(((difference > 0) + 0.5 * (difference == 0))[better].sum()))
        pairs.append(float(better.sum()))
    kept = np.array(pairs) > 0
    counts = np.stack([np.array(right)[kept], np.array(pairs)[kept]], axis=1)

    def statistic(weights: Floats) -> Floats:
        return ratio(*(weights @ counts).T)

    return bootstrap_statistic(
        statistic,
        [len(counts)],
        int(counts[:, 1].sum()),
        num_resamples=num_resamples,
        seed=seed,
    )


def label_auc(
    scores: Floats,
    labels: Floats,
    groups: Groups,
    *,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Measure how often a good item scores above a bad one, whatever their groups.

    Args:
        scores: Rewards, one an item.
        labels: Two kinds, as 0 and 1; the higher one is good, NaN is left out.
        groups: The prompt of each item; prompts are resampled with all their items.
        num_resamples: Bootstrap resamples of the groups.
        seed: Of the resampling.

    Returns:
        The area under the ROC curve in [0, 1], ties counted half; NaN without both kinds. ``num`` counts items.

    Source:
        As ``auc``.
    """
    kept = ~np.isnan(scores) & ~np.isnan(labels)
    kinds, kind = np.unique(labels[kept], return_inverse=True)
    assert len(kinds) <= 2, f"labels of two kinds, got {len(kinds)}"
    if len(kinds) < 2:
        return Estimate(np.nan, np.nan, np.nan, int(kept.sum()))
    good, units = kind == 1, _numbered(groups, kept)
    area = area_statistic(scores[kept][good], scores[kept][~good])

    def statistic(weights: Floats) -> Floats:
        return area(weights[:, units[good]], weights[:, units[~good]])

    num_units = int(units.max(initial=-1)) + 1
    return bootstrap_statistic(
        statistic,
        [num_units],
        len(units),
        num_resamples=num_resamples,
        seed=seed,
        cells_per_unit=len(units) / max(num_units, 1),
    )


def _numbered(groups: Groups, kept: NDArray[np.bool_]) -> Ints:
    """Number the groups of the kept rows from 0, one number a row."""
    assert len(groups) == len(kept), "one group a row"
    _, numbers = np.unique(groups[kept], return_inverse=True)
    return numbers.astype(np.int64)


def _members(scores: Floats, labels: Floats, groups: Groups) -> Iterator[Ints]:
    """Yield the places of the items of each group that have a score and a label."""
    kept = ~np.isnan(scores) & ~np.isnan(labels)
    numbers = _numbered(groups, kept)
    places = np.flatnonzero(kept)[np.argsort(numbers, kind="stable")]
    yield from np.split(places, np.cumsum(np.bincount(numbers))[:-1]) if len(places) else ()
