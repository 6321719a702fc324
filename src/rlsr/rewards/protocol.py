"""A reward scores a whole rollout at once; NaN means unscored and is never turned into 0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from rlsr.data.record import Message, PromptRecord

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class RewardBatch:
    """The responses of a rollout with what they answer and what they are compared to."""

    records: Sequence[PromptRecord]
    """What each response answers: messages, references, and further columns of the data."""
    responses: Sequence[str]
    """What the policy wrote."""
    ended: Sequence[bool | None] = ()
    """Whether each response ended by itself and was not cut at the longest; None where that is not known. Empty is None for all."""

    def __post_init__(self) -> None:
        if not self.ended:
            object.__setattr__(self, "ended", (None,) * len(self.responses))
        assert len(self.records) == len(self.responses) == len(self.ended), "one of each a row"

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def prompts(self) -> list[str]:
        """Prompt of each response as plain text."""
        return [record.prompt for record in self.records]

    @property
    def references(self) -> list[str]:
        """The human-written answer to each prompt; the first one where there are several."""
        return [record.reference for record in self.records]

    @classmethod
    def of_texts(
        cls, prompts: Sequence[str], responses: Sequence[str], references: Sequence[str]
    ) -> Self:
        """Put texts that come from no data into a batch.

        Args:
            prompts: One a response; one user turn each.
            responses: What the policy wrote.
            references: One a response.

        Returns:
            The batch, in which it is not known whether responses ended.
        """
        records = [
            PromptRecord(str(row), (Message("user", prompt),), reference, f"row {row}")
            for row, (prompt, reference) in enumerate(zip(prompts, references, strict=True))
        ]
        return cls(records, responses)


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
