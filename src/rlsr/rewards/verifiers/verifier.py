"""What all rewards share that find an answer in the response and compare it to the reference's."""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Generic, TypeVar

from rlsr.answers import places
from rlsr.answers.bounded import BoundedQuestions, Unanswered
from rlsr.answers.numbers import find_numbers
from rlsr.config.run import RunConfig
from rlsr.config.verifiers import AnswerPlace, AnswerReward
from rlsr.data.record import PromptRecord
from rlsr.errors import DataError
from rlsr.models import Device
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult
from rlsr.rewards.scores import shown
from rlsr.rewards.verifiers.right_answers import reference_texts, require_column
from rlsr.rewards.verifiers.verdicts import (
    NO_ANSWER,
    NO_REFERENCE,
    UNDECIDED,
    Verdict,
    scored,
)

Rule = TypeVar("Rule", bound=AnswerReward)
Answer = TypeVar("Answer")

PARTS = (NO_ANSWER, UNDECIDED, NO_REFERENCE)


class Verifier(Reward, Generic[Rule, Answer]):
    """Compares the answer of each response to that of its reference.

    Args:
        settings: Where the answers stand, and what is compared.
    """

    def __init__(self, settings: Rule) -> None:
        self.settings = settings
        self.questions = BoundedQuestions(settings.time_limit_s)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What keeps a response from being right or wrong."""
        return PARTS

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses and what they are compared to.

        Returns:
            1 for a right answer, 0 for a wrong one, ``no_answer_score`` for none; NaN where it takes too long to decide, or the
            reference has no answer. Components are 0 and 1.
        """
        verdicts = [
            self._judge(record, response)
            for record, response in zip(batch.records, batch.responses, strict=True)
        ]
        return scored(verdicts, PARTS, self.settings.no_answer_score)

    def close(self) -> None:
        """End the process that was asked what may take for ever."""
        self.questions.close()

    def right_answers(self, record: PromptRecord) -> list[Answer]:
        """Read what is right.

        Args:
            record: A prompt.

        Returns:
            The answers of the reference, or those in the column; what cannot be read is left out.

        Raises:
            Unanswered: A pattern takes too long.
        """
        texts = reference_texts(record, self.settings.reference_column)
        found = [self.find(text, self.settings.reference) for text in texts]
        answers = [None if text is None else self.read(text, record) for text in found]
        return [answer for answer in answers if answer is not None]

    def find(self, text: str, place: AnswerPlace) -> str | None:
        """Find where the answer stands.

        Args:
            text: A response or a reference.
            place: Where to look.

        Returns:
            That part of the text; None where there is none.

        Raises:
            Unanswered: A pattern takes too long.
        """
        if place.pattern is not None:
            found: str | None = self.questions.ask("last_match", place.pattern, text)
            return found
        if place.after is not None:
            return places.behind(text, place.after)
        if place.tag is not None:
            return places.inside_tag(text, place.tag)
        if place.find == "last_number":
            return self.last_number(text)
        look = {"last_line": places.last_line, "boxed": places.boxed}
        return look.get(place.find or "", places.whole)(text)

    def last_number(self, text: str) -> str | None:
        """Find the last number, as it is written."""
        numbers = find_numbers(text)
        return numbers[-1].text if numbers else None

    def _judge(self, record: PromptRecord, response: str) -> Verdict:
        try:
            right = self.right_answers(record)
            if not right:
                return Verdict.NO_REFERENCE
            found = self.find(response, self.settings.answer)
            answer = None if found is None else self.read(found, record)
            if answer is None:
                return Verdict.NO_ANSWER
            verdicts = [self.compare(answer, one) for one in right]
        except Unanswered:
            return Verdict.UNDECIDED
        return max(verdicts, key=lambda verdict: verdict is Verdict.RIGHT)

    @abstractmethod
    def read(self, found: str, record: PromptRecord) -> Answer | None:
        """Read an answer.

        Args:
            found: What stands at its place.
            record: The prompt.

        Returns:
            The answer; None where it is none.

        Raises:
            Unanswered: It takes too long.
        """

    def can_be_compared(self, right: Answer) -> bool:
        """Say whether a right answer is one that answers can be compared to, where reading it does not show that."""
        return True

    @abstractmethod
    def compare(self, answer: Answer, right: Answer) -> Verdict:
        """Compare an answer to a right one.

        Args:
            answer: The policy's.
            right: The reference's.

        Raises:
            Unanswered: It takes too long.
        """


class AnswerKind(RewardKind[Rule]):
    """What is known of such a reward without opening it."""

    verifier: type[Verifier[Rule, Any]]
    """What is opened."""

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List what keeps a response from being right or wrong."""
        return PARTS

    def seen_metrics(self, config: RunConfig) -> frozenset[str]:
        """List the held-out metrics that a policy is trained on; a right answer that is all of the response is an exact match."""
        return super().seen_metrics(config) | {"exact_match"}

    @abstractmethod
    def compared(self, settings: Rule) -> str:
        """Say what a right answer is, as in ``the right number``."""

    def describe(self, config: RunConfig) -> str:
        """Say what a right answer is, and where both stand."""
        settings = self.settings(config)
        source = "the reference"
        if settings.reference_column is not None:
            source = f"the column {settings.reference_column!r}"
        return (
            f"{self.compared(settings)} ({settings.answer.in_words} of the response, against {settings.reference.in_words} of "
            f"{source})"
        )

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse references without an answer: every response to them would be left unscored."""
        settings = self.settings(config)
        require_column("reward.reference_column", settings.reference_column, records)
        with closing(self.open(config, "cpu")) as verifier:
            bad = [line for record in records for line in _problems(verifier, record)]
        if bad:
            raise DataError(
                f"{len(bad):,} of {len(records):,} references have no answer that this reward can read: it looks for "
                f"{settings.reference.in_words}. Mend or leave out these rows, or say with "
                "reward.reference, or with reward.reference_column, where their answers stand",
                bad,
            )

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> Verifier[Rule, Any]:
        """Make it; there is nothing to load."""
        return self.verifier(self.settings(config))


def _problems(verifier: Verifier[Rule, Any], record: PromptRecord) -> list[str]:
    """Say where a reference without an answer stands."""
    try:
        right = verifier.right_answers(record)
        if any(verifier.can_be_compared(one) for one in right):
            return []
        why = "no answer"
    except Unanswered as error:
        why = str(error)
    texts = reference_texts(record, verifier.settings.reference_column)
    return [f"{record.location}: {why} in {shown(texts[0] if texts else None)}"]
