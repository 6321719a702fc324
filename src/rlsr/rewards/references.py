"""Several references: a response is compared to each of them, and gets its best or its mean score."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult, Scores


class OverReferences(Reward):
    """Lets a reward that looks at one reference score against each of several.

    Where every prompt has one reference, the reward is asked as if it stood alone.

    Args:
        reward: Compares a response to ``record.reference``.
        combine: ``best`` takes all that is said of a response from the reference that scores highest, and of equal scores
            from the one that is closest before any rule. ``mean`` takes the mean of every number, and texts from the best.
    """

    def __init__(self, reward: Reward, combine: Literal["best", "mean"]) -> None:
        self._reward = reward
        self._combine = combine

    @property
    def parts(self) -> Sequence[Part]:
        """Those of the reward."""
        return self._reward.parts

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            One score a response. Pairs of response and reference that could not be scored are left out; NaN where all could
            not.
        """
        counts = [len(record.references) for record in batch.records]
        if max(counts, default=1) == 1:
            return self._reward.score(batch)
        pairs = self._reward.score(against_each(batch))
        ends = np.cumsum(counts)
        groups = [
            _scored(pairs.scores, range(end - count, end))
            for end, count in zip(ends.tolist(), counts, strict=True)
        ]
        closeness = pairs.heldout.get("reward", pairs.scores)
        # The first of equals, so that which of two equal references is chosen does not depend on anything else.
        best = pairs.take(
            [max(group, key=lambda row: _rank(row, pairs.scores, closeness)) for group in groups]
        )
        if self._combine == "best":
            return best
        return replace(
            best,
            scores=_means(pairs.scores, groups),
            components={name: _means(values, groups) for name, values in pairs.components.items()},
            heldout={name: _means(values, groups) for name, values in pairs.heldout.items()},
        )

    def close(self) -> None:
        """Close the reward."""
        self._reward.close()


def against_each(batch: RewardBatch) -> RewardBatch:
    """Put every reference of a record first once; the others stay behind it, for rules that look at all.

    Args:
        batch: Responses with one reference or several.

    Returns:
        A row for each pair of a response and one of its references, in their order.
    """
    rows, records = [], []
    for row, record in enumerate(batch.records):
        for place, reference in enumerate(record.references):
            others = (*record.references[:place], *record.references[place + 1 :])
            rows.append(row)
            records.append(replace(record, reference=reference, other_references=others))
    return replace(batch.take(rows), records=records)


def _scored(scores: Scores, rows: Sequence[int]) -> list[int]:
    """Leave out the pairs that were not scored, unless none was."""
    return [row for row in rows if not np.isnan(scores[row])] or list(rows)


def _rank(row: int, *of: Scores) -> list[float]:
    return [-np.inf if np.isnan(values[row]) else float(values[row]) for values in of]


def _means(values: Scores, groups: Sequence[Sequence[int]]) -> Scores:
    means = np.full(len(groups), np.nan)
    for place, group in enumerate(groups):
        known = values[group][~np.isnan(values[group])]
        if known.size:
            means[place] = known.mean()
    return means
