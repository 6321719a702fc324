"""Thresholds say where a check begins to warn and to fail. They stand in one table, so that a reader can disagree with it."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warn", "fail", "left out"]
OverallVerdict = Literal["ok", "warn", "fail", "not enough"]


@dataclass(frozen=True)
class Threshold:
    """A rule by which one number is judged. ``warn`` and ``fail`` are the last values that are still better."""

    warn: float
    """The check warns where the number is worse than this."""
    fail: float
    """The check fails where the number is worse than this."""
    higher_is_better: bool
    """Whether larger values are better."""
    of_size: bool = False
    """Whether the number's distance from 0 is judged, as of a correlation that may have either sign."""

    def judge(self, value: float) -> Verdict:
        """Judge a measured number, which is not NaN, as ``ok``, ``warn`` or ``fail``."""
        sign = 1 if self.higher_is_better else -1
        judged = sign * (abs(value) if self.of_size else value)
        if judged < sign * self.fail:
            return "fail"
        return "warn" if judged < sign * self.warn else "ok"

    @property
    def rule(self) -> str:
        """The rule in words."""
        side = "below" if self.higher_is_better else "above"
        subject = "the size " if self.of_size else ""
        return f"{subject}warns {side} {self.warn:g}, fails {side} {self.fail:g}"


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
# A partial rank correlation.
BIAS = Threshold(warn=0.3, fail=0.5, higher_is_better=False, of_size=True)
# A reward that follows the reference's words is no fault; one that follows little else is.
OVERLAP = Threshold(warn=0.7, fail=0.9, higher_is_better=False, of_size=True)
# How much more the loss of one half of an answer costs than the loss of the other, in units of the reward.
POSITION = Threshold(warn=0.1, fail=0.2, higher_is_better=False, of_size=True)
# Order agreed on with the people who judged; .5 is chance.
AGREEMENT = Threshold(warn=0.65, fail=0.5, higher_is_better=True)
RANK_AGREEMENT = Threshold(warn=0.3, fail=0.0, higher_is_better=True)
