"""A question is put to the reward, and a check is made from what was measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rlsr.auditing.result import Check, Group
from rlsr.auditing.thresholds import Threshold
from rlsr.statistics import Estimate


@dataclass(frozen=True)
class Question:
    """What is asked about the reward, and the rule by which the answer is judged."""

    group: Group
    """The kind of question."""
    name: str
    """The question's name, which no other question has."""
    measure: str
    """What is measured, in words."""
    threshold: Threshold
    """The rule by which the measured number is judged."""

    def judge(
        self,
        found: Estimate,
        reason: str,
        *,
        advice: str = "",
        details: Mapping[str, float] | None = None,
    ) -> Check:
        """Answer the question by a measured number.

        Args:
            found: The number; NaN leaves the question out.
            reason: Why the verdict is what it is, in one sentence.
            advice: What to do if the check warns or fails; empty where nothing more is known.
            details: Further numbers by name.
        """
        if math.isnan(found.mean):
            return self.leave_out(
                "cannot be measured: too little of it was scored, or all of it alike"
            )
        verdict = self.threshold.judge(found.mean)
        return Check(
            self.group,
            self.name,
            verdict,
            self.measure,
            self.threshold,
            reason,
            value=found.mean,
            low=None if math.isnan(found.low) else found.low,
            high=None if math.isnan(found.high) else found.high,
            num=found.num,
            advice="" if verdict == "ok" else advice,
            details=details or {},
        )

    def leave_out(self, why: str) -> Check:
        """Make a check without a value, which says what was missing to put the question."""
        return Check(self.group, self.name, "left out", self.measure, self.threshold, why)
