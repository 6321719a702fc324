"""The reward ``math``: the answer is mathematically equal to the reference's."""

from collections.abc import Sequence

from rlsr.config.run import RunConfig
from rlsr.config.verifiers import MathReward
from rlsr.data.record import PromptRecord
from rlsr.models import Device
from rlsr.rewards.verifiers.packages import require_package
from rlsr.rewards.verifiers.verdicts import Verdict
from rlsr.rewards.verifiers.verifier import AnswerKind, Verifier


class MathAnswer(Verifier[MathReward, str]):
    """Compares mathematics, in a process of its own with a time limit."""

    def read(self, found: str, record: PromptRecord) -> str | None:
        """Take the text as it is; what it says is found out where it is compared."""
        return found

    def can_be_compared(self, right: str) -> bool:
        """Say whether mathematics is found in a right answer."""
        return bool(self.questions.ask("has_mathematics", right))

    def compare(self, answer: str, right: str) -> Verdict:
        """Say whether both are equal."""
        is_passage = self.settings.answer.find in {"whole", "last_line"}
        equal = self.questions.ask("same_mathematics", answer, is_passage, right)
        if equal is None:
            return Verdict.NO_ANSWER
        return Verdict.RIGHT if equal else Verdict.WRONG


class MathKind(AnswerKind[MathReward]):
    """The reward ``math``."""

    config = MathReward
    verifier = MathAnswer

    def compared(self, settings: MathReward) -> str:
        """Name the library."""
        return "what is mathematically equal"

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse references without mathematics, and a missing library."""
        require_package("math_verify", "math-verify", "compare mathematics")
        super().check(config, records)

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> MathAnswer:
        """Make it, if the library is there."""
        require_package("math_verify", "math-verify", "compare mathematics")
        return MathAnswer(self.settings(config))
