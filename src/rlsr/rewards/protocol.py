"""A reward scores a whole rollout at once; NaN means unscored and is never turned into 0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class RewardBatch:
    """The responses of a rollout with what they answer and what they are compared to."""

    prompts: Sequence[str]
    """Prompt of each response as plain text."""
    responses: Sequence[str]
    """What the policy wrote."""
    references: Sequence[str]
    """The human-written answer to the same prompt."""

    def __post_init__(self) -> None:
        assert len(self.prompts) == len(self.responses) == len(self.references), "one of each a row"

    def __len__(self) -> int:
        return len(self.responses)


@dataclass(frozen=True)
class RewardResult:
    """Scores of a rollout and what they are made of."""

    scores: Scores
    """One a response; NaN where it could not be scored."""
    components: Mapping[str, Scores]
    """Parts of the score by name, one a response. Every reward has ``similarity``, its score before the rules for repeated
    and empty responses, and ``empty`` as 0 and 1; each reward says what else it has."""
    texts: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """What was compared in place of the texts, by name, one a response, for people to read; empty where the texts were."""

    @property
    def num_unscored(self) -> int:
        """How many responses could not be scored."""
        return int(np.isnan(self.scores).sum())


class Reward(Protocol):
    """Scores responses."""

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            Scores in the order of the batch.
        """
        ...
