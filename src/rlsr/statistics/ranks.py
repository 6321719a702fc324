"""Statistics of ranks for many resamples at once: the area under the ROC curve, and partial correlations."""

from collections.abc import Callable

import numpy as np

from rlsr.statistics.resamples import Floats, ratio

_LEFT_OVER = 1e-9  # of a variance: no more than this is rounding error


class Levels:
    """The distinct values of some rows in their order, for sums and ranks of many weightings of the rows.

    Args:
        values: A number for each row, none of them NaN.
    """

    def __init__(self, values: Floats) -> None:
        self._order = np.argsort(values, kind="stable")
        distinct, self._level = np.unique(values, return_inverse=True)
        self._starts = np.searchsorted(values[self._order], distinct)

    def totals(self, weights: Floats) -> Floats:
        """Add up the weights of equal values.

        Args:
            weights: How often each row counts, (resample, row).

        Returns:
            The sums, (resample, level), that of the smallest value first.
        """
        ordered = weights[:, self._order]
        if len(self._starts) == len(self._order):
            return ordered
        totals: Floats = np.add.reduceat(ordered, self._starts, axis=1)
        return totals

    def ranks(self, weights: Floats) -> Floats:
        """Rank the rows of each resample.

        Args:
            weights: How often each row counts, (resample, row).

        Returns:
            The ranks from 1, (resample, row); ties, copies of a row included, share the mean of their ranks.
        """
        totals = self.totals(weights)
        middles = np.cumsum(totals, axis=1) - (totals - 1) / 2
        ranks: Floats = middles[:, self._level]
        return ranks


def area_statistic(positive: Floats, negative: Floats) -> Callable[[Floats, Floats], Floats]:
    """Prepare the area under the ROC curve for many weightings.

    Args:
        positive: Scores that should be high.
        negative: Scores that should be low.

    Returns:
        A function of how often each positive and each negative counts, (resample, score) each, to the area of each
        resample; NaN where a side has no weight.
    """
    levels = Levels(np.concatenate([positive, negative]))

    def areas(of_positive: Floats, of_negative: Floats) -> Floats:
        above = levels.totals(np.hstack([of_positive, np.zeros_like(of_negative)]))
        below = levels.totals(np.hstack([np.zeros_like(of_positive), of_negative]))
        beaten = np.cumsum(below, axis=1) - below / 2
        pairs = of_positive.sum(axis=1) * of_negative.sum(axis=1)
        return ratio(np.einsum("ij,ij->i", above, beaten), pairs)

    return areas


def rank_products(ranks: Floats, weights: Floats) -> Floats:
    """Multiply the ranks of every two variables and add up over rows, each rank less the mean rank.

    Args:
        ranks: (resample, variable, row), as ``Levels.ranks`` gives them.
        weights: How often each row counts, (resample, row).

    Returns:
        The covariances times the number of rows, (resample, variable, variable); they are exact, and 0 for a variable
        that does not vary.
    """
    centred = ranks - (weights.sum(axis=1)[:, None, None] + 1) / 2
    products: Floats = (centred * weights[:, None, :]) @ centred.transpose(0, 2, 1)
    return products


def partial_correlations(products: Floats) -> Floats:
    """Correlate the first two variables with the straight line in the others taken away.

    Args:
        products: The covariances of the variables, or any multiple of them, (resample, variable, variable).

    Returns:
        A number in [-1, 1] for each resample; NaN where nothing is left of one of the two variables.
    """
    both, cross = products[:, :2, :2], products[:, 2:, :2]
    # The pseudo-inverse takes controls that do not vary, or that say the same, for one or none.
    inverse = np.linalg.pinv(products[:, 2:, 2:], hermitian=True, rcond=1e-10)
    left = both - cross.transpose(0, 2, 1) @ inverse @ cross
    variances = np.stack([left[:, 0, 0], left[:, 1, 1]])
    before = np.stack([both[:, 0, 0], both[:, 1, 1]])
    varies = (variances > _LEFT_OVER * before).all(axis=0)
    size = np.where(varies, np.sqrt(np.maximum(variances, 0).prod(axis=0)), 0.0)
    return np.clip(ratio(left[:, 0, 1], size), -1.0, 1.0)
