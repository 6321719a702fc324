"""Which responses of a group an update learns from."""

import numpy as np
from numpy.typing import NDArray

from rlsr.methods.advantages import Floats

EQUAL_SPREAD = 1e-9
"""Relative difference up to which two variances count as equal, so that rounding does not choose between subsets."""


def max_variance_subset(rewards: Floats, num_generations: int, size: int) -> NDArray[np.bool_]:
    """Select from each group the responses whose rewards have the largest variance.

    Such a subset is always the k highest and the ``size`` - k lowest rewards for some k, so that after sorting only
    ``size`` + 1 candidates are left, each the group without a window of its middle: O(n log n) for a group of n.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored.
        num_generations: Responses of a prompt; divides the number of rewards.
        size: Responses to select from each group, at least 2.

    Returns:
        Whether each response is selected. Unscored ones never are, and a group with at most ``size`` scored ones keeps
        them all. Among subsets of equal variance that with the fewest of the highest rewards is taken; among equal
        rewards the earlier responses count as lower.

    Source:
        PODS, arXiv 2504.13818: policy optimisation with max-variance down-sampling; ties of the variance as in its published code.
    """
    assert len(rewards) % num_generations == 0, (
        f"{len(rewards)} rewards are no groups of {num_generations}"
    )
    selected = np.zeros(len(rewards), dtype=bool)
    for start in range(0, len(rewards), num_generations):
        group = rewards[start : start + num_generations]
        selected[start + _subset_of_group(group, size)] = True
    return selected


def _subset_of_group(rewards: Floats, size: int) -> NDArray[np.intp]:
    """Find the places of the selected responses of one group."""
    scored = np.flatnonzero(~np.isnan(rewards))
    ranked = scored[np.argsort(rewards[scored], kind="stable")]
    num_left_out = len(ranked) - size
    if num_left_out <= 0:
        return ranked
    centred = rewards[ranked] - rewards[ranked].mean()
    sums = _sums_without_window(centred, num_left_out)
    squares = _sums_without_window(np.square(centred), num_left_out)
    spreads = squares - np.square(sums) / size
    best = np.isclose(spreads, spreads.max(), rtol=EQUAL_SPREAD, atol=0)
    num_lowest = np.flatnonzero(best)[-1]
    return np.delete(ranked, slice(num_lowest, num_lowest + num_left_out))


def _sums_without_window(values: Floats, width: int) -> Floats:
    """Sum the values outside each window of a width; the windows start at 0, 1, and so on."""
    until = np.concatenate([[0.0], np.cumsum(values)])
    outside: Floats = until[-1] - (until[width:] - until[:-width])
    return outside
