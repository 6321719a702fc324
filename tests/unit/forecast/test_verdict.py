"""The table of rules, one line a case."""

import pytest

from rlsr.forecast.learning import Learning
from rlsr.forecast.verdict import RULES, Evidence, judge
from rlsr.runs.step_metrics import NLL
from rlsr.statistics import Estimate
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.in_words import too_few

NAN = float("nan")


def estimate(low: float, high: float, num: int = 64) -> Estimate:
    return Estimate((low + high) / 2, low, high, num)


def evidence(
    gain: tuple[float, float],
    greedy: tuple[float, float] = (0.05, 0.15),
    mean: tuple[float, float] = (0.05, 0.15),
) -> Evidence:
    return Evidence(estimate(*greedy), estimate(*mean), estimate(*gain))


@pytest.mark.parametrize(
    ("greedy", "mean", "gain", "rule", "verdict"),
    [
        ((-0.1, 0.1), (-0.2, -0.1), (0.1, 0.2), "no choice", "does not pay"),
        ((0, 0), (0, 0), (0.1, 0.2), "no choice", "does not pay"),
        ((-0.1, 0.1), (0.1, 0.2), (0.01, 0.2), "gain above 0", "pays"),
        ((-0.2, -0.1), (0.1, 0.2), (0.01, 0.2), "gain above 0", "pays"),
        ((-0.1, 0.1), (0.1, 0.2), (-0.2, -0.01), "gain below 0", "does not pay"),
        ((0.01, 0.1), (0.1, 0.2), (-0.1, 0.3), "neither", "cannot say"),
        ((-0.1, -0.01), (0.1, 0.2), (-0.3, 0.1), "neither", "cannot say"),
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
    found = judge(evidence(gain, greedy, mean), None)
    assert (found.rule, found.verdict) == (rule, verdict)
    assert "{" not in found.reason
    assert found.next_step


@pytest.mark.parametrize(("num", "rule"), [(FEWEST_UNITS - 1, "too few prompts"), (FEWEST_UNITS, "gain above 0")])  # fmt: skip
def test_too_few_prompts_say_nothing_however_clear_they_look(num: int, rule: str) -> None:
    found = judge(
        Evidence(estimate(0.1, 0.2, num), estimate(0.1, 0.2, num), estimate(0.1, 0.2)), None
    )
    assert found.rule == rule
    if rule == "too few prompts":
        assert found.verdict == "cannot say"
        assert found.reason == too_few(num, "prompts")
        assert f"--prompts {FEWEST_UNITS}" in found.next_step


def test_every_rule_has_a_name_of_its_own_and_the_last_is_always_met() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert RULES[-1].verdict == "cannot say"


@pytest.mark.parametrize(
    ("change", "mentions"), [((-0.3, -0.1), True), ((-0.1, 0.3), False), ((0.1, 0.3), False)]
)
def test_an_sft_that_still_learns_comes_first(change: tuple[float, float], mentions: bool) -> None:
    learning = Learning(NLL, "lower", estimate(*change))
    for gain in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1)):
        found = judge(evidence(gain), learning)
        assert ("train SFT for longer" in found.next_step) == mentions


def test_where_nobody_can_say_a_trial_is_the_next_step() -> None:
    found = judge(evidence((-1, 1), (0.1, 0.2)), None)
    assert "validation.num_prompts" in found.next_step
    assert "rlsr compare" in found.next_step
