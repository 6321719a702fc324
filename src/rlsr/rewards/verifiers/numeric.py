"""The reward ``numeric``: the answer is the reference's number."""

from fractions import Fraction

from rlsr.answers.numbers import find_numbers, read_number, same_number
from rlsr.config.verifiers import NumericReward
from rlsr.data.record import PromptRecord
from rlsr.rewards.verifiers.verdicts import Verdict
from rlsr.rewards.verifiers.verifier import AnswerKind, Verifier


class NumericAnswer(Verifier[NumericReward, Fraction]):
    """Compares numbers."""

    def last_number(self, text: str) -> str | None:
        """Find the last number, with the decimals of the settings."""
        numbers = find_numbers(text, self.settings.decimal)
        return numbers[-1].text if numbers else None

    def read(self, found: str, record: PromptRecord) -> Fraction | None:
        """Read one number."""
        number = read_number(found, self.settings.decimal)
        if number is None:
            return None
        is_share = number.is_percent and self.settings.percent == "hundredth"
        return number.value / 100 if is_share else number.value

    def compare(self, answer: Fraction, right: Fraction) -> Verdict:
        """Say whether both are the same, or nearly."""
        is_right = same_number(
            answer,
            right,
            absolute=self.settings.tolerance,
            relative=self.settings.relative_tolerance,
        )
        return Verdict.RIGHT if is_right else Verdict.WRONG


class NumericKind(AnswerKind[NumericReward]):
    """The reward ``numeric``."""

    config = NumericReward
    verifier = NumericAnswer

    def compared(self, settings: NumericReward) -> str:
        """Name the tolerance."""
        within = [f"{settings.tolerance:g}"] if settings.tolerance else []
        within += [f"{settings.relative_tolerance:.2%}"] if settings.relative_tolerance else []
        return "the same number" + (f" within {' or '.join(within)}" if within else "")
