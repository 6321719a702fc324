"""What a response counts as that was cut at the longest, when it is compared with the others of its group."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Rule = Literal["as_scored", "lowest", "at_most_mean"]


def count_cut(
    rewards: Floats, ended: Sequence[bool | None], num_generations: int, rule: Rule
) -> Floats:
    """Let responses that did not end count as a rule says.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored.
        ended: Whether each ended by itself; None where that is not known, which counts as ended.
        num_generations: Responses of a prompt.
        rule: As in ``method.advantage.cut``.

    Returns:
        The rewards that are compared; those of responses that ended, and what is unscored, stay as they are.
    """
    was_cut = np.array([one is False for one in ended], dtype=np.bool_)
    return _RULES[rule](rewards, was_cut, num_generations)


def as_scored(rewards: Floats, was_cut: NDArray[np.bool_], num_generations: int) -> Floats:
    """Leave the rewards of the responses as they are."""
    return rewards


def lowest_where_cut(rewards: Floats, was_cut: NDArray[np.bool_], num_generations: int) -> Floats:
    """Let responses that were cut count as the lowest of their group.

    Leaving them out instead would take away the pressure to end (research on sequence rewards without an end, arXiv 2305.12254).

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored and stays so.
        was_cut: Whether each was cut at the longest.
        num_generations: Responses of a prompt.

    Returns:
        The rewards, those of cut responses replaced by the least scored one of their group.
    """
    groups = rewards.reshape(-1, num_generations)
    lowest = np.fmin.reduce(groups, axis=1, keepdims=True)
    replaced = was_cut.reshape(groups.shape) & ~np.isnan(groups)
    return np.where(replaced, lowest, groups).reshape(-1)


def at_most_mean_where_cut(
    rewards: Floats, was_cut: NDArray[np.bool_], num_generations: int
) -> Floats:
    """Let no response that was cut count for more than the mean of its group.

    So not to end never pays, and to end is no merit of its own: as the lowest, cut responses raise the advantage of all others of a group,
    which are the short ones, however these are rewarded.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored and stays so.
        was_cut: Whether each was cut at the longest.
        num_generations: Responses of a prompt.

    Returns:
        The rewards, those of cut responses no higher than the mean of what is returned of their group.
    """
    groups = rewards.reshape(-1, num_generations)
    cut = was_cut.reshape(groups.shape)
    capped = np.zeros_like(cut)
    while True:
        rest = ~capped & ~np.isnan(groups)
        number = np.maximum(rest.sum(axis=1, keepdims=True), 1)
        mean = np.where(rest, groups, 0.0).sum(axis=1, keepdims=True) / number
        # Without those the mean is lower, so that others may stand above it.
        above = rest & cut & (groups > mean)
        if not above.any():
            return np.where(capped, mean, groups).reshape(-1)
        capped |= above


_RULES: Mapping[Rule, Callable[[Floats, NDArray[np.bool_], int], Floats]] = {
    "as_scored": as_scored,
    "lowest": lowest_where_cut,
    "at_most_mean": at_most_mean_where_cut,
}
