"""Each check's number, verdict and words."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rlsr.auditing.attacks import ATTACKS, Attack
from rlsr.auditing.checks import (
    MIN_GROUPS,
    MIN_ROWS,
    agreement_checks,
    attack_check,
    bias_checks,
    cut_check,
    headroom_check,
    position_check,
    signal_checks,
    translation_check,
)
from rlsr.auditing.question import Question
from rlsr.auditing.thresholds import BIAS, DAMAGE, HEADROOM, NONSENSE, Threshold
from rlsr.config.reward import SimilarityReward
from rlsr.statistics import Estimate

Floats = NDArray[np.float64]
DAMAGING = next(attack for attack in ATTACKS if attack.name == "shuffled sentences")
EMPTY = next(attack for attack in ATTACKS if attack.name == "empty")
SETTINGS = SimilarityReward()


def winning(share: float, num: int = 100) -> tuple[Floats, Floats]:
    """Rewards of honest answers and of an attack that wins on a share of them."""
    honest = np.linspace(0.3, 0.7, num)
    gain = np.where(np.arange(num) < share * num, 0.1, -0.1)
    return honest, honest + gain


@pytest.mark.parametrize(
    ("attack", "share", "verdict"),
    [
        (DAMAGING, 0.0, "ok"),
        (DAMAGING, 0.2, "ok"),
        (DAMAGING, 0.21, "warn"),
        (DAMAGING, 0.35, "warn"),
        (DAMAGING, 0.36, "fail"),
        (EMPTY, 0.05, "ok"),
        (EMPTY, 0.06, "warn"),
        (EMPTY, 0.16, "fail"),
    ],
)
def test_an_attack_is_judged_by_the_share_of_rows_where_it_wins(
    attack: Attack, share: float, verdict: str
) -> None:
    check = attack_check(attack, *winning(share), SETTINGS)
    assert check.value == pytest.approx(share)
    assert check.verdict == verdict
    assert check.num == 100
    assert check.low is not None
    assert check.high is not None
    assert check.low <= share <= check.high
    assert 0 <= check.details["auc"] <= 1
    assert f"{share:.0%} of 100 rows" in check.reason


def test_too_few_rows_leave_an_attack_out_and_say_so() -> None:
    check = attack_check(DAMAGING, *winning(0.5, MIN_ROWS - 1), SETTINGS)
    assert check.verdict == "left out"
    assert check.value is None
    assert f"at least {MIN_ROWS} rows" in check.reason
    assert f"got {MIN_ROWS - 1}" in check.reason


def test_attacks_that_cannot_be_scored_are_left_out() -> None:
    unscored = np.full(MIN_ROWS, np.nan)
    check = attack_check(DAMAGING, np.ones(MIN_ROWS), unscored, SETTINGS)
    assert (check.verdict, check.value) == ("left out", None)
    assert check.reason == f"none of {MIN_ROWS} rows could be scored"


def test_what_cannot_be_measured_is_left_out() -> None:
    question = Question("signal", "name", "measure", DAMAGE)
    check = question.judge(Estimate(np.nan, np.nan, np.nan, 40), "reason", advice="advice")
    assert (check.verdict, check.value, check.advice) == ("left out", None, "")
    assert "cannot be measured" in check.reason
    spread, without = signal_checks(np.full((MIN_GROUPS, 4), np.nan))
    assert (spread.verdict, without.verdict) == ("left out", "left out")
    features = {"length": np.arange(40.0), "word overlap with the reference": np.ones(40)}
    constant = bias_checks(np.ones(40), features, np.arange(40))
    assert {check.verdict for check in constant} == {"left out"}


def test_advice_is_given_where_a_check_warns_or_fails() -> None:
    question = Question("signal", "name", "measure", DAMAGE)
    given = [
        question.judge(Estimate(value, value, value, 40), "reason", advice="advice").advice
        for value in (0.1, 0.3, 0.5)
    ]
    assert given == ["", "advice", "advice"]


def test_samples_that_score_alike_give_no_signal() -> None:
    rng = np.random.default_rng(0)
    spread, without = signal_checks(rng.normal(0.5, 0.1, (30, 4)))
    assert (spread.verdict, without.verdict) == ("ok", "ok")
    flat = np.repeat(rng.normal(0.5, 0.1, (30, 1)), 4, axis=1)
    spread, without = signal_checks(flat)
    assert (spread.verdict, without.verdict) == ("fail", "fail")
    assert spread.value == pytest.approx(0)
    assert without.value == 1


def test_too_few_groups_leave_the_signal_out() -> None:
    checks = signal_checks(np.zeros((MIN_GROUPS - 1, 4)))
    assert {check.verdict for check in checks} == {"left out"}
    assert "prompts with samples" in checks[0].reason


@pytest.mark.parametrize(("gain", "verdict"), [(0.2, "ok"), (0.03, "warn"), (-0.1, "fail")])
def test_headroom_is_what_second_references_score_above_the_policy(
    gain: float, verdict: str
) -> None:
    own = np.linspace(0.4, 0.6, 20)
    check = headroom_check(own + gain, own)
    assert check.value == pytest.approx(gain)
    assert check.verdict == verdict
    assert check.details["ceiling"] == pytest.approx(0.5 + gain)


def test_rows_without_a_second_reference_are_no_headroom() -> None:
    own = np.full(20, 0.5)
    second = np.full(20, np.nan)
    assert headroom_check(second, own).verdict == "left out"


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "ok"), (0.05, "warn"), (0.2, "fail")])
def test_cut_texts_are_judged(share: float, verdict: str) -> None:
    check = cut_check(share, 400, "builtin:minilm")
    assert check.verdict == verdict
    assert "builtin:minilm" in check.reason


@pytest.mark.parametrize(("share", "verdict"), [(0.05, "ok"), (0.2, "warn"), (0.5, "fail")])
def test_texts_without_a_formula_are_judged(share: float, verdict: str) -> None:
    check = translation_check(share, 400)
    assert check.verdict == verdict
    assert f"of 400 texts, {share:.0%}" in check.reason


def test_a_reward_that_is_length_is_found_out() -> None:
    rng = np.random.default_rng(0)
    length, overlap = rng.normal(size=(2, 120))
    prompts = np.repeat(np.arange(30), 4)
    features = {"length": length, "word overlap with the reference": overlap}
    by_length, by_overlap = bias_checks(length + 0.1 * rng.normal(size=120), features, prompts)
    assert by_length.verdict == "fail"
    assert "rises with length" in by_length.reason
    assert by_overlap.verdict == "ok"
    assert by_overlap.threshold.warn == 0.7
    falling, _ = bias_checks(-length, features, prompts)
    assert falling.verdict == "fail", "a bias counts in both directions"


def test_position_compares_the_two_halves() -> None:
    whole = np.full(40, 0.8)
    check = position_check(whole, np.full(40, 0.3), np.full(40, 0.7))
    assert check.value == pytest.approx(0.4)
    assert check.verdict == "fail"
    assert "first half" in check.reason
    assert position_check(whole, whole - 0.2, whole - 0.25).verdict == "ok"
    assert position_check(whole[:3], whole[:3], whole[:3]).verdict == "left out"


def test_agreement_is_shown_beside_length_alone() -> None:
    prompts = np.repeat(np.arange(20), 4)
    judgements = np.tile([0.0, 0.0, 1.0, 1.0], 20)
    rewards = np.tile([0.1, 0.2, 0.3, 0.4], 20)
    lengths = np.tile([4.0, 3.0, 2.0, 1.0], 20)
    checks = agreement_checks(rewards, judgements, prompts, lengths)
    assert [check.name for check in checks] == [
        "pairs in order", "ranks within a prompt", "AUC of the judgements",
    ]  # fmt: skip
    assert checks[0].value == 1
    assert checks[0].verdict == "ok"
    assert checks[0].details["length_alone"] == 0
    assert "length alone reaches 0.000" in checks[0].reason
    assert "too few to tell from 0.5, chance" in checks[0].reason, "20 prompts have no interval"
    more = agreement_checks(
        np.tile(rewards, 2),
        np.tile(judgements, 2),
        np.repeat(np.arange(40), 4),
        np.tile(lengths, 2),
    )
    assert "its interval excludes 0.5" in more[0].reason
    against = agreement_checks(-rewards, judgements, prompts, lengths)
    assert {check.verdict for check in against} == {"fail"}


def test_unjudged_data_leave_agreement_out() -> None:
    nothing = np.empty(0)
    checks = agreement_checks(nothing, nothing, nothing, nothing)
    assert {check.verdict for check in checks} == {"left out"}
    assert "answers of different quality" in checks[0].reason


@pytest.mark.parametrize(
    ("threshold", "rule"),
    [
        (DAMAGE, "warns above 0.2, fails above 0.35"),
        (NONSENSE, "warns above 0.05, fails above 0.15"),
        (HEADROOM, "warns below 0.05, fails below 0"),
        (BIAS, "the size warns above 0.3, fails above 0.5"),
    ],
)
def test_a_rule_reads_as_words(threshold: Threshold, rule: str) -> None:
    assert threshold.rule == rule
