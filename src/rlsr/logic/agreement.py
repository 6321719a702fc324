"""How much two samples of truth values agree beyond chance."""

import numpy as np
from numpy.typing import NDArray


def chance_corrected_agreement(
    first: NDArray[np.bool_], second: NDArray[np.bool_], num_strata: int
) -> float:
    """Compute Cohen's kappa, corrected within strata and pooled over them.

    With p and q the shares of interpretations of a stratum in which the formulas are true, and r the share in which both
    are, the score is

        sum of 2 (r - p q)  /  sum of (p (1 - q) + q (1 - p)),

    that is, observed minus chance agreement over 1 minus chance agreement, numerators and denominators summed first.
    Correcting within strata matters: domain size and density make formulas true together that have nothing in common.
    Where first implies second on the sample, taking true interpretations away from first never raises the score.

    Args:
        first: Truth values of a formula, the interpretations of a stratum next to each other.
        second: Truth values of the other.
        num_strata: Into how many strata of equal size they fall.

    Returns:
        A score in [-1, 1]: 1 exactly where the values are equal, 0 on average for independent formulas, below 0 where
        they exclude one another; NaN where both are constant and equal in every stratum, so that nothing is known.

    Source:
        Cohen 1960, "A coefficient of agreement for nominal scales"; pooling over strata by sums is ours.
    """
    left = first.reshape(num_strata, -1)
    right = second.reshape(num_strata, -1)
    p, q = left.mean(axis=1), right.mean(axis=1)
    both = (left & right).mean(axis=1)
    chance_disagreement = float((p + q - 2 * p * q).sum())
    if chance_disagreement == 0:
        return float("nan")
    if np.array_equal(left, right):
        return 1.0  # what rounding would blur
    return float(2 * (both - p * q).sum()) / chance_disagreement
