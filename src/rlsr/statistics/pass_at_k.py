"""How likely one of k draws is right, from more draws than k."""

from math import comb, nan


def pass_at_k(num_draws: int, num_right: int, k: int) -> float:
    """Estimate how likely at least one of k answers to a prompt is right.

    Args:
        num_draws: Answers that were drawn.
        num_right: How many of them are right.
        k: Of how many one has to be right, at least 1.

    Returns:
        The share of the sets of k of the answers with a right one, which over draws has the mean ``1 - (1 - p)^k`` where p is the
        chance of a right answer; NaN with fewer than k draws.

    Source:
        Chen et al. 2021 (arXiv 2107.03374), equation 1; deviations: none.
    """
    if num_draws < k:
        return nan
    return 1 - comb(num_draws - num_right, k) / comb(num_draws, k)
