"""From the rewards of a group to advantages."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsr.config.method import AdvantageConfig

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GroupAdvantages:
    """What a rollout teaches."""

    advantages: Floats
    """One a response, in the order of the rewards; 0 for what teaches nothing."""
    learnable: NDArray[np.bool_]
    """Whether a response takes part in the update: it was scored and its group has signal."""
    group_std: Floats
    """Standard deviation of the scored rewards of each group; NaN where fewer than two were scored."""
    has_signal: NDArray[np.bool_]
    """Whether the rewards of a group differ enough to learn from, one a group."""


def group_advantages(
    rewards: Floats, num_generations: int, config: AdvantageConfig
) -> GroupAdvantages:
    """Compare each response with the others to the same prompt.

    The advantage is (r - mean) / max(std, floor), or r - mean without scaling. The floor matters for cosines: late in
    training the rewards of a group differ by hundredths, and dividing by their standard deviation alone would blow
    that noise up to full size.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored.
        num_generations: Responses of a prompt; divides the number of rewards.
        config: Scaling, floor, and from where on a group has no signal.

    Returns:
        Advantages that sum to 0 over the scored responses of every group.

    Source:
        GRPO, arXiv 2402.03300, outcome supervision; deviations: the floor in place of adding 1e-4, and unscored
        responses are left out of mean and standard deviation (n - 1 in its denominator, as in TRL and verl).
    """
    assert len(rewards) % num_generations == 0, (
        f"{len(rewards)} rewards are no groups of {num_generations}"
    )
    groups = rewards.reshape(-1, num_generations)
    scored = ~np.isnan(groups)
    counts = scored.sum(axis=1)
    filled = np.where(scored, groups, 0.0)
    means = filled.sum(axis=1) / np.maximum(counts, 1)
    centred = np.where(scored, groups - means[:, None], 0.0)
    variances = np.square(centred).sum(axis=1) / np.maximum(counts - 1, 1)
    std = np.where(counts > 1, np.sqrt(variances), np.nan)
    has_signal = std > config.min_std
    advantages = centred
    if config.scale == "group_std":
        advantages = centred / np.where(has_signal, np.maximum(std, config.std_floor), 1.0)[:, None]
    learnable = scored & has_signal[:, None]
    return GroupAdvantages(
        advantages=np.where(learnable, advantages, 0.0).reshape(-1),
        learnable=learnable.reshape(-1),
        group_std=std,
        has_signal=has_signal,
    )
