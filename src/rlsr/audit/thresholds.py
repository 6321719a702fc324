"""From where on a check warns and fails; one table, so that a reader can disagree with it."""

from dataclasses import dataclass

from rlsr.audit.result import Verdict
from rlsr.statistics import Estimate


@dataclass(frozen=True)
class Threshold:
    """A rule on one number. ``warn`` and ``fail`` are the last values that are still better."""

    warn: float
    """Worse than this warns."""
    fail: float
    """Worse than this fails."""
    higher_is_better: bool
    """Whether larger values are better."""

    def judge(self, value: float) -> Verdict:
        """Judge a value.

        Args:
            value: The measured number, not NaN.

        Returns:
            ``ok``, ``warn`` or ``fail``.
        """
        sign = 1 if self.higher_is_better else -1
        if sign * value < sign * self.fail:
            return "fail"
        return "warn" if sign * value < sign * self.warn else "ok"

    @property
    def rule(self) -> str:
        """The rule in words."""
        side = "below" if self.higher_is_better else "above"
        return f"warns {side} {self.warn:g}, fails {side} {self.fail:g}"


# An attack that changes form or facts wins by chance on half of the rows; what wins on a third of them is found by a policy.
DAMAGE = Threshold(warn=0.2, fail=0.35, higher_is_better=False)
# Answers that have nothing to do with the prompt must hardly ever win.
NONSENSE = Threshold(warn=0.05, fail=0.15, higher_is_better=False)
# In units of the reward. Below the floor of the advantages (method.advantage.std_floor, .02) the advantages shrink.
SPREAD = Threshold(warn=0.02, fail=0.01, higher_is_better=True)
WITHOUT_SIGNAL = Threshold(warn=0.1, fail=0.3, higher_is_better=False)
# How far second references score above the policy's samples.
HEADROOM = Threshold(warn=0.05, fail=0.0, higher_is_better=True)
# How far one answer to every prompt scores above the policy's samples: from 0 on, giving up the prompt pays.
ONE_ANSWER = Threshold(warn=-0.05, fail=0.0, higher_is_better=False)
CUT = Threshold(warn=0.01, fail=0.1, higher_is_better=False)
# Texts of which a translator makes no formula teach nothing, and the other checks do not see them.
WITHOUT_FORMULA = Threshold(warn=0.1, fail=0.3, higher_is_better=False)
# Size of a partial rank correlation.
BIAS = Threshold(warn=0.3, fail=0.5, higher_is_better=False)
# A reward that follows the reference's words is no fault; one that follows little else is.
OVERLAP = Threshold(warn=0.7, fail=0.9, higher_is_better=False)
# How much more the loss of one half of an answer costs than the loss of the other, in units of the reward.
POSITION = Threshold(warn=0.1, fail=0.2, higher_is_better=False)
# Order agreed on with the people who judged; .5 is chance.
AGREEMENT = Threshold(warn=0.65, fail=0.5, higher_is_better=True)
RANK_AGREEMENT = Threshold(warn=0.3, fail=0.0, higher_is_better=True)


def interval_note(estimate: Estimate, chance: float) -> str:
    """Say whether an interval leaves chance behind.

    Args:
        estimate: A measured number.
        chance: What a reward that knows nothing would get.

    Returns:
        A short clause for a reason.
    """
    if estimate.low > chance or estimate.high < chance:
        return f"its interval excludes {chance:g}"
    return f"its interval includes {chance:g}, chance"
