"""The rules by which a forecast says yes, no, or that it cannot say. They stand in one table; the first that is met counts."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from rlsr.forecast.learning import Learning
from rlsr.forecast.result import Judgement, Verdict
from rlsr.statistics import Estimate
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.in_words import mean_with_interval, number, too_few


@dataclass(frozen=True)
class Evidence:
    """What the rules look at, of the unseen similarity."""

    best_minus_greedy: Estimate
    """Of the answer with the highest reward and the greedy one; ``num`` counts prompts. Its sign is no rule: over ten policies it did not foretell what
    RLSR gained."""
    best_minus_mean: Estimate
    """Of the answer with the highest reward and all answers."""
    gain: Estimate
    """Expected of RLSR; ``num`` counts validation points."""


@dataclass(frozen=True)
class Rule:
    """When a verdict is given."""

    name: str
    """As in ``Judgement.rule`` and docs/forecast.md."""
    verdict: Verdict
    """What is said."""
    is_met: Callable[[Evidence], bool]
    """NaN meets nothing."""
    reason: str
    """Why, with places for ``best_minus_mean``, ``gain``, ``points`` and ``too_few``."""


RULES = (
    Rule(
        "too few prompts",
        "cannot say",
        lambda found: found.best_minus_greedy.num < FEWEST_UNITS,
        "{too_few}",
    ),
    Rule(
        "no choice",
        "does not pay",
        lambda found: found.best_minus_mean.high <= 0,
        "the answer that the reward likes best is no better in the unseen similarity than any other answer "
        "({best_minus_mean}), and what choosing does not find, training does not either",
    ),
    Rule(
        "gain above 0",
        "pays",
        lambda found: found.gain.low > 0,
        "the expected gain ({gain}, from {points} validation points) lies above 0 as a whole",
    ),
    Rule(
        "gain below 0",
        "does not pay",
        lambda found: found.gain.high < 0,
        "the expected gain ({gain}, from {points} validation points) lies below 0 as a whole",
    ),
    Rule(
        "neither",
        "cannot say",
        lambda found: True,
        "the expected gain ({gain}, from {points} validation points) may have either sign",
    ),
)


def judge(evidence: Evidence, learning: Learning | None, *, digits: int = 3) -> Judgement:
    """Decide whether RLSR will pay.

    Args:
        evidence: What was found.
        learning: Whether SFT was still learning; None where that is not known.
        digits: Decimals of the numbers in the reason.

    Returns:
        The verdict of the first rule that is met.
    """
    rule = next(rule for rule in RULES if rule.is_met(evidence))
    numbers = {
        field.name: mean_with_interval(getattr(evidence, field.name), digits, sign=True)
        for field in fields(evidence)
    }
    few = too_few(evidence.best_minus_greedy.num, "prompts")
    reason = rule.reason.format(**numbers, points=evidence.gain.num, too_few=few)
    next_step = _next_step(rule.verdict, evidence.best_minus_greedy.num, learning)
    return Judgement(rule.verdict, rule.name, reason, next_step)


def _next_step(verdict: Verdict, num_prompts: int, learning: Learning | None) -> str:
    if learning is not None and learning.goes_on:
        return (
            f"SFT was still learning ({learning.metric} moved by {number(learning.change.mean, 3, sign=True)} over its last "
            "third): train SFT for longer, then forecast again"
        )
    if verdict == "pays":
        return "train RLSR from this model, and let `rlsr compare` show what it gave against SFT of the same time"
    if verdict == "does not pay":
        return "keep this model; `rlsr audit` says whether another reward would tell answers apart"
    if num_prompts < FEWEST_UNITS:
        return f"ask at least {FEWEST_UNITS} prompts (--prompts {FEWEST_UNITS}); SFT sets more of them aside with validation.num_prompts"
    return (
        "try it with validation (validation.num_prompts), which keeps this model where RLSR's answers are clearly worse, or compare with SFT of the same time "
        "(`rlsr compare`)"
    )
