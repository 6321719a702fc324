"""What a suite is: prompts, and what scores a policy's answers to them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlsr.data.record import PromptRecord
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.metrics import Given


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

    @abstractmethod
    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Score the answers of a policy.

        Args:
            responses: One a prompt, in the order of the prompts.
            ended: Whether each ended by itself and was not cut at the longest; None where that is not known.

        Returns:
            One number a prompt by metric.
        """

    def is_trained_on(self, name: str) -> bool:
        """Say whether training aims at a metric, which then cannot show that a policy became better.

        Args:
            name: The metric.

        Returns:
            False, unless a suite knows better.
        """
        return False

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
