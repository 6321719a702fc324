"""Which response of a group is the best one."""

import numpy as np
from numpy.typing import NDArray

from rlsr.methods.advantages import Floats, GroupAdvantages


def best_responses(
    rewards: Floats, num_generations: int, group: GroupAdvantages
) -> NDArray[np.bool_]:
    """Select from each group with signal the response with the highest reward.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored and never the best.
        num_generations: Responses of a prompt; divides the number of rewards.
        group: Their comparison, which says where rewards differ: of equal ones none is better than what the policy writes anyway.

    Returns:
        Whether each response is selected: one of a group with signal, the earliest of equal ones, and none of another.
    """
    groups = np.where(np.isnan(rewards), -np.inf, rewards).reshape(-1, num_generations)
    selected = np.zeros(groups.shape, dtype=bool)
    places = np.flatnonzero(group.has_signal)
    selected[places, groups[places].argmax(axis=1)] = True
    return selected.reshape(-1)
