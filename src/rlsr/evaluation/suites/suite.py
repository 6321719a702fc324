"""What a suite is: prompts, and what scores a policy's answers to them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlsr.data.record import PromptRecord
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.metrics import Better, Given, find_metric
from rlsr.statistics import Estimate
from rlsr.statistics.resamples import Floats


@dataclass(frozen=True)
class Scored:
    """What a suite says of answers."""

    scores: Mapping[str, Given]
    """By metric one number a prompt, in the order of the prompts."""
    texts: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """Further texts by name, one a prompt, for people who read the answers."""


class Suite(ABC):
    """Prompts that policies are asked, and what scores the answers. It stands in ``suites.table`` or is added by a package."""

    @property
    @abstractmethod
    def records(self) -> Sequence[PromptRecord]:
        """The prompts, at least one, each with an id of its own."""

    @property
    def max_response_tokens(self) -> int | None:
        """Where an answer is cut; None is where those of training are, ``method.max_response_tokens``."""
        return None

    @property
    def right_metric(self) -> str | None:
        """The metric that is 1 for a right answer and 0 for a wrong one, so that pass@k can count; None where none is that."""
        return None

    @property
    def answers_in_words(self) -> str | None:
        """How answers come about, as in ``options by their likelihood``; None is as ``evaluation.temperature`` says."""
        return None

    @abstractmethod
    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Score the answers of a policy.

        Args:
            responses: One a prompt, in the order of the prompts.
            ended: Whether each ended by itself and was not cut at the longest; None where that is not known.

        Returns:
            One number a prompt by metric.
        """

    def estimates(
        self,
        responses: Sequence[str],
        scores: Mapping[str, Floats],
        texts: Mapping[str, Sequence[str | None]],
        *,
        confidence: float,
        num_resamples: int,
    ) -> Mapping[str, Estimate]:
        """Estimate what is no plain mean over prompts.

        Args:
            responses: One a prompt, as kept.
            scores: By metric one number a prompt, as ``score`` or ``ask`` returned them.
            texts: The further texts.
            confidence: Level of the intervals.
            num_resamples: Bootstrap resamples of the prompts.

        Returns:
            By metric; one that has scores, too, takes the place of their mean. None, unless a suite has some.
        """
        return {}

    def remarks(
        self, scores: Mapping[str, Floats], texts: Mapping[str, Sequence[str | None]]
    ) -> Sequence[str]:
        """Say what else people should read beside the numbers, as the form in which a leaderboard has them.

        Args:
            scores: By metric one number a prompt.
            texts: The further texts.

        Returns:
            Sentences. None, unless a suite has some.
        """
        return ()

    def is_trained_on(self, name: str) -> bool:
        """Say whether training aims at a metric, which then cannot show that a policy became better.

        Args:
            name: The metric.

        Returns:
            False, unless a suite knows better.
        """
        return False

    def better(self, name: str) -> Better | None:
        """Say which way a metric is better, for gates and for the words of a comparison.

        Args:
            name: The metric.

        Returns:
            What the table of metrics says; ``higher`` for a metric that it does not have, unless a suite knows better.
        """
        metric = find_metric(name)
        return "higher" if metric is None else metric.better

    def scorer(self, name: str) -> str | None:
        """Say what the numbers of a metric depend on besides the response.

        Args:
            name: The metric.

        Returns:
            A text; equal ones are equal scorers. None where that is the suite alone.
        """
        return None

    def close(self) -> None:  # noqa: B027 - most suites hold nothing
        """Let go of models and files; the suite is not used afterwards."""


class AskingSuite(Suite):
    """A suite that asks a policy itself: in several turns, more than once, or how likely it finds answers that are given."""

    @abstractmethod
    def ask(self, asker: Asker) -> tuple[Sequence[str], Scored]:
        """Ask a policy, and score what it answers.

        Args:
            asker: The policy.

        Returns:
            What is kept as the response to each prompt, in the order of the prompts, and the scores.
        """

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Score no answers that others have asked for."""
        raise AssertionError("this suite asks policies itself")
