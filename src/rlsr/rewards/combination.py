"""From the scores of several rewards to one: gates, weights, and what the responses to one prompt are compared by."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from rlsr.config.combined import CombinedReward, Gate
from rlsr.rewards.protocol import Scores


def combined(
    config: CombinedReward, values: Mapping[str, Scores], scores: Mapping[str, Scores]
) -> Scores:
    """Make one number of several.

    Args:
        config: Weights and gates.
        values: What is combined, by member, one a response.
        scores: What gates look at, by member.

    Returns:
        The sum of the values times their weights, or the product of those that have one; NaN where one of them is NaN, or one that
        a gate looks at. What stands behind a closed gate is not looked at.
    """
    counted = behind_gates(config, values, scores)
    if config.how == "product":
        # The product of two bad scores would be a good one.
        whole = np.prod([np.maximum(one, 0.0) for one in counted.values()], axis=0)
    else:
        whole = _weighted(config, counted)
    return _behind(config.gate, whole, scores)


def behind_gates(
    config: CombinedReward, values: Mapping[str, Scores], scores: Mapping[str, Scores]
) -> dict[str, Scores]:
    """Put the members that count behind their own gates.

    Args:
        config: Weights and gates.
        values: What is combined, by member, one a response.
        scores: What gates look at, by member.

    Returns:
        By member; those of weight 0 are left out.
    """
    return {
        name: _behind(member.gate, values[name], scores)
        for name, member in config.members.items()
        if member.weight
    }


def compared_within_groups(
    config: CombinedReward, scores: Mapping[str, Scores], groups: Sequence[Hashable]
) -> Scores:
    """Weigh members by how they tell the responses to one prompt apart, whatever their ranges.

    Args:
        config: Weights and gates, of a sum.
        scores: By member, one a response.
        groups: What each response answers; equal ones are one group.

    Returns:
        The sum of each member's standard scores within the groups times its weight; NaN where a member that counts is NaN.

    Source:
        GDPO, arXiv 2601.05242, the sum of advantages of each reward, gates before it; deviations: the standard deviation of the
        group as it is and not that of a sample, and 0 instead of a small number added to it where all are equal. What
        GDPO does after that, over the batch, is the advantage's business.
    """
    counted = behind_gates(config, scores, scores)
    return _weighted(config, {name: standard_scores(one, groups) for name, one in counted.items()})


def standard_scores(scores: Scores, groups: Sequence[Hashable]) -> Scores:
    """Say how many standard deviations a score is above the mean of its group.

    Args:
        scores: One a response; NaN is left out.
        groups: What each belongs to.

    Returns:
        One a response, with mean 0 and deviation 1 in each group, or 0 where all of it are equal; NaN stays NaN.
    """
    found = np.full(len(scores), np.nan)
    rows: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        rows.setdefault(group, []).append(row)
    for places in rows.values():
        known = [row for row in places if not np.isnan(scores[row])]
        values = scores[known]
        if not known:
            continue
        # Equal numbers have a deviation of rounding errors.
        is_flat = values.max() == values.min()
        found[known] = 0.0 if is_flat else (values - values.mean()) / values.std()
    return found


def _weighted(config: CombinedReward, values: Mapping[str, Scores]) -> Scores:
    found: Scores = np.sum(
        [config.members[name].weight * one for name, one in values.items()], axis=0
    )
    return found


def _behind(gate: Gate | None, values: Scores, scores: Mapping[str, Scores]) -> Scores:
    if gate is None:
        return values
    looked_at = scores[gate.member]
    found = np.where(looked_at >= gate.at_least, values, gate.otherwise)
    return np.where(np.isnan(looked_at), np.nan, found)
