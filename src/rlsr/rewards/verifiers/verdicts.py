"""What is found out about a response, and what a rollout of such findings scores."""

from collections.abc import Sequence
from enum import Enum

import numpy as np

from rlsr.rewards.protocol import Part, RewardResult

NO_ANSWER = Part("no_answer", "Share without an answer", "Responses in which no answer was found.", is_share=True)  # fmt: skip
UNDECIDED = Part("undecided", "Share undecided", "Responses that could not be decided within the time limit.", is_share=True)  # fmt: skip
NO_REFERENCE = Part("no_reference", "Share of unusable references", "Responses whose reference has no answer.", is_share=True)  # fmt: skip


class Verdict(Enum):
    """One finding; its value is the share of the right ones that it counts for, None where it is not known."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    UNDECIDED = "undecided"
    """It takes too long to find out: not the policy's fault for sure, so that it is unscored."""
    NO_REFERENCE = "no_reference"
    """There is nothing to compare with, which is the data's fault, so that it is unscored."""


def scored(
    verdicts: Sequence[Verdict], parts: Sequence[Part], no_answer_score: float = 0.0
) -> RewardResult:
    """Turn findings into scores.

    Args:
        verdicts: One a response.
        parts: Those that are counted.
        no_answer_score: What a response without an answer gets, at most 0.

    Returns:
        1 for what is right, 0 for what is wrong, NaN for what is not known; the held-out metric ``reward`` is the same with 0
        for no answer, so that its mean is the share of right answers. Components are 0 and 1.
    """
    known = {Verdict.RIGHT: 1.0, Verdict.WRONG: 0.0, Verdict.NO_ANSWER: 0.0}
    right = np.array([known.get(verdict, np.nan) for verdict in verdicts], dtype=np.float64)
    without = np.array([verdict is Verdict.NO_ANSWER for verdict in verdicts], dtype=np.bool_)
    return RewardResult(
        np.where(without, no_answer_score, right),
        {
            part.name: np.array([verdict.value == part.name for verdict in verdicts], np.float64)
            for part in parts
        },
        heldout={"reward": right},
    )
