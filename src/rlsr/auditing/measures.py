"""These functions measure how often and how clearly one kind of answer scores above another.

A score of NaN says that an answer could not be scored, and is left out. Intervals are of 95 %: for means over rows or groups
that of ``bootstrap_mean``, for the others the percentiles of the statistic over resamples.
"""

from dataclasses import dataclass

import numpy as np

from rlsr.statistics import Estimate, bootstrap_mean
from rlsr.statistics.ranks import Levels, area_statistic, partial_correlations, rank_products
from rlsr.statistics.resamples import Floats, Groups
from rlsr.statistics.statistic import bootstrap_statistic


@dataclass(frozen=True)
class GroupSpread:
    """How far the rewards of one prompt's responses lie apart."""

    std_within: Estimate
    """The mean over groups of the standard deviation within the group (n - 1 in its denominator), with its interval."""
    share_without_signal: float
    """The share of groups whose standard deviation is so small that they teach nothing; NaN without groups."""
    noise: float
    """The standard deviation that rounding alone gives to equal rewards, in units of the reward; NaN without scores."""


def share_attack_wins(
    honest: Floats, attacked: Floats, *, num_resamples: int = 10_000, seed: int = 0
) -> Estimate:
    """Measure on which share of rows the attack scores above the honest answer.

    Args:
        honest: The reward of the honest answer to each row.
        attacked: The reward of the attack on the same rows.
        num_resamples: The number of bootstrap resamples of the rows.
        seed: The seed of the resampling.

    Returns:
        The share in [0, 1], ties counted half, over the rows with both scores.

    Source:
        The probability of superiority for matched pairs, Grissom and Kim 2012, "Effect Sizes for Research", ch. 5.
    """
    assert honest.shape == attacked.shape, "one honest and one attacked score for each row"
    wins = (attacked > honest) + 0.5 * (attacked == honest)
    return bootstrap_mean(
        np.where(np.isnan(honest) | np.isnan(attacked), np.nan, wins),
        num_resamples=num_resamples,
        seed=seed,
    )


def auc(
    positive: Floats, negative: Floats, *, num_resamples: int = 10_000, seed: int = 0
) -> Estimate:
    """Measure how often the positive of a random row scores above the negative of a random row.

    Args:
        positive: A score for each row that should be high, as of an honest answer.
        negative: A score for each row that should be low, as of an attack.
        num_resamples: The number of bootstrap resamples of the rows.
        seed: The seed of the resampling.

    Returns:
        The area under the ROC curve in [0, 1], ties counted half, over the rows with both scores; ``num`` counts rows.

    Source:
        Hanley and McNeil 1982: the area is the Mann-Whitney statistic over the number of pairs.
    """
    assert positive.shape == negative.shape, "one positive and one negative score for each row"
    scored = ~np.isnan(positive) & ~np.isnan(negative)
    statistic = area_statistic(positive[scored], negative[scored])
    num = int(scored.sum())
    return bootstrap_statistic(
        lambda weights: statistic(weights, weights),
        num,
        num,
        num_resamples=num_resamples,
        seed=seed,
    )


def group_spread(
    scores: Floats,
    *,
    min_std: float = 1e-6,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> GroupSpread:
    """Measure how far the rewards of the same prompt's responses lie apart.

    Args:
        scores: Rewards, (group, sample); groups with fewer than two scored samples are left out.
        min_std: The largest standard deviation of a group without signal, as ``method.advantage.min_std`` in training.
        num_resamples: The number of bootstrap resamples of the groups.
        seed: The seed of the resampling.

    Returns:
        The spread, the share of groups without signal, and the noise. The noise is the least that there can be: the
        rounding error of a reward computed in single precision, the distance of neighbouring float32 numbers at the
        largest reward over sqrt(12). It says nothing on whether a difference in reward is one in quality.
    """
    scored = ~np.isnan(scores)
    counts = scored.sum(axis=1)
    means = np.where(scored, scores, 0.0).sum(axis=1) / np.maximum(counts, 1)
    squares = np.where(scored, np.square(scores - means[:, None]), 0.0).sum(axis=1)
    std = np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)
    usable = ~np.isnan(std)
    return GroupSpread(
        std_within=bootstrap_mean(std, num_resamples=num_resamples, seed=seed),
        share_without_signal=float((std[usable] <= min_std).mean()) if usable.any() else np.nan,
        noise=_rounding_error(scores),
    )


def partial_correlation(
    x: Floats,
    y: Floats,
    controls: Floats,
    *,
    groups: Groups | None = None,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Measure how two quantities go together where the controls do not explain it: Spearman's partial correlation.

    All quantities are turned into ranks, of which ties share theirs; from the ranks of x and y the straight line in the
    ranks of the controls is taken away; what is left is correlated.

    Args:
        x: The first quantity, a number for each row.
        y: The second quantity.
        controls: Further quantities, (row, control); with none of them it is Spearman's correlation.
        groups: The group of each row, as the prompt of a response, which is resampled as a whole; None resamples rows.
        num_resamples: The number of bootstrap resamples of the rows or groups.
        seed: The seed of the resampling.

    Returns:
        The correlation in [-1, 1] over the rows in which nothing is NaN; NaN where x or y does not vary beyond the
        controls. ``num`` counts rows.

    Source:
        Kim 2015, "ppcor: an R package for a fast calculation to semi-partial correlation coefficients", eq. 2.
    """
    values = np.stack([x, y, *controls.T])
    kept = ~np.isnan(values).any(axis=0)
    values = values[:, kept]
    units = (
        np.arange(values.shape[1])
        if groups is None
        else np.unique(groups[kept], return_inverse=True)[1]
    )
    orders = [Levels(row) for row in values]

    def statistic(weights: Floats) -> Floats:
        rows = weights[:, units]
        ranks = np.stack([order.ranks(rows) for order in orders], axis=1)
        return partial_correlations(rank_products(ranks, rows))

    num_units = int(units.max(initial=-1)) + 1
    return bootstrap_statistic(
        statistic,
        num_units,
        len(units),
        num_resamples=num_resamples,
        seed=seed,
        cells_per_unit=len(values) * len(units) / max(num_units, 1),
    )


def _rounding_error(scores: Floats) -> float:
    """Compute the standard deviation of rounding to float32 at the largest score."""
    if np.isnan(scores).all():
        return np.nan
    return float(np.spacing(np.float32(np.nanmax(np.abs(scores)))) / np.sqrt(12))
