"""The table of rules, one line a case."""

from dataclasses import replace

import pytest

from rlsr.forecast.learning import Learning
from rlsr.forecast.result import UNSEEN, MetricEffect
from rlsr.forecast.verdict import MOST_PROMPTS, RULES, judge, prompts_for_sign
from rlsr.runs.step_metrics import NLL
from rlsr.statistics import Estimate

NAN = float("nan")


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 64)


FOUND = estimate(0.05, 0.15)
EFFECT = MetricEffect(
    UNSEEN, "independent similarity", 3, False, FOUND, FOUND, FOUND, FOUND, FOUND, FOUND
)


@pytest.mark.parametrize(
    ("greedy", "mean", "gain", "rule", "verdict"),
    [
        ((-0.1, 0.1), (-0.2, -0.1), (0.1, 0.2), "no choice", "does not pay"),
        ((0, 0), (0, 0), (0.1, 0.2), "no choice", "does not pay"),
        ((-0.1, 0.1), (0.1, 0.2), (0.01, 0.2), "gain above 0", "pays"),
        ((-0.2, -0.1), (0.1, 0.2), (0.01, 0.2), "gain above 0", "pays"),
        ((-0.1, 0.1), (0.1, 0.2), (-0.2, -0.01), "gain below 0", "does not pay"),
        ((0.01, 0.1), (0.1, 0.2), (-0.1, 0.3), "better than greedy", "pays"),
        ((0.01, 0.1), (0.1, 0.2), (-0.3, 0.1), "neither", "cannot say"),
        ((-0.1, -0.01), (0.1, 0.2), (-0.3, 0.1), "worse than greedy", "does not pay"),
        ((-0.1, -0.01), (0.1, 0.2), (-0.1, 0.3), "neither", "cannot say"),
        ((-0.1, 0.1), (-0.1, 0.2), (-0.1, 0.3), "neither", "cannot say"),
        ((NAN, NAN), (NAN, NAN), (NAN, NAN), "neither", "cannot say"),
    ],
)
def test_the_first_rule_that_is_met_counts(
    greedy: tuple[float, float],
    mean: tuple[float, float],
    gain: tuple[float, float],
    rule: str,
    verdict: str,
) -> None:
    effect = replace(EFFECT, best_minus_greedy=estimate(*greedy), best_minus_mean=estimate(*mean))
    found = judge(effect, estimate(*gain), None, num_prompts=64)
    assert (found.rule, found.verdict) == (rule, verdict)
    assert "{" not in found.reason
    assert found.next_step


def test_every_rule_has_a_name_of_its_own_and_the_last_is_always_met() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert RULES[-1].verdict == "cannot say"


@pytest.mark.parametrize(
    ("change", "mentions"), [((-0.3, -0.1), True), ((-0.1, 0.3), False), ((0.1, 0.3), False)]
)
def test_an_sft_that_still_learns_comes_first(change: tuple[float, float], mentions: bool) -> None:
    learning = Learning(NLL, "lower", estimate(*change))
    for gain in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1)):
        found = judge(EFFECT, estimate(*gain), learning, num_prompts=64)
        assert ("train SFT for longer" in found.next_step) == mentions


def test_more_prompts_are_proposed_where_they_help() -> None:
    found = judge(
        replace(EFFECT, best_minus_greedy=estimate(-0.25, 0.75)),
        estimate(-1, 1),
        None,
        num_prompts=64,
    )
    assert "--prompts 256" in found.next_step
    found = judge(
        replace(EFFECT, best_minus_greedy=estimate(-0.5, 0.51)),
        estimate(-1, 1),
        None,
        num_prompts=64,
    )
    assert "rlsr compare" in found.next_step


def test_the_number_of_prompts_for_a_sign() -> None:
    assert (
        prompts_for_sign(estimate(-0.25, 0.75), 64) == 256
    )  # twice the mean, so four times as many
    assert prompts_for_sign(estimate(0.01, 0.06), 64) is None  # known already
    assert prompts_for_sign(estimate(-0.5, 0.5), 64) is None  # no side
    assert prompts_for_sign(estimate(NAN, NAN), 64) is None
    most = prompts_for_sign(estimate(-0.375, 0.625), MOST_PROMPTS // 16)
    assert most == MOST_PROMPTS
