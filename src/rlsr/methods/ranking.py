"""A margin between responses in the order of their rewards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsr.methods.advantages import Floats

EQUAL_REWARDS = 1e-6
"""Rewards that differ by no more than this are equal: they are float32 when they come."""


@dataclass(frozen=True)
class Ranking:
    """What the order of some responses asks of their scores. The loss is a sum over pairs of a better and a worse one."""

    losses: Floats
    """What each response has of the loss: half of that of every pair that it is in."""
    slopes: Floats
    """The derivative of the loss by the score of each response."""
    is_violated: NDArray[np.bool_]
    """Whether a response is in a pair whose scores do not have their margin, and so teaches something."""
    num_pairs: int
    """Pairs of responses to one prompt with different rewards."""
    num_ordered: int
    """Pairs of which the better response has the larger score."""


def rank(rewards: Floats, scores: Floats, num_generations: int, *, margin: float) -> Ranking:
    """Compare the scores of responses with the order of their rewards.

    Args:
        rewards: One a response, the responses to a prompt next to each other; NaN is unscored, and in no pair.
        scores: The length-normalised log-probability of each by the policy.
        num_generations: Responses to a prompt; divides their number.
        margin: Lead that the score of a response shall have over that of the next in rank, at least 0.

    Returns:
        The loss, the sum over the pairs i, j of a prompt with the larger reward of i of
        max(0, margin * (rank_j - rank_i) - (score_i - score_j)), by responses. Equal rewards share a rank and are no pair.

    Source:
        BRIO, arXiv 2203.16804, ``RankingLoss`` of its code (yixinL7/BRIO, model.py). Certainty: read in the code; there equal
        rewards are ranked in the order of the samples.
    """
    assert len(rewards) % num_generations == 0, (
        f"{len(rewards)} rewards are no groups of {num_generations}"
    )
    groups, of_groups = (values.reshape(-1, num_generations) for values in (rewards, scores))
    ranks = np.array([_ranks(group) for group in groups])
    # Tables of group, better and worse response.
    distances = ranks[:, None, :] - ranks[:, :, None]
    leads = of_groups[:, :, None] - of_groups[:, None, :]
    is_pair = distances > 0
    hinges = np.where(is_pair, np.maximum(margin * distances - leads, 0.0), 0.0)
    violated = hinges > 0
    return Ranking(
        losses=(hinges.sum(axis=1) + hinges.sum(axis=2)).reshape(-1) / 2,
        slopes=(violated.sum(axis=1) - violated.sum(axis=2)).reshape(-1).astype(np.float64),
        is_violated=(violated.any(axis=1) | violated.any(axis=2)).reshape(-1),
        num_pairs=int(is_pair.sum()),
        num_ordered=int((is_pair & (leads > 0)).sum()),
    )


def _ranks(rewards: Floats) -> Floats:
    """Number the rewards of a group from the largest, 0, on; NaN where there is none."""
    ranks = np.full(len(rewards), np.nan)
    scored = np.flatnonzero(~np.isnan(rewards))
    ordered = scored[np.argsort(-rewards[scored], kind="stable")]
    falls = -np.diff(rewards[ordered], prepend=rewards[ordered][:1])
    ranks[ordered] = np.cumsum(falls > EQUAL_REWARDS)
    return ranks
