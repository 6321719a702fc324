"""A reward scores a whole rollout at once; NaN means unscored and is never turned into 0."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from rlsr.data.answered import AnsweredPrompt
from rlsr.data.record import Message, PromptRecord

Scores = NDArray[np.float64]

Result = TypeVar("Result", bound="RewardResult")


@dataclass(frozen=True)
class RewardBatch:
    """The responses of a rollout with what they answer and what they are compared to."""

    records: Sequence[PromptRecord]
    """What each response answers: messages, references, and further columns of the data."""
    responses: Sequence[str]
    """What the policy wrote."""
    ended: Sequence[bool | None] = ()
    """Whether each response ended by itself and was not cut at the longest; None where that is not known. Empty is None for all."""
    tokens: Sequence[Sequence[int]] | None = None
    """The tokens of each response, end of sequence included; None where they are not known, as in an evaluation."""

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

    def take(self, rows: Sequence[int]) -> Self:
        """Take some of the responses.

        Args:
            rows: Their places, in any order; a place may come several times.

        Returns:
            Those, in that order.
        """
        return replace(
            self,
            records=[self.records[row] for row in rows],
            responses=[self.responses[row] for row in rows],
            ended=[self.ended[row] for row in rows],
            tokens=None if self.tokens is None else [self.tokens[row] for row in rows],
        )

    @classmethod
    def of_answered(cls, rows: Sequence[AnsweredPrompt]) -> Self:
        """Put responses together that were read one by one.

        Args:
            rows: Responses with what they answer.

        Returns:
            The batch, in their order.
        """
        return cls(
            [row.record for row in rows],
            [row.response for row in rows],
            [row.ended for row in rows],
        )

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
class Part:
    """One of the numbers that a reward gives beside its score, and how it is shown."""

    name: str
    """Its key in ``RewardResult.components``."""
    title: str
    """What it is, as the title of a chart."""
    caption: str = ""
    """What to know about it, as a sentence; may be empty."""
    is_share: bool = False
    """Whether it is 0 or 1 for each response, so that its mean is a share; unscored responses count as they are."""
    column: str = ""
    """What its mean over a step is called in ``metrics.jsonl``; ``reward/NAME`` where none is given, and ``reward/share_NAME`` of
    a share."""

    def __post_init__(self) -> None:
        if not self.column:
            head = "reward/share_" if self.is_share else "reward/"
            object.__setattr__(self, "column", head + self.name)


@dataclass(frozen=True)
class RewardResult:
    """Scores of a rollout and what they are made of."""

    scores: Scores
    """One a response; NaN where it could not be scored."""
    components: Mapping[str, Scores] = field(default_factory=dict)
    """Parts of the score by name, one a response; NaN where there is none. ``Reward.parts`` says how they are shown."""
    heldout: Mapping[str, Scores] = field(default_factory=dict)
    """Held-out metrics that the reward gives itself, by name, one number a response. ``reward`` is one of them where an
    evaluation takes something else than the scores: closeness before rules that give fixed scores, with 0 for a response
    that says nothing."""
    texts: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """What was compared in place of the texts, by name, one a response, for people to read; empty where the texts were."""

    def take(self, rows: Sequence[int]) -> Self:
        """Take some of the responses.

        Args:
            rows: Their places, in any order.

        Returns:
            What is said of those, in that order.
        """
        places = np.array(rows, dtype=np.intp)
        return replace(
            self,
            scores=self.scores[places],
            components={name: values[places] for name, values in self.components.items()},
            heldout={name: values[places] for name, values in self.heldout.items()},
            texts={name: [texts[row] for row in rows] for name, texts in self.texts.items()},
        )

    def find(self, kind: type[Result]) -> Result | None:
        """Find the result of a reward that says more than scores, in case this is it, or has it in it.

        Args:
            kind: Its class.

        Returns:
            This result, or one that it is made of; None where none is of that class.
        """
        return self if isinstance(self, kind) else None

    @property
    def num_unscored(self) -> int:
        """How many responses could not be scored."""
        return int(np.isnan(self.scores).sum())


class Reward(ABC):
    """Scores responses, and holds what it takes for that until it is closed."""

    @property
    def parts(self) -> Sequence[Part]:
        """What the components of its results are, in the order in which they are shown; others are not summarised."""
        return ()

    @abstractmethod
    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            Scores in the order of the batch.
        """

    def learning_scores(self, records: Sequence[PromptRecord], result: RewardResult) -> Scores:
        """Say what the responses to a prompt are compared by when the policy learns from them.

        Args:
            records: What each response answers; those of equal records stand in one group.
            result: What ``score`` found of the whole rollout.

        Returns:
            The scores; a reward that compares responses within a group may give other numbers, which mean nothing outside of it.
        """
        return result.scores

    def close(self) -> None:  # noqa: B027 - most rewards hold nothing
        """Let go of models, connections and files; the reward is not used afterwards."""
