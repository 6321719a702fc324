"""The rules by which a forecast says yes, no, or that it cannot say. They stand in one table; the first that is met counts."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from rlsr.forecast.learning import Learning
from rlsr.forecast.result import Judgement, MetricEffect, Verdict
from rlsr.statistics import Estimate
from rlsr.statistics.in_words import mean_with_interval, number

MOST_PROMPTS = 1024
"""Where the sign would take more prompts than this, a short training is the cheaper question."""


@dataclass(frozen=True)
class Rule:
    """When a verdict is given."""

    name: str
    """As in ``Judgement.rule`` and docs/forecast.md."""
    verdict: Verdict
    """What is said."""
    is_met: Callable[[MetricEffect, Estimate], bool]
    """Asks the effect on the unseen similarity and the expected gain; NaN meets nothing."""
    reason: str
    """Why, with places for ``best_minus_greedy``, ``best_minus_mean``, ``gain`` and ``points``."""


RULES = (
    Rule(
        "no choice",
        "does not pay",
        lambda effect, gain: effect.best_minus_mean.high <= 0,
        "the answer that the reward likes best is no better in the unseen similarity than any other answer "
        "({best_minus_mean}), and what choosing does not find, training does not either",
    ),
    Rule(
        "gain above 0",
        "pays",
        lambda effect, gain: gain.low > 0,
        "the expected gain ({gain}, from {points} validation points) lies above 0 as a whole",
    ),
    Rule(
        "gain below 0",
        "does not pay",
        lambda effect, gain: gain.high < 0,
        "the expected gain ({gain}, from {points} validation points) lies below 0 as a whole",
    ),
    Rule(
        "better than greedy",
        "pays",
        lambda effect, gain: effect.best_minus_greedy.low > 0 and gain.mean > 0,
        "the answer that the reward likes best is better in the unseen similarity than the greedy one ({best_minus_greedy}), "
        "and the expected gain is above 0",
    ),
    Rule(
        "worse than greedy",
        "does not pay",
        lambda effect, gain: effect.best_minus_greedy.high < 0 and gain.mean < 0,
        "even the answer that the reward likes best is worse in the unseen similarity than the greedy one "
        "({best_minus_greedy}), and the expected gain is below 0",
    ),
    Rule(
        "neither",
        "cannot say",
        lambda effect, gain: True,
        "the expected gain ({gain}, from {points} validation points) may have either sign, and best minus greedy "
        "({best_minus_greedy}) does not settle it",
    ),
)


def judge(
    effect: MetricEffect, gain: Estimate, learning: Learning | None, *, num_prompts: int
) -> Judgement:
    """Decide whether RLSR will pay.

    Args:
        effect: What choosing by the reward does to the unseen similarity.
        gain: Expected of RLSR.
        learning: Whether SFT was still learning; None where that is not known.
        num_prompts: Prompts that were asked.

    Returns:
        The verdict of the first rule that is met.
    """
    rule = next(rule for rule in RULES if rule.is_met(effect, gain))
    reason = rule.reason.format(
        best_minus_greedy=mean_with_interval(effect.best_minus_greedy, effect.digits, sign=True),
        best_minus_mean=mean_with_interval(effect.best_minus_mean, effect.digits, sign=True),
        gain=mean_with_interval(gain, effect.digits, sign=True),
        points=gain.num,
    )
    return Judgement(
        rule.verdict, rule.name, reason, _next_step(rule.verdict, effect, learning, num_prompts)
    )


def _next_step(
    verdict: Verdict, effect: MetricEffect, learning: Learning | None, num_prompts: int
) -> str:
    if learning is not None and learning.goes_on:
        return (
            f"SFT was still learning ({learning.metric} moved by {number(learning.change.mean, 3, sign=True)} over its last "
            "third): train SFT for longer, then forecast again"
        )
    if verdict == "pays":
        return "train RLSR from this model, and let `rlsr compare` show what it gave against SFT of the same time"
    if verdict == "does not pay":
        return "keep this model; `rlsr audit` says whether another reward would tell answers apart"
    enough = prompts_for_sign(effect.best_minus_greedy, num_prompts)
    if enough is not None:
        return f"ask more prompts, as far as there are: about {enough} would show the sign of best minus greedy (--prompts {enough})"
    return "try a short RLSR with `rlsr compare`: more prompts would hardly tell"


def prompts_for_sign(difference: Estimate, num_prompts: int) -> int | None:
    """Estimate how many prompts would show on which side of 0 a difference lies.

    Args:
        difference: From this many prompts.
        num_prompts: Prompts that were asked.

    Returns:
        The number at which an interval that shrinks with its square root would end at 0, rounded up to a multiple of 8; None
        where that is more than ``MOST_PROMPTS``, or the side is known already, or nothing is.
    """
    half, size = (difference.high - difference.low) / 2, abs(difference.mean)
    if not size < half <= size * (MOST_PROMPTS / num_prompts) ** 0.5:
        return None
    return 8 * math.ceil(num_prompts * (half / size) ** 2 / 8)
