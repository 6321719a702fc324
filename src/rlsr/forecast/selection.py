"""What choosing the best of several answers by the reward does to another measure."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def of_best(rewards: Floats, values: Floats) -> Floats:
    """Take the value of the answer with the highest reward.

    Args:
        rewards: (prompt, sample); NaN is unscored and never the best.
        values: The other measure of the same answers.

    Returns:
        One number a prompt: of answers that share the highest reward the mean, as if one were drawn, so that rewards that are all
        equal choose nothing. NaN where no answer was rewarded, or none of the best has a value.
    """
    assert rewards.shape == values.shape, "one reward and one value an answer"
    highest = np.where(np.isnan(rewards), -np.inf, rewards).max(axis=1, keepdims=True)
    return mean_of(np.where(rewards == highest, values, np.nan))


def mean_of(values: Floats) -> Floats:
    """Average over the answers to each prompt.

    Args:
        values: (prompt, sample); NaN is left out.

    Returns:
        One number a prompt; NaN where nothing is left.
    """
    scored = ~np.isnan(values)
    counts = scored.sum(axis=1)
    sums = np.where(scored, values, 0.0).sum(axis=1)
    means: Floats = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means
